"""Jobs, their items and results in the database. Every method blocks: do not call it on the event loop."""

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from app.jobs.tables import items, jobs
from app.jobs.values import UNFINISHED, Ended, Job, NewJob, now

_ROWS_AT_ONCE = 1000


class Store:
    """The tables of jobs and items."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, job: NewJob, enqueue: Callable[[sa.Connection], None]) -> Job:
        """Store a new job; `enqueue` queues it in the same transaction."""
        with self._engine.begin() as connection:
            row = connection.execute(
                sa.insert(jobs)
                .values(
                    id=job.id,
                    owner=job.owner,
                    operation=job.operation,
                    request_id=job.request_id,
                    state="queued" if job.items else "done",
                    items=len(job.items),
                    succeeded=0,
                    failed=0,
                    parallelism=job.parallelism,
                    created_at=now(),
                    ended_at=None if job.items else now(),
                )
                .returning(jobs)
            ).one()
            rows = ({"job": job.id, "index": index, "body": json.dumps(body)} for index, body in enumerate(job.items))
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                connection.execute(sa.insert(items), some)
            enqueue(connection)
        return Job(**row._mapping)

    def get(self, job_id: str) -> Job | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).one_or_none()
        return Job(**row._mapping) if row else None

    def newest(self, owner: str, most: int) -> list[Job]:
        """The jobs of an owner that are not deleted, newest first."""
        query = sa.select(jobs).where(jobs.c.owner == owner, jobs.c.state != "deleted")
        with self._engine.connect() as connection:
            rows = connection.execute(query.order_by(jobs.c.created_at.desc(), jobs.c.id).limit(most)).all()
        return [Job(**row._mapping) for row in rows]

    def begin(self, job_id: str) -> None:
        """Mark a queued job as running."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(jobs)
                .where(jobs.c.id == job_id, jobs.c.state == "queued")
                .values(state="running", started_at=now())
            )

    def to_do(self, job_id: str, first: int, count: int) -> list[int]:
        """Indexes of these items that have no result yet."""
        with self._engine.connect() as connection:
            indexes = connection.execute(
                sa.select(items.c.index)
                .where(items.c.job == job_id, items.c.index >= first, items.c.index < first + count)
                .where(items.c.place.is_(None))
                .order_by(items.c.index)
            )
            return list(indexes.scalars())

    def body(self, job_id: str, index: int) -> str | None:
        """The body of an item as JSON; None if it is no longer needed."""
        with self._engine.connect() as connection:
            query = sa.select(items.c.body).where(items.c.job == job_id, items.c.index == index)
            return connection.execute(query).scalar_one_or_none()

    def record(self, ended: Sequence[Ended]) -> list[Job]:
        """Store results, the first for each item, and delete the items' bodies; returns the jobs now done."""
        with self._engine.begin() as connection:
            # In the order of the ids, so that two instances never deadlock.
            finished = [
                _record(connection, job_id, [item for item in ended if item.job == job_id])
                for job_id in sorted({item.job for item in ended})
            ]
        return [job for job in finished if job is not None]

    def page(self, job_id: str, offset: int, most: int, most_bytes: int) -> list[str]:
        """Results in the order in which they ended, starting at `offset`; limited in number and bytes, at least one."""
        page: list[str] = []
        size = 0
        query = (
            sa.select(items.c.result)
            .where(items.c.job == job_id, items.c.place >= offset)
            .order_by(items.c.place)
            .limit(most)
        )
        with self._engine.connect() as connection:
            for text in connection.execution_options(stream_results=True).execute(query).scalars():
                size += len(text)
                if page and size > most_bytes:
                    break
                page.append(text)
        return page

    def erase(self, job_id: str) -> bool:
        """Cancel a job, or delete it if it is done; delete its texts and results. Returns whether it was unfinished."""
        with self._engine.begin() as connection:
            was_unfinished = (
                connection.execute(
                    sa.update(jobs)
                    .where(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED))
                    .values(state="cancelled", ended_at=now())
                ).rowcount
                > 0
            )
            connection.execute(
                sa.update(jobs).where(jobs.c.id == job_id, jobs.c.state == "done").values(state="deleted")
            )
            connection.execute(sa.delete(items).where(items.c.job == job_id))
        if self._engine.dialect.name == "sqlite":
            # The write-ahead log contains the texts as well.
            with self._engine.connect() as connection:
                connection.execute(sa.text("PRAGMA wal_checkpoint(TRUNCATE)")).all()
        return was_unfinished

    def cancelled(self, job_ids: Iterable[str]) -> set[str]:
        """The given jobs that have been cancelled, here or by another instance."""
        unfinished = sa.select(jobs.c.id).where(jobs.c.id.in_(list(job_ids)), jobs.c.state.in_(UNFINISHED))
        with self._engine.connect() as connection:
            return set(job_ids) - set(connection.execute(unfinished).scalars())

    def counts(self) -> dict[str, int]:
        """How many jobs are queued and running."""
        query = sa.select(jobs.c.state, sa.func.count().label("number"))
        query = query.where(jobs.c.state.in_(UNFINISHED)).group_by(jobs.c.state)
        with self._engine.connect() as connection:
            counts: dict[Any, int] = {row.state: row.number for row in connection.execute(query)}
        return {state: counts.get(state, 0) for state in UNFINISHED}

    def ended_before(self, moment: float) -> list[Job]:
        """Jobs that ended before `moment`."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(jobs).where(jobs.c.ended_at < moment)).all()
        return [Job(**row._mapping) for row in rows]

    def forget(self, job_id: str) -> None:
        """Delete all records of a job."""
        self.erase(job_id)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(jobs).where(jobs.c.id == job_id))


def _record(connection: sa.Connection, job_id: str, ended: Sequence[Ended]) -> Job | None:
    """Store results of one job; returns the job if it is done."""
    # This write comes first: it locks the job's row for the rest of the transaction.
    counted = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id, jobs.c.state.in_(UNFINISHED))
        .values(state="running")
        .returning(jobs.c.succeeded, jobs.c.failed, jobs.c["items"])
    ).one_or_none()
    if counted is None:
        return None
    succeeded, failed, total = counted
    for item in ended:
        kept = connection.execute(
            sa.update(items)
            .where(items.c.job == job_id, items.c.index == item.index, items.c.place.is_(None))
            .values(result=item.outcome.text, place=succeeded + failed, body=None)
        ).rowcount
        succeeded += kept and item.outcome.is_success
        failed += kept and not item.outcome.is_success
    is_done = succeeded + failed == total
    row = connection.execute(
        sa.update(jobs)
        .where(jobs.c.id == job_id)
        .values(succeeded=succeeded, failed=failed, **({"state": "done", "ended_at": now()} if is_done else {}))
        .returning(jobs)
    ).one()
    return Job(**row._mapping) if is_done else None
