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
        description="what an operator should know although it can serve: a model that is loaded again and again, or "
        "whose sentences mostly fall; null if nothing was seen"
    ),
]


NumCtx = Annotated[
    int,
    Field(
        description="context window of calls, tokens: CONDENSER_NUM_CTX, or what the model is loaded with if that "
        "is more"
    ),
]
SlowReason = Annotated[
    str | None,
    Field(description="what makes it slow: a model that is loaded again and again; null if nothing was seen"),
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
    version: Annotated[str | None, Field(description="what it says; null if it does not answer")]
    loaded: Annotated[bool, Field(description="whether the default model is in its memory")]
    in_flight: Annotated[int, Field(description="calls in it")]
    slots: Annotated[int, Field(description="calls that it is to have at once at most")]
    problem: Annotated[str | None, Field(description="why it can't serve the default model; null if it can")]
    warning: SlowReason


class EngineState(AnswerBody):
    """The engine as it answered just now."""

    name: EngineName
    url: str
    version: Annotated[str | None, Field(description="what the engine says; null if it does not answer")]
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
    """Successful operations of one kind in the window; items of a batch count as what they are."""

    per_minute: float
    latency_s: Annotated[Quantiles | None, Field(description="null if there was none")]


class ReaderSavings(AnswerBody):
    """What readers of the results are spared, each result read once."""

    tokens: int
    usd: Annotated[float, Field(description="at CONDENSER_READER_USD_PER_1K_TOKENS")]


class SavingsFigures(AnswerBody):
    """What the window's operations saved: against a cloud's price, and whoever reads the results."""

    ratio: Annotated[
        float | None, Field(description="share of the cloud's price, null if a cloud would have charged nothing")
    ]
    usd: Annotated[float, Field(description="against the cloud's price; below 0 if calls failed")]
    reader: ReaderSavings
    reader_since_start: ReaderSavings


class QueueState(AnswerBody):
    """Calls in the engine and waiting for it, now and at most."""

    in_flight: int
    concurrency_limit: int
    depth: int
    capacity: int


class Status(AnswerBody):
    """How the service fares: the engine and the queue now, the figures of the last minute."""

    version: Annotated[str, Field(description="of Condenser")]
    workers: Annotated[int, Field(description="processes that serve; the figures are of all of them together")]
    engine: EngineState
    model: ModelState
    queue: QueueState
    window_s: Annotated[int, Field(description="seconds that the figures below are of")] = WINDOW_S
    operations: dict[Operation, OperationFigures]
    savings: SavingsFigures
