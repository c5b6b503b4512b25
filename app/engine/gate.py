"""The bounded queue in front of the engine."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.engine.departures import DepartureInterval
from app.engine.errors import QueueFullError, QueueTimeoutError, ShuttingDownError
from app.tracing import span

Priority = Literal["interactive", "batch"]
GateOutcome = Literal["passed", "full", "timeout", "cancelled"]

_SURE = 0.9  # of the longest wait: estimates are some 5 % off (benchmarks/overload.py), and a late refusal is the worst
_FIRST_HOLD_S = 1.5  # before any call has ended: one call on the reference machine (docs/ollama.md)


class GateObserver(Protocol):
    """Is told how each wait ended and how long it took, seconds."""

    def gate_passed(self, outcome: GateOutcome, waited_s: float) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiter:
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Gate:
    """At most `max_concurrency` holders at once and `max_queue` waiting.

    First come, first served within a class; interactive calls and batch items take turns. An interactive call waits
    for at most `queue_timeout_s` seconds; a batch item, behind the rest of its batch, as long as its deadline lets it.
    A call that would by the queue's pace wait for longer than it may is refused at once. `clock`: monotonic seconds.
    `most_concurrency` is what `resize` may make of `max_concurrency` at the most.
    """

    def __init__(
        self,
        max_concurrency: int,
        max_queue: int,
        queue_timeout_s: float,
        observer: GateObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        most_concurrency: int = 0,
    ) -> None:
        self.max_concurrency = max_concurrency
        self.most_concurrency = max(max_concurrency, most_concurrency)
        self.max_queue = max_queue
        self.queue_timeout_s = queue_timeout_s
        self.in_flight = 0
        self._queues: dict[Priority, deque[_Waiter]] = {"interactive": deque(), "batch": deque()}
        self._turn: Priority = "interactive"
        self._departures = DepartureInterval(max_concurrency, _FIRST_HOLD_S / max_concurrency, clock)
        self._is_closed = False
        self._observer = observer
        self._clock = clock

    @property
    def waiting(self) -> int:
        """Calls waiting for a place."""
        return sum(len(queue) for queue in self._queues.values())

    @asynccontextmanager
    async def place(self, priority: Priority = "interactive", deadline: float = math.inf) -> AsyncIterator[float]:
        """Wait for a place in the engine and hold it for the block; yields the seconds waited.

        Raises QueueFullError at once where no waiting place is left or the wait would be too long, QueueTimeoutError
        where it was: over `queue_timeout_s` for an interactive call, or past the `deadline`, a time of the running
        event loop; ShuttingDownError where the gate is closed meanwhile.
        """
        started = self._clock()
        try:
            with span("queue wait", {"condenser.priority": priority}):
                await self._enter(priority, deadline)
        except QueueTimeoutError:
            self._tell("timeout", started)
            raise
        except QueueFullError:
            self._tell("full", started)
            raise
        except (asyncio.CancelledError, ShuttingDownError):
            self._tell("cancelled", started)
            raise
        waited_s = self._clock() - started
        self._tell("passed", started)
        try:
            yield waited_s
        finally:
            self._leave()

    def expected_wait_s(self, priority: Priority) -> float:
        """Estimated seconds that a call which comes now waits, from the pace at which places have become free."""
        own = len(self._queues[priority]) + 1
        position = own + min(own, self.waiting + 1 - own)  # the other class's calls take every second turn
        return position * self._departures.seconds

    def retry_after_s(self, priority: Priority) -> float:
        """Estimated seconds until those who wait now have had their turn, 1 to `queue_timeout_s`."""
        return max(1.0, min(self.expected_wait_s(priority), self.queue_timeout_s))

    def resize(self, max_concurrency: int) -> None:
        """Let so many in at once from now on; who is in over that stays."""
        if max_concurrency == self.max_concurrency:
            return
        self.max_concurrency = max_concurrency
        self._departures.resize(max_concurrency)
        self._let_in()
        if self.in_flight >= self.max_concurrency:
            self._departures.full()

    def close(self) -> None:
        """End all waits, and those to come, with ShuttingDownError; who holds a place keeps it."""
        self._is_closed = True
        for queue in self._queues.values():
            while queue:
                waiter = queue.popleft()
                if not waiter.granted.done():
                    waiter.granted.set_exception(ShuttingDownError())

    async def _enter(self, priority: Priority, deadline: float) -> None:
        if self._is_closed:
            raise ShuttingDownError
        if self.in_flight < self.max_concurrency and not self.waiting:
            self._take()
            return
        own_bound_s = self.queue_timeout_s if priority == "interactive" else math.inf
        bound_s = min(own_bound_s, max(0.0, deadline - asyncio.get_running_loop().time()))
        self._refuse_in_vain(priority, bound_s)
        waiter = _Waiter()
        self._queues[priority].append(waiter)
        try:
            async with asyncio.timeout(None if bound_s == math.inf else bound_s):
                await waiter.granted
        except (TimeoutError, asyncio.CancelledError) as error:
            self._give_up(waiter, priority)
            if isinstance(error, asyncio.CancelledError):
                raise
            raise QueueTimeoutError(
                f"no place in the engine within {bound_s:.3g} s {_whose(bound_s, own_bound_s)}",
                self.retry_after_s(priority),
            ) from None

    def _refuse_in_vain(self, priority: Priority, bound_s: float) -> None:
        """Raise QueueFullError for a call that finds no waiting place, or would wait for longer than `bound_s`."""
        if self.waiting >= self.max_queue:
            message = f"the queue is full: {self.waiting} calls wait already (CONDENSER_MAX_QUEUE)"
            raise QueueFullError(message, self.retry_after_s(priority))
        # One round is let in whatever the estimate says: who is served tells how fast it goes now.
        is_guess = not self._departures.is_measured or len(self._queues[priority]) < self.max_concurrency
        wait_s = self.expected_wait_s(priority)
        if not is_guess and wait_s > _SURE * bound_s:
            message = f"the queue is too long: a place is free in about {wait_s:.3g} s, a call may wait {bound_s:.3g} s"
            raise QueueFullError(message, self.retry_after_s(priority))

    def _give_up(self, waiter: _Waiter, priority: Priority) -> None:
        # In the turn of the loop in which the wait ended, `_leave` may have granted the place, or passed over
        # the waiter because its wait was cancelled, or `close` may have ended the wait.
        if waiter.granted.done() and not waiter.granted.cancelled():
            if waiter.granted.exception() is None:
                self._leave()
        elif waiter in self._queues[priority]:
            self._queues[priority].remove(waiter)

    def _take(self) -> None:
        self.in_flight += 1
        if self.in_flight >= self.max_concurrency:
            self._departures.full()

    def _leave(self) -> None:
        self.in_flight -= 1
        self._let_in()
        self._departures.departed(still_full=self.in_flight >= self.max_concurrency)

    def _let_in(self) -> None:
        while self.in_flight < self.max_concurrency and self.waiting:
            waiter = self._next_queue().popleft()
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
            self._observer.gate_passed(outcome, self._clock() - started)


def _whose(bound_s: float, own_bound_s: float) -> str:
    return "(CONDENSER_QUEUE_TIMEOUT_S)" if bound_s == own_bound_s else "(the request's deadline)"
