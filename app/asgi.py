"""Helpers for ASGI applications."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

from app.tasks import end

ResultT = TypeVar("ResultT")


class ClientDisconnectedError(Exception):
    """The client closed its connection before it had its answer."""


async def cancel_on_disconnect(receive: Receive, awaitable: Awaitable[ResultT]) -> ResultT:
    """The result of `awaitable`, which is cancelled when the client goes away.

    The request's body must have been read: `receive` may bring nothing but the disconnect. Raises
    ClientDisconnectedError then, and otherwise what `awaitable` raises.
    """
    work = asyncio.ensure_future(awaitable)
    watch = asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait((work, watch), return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        watch.result()
        raise ClientDisconnectedError
    finally:
        await end((work, watch))


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
