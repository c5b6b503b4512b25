"""Request and answer bodies. What they hold is in the design's section HTTP interface."""

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
    """How to compress, whatever it is."""

    fidelity: Annotated[
        Literal["exact", "semantic"],
        Field(description="`exact`: the capsule also holds the source; `semantic`: smallest capsule, lossy"),
    ] = "exact"
    target_ratio: Annotated[
        float | None,
        Field(ge=0.01, le=1, description="wished size of the result in tokens over the source's"),
    ] = None
    coverage: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="share of the text's worth that the smallest result keeps; left out: CONDENSER_COVERAGE. "
            "Not together with `target_ratio`",
        ),
    ] = None
    method: Annotated[
        Method,
        Field(
            description="`auto`: the model's sentences that stand and whole sentences of the text, whichever say "
            "more per token; `abstractive`: the model's only; `extractive`: the text's only, without a model call"
        ),
    ] = "auto"
    question: Annotated[
        str | None, Field(min_length=1, max_length=1000, description="compress for answering this question")
    ] = None
    must_keep: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(max_length=100, description="strings of the text that must survive verbatim"),
    ] = []
    model: ModelName = None
    on_engine_error: Annotated[
        OnEngineError,
        Field(description="`extractive`: if the engine fails, answer with sentences of the text instead of a problem"),
    ] = "fail"
    explain: Annotated[
        bool,
        Field(
            description="list in `fidelity.explain` what became of each fact and of each sentence of the model's "
            "that does not stand"
        ),
    ] = False
    timeout_s: TimeoutSeconds = None

    @model_validator(mode="after")
    def _one_measure(self) -> "CompressOptionsBody":
        if self.target_ratio is not None and self.coverage is not None:
            raise ValueError("target_ratio and coverage can't be given together")
        return self


class CompressRequest(CompressOptionsBody):
    """A text and how to compress it."""

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
            description="what the text is, if the caller knows: `json`, `csv`, `python`, `text/html` ...; left out: "
            "found by its looks",
        ),
    ] = None


Range = Annotated[tuple[int, int], Field(description="start and end (exclusive) in Unicode code points")]


class PassageBody(AnswerBody):
    """A passage of the result, and what of the source it is or rests on."""

    start: Annotated[int, Field(description="where it begins in `compressed`, in Unicode code points")]
    end: Annotated[int, Field(description="where it ends there, exclusive")]
    by: Annotated[
        Literal["model", "source"],
        Field(description="`source`: to the letter from the text; `model`: a sentence of the model's that stands"),
    ]
    source: Annotated[list[Range], Field(description="where it stands in the text, or what there supports it")]
    support: Annotated[float, Field(description="how well the text supports it, 0 to 1; 1 for the text's own")]


class ExcerptBody(AnswerBody):
    """What is known before the answer: data of the events `passage` and `sentence`."""

    text: str
    by: Annotated[
        Literal["model", "source"],
        Field(description="`source` in a `passage`, of the best result without the model; `model` in a `sentence`"),
    ]
    source: Annotated[list[Range], Field(description="where it stands in the text, or what there supports it")]
    support: Annotated[float, Field(description="how well the text supports it, 0 to 1; 1 for the text's own")]


class SummaryCounts(AnswerBody):
    """What became of the sentences that the model wrote."""

    written: int
    stood: Annotated[int, Field(description="sentences that passed the check")]
    taken: Annotated[int, Field(description="of these, those that are in the result")]


class ExplainedFact(AnswerBody):
    """A fact of the source, and whether it is in the result."""

    text: Annotated[str, Field(description="the fact as it is first spelt")]
    kind: Kind
    kept: bool
    places: Annotated[list[Range], Field(description="wherever the source states it, in whatever spelling")]


class DroppedSentence(AnswerBody):
    """A sentence of the model's that is not in the result: by the rule that it broke, or outweighed by the source's."""

    text: str
    reason: Reason | Literal["outweighed"]


class Explanation(AnswerBody):
    """What became of each fact, and of each sentence of the model's that does not stand."""

    facts: list[ExplainedFact]
    dropped: list[DroppedSentence]


class FidelityReport(AnswerBody):
    """What a result has of its source, by offsets."""

    facts: Annotated[int, Field(description="distinct facts of the source: figures, dates, names, identifiers")]
    kept: Annotated[int, Field(description="facts that are in the result")]
    missing: Annotated[list[str], Field(description="the most important facts that are not, at most 20")]
    missing_count: Annotated[int, Field(description="number of all facts that are not")]
    passages: list[PassageBody]
    omitted: Annotated[list[Range], Field(description="what of the source is not in the result")]
    structure: Annotated[list[str], Field(description="what the source is made of: prose, list, table, log, code ...")]
    summary: SummaryCounts
    explain: Annotated[
        Explanation | None,
        Field(exclude_if=lambda value: value is None, description="only if the request says `explain`"),
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
        """Of prompts and completions together."""
        return self.prompt_tokens + self.completion_tokens


class TimingBody(AnswerBody):
    """Milliseconds. `queue_ms` and `engine_ms` are sums over the calls, which may overlap in a long text."""

    queue_ms: float
    engine_ms: float
    total_ms: float


class CostBody(AnswerBody):
    cloud_usd: Annotated[float, Field(description="what a cloud would charge for these tokens")]
    local_usd: Annotated[
        float, Field(description="this request's part of the engine's busy time at the machine's price")
    ]
    savings_ratio: Annotated[float, Field(description="1 - local_usd / cloud_usd; 0 if no model was called")]


class CompressCostBody(CostBody):
    """With what whoever reads the result, another model mostly, is spared each time."""

    reader_tokens_saved: Annotated[int, Field(description="tokens of the text less those of the result")]
    reader_usd_saved: Annotated[float, Field(description="these at CONDENSER_READER_USD_PER_1K_TOKENS")]


class CompressResponse(AnswerBody):
    """A text that says the same in fewer words, and the way back."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.COMPRESSED]})

    compressed: str
    method: Annotated[
        MadeBy,
        Field(
            description="`verbatim`: the text itself, it would not get shorter; `abstractive`: with sentences of the "
            "model's; `extractive`: sentences of the text only"
        ),
    ]
    capsule: Capsule
    fidelity: FidelityReport
    sizes: SizesBody
    usage: UsageBody
    timing: TimingBody
    cost: CompressCostBody


class ReconstructRequest(RequestBody):
    """A capsule and how to get the text back."""

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
            "`auto`: exact if the capsule holds the source"
        ),
    ] = "auto"
    model: ModelName = None
    timeout_s: TimeoutSeconds = None


class ReconstructResponse(AnswerBody):
    """The text, or what the model made of its summary."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.RECONSTRUCTED]})

    text: str
    mode: Literal["exact", "semantic"]
    verified: Annotated[bool, Field(description="the text has the SHA-256 of the source")]
    fidelity: Annotated[
        FidelityReport | None,
        Field(description="the rewritten text held against the capsule's summary; null for an exact reconstruction"),
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
