"""Runs the jobs of this instance. For the event loop; database calls run in threads."""

import asyncio
import json
import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.jobs.values import Ended, Job, JobsConfig, JobsUnavailableError, NewJob, Operation, Outcome, Perform, now
from app.tasks import end

if TYPE_CHECKING:
    from app.jobs.durable import Backend

logger = logging.getLogger("condenser.jobs")

ResultT = TypeVar("ResultT")

_TICK_S = 1.0
_TICKS_PER_PURGE = 600
_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0
_NOT_STARTED = "the service is not running"
_DATABASE_FAILED = "the database of jobs is not usable"
_ID_BYTES = 16
_READERS = 4


class Jobs:
    """Opens its database, and imports the libraries for it, only when a job arrives or an earlier one is left."""

    def __init__(
        self, config: JobsConfig, on_counts: Callable[[Mapping[str, int]], None] = lambda counts: None
    ) -> None:
        """`on_counts` is called once a second with the numbers of queued and running jobs."""
        self._config = config
        self._on_counts = on_counts
        self._perform: Perform | None = None
        self._backend: Backend | None = None
        self._opening = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: dict[str, set[asyncio.Task[None]]] = {}
        self._erased: set[str] = set()
        self._ended: list[tuple[Ended, asyncio.Future[None]]] = []
        self._recorder: asyncio.Task[None] | None = None
        self._writer = ThreadPoolExecutor(1, "jobs-writer")
        self._readers = ThreadPoolExecutor(_READERS, "jobs-reader")
        self._is_draining = False
        self._places = asyncio.Semaphore(config.parallelism)
        self.items_under_way = 0

    @asynccontextmanager
    async def working(self, perform: Perform) -> AsyncIterator[None]:
        """Accept jobs and run them with `perform` for the block; unfinished work is put back at its end."""
        self._perform = perform
        if await asyncio.to_thread(may_have_work, self._config.url, self._config.keep_s):
            self._spawn(self._resume())
        try:
            yield
        finally:
            self.drain()
            await end(self._tasks)
            if self._recorder is not None:
                await asyncio.wait((self._recorder,))
            if self._backend is not None:
                await asyncio.to_thread(self._backend.close)
            self._writer.shutdown(wait=False)
            self._readers.shutdown(wait=False)

    def drain(self) -> None:
        """Start no more items; those in progress continue."""
        self._is_draining = True

    async def submit(self, owner: str, operation: Operation, items: Sequence[object], request_id: str) -> Job:
        """Accept a job: when this returns, it is stored. Raises JobsUnavailableError."""
        new = NewJob(secrets.token_hex(_ID_BYTES), owner, operation, request_id, items, self._config.parallelism)
        return await self._query(lambda backend: backend.add(new), writes=True)

    async def get(self, job_id: str) -> Job | None:
        """The job with this id. Raises JobsUnavailableError."""
        return await self._query(lambda backend: backend.store.get(job_id))

    async def newest(self, owner: str, most: int) -> list[Job]:
        """The jobs of an owner, newest first. Raises JobsUnavailableError."""
        return await self._query(lambda backend: backend.store.newest(owner, most))

    async def page(self, job_id: str, offset: int, most: int, most_bytes: int) -> list[str]:
        """Results as JSON texts in the order in which they ended, from `offset` on. Raises JobsUnavailableError."""
        return await self._query(lambda backend: backend.store.page(job_id, offset, most, most_bytes))

    async def erase(self, job: Job) -> None:
        """Cancel a job and its calls in progress, or delete a job that is done. Raises JobsUnavailableError."""
        await self._query(lambda backend: backend.erase(job), writes=True)
        await self._abort(job.id)

    async def _query(self, query: Callable[["Backend"], ResultT], *, writes: bool = False) -> ResultT:
        """The answer of the database. Logs any error and raises JobsUnavailableError."""
        backend = await self._opened()
        try:
            return await (self._written if writes else self._read)(partial(query, backend))
        except Exception as error:
            logger.warning(_DATABASE_FAILED, exc_info=error)
            raise JobsUnavailableError(str(error)) from error

    async def _opened(self) -> "Backend":
        """The backend, started if it was not running. Raises JobsUnavailableError."""
        async with self._opening:
            if self._backend is None:
                if self._perform is None or self._is_draining:
                    raise JobsUnavailableError(_NOT_STARTED)
                loop = asyncio.get_running_loop()
                start = partial(_start, self._config, loop, self._work)
                self._backend = await asyncio.to_thread(start)
                self._spawn(self._watch(self._backend))
            return self._backend

    async def _resume(self) -> None:
        """Continue jobs left by an earlier run, as soon as the database is usable."""
        await _until_it_works(self._opened)

    async def _watch(self, backend: "Backend") -> None:
        """Look every second for dead instances and for jobs cancelled elsewhere, and now and then for old jobs."""
        tick = 0
        while True:
            try:
                if tick % _TICKS_PER_PURGE == 0:
                    await self._written(partial(backend.purge, self._config.keep_s))
                cancelled, counts = await self._read(partial(backend.look, list(self._under_way)))
                self._on_counts(counts)
                for job_id in cancelled:
                    await self._abort(job_id)
            except Exception as error:
                logger.warning(_DATABASE_FAILED, exc_info=error)
            tick += 1
            await asyncio.sleep(_TICK_S)

    async def _work(self, job_id: str, first: int, count: int) -> None:
        """Run a chunk's items that have no result, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.setdefault(job_id, set()).add(task)
        try:
            await self._items(job_id, first, count)
        except asyncio.CancelledError:
            if job_id not in self._erased:
                raise
        finally:
            under_way = self._under_way[job_id]
            under_way.discard(task)
            if not under_way:
                del self._under_way[job_id]
                self._erased.discard(job_id)

    async def _items(self, job_id: str, first: int, count: int) -> None:
        store = (await self._opened()).store
        job = await self._with_retries(partial(store.get, job_id))
        if job is None or not job.is_unfinished:
            return
        if job.state == "queued":
            await self._with_retries(partial(store.begin, job_id), writes=True)
        for index in await self._with_retries(partial(store.to_do, job_id, first, count)):
            if text := await self._with_retries(partial(store.body, job_id, index)):
                # Hold the slot until the result is stored, so that a kill repeats at most `parallelism` items.
                async with self._places:
                    ended = Ended(job_id, index, await self._outcome(job, index, text))
                    await _until_it_works(partial(self._recorded, ended))

    async def _with_retries(self, query: Callable[[], ResultT], *, writes: bool = False) -> ResultT:
        """The answer of the database, retried until it works."""
        return await _until_it_works(partial(self._written if writes else self._read, query))

    async def _outcome(self, job: Job, index: int, text: str) -> Outcome:
        """The outcome of an item. While the service stops there is none, and the wait is cancelled in the end."""
        assert self._perform is not None
        if not self._is_draining:
            self.items_under_way += 1
            try:
                if outcome := await self._perform(job, index, json.loads(text)):
                    return outcome
            finally:
                self.items_under_way -= 1
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async def _recorded(self, ended: Ended) -> None:
        """Return when a result is stored. Results that arrive during a write are written together."""
        kept = asyncio.get_running_loop().create_future()
        self._ended.append((ended, kept))
        if self._recorder is None or self._recorder.done():
            self._recorder = asyncio.create_task(self._record())
        await kept

    async def _record(self) -> None:
        backend = self._backend
        while self._ended and backend is not None:
            some, self._ended = self._ended, []
            try:
                done = await self._written(partial(backend.store.record, [ended for ended, _ in some]))
            except Exception as error:
                for _, kept in some:
                    if not kept.done():
                        kept.set_exception(error)
            else:
                for _, kept in some:
                    if not kept.done():
                        kept.set_result(None)
                for job in done:
                    _log_done(job)

    async def _abort(self, job_id: str) -> None:
        """Cancel the local work for a job that was cancelled."""
        if under_way := self._under_way.get(job_id):
            self._erased.add(job_id)
            await end(list(under_way))

    async def _read(self, query: Callable[[], ResultT]) -> ResultT:
        # Not in the loop's default threads, where CPU-bound work on texts would delay it.
        return await asyncio.get_running_loop().run_in_executor(self._readers, query)

    async def _written(self, change: Callable[[], ResultT]) -> ResultT:
        """Run a write in a single thread: SQLite allows one writer at a time, and others would sleep."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, change)

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _start(config: JobsConfig, loop: asyncio.AbstractEventLoop, work: Callable[[str, int, int], object]) -> "Backend":
    # Imported here: the imports take half a second, which a service without jobs does not need.
    from app.jobs.durable import start

    return start(config.url, config.parallelism, loop, work)  # type: ignore[arg-type]


async def _until_it_works(work: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """The result of `work`, retried with pauses for as long as the database fails."""
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            return await work()
        except Exception as error:
            logger.warning(_DATABASE_FAILED, extra={"retry_s": pause_s}, exc_info=error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)


def _log_done(job: Job) -> None:
    logger.info(
        "job done",
        extra={
            "request_id": job.request_id,
            "items": job.items,
            "succeeded": job.succeeded,
            "failed": job.failed,
            "seconds": round((job.ended_at or 0) - (job.started_at or job.created_at), 1),
            **({"client": job.owner} if job.owner else {}),
        },
    )


def may_have_work(url: str, keep_s: float) -> bool:
    """Whether a database may hold unfinished jobs, or jobs that ended more than `keep_s` seconds ago.

    Answered without importing the libraries for it.
    """
    if not url.startswith("sqlite:///"):
        return True
    path = Path(url.removeprefix("sqlite:///"))
    if not path.exists():
        return False
    query = "SELECT 1 FROM condenser_jobs WHERE ended_at IS NULL OR ended_at < ? LIMIT 1"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query, (now() - keep_s,)).fetchone() is not None
    return True
