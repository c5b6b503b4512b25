"""The bounded queue in front of the engine."""

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

import pytest

from app.engine.errors import QueueFullError, QueueTimeoutError, ShuttingDownError
from app.engine.queue import EngineQueue, Priority, QueueOutcome
from tests.clock import Clock

pytestmark = pytest.mark.anyio


class Tally:
    def __init__(self) -> None:
        self.outcomes: Counter[QueueOutcome] = Counter()

    def wait_ended(self, outcome: QueueOutcome, waited_s: float) -> None:
        self.outcomes[outcome] += 1


async def turns(count: int = 3) -> None:
    """Let the loop run what is ready."""
    for _ in range(count):
        await asyncio.sleep(0)


class Visit:
    """A call that enters the queue and stays until it is released."""

    def __init__(self, queue: EngineQueue, log: list[str], name: str, priority: Priority = "interactive") -> None:
        self._release = asyncio.Event()
        self._queue, self._log, self._name, self._priority = queue, log, name, priority
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._queue.place(self._priority):
            self._log.append(self._name)
            await self._release.wait()

    async def leave(self) -> None:
        self._release.set()
        await self.task
        await turns()


def queue(
    max_concurrency: int = 1,
    max_queue: int = 10,
    timeout_s: float = 60,
    tally: Tally | None = None,
    clock: Clock | None = None,
) -> EngineQueue:
    return EngineQueue(max_concurrency, max_queue, timeout_s, tally, clock or time.monotonic)


async def test_no_more_than_max_concurrency_hold_a_place() -> None:
    log: list[str] = []
    entrance = queue(max_concurrency=2)
    visits = [Visit(entrance, log, name) for name in "abc"]
    await turns()
    assert (log, entrance.in_flight, entrance.waiting) == (["a", "b"], 2, 1)
    for visit in visits:
        await visit.leave()
    assert (entrance.in_flight, entrance.waiting) == (0, 0)


async def test_first_come_first_served_within_a_class() -> None:
    log: list[str] = []
    entrance = queue()
    visits = [Visit(entrance, log, name) for name in "abcd"]
    await turns()
    for visit in visits:
        await visit.leave()
    assert log == ["a", "b", "c", "d"]


async def test_interactive_calls_and_batch_items_take_turns() -> None:
    log: list[str] = []
    entrance = queue()
    holder = Visit(entrance, log, "holder")
    await turns()
    batch = [Visit(entrance, log, f"b{i}", "batch") for i in range(3)]
    await turns()
    interactive = [Visit(entrance, log, f"i{i}") for i in range(3)]
    await turns()
    for visit in (holder, *interactive, *batch):
        visit._release.set()
    await asyncio.gather(*(visit.task for visit in (holder, *interactive, *batch)))
    assert log == ["holder", "i0", "b0", "i1", "b1", "i2", "b2"]


async def test_a_full_queue_refuses_at_once_and_estimates_when_to_come_back() -> None:
    log: list[str] = []
    tally = Tally()
    entrance = queue(max_queue=1, tally=tally)
    visits = [Visit(entrance, log, name) for name in "ab"]
    await turns()
    with pytest.raises(QueueFullError, match="CONDENSER_MAX_QUEUE") as refused:
        async with entrance.place():
            pass
    assert refused.value.retry_after_s >= 1
    assert tally.outcomes == {"passed": 1, "full": 1}
    for visit in visits:
        await visit.leave()


async def test_a_wait_over_its_bound_ends_and_leaves_no_trace() -> None:
    log: list[str] = []
    tally = Tally()
    entrance = queue(timeout_s=0.001, tally=tally)
    holder = Visit(entrance, log, "holder")
    await turns()
    with pytest.raises(QueueTimeoutError, match="CONDENSER_QUEUE_TIMEOUT_S"):
        async with entrance.place():
            pass
    assert (entrance.in_flight, entrance.waiting) == (1, 0)
    assert tally.outcomes == {"passed": 1, "timeout": 1}
    await holder.leave()


async def test_a_batch_item_waits_as_long_as_its_caller_lets_it() -> None:
    log: list[str] = []
    entrance = queue(timeout_s=0.001)
    holder, item = Visit(entrance, log, "holder"), Visit(entrance, log, "item", "batch")
    await turns()
    with pytest.raises(QueueTimeoutError):  # its bound passes while the item waits
        async with entrance.place():
            pass
    assert entrance.waiting == 1
    await holder.leave()
    await item.leave()
    assert log == ["holder", "item"]


