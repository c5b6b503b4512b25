"""Request and answer bodies. What they hold is in the design's section HTTP interface."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from app.api import examples
from app.api.fields import ModelName, TimeoutSeconds
from app.capsule.facts import Kind
from app.capsule.format import WHOLE, Capsule
from app.capsule.ledger import FactResult
from app.compression.compressor import Method, OnEngineError
from app.engine.engine import EngineName


class RequestBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AnswerBody(BaseModel):
    model_config = ConfigDict(frozen=True)


class CompressRequest(RequestBody):
    """A text and how to compress it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": examples.TEXT}, {"text": examples.TEXT, "target_ratio": 0.3}]}
    )

    text: Annotated[str, Field(description="the text, any Unicode; at most CONDENSER_MAX_TEXT_BYTES of UTF-8")]
    fidelity: Annotated[
        Literal["exact", "semantic"],
        Field(description="`exact`: the capsule also holds the source; `semantic`: smallest capsule, lossy"),
    ] = "exact"
    target_ratio: Annotated[
        float | None,
        Field(ge=0.05, le=0.9, description="wished size of the result in tokens over the source's"),
    ] = None
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
        Field(description="`extractive`: where the engine fails, answer with clauses of the text instead of a problem"),
    ] = "fail"
    max_engine_calls: Annotated[
        Annotated[int, Field(ge=0, le=10_000), WHOLE] | None,
        Field(description="model calls at most; left out: one for each part of the text; 0: clauses of the text only"),
    ] = None
    explain: Annotated[
        bool, Field(description="list in `fidelity.ledger` what became of each fact, and where in the text it stands")
    ] = False
    timeout_s: TimeoutSeconds = None


class LedgerRow(AnswerBody):
    """A fact of the source and what became of it."""

    text: Annotated[str, Field(description="the fact as it is first spelt")]
    kind: Annotated[Kind, Field(description="what kind of fact it is")]
    result: Annotated[
        FactResult,
        Field(
            description="`kept`: a sentence of the model's states it; `restored`: brought back by verbatim clauses of "
            "the source; `missing`: did not fit the target"
        ),
    ]
    places: Annotated[
        list[tuple[int, int]],
        Field(
            description="wherever the source states it, in whatever spelling, in order: start and end (exclusive) in "
            "Unicode code points; facts may overlap"
        ),
    ]


class Making(AnswerBody):
    """How a result was made out of what the model wrote and the source itself."""

    sentences: Annotated[int, Field(description="sentences of the model's in the result")]
    dropped: Annotated[int, Field(description="sentences of the model's that the source does not support, left out")]
    corrected: Annotated[int, Field(description="sentences of the model's in which one wrong fact was put right")]
    segments: Annotated[int, Field(description="verbatim slices of the source in the result")]
    structure: Annotated[
        list[str],
        Field(description="what the source is made of: prose, table, log, code, json, yaml, diff, chat ..."),
    ]
    degraded: Annotated[
        str | None, Field(description="what went wrong in the checking, which then did not take place; else null")
    ]


class FidelityReport(AnswerBody):
    """How the facts of the source fared: numbers of distinct facts, those that are missing, how the result was made."""

    facts: int
    kept: Annotated[int, Field(description="facts that the model's sentences state")]
    restored: Annotated[int, Field(description="facts brought back by verbatim clauses of the source")]
    missing: Annotated[list[str], Field(description="facts that did not fit the target")]
    left_out: Annotated[
        list[str],
        Field(description="sentences and lines that the result does not tell whole, those without any fact too"),
    ]
    invented_removed: Annotated[
        int, Field(description="facts of the model's that the source does not state, taken out")
    ]
    made: Making
    ledger: Annotated[
        list[LedgerRow] | None,
        Field(
            exclude_if=lambda rows: rows is None,
            description="each fact once, so that its results add up to `kept`, `restored` and `missing`; only where "
            "the request says `explain`",
        ),
    ] = None


class SizesBody(AnswerBody):
    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: Annotated[int, Field(description="the capsule as compact JSON")]
    token_ratio: Annotated[float, Field(description="compressed_tokens / source_tokens")]
    byte_ratio: Annotated[float, Field(description="capsule_bytes / source_bytes")]


class UsageBody(AnswerBody):
    """Tokens of this request's model calls, all 0 where there was none. `cached`: it took none of its own."""

    prompt_tokens: int
    completion_tokens: int
    calls: int
    model: str
    engine: EngineName
    cached: bool = False


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
    savings_ratio: Annotated[float, Field(description="1 - local_usd / cloud_usd; 0 where no model was called")]


class CompressResponse(AnswerBody):
    """A text that says the same in fewer words, and the way back."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.COMPRESSED]})

    compressed: str
    method: Annotated[
        Method,
        Field(
            description="`verbatim`: the text itself, it would not get shorter; `abstractive`: with sentences of the "
            "model's; `extractive`: clauses of the text only"
        ),
    ]
    capsule: Capsule
    fidelity: FidelityReport
    sizes: SizesBody
    usage: UsageBody
    timing: TimingBody
    cost: CostBody


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
            "`auto`: exact where the capsule holds the source"
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


def _items_schema() -> dict[str, Any]:
    bodies: list[dict[str, Any]] = [
        {"$ref": f"#/components/schemas/{name}"} for name in ("CompressRequest", "ReconstructRequest")
    ]
    return {"type": "array", "items": {"anyOf": [*bodies, {"description": "anything else fails alone"}]}}


class BatchRequest(RequestBody):
    """Many bodies for one operation. Each is checked on its own, so that a bad one does not fail the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"operation": "compress", "items": [{"text": examples.TEXT}, {"text": "A short one."}]}]
        }
    )

    operation: Literal["compress", "reconstruct"]
    items: Annotated[
        list[Any],
        WithJsonSchema(_items_schema()),
        Field(description="bodies of /compress or /reconstruct; at most CONDENSER_MAX_BATCH_ITEMS"),
    ]


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.PROBLEM]})

    type: Annotated[str, Field(examples=["urn:condenser:problem:queue_full"])]
    title: Annotated[str, Field(examples=["The queue is full"])]
    status: Annotated[int, Field(examples=[503])]
    detail: str
    request_id: str


class BatchResult(AnswerBody):
    """One item's answer: `result` or `problem`. With NDJSON each is a line."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"index": 0, "result": examples.COMPRESSED}, {"index": 1, "problem": examples.PROBLEM}]
        }
    )

    index: int
    result: CompressResponse | ReconstructResponse | None = None
    problem: Problem | None = None


class BatchResponse(AnswerBody):
    """The answers in the order of the items, and how many of each kind there are."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {"index": 0, "result": examples.COMPRESSED},
                        {"index": 1, "problem": examples.PROBLEM},
                    ],
                    "succeeded": 1,
                    "failed": 1,
                }
            ]
        }
    )

    results: list[BatchResult]
    succeeded: int
    failed: int
