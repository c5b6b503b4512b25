"""Work in threads begins when nothing passes between here and the engine."""

import asyncio

from app.engine.traffic import Traffic


async def passing(traffic: Traffic, times: int) -> None:
    for _ in range(times):
        traffic.passes()
        await asyncio.sleep(0)


def test_a_lull_comes_after_the_last_of_what_passes() -> None:
    async def order() -> list[str]:
        traffic, seen = Traffic(), list[str]()

        async def work() -> None:
            await traffic.lull()
            seen.append("work")

        waiting = asyncio.create_task(work())
        await passing(traffic, 50)
        seen.append("passed")
        await waiting
        return seen

    assert asyncio.run(order()) == ["passed", "work"]


def test_where_nothing_passes_there_is_a_lull_already() -> None:
    async def turns_until_lull() -> int:
        waiting = asyncio.create_task(Traffic().lull())
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0)
            turns += 1
        return turns

    assert asyncio.run(turns_until_lull()) < 10


def test_work_is_not_put_off_for_ever() -> None:
    async def ends() -> bool:
        traffic = Traffic()
        stream = asyncio.create_task(passing(traffic, 10**9))
        await traffic.lull()
        still_passes = not stream.done()
        stream.cancel()
        return still_passes

    assert asyncio.run(ends())
