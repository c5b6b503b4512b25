"""Ten times the load that the engine can serve, for minutes; then a batch together with interactive calls.

    .venv/bin/python -m benchmarks.overload

A simulated Ollama and the load run on one core, the service on the other. First, `2 x slots` clients measure the rate
without overload. Then calls with different texts arrive at random at `--times` that rate; refused calls are not
retried. Then one call per second arrives during a batch of 500. `/healthz` and `/metrics` are requested five times a
second throughout.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from benchmarks import load
from benchmarks.load import Ended, quantile
from benchmarks.processes import Process, condenser, every, simulated

PROBE_INTERVAL_S = 0.2
BATCH_ITEMS = 500

ResultT = TypeVar("ResultT")


class Arguments(argparse.Namespace):
    """Command-line arguments."""

    slots: int
    service_s: float
    spread: float
    times: float
    minutes: float
    unloaded_s: float
    size: int
    deadline_s: float


@dataclass
class Watch:
    """Observations of the service during a measurement."""

    probes: dict[str, list[Ended]] = field(default_factory=lambda: {"/healthz": [], "/metrics": []})
    megabytes: list[float] = field(default_factory=list)

    def summary(self) -> str:
        """Times of the probes, and the memory."""
        parts = []
        for path, probes in self.probes.items():
            times = [1000 * probe.took_s for probe in probes]
            bad = sum(probe.status != 200 for probe in probes)
            parts.append(
                f"{path} {len(probes)} times, p99 {quantile(times, 0.99):.1f} ms, max {max(times):.1f} ms, {bad} failed"
            )
        return "; ".join([*parts, f"memory max {max(self.megabytes):.0f} MB"])


async def watch(service: Process, seen: Watch, stop: asyncio.Event) -> None:
    """Send the probes and read the memory until `stop` is set."""
    async with load.client() as session:
        while not stop.is_set():
            for path, probes in seen.probes.items():
                probes.append(await load.call(session, "GET", service.url + path))
            seen.megabytes.append(service.megabytes())
            await every(PROBE_INTERVAL_S, stop)


async def watched(service: Process, work: Awaitable[ResultT]) -> tuple[ResultT, Watch]:
    """The result of `work`, and the observations during it."""
    seen, stop = Watch(), asyncio.Event()
    watching = asyncio.create_task(watch(service, seen, stop))
    result = await work
    stop.set()
    await watching
    return result, seen


def bodies(size: int) -> Iterator[dict[str, Any]]:
    """Bodies of `/compress`."""
    return ({"text": text} for text in load.texts(size))


async def served(session: aiohttp.ClientSession, upstream: Process) -> int:
    """Calls that the simulated Ollama has served so far."""
    async with session.get(f"{upstream.url}/control") as response:
        return int((await response.json())["served"])


def fairness(ended: list[Ended]) -> list[float]:
    """For each refusal, its Retry-After divided by the wait of the last call that was admitted before it."""
    ratios = []
    wait_s = 0.0
    for call in sorted(ended, key=lambda call: call.at):
        if call.status == 200:
            wait_s = call.queue_s
        elif call.retry_after_s is not None and wait_s:
            ratios.append(call.retry_after_s / wait_s)
    return ratios


def print_ended(ended: list[Ended], deadline_s: float) -> None:
    """Print how calls ended."""
    ok = [call for call in ended if call.status == 200]
    refused = [call for call in ended if call.status == 503]
    other = [call for call in ended if call.status not in (200, 503)]
    late = sum(call.took_s > deadline_s for call in ok)
    print(f"  {len(ended)} calls: {len(ok)} answered, {len(refused)} refused, {len(other)} other {other[:3] or ''}")
    print(
        f"  answered in p50 {quantile([call.took_s for call in ok], 0.5):.1f} s, "
        f"max {max(call.took_s for call in ok):.1f} s, {late} after the deadline of {deadline_s:g} s"
    )
    if not refused:
        return
    times = [1000 * call.took_s for call in refused]
    print(
        f"  refused in p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, max {max(times):.0f} ms;"
    )
    waited = sum(call.took_s > 1 for call in refused)
    without = sum(call.retry_after_s is None for call in refused)
    ratios = fairness(ended)
    spread = (
        f"median {statistics.median(ratios):.2f}, p5 {quantile(ratios, 0.05):.2f}, p95 {quantile(ratios, 0.95):.2f}"
    )
    print(f"  {waited} of them after a second or more, {without} without Retry-After")
    print(f"  Retry-After divided by the actual wait: {spread}")


async def unloaded(session: aiohttp.ClientSession, service: Process, upstream: Process, arguments: Arguments) -> float:
    """Operations per second of enough clients to fill all slots; prints them."""
    clients = 2 * arguments.slots
    started, before = time.monotonic(), await served(session, upstream)
    calls = load.closed_loop(session, f"{service.url}/compress", bodies(arguments.size), clients, arguments.unloaded_s)
    ended, seen = await watched(service, calls)
    most = (await served(session, upstream) - before) / (time.monotonic() - started)
    print(f"unloaded, {clients} clients for {arguments.unloaded_s:g} s: {most * 60:.0f} a minute")
    print_ended(ended, arguments.deadline_s)
    print(f"  {seen.summary()}", flush=True)
    return most


async def overloaded(
    session: aiohttp.ClientSession, service: Process, upstream: Process, arguments: Arguments, most: float
) -> None:
    """Print the outcomes at `arguments.times` times the rate `most`."""
    seconds = 60 * arguments.minutes
    started, before = time.monotonic(), await served(session, upstream)

    async def rate() -> float:
        await asyncio.sleep(seconds)
        return (await served(session, upstream) - before) / (time.monotonic() - started)

    calls = load.open_loop(session, f"{service.url}/compress", bodies(arguments.size), arguments.times * most, seconds)
    (ended, done), seen = await watched(service, asyncio.gather(calls, rate()))
    print(
        f"{arguments.times:g} times that for {arguments.minutes:g} minutes: {done * 60:.0f} a minute, "
        f"{done / most:.1%} of it"
    )
    print_ended(ended, arguments.deadline_s)
    print(f"  {seen.summary()}; at most ever {service.megabytes('VmHWM'):.0f} MB", flush=True)


async def during_a_batch(session: aiohttp.ClientSession, service: Process, arguments: Arguments) -> None:
    """Print the outcomes of one interactive call per second while a batch runs."""
    texts = bodies(arguments.size)
    body = {"operation": "compress", "items": [next(texts) for _ in range(BATCH_ITEMS)]}
    stop = asyncio.Event()
    calls: list[asyncio.Task[Ended]] = []

    async def interactive() -> list[Ended]:
        while not stop.is_set():
            calls.append(asyncio.create_task(load.call(session, "POST", f"{service.url}/compress", next(texts))))
            await every(1.0, stop)
        return await asyncio.gather(*calls)

    async def batch() -> Ended:
        ended = await load.call(session, "POST", f"{service.url}/batch", body)
        stop.set()
        return ended

    (ended, beside), seen = await watched(service, asyncio.gather(batch(), interactive()))
    print(f"a batch of {BATCH_ITEMS} beside a call a second: {ended.status} after {ended.took_s:.0f} s")
    times = [call.took_s for call in beside if call.status == 200]
    p95 = quantile(times, 0.95)
    print(
        f"  {len(beside)} calls, {len(times)} answered: p50 {quantile(times, 0.5):.2f} s, p95 {p95:.2f} s, "
        f"{p95 / arguments.service_s:.2f} service times"
    )
    print(f"  {seen.summary()}", flush=True)


async def measure(service: Process, upstream: Process, arguments: Arguments) -> None:
    """Run all three parts."""
    async with load.client() as session:
        most = await unloaded(session, service, upstream, arguments)
        await overloaded(session, service, upstream, arguments, most)
        await during_a_batch(session, service, arguments)


def main() -> None:
    """Start both processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=16, help="slots of the simulated Ollama")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds per call there")
    parser.add_argument("--spread", type=float, default=0.2, help="share by which the seconds vary")
    parser.add_argument("--times", type=float, default=10, help="overload, as a multiple of the rate without overload")
    parser.add_argument("--minutes", type=float, default=5, help="minutes of overload")
    parser.add_argument("--unloaded-s", type=float, default=30, help="seconds without overload")
    parser.add_argument("--size", type=int, default=2000, help="bytes per text")
    parser.add_argument("--deadline-s", type=float, default=120, help="deadline of a request, seconds")
    arguments = parser.parse_args(namespace=Arguments())
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    settings: dict[str, Any] = {"max_concurrency": arguments.slots, "request_timeout_s": arguments.deadline_s}
    with (
        simulated(arguments.slots, arguments.service_s, arguments.spread) as upstream,
        condenser(upstream.url, **settings) as service,
    ):
        asyncio.run(measure(service, upstream, arguments))


if __name__ == "__main__":
    main()
