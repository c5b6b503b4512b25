"""Answer bodies of `/healthz`, `/readyz` and `/status`."""

from typing import Annotated, Literal

from pydantic import Field, PlainSerializer

from app.api.schemas import AnswerBody
from app.engine.client import EngineName
from app.telemetry.metrics import Operation
from app.telemetry.window import WINDOW_S

GpuRatio = Annotated[
    Annotated[float, PlainSerializer(lambda ratio: round(ratio, 4))] | None,
    Field(description="share of the model in GPU memory, 0 to 1; null if it is not loaded or unknown"),
]

WarningText = Annotated[
    str | None,
    Field(
        description="a fault that does not stop the service: a model that is loaded repeatedly, or most of whose "
        "sentences fail the check; null if there is none"
    ),
]


NumCtx = Annotated[
    int,
    Field(description="context window of calls, tokens: CONDENSER_NUM_CTX, or the loaded model's if that is larger"),
]
SlowReason = Annotated[
    str | None,
    Field(description="why it is slow: a model that is loaded repeatedly; null if nothing was detected"),
]


class Ready(AnswerBody):
    """Whether the engine can serve the default model."""

    ready: bool
    engine: EngineName
    engine_url: str
    engine_version: str | None
    model: str
    loaded: Annotated[bool, Field(description="whether the model is in memory")]
    num_ctx: NumCtx
    gpu_ratio: GpuRatio
    problem: Annotated[str | None, Field(description="why it is not ready; null if it is")]
    warning: WarningText


class Health(AnswerBody):
    status: Literal["ok"] = "ok"
    version: str


class UpstreamState(AnswerBody):
    """One server that runs the model, as it answered just now."""

    url: str
    version: Annotated[str | None, Field(description="version that it reports; null if it does not answer")]
    loaded: Annotated[bool, Field(description="whether the default model is in its memory")]
    in_flight: Annotated[int, Field(description="calls in progress")]
    slots: Annotated[int, Field(description="most calls that it should have at once")]
    problem: Annotated[str | None, Field(description="why it can't serve the default model; null if it can")]
    warning: SlowReason


class EngineState(AnswerBody):
    """The engine as it answered just now."""

    name: EngineName
    url: str
    version: Annotated[str | None, Field(description="version that it reports; null if it does not answer")]
    up: Annotated[bool, Field(description="whether it answers")]
    problem: Annotated[str | None, Field(description="why it can't serve the default model; null if it can")]
    warning: SlowReason
    upstreams: Annotated[list[UpstreamState], Field(description="each of its servers, one or more")]


class ModelState(AnswerBody):
    """The default model."""

    name: str
    loaded: Annotated[bool, Field(description="whether it is in memory")]
    num_ctx: NumCtx
    gpu_ratio: GpuRatio
    warning: WarningText


class Quantiles(AnswerBody):
    """Seconds from request to answer that half, 95 % and 99 % of the operations did not exceed."""

    p50: float
    p95: float
    p99: float


class OperationFigures(AnswerBody):
    """Successful operations of one kind in the window; each item of a batch counts."""

    per_minute: float
    latency_s: Annotated[Quantiles | None, Field(description="null if there was none")]


class ReaderSavings(AnswerBody):
    """What readers of the results save if each result is read once."""

    tokens: int
    usd: Annotated[float, Field(description="at CONDENSER_READER_USD_PER_1K_TOKENS")]


class SavingsFigures(AnswerBody):
    """Savings of the operations in the window: against a cloud's price, and for readers of the results."""

    ratio: Annotated[
        float | None, Field(description="share of the cloud's price, null if a cloud would have charged nothing")
    ]
    usd: Annotated[float, Field(description="against the cloud's price; negative if calls failed")]
    reader: ReaderSavings
    reader_since_start: ReaderSavings


class QueueState(AnswerBody):
    """Calls in the engine and waiting for it, now and at most."""

    in_flight: int
    concurrency_limit: int
    depth: int
    capacity: int


class Status(AnswerBody):
    """The engine and the queue now, and figures of the last minute."""

    version: Annotated[str, Field(description="version of Condenser")]
    workers: Annotated[int, Field(description="processes that serve; the figures are sums over them")]
    engine: EngineState
    model: ModelState
    queue: QueueState
    window_s: Annotated[int, Field(description="length of the window of the figures below, seconds")] = WINDOW_S
    operations: dict[Operation, OperationFigures]
    savings: SavingsFigures
