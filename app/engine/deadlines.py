"""Enforces the deadlines of engine calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Deadlines:
    """Deadlines of the calls in progress: a call ends with TimeoutError at its own, or with all others by `expire`."""

    def __init__(self) -> None:
        self._running: set[asyncio.Timeout] = set()

    @asynccontextmanager
    async def until(self, deadline: float | None) -> AsyncIterator[None]:
        """Run the block until the deadline at most, a time of the running event loop. Raises TimeoutError."""
        async with asyncio.timeout_at(deadline) as call:
            self._running.add(call)
            try:
                yield
            finally:
                self._running.discard(call)

    def expire(self) -> None:
        """End all calls in progress now."""
        for call in self._running:
            if not call.expired():
                call.reschedule(0.0)
