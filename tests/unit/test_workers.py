"""What several workers share, here by several views of the same memory in one process."""

import asyncio
import copy
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import pytest

from app.api.clients import Allowance, Share
from app.api.pending import PendingBytes
from app.engine.busy import BusyClock, BusyShare
from app.engine.errors import QueueFullError
from app.engine.limiter import FIRST, ConcurrencyLimit
from app.engine.loads import Loads
from app.engine.queue import EngineQueue
from app.shared_memory import SharedMemory
from tests.clock import Clock
from tests.unit.service import MODEL

pytestmark = pytest.mark.anyio

TWO = 2


def shared_memory() -> SharedMemory:
    return SharedMemory(TWO, columns=20, cells=200)


def views(memory: SharedMemory) -> list[SharedMemory]:
    """The memory as each worker has it after the fork."""
    copies = [copy.copy(memory) for _ in range(memory.workers)]
    for index, view in enumerate(copies):
        view.attach(index)
    return copies


@contextmanager
def queues(memory: SharedMemory, max_concurrency: int = 1, max_queue: int = 10) -> Iterator[list[EngineQueue]]:
    """The queue of each worker, listening to the others."""
    with ExitStack() as stack:
        made = []
        for view in views(memory):
            made.append(EngineQueue(max_concurrency, max_queue, 60, memory=view))
            stack.enter_context(view.listening())
        yield made


class Call:
    """A call that enters a queue and stays until it is released."""

    def __init__(self, queue: EngineQueue) -> None:
        self._queue = queue
        self._release = asyncio.Event()
        self.entered = asyncio.Event()
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with self._queue.place():
            self.entered.set()
            await self._release.wait()

    async def end(self) -> None:
        self._release.set()
        await self.task

    async def is_in(self) -> None:
        async with asyncio.timeout(5):
            await self.entered.wait()


@asynccontextmanager
async def calls(*into: EngineQueue) -> AsyncIterator[list[Call]]:
    """Calls that came one after the other."""
    made = []
    for queue in into:
        made.append(Call(queue))
        await asyncio.sleep(0)
    yield made
    for call in made:
        await call.end()


def waits(call: Call) -> bool:
    return not call.entered.is_set()


async def test_all_workers_together_have_no_more_calls_in_the_engine_than_it_has_places() -> None:
    with queues(shared_memory(), max_concurrency=2) as (left_queue, right_queue):
        async with calls(left_queue, right_queue, left_queue, right_queue) as (first, second, third, fourth):
            assert (waits(first), waits(second), waits(third), waits(fourth)) == (False, False, True, True)
            for queue in (left_queue, right_queue):
                assert (queue.in_flight, queue.waiting) == (2, 2)


async def test_a_place_goes_to_the_worker_whose_call_has_waited_longest() -> None:
    with queues(shared_memory()) as (left_queue, right_queue):
        async with calls(left_queue, right_queue, left_queue, right_queue) as (holder, *waiting):
            for before, call in zip([holder, *waiting], waiting, strict=False):
                await before.end()
                await call.is_in()
                assert left_queue.in_flight == 1


async def test_the_queue_is_full_for_all_workers_at_once() -> None:
    with queues(shared_memory(), max_queue=2) as (left_queue, right_queue):
        async with calls(left_queue, left_queue, right_queue):
            for queue in (left_queue, right_queue):
                with pytest.raises(QueueFullError, match="2 calls are waiting"):
                    async with queue.place():
                        pass


async def test_a_wait_that_is_cancelled_just_when_another_worker_grants_the_place_loses_it_to_nobody() -> None:
    with queues(shared_memory()) as (left_queue, right_queue):
        async with calls(left_queue, right_queue, left_queue) as (holder, gone, last):
            await holder.end()
            gone.task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await gone.task
            gone.task = asyncio.create_task(asyncio.sleep(0))
            await last.is_in()


