"""Time until the first events of a streamed answer while all slots of the engine are taken.

    .venv/bin/python -m benchmarks.streaming

A simulated Ollama and the clients run on one core, the service on the other. `2 x slots` clients request whole answers
for other texts, so that all slots are taken and calls are waiting when a streamed request arrives. The streams follow
each other. `--idle` runs without the other clients.
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


class Arguments(argparse.Namespace):
    """Command-line arguments."""

    slots: int
    service_s: float
    size: int
    streams: int
    idle: bool


async def first_events(session: aiohttp.ClientSession, service: Process, text: str) -> dict[str, float]:
    """Seconds until the first event of each name. Raises ValueError for a stream without a result."""
    events: dict[str, float] = {}
    started = time.perf_counter()
    headers = {"Accept": "text/event-stream"}
    async with session.post(f"{service.url}/compress", json={"text": text}, headers=headers) as response:
        async for line in response.content:
            if line.startswith(b"event: "):
                events.setdefault(line.removeprefix(b"event: ").strip().decode(), time.perf_counter() - started)
    if "result" not in events:
        raise ValueError(f"no result, only {events}")
    return events


async def busy(session: aiohttp.ClientSession, service: Process, texts: Iterator[str]) -> None:
    """A client that requests whole answers without end."""
    while True:
        await load.call(session, "POST", f"{service.url}/compress", {"text": next(texts)})


async def measure(service: Process, arguments: Arguments) -> None:
    """Time the streams and print the figures."""
    texts = load.texts(arguments.size)
    async with load.client() as session:
        clients = 0 if arguments.idle else 2 * arguments.slots
        others = [asyncio.create_task(busy(session, service, texts)) for _ in range(clients)]
        await asyncio.sleep(arguments.service_s)
        streams = [await first_events(session, service, text) for text in itertools.islice(texts, arguments.streams)]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
    print(f"{arguments.streams} streams about texts of {arguments.size} bytes beside {clients} clients:")
    for name in EVENTS:
        times = [1000 * events[name] for events in streams if name in events]
        print(f"  first {name}: p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, of {len(times)}")


def main() -> None:
    """Start both processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=4, help="slots of the simulated Ollama")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds per call there")
    parser.add_argument("--size", type=int, default=2000, help="bytes per text")
    parser.add_argument("--streams", type=int, default=40, help="number of streams")
    parser.add_argument("--idle", action="store_true", help="without other clients")
    arguments = parser.parse_args(namespace=Arguments())
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    with (
        simulated(arguments.slots, arguments.service_s) as upstream,
        condenser(upstream.url, max_concurrency=arguments.slots) as service,
    ):
        asyncio.run(measure(service, arguments))


if __name__ == "__main__":
    main()
