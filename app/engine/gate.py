"""The bounded queue in front of the engine."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from app.engine.drain_rate import DRAIN_RATE_CELLS, DrainRate
from app.engine.errors import QueueFullError, QueueTimeoutError, ShuttingDownError
from app.shared_memory import Column, Memory
from app.tracing import span

Priority = Literal["interactive", "batch"]
GateOutcome = Literal["passed", "full", "timeout", "cancelled"]

_SURE = 0.9  # of the longest wait: estimates are some 5 % off (benchmarks/overload.py), and a late refusal is the worst
_FIRST_HOLD_S = 1.5  # before any call has ended: one call on the reference machine (docs/ollama.md)


class GateObserver(Protocol):
    """Is told how each wait ended and how long it took, seconds."""

    def gate_passed(self, outcome: GateOutcome, waited_s: float) -> None: ...


_LIMIT, _BATCH_IS_NEXT = range(2)


@dataclass(slots=True, eq=False)
class _Waiter:
    """A call that waits since this time of the gate's clock."""

    since: float
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class _Class:
    """Calls of one class that wait: this worker's own ones, and what each worker has.

    `queued`: calls that wait. `granted`: how many of them have a place that the worker has not handed on yet; only this
    is written by other workers. `first_since`: the time since when the first one without a place waits.
    """

    own: deque[_Waiter]
    queued: Column
    granted: Column
    first_since: Column

    @property
    def waiting(self) -> int:
        """Calls without a place, of all workers."""
        return self.queued.total - self.granted.total

    def first_worker(self, workers: int) -> int:
        """The worker whose first call has waited longest. Raises ValueError where none waits."""
        some = (worker for worker in range(workers) if self.queued[worker] > self.granted[worker])
        return min(some, key=self.first_since.__getitem__)


