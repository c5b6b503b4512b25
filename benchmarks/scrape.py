"""How long a scrape of `/metrics` takes at the end of a minute of load, and what counting an operation costs.

    .venv/bin/python -m benchmarks.scrape

Runs in this process without HTTP: 2,000 operations a second of widely spread durations fill every bucket that they can,
and each operation has ended with each of the problems.
"""

import random
import statistics
import time

from prometheus_client import exposition

from app.telemetry.cost import Cost, Prices
from app.telemetry.metrics import OPERATIONS, Metrics

OPERATIONS_A_SECOND = 2000
SCRAPES = 300
OUTCOMES = ("queue_full", "queue_timeout", "timeout", "unreachable", "failed", "invalid_request", "client_gone", "busy")


def main() -> None:
    """Fill the metrics, scrape them, print microseconds and milliseconds."""
    metrics = Metrics(Prices(0.01, 0.01, 0.10))
    dice = random.Random(1)
    for operation in OPERATIONS:
        for outcome in OUTCOMES:
            metrics.operation_ended(operation, outcome, 1.0)
    durations = [dice.lognormvariate(0, 2) for _ in range(60 * OPERATIONS_A_SECOND)]
    started = time.perf_counter()
    for number, duration_s in enumerate(durations):
        metrics.operation_ended(OPERATIONS[number % 3], "ok", duration_s, Cost(0.002, 0.00004))
    counted_s = time.perf_counter() - started
    scrapes = []
    for _ in range(SCRAPES):
        started = time.perf_counter()
        text = exposition.generate_latest(metrics.registry)
        scrapes.append((time.perf_counter() - started) * 1000)
    scrapes.sort()
    print(f"{len(text.splitlines())} lines, {len(text)} bytes after {len(durations)} operations")
    print(f"scrape: median {statistics.median(scrapes):.1f} ms, p99 {scrapes[int(0.99 * SCRAPES)]:.1f} ms")
    print(f"counting an operation: {counted_s / len(durations) * 1e6:.1f} us")


if __name__ == "__main__":
    main()
