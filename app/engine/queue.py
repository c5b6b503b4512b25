"""The bounded queue in which requests wait for the engine."""

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
QueueOutcome = Literal["passed", "full", "timeout", "cancelled"]

# Of the longest wait: estimates are off by about 5 % (benchmarks/overload.py), and a late refusal is worst.
_CERTAIN_SHARE = 0.9
_FIRST_HOLD_S = 1.5  # before any call has ended: one call on the reference machine (docs/ollama.md)


class QueueObserver(Protocol):
    """Notified of how each wait ended and how many seconds it took."""

    def wait_ended(self, outcome: QueueOutcome, waited_s: float) -> None: ...


_LIMIT, _BATCH_IS_NEXT = range(2)


@dataclass(slots=True, eq=False)
class _Waiter:
    """A waiting call; `since` is a time of the queue's clock."""

    since: float
    granted: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


@dataclass(frozen=True, slots=True)
class _Class:
    """Waiting calls of one class: this worker's own calls, and counts for each worker.

    `queued`: waiting calls. `granted`: places that a worker was given for them and has not handed on yet; other workers
    write only this column. `first_since`: since when the worker's first call without a place has been waiting.
    """

    own: deque[_Waiter]
    queued: Column
    granted: Column
    first_since: Column

    @property
    def waiting(self) -> int:
        """Calls without a place, over all workers."""
        return self.queued.total - self.granted.total

    def first_worker(self, workers: int) -> int:
        """The worker whose first call has waited longest. Raises ValueError if none is waiting."""
        some = (worker for worker in range(workers) if self.queued[worker] > self.granted[worker])
        return min(some, key=self.first_since.__getitem__)


