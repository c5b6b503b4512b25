"""Ten times what the engine can serve, for minutes, and a batch beside interactive calls.

    .venv/bin/python -m benchmarks.overload

A simulated Ollama and the load have one core, the service the other. First `2 x slots` clients find what the service
does without overload; then calls about distinct texts come at random at `--times` that rate, and whoever is refused
does not come again; then calls come one a second beside a batch of 500. `/healthz` and `/metrics` are asked five times
a second all the while.
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


class Wished(argparse.Namespace):
    """The command line."""

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
    """What was seen of the service from outside while something else went on."""

    probes: dict[str, list[Ended]] = field(default_factory=lambda: {"/healthz": [], "/metrics": []})
    megabytes: list[float] = field(default_factory=list)

    def told(self) -> str:
        """The probes' times and the memory."""
        parts = []
        for path, probes in self.probes.items():
            times = [1000 * probe.took_s for probe in probes]
            bad = sum(probe.status != 200 for probe in probes)
            parts.append(
                f"{path} {len(probes)} times, p99 {quantile(times, 0.99):.1f} ms, max {max(times):.1f} ms, {bad} failed"
            )
        return "; ".join([*parts, f"memory max {max(self.megabytes):.0f} MB"])


async def watch(service: Process, seen: Watch, stop: asyncio.Event) -> None:
    """Ask the probes and look at the memory until `stop` is set."""
    async with load.client() as session:
        while not stop.is_set():
            for path, probes in seen.probes.items():
                probes.append(await load.call(session, "GET", service.url + path))
            seen.megabytes.append(service.megabytes())
            await every(PROBE_INTERVAL_S, stop)


async def watched(service: Process, work: Awaitable[ResultT]) -> tuple[ResultT, Watch]:
    """The result of awaiting `work`, and what was seen meanwhile."""
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
    """For each refusal, the Retry-After over the wait of the call that was the last to be let in before it."""
    ratios = []
    wait_s = 0.0
    for one in sorted(ended, key=lambda one: one.at):
        if one.status == 200:
            wait_s = one.queue_s
        elif one.retry_after_s is not None and wait_s:
            ratios.append(one.retry_after_s / wait_s)
    return ratios


def tell(ended: list[Ended], deadline_s: float) -> None:
    """Print how calls ended."""
    ok = [one for one in ended if one.status == 200]
    refused = [one for one in ended if one.status == 503]
    other = [one for one in ended if one.status not in (200, 503)]
    late = sum(one.took_s > deadline_s for one in ok)
    print(f"  {len(ended)} calls: {len(ok)} answered, {len(refused)} refused, {len(other)} otherwise {other[:3] or ''}")
    print(
        f"  answered in p50 {quantile([one.took_s for one in ok], 0.5):.1f} s, "
        f"max {max(one.took_s for one in ok):.1f} s, {late} after the deadline of {deadline_s:g} s"
    )
    if not refused:
        return
    times = [1000 * one.took_s for one in refused]
    print(
        f"  refused in p50 {quantile(times, 0.5):.1f} ms, p99 {quantile(times, 0.99):.1f} ms, max {max(times):.0f} ms;"
    )
    waited = sum(one.took_s > 1 for one in refused)
    without = sum(one.retry_after_s is None for one in refused)
    ratios = fairness(ended)
    spread = (
        f"median {statistics.median(ratios):.2f}, p5 {quantile(ratios, 0.05):.2f}, p95 {quantile(ratios, 0.95):.2f}"
    )
    print(f"  {waited} of them after a second or more, {without} without Retry-After")
    print(f"  Retry-After over the real wait then: {spread}")


async def unloaded(session: aiohttp.ClientSession, service: Process, upstream: Process, wished: Wished) -> float:
    """Operations a second of clients enough to fill all slots; printed."""
    clients = 2 * wished.slots
    started, before = time.monotonic(), await served(session, upstream)
    calls = load.closed_loop(session, f"{service.url}/compress", bodies(wished.size), clients, wished.unloaded_s)
    ended, seen = await watched(service, calls)
    most = (await served(session, upstream) - before) / (time.monotonic() - started)
    print(f"unloaded, {clients} clients for {wished.unloaded_s:g} s: {most * 60:.0f} a minute")
    tell(ended, wished.deadline_s)
    print(f"  {seen.told()}", flush=True)
    return most


