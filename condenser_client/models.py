"""What the service answers. Fields that a newer service adds are kept, and do no harm."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, Required

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict  # typing's own can't stand in a pydantic model before Python 3.12

Range = tuple[int, int]
"""Start and end (exclusive), in Unicode code points."""


class CompressOptions(TypedDict, total=False):
    """How to compress; each left out has the service's default. `/docs` of the service describes them."""

    target_ratio: float
    coverage: float
    method: Literal["auto", "abstractive", "extractive"]
    question: str
    must_keep: Sequence[str]
    content_type: str
    fidelity: Literal["exact", "semantic"]
    model: str
    on_engine_error: Literal["fail", "extractive"]
    explain: bool
    timeout_s: float


class MessagesOptions(TypedDict, total=False):
    """How to compress chat messages; each left out has the service's default."""

    keep_last: int
    target_ratio: float
    coverage: float
    method: Literal["auto", "abstractive", "extractive"]
    question: str
    must_keep: Sequence[str]
    fidelity: Literal["exact", "semantic"]
    model: str
    on_engine_error: Literal["fail", "extractive"]
    explain: bool
    timeout_s: float


class CompressItem(CompressOptions, total=False):
    """An item of a batch that compresses."""

    text: Required[str]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


def _is_absent(value: object) -> bool:
    return value is None


class CapsuleSource(_Answer):
    """Size and hash of the text that a capsule stands for."""

    sha256: str
    bytes: int
    tokens: int


class Capsule(_Answer):
    """What a text can be had back from. Keep it as JSON: `capsule.model_dump_json()`."""

    version: int
    payload: str
    fidelity: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    codec: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    source: Annotated[CapsuleSource | None, Field(exclude_if=_is_absent)] = None
    model: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    prompt_version: Annotated[str | None, Field(exclude_if=_is_absent)] = None


class Passage(_Answer):
    """A passage of the result, and the ranges of the source that it is or rests on. `support` is 0 to 1."""

    start: int
    end: int
    by: str
    source: list[Range]
    support: float


class SummaryCounts(_Answer):
    """How many sentences the model wrote, how many of them passed the check, and how many are in the result."""

    written: int
    stood: int
    taken: int


class ExplainedFact(_Answer):
    """A fact of the source, whether it is in the result, and where the source states it."""

    text: str
    kind: str
    kept: bool
    places: list[Range]


class DroppedSentence(_Answer):
    """A sentence of the model's that is not in the result, and why."""

    text: str
    reason: str


class Explanation(_Answer):
    """What became of each fact, and of each sentence of the model's that was dropped."""

    facts: list[ExplainedFact]
    dropped: list[DroppedSentence]


class Fidelity(_Answer):
    """What the result has of its source. `missing` names at most 20 of the `missing_count` facts that it lacks."""

    facts: int
    kept: int
    missing: list[str]
    missing_count: int
    passages: list[Passage]
    omitted: list[Range]
    structure: list[str]
    summary: SummaryCounts
    explain: Explanation | None = None


class Sizes(_Answer):
    """Tokens and bytes before and after."""

    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: int
    token_ratio: float
    byte_ratio: float


class Usage(_Answer):
    """Tokens of the model calls that this request made; `cached`: it made none of its own."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    model: str
    engine: str
    cached: bool = False


class Timing(_Answer):
    """Milliseconds."""

    queue_ms: float
    engine_ms: float
    total_ms: float


class Cost(_Answer):
    """US dollars of the model calls, in a cloud and here."""

    cloud_usd: float
    local_usd: float
    savings_ratio: float


class CompressResult(_Answer):
    """The short text, its report, and the capsule to get the text back from."""

    compressed: str
    method: str
    capsule: Capsule
    fidelity: Fidelity
    sizes: Sizes
    usage: Usage
    timing: Timing
    cost: Cost


class ChangedContent(_Answer):
    """A text of message number `index` that is not as it was, and the capsule to get it back from.

    `part`: its number in a content that is a list.
    """

    index: int
    part: int | None = None
    method: str
    capsule: Capsule
    fidelity: Fidelity
    sizes: Sizes


class Older(_Answer):
    """What could be compressed: how many messages, and their tokens before and after."""

    messages: int
    source_tokens: int
    compressed_tokens: int
    token_ratio: float


class MessagesResult(_Answer):
    """The messages with the older ones shortened, ready to be sent on."""

    messages: list[dict[str, Any]]
    method: str
    changed: list[ChangedContent]
    older: Older
    sizes: Sizes
    usage: Usage
    timing: Timing
    cost: Cost


class Excerpt(_Answer):
    """What is known before the whole answer: a passage of the best result without the model, or a checked sentence."""

    text: str
    by: str
    source: list[Range]
    support: float


class ReconstructResult(_Answer):
    """The text; `verified`: it is the source, byte for byte."""

    text: str
    mode: str
    verified: bool
    fidelity: Fidelity | None
    usage: Usage
    timing: Timing
    cost: Cost


class Problem(_Answer):
    """RFC 9457 problem details. `type` is for programs, `detail` for people."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    request_id: str = ""


class BatchItem(_Answer):
    """What came of one item: either `result` or `problem`."""

    index: int
    result: CompressResult | None = None
    problem: Problem | None = None


class BatchResult(_Answer):
    """What came of each item, in the order of the items."""

    results: list[BatchItem]
    succeeded: int
    failed: int


class Job(_Answer):
    """A batch that is answered later. `state` is queued, running, done or cancelled."""

    id: str
    state: str
    operation: str
    items: int
    succeeded: int
    failed: int
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def is_over(self) -> bool:
        """Whether no more results will come."""
        return self.state in ("done", "cancelled")


class JobPage(Job):
    """A batch that is answered later, and a page of its results. `next` is the path of the page after it."""

    results: list[BatchItem]
    next: str | None = None


class EngineState(_Answer):
    """The engine as it answered just now; `problem` says why it can't serve."""

    name: str
    url: str
    version: str | None
    up: bool
    problem: str | None
    warning: str | None


class ModelState(_Answer):
    """The default model, whether it is in memory, and how much of it in that of a GPU (0 to 1)."""

    name: str
    loaded: bool
    num_ctx: int
    gpu_ratio: float | None
    warning: str | None


class QueueState(_Answer):
    """Calls in the engine and waiting for it, now and at most."""

    in_flight: int
    concurrency_limit: int
    depth: int
    capacity: int


class Quantiles(_Answer):
    """Seconds from request to answer."""

    p50: float
    p95: float
    p99: float


class OperationFigures(_Answer):
    """Successful operations of one kind in the last `window_s` seconds."""

    per_minute: float
    latency_s: Quantiles | None


class Status(_Answer):
    """The engine and the queue now, and the figures of the last `window_s` seconds."""

    version: str
    workers: int
    engine: EngineState
    model: ModelState
    queue: QueueState
    window_s: int
    operations: dict[str, OperationFigures]
    savings: dict[str, Any]


class Ready(_Answer):
    """Whether the service can serve; `problem` says why not."""

    ready: bool
    engine: str
    model: str
    problem: str | None = None
    warning: str | None = None
