"""Which answers tell that the engine loaded a model."""

import pytest

from app.engine.loads import SOON_S, Loads
from tests.clock import Clock

MODEL = "smollm2"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loads(clock: Clock) -> Loads:
    return Loads(clock)


def test_an_answer_that_was_long_in_loading_tells_of_a_load(loads: Loads) -> None:
    assert loads.answered(MODEL, 0.0, 2.1)
    assert not loads.answered(MODEL, 10.0, 0.03)
    assert loads.answered(MODEL, 20.0, 0.5)


def test_calls_that_waited_for_the_same_load_tell_of_one(loads: Loads) -> None:
    assert [loads.answered(MODEL, started, 5.0 - started) for started in (0.0, 1.0, 4.0)] == [True, False, False]


def test_on_a_busy_machine_a_call_without_a_load_takes_longer(loads: Loads) -> None:
    assert not loads.answered(MODEL, 0.0, 0.1)
    assert not loads.answered(MODEL, 10.0, 0.7)
    assert loads.answered(MODEL, 20.0, 0.9)


def test_a_model_that_is_loaded_again_within_a_minute_was_unloaded_without_need(loads: Loads, clock: Clock) -> None:
    loads.answered(MODEL, clock.now, 1.0)
    assert not loads.follow_each_other(MODEL)
    loads.answered(MODEL, clock.now + SOON_S, 1.0)
    assert loads.follow_each_other(MODEL)
    assert loads.follow_each_other("SmolLM2:latest")


def test_later_it_may_have_run_out_of_its_time(loads: Loads, clock: Clock) -> None:
    loads.answered(MODEL, clock.now, 1.0)
    loads.answered(MODEL, clock.now + SOON_S + 1.0, 1.0)
    assert not loads.follow_each_other(MODEL)


def test_loads_of_different_models_have_nothing_to_do_with_each_other(loads: Loads, clock: Clock) -> None:
    loads.answered(MODEL, clock.now, 1.0)
    loads.answered("phi4", clock.now + 2.0, 1.0)
    assert not loads.follow_each_other(MODEL)
    assert not loads.follow_each_other("phi4")


def test_needless_loads_are_forgotten_after_ten_minutes(loads: Loads, clock: Clock) -> None:
    loads.answered(MODEL, clock.now, 1.0)
    loads.answered(MODEL, clock.now + 2.0, 1.0)
    clock.now += 700.0
    assert not loads.follow_each_other(MODEL)