async def test_what_a_dead_worker_held_and_waited_for_is_free_for_the_others() -> None:
    memory = shared_memory()
    with queues(memory) as (left_queue, right_queue):
        async with calls(right_queue) as (survivor,):
            await survivor.end()
        killed = [Call(left_queue), Call(left_queue)]
        await killed[0].is_in()
        async with calls(right_queue) as (waiting,):
            assert waits(waiting)
            memory.forget(0)
            await waiting.is_in()
            assert (right_queue.in_flight, right_queue.waiting) == (1, 0)
        for call in killed:
            call.task.cancel()
        await asyncio.gather(*(call.task for call in killed), return_exceptions=True)


async def test_a_worker_that_is_started_again_goes_on_with_what_the_others_have_learned() -> None:
    memory = shared_memory()
    with queues(memory) as (left_queue, _):
        left_queue.resize(3)
        with queues(memory) as (again, _):
            assert again.max_concurrency == 3


def test_the_concurrency_limit_is_found_by_the_calls_of_all_workers() -> None:
    first, second = (ConcurrencyLimit(view) for view in views(shared_memory()))
    for limit in (first, second) * (FIRST // 2):
        limit.ended(FIRST, 1.0, 1.0)
    assert (first.value, second.value) == (2 * FIRST, 2 * FIRST)


def test_time_in_which_calls_of_two_workers_overlap_is_paid_for_once() -> None:
    clock = Clock()
    first, second = (BusyClock(clock, view) for view in views(shared_memory()))
    shares = [BusyShare(), BusyShare()]
    with first.call(shares[0]), second.call(shares[1]):
        clock.now += 10
    assert [share.seconds for share in shares] == [5, 5]


def test_a_load_that_calls_of_two_workers_waited_for_is_reported_once() -> None:
    first, second = (Loads(Clock(), view) for view in views(shared_memory()))
    assert first.answered(MODEL, started=10.0, load_s=5.0)
    assert not second.answered(MODEL, started=12.0, load_s=3.1)
    assert second.answered(MODEL, started=40.0, load_s=5.0)


def test_a_limit_of_requests_is_one_for_all_workers() -> None:
    first, second = (Allowance(3, 60, memory=view) for view in views(shared_memory()))
    first.spend(2)
    second.spend()
    assert first.wait_s() > 0
    assert second.wait_s() > 0


async def test_a_place_of_a_share_that_another_worker_gives_back_is_taken_at_once() -> None:
    memory = shared_memory()
    first, second = views(memory)
    allowance, other = Share(1, first), Share(1, second)
    assert allowance.take()
    with second.listening():
        waiting = asyncio.create_task(other.wait_and_take(1))
        await asyncio.sleep(0)
        assert not waiting.done()
        allowance.give_back(1)
        async with asyncio.timeout(5):
            await waiting
    assert allowance.taken == 1


@pytest.mark.parametrize(
    "is_freed", [lambda pending, memory: pending.release(60), lambda pending, memory: memory.forget(0)]
)
def test_texts_under_way_are_bounded_over_all_workers(is_freed: Callable[[PendingBytes, SharedMemory], None]) -> None:
    memory = shared_memory()
    first, second = (PendingBytes(100, lambda: 1.0, view) for view in views(memory))
    first.hold(60, own=0)
    with pytest.raises(QueueFullError):
        second.hold(50, own=0)
    is_freed(first, memory)
    second.hold(50, own=0)
    assert second.total == 50


def test_the_lock_keeps_processes_from_changing_the_same_number_at_once() -> None:
    memory = shared_memory()
    number, begun = memory.cells(1), memory.column()
    times = 500
    children = []
    for index in range(TWO):
        child = os.fork()
        if not child:
            begun[index] = 1
            while begun.total < TWO:
                os.sched_yield()
            for _ in range(times):
                with memory:
                    before = number[0]
                    os.sched_yield()
                    number[0] = before + 1
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    assert number[0] == TWO * times
