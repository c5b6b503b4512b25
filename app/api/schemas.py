"""Request and answer bodies of `/compress` with a text and of `/reconstruct`, and problems."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api import examples
from app.api.fields import ModelName, TimeoutSeconds
from app.capsule.format import Capsule
from app.compression.compressor import MadeBy, Method, OnEngineError
from app.engine.client import EngineName
from app.summary.check import Reason
from app.text.facts import Kind


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnswerBody(BaseModel):
    model_config = ConfigDict(frozen=True)


class CompressOptionsBody(RequestBody):
    """Options of a compression of a text or of messages."""

    fidelity: Annotated[
        Literal["exact", "semantic"],
        Field(description="`exact`: the capsule contains the source; `semantic`: smallest capsule, lossy"),
    ] = "exact"
    target_ratio: Annotated[
        float | None,
        Field(ge=0.01, le=1, description="target size of the result in tokens, divided by the source's"),
    ] = None
    coverage: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="share of the text's worth that the result keeps; default: CONDENSER_COVERAGE. "
            "Not together with `target_ratio`",
        ),
    ] = None
    method: Annotated[
        Method,
        Field(
            description="`auto`: sentences by the model that passed the check and whole sentences of the text, "
            "whichever say more per token; `abstractive`: only the model's; `extractive`: only the text's, without a "
            "model call"
        ),
    ] = "auto"
    question: Annotated[
        str | None, Field(min_length=1, max_length=1000, description="keep what answers this question")
    ] = None
    must_keep: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=100, description="strings of the text that the result must contain verbatim"),
    ] = []
    model: ModelName = None
    on_engine_error: Annotated[
        OnEngineError,
        Field(description="`extractive`: if the engine fails, answer with sentences of the text instead of a problem"),
    ] = "fail"
    explain: Annotated[
        bool,
        Field(
            description="list in `fidelity.explain` all facts, and the dropped sentences of the model with the reasons"
        ),
    ] = False
    timeout_s: TimeoutSeconds = None

    @model_validator(mode="after")
    def _one_measure(self) -> "CompressOptionsBody":
        if self.target_ratio is not None and self.coverage is not None:
            raise ValueError("target_ratio and coverage can't be given together")
        return self


class CompressRequest(CompressOptionsBody):
    """A text and options."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"text": examples.TEXT, "method": "extractive"}, {"text": examples.TEXT, "target_ratio": 0.3}]
        }
    )

    text: Annotated[str, Field(description="the text, any Unicode; at most CONDENSER_MAX_TEXT_BYTES of UTF-8")]
    content_type: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=100,
            description="what the text is, if the caller knows: `json`, `csv`, `python`, `text/html` ...; default: "
            "detected",
        ),
    ] = None


Range = Annotated[tuple[int, int], Field(description="start and end (exclusive) in Unicode code points")]


class PassageBody(AnswerBody):
    """A passage of the result, and the ranges of the source that it copies or is based on."""

    start: Annotated[int, Field(description="start in `compressed`, in Unicode code points")]
    end: Annotated[int, Field(description="end in `compressed`, exclusive")]
    by: Annotated[
        Literal["model", "source"],
        Field(description="`source`: copied from the text; `model`: a sentence by the model that passed the check"),
    ]
    source: Annotated[list[Range], Field(description="the ranges of the text that it copies, or that support it")]
    support: Annotated[float, Field(description="how well the text supports it, 0 to 1; 1 if copied from the text")]


class ExcerptBody(AnswerBody):
    """A part of the result that is known early: data of the events `passage` and `sentence`."""

    text: str
    by: Annotated[
        Literal["model", "source"],
        Field(description="`source` in a `passage`, of the best result without the model; `model` in a `sentence`"),
    ]
    source: Annotated[list[Range], Field(description="the ranges of the text that it copies, or that support it")]
    support: Annotated[float, Field(description="how well the text supports it, 0 to 1; 1 if copied from the text")]


class SummaryCounts(AnswerBody):
    """Numbers of sentences that the model wrote."""

    written: int
    stood: Annotated[int, Field(description="sentences that passed the check")]
    taken: Annotated[int, Field(description="sentences that are in the result")]


class ExplainedFact(AnswerBody):
    """A fact of the source, and whether it is in the result."""

    text: Annotated[str, Field(description="the fact in its first spelling")]
    kind: Kind
    kept: bool
    places: Annotated[list[Range], Field(description="all ranges of the source that state it, in any spelling")]


