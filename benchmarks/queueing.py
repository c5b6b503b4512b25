"""A model of the queue in front of the engine, compared with the service on a simulated Ollama.

    .venv/bin/python -m benchmarks.queueing            # the model and the service, about 5 minutes
    .venv/bin/python -m benchmarks.queueing --model    # the model alone, for 1, 10 and 1,000 GPUs

Requests that arrive at c slots at random (a Poisson process) wait Erlang's C (the probability to wait at all) times the
mean time to the next free slot, corrected for service times that vary less than exponential ones: Allen and Cunneen's
approximation for M/G/c, E[W] = C(c, a) / (c mu - lambda) * (1 + cv^2) / 2 (Allen, Probability, Statistics and
Queueing Theory, 1990, section 5.2).
"""

import argparse
import asyncio
import os
import statistics
from collections.abc import Iterator
from typing import Any

from benchmarks import load
from benchmarks.processes import Process, condenser, simulated

SERVICE_S = 0.3
SPREAD = 0.3
SLOTS = 5
LOADS = (0.5, 0.7, 0.8, 0.9)
SECONDS = 60.0
REFERENCE_S = 1.2
REFERENCE_SLOTS = 5
MODELLED_LOADS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def probability_to_wait(slots: int, share: float) -> float:
    """Erlang's C: the probability that all `slots` are taken; `share`: offered work divided by capacity, below 1.

    By the recursion of Erlang's B, B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1)), which does not overflow.
    """
    offered, blocked = share * slots, 1.0
    for n in range(1, slots + 1):
        blocked = offered * blocked / (n + offered * blocked)
    return blocked / (1 - share * (1 - blocked))


def mean_wait(slots: int, share: float, variation: float = 0.0) -> float:
    """Mean wait in service times; `variation`: squared coefficient of variation of the service time."""
    return probability_to_wait(slots, share) / (slots * (1 - share)) * (1 + variation) / 2


async def measured_waits(service: Process, rate: float, bodies: Iterator[Any]) -> list[float]:
    """Waits of requests at `rate` per second, in service times."""
    async with load.client() as session:
        ended = await load.open_loop(session, f"{service.url}/compress", bodies, rate, SECONDS)
    assert all(call.status == 200 for call in ended)
    return [call.queue_s / SERVICE_S for call in ended]


def compare() -> None:
    """Print model and measurement side by side."""
    variation = SPREAD**2 / 3  # of a time with a uniform distribution from 1 - SPREAD to 1 + SPREAD
    bodies = ({"text": text} for text in load.texts(500))
    print(f"{SLOTS} slots; waits in service times\n")
    print(
        "| load | model: mean wait | service: mean wait | model: share that waits | service | calls |\n"
        + "| --- " * 6
        + "|"
    )
    with simulated(SLOTS, SERVICE_S, SPREAD) as upstream, condenser(upstream.url, max_concurrency=SLOTS) as service:
        for share in LOADS:
            waits = asyncio.run(measured_waits(service, share * SLOTS / SERVICE_S, bodies))
            waited = sum(wait > 0.01 for wait in waits) / len(waits)
            print(
                f"| {share:.0%} | {mean_wait(SLOTS, share, variation):.3f} | {statistics.mean(waits):.3f} "
                f"| {probability_to_wait(SLOTS, share):.0%} | {waited:.0%} | {len(waits)} |",
                flush=True,
            )


def predict_fleets() -> None:
    """Print the model's predictions for fleets: one queue for all slots, and a queue for each GPU."""
    print(f"Mean wait in seconds, {REFERENCE_SLOTS} slots a GPU, {REFERENCE_S} s a call\n")
    print("| load | one GPU | 10 GPUs, one queue | 1,000 GPUs, 50 queues of 20 |\n| --- | --- | --- | --- |")
    for share in MODELLED_LOADS:
        waits = [REFERENCE_S * mean_wait(REFERENCE_SLOTS * gpus, share) for gpus in (1, 10, 20)]
        print(f"| {share:.0%} | {' | '.join(f'{wait:.3f}' for wait in waits)} |")


def main() -> None:
    """Compare, or predict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="store_true", help="print the model's predictions for fleets")
    if parser.parse_args().model:
        predict_fleets()
        return
    os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
    compare()


if __name__ == "__main__":
    main()
