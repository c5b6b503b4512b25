"""The Prometheus metrics, each fed by what happened. Labels take values from fixed lists only."""

from collections.abc import Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from app.engine.engine import Engine, EngineStatus
from app.engine.gate import GateOutcome
from app.telemetry.cost import Cost, Prices, local_cost
from app.telemetry.window import Window, quantile

Operation = Literal["compress", "reconstruct", "batch"]
OPERATIONS: tuple[Operation, ...] = ("compress", "reconstruct", "batch")
QUANTILES = (0.5, 0.95, 0.99)
OTHER_MODEL = "other"

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300)
_WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60)


class Metrics:
    """All metrics of one instance in a registry of its own. Observes the gate and the engine."""

    def __init__(self, prices: Prices) -> None:
        self.registry = CollectorRegistry()
        self._prices = prices
        self._model = ""
        self.windows: dict[Operation, Window] = {operation: Window() for operation in OPERATIONS}
        self.requests = self._histogram(
            "request_duration_seconds",
            "Time from request to answer, items of a batch each on its own",
            ("operation", "outcome"),
            _REQUEST_BUCKETS,
        )
        self.queue_wait = self._histogram(
            "queue_wait_seconds", "Time waited for a place in the engine", (), _WAIT_BUCKETS
        )
        self.engine_duration = self._histogram(
            "engine_duration_seconds", "Time of one call in the engine", ("model",), _REQUEST_BUCKETS
        )
        self.operations = self._counter(
            "operations", "Operations ended, items of a batch too", ("operation", "outcome")
        )
        self.tokens = self._counter("tokens", "Tokens by kind", ("kind",))
        self.facts = self._counter("facts", "Facts of compressed texts by what became of them", ("result",))
        self.costs = self._counter(
            "cost_dollars", "USD: cloud, what a cloud would charge; local, spent here", ("basis",)
        )
        self.engine_errors = self._counter("engine_errors", "Calls that the engine failed, by kind", ("kind",))
        self.gate = self._counter("queue_passes", "Ends of waits for a place in the engine", ("outcome",))
        self.engine_up = self._gauge("engine_up", "1 where the engine answered the last check or call, else 0")
        self.gpu_ratio = Gauge(
            "model_gpu_ratio",
            "Share of the model that is in GPU memory, 0 where it is on the CPU or not loaded",
            ("model",),
            namespace="condenser",
            registry=self.registry,
        )
        self.registry.register(_WindowCollector(self.windows))

    def _histogram(self, name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels, namespace="condenser", buckets=buckets, registry=self.registry)

    def _counter(self, name: str, text: str, labels: Iterable[str]) -> Counter:
        return Counter(name, text, labels, namespace="condenser", registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, namespace="condenser", registry=self.registry)

    def watch_engine(self, engine: Engine) -> None:
        """Take the numbers of calls in the engine and waiting for it from its gate at every scrape."""
        self._model = engine.default_model
        gate = engine.gate
        self._gauge("in_flight", "Calls in the engine").set_function(lambda: gate.in_flight)
        self._gauge("queue_depth", "Calls waiting for a place in the engine").set_function(lambda: gate.waiting)

    def engine_checked(self, status: EngineStatus) -> None:
        """Note what the engine says of itself."""
        self.engine_up.set(status.version is not None)
        loaded = status.loaded_model(self._model)
        self.gpu_ratio.labels(self._model).set(loaded.gpu_ratio if loaded else 0)

    def gate_passed(self, outcome: GateOutcome, waited_s: float) -> None:
        """Count the end of a wait."""
        self.gate.labels(outcome).inc()
        if outcome != "full":
            self.queue_wait.observe(waited_s)

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None:
        """Count a call that was in the engine: a failed one costs its time as well."""
        self.engine_duration.labels(model if model == self._model else OTHER_MODEL).observe(engine_s)
        self.costs.labels("local").inc(local_cost(self._prices, busy_s))
        if outcome not in ("ok", "cancelled"):
            self.engine_errors.labels(outcome).inc()
        if outcome == "ok":
            self.engine_up.set(1)
        elif outcome == "unreachable":
            self.engine_up.set(0)

    def operation_ended(self, operation: Operation, outcome: str, duration_s: float, cost: Cost | None = None) -> None:
        """Count an operation; `cost` where it succeeded. `outcome` is `ok` or the kind of its problem."""
        self.operations.labels(operation, outcome).inc()
        self.requests.labels(operation, outcome).observe(duration_s)
        if outcome == "ok":
            cloud_usd, local_usd = (cost.cloud_usd, cost.local_usd) if cost else (0.0, 0.0)
            self.costs.labels("cloud").inc(cloud_usd)
            self.windows[operation].add(duration_s, cloud_usd, local_usd)


class _WindowCollector(Collector):
    """The gauges over the last minute, computed when they are scraped."""

    def __init__(self, windows: dict[Operation, Window]) -> None:
        self._windows = windows

    def collect(self) -> Iterable[Metric]:
        latency = GaugeMetricFamily(
            "condenser_latency_seconds",
            "Latency of the operations that succeeded in the last 60 seconds",
            labels=("operation", "quantile"),
        )
        throughput = GaugeMetricFamily(
            "condenser_throughput_operations_per_minute",
            "Operations that succeeded in the last 60 seconds",
            labels=("operation",),
        )
        cloud_usd = local_usd = 0.0
        for operation, window in self._windows.items():
            samples = window.samples()
            throughput.add_metric((operation,), len(samples))
            cloud_usd += sum(sample.cloud_usd for sample in samples)
            local_usd += sum(sample.local_usd for sample in samples)
            durations = sorted(sample.duration_s for sample in samples)
            for q in QUANTILES if durations else ():
                latency.add_metric((operation, str(q)), quantile(durations, q))
        savings = Cost(cloud_usd, local_usd)
        yield latency
        yield throughput
        yield GaugeMetricFamily(
            "condenser_cost_savings_ratio",
            "Share of the cloud's price saved by the operations of the last 60 seconds, 0 without any",
            value=savings.savings_ratio,
        )
        yield GaugeMetricFamily(
            "condenser_cost_savings_dollars",
            "USD saved against the cloud's price by the operations of the last 60 seconds",
            value=cloud_usd - local_usd,
        )
