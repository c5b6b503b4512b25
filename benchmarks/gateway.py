"""What the service adds to a call of the engine, how full it keeps the engine's slots, and what it takes for itself.

    .venv/bin/python -m benchmarks.gateway [--litellm /path/to/litellm] [--rounds 3] [--json FILE] [--plot FILE.svg]

A simulated Ollama and the load have one core, the service the other. The direct client makes the same call of the
engine without anything between. Everything is measured in rounds, one after the other for all that are compared; the
figures are medians over the rounds, with the lowest and the highest.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp

from benchmarks import load
from benchmarks.load import quantile
from benchmarks.processes import Process, condenser, litellm, simulated
from benchmarks.rounds import batch_ends, call_ends, per_minute
from benchmarks.simulated_ollama import MODEL
from benchmarks.ways import Call, Figures, directly, through_condenser, through_litellm

SIZE = 2000
SERVICE_S = 1.2
SHORT_SERVICE_S = 0.3
ROUNDS_OF_SLOTS = {1: 8, 3: 8, 5: 8, 16: 12, 64: 12}
SLOTS = tuple(ROUNDS_OF_SLOTS)
LATENCY_CALLS = 60
SHORT_CALLS = 40
CLIENTS = 32
RATE_S = 5.0
WAITING = 1000
EXTRACTIVE = "condenser, extractive"


async def times_ms(session: aiohttp.ClientSession, call: Call, texts: Iterator[str], calls: int) -> list[float]:
    """Milliseconds of calls one after another."""
    times = []
    for text in itertools.islice(texts, calls):
        started = time.perf_counter()
        await call(session, text)
        times.append(1000 * (time.perf_counter() - started))
    return times


async def per_second(session: aiohttp.ClientSession, call: Call, texts: Iterator[str], seconds: float) -> float:
    """Calls a second of CLIENTS clients."""
    done = 0
    until = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await call(session, next(texts))
            done += 1

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return done / (time.perf_counter() - started)


async def added_latency(figures: Figures, upstream: Process, service: Process, texts: Iterator[str]) -> None:
    """One round of what the service adds to an engine that takes a while, during which it does most of its own work."""
    async with load.client() as session:
        direct = await times_ms(session, directly(upstream.url), texts, SHORT_CALLS)
        through = await times_ms(session, through_condenser(service.url), texts, SHORT_CALLS)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        figures.add(f"added to {SHORT_SERVICE_S} s: {name} ms", quantile(through, share) - quantile(direct, share))


async def latency_and_rate(figures: Figures, ways: dict[str, Call], service: Process, texts: Iterator[str]) -> None:
    """One round of latency at concurrency 1 and of calls a second, way after way."""
    same = itertools.repeat(next(texts))
    async with load.client() as session:
        for name, call in ways.items():
            await times_ms(session, call, texts, 5)
            times = await times_ms(session, call, texts, LATENCY_CALLS)
            figures.add(f"{name}: p50 ms", quantile(times, 0.5))
            figures.add(f"{name}: p99 ms", quantile(times, 0.99))
        for name, call in ways.items():
            scrape = asyncio.create_task(_scraped(session, service.url)) if name == "condenser" else None
            figures.add(f"{name}: a second", await per_second(session, call, texts, RATE_S))
            if scrape is not None:
                figures.add("scrape under load: ms", await scrape)
        figures.add("cache hits: a second", await per_second(session, ways["condenser"], same, RATE_S))


async def _scraped(session: aiohttp.ClientSession, url: str) -> float:
    """The slowest of some scrapes, milliseconds."""
    slowest = 0.0
    for _ in range(8):
        await asyncio.sleep(RATE_S / 10)
        slowest = max(slowest, 1000 * (await load.call(session, "GET", f"{url}/metrics")).took_s)
    return slowest


async def fullness(
    figures: Figures, slots: int, upstream: Process, services: dict[str, Process], texts: Iterator[str]
) -> None:
    """One round of how many calls a minute the same number of them makes in each way, and of how long all take."""
    count = ROUNDS_OF_SLOTS[slots] * slots
    url = services["fixed"].url

    def some() -> list[str]:
        return list(itertools.islice(texts, count))

    async with load.client() as session:
        ends = {
            "direct": await call_ends(session, directly(upstream.url), some(), slots),
            "batch": await batch_ends(session, url, some()),
            "single": await call_ends(session, through_condenser(url), some(), 2 * slots),
            "auto": await call_ends(session, through_condenser(services["auto"].url), some(), 2 * slots + 4),
        }
    direct = ends["direct"]
    for way, own in ends.items():
        figures.add(f"{slots} slots, {way}: a minute", per_minute(own, slots))
        figures.add(f"{slots} slots, {way}: share", per_minute(own, slots) / per_minute(direct, slots))
        figures.add(f"{slots} slots, {way}: all {ROUNDS_OF_SLOTS[slots]} rounds", direct[-1] / own[-1])


async def gauge(session: aiohttp.ClientSession, service: Process, name: str) -> float:
    """A gauge of the service's."""
    async with session.get(f"{service.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


async def kept_busy(service: Process, clients: int, texts: Iterator[str], until: Callable[[float], bool]) -> float:
    """Seconds for which so many clients keep on calling until the concurrency limit is so."""
    async with load.client() as session:
        started, is_over = time.perf_counter(), False

        async def client() -> None:
            while not is_over:
                await through_condenser(service.url)(session, next(texts))

        calls = [asyncio.create_task(client()) for _ in range(clients)]
        while not until(await gauge(session, service, "condenser_concurrency_limit")):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        took_s = time.perf_counter() - started
        is_over = True
        await asyncio.gather(*calls)
        return took_s


async def change_followed(figures: Figures, upstream: Process, service: Process, texts: Iterator[str]) -> None:
    """One round of how soon `auto` follows a change of the slots, from 16 to 4 and back."""
    few, many = 4, 16
    for name, slots, is_found in (
        (f"{many} to {few} slots, followed in: s", few, lambda limit: limit <= 1.5 * few + 3),
        (f"{few} to {many} slots, followed in: s", many, lambda limit: limit >= many),
    ):
        async with load.client() as session:
            await session.post(f"{upstream.url}/control", json={"slots": slots})
        figures.add(name, await kept_busy(service, 2 * many, texts, is_found))


async def waiting_megabytes(upstream: Process, service: Process, texts: Iterator[str]) -> tuple[float, float]:
    """Memory at rest and with WAITING requests in the queue."""
    async with load.client() as session:
        before = service.megabytes()
        await session.post(f"{upstream.url}/control", json={"held": True})
        url = f"{service.url}/compress"
        calls = [
            asyncio.create_task(load.call(session, "POST", url, {"text": text}))
            for text in itertools.islice(texts, WAITING)
        ]
        depth = 0.0
        while depth < WAITING - 4:
            await asyncio.sleep(0.2)
            depth = await gauge(session, service, "condenser_queue_depth")
        most = service.megabytes()
        await session.post(f"{upstream.url}/control", json={"held": False})
        assert all(ended.status == 200 for ended in await asyncio.gather(*calls))
    return before, most


def without_engine_time(figures: Figures, wished: argparse.Namespace, texts: Iterator[str]) -> None:
    """What the service itself takes, in front of an engine that answers at once."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(simulated(64, 0.0))
        service = stack.enter_context(condenser(upstream.url, max_concurrency=64))
        ways = {
            "direct": directly(upstream.url),
            "condenser": through_condenser(service.url),
            EXTRACTIVE: through_condenser(service.url, "extractive"),
        }
        if wished.litellm:
            proxy = stack.enter_context(litellm(wished.litellm, upstream.url, MODEL))
            ways["litellm"] = through_litellm(proxy.url)
            figures.add("litellm: start s", proxy.started_s)
        for _ in range(wished.rounds):
            asyncio.run(latency_and_rate(figures, ways, service, texts))
        if wished.litellm:
            figures.add("litellm: MB", proxy.megabytes())
    for _ in range(wished.rounds):
        with simulated(4, 0.0) as upstream, condenser(upstream.url, queue_timeout_s=600) as service:
            figures.add("start to ready: s", service.started_s)
            before, most = asyncio.run(waiting_megabytes(upstream, service, texts))
            figures.add("at rest: MB", before)
            figures.add(f"{WAITING} waiting: MB", most)


def with_engine_time(figures: Figures, wished: argparse.Namespace, texts: Iterator[str]) -> None:
    """What the service adds to an engine that takes a while, and how full it keeps it."""
    with simulated(4, SHORT_SERVICE_S) as upstream, condenser(upstream.url) as service:
        for _ in range(wished.rounds):
            asyncio.run(added_latency(figures, upstream, service, texts))
    if wished.short:
        return
    for slots in SLOTS:
        with (
            simulated(slots, SERVICE_S) as upstream,
            condenser(upstream.url, max_concurrency=slots, max_batch_items=2000) as fixed,
            condenser(upstream.url, max_concurrency="auto", queue_timeout_s=600) as auto,
        ):
            found_s = asyncio.run(kept_busy(auto, 2 * slots + 4, texts, lambda limit, slots=slots: limit >= slots))  # type: ignore[misc]
            figures.add(f"{slots} slots, auto: found in s", found_s)
            for _ in range(wished.rounds):
                asyncio.run(fullness(figures, slots, upstream, {"fixed": fixed, "auto": auto}, texts))
    with (
        simulated(16, SERVICE_S) as upstream,
        condenser(upstream.url, max_concurrency="auto", queue_timeout_s=600) as service,
    ):
        asyncio.run(kept_busy(service, 32, texts, lambda limit: limit >= 16))
        for _ in range(wished.rounds):
            asyncio.run(change_followed(figures, upstream, service, texts))


def print_tables(figures: Figures) -> None:
    """Print what was measured as Markdown."""
    ways = [way for way in ("direct", "condenser", EXTRACTIVE, "litellm") if f"{way}: p50 ms" in figures.values]
    print("| way | rate over the direct client's | p50 ms | p99 ms | calls a second, 32 clients |")
    print("| --- | --- | --- | --- | --- |")
    for way in ways:
        told = (figures.told(f"{way}: p50 ms"), figures.told(f"{way}: p99 ms"), figures.told(f"{way}: a second", 0))
        print(f"| {way} | {over_direct(figures, f'{way}: a second')} | {' | '.join(told)} |")
    hits = "cache hits: a second"
    print(f"| condenser, from its cache | {over_direct(figures, hits)} | | | {figures.told(hits, 0)} |")
    if f"{SLOTS[0]} slots, direct: a minute" in figures.values:
        print_slots(figures)
    print("\n| | |\n| --- | --- |")
    added = f"added to {SHORT_SERVICE_S} s: "
    own = (f"{added}p50 ms", f"{added}p99 ms", "start to ready: s", "at rest: MB", f"{WAITING} waiting: MB")
    found = (f"{max(SLOTS)} slots, auto: found in s", "16 to 4 slots, followed in: s", "4 to 16 slots, followed in: s")
    for name in (*own, "scrape under load: ms", *found, "litellm: start s", "litellm: MB"):
        if name in figures.values:
            print(f"| {name} | {figures.told(name)} |")


def over_direct(figures: Figures, name: str) -> str:
    """A rate over the direct client's of the same round, the median over the rounds."""
    pairs = zip(figures.values[name], figures.values["direct: a second"], strict=True)
    return f"{statistics.median(rate / direct for rate, direct in pairs):.1%}"


def print_slots(figures: Figures) -> None:
    """Print how full the slots are kept."""
    ways_to_fill = "direct, a minute | `/batch` | concurrent `/compress` | the same by `auto` | one whole batch"
    print(f"\n| slots of 1.2 s | {ways_to_fill} |")
    print("| --- | --- | --- | --- | --- | --- |")
    for slots in SLOTS:
        cells = [figures.told(f"{slots} slots, direct: a minute", 0)]
        for way in ("batch", "single", "auto"):
            rate, share = (figures.median(f"{slots} slots, {way}: {what}") for what in ("a minute", "share"))
            cells.append(f"{rate:.0f}, {share:.1%}")
        rounds = ROUNDS_OF_SLOTS[slots]
        cells.append(f"of {rounds} rounds: {figures.median(f'{slots} slots, batch: all {rounds} rounds'):.1%}")
        print(f"| {slots} | {' | '.join(cells)} |")


def plot(figures: Figures, path: Path) -> None:
    """Draw how full the slots are kept."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.5))
    for way, style in (("direct", "k--"), ("batch", "o-"), ("single", "s-"), ("auto", "^-")):
        axes.plot(SLOTS, [figures.median(f"{slots} slots, {way}: a minute") for slots in SLOTS], style, label=way)
    axes.set(xscale="log", yscale="log", xlabel="slots of 1.2 s", ylabel="operations a minute")
    axes.set_xticks(SLOTS, [str(slots) for slots in SLOTS])
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", help="the `litellm` command of another virtual environment (litellm[proxy])")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="leave the slots of 1.2 s out: a minute a round")
    parser.add_argument("--json", type=Path, help="file for all values")
    parser.add_argument("--plot", type=Path, help="file for the plot; needs matplotlib")
    wished = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    figures, texts = Figures(), load.texts(SIZE)
    try:
        without_engine_time(figures, wished, texts)
        with_engine_time(figures, wished, texts)
    finally:
        if wished.json:
            wished.json.write_text(json.dumps(figures.values, indent=1) + "\n")
    print_tables(figures)
    if wished.plot and not wished.short:
        plot(figures, wished.plot)


if __name__ == "__main__":
    main()
