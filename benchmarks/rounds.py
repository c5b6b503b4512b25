"""Calls in rounds, as many in each as there are slots: when they end, and how many a minute that makes."""

import asyncio
import json
import time

import aiohttp

from benchmarks.ways import Call


async def call_ends(session: aiohttp.ClientSession, call: Call, texts: list[str], clients: int) -> list[float]:
    """When the calls for all texts by so many clients end, seconds from the begin of the first, in order."""
    left, ends = iter(texts), list[float]()

    async def client() -> None:
        for text in left:
            await call(session, text)
            ends.append(time.perf_counter() - started)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return ends


async def batch_ends(session: aiohttp.ClientSession, url: str, texts: list[str]) -> list[float]:
    """When the items of one batch of all texts are there, seconds from its sending, in order."""
    started, ends = time.perf_counter(), list[float]()
    body = {"operation": "compress", "items": [{"text": text} for text in texts]}
    async with session.post(f"{url}/batch", json=body, headers={"Accept": "application/x-ndjson"}) as response:
        async for line in response.content:
            assert "result" in json.loads(line), line
            ends.append(time.perf_counter() - started)
    assert len(ends) == len(texts)
    return ends


def per_minute(ends: list[float], slots: int) -> float:
    """Ends a minute from the last one of the first round to the last one before the last round.

    What comes before and after them happens once, however many rounds there are.
    """
    first, last = slots - 1, len(ends) - 1 - slots
    return 60 * (last - first) / (ends[last] - ends[first])
