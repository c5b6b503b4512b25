"""How soon a streamed answer begins while every slot of the engine is taken.

    .venv/bin/python -m benchmarks.streaming

A simulated Ollama and the clients have one core, the service the other. `2 x slots` clients ask for whole answers about
texts of their own, so that every streamed request finds all slots taken and calls waiting before it. The streams come
one after another. `--idle` leaves the other clients out.
"""

import argparse
import asyncio
import itertools
import os
import time
from collections.abc import Iterator

import aiohttp

from benchmarks import load
from benchmarks.load import quantile
from benchmarks.processes import Process, condenser, simulated

EVENTS = ("passage", "sentence", "result")


class Wished(argparse.Namespace):
    """The command line."""

    slots: int
    service_s: float
    size: int
    streams: int
    idle: bool


async def first_events(session: aiohttp.ClientSession, service: Process, text: str) -> dict[str, float]:
    """Seconds until the first event of each name. Raises ValueError for a stream without a result."""
    found: dict[str, float] = {}
    started = time.perf_counter()
    headers = {"Accept": "text/event-stream"}
    async with session.post(f"{service.url}/compress", json={"text": text}, headers=headers) as response:
        async for line in response.content:
            if line.startswith(b"event: "):
                found.setdefault(line.removeprefix(b"event: ").strip().decode(), time.perf_counter() - started)
    if "result" not in found:
        raise ValueError(f"no result, only {found}")
    return found


async def busy(session: aiohttp.ClientSession, service: Process, texts: Iterator[str]) -> None:
    """One client that asks for whole answers, one after another, for ever."""
    while True:
        await load.call(session, "POST", f"{service.url}/compress", {"text": next(texts)})


async def measure(service: Process, wished: Wished) -> None:
    """Time the streams and print the figures."""
    texts = load.texts(wished.size)
    async with load.client() as session:
        clients = 0 if wished.idle else 2 * wished.slots
        others = [asyncio.create_task(busy(session, service, texts)) for _ in range(clients)]
        await asyncio.sleep(wished.service_s)
        found = [await first_events(session, service, text) for text in itertools.islice(texts, wished.streams)]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    print(f"{wished.streams} streams about texts of {wished.size} bytes beside {clients} clients:")
    for name in EVENTS:
        times = [1000 * one[name] for one in found if name in one]
        print(f"  first {name}: p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, of {len(times)}")


def main() -> None:
    """Start both processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=4, help="of the simulated Ollama")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds of a call there")
    parser.add_argument("--size", type=int, default=2000, help="bytes of a text")
    parser.add_argument("--streams", type=int, default=40, help="streams that are timed")
    parser.add_argument("--idle", action="store_true", help="without other clients")
    wished = parser.parse_args(namespace=Wished())
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    with (
        simulated(wished.slots, wished.service_s) as upstream,
        condenser(upstream.url, max_concurrency=wished.slots) as service,
    ):
        asyncio.run(measure(service, wished))


if __name__ == "__main__":
    main()