class Gate:
    """At most `max_concurrency` holders at once and `max_queue` waiting, of all workers together.

    First come, first served within a class; interactive calls and batch items take turns. An interactive call waits
    for at most `queue_timeout_s` seconds; a batch item, behind the rest of its batch, as long as its deadline lets it.
    A call that would by the queue's pace wait for longer than it may is refused at once. `clock`: monotonic seconds,
    the same in all workers. `most_concurrency` is what `resize` may make of `max_concurrency` at the most.

    Each worker has a queue of its own. Who leaves gives the place to the worker whose first call has waited longest,
    and wakes it; that one gives it to its first call.
    """

    def __init__(
        self,
        max_concurrency: int,
        max_queue: int,
        queue_timeout_s: float,
        observer: GateObserver | None = None,
        clock: Callable[[], float] = time.monotonic,
        most_concurrency: int = 0,
        memory: Memory | None = None,
    ) -> None:
        self.most_concurrency = max(max_concurrency, most_concurrency)
        self.max_queue = max_queue
        self.queue_timeout_s = queue_timeout_s
        self._memory = memory = memory or Memory()
        self._held = memory.column()
        self._interactive, self._batch = (
            _Class(deque(), memory.column(), memory.column(), memory.column()) for _ in range(2)
        )
        self._classes: dict[Priority, _Class] = {"interactive": self._interactive, "batch": self._batch}
        self._cells = memory.cells(2)
        with memory:
            if not self._cells[_LIMIT]:
                self._cells[_LIMIT] = max_concurrency
            self._drain_rate = DrainRate(
                max_concurrency, _FIRST_HOLD_S / max_concurrency, clock, memory.cells(DRAIN_RATE_CELLS)
            )
        memory.on_wake(self._woken)
        self._is_closed = False
        self._observer = observer
        self._clock = clock

    @property
    def max_concurrency(self) -> int:
        """Places in the engine."""
        return int(self._cells[_LIMIT])

    @property
    def in_flight(self) -> int:
        """Places that are taken."""
        return self._held.total + self._interactive.granted.total + self._batch.granted.total

    @property
    def waiting(self) -> int:
        """Calls waiting for a place."""
        return self._interactive.waiting + self._batch.waiting

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
        own = self._classes[priority].waiting + 1
        position = own + min(own, self.waiting + 1 - own)  # the other class's calls take every second turn
        return position * self._drain_rate.seconds_per_call

    def retry_after_s(self, priority: Priority) -> float:
        """Estimated seconds until those who wait now have had their turn, 1 to `queue_timeout_s`."""
        return max(1.0, min(self.expected_wait_s(priority), self.queue_timeout_s))

    def resize(self, max_concurrency: int) -> None:
        """Let so many in at once from now on; who is in over that stays."""
        if max_concurrency == self.max_concurrency:
            return
        with self._memory:
            self._cells[_LIMIT] = max_concurrency
            self._drain_rate.resize(max_concurrency)
            self._let_in()
            if self.in_flight >= max_concurrency:
                self._drain_rate.saturated()

    def close(self) -> None:
        """End all waits of this worker, and those to come, with ShuttingDownError; who holds a place keeps it."""
        self._is_closed = True
        with self._memory:
            for one in self._classes.values():
                for waiter in one.own:
                    if not waiter.granted.done():
                        waiter.granted.set_exception(ShuttingDownError())
                one.own.clear()
                one.queued.own = one.granted.own = 0
            self._let_in()

    async def _enter(self, priority: Priority, deadline: float) -> None:
        if self._is_closed:
            raise ShuttingDownError
        own_bound_s = self.queue_timeout_s if priority == "interactive" else math.inf
        with self._memory:
            if self.in_flight < self.max_concurrency and not self.waiting:
                self._held.own += 1
                if self.in_flight >= self.max_concurrency:
                    self._drain_rate.saturated()
                return
            bound_s = min(own_bound_s, max(0.0, deadline - asyncio.get_running_loop().time()))
            self._refuse_in_vain(priority, bound_s)
            waiter = self._queue(priority)
        try:
            async with asyncio.timeout(None if bound_s == math.inf else bound_s):
                await waiter.granted
        except (TimeoutError, asyncio.CancelledError) as error:
            self._give_up(waiter, priority)
            if isinstance(error, asyncio.CancelledError):
                raise
            whose = "CONDENSER_QUEUE_TIMEOUT_S" if bound_s == own_bound_s else "the request's deadline"
            message = f"no place in the engine within {bound_s:.3g} s ({whose})"
            raise QueueTimeoutError(message, self.retry_after_s(priority)) from None

    def _refuse_in_vain(self, priority: Priority, bound_s: float) -> None:
        """Raise QueueFullError for a call that finds no waiting place, or would wait for longer than `bound_s`."""
        if self.waiting >= self.max_queue:
            message = f"the queue is full: {self.waiting} calls wait already (CONDENSER_MAX_QUEUE)"
            raise QueueFullError(message, self.retry_after_s(priority))
        # One round is let in whatever the estimate says: who is served tells how fast it goes now.
        is_guess = not self._drain_rate.is_measured or self._classes[priority].waiting < self.max_concurrency
        wait_s = self.expected_wait_s(priority)
        if not is_guess and wait_s > _SURE * bound_s:
            message = f"the queue is too long: a place is free in about {wait_s:.3g} s, a call may wait {bound_s:.3g} s"
            raise QueueFullError(message, self.retry_after_s(priority))

    # What follows needs the lock of the memory.

    def _queue(self, priority: Priority) -> _Waiter:
        one, waiter = self._classes[priority], _Waiter(self._clock())
        one.own.append(waiter)
        one.queued.own += 1
        if len(one.own) == 1:
            one.first_since.own = waiter.since
        return waiter

    def _let_in(self) -> None:
        """Give the places that are free to those who wait."""
        while self.waiting and self.in_flight < self.max_concurrency:
            priority = self._next_class()
            one = self._classes[priority]
            worker = one.first_worker(self._memory.workers)
            one.granted[worker] += 1
            if worker == self._memory.index:
                self._hand_on(one)
            else:
                # It will say itself since when its next call waits; until then those of others go first.
                one.first_since[worker] = self._clock()
                self._memory.wake(worker)

    def _next_class(self) -> Priority:
        turn: Priority = "batch" if self._cells[_BATCH_IS_NEXT] else "interactive"
        other: Priority = "interactive" if turn == "batch" else "batch"
        chosen = turn if self._classes[turn].waiting else other
        self._cells[_BATCH_IS_NEXT] = chosen == "interactive"
        return chosen

    def _hand_on(self, one: _Class) -> None:
        """Give the places that this worker was granted to its first calls of a class."""
        while one.granted.own:
            waiter = one.own.popleft()
            is_wanted = not waiter.granted.cancelled()
            # In this order a place is counted twice for a moment, and never too few.
            self._held.own += is_wanted
            one.granted.own -= 1
            one.queued.own -= 1
            if is_wanted:
                waiter.granted.set_result(None)
        if one.own:
            one.first_since.own = one.own[0].since

    # What follows takes it.

    def _leave(self) -> None:
        with self._memory:
            self._held.own -= 1
            self._let_in()
            self._drain_rate.call_completed(still_full=self.in_flight >= self.max_concurrency)

    def _give_up(self, waiter: _Waiter, priority: Priority) -> None:
        # In this turn of the loop `_leave` may have granted the place, or `close` ended the wait.
        if waiter.granted.done() and not waiter.granted.cancelled():
            if waiter.granted.exception() is None:
                self._leave()
            return
        one = self._classes[priority]
        with self._memory:
            self._hand_on(one)
            if waiter in one.own:
                one.own.remove(waiter)
                one.queued.own -= 1
                if one.own:
                    one.first_since.own = one.own[0].since
            self._let_in()

    def _woken(self) -> None:
        """Another worker has granted places, or has died."""
        with self._memory:
            for one in self._classes.values():
                self._hand_on(one)
            self._let_in()

    def _tell(self, outcome: GateOutcome, started: float) -> None:
        if self._observer is not None:
            self._observer.gate_passed(outcome, self._clock() - started)
