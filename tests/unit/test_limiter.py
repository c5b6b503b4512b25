"""The number of calls at once is found from how long calls wait inside of the engine."""

import heapq
import itertools
import random
from collections.abc import Callable, Iterator

import pytest

from app.engine.limiter import FIRST, MOST, ConcurrencyLimit

SERVICE_S = 1.2


class SimulatedEngine:
    """An engine with slots and a queue of its own, and a client that keeps `limit` calls in it, in simulated time."""

    def __init__(self, limit: ConcurrencyLimit, slots: int, spread: float = 0.2) -> None:
        self.limit = limit
        self.slots = slots
        self.now = 0.0
        self._dice = random.Random(1)
        self._spread = spread
        self._order = itertools.count()
        self._waiting: list[float] = []
        self._served: list[tuple[float, int, float, float]] = []

    def calls(self) -> Iterator[float]:
        """The time of each call's end, for ever."""
        while True:
            while len(self._waiting) + len(self._served) < self.limit.value:
                self._waiting.append(self.now)
            self._begin()
            self.now, _, came, worked = heapq.heappop(self._served)
            in_engine = len(self._waiting) + len(self._served) + 1
            self.limit.ended(in_engine, self.now - came, worked)
            yield self.now

    def _begin(self) -> None:
        while self._waiting and len(self._served) < self.slots:
            came = self._waiting.pop(0)
            worked = SERVICE_S * (1 + self._spread * self._dice.uniform(-1, 1))
            heapq.heappush(self._served, (self.now + worked, next(self._order), came, worked))

    def run(self, seconds: float) -> int:
        """Calls that end in so many seconds."""
        until = self.now + seconds
        return sum(1 for _ in itertools.takewhile(lambda ended: ended < until, self.calls()))


@pytest.mark.parametrize("spread", [0.2, 0.0], ids=["", "calls that end at once"])
@pytest.mark.parametrize("slots", [1, 2, 3, 5, 8, 16, 64])
def test_after_half_a_minute_the_engine_does_95_percent_of_what_it_can(slots: int, spread: float) -> None:
    engine = SimulatedEngine(ConcurrencyLimit(), slots, spread)
    engine.run(30)
    assert engine.run(300) >= 0.95 * slots * 300 / SERVICE_S


@pytest.mark.parametrize("spread", [0.2, 0.0], ids=["", "calls that end at once"])
@pytest.mark.parametrize("slots", [1, 3, 16, 64])
def test_no_more_wait_inside_than_a_fifth_of_the_slots_and_three(slots: int, spread: float) -> None:
    engine = SimulatedEngine(ConcurrencyLimit(), slots, spread)
    engine.run(30)
    values = []
    for ended in engine.calls():
        values.append(engine.limit.value)
        if ended > 330:
            break
    assert sorted(values)[len(values) // 2] <= 1.2 * slots + 3


@pytest.mark.parametrize(("before", "after"), [(16, 4), (4, 16), (64, 8), (1, 64)])
def test_a_change_of_the_slots_is_followed_within_half_a_minute(before: int, after: int) -> None:
    engine = SimulatedEngine(ConcurrencyLimit(), before)
    engine.run(60)
    engine.slots = after
    engine.run(30)
    assert engine.limit.value <= 1.5 * after + 3
    assert engine.run(120) >= 0.95 * after * 120 / SERVICE_S


def test_a_service_that_is_not_asked_for_more_learns_nothing() -> None:
    limit = ConcurrencyLimit()
    for _ in range(100):
        limit.ended(FIRST - 1, 1.2, 1.2)
    assert limit.value == FIRST


def test_an_engine_that_does_not_say_how_long_it_worked_tells_nothing() -> None:
    limit = ConcurrencyLimit()
    for _ in range(100):
        limit.ended(FIRST, 1.2, None)
    assert limit.value == FIRST


def test_a_busy_engine_gets_fewer_at_once() -> None:
    limit = ConcurrencyLimit()
    values = [limit.busy() for _ in range(10)]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 1


@pytest.mark.parametrize("took", [lambda: 0.0, lambda: 1e6, lambda: 1e-9], ids=["nothing", "for ever", "hardly"])
def test_the_limit_stays_within_its_bounds(took: Callable[[], float]) -> None:
    limit = ConcurrencyLimit()
    for worked in (0.0, 1e-9, 1e6, None):
        for _ in range(5000):
            assert 1 <= limit.ended(limit.value, took(), worked) <= MOST
