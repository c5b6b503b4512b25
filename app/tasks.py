"""Ending tasks in good order."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import anyio

ResultT = TypeVar("ResultT")


async def end(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended; what they raise is dropped.

    Each is cancelled once, however often the caller is: a second time would hit it in its cleaning up, and leave open
    the connection that it is just closing. (`asyncio.gather` passes each on, and anyio's scopes cancel without end.)
    """
    for task in tasks:
        task.cancel()
    await _ended(tasks)


async def scoped(work: Callable[[], Awaitable[ResultT]]) -> ResultT:
    """The result of `work`, which runs in a task of its own and is cancelled with the caller by an anyio scope.

    httpcore shields the release of a connection from the cancellation of anyio's scopes, but not from `Task.cancel`,
    with which asyncio's timeouts work: hit by that at the end of an answer, it keeps the connection for ever.
    """
    scope = anyio.CancelScope()

    async def inside() -> ResultT:
        with scope:
            return await work()
        raise asyncio.CancelledError

    task = asyncio.ensure_future(inside())
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        scope.cancel()
        await _ended((task,))
        raise
    return task.result()


async def _ended(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Wait until `tasks` have ended; what they raise is dropped."""
    with anyio.CancelScope(shield=True):
        if tasks:
            await asyncio.wait(tasks)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()
