"""Mixed traffic for a long time, with faults and clients that disconnect; at the end all counts must agree.

    make soak MINUTES=30

A simulated Ollama and the load run on one core, the service on the other. Every `PHASE_S` seconds the upstream changes
to the next fault, or back to none. Calls are compressions, batches, exact reconstructions and invalid requests; one in
ten is aborted at a random moment. The exit code is 0 if every call is accounted for, the counts of the service and the
client agree, nothing waits or runs, descriptors and tasks are as at the start, and memory has grown by less than
`MOST_GROWTH` in the second half.
"""

import argparse
import asyncio
import json
import os
import random
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from benchmarks import load
from benchmarks.processes import Process, condenser, every, simulated
from benchmarks.simulated_ollama import FAULTS

PHASE_S = 20.0
FAULTY_SHARE = 0.3
LEAVING_SHARE = 0.1
MOST_GROWTH = 0.03
SETTLE_LIMIT_S = 40.0
CLIENTS = 24
ITEMS = 12

Operation = Literal["compress", "reconstruct", "batch"]
_SAMPLE = re.compile(r'^condenser_operations_total\{operation="(\w+)",outcome="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass
class Ledger:
    """The client's calls and their outcomes; `unseen_items`: items of batches that were aborted."""

    sent: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)
    items: Counter[tuple[str, str]] = field(default_factory=Counter)
    unseen_items: int = 0
    wrong: list[str] = field(default_factory=list)
    capsules: list[tuple[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class State:
    """The service at rest."""

    megabytes: float
    descriptors: int
    gauges: dict[str, float]
    operations: Counter[tuple[str, str]]


def outcome(problem: Any) -> str:
    """The outcome that the service counts for this problem."""
    return str(problem["type"]).removeprefix("urn:condenser:problem:")


class Client:
    """A client that makes random calls, one after another."""

    def __init__(
        self, session: aiohttp.ClientSession, url: str, ledger: Ledger, texts: Iterator[str], seed: int
    ) -> None:
        self._session = session
        self._url = url
        self._ledger = ledger
        self._texts = texts
        self._dice = random.Random(seed)

    async def run(self, until: float) -> None:
        """Make calls until this time of the monotonic clock."""
        while time.monotonic() < until:
            operation, body, source = self._next_call()
            leaves_after = self._dice.uniform(0, 1.5) if self._dice.random() < LEAVING_SHARE else None
            self._ledger.sent[operation] += 1
            try:
                async with asyncio.timeout(leaves_after):
                    await self._call(operation, body, source)
            except TimeoutError:
                self._ledger.ended[operation, "left"] += 1
                self._ledger.unseen_items += len(body["items"]) if operation == "batch" else 0

    def _next_call(self) -> tuple[Operation, dict[str, Any], str]:
        text = next(self._texts)
        roll = self._dice.random()
        if roll < 0.1 and self._ledger.capsules:
            source, capsule = self._dice.choice(self._ledger.capsules)
            return "reconstruct", {"capsule": capsule}, source
        if roll < 0.15:
            return "compress", {"text": text, "target_ratio": 7}, text
        if roll < 0.2:
            return "compress", {"text": text, "must_keep": ["what it does not have"]}, text
        if roll < 0.26:
            items: list[Any] = [{"text": next(self._texts)} for _ in range(ITEMS - 1)]
            return "batch", {"operation": "compress", "items": [*items, {"txt": "bad"}]}, ""
        return "compress", {"text": text}, text

    async def _call(self, operation: Operation, body: dict[str, Any], source: str) -> None:
        async with self._session.post(f"{self._url}/{operation}", json=body) as response:
            answer = await response.json(content_type=None)
        ledger = self._ledger
        if response.status != 200:
            ledger.ended[operation, outcome(answer)] += 1
            return
        ledger.ended[operation, "ok"] += 1
        if operation == "batch":
            for result in answer["results"]:
                ledger.items["compress", outcome(result["problem"]) if "problem" in result else "ok"] += 1
        elif operation == "reconstruct" and (answer["text"] != source or not answer["verified"]):
            ledger.wrong.append(f"reconstructed wrongly: {source[:40]}")
        elif operation == "compress" and len(ledger.capsules) < 200:
            ledger.capsules.append((source, answer["capsule"]))


async def switch_faults(session: aiohttp.ClientSession, upstream: str, stop: asyncio.Event) -> None:
    """Switch to each fault in turn, with a phase without faults in between, and end without one."""
    number = 0
    while not stop.is_set():
        fault = FAULTS[1 + number // 2 % (len(FAULTS) - 1)] if number % 2 else ""
        await set_fault(session, upstream, fault)
        await every(PHASE_S, stop)
        number += 1
    await set_fault(session, upstream, "")


async def set_fault(session: aiohttp.ClientSession, upstream: str, fault: str) -> None:
    """Have the upstream fail so from now on."""
    setting = {"fault": fault, "fault_share": FAULTY_SHARE}
    async with session.post(f"{upstream}/control", json=setting) as response:
        response.raise_for_status()


async def sample_memory(service: Process, samples: list[tuple[float, float]], stop: asyncio.Event) -> None:
    """Seconds and megabytes, every second."""
    started = time.monotonic()
    while not stop.is_set():
        samples.append((time.monotonic() - started, service.megabytes()))
        await every(1.0, stop)


async def state(service: Process) -> State:
    """The service's own figures, read on a separate connection."""
    async with load.client() as session, session.get(f"{service.url}/metrics") as response:
        text = await response.text()
    names = ("in_flight", "queue_depth", "tasks")
    gauges = {name: float(re.findall(rf"^condenser_{name} (\S+)$", text, re.MULTILINE)[0]) for name in names}
    counts = Counter({(operation, kind): int(float(value)) for operation, kind, value in _SAMPLE.findall(text)})
    await asyncio.sleep(0.2)  # the scrape's own connection is closed by then
    return State(service.megabytes(), service.descriptors(), gauges, counts)


async def at_rest(service: Process, like: State) -> State:
    """The state when it is as at the start, or after SETTLE_LIMIT_S seconds."""
    until = time.monotonic() + SETTLE_LIMIT_S
    while True:
        now = await state(service)
        is_back = now.gauges == like.gauges and now.descriptors <= like.descriptors
        if is_back or time.monotonic() > until:
            return now
        await asyncio.sleep(1.0)


def closed(ledger: Ledger, before: State, after: State) -> list[str]:
    """All differences between the counts."""
    faults = list(ledger.wrong)
    counted = after.operations - before.operations
    for operation, sent in ledger.sent.items():
        ended = sum(count for (name, _), count in ledger.ended.items() if name == operation)
        if ended != sent:
            faults.append(f"{operation}: {sent} sent, {ended} ended")
    own = ledger.ended + ledger.items
    for operation in ("compress", "reconstruct", "batch"):
        unseen = ledger.unseen_items if operation == "compress" else 0
        kinds = {kind for name, kind in own | counted if name == operation} - {"left", "ok", "client_gone"}
        for kind in sorted(kinds):
            faults += differs(
                operation, kind, own[operation, kind], counted[operation, kind], unseen + left(ledger, operation)
            )
        # An aborted call may have ended before the service noticed, or may never have arrived.
        answered = own[operation, "ok"] + sum(own[operation, kind] for kind in kinds)
        theirs = sum(count for (name, _), count in counted.items() if name == operation)
        faults += differs(operation, "in all", answered, theirs, unseen + left(ledger, operation))
    faults += [
        f"{name}: {after.gauges[name]:g}, {value:g} at the start"
        for name, value in before.gauges.items()
        if after.gauges[name] != value
    ]
    if after.descriptors > before.descriptors:
        faults.append(f"descriptors: {after.descriptors}, {before.descriptors} at the start")
    return faults


def left(ledger: Ledger, operation: str) -> int:
    """Aborted calls of this operation."""
    return ledger.ended[operation, "left"]


def differs(operation: str, kind: str, mine: int, theirs: int, unseen: int) -> list[str]:
    """A message if the service counts fewer calls than the client, or more than the client and the unseen ones."""
    return [] if mine <= theirs <= mine + unseen else [f"{operation} {kind}: client {mine}, service {theirs}"]


def growth(samples: list[tuple[float, float]]) -> tuple[float, float]:
    """Growth in the second half by least squares: megabytes per hour, and as a share of the memory."""
    half = samples[len(samples) // 2 :]
    slope = statistics.linear_regression([at for at, _ in half], [size for _, size in half]).slope
    return slope * 3600, slope * (half[-1][0] - half[0][0]) / half[0][1]


async def soak(service: Process, upstream: Process, seconds: float) -> list[str]:
    """Run the traffic and print the counts; returns what is wrong."""
    ledger, stop = Ledger(), asyncio.Event()
    samples: list[tuple[float, float]] = []
    texts = load.texts(1500)
    async with load.client() as session:
        await load.closed_loop(session, f"{service.url}/compress", ({"text": text} for text in texts), CLIENTS, 5)
    start = await at_rest(service, await state(service))
    async with load.client() as session, load.client() as control:
        beside = [
            asyncio.create_task(switch_faults(control, upstream.url, stop)),
            asyncio.create_task(sample_memory(service, samples, stop)),
        ]
        clients = [Client(session, service.url, ledger, texts, seed) for seed in range(CLIENTS)]
        await asyncio.gather(*(client.run(time.monotonic() + seconds) for client in clients))
        stop.set()
        await asyncio.gather(*beside)
    end = await at_rest(service, start)
    per_hour, share = growth(samples)
    print(f"{sum(ledger.sent.values())} calls in {seconds / 60:g} minutes: {json.dumps(dict(ledger.sent))}")
    print("ended:", ", ".join(f"{name} {kind} {count}" for (name, kind), count in sorted(ledger.ended.items())))
    print("items:", ", ".join(f"{kind} {count}" for (_, kind), count in sorted(ledger.items.items())))
    print(
        f"memory: {start.megabytes:.0f} MB at the start, {end.megabytes:.0f} at the end, {per_hour:+.1f} MB/h at last"
    )
    print(f"descriptors {start.descriptors} and {end.descriptors}; gauges {start.gauges} and {end.gauges}")
    wrong = closed(ledger, start, end)
    return [*wrong, f"memory grew by {share:.1%} over the last half"] if share > MOST_GROWTH else wrong


def main() -> None:
    """Start both processes, run the traffic, print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    settings: dict[str, Any] = {"max_concurrency": 8, "max_queue": 40, "queue_timeout_s": 3, "request_timeout_s": 5}
    with simulated(8, 0.2, 0.5) as upstream, condenser(upstream.url, **settings) as service:
        wrong = asyncio.run(soak(service, upstream, 60 * arguments.minutes))
    print("\n".join(f"WRONG: {what}" for what in wrong) or "all accounted for")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
