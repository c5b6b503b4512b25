"""The bounded queue in front of the engine."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.engine.errors import QueueFullError, QueueTimeoutError

Priority = Literal["interactive", "batch"]
GateOutcome = Literal["passed", "full", "timeout", "cancelled"]

_HOLD_WEIGHT = 0.1  # weight of the newest call in the moving average of how long a place is held
_FIRST_HOLD_S = 1.5  # before any call has ended: one call on the reference machine (OLLAMA.md)


class GateObserver(Protocol):
    """Is told how each wait ended and how long it took, seconds."""

    def gate_passed(self, outcome: GateOutcome, waited_s: float) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiter:
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """At most `max_concurrency` holders at once and `max_queue` waiting.

    First come, first served within a class; interactive calls and batch items take turns. An interactive call waits
    for at most `queue_timeout_s` seconds; a batch item, behind the rest of its batch, as long as its caller lets it.
    """

    def __init__(
        self,
        max_concurrency: int,
        max_queue: int,
        queue_timeout_s: float,
        observer: GateObserver | None = None,
    ) -> None:
        self.max_concurrency = max_concurrency
        self.max_queue = max_queue
        self.queue_timeout_s = queue_timeout_s
        self.in_flight = 0
        self._queues: dict[Priority, deque[_Waiter]] = {"interactive": deque(), "batch": deque()}
        self._turn: Priority = "interactive"
        self._hold_s = _FIRST_HOLD_S
        self._observer = observer

    @property
    def waiting(self) -> int:
        """Calls waiting for a place."""
        return sum(len(queue) for queue in self._queues.values())

    @asynccontextmanager
    async def place(self, priority: Priority = "interactive") -> AsyncIterator[float]:
        """Wait for a place in the engine and hold it for the block; yields the seconds waited.

        Raises QueueFullError at once where no waiting place is left, QueueTimeoutError where an interactive call has
        waited for `queue_timeout_s`.
        """
        started = time.monotonic()
        try:
            await self._enter(priority)
        except QueueTimeoutError:
            self._tell("timeout", started)
            raise
        except QueueFullError:
            self._tell("full", started)
            raise
        except asyncio.CancelledError:
            self._tell("cancelled", started)
            raise
        held_from = time.monotonic()
        self._tell("passed", started)
        try:
            yield held_from - started
        finally:
            self._hold_s += _HOLD_WEIGHT * (time.monotonic() - held_from - self._hold_s)
            self._leave()

    def retry_after_s(self) -> float:
        """Estimated seconds until those who wait now have had their turn, from how long places are held."""
        return max(1.0, (self.waiting + 1) * self._hold_s / self.max_concurrency)

    async def _enter(self, priority: Priority) -> None:
        if self.in_flight < self.max_concurrency and not self.waiting:
            self.in_flight += 1
            return
        if self.waiting >= self.max_queue:
            raise QueueFullError(
                f"the queue is full: {self.waiting} calls wait already (CONDENSER_MAX_QUEUE)",
                self.retry_after_s(),
            )
        waiter = _Waiter()
        self._queues[priority].append(waiter)
        try:
            async with asyncio.timeout(self.queue_timeout_s if priority == "interactive" else None):
                await waiter.granted
        except (TimeoutError, asyncio.CancelledError) as error:
            self._give_up(waiter, priority)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise QueueTimeoutError(
                f"no place in the engine within {self.queue_timeout_s:g} s (CONDENSER_QUEUE_TIMEOUT_S)",
                self.retry_after_s(),
            ) from None

    def _give_up(self, waiter: _Waiter, priority: Priority) -> None:
        # In the turn of the loop in which the wait ended, `_leave` may have granted the place, or passed over
        # the waiter because its wait was cancelled.
        if waiter.granted.done() and not waiter.granted.cancelled():
            self._leave()
        elif waiter in self._queues[priority]:
            self._queues[priority].remove(waiter)

    def _leave(self) -> None:
        self.in_flight -= 1
        while self.in_flight < self.max_concurrency and self.waiting:
            queue = self._next_queue()
            waiter = queue.popleft()
            if not waiter.granted.cancelled():
                self.in_flight += 1
                waiter.granted.set_result(None)

    def _next_queue(self) -> deque[_Waiter]:
        other: Priority = "batch" if self._turn == "interactive" else "interactive"
        chosen = self._turn if self._queues[self._turn] else other
        self._turn = "batch" if chosen == "interactive" else "interactive"
        return self._queues[chosen]

    def _tell(self, outcome: GateOutcome, started: float) -> None:
        if self._observer is not None:
            self._observer.gate_passed(outcome, time.monotonic() - started)
