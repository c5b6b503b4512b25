"""Throughput with a second Ollama, and the effect of the death of one of them.

    .venv/bin/python -m benchmarks.upstreams [--rounds 3] [--slots 5] [--service-s 1.2]

A service in front of one simulated Ollama and a service in front of two get the same number of calls in each round,
from 2 clients per slot. Then one Ollama is killed (SIGKILL) while the second service gets calls.
"""

import argparse
import asyncio
import itertools
import os
import signal
import statistics
from collections import Counter
from contextlib import ExitStack

from benchmarks import load
from benchmarks.processes import condenser, simulated
from benchmarks.rounds import call_ends
from benchmarks.ways import through_condenser

CALLS_A_SLOT = 8


async def per_minute(url: str, slots: int, texts: list[str]) -> float:
    """Compressions per minute."""
    async with load.client() as session:
        return 60 * len(texts) / (await call_ends(session, through_condenser(url), texts, 2 * slots))[-1]


async def statuses_around_a_death(url: str, slots: int, texts: list[str], pid: int, after_s: float) -> Counter[int]:
    """Statuses of all calls if the process `pid` is killed after `after_s` seconds."""
    async with load.client() as session:
        asyncio.get_running_loop().call_later(after_s, os.kill, pid, signal.SIGKILL)
        left = iter(texts)
        statuses: Counter[int] = Counter()

        async def client() -> None:
            for text in left:
                ended = await load.call(session, "POST", f"{url}/compress", {"text": text})
                statuses[ended.status] += 1

        await asyncio.gather(*(client() for _ in range(2 * slots)))
        return statuses


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slots", type=int, default=5, help="slots of each Ollama")
    parser.add_argument("--service-s", type=float, default=1.2, help="seconds per call")
    arguments = parser.parse_args()
    texts, slots = load.texts(1000), arguments.slots
    ratios, rates = [], []
    with ExitStack() as stack:
        upstreams = [stack.enter_context(simulated(slots, arguments.service_s)) for _ in range(2)]
        urls = ",".join(single_service.url for single_service in upstreams)
        single_service = stack.enter_context(condenser(upstreams[0].url, max_concurrency=slots))
        double_service = stack.enter_context(condenser(upstreams[0].url, max_concurrency=slots, ollama_urls=urls))
        for _ in range(arguments.rounds):
            count = CALLS_A_SLOT * slots
            single = asyncio.run(per_minute(single_service.url, slots, list(itertools.islice(texts, count))))
            double = asyncio.run(per_minute(double_service.url, 2 * slots, list(itertools.islice(texts, 2 * count))))
            rates.append((single, double))
            ratios.append(double / single)
        for single, double in rates:
            print(f"one: {single:.1f} a minute, two: {double:.1f}, ratio {double / single:.3f}")
        print(f"median ratio {statistics.median(ratios):.3f}")
        sample = list(itertools.islice(texts, 2 * CALLS_A_SLOT * slots))
        after_s = arguments.service_s * CALLS_A_SLOT / 2
        statuses = asyncio.run(
            statuses_around_a_death(double_service.url, 2 * slots, sample, upstreams[1].pid, after_s)
        )
        print(f"one of two killed after {after_s:g} s of {len(sample)} calls: statuses {dict(statuses)}")


if __name__ == "__main__":
    main()