class EngineQueue:
    """At most `max_concurrency` calls at once and `max_queue` waiting, over all workers.

    First come, first served within a class; interactive calls and batch items alternate. An interactive call waits for
    at most `queue_timeout_s` seconds; a batch item waits behind the rest of its batch, until its deadline at most. A
    call whose expected wait exceeds its limit is refused at once. `clock`: monotonic seconds, the same in all workers.
    `most_concurrency`: upper bound for `resize`.

    Each worker has its own queue. A call that leaves gives its place to the worker whose first call has waited longest,
    and wakes it; that worker gives the place to its first call.
    """

    def __init__(
        self,
        max_concurrency: int,
        max_queue: int,
        queue_timeout_s: float,
        observer: QueueObserver | None = None,
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

        Raises QueueFullError at once if the queue is full or the expected wait is too long; QueueTimeoutError if an
        interactive call waited `queue_timeout_s`, or the `deadline`, a time of the running event loop, passed; and
        ShuttingDownError if the queue is closed during the wait.
        """
        started = self._clock()
        try:
            with span("queue wait", {"condenser.priority": priority}):
                await self._enter(priority, deadline)
        except QueueTimeoutError:
            self._report("timeout", started)
            raise
        except QueueFullError:
            self._report("full", started)
            raise
        except (asyncio.CancelledError, ShuttingDownError):
            self._report("cancelled", started)
            raise
        waited_s = self._clock() - started
        self._report("passed", started)
        try:
            yield waited_s
        finally:
            self._leave()

    def expected_wait_s(self, priority: Priority) -> float:
        """Estimated wait in seconds of a call that arrives now, from the rate at which places become free."""
        own = self._classes[priority].waiting + 1
        position = own + min(own, self.waiting + 1 - own)  # the other class's calls take every second turn
        return position * self._drain_rate.seconds_per_call

    def retry_after_s(self, priority: Priority) -> float:
        """Estimated seconds until all calls that wait now have had their turn, 1 to `queue_timeout_s`."""
        return max(1.0, min(self.expected_wait_s(priority), self.queue_timeout_s))

    def resize(self, max_concurrency: int) -> None:
        """Set the number of places; calls beyond the new number stay."""
        if max_concurrency == self.max_concurrency:
            return
        with self._memory:
            self._cells[_LIMIT] = max_concurrency
            self._drain_rate.resize(max_concurrency)
            self._let_in()
            if self.in_flight >= max_concurrency:
                self._drain_rate.saturated()

    def close(self) -> None:
        """End all current and later waits of this worker with ShuttingDownError; calls that have a place keep it."""
        self._is_closed = True
        with self._memory:
            for waiting_class in self._classes.values():
                for waiter in waiting_class.own:
                    if not waiter.granted.done():
                        waiter.granted.set_exception(ShuttingDownError())
                waiting_class.own.clear()
                waiting_class.queued.own = waiting_class.granted.own = 0
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
            self._refuse_if_too_late(priority, bound_s)
            waiter = self._enqueue(priority)
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

    def _refuse_if_too_late(self, priority: Priority, bound_s: float) -> None:
        """Raise QueueFullError for a call that finds the queue full, or would wait for longer than `bound_s`."""
        if self.waiting >= self.max_queue:
            message = f"the queue is full: {self.waiting} calls are waiting (CONDENSER_MAX_QUEUE)"
            raise QueueFullError(message, self.retry_after_s(priority))
        # Always admit one round: served calls keep the estimate current.
        is_guess = not self._drain_rate.is_measured or self._classes[priority].waiting < self.max_concurrency
        wait_s = self.expected_wait_s(priority)
        if not is_guess and wait_s > _CERTAIN_SHARE * bound_s:
            message = f"the queue is too long: a place is expected in {wait_s:.3g} s, a call may wait {bound_s:.3g} s"
            raise QueueFullError(message, self.retry_after_s(priority))

    # The methods below run with the memory's lock held.

    def _enqueue(self, priority: Priority) -> _Waiter:
        waiting_class, waiter = self._classes[priority], _Waiter(self._clock())
        waiting_class.own.append(waiter)
        waiting_class.queued.own += 1
        if len(waiting_class.own) == 1:
            waiting_class.first_since.own = waiter.since
        return waiter

    def _let_in(self) -> None:
        """Give free places to waiting calls."""
        while self.waiting and self.in_flight < self.max_concurrency:
            priority = self._next_class()
            waiting_class = self._classes[priority]
            worker = waiting_class.first_worker(self._memory.workers)
            waiting_class.granted[worker] += 1
            if worker == self._memory.index:
                self._hand_on(waiting_class)
            else:
                # The worker sets this for its next call; until then calls of other workers go first.
                waiting_class.first_since[worker] = self._clock()
                self._memory.wake(worker)

    def _next_class(self) -> Priority:
        turn: Priority = "batch" if self._cells[_BATCH_IS_NEXT] else "interactive"
        other: Priority = "interactive" if turn == "batch" else "batch"
        chosen = turn if self._classes[turn].waiting else other
        self._cells[_BATCH_IS_NEXT] = chosen == "interactive"
        return chosen

    def _hand_on(self, waiting_class: _Class) -> None:
        """Give the places granted to this worker to the first waiting calls of a class."""
        while waiting_class.granted.own:
            waiter = waiting_class.own.popleft()
            is_waiting = not waiter.granted.cancelled()
            # In this order a place may be counted twice for a moment, but is never missed.
            self._held.own += is_waiting
            waiting_class.granted.own -= 1
            waiting_class.queued.own -= 1
            if is_waiting:
                waiter.granted.set_result(None)
        if waiting_class.own:
            waiting_class.first_since.own = waiting_class.own[0].since

    # The methods below take the lock.

    def _leave(self) -> None:
        with self._memory:
            self._held.own -= 1
            self._let_in()
            self._drain_rate.call_completed(still_full=self.in_flight >= self.max_concurrency)

    def _give_up(self, waiter: _Waiter, priority: Priority) -> None:
        # In this iteration of the loop `_leave` may have granted the place, or `close` ended the wait.
        if waiter.granted.done() and not waiter.granted.cancelled():
            if waiter.granted.exception() is None:
                self._leave()
            return
        waiting_class = self._classes[priority]
        with self._memory:
            self._hand_on(waiting_class)
            if waiter in waiting_class.own:
                waiting_class.own.remove(waiter)
                waiting_class.queued.own -= 1
                if waiting_class.own:
                    waiting_class.first_since.own = waiting_class.own[0].since
            self._let_in()

    def _woken(self) -> None:
        """Another worker has granted places, or has died."""
        with self._memory:
            for waiting_class in self._classes.values():
                self._hand_on(waiting_class)
            self._let_in()

    def _report(self, outcome: QueueOutcome, started: float) -> None:
        if self._observer is not None:
            self._observer.wait_ended(outcome, self._clock() - started)
