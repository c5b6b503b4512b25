"""Counts over the last minute, for gauges that people watch. Memory is bounded whatever the load."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.telemetry.cost import Cost

WINDOW_S = 60
QUANTILES = (0.5, 0.95, 0.99)
PICO = 10**12
"""Picodollars per USD: a window adds whole numbers."""

_SPENT = "spent"

KeyT = TypeVar("KeyT", bound=Hashable)


class Window(Generic[KeyT]):
    """Whole numbers by key over the last WINDOW_S seconds of the clock, including the current one.

    They are kept per second. Whole numbers add up exactly, so no rounding error remains when a second drops out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, Counter[KeyT]]] = deque()
        self._totals: Counter[KeyT] = Counter()

    def add(self, key: KeyT, amount: int = 1) -> None:
        """Add `amount` for `key` now."""
        second = self._forget()
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][key] += amount
        self._totals[key] += amount

    def totals(self) -> Mapping[KeyT, int]:
        self._forget()
        return self._totals

    def _forget(self) -> int:
        second = int(self._clock())
        while self._seconds and self._seconds[0][0] <= second - WINDOW_S:
            for key, amount in self._seconds.popleft()[1].items():
                self._totals[key] -= amount
                if not self._totals[key]:
                    del self._totals[key]
        return second


# Buckets whose bounds grow by a fixed factor give every quantile with a bounded relative error (Masson, Rim and Lee
# 2019, "DDSketch"): here at most 0.5 %.
_GROWTH = 1.01
_SHORTEST_S, _LONGEST_S = 1e-6, 1e6


def bucket_of(duration_s: float) -> int:
    """The bucket of a duration of 1e-6 to 1e6 seconds; values beyond count as the nearest limit."""
    return math.ceil(math.log(min(max(duration_s, _SHORTEST_S), _LONGEST_S), _GROWTH))


def quantile(counts: Mapping[int, int], q: float) -> float:
    """The shortest duration in seconds that is at least as long as the share `q` (0 to 1) of the counted ones.

    Accurate to 0.5 %. Raises ValueError if nothing is counted.
    """
    rank = max(1, math.ceil(round(q * sum(counts.values()), 9)))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return 2 * _GROWTH**bucket / (1 + _GROWTH)
    raise ValueError("no durations")


Durations = Mapping[Any, Window[int]]
"""Buckets of the durations of successful operations, by operation."""

Totals = Mapping[str, Mapping[str, int]]
"""Another worker's counts of the last minute, by operation and bucket, and its costs."""


def last_minute(durations: Durations, spent: Window[str]) -> Totals:
    """This worker's counts, for the others."""
    windows: dict[str, Window[Any]] = {**durations, _SPENT: spent}
    return {name: {str(key): amount for key, amount in window.totals().items()} for name, window in windows.items()}


class WindowCollector(Collector):
    """Figures of the last minute, computed at each scrape."""

    def __init__(
        self,
        durations: Durations,
        spent: Window[str],
        of_others: Callable[[], Iterable[Totals]],
    ) -> None:
        """`of_others`: the other workers' counts."""
        self._durations = durations
        self._spent = spent
        self._of_others = of_others

    def collect(self) -> Iterable[Metric]:
        others = list(self._of_others())
        # In the exposition format only a summary may have a label "quantile".
        latency = Metric(
            "condenser_latency_seconds",
            f"Time from request to answer over the last {WINDOW_S} seconds, within 0.5 %, successful operations only",
            "summary",
        )
        throughput = GaugeMetricFamily(
            "condenser_throughput_operations_per_minute",
            f"Successful operations of the last {WINDOW_S} seconds",
            labels=["operation"],
        )
        for operation, window in self._durations.items():
            counts = Counter(window.totals())
            for other in others:
                counts.update({int(bucket): count for bucket, count in other[operation].items()})
            throughput.add_metric((operation,), sum(counts.values()))
            for q in QUANTILES if counts else ():
                labels = {"operation": operation, "quantile": str(q)}
                latency.add_sample("condenser_latency_seconds", labels, quantile(counts, q))
        spent = Counter(self._spent.totals())
        for other in others:
            spent.update(other[_SPENT])
        savings = Cost(spent["cloud"] / PICO, spent["local"] / PICO)
        yield latency
        yield throughput
        yield GaugeMetricFamily(
            "condenser_cost_savings_ratio",
            f"Share of the cloud's price saved over the last {WINDOW_S} seconds, NaN if a cloud charges nothing",
            value=savings.savings_ratio if savings.cloud_usd else math.nan,
        )
        yield GaugeMetricFamily(
            "condenser_cost_savings_dollars",
            f"USD saved against the cloud's price over the last {WINDOW_S} seconds, negative if calls failed",
            value=savings.cloud_usd - savings.local_usd,
        )
        yield GaugeMetricFamily(
            "condenser_reader_savings_tokens",
            f"Tokens that readers save by results of the last {WINDOW_S} seconds",
            value=spent["reader_tokens"],
        )
        yield GaugeMetricFamily(
            "condenser_reader_savings_dollars",
            f"USD that readers save by results of the last {WINDOW_S} seconds",
            value=spent["reader"] / PICO,
        )