async def overloaded(
    session: aiohttp.ClientSession, service: Process, upstream: Process, wished: Wished, most: float
) -> None:
    """`wished.times` the rate `most`; printed."""
    seconds = 60 * wished.minutes
    started, before = time.monotonic(), await served(session, upstream)

    async def rate() -> float:
        await asyncio.sleep(seconds)
        return (await served(session, upstream) - before) / (time.monotonic() - started)

    calls = load.open_loop(session, f"{service.url}/compress", bodies(wished.size), wished.times * most, seconds)
    (ended, done), seen = await watched(service, asyncio.gather(calls, rate()))
    print(
        f"{wished.times:g} times that for {wished.minutes:g} minutes: {done * 60:.0f} a minute, {done / most:.1%} of it"
    )
    tell(ended, wished.deadline_s)
    print(f"  {seen.told()}; at most ever {service.megabytes('VmHWM'):.0f} MB", flush=True)


async def beside_a_batch(session: aiohttp.ClientSession, service: Process, wished: Wished) -> None:
    """Interactive calls, one a second, while a batch runs; printed."""
    wishes = bodies(wished.size)
    whole = {"operation": "compress", "items": [next(wishes) for _ in range(BATCH_ITEMS)]}
    stop = asyncio.Event()
    calls: list[asyncio.Task[Ended]] = []

    async def interactive() -> list[Ended]:
        while not stop.is_set():
            calls.append(asyncio.create_task(load.call(session, "POST", f"{service.url}/compress", next(wishes))))
            await every(1.0, stop)
        return await asyncio.gather(*calls)

    async def batch() -> Ended:
        ended = await load.call(session, "POST", f"{service.url}/batch", whole)
        stop.set()
        return ended

    (ended, beside), seen = await watched(service, asyncio.gather(batch(), interactive()))
    print(f"a batch of {BATCH_ITEMS} beside a call a second: {ended.status} after {ended.took_s:.0f} s")
    times = [one.took_s for one in beside if one.status == 200]
    p95 = quantile(times, 0.95)
    print(
        f"  {len(beside)} calls, {len(times)} answered: p50 {quantile(times, 0.5):.2f} s, p95 {p95:.2f} s, "
        f"{p95 / wished.service_s:.2f} service times"
    )
    print(f"  {seen.told()}", flush=True)


async def measure(service: Process, upstream: Process, wished: Wished) -> None:
    """All three parts."""
    async with load.client() as session:
        most = await unloaded(session, service, upstream, wished)
        await overloaded(session, service, upstream, wished, most)
        await beside_a_batch(session, service, wished)


def main() -> None:
    """Start both processes, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slots", type=int, default=16, help="of the simulated Ollama")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds of a call there")
    parser.add_argument("--spread", type=float, default=0.2, help="share by which that goes up and down")
    parser.add_argument("--times", type=float, default=10, help="overload, times what it serves unloaded")
    parser.add_argument("--minutes", type=float, default=5, help="of overload")
    parser.add_argument("--unloaded-s", type=float, default=30, help="seconds without overload")
    parser.add_argument("--size", type=int, default=2000, help="bytes of a text")
    parser.add_argument("--deadline-s", type=float, default=120, help="seconds for a request")
    wished = parser.parse_args(namespace=Wished())
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    settings: dict[str, Any] = {"max_concurrency": wished.slots, "request_timeout_s": wished.deadline_s}
    with (
        simulated(wished.slots, wished.service_s, wished.spread) as upstream,
        condenser(upstream.url, **settings) as service,
    ):
        asyncio.run(measure(service, upstream, wished))


if __name__ == "__main__":
    main()
