"""A database of jobs with its queue, opened together. Every call blocks: not for the event loop."""

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
    """What is kept of jobs, who works at them, and what waits to be done."""

    def __init__(self, engine: sa.Engine, presence: Presence, queue: DurableQueue) -> None:
        self._engine = engine
        self._presence = presence
        self._queue = queue
        self.store = Store(engine)

    def add(self, job: NewJob) -> Job:
        """Keep a job and queue its chunks, both or none."""
        return self.store.add(job, lambda connection: self._queue.enqueue(connection, job))

    def erase(self, job: Job) -> None:
        """Delete the texts and results of a job and, where it is unfinished, cancel it."""
        if self.store.erase(job.id):
            self._queue.cancel(_chunk_ids(job))

    def look(self, under_way: Sequence[str]) -> tuple[set[str], Mapping[str, int]]:
        """Have what dead instances were at done again; which of these jobs are not wanted, and the counts of jobs."""
        with self._presence.dead() as dead:
            if dead:
                self._queue.recover(dead)
        return self.store.not_wanted(under_way) if under_way else set(), self.store.counts()

    def purge(self, keep_s: float) -> None:
        """Forget jobs that ended longer ago than that."""
        for job in self.store.ended_before(now() - keep_s):
            self._queue.delete(_chunk_ids(job))
            self.store.forget(job.id)

    def close(self) -> None:
        """Put back what is under way and close all connections."""
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
    """Open the database and begin to work at what is in it, by `work` on `loop`. Raises JobsUnavailableError."""
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