class DroppedSentence(AnswerBody):
    """A sentence by the model that is not in the result: the rule that it broke, or outweighed by the source's."""

    text: str
    reason: Reason | Literal["outweighed"]


class Explanation(AnswerBody):
    """All facts, and the dropped sentences of the model."""

    facts: list[ExplainedFact]
    dropped: list[DroppedSentence]


class FidelityReport(AnswerBody):
    """What a result contains of its source, by offsets."""

    facts: Annotated[int, Field(description="distinct facts of the source: figures, dates, names, identifiers")]
    kept: Annotated[int, Field(description="facts that are in the result")]
    missing: Annotated[list[str], Field(description="the most important facts that are not, at most 20")]
    missing_count: Annotated[int, Field(description="number of all facts that are not in the result")]
    passages: list[PassageBody]
    omitted: Annotated[list[Range], Field(description="ranges of the source that are not in the result")]
    structure: Annotated[list[str], Field(description="parts of the source: prose, list, table, log, code ...")]
    summary: SummaryCounts
    explain: Annotated[
        Explanation | None,
        Field(exclude_if=lambda value: value is None, description="only if the request has `explain`"),
    ] = None


class SizesBody(AnswerBody):
    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: Annotated[int, Field(description="the capsule as compact JSON")]
    token_ratio: Annotated[float, Field(description="compressed_tokens / source_tokens")]
    byte_ratio: Annotated[float, Field(description="capsule_bytes / source_bytes")]


class UsageBody(AnswerBody):
    """Tokens of this request's model calls, all 0 if there were none. `cached`: the request made no call of its own."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    model: str
    engine: EngineName
    cached: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of prompts and completions together."""
        return self.prompt_tokens + self.completion_tokens


class TimingBody(AnswerBody):
    """Milliseconds. `queue_ms` and `engine_ms` are sums over the calls, which may overlap in a long text."""

    queue_ms: float
    engine_ms: float
    total_ms: float


class CostBody(AnswerBody):
    cloud_usd: Annotated[float, Field(description="what a cloud would charge for these tokens")]
    local_usd: Annotated[
        float, Field(description="this request's share of the engine's busy time, at the price of the machine")
    ]
    savings_ratio: Annotated[float, Field(description="1 - local_usd / cloud_usd; 0 if no model was called")]


class CompressCostBody(CostBody):
    """With the savings of a reader of the result, mostly another model, each time it reads it."""

    reader_tokens_saved: Annotated[int, Field(description="tokens of the text minus those of the result")]
    reader_usd_saved: Annotated[float, Field(description="the price of these at CONDENSER_READER_USD_PER_1K_TOKENS")]


class CompressResponse(AnswerBody):
    """The result, its report, and the capsule that restores the text."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.COMPRESSED]})

    compressed: str
    method: Annotated[
        MadeBy,
        Field(
            description="`verbatim`: the text itself, it would not get shorter; `abstractive`: with sentences by the "
            "model; `extractive`: only sentences of the text"
        ),
    ]
    capsule: Capsule
    fidelity: FidelityReport
    sizes: SizesBody
    usage: UsageBody
    timing: TimingBody
    cost: CompressCostBody


class ReconstructRequest(RequestBody):
    """A capsule, and how to restore the text."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"capsule": examples.CAPSULE}, {"capsule": examples.CAPSULE, "mode": "semantic"}]
        }
    )

    capsule: Capsule
    mode: Annotated[
        Literal["exact", "semantic", "auto"],
        Field(
            description="`exact`: the source byte for byte, no model call; `semantic`: rewritten by the model; "
            "`auto`: exact if the capsule contains the source"
        ),
    ] = "auto"
    model: ModelName = None
    timeout_s: TimeoutSeconds = None


class ReconstructResponse(AnswerBody):
    """The text, or what the model wrote from its summary."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RECONSTRUCTED]})

    text: str
    mode: Literal["exact", "semantic"]
    verified: Annotated[bool, Field(description="the text has the SHA-256 of the source")]
    fidelity: Annotated[
        FidelityReport | None,
        Field(description="the rewritten text compared with the capsule's summary; null for an exact reconstruction"),
    ]
    usage: UsageBody
    timing: TimingBody
    cost: CostBody


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROBLEM]})

    type: Annotated[str, Field(examples=["urn:condenser:problem:queue_full"])]
    title: Annotated[str, Field(examples=["The queue is full"])]
    status: Annotated[int, Field(examples=[503])]
    detail: str
    request_id: str
