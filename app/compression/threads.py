"""Work on texts, in threads where it would hold up the event loop."""

import asyncio
import contextvars
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, Self, TypeVar

from app.engine.traffic import traffic

_OFF_LOOP_CHARACTERS = 4096  # below it the work takes some 10 ms at most
_LONG_CHARACTERS = 65_536
_MUCH = 8  # pieces of work for a thread
_SHARE = 0.25  # of a core
_MOST_S = 0.25
_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

ResultT = TypeVar("ResultT")


class _Pool:
    """`size` threads. More than there are cores would only take Python's lock from the event loop more often."""

    def __init__(self, name: str, size: int) -> None:
        self._threads = ThreadPoolExecutor(size, name)
        self._size = size
        self._free: tuple[asyncio.AbstractEventLoop, asyncio.Semaphore] | None = None
        self._pending = 0

    @property
    def is_pressed(self) -> bool:
        """Whether much work waits for a thread."""
        return self._pending > _MUCH * self._size

    async def run(self, work: Callable[[], ResultT]) -> ResultT:
        """The result of `work`; where the await is cancelled a thread that has begun with it goes on to its end."""
        context = contextvars.copy_context()
        self._pending += 1
        try:
            async with self._thread():
                await traffic.lull()
                return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: context.run(work))
        finally:
            self._pending -= 1

    def _thread(self) -> asyncio.Semaphore:
        """What to hold for a thread; tests have one event loop after another."""
        loop = asyncio.get_running_loop()
        if self._free is None or self._free[0] is not loop:
            self._free = loop, asyncio.Semaphore(self._size)
        return self._free[1]


# Apart, so that a text of a megabyte does not make those of two kilobytes wait, and an answer that somebody waits for
# does not wait behind what has time until the engine is done.
_SHORT = _Pool("short", min(2, _CORES))
_LONG = _Pool("long", min(2, _CORES))
_BEFORE = _Pool("before", min(2, _CORES))


async def in_thread(work: Callable[[], ResultT], characters: int) -> ResultT:
    """Run `work` on a text of so many characters in a thread."""
    return await (_SHORT if characters < _LONG_CHARACTERS else _LONG).run(work)


async def off_loop(work: Callable[[], ResultT], characters: int) -> ResultT:
    """Run `work` on a text of so many characters, in a thread where it would hold up the event loop."""
    return work() if characters < _OFF_LOOP_CHARACTERS else await in_thread(work, characters)


class Leisure:
    """Processor time that may go into doing something better than need be, when there is little to do: `_SHARE` of the
    time that passes, of which `_MOST_S` can be saved up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._saved_s = _MOST_S
        self._since = clock()

    def is_left(self) -> bool:
        """Whether any is left, and not much other work waits."""
        now = self._clock()
        self._saved_s = min(_MOST_S, self._saved_s + _SHARE * (now - self._since))
        self._since = now
        return self._saved_s > 0 and not (_BEFORE.is_pressed or _SHORT.is_pressed)

    @contextmanager
    def spent(self) -> Iterator[None]:
        """Take the time of the block off it."""
        started = self._clock()
        try:
            yield
        finally:
            self._saved_s -= self._clock() - started


class Beforehand(Generic[ResultT]):
    """Work on a text of so many characters that goes on in a thread while something else is awaited.

    Use it as an async context manager: at the end of the block nobody waits for it any more.
    """

    def __init__(self, work: Callable[[], ResultT], characters: int) -> None:
        self._work = work
        self._characters = characters
        self._task: asyncio.Task[ResultT] | None = None

    def begin(self) -> None:
        """Begin, unless it has begun."""
        if self._task is None:
            pool = _BEFORE if self._characters < _LONG_CHARACTERS else _LONG
            self._task = asyncio.create_task(pool.run(self._work))

    async def result(self) -> ResultT:
        """The result, as soon as it is there; begins with it now where it had not begun."""
        self.begin()
        assert self._task is not None
        return await self._task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
