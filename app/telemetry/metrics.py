"""The Prometheus metrics. Label values come from fixed lists only."""

import asyncio
import functools
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from app.compression.cache import CacheResult, SharedCompressor
from app.engine.engine import Engine
from app.engine.queue import QueueOutcome
from app.engine.retries import RETRY_REASONS, RetryReason
from app.engine.status import EngineStatus
from app.engine.upstreams import Upstreams
from app.summary.check import Reason
from app.telemetry.cost import Cost, Prices, ServedFrom, local_cost
from app.telemetry.gauges import PICO, UPSTREAM_GAUGES, LastMinuteGauges, engine_up, last_minute
from app.telemetry.history import History, HistorySnapshot, merge
from app.telemetry.shared import WorkerFiles
from app.telemetry.window import Window, bucket_of

Operation = Literal["compress", "reconstruct", "batch"]
OPERATIONS: tuple[Operation, ...] = ("compress", "reconstruct", "batch")
OTHER_MODEL = "other"

_INITIAL_LABELS = {
    "tokens": ("prompt", "completion", "source", "compressed"),
    "facts": ("kept", "missing"),
    "summary_sentences": ("stood", *get_args(Reason)),
    "cost_dollars": ("cloud", "local"),
    "queue_passes": get_args(QueueOutcome),
    "engine_errors": ("unreachable", "busy", "timeout", "failed", "model_not_found", "rejected", "prompt_too_long"),
    "retries": RETRY_REASONS,
    "cache": get_args(CacheResult),
    "proxy_calls": ("ok", "refused", "failed", "unreachable", "cut", "client_gone"),
}
"""Label values that exist from the start, so that a rate is right from their first increase."""

_SERVED_FROM: Mapping[Operation, tuple[ServedFrom, ...]] = {
    "compress": ("engine", "cache", "text"),
    "reconstruct": ("engine", "text"),
    "batch": ("none",),
}

_FAILED_OUTCOMES = ("queue_full", "queue_timeout", "unreachable", "busy", "timeout", "failed", "internal")
"""Outcomes of operations that alerts use."""

GaugeMode = Literal["livemostrecent", "livesum"]

# Creation times of counters are not used, and would be a third of all lines.
disable_created_metrics()  # type: ignore[no-untyped-call]

_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120, 300)
_WAIT_BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60)


