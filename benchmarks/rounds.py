"""Calls in rounds of as many calls as there are slots: their end times, and the calls per minute."""

import asyncio
import json
import time

import aiohttp

from benchmarks.ways import Call


async def call_ends(session: aiohttp.ClientSession, call: Call, texts: list[str], clients: int) -> list[float]:
    """End times of calls for all texts by `clients` clients, seconds after the start, in order."""
    left, ends = iter(texts), list[float]()

    async def client() -> None:
        for text in left:
            await call(session, text)
            ends.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return ends


async def batch_ends(session: aiohttp.ClientSession, url: str, texts: list[str]) -> list[float]:
    """Arrival times of the items of a batch of all texts, seconds after the request, in order."""
    started, ends = time.perf_counter(), list[float]()
    body = {"operation": "compress", "items": [{"text": text} for text in texts]}
    async with session.post(f"{url}/batch", json=body, headers={"Accept": "application/x-ndjson"}) as response:
        async for line in response.content:
            assert "result" in json.loads(line), line
            ends.append(time.perf_counter() - started)
    assert len(ends) == len(texts)
    return ends


def per_minute(ends: list[float], slots: int) -> float:
    """Calls per minute, from the end of the first round to the start of the last round.

    The time before and after these happens only once, whatever the number of rounds.
    """
    first, last = slots - 1, len(ends) - 1 - slots
    return 60 * (last - first) / (ends[last] - ends[first])
