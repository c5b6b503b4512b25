"""Many pieces of work side by side."""

import asyncio
from contextlib import aclosing

import pytest

from app.compression.fanout import as_ready, gathered

pytestmark = pytest.mark.anyio


async def test_results_are_in_the_order_of_the_items() -> None:
    async def work(item: int) -> int:
        for _ in range(10 - item):
            await asyncio.sleep(0)
        return item * item

    assert await gathered(range(10), 4, work) == [i * i for i in range(10)]


async def test_no_more_than_the_limit_are_under_way() -> None:
    under_way: set[int] = set()
    most = 0

    async def work(item: int) -> None:
        nonlocal most
        under_way.add(item)
        most = max(most, len(under_way))
        await asyncio.sleep(0)
        under_way.remove(item)

    await gathered(range(20), 3, work)
    assert most == 3


async def test_a_result_comes_as_soon_as_it_is_ready() -> None:
    first_may_end = asyncio.Event()

    async def work(item: int) -> int:
        if item == 0:
            await first_may_end.wait()
        return item

    order = []
    async for index, _ in as_ready(range(3), 2, work):
        order.append(index)
        if index == 2:
            first_may_end.set()
    assert order == [1, 2, 0]


async def test_an_exception_ends_it_and_cancels_what_is_under_way() -> None:
    cancelled = asyncio.Event()

    async def work(item: int) -> None:
        if item == 1:
            raise RuntimeError("item 1")
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(RuntimeError, match="item 1"):
        await gathered(range(2), 2, work)
    assert cancelled.is_set()


async def test_leaving_early_cancels_what_is_under_way() -> None:
    running = 0

    async def work(item: int) -> int:
        nonlocal running
        if item == 0:
            return 0
        running += 1
        try:
            await asyncio.Event().wait()
        finally:
            running -= 1
        return item

    async with aclosing(as_ready(range(5), 5, work)) as results:
        async for _ in results:
            break
    assert running == 0


async def test_no_items_have_no_results() -> None:
    async def work(item: int) -> int:
        return item

    assert await gathered([], 2, work) == []
