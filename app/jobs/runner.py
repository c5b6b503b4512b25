"""Jobs of this instance: taken on, worked at, told of. For the event loop; the database is spoken to in threads."""

import asyncio
import json
import logging
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from app.jobs.values import Ended, Job, JobsUnavailableError, NewJob, Operation, Outcome, Perform, now
from app.tasks import end

if TYPE_CHECKING:
    from app.jobs.backend import Backend

logger = logging.getLogger("condenser.jobs")

ResultT = TypeVar("ResultT")

_TICK_S = 1.0
_TICKS_PER_PURGE = 600
_FIRST_RETRY_S = 0.5
_LONGEST_RETRY_S = 30.0
_NOT_STARTED = "the service is not running"
_TROUBLE = "the database of jobs can't be used"
_ID_BYTES = 16
_READERS = 4


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """`url`: of the database; `parallelism`: items under way at once; `keep_s`: how long ended jobs are kept."""

    url: str
    parallelism: int
    keep_s: float


class Jobs:
    """Opens its database, and loads what speaks to it, only when a job comes or one is left from before."""

    def __init__(
        self, config: JobsConfig, on_counts: Callable[[Mapping[str, int]], None] = lambda counts: None
    ) -> None:
        """`on_counts` is told once a second how many jobs are queued and running."""
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
        """Take on jobs, and work at them by `perform`, for the block; what is not done then is put back."""
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
        """Begin no more items; those under way go on."""
        self._is_draining = True

    async def submit(self, owner: str, operation: Operation, items: Sequence[object], request_id: str) -> Job:
        """Take on a job: when this returns it is kept. Raises JobsUnavailableError."""
        backend = await self._opened()
        new = NewJob(secrets.token_hex(_ID_BYTES), owner, operation, request_id, items, self._config.parallelism)
        async with _told():
            return await self._written(partial(backend.add, new))

    async def get(self, job_id: str) -> Job | None:
        """The job of this id. Raises JobsUnavailableError."""
        backend = await self._opened()
        async with _told():
            return await self._read(partial(backend.store.get, job_id))

    async def newest(self, owner: str, most: int) -> list[Job]:
        """The jobs of one owner, newest first. Raises JobsUnavailableError."""
        backend = await self._opened()
        async with _told():
            return await self._read(partial(backend.store.newest, owner, most))

    async def page(self, job_id: str, offset: int, most: int, most_bytes: int) -> list[str]:
        """Results as JSON texts in the order in which they came, from `offset` on. Raises JobsUnavailableError."""
        backend = await self._opened()
        async with _told():
            return await self._read(partial(backend.store.page, job_id, offset, most, most_bytes))

    async def erase(self, job: Job) -> None:
        """Cancel a job, its calls under way too, or delete a done one. Raises JobsUnavailableError."""
        backend = await self._opened()
        async with _told():
            await self._written(partial(backend.erase, job))
        await self._abort(job.id)

    async def _opened(self) -> "Backend":
        """The backend, started where it was not. Raises JobsUnavailableError."""
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
        """Go on with what is left from before, as soon as the database can be used."""
        await _until_it_works(self._opened)

    async def _watch(self, backend: "Backend") -> None:
        """Look each second for instances that died and jobs that were cancelled elsewhere, at times for old ones."""
        tick = 0
        while True:
            try:
                if tick % _TICKS_PER_PURGE == 0:
                    await self._written(partial(backend.purge, self._config.keep_s))
                not_wanted, counts = await self._read(partial(backend.look, list(self._under_way)))
                self._on_counts(counts)
                for job_id in not_wanted:
                    await self._abort(job_id)
            except Exception as error:
                logger.warning(_TROUBLE, exc_info=error)
            tick += 1
            await asyncio.sleep(_TICK_S)

    async def _work(self, job_id: str, first: int, count: int) -> None:
        """Do a chunk's items that have no result, one after the other."""
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
        job = await self._surely(partial(store.get, job_id))
        if job is None or not job.is_unfinished:
            return
        if job.state == "queued":
            await self._surely(partial(store.begin, job_id), writes=True)
        for index in await self._surely(partial(store.to_do, job_id, first, count)):
            if text := await self._surely(partial(store.body, job_id, index)):
                # The place is held until the result is kept: no more than these are done twice after a kill.
                async with self._places:
                    ended = Ended(job_id, index, await self._outcome(job, index, text))
                    await _until_it_works(partial(self._recorded, ended))

    async def _surely(self, query: Callable[[], ResultT], *, writes: bool = False) -> ResultT:
        """What the database answers, as soon as it does."""
        return await _until_it_works(partial(self._written if writes else self._read, query))

    async def _outcome(self, job: Job, index: int, text: str) -> Outcome:
        """The outcome of an item; while the service ends none comes, and the wait is cancelled in the end."""
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
        """Return when a result is kept. All that come while others are being written are written together."""
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
                    _tell(job)

    async def _abort(self, job_id: str) -> None:
        """Cancel what is under way here for a job that is not wanted any more."""
        if under_way := self._under_way.get(job_id):
            self._erased.add(job_id)
            await end(list(under_way))

    async def _read(self, query: Callable[[], ResultT]) -> ResultT:
        # Not in the loop's own threads, where the work at texts would keep it waiting.
        return await asyncio.get_running_loop().run_in_executor(self._readers, query)

    async def _written(self, change: Callable[[], ResultT]) -> ResultT:
        """What writes is done by one thread: SQLite has one writer at a time, and others would sleep for their turn."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, change)

    def _spawn(self, work: object) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _start(config: JobsConfig, loop: asyncio.AbstractEventLoop, work: Callable[[str, int, int], object]) -> "Backend":
    # Half a second of imports, which a service without jobs does not pay for.
    from app.jobs.backend import start

    return start(config.url, config.parallelism, loop, work)  # type: ignore[arg-type]


@asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """Raise JobsUnavailableError for whatever goes wrong in the block, which the log has then."""
    try:
        yield
    except Exception as error:
        logger.warning(_TROUBLE, exc_info=error)
        raise JobsUnavailableError(str(error)) from error


async def _until_it_works(work: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """The result of `work`, called again after a pause for as long as the database fails it."""
    pause_s = _FIRST_RETRY_S
    while True:
        try:
            return await work()
        except Exception as error:
            logger.warning(_TROUBLE, extra={"retry_s": pause_s}, exc_info=error)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_RETRY_S)


def _tell(job: Job) -> None:
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
    """Whether a database may hold jobs to go on with, or to forget `keep_s` seconds after their end.

    Found out without loading what else speaks to it.
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
