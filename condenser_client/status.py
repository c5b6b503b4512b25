"""Answers about the service itself: `/status` and `/readyz`."""

from typing import Any

from condenser_client.models import Answer


class EngineState(Answer):
    """The engine at this moment; `problem` says why it can't serve."""

    name: str
    url: str
    version: str | None
    up: bool
    problem: str | None
    warning: str | None


class ModelState(Answer):
    """The default model, whether it is in memory, and the share of it in GPU memory (0 to 1)."""

    name: str
    loaded: bool
    num_ctx: int
    gpu_ratio: float | None
    warning: str | None


class QueueState(Answer):
    """Calls in the engine and waiting for it, now and at most."""

    in_flight: int
    concurrency_limit: int
    depth: int
    capacity: int


class Quantiles(Answer):
    """Seconds from request to answer."""

    p50: float
    p95: float
    p99: float


class OperationFigures(Answer):
    """Successful operations of one kind in the last `window_s` seconds."""

    per_minute: float
    latency_s: Quantiles | None


class Status(Answer):
    """The engine and the queue now, and the figures of the last `window_s` seconds."""

    version: str
    workers: int
    engine: EngineState
    model: ModelState
    queue: QueueState
    window_s: int
    operations: dict[str, OperationFigures]
    savings: dict[str, Any]


class Ready(Answer):
    """Whether the service can serve; `problem` says why not."""

    ready: bool
    engine: str
    model: str
    problem: str | None = None
    warning: str | None = None
