"""Tasks that are cancelled without interrupting their cleanup, and work beside the event loop."""

import asyncio
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio

ResultT = TypeVar("ResultT")

_SHORT_WAIT_S = 0.005
_STEPS = 3  # of the event loop
OFF_LOOP_CHARACTERS = 65_536  # work on a text of this length runs in a thread; on a shorter one it takes some 50 ms


async def end(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended; their exceptions are dropped.

    Each is cancelled once, however often the caller is: a second cancellation would interrupt its cleanup and leave
    open the connection that it is closing. (`asyncio.gather` forwards every cancellation, and anyio's scopes repeat
    theirs.)
    """
    for task in tasks:
        task.cancel()
    with anyio.CancelScope(shield=True):
        if tasks:
            await asyncio.wait(tasks)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()


async def beside_loop(is_long: bool, work: Callable[..., ResultT], *arguments: object) -> ResultT:
    """The result of `work`. Long work runs in a thread, so that other requests need not wait for it."""
    return await asyncio.to_thread(work, *arguments) if is_long else work(*arguments)


@contextmanager
def while_waiting(work: Callable[[], None] | None) -> Iterator[None]:
    """Does `work` while the block waits for something, unless that takes less than _SHORT_WAIT_S."""
    scheduled = None if work is None else asyncio.get_running_loop().call_later(_SHORT_WAIT_S, work)
    try:
        yield
    finally:
        if scheduled is not None:
            scheduled.cancel()


async def let_others_run() -> None:
    """Let other tasks take a few steps: enough for a call that may now start to be written to its connection."""
    for _ in range(_STEPS):
        await asyncio.sleep(0)