class Metrics:
    """All metrics of one instance, in a separate registry. Observes the queue and the engine.

    With `files` the instance has several workers, and the registry holds the sum over all of them.
    """

    def __init__(self, prices: Prices, files: WorkerFiles | None = None) -> None:
        self._files = files
        self._followed: list[tuple[Gauge, Callable[[], float]]] = []
        self.registry = CollectorRegistry() if files is None else files.open(self._refresh)
        self._own_registry = self.registry if files is None else None
        self._prices = prices
        self._model = ""
        self.durations: dict[Operation, Window[int]] = {operation: Window() for operation in OPERATIONS}
        self.spent: Window[str] = Window()
        self.history = History()
        self._earlier = None if files is None else files.own_history()
        self.requests = self._histogram(
            "request_duration_seconds",
            "Time from request to answer, each item of a batch separately, by the source of the answer",
            ("operation", "outcome", "served_from"),
            _REQUEST_BUCKETS,
        )
        self.queue_wait = self._histogram(
            "queue_wait_seconds", "Time waited for a place in the engine", (), _WAIT_BUCKETS
        )
        self.engine_duration = self._histogram(
            "engine_duration_seconds", "Time of one call in the engine", ("model",), _REQUEST_BUCKETS
        )
        self.operations = self._counter(
            "operations", "Operations ended, including items of a batch", ("operation", "outcome")
        )
        self.client_requests = self._counter(
            "client_requests",
            "Requests with an API key, by its name and their outcome; a batch counts once",
            ("client", "outcome"),
        )
        self.tokens = self._counter("tokens", "Tokens by kind", ("kind",))
        self.facts = self._counter("facts", "Facts of compressed texts, kept or missing", ("result",))
        self.sentences = self._counter(
            "summary_sentences",
            "Sentences that the model wrote, by the result of the check: stood, or the rule that rejected them",
            ("result",),
        )
        self.costs = self._counter(
            "cost_dollars", "USD: cloud, what a cloud would charge; local, spent here", ("basis",)
        )
        self.reader_tokens = self._counter(
            "reader_tokens_saved", "Tokens that readers save by reading a result instead of its source", ()
        )
        self.reader_dollars = self._counter(
            "reader_dollars_saved", "USD that a reader of each result saves by CONDENSER_READER_USD_PER_1K_TOKENS", ()
        )
        self.engine_errors = self._counter("engine_errors", "Calls that the engine failed, by kind", ("kind",))
        self.retries = self._counter(
            "retries", "Retries of calls that the engine had not accepted, by reason", ("reason",)
        )
        self.model_loads = self._counter(
            "model_loads",
            "Loads of a model into the engine's memory, according to load_duration in its answers",
            ("model",),
        )
        self.cache = self._counter("cache", "Lookups of the result of an identical request", ("result",))
        self.proxy_calls = self._counter(
            "proxy_calls", "Calls forwarded to the upstream of CONDENSER_PROXY_URL, by outcome", ("outcome",)
        )
        self.queue_passes = self._counter("queue_passes", "Waits for a place in the engine, by outcome", ("outcome",))
        self.engine_up = self._gauge(
            "engine_up",
            "1 if the engine, or any server of it, answered its last check or call, else 0; NaN before the first one",
        )
        self.jobs = self._gauge(
            "jobs",
            "Batches that are answered later, in the whole database; NaN until the first look after the start",
            "state",
        )
        self._gauge("workers", "Processes that serve", mode="livesum").set(1)
        self.jobs_counted({"queued": math.nan, "running": math.nan})
        self.gpu_ratio = self._gauge(
            "model_gpu_ratio",
            "Share of the model in GPU memory, 0 if it is on the CPU, NaN if it is not loaded or unknown",
            "model",
        )
        for operation in OPERATIONS:
            for outcome in ("ok", *_FAILED_OUTCOMES):
                self.operations.labels(operation, outcome)
            for served_from in _SERVED_FROM[operation]:
                self.requests.labels(operation, "ok", served_from)
        others = (lambda: ()) if files is None else files.of_others
        self.registry.register(LastMinuteGauges(self.durations, self.spent, others))
        if files is None:
            ProcessCollector(registry=self.registry)

    def _histogram(self, name: str, text: str, labels: Iterable[str], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels, namespace="condenser", buckets=buckets, registry=self._own_registry)

    def _counter(self, name: str, text: str, labels: Iterable[str]) -> Counter:
        counter = Counter(name, text, labels, namespace="condenser", registry=self._own_registry)
        for value in _INITIAL_LABELS.get(name, ()):
            counter.labels(value)
        return counter

    def _gauge(self, name: str, text: str, *labels: str, mode: GaugeMode = "livemostrecent") -> Gauge:
        """A gauge; `mode`: which of the workers' values it reports if there are several."""
        return Gauge(name, text, labels, namespace="condenser", registry=self._own_registry, multiprocess_mode=mode)

    def _follow(self, gauge: Gauge, value: Callable[[], float]) -> None:
        """Have a gauge read its value at every scrape."""
        if self._files is None:
            gauge.set_function(value)
        else:
            self._followed.append((gauge, value))

    def _refresh(self) -> None:
        for gauge, value in self._followed:
            gauge.set(value())

    def watch_engine(self, engine: Engine) -> None:
        """Read the numbers of calls in the engine and waiting for it from its queue at every scrape."""
        self._model = engine.default_model
        self.engine_duration.labels(self._model)
        self.model_loads.labels(self._model)
        queue = engine.queue
        limit = self._gauge("concurrency_limit", "Most calls at once in the engine")
        self._follow(limit, lambda: queue.max_concurrency)
        self._gauge("queue_capacity", "Most calls that may wait for a place in the engine").set(queue.max_queue)
        self._follow(self._gauge("in_flight", "Calls in the engine"), lambda: queue.in_flight)
        self._follow(self._gauge("queue_depth", "Calls waiting for a place in the engine"), lambda: queue.waiting)
        self._follow(self.engine_up, lambda: engine_up(engine.upstreams))
        self._watch_upstreams(engine.upstreams)
        loop = asyncio.get_running_loop()
        tasks = self._gauge("tasks", "Tasks of the event loop", mode="livesum")
        self._follow(tasks, lambda: len(asyncio.all_tasks(loop)))

    def _watch_upstreams(self, upstreams: Upstreams) -> None:
        for name, text, value in UPSTREAM_GAUGES:
            gauge = self._gauge(f"upstream_{name}", text, "upstream")
            for upstream in upstreams.all:
                self._follow(gauge.labels(upstream.client.base_url), functools.partial(value, upstream))

    def watch_cache(self, cache: SharedCompressor) -> None:
        """Read the size of the cache at every scrape."""
        self._follow(
            self._gauge("cache_bytes", "Memory used by cached results", mode="livesum"), lambda: cache.kept_bytes
        )

    def publish(self) -> None:
        """If there are several workers, publish this worker's counts to the others."""
        if self._files is not None:
            self._refresh()
            self._files.publish(last_minute(self.durations, self.spent), self._own_history())

    def hour(self) -> HistorySnapshot:
        """The last hour of all workers, as far as they have published it."""
        return merge([self._own_history(), *(self._files.histories_of_others() if self._files else ())])

    def _own_history(self) -> HistorySnapshot:
        earlier = [self._earlier] if self._earlier else []
        return merge([*earlier, self.history.snapshot()])

    def cache_asked(self, result: CacheResult) -> None:
        """Count a lookup of a text among cached results and results in progress."""
        self.cache.labels(result).inc()

    def sentence_judged(self, result: Reason | Literal["stood", "outweighed"]) -> None:
        """Count a sentence that the model wrote."""
        self.sentences.labels(result).inc()

    def expect_clients(self, names: Iterable[str]) -> None:
        """Export each client's count from the start, so that a rate is right from its first increase."""
        for name in names:
            self.client_requests.labels(name, "ok")

    def engine_checked(self, status: EngineStatus) -> None:
        """Record the engine's status."""
        ratio = status.gpu_ratio(self._model)
        self.gpu_ratio.labels(self._model).set(math.nan if ratio is None else ratio)

    def wait_ended(self, outcome: QueueOutcome, waited_s: float) -> None:
        """Count the end of a wait."""
        self.queue_passes.labels(outcome).inc()
        if outcome != "full":
            self.queue_wait.observe(waited_s)

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None:
        """Count a call that was in the engine; a failed call costs its time as well."""
        self.engine_duration.labels(self._label(model)).observe(engine_s)
        local_usd = local_cost(self._prices, busy_s)
        self.costs.labels("local").inc(local_usd)
        self.spent.add("local", round(local_usd * PICO))
        self.history.engine_worked(busy_s)
        if outcome not in ("ok", "cancelled"):
            self.engine_errors.labels(outcome).inc()

    def _label(self, model: str) -> str:
        return model if model == self._model else OTHER_MODEL

    def model_loaded(self, model: str) -> None:
        """Count a load of a model."""
        self.model_loads.labels(self._label(model)).inc()

    def call_retried(self, reason: RetryReason) -> None:
        """Count a retry."""
        self.retries.labels(reason).inc()

    def jobs_counted(self, counts: Mapping[str, float]) -> None:
        """Record the numbers of jobs by state, `queued` or `running`."""
        for state, count in counts.items():
            self.jobs.labels(state).set(count)

    def operation_ended(self, operation: Operation, outcome: str, duration_s: float, cost: Cost | None = None) -> None:
        """Count an operation; `cost` if it succeeded. `outcome` is `ok` or the kind of its problem."""
        self.operations.labels(operation, outcome).inc()
        served_from = "none" if cost is None else cost.served_from
        self.requests.labels(operation, outcome, served_from).observe(duration_s)
        if outcome == "ok":
            self.history.operation_succeeded(operation, duration_s)
            self.durations[operation].add(bucket_of(duration_s))
            if cost is not None:
                self.costs.labels("cloud").inc(cost.cloud_usd)
                self.spent.add("cloud", round(cost.cloud_usd * PICO))
                self.reader_tokens.inc(cost.reader_tokens_saved)
                self.reader_dollars.inc(cost.reader_usd_saved)
                self.spent.add("reader_tokens", cost.reader_tokens_saved)
                self.spent.add("reader", round(cost.reader_usd_saved * PICO))
                self.history.text_compressed(cost.reader_tokens_saved)
        else:
            self.history.operation_failed()
