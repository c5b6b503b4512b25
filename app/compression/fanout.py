"""Run many pieces of work side by side, a bounded number at once."""

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
    """Index and result of each item as it gets ready, at most `limit` under way, begun in `order` of their indexes.

    Ends with the first exception that `work` raises; then, and when the iterator is closed or cancelled, what
    is still under way is cancelled and waited for.
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
    """The results of all items in order, at most `limit` under way; raises the first exception of `work`."""
    if len(items) == 1:
        return [await work(items[0])]
    results = {index: result async for index, result in as_ready(items, limit, work)}
    return [results[index] for index in range(len(items))]
