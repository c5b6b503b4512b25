"""The drain rate, by a clock that the test sets."""

import pytest

from app.engine.drain_rate import DrainRate
from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


def serve(rate: DrainRate, clock: Clock, seconds: float, calls: int) -> None:
    """Complete `calls` calls, one after the other, with no slot free in between."""
    rate.saturated()
    for _ in range(calls):
        clock.now += seconds
        rate.call_completed(still_full=True)


def test_before_a_round_has_completed_it_is_the_first_guess(clock: Clock) -> None:
    rate = DrainRate(4, 0.4, clock)
    assert (rate.seconds_per_call, rate.is_measured) == (0.4, False)
    serve(rate, clock, 0.1, 3)
    assert (rate.seconds_per_call, rate.is_measured) == (0.4, False)


def test_after_a_round_it_is_the_measured_mean_without_the_first_guess(clock: Clock) -> None:
    rate = DrainRate(4, 100, clock)
    serve(rate, clock, 0.25, 4)
    assert rate.is_measured
    assert rate.seconds_per_call == pytest.approx(0.25)


def test_calls_that_complete_together_count_as_one_round(clock: Clock) -> None:
    rate = DrainRate(4, 1, clock)
    rate.saturated()
    for _ in range(10):
        clock.now += 1.2
        for _ in range(4):
            rate.call_completed(still_full=True)
    assert rate.seconds_per_call == pytest.approx(0.3, rel=0.1)


def test_it_follows_an_engine_that_gets_slower(clock: Clock) -> None:
    rate = DrainRate(2, 1, clock)
    serve(rate, clock, 0.1, 100)
    serve(rate, clock, 1.0, 100)
    assert rate.seconds_per_call == pytest.approx(1.0, rel=0.01)


def test_time_in_which_a_slot_is_free_does_not_count(clock: Clock) -> None:
    rate = DrainRate(2, 1, clock)
    serve(rate, clock, 0.1, 10)
    clock.now += 0.1
    rate.call_completed(still_full=False)
    clock.now += 3600
    rate.call_completed(still_full=False)
    clock.now += 3600
    assert rate.seconds_per_call == pytest.approx(0.1)


def test_an_overdue_call_raises_the_estimate(clock: Clock) -> None:
    rate = DrainRate(1, 1, clock)
    serve(rate, clock, 0.1, 20)
    clock.now += 0.05
    assert rate.seconds_per_call == pytest.approx(0.1)
    clock.now += 60
    assert rate.seconds_per_call > 1
