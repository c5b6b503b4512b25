"""Answers of the service. Fields that a newer service adds are kept."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Range = tuple[int, int]
"""Start and end (exclusive), in Unicode code points."""


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


def _is_absent(value: object) -> bool:
    return value is None


class CapsuleSource(Answer):
    """Size and hash of the text in a capsule."""

    sha256: str
    bytes: int
    tokens: int


class Capsule(Answer):
    """The data that restores a text. Store it as JSON: `capsule.model_dump_json()`."""

    version: int
    payload: str
    fidelity: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    codec: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    source: Annotated[CapsuleSource | None, Field(exclude_if=_is_absent)] = None
    model: Annotated[str | None, Field(exclude_if=_is_absent)] = None
    prompt_version: Annotated[str | None, Field(exclude_if=_is_absent)] = None


class Passage(Answer):
    """A passage of the result, and the ranges of the source that it copies or is based on. `support` is 0 to 1."""

    start: int
    end: int
    by: str
    source: list[Range]
    support: float


class SummaryCounts(Answer):
    """Numbers of sentences that the model wrote, that passed the check, and that are in the result."""

    written: int
    stood: int
    taken: int


class ExplainedFact(Answer):
    """A fact of the source, whether it is in the result, and the ranges that state it."""

    text: str
    kind: str
    kept: bool
    places: list[Range]


class DroppedSentence(Answer):
    """A sentence by the model that is not in the result, and why."""

    text: str
    reason: str


class Explanation(Answer):
    """All facts, and the dropped sentences of the model."""

    facts: list[ExplainedFact]
    dropped: list[DroppedSentence]


class Fidelity(Answer):
    """What the result contains of its source. `missing` has at most 20 of the `missing_count` missing facts."""

    facts: int
    kept: int
    missing: list[str]
    missing_count: int
    passages: list[Passage]
    omitted: list[Range]
    structure: list[str]
    summary: SummaryCounts
    explain: Explanation | None = None


class Sizes(Answer):
    """Tokens and bytes before and after."""

    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: int
    token_ratio: float
    byte_ratio: float


class Usage(Answer):
    """Tokens of the model calls of this request; `cached`: the result came from the cache, without a call."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    model: str
    engine: str
    cached: bool = False


class Timing(Answer):
    """Milliseconds."""

    queue_ms: float
    engine_ms: float
    total_ms: float


class Cost(Answer):
    """Price of the model calls in USD, in a cloud and here."""

    cloud_usd: float
    local_usd: float
    savings_ratio: float


class CompressResult(Answer):
    """The short text, its report, and the capsule that restores the text."""

    compressed: str
    method: str
    capsule: Capsule
    fidelity: Fidelity
    sizes: Sizes
    usage: Usage
    timing: Timing
    cost: Cost


class ChangedContent(Answer):
    """A changed text of message number `index`, and the capsule that restores it.

    `part`: its index in a content that is a list.
    """

    index: int
    part: int | None = None
    method: str
    capsule: Capsule
    fidelity: Fidelity
    sizes: Sizes


class Older(Answer):
    """The messages that may be compressed: their number, and their tokens before and after."""

    messages: int
    source_tokens: int
    compressed_tokens: int
    token_ratio: float


class MessagesResult(Answer):
    """The messages with the older ones shortened, ready to be sent."""

    messages: list[dict[str, Any]]
    method: str
    changed: list[ChangedContent]
    older: Older
    sizes: Sizes
    usage: Usage
    timing: Timing
    cost: Cost


class Excerpt(Answer):
    """An early part of the result: a passage of the best result without the model, or a checked sentence."""

    text: str
    by: str
    source: list[Range]
    support: float


class ReconstructResult(Answer):
    """The text; `verified`: it is the source, byte for byte."""

    text: str
    mode: str
    verified: bool
    fidelity: Fidelity | None
    usage: Usage
    timing: Timing
    cost: Cost


class Problem(Answer):
    """RFC 9457 problem details. `type` is for programs, `detail` for people."""

    type: str = "about:blank"
    title: str = ""
    status: int = 0
    detail: str = ""
    request_id: str = ""


class BatchItem(Answer):
    """The `result` or the `problem` of an item."""

    index: int
    result: CompressResult | None = None
    problem: Problem | None = None


class BatchResult(Answer):
    """The results in the order of the items."""

    results: list[BatchItem]
    succeeded: int
    failed: int


class Job(Answer):
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
