"""Tasks that are cancelled without interrupting their cleanup, and work beside the event loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import anyio

ResultT = TypeVar("ResultT")

OFF_LOOP_CHARACTERS = 65_536  # work on a text of this length runs in a thread; on a shorter one it takes some 50 ms
_MEANWHILE_S = 0.005  # by then a call is on its way to the engine


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


@asynccontextmanager
async def meanwhile(is_long: bool, work: Callable[[], None]) -> AsyncIterator[None]:
    """Does `work` while the block waits for the engine; long work before it, in a thread.

    Without effect if the block ends at once: `work` only computes earlier what is computed on first use.
    """
    if is_long:
        await asyncio.to_thread(work)
        yield
        return
    scheduled = asyncio.get_running_loop().call_later(_MEANWHILE_S, work)
    try:
        yield
    finally:
        scheduled.cancel()
