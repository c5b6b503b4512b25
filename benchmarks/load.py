"""Load on a running service: distinct texts, and calls whose outcomes are recorded."""

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
"""The status of a call without an answer."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its start `at` on the monotonic clock, and its duration, in seconds."""

    at: float
    took_s: float
    status: int
    queue_s: float = 0.0
    retry_after_s: float | None = None
    error: str = ""


def texts(size: int) -> Iterator[str]:
    """An endless series of different texts of about `size` bytes from the corpus."""
    prose = "\n\n".join(marked.text for marked in load() if marked.kind == "prose" and marked.language == "en")
    while len(prose) < 2 * size:
        prose = f"{prose}\n\n{prose}"
    for number in itertools.count():
        start = number * 997 % (len(prose) - size)
        yield f"Entry {number}. {prose[start : start + size]}"


def client(connections: int = 0) -> aiohttp.ClientSession:
    """A client with at most `connections` connections; 0: no limit."""
    connector = aiohttp.TCPConnector(limit=connections, keepalive_timeout=3)
    return aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=600))


async def call(session: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Ended:
    """Make a call; returns how it ended. Raises only if it is cancelled."""
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
    """Calls that start at random, `a_second` per second, whether or not earlier ones have ended (a Poisson process)."""
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
    """Calls by `clients` clients for `seconds` seconds; each makes its next call when it has its answer."""
    until = time.monotonic() + seconds
    ended: list[Ended] = []

    async def run_client() -> None:
        while time.monotonic() < until:
            ended.append(await call(session, "POST", url, next(bodies)))

    await asyncio.gather(*(run_client() for _ in range(clients)))
    return ended


def quantile(values: Sequence[float], share: float) -> float:
    """The value that the share `share` of all values does not exceed; 0 without values."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


async def gauge(session: aiohttp.ClientSession, url: str, name: str) -> float:
    """The value of a gauge of the service at `url`."""
    async with session.get(f"{url}/metrics") as response:
        lines = (await response.text()).splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))
