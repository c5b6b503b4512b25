"""Concurrent work on many items, with a limit on how many run at the same time."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

from app.tasks import end

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


async def as_ready(
    items: Sequence[ItemT],
    limit: int,
    work: Callable[[ItemT], Awaitable[ResultT]],
    order: Sequence[int] | None = None,
) -> AsyncGenerator[tuple[int, ResultT], None]:
    """Index and result of each item as it completes; at most `limit` run at once, started in `order` (of indexes).

    Raises the first exception of `work`. Then, and if the iterator is closed or cancelled, the running work is
    cancelled and awaited.
    """
    running: dict[asyncio.Task[ResultT], int] = {}
    left = deque(order if order is not None else range(len(items)))
    try:
        while running or left:
            while len(running) < limit and left:
                index = left.popleft()
                running[asyncio.ensure_future(_awaited(work, items[index]))] = index
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in sorted(done, key=running.__getitem__):
                yield running.pop(task), task.result()
    finally:
        await end(running)


async def _awaited(work: Callable[[ItemT], Awaitable[ResultT]], item: ItemT) -> ResultT:
    return await work(item)


async def gathered(items: Sequence[ItemT], limit: int, work: Callable[[ItemT], Awaitable[ResultT]]) -> list[ResultT]:
    """The results of all items in order, at most `limit` running at once; raises the first exception of `work`."""
    if len(items) == 1:
        return [await work(items[0])]
    results = {index: result async for index, result in as_ready(items, limit, work)}
    return [results[index] for index in range(len(items))]
