"""Latency that the service adds to an engine call, how busy it keeps the engine's slots, and its own resources.

    .venv/bin/python -m benchmarks.gateway [--litellm /path/to/litellm] [--rounds 3] [--json FILE] [--plot FILE.svg]

A simulated Ollama and the load run on one core, the service on the other. The direct client makes the same engine calls
without a service in between. Everything is measured in rounds, in turn for all ways that are compared; the figures are
medians over the rounds, with minimum and maximum.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp

from benchmarks import load
from benchmarks.load import quantile
from benchmarks.processes import Process, condenser, litellm, simulated
from benchmarks.simulated_ollama import MODEL
from benchmarks.slots import SLOTS, measure_slots, plot, print_slots
from benchmarks.ways import Call, Figures, directly, through_condenser, through_litellm

SIZE = 2000
SHORT_SERVICE_S = 0.3
LATENCY_CALLS = 60
SHORT_CALLS = 40
CLIENTS = 32
RATE_S = 5.0
WAITING = 1000
EXTRACTIVE = "condenser, extractive"


async def times_ms(session: aiohttp.ClientSession, call: Call, texts: Iterator[str], calls: int) -> list[float]:
    """Milliseconds of sequential calls."""
    times = []
    for text in itertools.islice(texts, calls):
        started = time.perf_counter()
        await call(session, text)
        times.append(1000 * (time.perf_counter() - started))
    return times


async def per_second(session: aiohttp.ClientSession, call: Call, texts: Iterator[str], seconds: float) -> float:
    """Calls per second by CLIENTS clients."""
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
    """One round: latency added to an engine that takes a while, during which the service does most of its work."""
    async with load.client() as session:
        direct = await times_ms(session, directly(upstream.url), texts, SHORT_CALLS)
        through = await times_ms(session, through_condenser(service.url), texts, SHORT_CALLS)
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        figures.add(f"added to {SHORT_SERVICE_S} s: {name} ms", quantile(through, share) - quantile(direct, share))


async def latency_and_rate(figures: Figures, ways: dict[str, Call], service: Process, texts: Iterator[str]) -> None:
    """One round: latency at concurrency 1 and calls per second, for each way."""
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
    """Duration of the slowest of some scrapes, milliseconds."""
    slowest = 0.0
    for _ in range(8):
        await asyncio.sleep(RATE_S / 10)
        slowest = max(slowest, 1000 * (await load.call(session, "GET", f"{url}/metrics")).took_s)
    return slowest


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
            depth = await load.gauge(session, service.url, "condenser_queue_depth")
        most = service.megabytes()
        await session.post(f"{upstream.url}/control", json={"held": False})
        assert all(ended.status == 200 for ended in await asyncio.gather(*calls))
    return before, most


def without_engine_time(figures: Figures, arguments: argparse.Namespace, texts: Iterator[str]) -> None:
    """The service's own time, with an engine that answers at once."""
    with contextlib.ExitStack() as stack:
        upstream = stack.enter_context(simulated(64, 0.0))
        service = stack.enter_context(condenser(upstream.url, max_concurrency=64))
        ways = {
            "direct": directly(upstream.url),
            "condenser": through_condenser(service.url),
            EXTRACTIVE: through_condenser(service.url, "extractive"),
        }
        if arguments.litellm:
            proxy = stack.enter_context(litellm(arguments.litellm, upstream.url, MODEL))
            ways["litellm"] = through_litellm(proxy.url)
            figures.add("litellm: start s", proxy.started_s)
        for _ in range(arguments.rounds):
            asyncio.run(latency_and_rate(figures, ways, service, texts))
        if arguments.litellm:
            figures.add("litellm: MB", proxy.megabytes())
    for _ in range(arguments.rounds):
        with simulated(4, 0.0) as upstream, condenser(upstream.url, queue_timeout_s=600) as service:
            figures.add("start to ready: s", service.started_s)
            before, most = asyncio.run(waiting_megabytes(upstream, service, texts))
            figures.add("at rest: MB", before)
            figures.add(f"{WAITING} waiting: MB", most)


def with_engine_time(figures: Figures, rounds: int, texts: Iterator[str]) -> None:
    """Time that the service adds to an engine call of SHORT_SERVICE_S seconds."""
    with simulated(4, SHORT_SERVICE_S) as upstream, condenser(upstream.url) as service:
        for _ in range(rounds):
            asyncio.run(added_latency(figures, upstream, service, texts))


def print_tables(figures: Figures) -> None:
    """Print the figures as Markdown."""
    ways = [way for way in ("direct", "condenser", EXTRACTIVE, "litellm") if f"{way}: p50 ms" in figures.values]
    print("| way | rate over the direct client's | p50 ms | p99 ms | calls a second, 32 clients |")
    print("| --- | --- | --- | --- | --- |")
    for way in ways:
        cells = (
            figures.formatted(f"{way}: p50 ms"),
            figures.formatted(f"{way}: p99 ms"),
            figures.formatted(f"{way}: a second", 0),
        )
        print(f"| {way} | {over_direct(figures, f'{way}: a second')} | {' | '.join(cells)} |")
    hits = "cache hits: a second"
    print(f"| condenser, from its cache | {over_direct(figures, hits)} | | | {figures.formatted(hits, 0)} |")
    if f"{SLOTS[0]} slots, direct: a minute" in figures.values:
        print_slots(figures)
    print("\n| | |\n| --- | --- |")
    added = f"added to {SHORT_SERVICE_S} s: "
    own = (f"{added}p50 ms", f"{added}p99 ms", "start to ready: s", "at rest: MB", f"{WAITING} waiting: MB")
    auto = (f"{max(SLOTS)} slots, auto: found in s", "16 to 4 slots, followed in: s", "4 to 16 slots, followed in: s")
    for name in (*own, "scrape under load: ms", *auto, "litellm: start s", "litellm: MB"):
        if name in figures.values:
            print(f"| {name} | {figures.formatted(name)} |")


def over_direct(figures: Figures, name: str) -> str:
    """A rate divided by the direct client's in the same round, median over the rounds."""
    pairs = zip(figures.values[name], figures.values["direct: a second"], strict=True)
    return f"{statistics.median(rate / direct for rate, direct in pairs):.1%}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", help="the `litellm` command of another virtual environment (litellm[proxy])")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="skip the slots of 1.2 s: a minute per round")
    parser.add_argument("--json", type=Path, help="file for all values")
    parser.add_argument("--plot", type=Path, help="file for the plot; needs matplotlib")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    figures, texts = Figures(), load.texts(SIZE)
    try:
        without_engine_time(figures, arguments, texts)
        with_engine_time(figures, arguments.rounds, texts)
        if not arguments.short:
            measure_slots(figures, arguments.rounds, texts)
    finally:
        if arguments.json:
            arguments.json.write_text(json.dumps(figures.values, indent=1) + "\n")
    print_tables(figures)
    if arguments.plot and not arguments.short:
        plot(figures, arguments.plot)


if __name__ == "__main__":
    main()
