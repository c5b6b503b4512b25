"""When work on texts is done in threads, and how well."""

import asyncio
from functools import partial

from app.compression.threads import Leisure, in_thread
from app.engine.traffic import traffic


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


def test_work_waits_for_its_thread_in_any_event_loop() -> None:
    async def squares() -> list[int]:
        return list(await asyncio.gather(*(in_thread(partial(pow, number, 2), 10) for number in range(20))))

    assert asyncio.run(squares()) == asyncio.run(squares()) == [number**2 for number in range(20)]


def test_no_work_begins_between_an_answer_of_the_engine_and_the_next_request() -> None:
    async def order() -> list[str]:
        seen = list[str]()
        work = asyncio.create_task(in_thread(lambda: seen.append("work"), 10))
        for _ in range(50):
            traffic.passes()
            await asyncio.sleep(0)
        seen.append("passed")
        await work
        return seen

    assert asyncio.run(order()) == ["passed", "work"]
