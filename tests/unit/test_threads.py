"""Time for doing better than need be is what nothing else needs."""

from app.compression.threads import Leisure


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def spend(leisure: Leisure, clock: Clock, seconds: float) -> None:
    with leisure.spent():
        clock.now += seconds


def test_there_is_some_at_first() -> None:
    assert Leisure(Clock()).is_left()


def test_it_is_used_up_by_what_it_is_spent_on() -> None:
    clock = Clock()
    leisure = Leisure(clock)
    spend(leisure, clock, 0.5)
    assert not leisure.is_left()


def test_it_comes_back_with_time_for_a_quarter_of_it() -> None:
    clock = Clock()
    leisure = Leisure(clock)
    spend(leisure, clock, 1.25)
    clock.now = 4.0
    assert not leisure.is_left()
    clock.now = 4.1
    assert leisure.is_left()


def test_no_more_of_it_is_saved_up_than_for_a_moment() -> None:
    clock = Clock()
    leisure = Leisure(clock)
    clock.now = 1000.0
    assert leisure.is_left()
    spend(leisure, clock, 0.4)
    assert not leisure.is_left()
