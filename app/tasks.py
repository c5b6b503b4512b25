"""Cancels tasks without interrupting their cleanup."""

import asyncio
from collections.abc import Collection
from typing import Any

import anyio


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
