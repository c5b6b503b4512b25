"""Helpers for ASGI applications."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.types import Receive

ResultT = TypeVar("ResultT")


class ClientDisconnectedError(Exception):
    """The client closed its connection before it got its answer."""


async def cancel_on_disconnect(receive: Receive, awaitable: Awaitable[ResultT]) -> ResultT:
    """The result of `awaitable`, which is cancelled if the client disconnects.

    The request's body must have been read, since `receive` must return nothing but the disconnect. In that case it
    raises ClientDisconnectedError, otherwise whatever `awaitable` raises.
    """
    try:
        async with asyncio.timeout(None) as presence:
            watch = asyncio.ensure_future(_end_on_disconnect(receive, presence))
            try:
                return await awaitable
            finally:
                watch.cancel()
    except TimeoutError:
        if presence.expired():
            raise ClientDisconnectedError from None
        raise


async def _end_on_disconnect(receive: Receive, presence: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    if not presence.expired():
        presence.reschedule(0.0)
