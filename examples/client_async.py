"""Compress several texts at once. Needs a service: `condenser serve`."""

import asyncio
from pathlib import Path

from condenser_client import AsyncCondenser

PARAGRAPHS = [part for part in Path(__file__).with_name("outage.txt").read_text().split("\n\n") if part.strip()]


async def main() -> None:
    async with AsyncCondenser() as condenser:
        shorts = await asyncio.gather(*(condenser.compress(part, method="extractive") for part in PARAGRAPHS))
        for short in shorts:
            print(short.compressed)

        async for item in condenser.batch_as_ready(PARAGRAPHS, method="extractive"):
            print(item.index, item.result.sizes.token_ratio if item.result else item.problem)


asyncio.run(main())
