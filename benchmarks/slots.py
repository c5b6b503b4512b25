"""How many of the engine's slots the service keeps busy, and how `auto` finds their number."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import load
from benchmarks.processes import Process, condenser, simulated
from benchmarks.rounds import batch_ends, call_ends, per_minute
from benchmarks.ways import Figures, directly, through_condenser

SERVICE_S = 1.2
ROUNDS_OF_SLOTS = {1: 8, 3: 8, 5: 8, 16: 12, 64: 12}
SLOTS = tuple(ROUNDS_OF_SLOTS)


async def busy_slots(
    figures: Figures, slots: int, upstream: Process, services: dict[str, Process], texts: Iterator[str]
) -> None:
    """One round: calls per minute in each way for the same number of calls, and the time for all of them."""
    count = ROUNDS_OF_SLOTS[slots] * slots
    url = services["fixed"].url

    def next_texts() -> list[str]:
        return list(itertools.islice(texts, count))

    async with load.client() as session:
        ends = {
            "direct": await call_ends(session, directly(upstream.url), next_texts(), slots),
            "batch": await batch_ends(session, url, next_texts()),
            "single": await call_ends(session, through_condenser(url), next_texts(), 2 * slots),
            "auto": await call_ends(session, through_condenser(services["auto"].url), next_texts(), 2 * slots + 4),
        }
    direct = ends["direct"]
    for way, own in ends.items():
        figures.add(f"{slots} slots, {way}: a minute", per_minute(own, slots))
        figures.add(f"{slots} slots, {way}: share", per_minute(own, slots) / per_minute(direct, slots))
        figures.add(f"{slots} slots, {way}: all {ROUNDS_OF_SLOTS[slots]} rounds", direct[-1] / own[-1])


async def kept_busy(service: Process, clients: int, texts: Iterator[str], until: Callable[[float], bool]) -> float:
    """Seconds for which `clients` clients make calls until the concurrency limit fulfils `until`."""
    async with load.client() as session:
        started, is_over = time.perf_counter(), False

        async def client() -> None:
            while not is_over:
                await through_condenser(service.url)(session, next(texts))

        calls = [asyncio.create_task(client()) for _ in range(clients)]
        while not until(await load.gauge(session, service.url, "condenser_concurrency_limit")):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        took_s = time.perf_counter() - started
        is_over = True
        await asyncio.gather(*calls)
        return took_s


async def warmed_up(upstream: Process, service: Process, texts: Iterator[str]) -> None:
    """Make the service's first call, and wait for those that it makes once by itself: it tests the model as a judge."""
    async with load.client() as session:
        await through_condenser(service.url)(session, next(texts))
        is_busy = True
        while is_busy:
            await asyncio.sleep(SERVICE_S / 4)
            async with session.get(f"{upstream.url}/control") as response:
                is_busy = (await response.json())["in_service"] > 0


async def change_followed(figures: Figures, upstream: Process, service: Process, texts: Iterator[str]) -> None:
    """One round: seconds until `auto` follows a change of the slots from 16 to 4 and back."""
    few, many = 4, 16
    for name, slots, has_followed in (
        (f"{many} to {few} slots, followed in: s", few, lambda limit: limit <= 1.5 * few + 3),
        (f"{few} to {many} slots, followed in: s", many, lambda limit: limit >= many),
    ):
        async with load.client() as session:
            await session.post(f"{upstream.url}/control", json={"slots": slots})
        figures.add(name, await kept_busy(service, 2 * many, texts, has_followed))


def measure_slots(figures: Figures, rounds: int, texts: Iterator[str]) -> None:
    """Measure the calls a minute for each number of slots, and how fast `auto` finds it."""
    for slots in SLOTS:
        with (
            simulated(slots, SERVICE_S) as upstream,
            condenser(upstream.url, max_concurrency=slots, max_batch_items=2000) as fixed,
            condenser(upstream.url, max_concurrency="auto", queue_timeout_s=600) as auto,
        ):
            asyncio.run(warmed_up(upstream, fixed, texts))
            found_s = asyncio.run(kept_busy(auto, 2 * slots + 4, texts, lambda limit, slots=slots: limit >= slots))  # type: ignore[misc]
            figures.add(f"{slots} slots, auto: found in s", found_s)
            for _ in range(rounds):
                asyncio.run(busy_slots(figures, slots, upstream, {"fixed": fixed, "auto": auto}, texts))
    with (
        simulated(16, SERVICE_S) as upstream,
        condenser(upstream.url, max_concurrency="auto", queue_timeout_s=600) as service,
    ):
        asyncio.run(kept_busy(service, 32, texts, lambda limit: limit >= 16))
        for _ in range(rounds):
            asyncio.run(change_followed(figures, upstream, service, texts))


def print_slots(figures: Figures) -> None:
    """Print how busy the slots are."""
    ways_to_fill = "direct, a minute | `/batch` | concurrent `/compress` | the same by `auto` | one whole batch"
    print(f"\n| slots of 1.2 s | {ways_to_fill} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for slots in SLOTS:
        cells = [figures.formatted(f"{slots} slots, direct: a minute", 0)]
        for way in ("batch", "single", "auto"):
            rate, share = (figures.median(f"{slots} slots, {way}: {what}") for what in ("a minute", "share"))
            cells.append(f"{rate:.0f}, {share:.1%}")
        rounds = ROUNDS_OF_SLOTS[slots]
        cells.append(f"of {rounds} rounds: {figures.median(f'{slots} slots, batch: all {rounds} rounds'):.1%}")
        print(f"| {slots} | {' | '.join(cells)} |")


def plot(figures: Figures, path: Path) -> None:
    """Draw how busy the slots are."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    for way, style in (("direct", "k--"), ("batch", "o-"), ("single", "s-"), ("auto", "^-")):
        axes.plot(SLOTS, [figures.median(f"{slots} slots, {way}: a minute") for slots in SLOTS], style, label=way)
    axes.set(xscale="log", yscale="log", xlabel="slots of 1.2 s", ylabel="operations a minute")
    axes.set_xticks(SLOTS, [str(slots) for slots in SLOTS])
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)