async def test_a_cancelled_wait_frees_its_place_in_the_queue() -> None:
    log: list[str] = []
    tally = Tally()
    entrance = queue(tally=tally)
    holder, gone, next_one = (Visit(entrance, log, name) for name in ("holder", "gone", "next"))
    await turns()
    gone.task.cancel()
    await turns()
    assert entrance.waiting == 1
    await holder.leave()
    await next_one.leave()
    assert log == ["holder", "next"]
    assert tally.outcomes == {"passed": 2, "cancelled": 1}
    assert entrance.in_flight == 0


async def test_a_place_granted_to_a_call_that_is_cancelled_meanwhile_goes_to_the_next() -> None:
    log: list[str] = []
    entrance = queue()
    holder, gone, next_one = (Visit(entrance, log, name) for name in ("holder", "gone", "next"))
    await turns()
    holder._release.set()
    await asyncio.sleep(0)  # the holder leaves and grants its place; the next one has not run yet
    gone.task.cancel()
    await turns()
    assert log == ["holder", "next"]
    await next_one.leave()
    assert (entrance.in_flight, entrance.waiting) == (0, 0)


async def test_a_failing_holder_gives_its_place_back() -> None:
    entrance = queue()
    with pytest.raises(RuntimeError):
        async with entrance.place():
            raise RuntimeError
    assert entrance.in_flight == 0


async def test_all_places_are_back_after_a_storm_of_cancellations() -> None:
    entrance = queue(max_concurrency=3, max_queue=1000)
    log: list[str] = []
    async with AsyncExitStack() as stack:
        for _ in range(3):
            await stack.enter_async_context(entrance.place())
        visits = [Visit(entrance, log, str(i), "batch" if i % 3 else "interactive") for i in range(200)]
        await turns()
        for visit in visits[::2]:
            visit.task.cancel()
    for visit in visits:
        visit._release.set()
    await asyncio.gather(*(visit.task for visit in visits), return_exceptions=True)
    assert len(log) == 100
    assert (entrance.in_flight, entrance.waiting) == (0, 0)


async def busy_queue(
    clock: Clock, service_s: float, waiting: int, tally: Tally | None = None
) -> tuple[EngineQueue, list[Visit]]:
    """A queue at which calls have taken `service_s` seconds each, with one holder and so many waiting behind it."""
    log: list[str] = []
    entrance = queue(max_queue=1000, clock=clock, tally=tally)
    visits = [Visit(entrance, log, str(number)) for number in range(20 + 1 + waiting)]
    await turns()
    for visit in visits[:20]:
        clock.now += service_s
        await visit.leave()
    assert (entrance.in_flight, entrance.waiting) == (1, waiting)
    return entrance, visits[20:]


async def end(visits: list[Visit]) -> None:
    for visit in visits:
        visit._release.set()
    await asyncio.gather(*(visit.task for visit in visits), return_exceptions=True)


async def test_retry_after_is_the_time_that_the_queue_takes_to_drain_at_its_pace() -> None:
    entrance, visits = await busy_queue(Clock(), service_s=2, waiting=9)
    assert entrance.retry_after_s("interactive") == pytest.approx(20)
    await end(visits)


async def test_the_pace_is_known_from_calls_that_nobody_waited_behind_too() -> None:
    clock = Clock()
    entrance = queue(clock=clock)
    for _ in range(10):
        visit = Visit(entrance, [], "alone")
        await turns()
        clock.now += 7
        await visit.leave()
        clock.now += 100
    assert entrance.expected_wait_s("interactive") == pytest.approx(7)


async def test_retry_after_is_between_a_second_and_the_longest_wait() -> None:
    entrance, visits = await busy_queue(Clock(), service_s=0.01, waiting=5)
    assert entrance.retry_after_s("interactive") == 1
    await end(visits)
    entrance, visits = await busy_queue(Clock(), service_s=59, waiting=5)
    assert entrance.retry_after_s("interactive") == 60
    await end(visits)


