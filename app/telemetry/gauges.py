"""Gauges that are computed at each scrape: latency, throughput and savings of the last minute, and the servers."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.engine.upstreams import Upstream, Upstreams
from app.telemetry.cost import Cost
from app.telemetry.window import WINDOW_S, Window, quantile

QUANTILES = (0.5, 0.95, 0.99)
PICO = 10**12
"""Picodollars per USD: a window adds whole numbers."""

_SPENT = "spent"

UPSTREAM_GAUGES: tuple[tuple[str, str, Callable[[Upstream], float]], ...] = (
    (
        "up",
        "1 if this server answered its last check or call, else 0; NaN before the first one",
        lambda upstream: math.nan if upstream.is_up is None else upstream.is_up,
    ),
    ("slots", "Most calls at once in this server", lambda upstream: upstream.slots),
    ("in_flight", "Calls in this server", lambda upstream: upstream.in_flight),
)


def engine_up(upstreams: Upstreams) -> float:
    """1 if any server is up, 0 if none is, NaN before the first check."""
    return math.nan if all(upstream.is_up is None for upstream in upstreams.all) else upstreams.is_any_up


Durations = Mapping[Any, Window[int]]
"""Buckets of the durations of successful operations, by operation."""

Totals = Mapping[str, Mapping[str, int]]
"""Another worker's counts of the last minute, by operation and bucket, and its costs."""


def last_minute(durations: Durations, spent: Window[str]) -> Totals:
    """This worker's counts, for the others."""
    windows: dict[str, Window[Any]] = {**durations, _SPENT: spent}
    return {name: {str(key): amount for key, amount in window.totals().items()} for name, window in windows.items()}


class LastMinuteGauges(Collector):
    """Latency, throughput and savings of the last minute, computed at each scrape."""

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
