"""Ending tasks in good order."""

import asyncio
from collections.abc import Collection
from typing import Any

import anyio


async def end(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel `tasks` and wait until they have ended; what they raise is dropped.

    Each is cancelled once, however often the caller is: a second time would hit it in its cleaning up, and leave open
    the connection that it is just closing. (`asyncio.gather` passes each on, and anyio's scopes cancel without end.)
    """
    for task in tasks:
        task.cancel()
    with anyio.CancelScope(shield=True):
        if tasks:
            await asyncio.wait(tasks)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()
