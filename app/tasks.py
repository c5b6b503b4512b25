"""Tasks that are cancelled without interrupting their cleanup, and work beside the event loop."""

import asyncio
from collections.abc import Callable, Collection
from typing import Any, TypeVar

import anyio

ResultT = TypeVar("ResultT")


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
