"""How fast a queue drains, from a clock that the test turns."""

import pytest

from app.engine.departures import DepartureInterval
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def serve(interval: DepartureInterval, clock: Clock, seconds: float, calls: int) -> None:
    """One call after the other leaves, with no place free in between."""
    interval.full()
    for _ in range(calls):
        clock.now += seconds
        interval.departed(still_full=True)


def test_before_a_round_has_departed_it_is_the_first_guess(clock: Clock) -> None:
    interval = DepartureInterval(4, 0.4, clock)
    assert (interval.seconds, interval.is_measured) == (0.4, False)
    serve(interval, clock, 0.1, 3)
    assert (interval.seconds, interval.is_measured) == (0.4, False)


def test_after_a_round_it_is_what_was_measured_and_the_guess_is_forgotten(clock: Clock) -> None:
    interval = DepartureInterval(4, 100, clock)
    serve(interval, clock, 0.25, 4)
    assert interval.is_measured
    assert interval.seconds == pytest.approx(0.25)


def test_calls_that_leave_together_count_as_the_round_that_they_are(clock: Clock) -> None:
    interval = DepartureInterval(4, 1, clock)
    interval.full()
    for _ in range(10):
        clock.now += 1.2
        for _ in range(4):
            interval.departed(still_full=True)
    assert interval.seconds == pytest.approx(0.3, rel=0.1)


def test_it_follows_an_engine_that_gets_slower(clock: Clock) -> None:
    interval = DepartureInterval(2, 1, clock)
    serve(interval, clock, 0.1, 100)
    serve(interval, clock, 1.0, 100)
    assert interval.seconds == pytest.approx(1.0, rel=0.01)


def test_time_in_which_a_place_is_free_does_not_count(clock: Clock) -> None:
    interval = DepartureInterval(2, 1, clock)
    serve(interval, clock, 0.1, 10)
    clock.now += 0.1
    interval.departed(still_full=False)
    clock.now += 3600
    interval.departed(still_full=False)
    clock.now += 3600
    assert interval.seconds == pytest.approx(0.1)


def test_a_departure_that_is_overdue_slows_the_estimate_down(clock: Clock) -> None:
    interval = DepartureInterval(1, 1, clock)
    serve(interval, clock, 0.1, 20)
    clock.now += 0.05
    assert interval.seconds == pytest.approx(0.1)
    clock.now += 60
    assert interval.seconds > 1
