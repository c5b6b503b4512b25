"""Batches that survive a restart: their database, and DBOS's durable queue of their chunks.

Chunks that a dead instance was running are run again. DBOS contacts no service without a key, and none is given. There
can be only one instance per process. Every method blocks: do not call it on the event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from app.jobs.presence import FilePresence, PostgresPresence, Presence
from app.jobs.store import Store
from app.jobs.tables import connect, sqlite_file
from app.jobs.values import Job, JobsUnavailableError, NewJob, now

logger = logging.getLogger("dbos")
# If its logger has a handler, DBOS installs none of its own, so its lines go where all others go.
logger.addHandler(logging.NullHandler())
logger.setLevel(logging.ERROR)

from dbos import DBOS, DBOSClient  # noqa: E402 (its logger must be set up before)

_NAME = "condenser"
_QUEUE = "condenser-chunks"
_WORKFLOW = "condenser-chunk"
_VERSION = "1"  # of the workflow: chunks queued by another version are not run
_POLL_S = 0.2
_CLAIMED_AHEAD = 2  # chunks per worker, so that the next is at hand when one ends
_MOST_PRIORITY = 2**31 - 1
_MOST_CHUNK_ITEMS = 50
_SHARES = 4

Work = Callable[[str, int, int], Coroutine[Any, Any, None]]
"""Runs a chunk: job id, index of its first item, number of items."""


def chunks(items: int, parallelism: int) -> Iterator[tuple[int, int]]:
    """First index and number of items of each chunk, if `parallelism` chunks run concurrently.

    Each chunk takes a fixed share of the rest, so the last ones have a single item and none delays the end (guided
    self-scheduling: Polychronopoulos and Kuck, 1987).
    """
    first = 0
    while first < items:
        count = max(1, min(_MOST_CHUNK_ITEMS, (items - first) // (_SHARES * parallelism)))
        yield first, count
        first += count


class DurableQueue:
    """The queue and this instance's workers: `parallelism` chunks run, and as many again are claimed ahead."""

    def __init__(self, engine: sa.Engine, instance: str, parallelism: int, work: Work) -> None:
        """`work` runs on DBOS's own event loop. A chunk that is cancelled when the process stops is put back."""
        DBOS(
            config={
                "name": _NAME,
                "system_database_engine": engine,
                "system_database_url": _url_kind(engine),
                "application_version": _VERSION,
                "executor_id": instance,
                "log_level": "ERROR",
                "enable_otlp": False,
                "use_listen_notify": False,
                "max_executor_threads": max(8, parallelism),
            }
        )

        async def run(job_id: str, first: int, count: int) -> None:
            await work(job_id, first, count)

        DBOS.workflow(name=_WORKFLOW, max_recovery_attempts=None)(run)
        try:
            DBOS.launch()
            DBOS.register_queue(
                _QUEUE,
                worker_concurrency=_CLAIMED_AHEAD * parallelism,
                polling_interval_sec=_POLL_S,
                on_conflict="always_update",
            )
            self._client = DBOSClient(system_database_engine=engine, application_name=_NAME)
        except BaseException:
            self.close()
            raise

    def enqueue(self, connection: sa.Connection, job: NewJob) -> None:
        """Queue all chunks of a job in the transaction of `connection`.

        A chunk's priority is its number within its job, so that jobs alternate and a short one does not wait for a long
        one.
        """
        for number, (first, count) in enumerate(chunks(len(job.items), job.parallelism), start=1):
            self._client.enqueue_in_transaction(
                connection,
                {
                    "workflow_name": _WORKFLOW,
                    "queue_name": _QUEUE,
                    "workflow_id": f"{job.id}:{first}",
                    "app_version": _VERSION,
                    "priority": min(number, _MOST_PRIORITY),
                },
                job.id,
                first,
                count,
            )

    def cancel(self, ids: Sequence[str]) -> None:
        """Remove chunks from the queue."""
        DBOS.cancel_workflows(list(ids))

    def delete(self, ids: Sequence[str]) -> None:
        """Delete all records that DBOS keeps of chunks."""
        DBOS.delete_workflows(list(ids))

    def recover(self, instances: Sequence[str]) -> None:
        """Requeue the chunks that these dead instances were running."""
        # DBOS's own hosted service would call this; it is not used here.
        DBOS._recover_pending_workflows(list(instances))

    def close(self) -> None:
        """Stop; running chunks are cancelled and recovered later."""
        DBOS.destroy(destroy_registry=True)


def _url_kind(engine: sa.Engine) -> str:
    # DBOS reads a URL's scheme even if it is given the connections; this URL contains no password.
    return "sqlite:///condenser" if engine.dialect.name == "sqlite" else "postgresql://condenser/condenser"


class Backend:
    """The jobs' store, the running instances, and the queue of chunks."""

    def __init__(self, engine: sa.Engine, presence: Presence, queue: DurableQueue) -> None:
        self._engine = engine
        self._presence = presence
        self._queue = queue
        self.store = Store(engine)

    def add(self, job: NewJob) -> Job:
        """Store a job and queue its chunks in one transaction."""
        return self.store.add(job, lambda connection: self._queue.enqueue(connection, job))

    def erase(self, job: Job) -> None:
        """Delete a job's texts and results; cancel it if it is unfinished."""
        if self.store.erase(job.id):
            self._queue.cancel(_chunk_ids(job))

    def look(self, under_way: Sequence[str]) -> tuple[set[str], Mapping[str, int]]:
        """Requeue the work of dead instances. Returns which of these jobs were cancelled, and the counts of jobs."""
        with self._presence.dead() as dead:
            if dead:
                self._queue.recover(dead)
        return self.store.cancelled(under_way) if under_way else set(), self.store.counts()

    def purge(self, keep_s: float) -> None:
        """Delete jobs that ended longer ago than that."""
        for job in self.store.ended_before(now() - keep_s):
            self._queue.delete(_chunk_ids(job))
            self.store.forget(job.id)

    def close(self) -> None:
        """Put unfinished work back into the queue and close all connections."""
        self._queue.close()
        self._presence.close()
        self._engine.dispose()


def _chunk_ids(job: Job) -> list[str]:
    """The ids of a job's chunks in the queue."""
    return [f"{job.id}:{first}" for first, _ in chunks(job.items, job.parallelism)]


def start(
    url: str,
    parallelism: int,
    loop: asyncio.AbstractEventLoop,
    work: Work,
) -> Backend:
    """Open the database and start running its jobs with `work` on `loop`. Raises JobsUnavailableError."""
    try:
        engine = connect(url)
        path = sqlite_file(url)
        presence: Presence = FilePresence(path) if path else PostgresPresence(engine)
        chunk: Work = lambda *args: _on_loop(loop, partial(work, *args))  # noqa: E731
        return Backend(engine, presence, DurableQueue(engine, presence.id, parallelism, chunk))
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise JobsUnavailableError(_reason(url, error)) from error


def _reason(url: str, error: Exception) -> str:
    where = sa.make_url(url).render_as_string(hide_password=True)
    reason = error.strerror if isinstance(error, OSError) else str(getattr(error, "orig", None) or error)
    return f"{where}: {reason}"


async def _on_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run `work` on another thread's event loop; it is cancelled with the caller."""
    await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))
