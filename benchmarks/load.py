"""Load on a running service: distinct texts, and calls whose every end is written down."""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from benchmarks.corpus import load

GONE = 0
"""Stands for the status of a call that has no answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: `at` and `took_s` in seconds of the monotonic clock, from its begin."""

    at: float
    took_s: float
    status: int
    queue_s: float = 0.0
    retry_after_s: float | None = None
    error: str = ""


def texts(size: int) -> Iterator[str]:
    """Texts of about `size` bytes out of the fidelity corpus, no two alike, for ever."""
    prose = "\n\n".join(marked.text for marked in load() if marked.kind == "prose" and marked.language == "en")
    while len(prose) < 2 * size:
        prose = f"{prose}\n\n{prose}"
    for number in itertools.count():
        start = number * 997 % (len(prose) - size)
        yield f"Entry {number}. {prose[start : start + size]}"


def client(connections: int = 0) -> aiohttp.ClientSession:
    """A client with so many connections at most, 0 for as many as it likes."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=3)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=600))


async def call(session: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Ended:
    """Make a call and say how it ended; never raises but where it is cancelled."""
    started = time.monotonic()
    try:
        async with session.request(method, url, json=body) as response:
            content = await (response.json(content_type=None) if body is not None else response.read())
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        return Ended(started, time.monotonic() - started, GONE, error=f"{type(error).__name__}: {error}")
    timing = content.get("timing", {}) if isinstance(content, dict) else {}
    wait = response.headers.get("Retry-After")
    return Ended(
        started,
        time.monotonic() - started,
        response.status,
        timing.get("queue_ms", 0.0) / 1000,
        float(wait) if wait else None,
    )


async def open_loop(
    session: aiohttp.ClientSession, url: str, bodies: Iterator[Any], a_second: float, seconds: float
) -> list[Ended]:
    """Calls that come at random, so many a second, whether the ones before have ended or not (a Poisson process)."""
    dice = random.Random(1)
    loop = asyncio.get_running_loop()
    begun = due = loop.time()
    calls: list[asyncio.Task[Ended]] = []
    while due < begun + seconds:
        await asyncio.sleep(due - loop.time())
        calls.append(asyncio.create_task(call(session, "POST", url, next(bodies))))
        due += dice.expovariate(a_second)
    return list(await asyncio.gather(*calls))


async def closed_loop(
    session: aiohttp.ClientSession, url: str, bodies: Iterator[Any], clients: int, seconds: float
) -> list[Ended]:
    """Calls by so many clients, each of which makes the next one when it has its answer, for so long."""
    until = time.monotonic() + seconds
    ended: list[Ended] = []

    async def one() -> None:
        while time.monotonic() < until:
            ended.append(await call(session, "POST", url, next(bodies)))

    await asyncio.gather(*(one() for _ in range(clients)))
    return ended


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are at most; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