async def test_batch_items_count_before_an_interactive_call_only_by_their_turns() -> None:
    clock = Clock()
    entrance, visits = await busy_queue(clock, service_s=2, waiting=2)
    items = [Visit(entrance, [], f"b{number}", "batch") for number in range(20)]
    await turns()
    # Third of its class, with a batch item between each two: six turns.
    assert entrance.expected_wait_s("interactive") == pytest.approx(12)
    # Twenty-first of its class, with both interactive calls in between: 23 turns.
    assert entrance.expected_wait_s("batch") == pytest.approx(46)
    await end([*visits, *items])


async def test_a_call_that_would_wait_for_too_long_is_refused_at_once() -> None:
    tally = Tally()
    entrance, visits = await busy_queue(Clock(), service_s=2, waiting=30, tally=tally)
    with pytest.raises(QueueFullError, match=r"in 62 s.*may wait 60 s") as refused:
        async with entrance.place():
            pass
    assert refused.value.retry_after_s == 60
    assert tally.outcomes["full"] == 1
    await end(visits)


async def test_a_call_whose_deadline_is_before_its_turn_is_refused_at_once() -> None:
    entrance, visits = await busy_queue(Clock(), service_s=2, waiting=5)
    soon = asyncio.get_running_loop().time() + 5
    for priority in ("interactive", "batch"):
        visits.append(Visit(entrance, [], "own round", priority))
        await turns()
        with pytest.raises(QueueFullError, match="may wait"):
            async with entrance.place(priority, soon):
                pass
    await end(visits)


async def test_one_round_may_wait_however_slow_the_engine_was() -> None:
    entrance, visits = await busy_queue(Clock(), service_s=1000, waiting=0)
    waiting = Visit(entrance, [], "waiting")
    await turns()
    assert entrance.waiting == 1
    await end([*visits, waiting])


async def test_nothing_is_refused_for_a_pace_that_was_only_guessed() -> None:
    entrance = queue(max_queue=1000, timeout_s=60)
    visits = [Visit(entrance, [], str(number)) for number in range(500)]
    await turns()
    assert entrance.waiting == 499
    await end(visits)


async def test_a_wait_ends_with_the_deadline_of_its_call() -> None:
    tally = Tally()
    entrance = queue(tally=tally)
    holder = Visit(entrance, [], "holder")
    await turns()
    for priority in ("interactive", "batch"):
        with pytest.raises(QueueTimeoutError, match="deadline"):
            async with entrance.place(priority, asyncio.get_running_loop().time() + 0.001):
                pass
    assert tally.outcomes == {"passed": 1, "timeout": 2}
    await holder.leave()


async def test_a_closed_gate_ends_all_waits_and_lets_nobody_in_but_who_is_in_may_finish() -> None:
    log: list[str] = []
    entrance = queue()
    holder, waiting = Visit(entrance, log, "holder"), Visit(entrance, log, "waiting", "batch")
    await turns()
    entrance.close()
    with pytest.raises(ShuttingDownError):
        await waiting.task
    with pytest.raises(ShuttingDownError):
        async with entrance.place():
            pass
    assert (entrance.in_flight, entrance.waiting) == (1, 0)
    await holder.leave()
    assert entrance.in_flight == 0


async def test_a_wait_that_is_cancelled_while_the_gate_closes_leaves_no_trace() -> None:
    entrance = queue()
    holder, gone = Visit(entrance, [], "holder"), Visit(entrance, [], "gone")
    await turns()
    entrance.close()
    gone.task.cancel()
    await turns()
    await holder.leave()
    assert (entrance.in_flight, entrance.waiting) == (0, 0)


async def test_a_gate_that_is_made_wider_lets_in_who_waits() -> None:
    log: list[str] = []
    doors = queue(1)
    visits = [Visit(doors, log, name) for name in "abc"]
    await turns()
    doors.resize(2)
    await turns()
    assert (log, doors.in_flight, doors.waiting) == (["a", "b"], 2, 1)
    for visit in visits:
        await visit.leave()
    assert (doors.in_flight, doors.waiting) == (0, 0)


async def test_a_gate_that_is_made_narrower_lets_nobody_in_until_there_is_room() -> None:
    log: list[str] = []
    doors = queue(3)
    visits = [Visit(doors, log, name) for name in "abcd"]
    await turns()
    doors.resize(1)
    await visits[0].leave()
    await visits[1].leave()
    assert (log, doors.in_flight, doors.waiting) == (["a", "b", "c"], 1, 1)
    await visits[2].leave()
    assert log == ["a", "b", "c", "d"]
    await visits[3].leave()
