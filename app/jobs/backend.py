"""The database of jobs and its queue. Every method blocks: do not call it on the event loop."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa

from app.jobs.durable import DurableQueue, chunk_ids, on_loop
from app.jobs.presence import FilePresence, PostgresPresence, Presence
from app.jobs.store import Store
from app.jobs.tables import connect, sqlite_file
from app.jobs.values import Job, JobsUnavailableError, NewJob, now


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
    return chunk_ids(job.id, job.items, job.parallelism)


def start(
    url: str,
    parallelism: int,
    loop: asyncio.AbstractEventLoop,
    work: Callable[[str, int, int], Coroutine[Any, Any, None]],
) -> Backend:
    """Open the database and start running its jobs with `work` on `loop`. Raises JobsUnavailableError."""
    try:
        engine = connect(url)
        path = sqlite_file(url)
        presence: Presence = FilePresence(path) if path else PostgresPresence(engine)
        chunk: Callable[[str, int, int], Coroutine[Any, Any, None]] = lambda *args: on_loop(loop, partial(work, *args))  # noqa: E731
        return Backend(engine, presence, DurableQueue(engine, presence.id, parallelism, chunk))
    except (OSError, sa.exc.SQLAlchemyError) as error:
        raise JobsUnavailableError(_reason(url, error)) from error


def _reason(url: str, error: Exception) -> str:
    where = sa.make_url(url).render_as_string(hide_password=True)
    reason = error.strerror if isinstance(error, OSError) else str(getattr(error, "orig", None) or error)
    return f"{where}: {reason}"
