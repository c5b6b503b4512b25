"""Compresses a text: read, summarize with the model, check the summary, select, report, make the capsule."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.capsule.format import Capsule, Fidelity, capsule_bytes, seal
from app.compression.choice import TOO_SHORT_TOKENS, Choice, choice_of, chosen_for, first_within
from app.compression.prompts import PROMPT_VERSION, summarize_prompt
from app.compression.summarizer import LEAST_SUMMARY_TOKENS, MOST_SUMMARY_TOKENS, OnClaim, Summarizer, Summary
from app.compression.usage import Usage
from app.engine.engine import CallOptions, Engine
from app.engine.errors import EngineError, ModelNotFoundError
from app.summary.check import Claim, Dropped
from app.summary.evidence import Evidence
from app.summary.report import Excerpt, Report, excerpt_of, excerpts, report
from app.summary.select import SelectionOptions
from app.tasks import OFF_LOOP_CHARACTERS, beside_loop
from app.text.document import Document, read
from app.text.language import Language
from app.text.tokens import estimate_tokens
from app.tracing import traced

Method = Literal["auto", "abstractive", "extractive"]
MadeBy = Literal["verbatim", "abstractive", "extractive"]
OnEngineError = Literal["fail", "extractive"]

_SUMMARY_RATIO = 0.25  # of the source's tokens, for the model's summary if no target is given


@dataclass(frozen=True, slots=True)
class CompressOptions:
    """What to compress and how.

    `target_ratio`: tokens of the result over the source's, over 0, at most 1. `coverage`: without a target, the
    smallest result that keeps this share of the text's worth is made. `content_type`: that of the text, if the caller
    knows it. `asks`: the text is a request to an assistant.
    """

    text: str
    fidelity: Fidelity = "exact"
    target_ratio: float | None = None
    coverage: float = 0.8
    method: Method = "auto"
    question: str | None = None
    must_keep: tuple[str, ...] = ()
    on_engine_error: OnEngineError = "fail"
    content_type: str | None = None
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of source, result and capsule. Both token counts are estimated in the same way."""

    source_tokens: int
    compressed_tokens: int
    source_bytes: int
    capsule_bytes: int


@dataclass(frozen=True, slots=True)
class Compressed:
    """The result of a compression. `engine_failed`: it was made without the model because the engine failed.

    `summary`: the model's checked summary, None if the model was not called.
    """

    text: str
    method: MadeBy
    capsule: Capsule
    report: Report
    sizes: Sizes
    usage: Usage
    engine_failed: bool = False
    summary: Summary | None = None


OnExcerpt = Callable[[Excerpt], None]


class Compressor:
    def __init__(self, engine: Engine, summarizer: Summarizer) -> None:
        self._engine = engine
        self._summarizer = summarizer

    async def warm_up(self, call_options: CallOptions) -> None:
        """Load the default model and make one call, so that the first request does not wait for either."""
        await self._engine.preload(call_options.deadline)
        await self._engine.complete(summarize_prompt("", Language("en"), 1), num_predict=1, call_options=call_options)

    async def compress(
        self, options: CompressOptions, call_options: CallOptions, on_excerpt: OnExcerpt | None = None
    ) -> Compressed:
        """Compress a text.

        `on_excerpt` gets what is ready early: before the engine call, the passages of the best result without the
        model; then each sentence of the model that passes the check. The final result may leave some of them out.

        Raises LiteralNotFoundError if a must_keep string is not in the text, ContentTypeError if the text does not fit
        its content type, and EngineError unless the options allow a result without the model.
        """
        is_long = len(options.text) >= OFF_LOOP_CHARACTERS
        document, keep = await beside_loop(is_long, _read, options)
        preview = None
        if on_excerpt is not None:
            preview = await beside_loop(is_long, _choose, document, keep, (), options)
            for excerpt in excerpts(preview.text, preview.passages):
                on_excerpt(excerpt)
            await asyncio.sleep(0)  # lets the event stream send them before the work goes on
        summary, failed = await self._summarized(document, options, call_options, on_excerpt)
        making = document, keep, summary, options, call_options.model, failed, preview
        return await beside_loop(is_long, _made, *making)

    async def _summarized(
        self, document: Document, options: CompressOptions, call_options: CallOptions, on_excerpt: OnExcerpt | None
    ) -> tuple[Summary | None, bool]:
        """The model's summary, None if it was not called or failed; and whether the engine failed."""
        is_long = len(document.text) >= OFF_LOOP_CHARACTERS
        num_predict = await beside_loop(is_long, summary_tokens, document, options)
        if num_predict is None or (
            options.method == "auto" and not self._summarizer.is_worth_asking(call_options.model)
        ):
            return None, False
        evidence = Evidence(document)
        on_claim = None if on_excerpt is None else _as_excerpts(document, on_excerpt)
        try:
            summary = await self._summarizer.summarize(
                document, evidence, num_predict, options.question, call_options, on_claim
            )
            return summary, False
        except EngineError as error:
            if options.on_engine_error == "fail" or isinstance(error, ModelNotFoundError):
                raise
            return None, True


def _as_excerpts(document: Document, on_excerpt: OnExcerpt) -> OnClaim:
    """Passes the excerpt of each claim to `on_excerpt`."""
    return lambda claim: on_excerpt(excerpt_of(document, claim))


@traced("read text")
def _read(options: CompressOptions) -> tuple[Document, tuple[int, ...]]:
    """The document, and the units that must be kept."""
    document = read(options.text, options.content_type, asks=options.asks)
    keep = dict.fromkeys(unit for literal in options.must_keep for unit in document.units_of(literal))
    return document, tuple(keep)


def compress_extractive(options: CompressOptions, model: str = "") -> Compressed:
    """Compress a text by selecting units of it, without the model. Raises LiteralNotFoundError."""
    document, keep = _read(options)
    return _made(document, keep, None, options, model, failed=False)


async def preview(options: CompressOptions) -> list[Excerpt]:
    """The passages of the best result without the model. Raises LiteralNotFoundError and ContentTypeError."""

    def chosen() -> Choice:
        document, keep = _read(options)
        return _choose(document, keep, (), options)

    choice = await asyncio.to_thread(chosen)
    return excerpts(choice.text, choice.passages)


def summary_tokens(document: Document, options: CompressOptions) -> int | None:
    """Most tokens of a summary of one part: half of the budget. None if a summary would be of no use."""
    if options.method == "extractive" or not document.is_prose:
        return None
    tokens = document.reading_tokens
    if tokens <= TOO_SHORT_TOKENS:
        return None
    ratio = _SUMMARY_RATIO if options.target_ratio is None else options.target_ratio / 2
    target_tokens = min(MOST_SUMMARY_TOKENS, int(tokens * ratio))
    return target_tokens if target_tokens >= LEAST_SUMMARY_TOKENS else None


@traced("compose result")
def _made(
    document: Document,
    keep: tuple[int, ...],
    summary: Summary | None,
    options: CompressOptions,
    model: str,
    failed: bool,
    without_claims: Choice | None = None,
) -> Compressed:
    """The result of `summary` and the document's units, with its report and capsule.

    `without_claims`: the choice for a summary without claims, if it was made before.
    """
    claims = summary.claims if summary else ()
    choice = _choose(document, keep, claims, options) if claims or without_claims is None else without_claims
    return _result(document, choice, summary, options, model, failed)


def assembled(
    document: Document,
    taken: Sequence[Claim],
    units: frozenset[int],
    summary: Summary | None,
    options: CompressOptions,
    model: str,
    failed: bool,
) -> Compressed:
    """The result of the chosen claims and units; the source itself if that is hardly longer."""
    return _result(document, choice_of(document, taken, units), summary, options, model, failed)


def _result(
    document: Document, choice: Choice, summary: Summary | None, options: CompressOptions, model: str, failed: bool
) -> Compressed:
    claims = summary.claims if summary else ()
    source_tokens = document.tokens
    dropped = summary.dropped if summary else ()
    outweighed = tuple(Dropped(claim.text, "outweighed") for claim in claims if claim not in choice.claims)
    text = choice.text
    result = replace(
        report(document, text, choice.passages, choice.units),
        written=len(claims) + len(dropped),
        stood=len(claims),
        dropped=dropped + outweighed,
    )
    made_by: MadeBy = "verbatim" if text == document.text else "abstractive" if result.is_by_model else "extractive"
    capsule = seal(
        document.text,
        text,
        fidelity=options.fidelity,
        tokens=source_tokens,
        model=model,
        prompt_version=PROMPT_VERSION,
    )
    sizes = Sizes(source_tokens, estimate_tokens(text), len(document.text.encode()), capsule_bytes(capsule))
    return Compressed(text, made_by, capsule, result, sizes, summary.usage if summary else Usage(), failed, summary)


def _choose(document: Document, keep: tuple[int, ...], claims: Sequence[Claim], options: CompressOptions) -> Choice:
    """Choose claims and units."""
    budget = None if options.target_ratio is None else int(document.tokens * options.target_ratio)
    if options.method == "abstractive" and claims:
        return choice_of(document, first_within(claims, budget), frozenset(keep))
    chosen = chosen_for(document, claims, SelectionOptions(budget, options.coverage, options.question, keep))
    return choice_of(document, [claims[at] for at in chosen.claims], chosen.units)
