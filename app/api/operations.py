"""From a request body to an answer body, for single requests and for items of a batch."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from app.api.problems import too_large
from app.api.schemas import (
    CompressCostBody,
    CompressRequest,
    CompressResponse,
    CostBody,
    DroppedSentence,
    ExplainedFact,
    Explanation,
    FidelityReport,
    PassageBody,
    ReconstructRequest,
    ReconstructResponse,
    SizesBody,
    SummaryCounts,
    TimingBody,
    UsageBody,
)
from app.api.service import Service
from app.compression.cache import Caching
from app.compression.compressor import Compressed, CompressOptions, OnExcerpt, Sizes
from app.compression.usage import Usage
from app.engine.engine import Terms
from app.engine.errors import EngineTimeoutError
from app.engine.gate import Priority
from app.summary.report import Report
from app.telemetry.cost import Cost, ServedFrom, cost
from app.text.span import Span

# What of a request's time the engine does not get, so that its answer, or what is made without it, is in time.
_KEPT_SHARE = 0.1
_KEPT_AT_MOST_S = 1.0

AnswerT_co = TypeVar("AnswerT_co", CompressResponse, ReconstructResponse, covariant=True)


@dataclass(frozen=True, slots=True)
class Done(Generic[AnswerT_co]):
    """An answer and what it cost."""

    answer: AnswerT_co
    cost: Cost


async def compress(
    service: Service,
    body: CompressRequest,
    caching: Caching,
    priority: Priority = "interactive",
    on_excerpt: OnExcerpt | None = None,
) -> Done[CompressResponse]:
    """Compress a text. `on_excerpt`: see SharedCompressor. Raises ProblemError, LiteralNotFoundError or EngineError."""
    started = time.perf_counter()
    size, limit = len(body.text.encode()), service.settings.max_text_bytes
    if size > limit:
        raise too_large(f"text: {size} bytes, over the limit of {limit} bytes (CONDENSER_MAX_TEXT_BYTES)")
    options = CompressOptions(
        text=body.text,
        fidelity=body.fidelity,
        target_ratio=body.target_ratio,
        coverage=service.settings.coverage if body.coverage is None else body.coverage,
        method=body.method,
        question=body.question,
        must_keep=tuple(body.must_keep),
        on_engine_error=body.on_engine_error,
        content_type=body.content_type,
    )
    async with _on_terms(service, body, priority) as terms:
        if body.model is not None and body.method != "extractive":
            # Whether the model is called depends on the text; that a name is wrong should not.
            await service.engine.require(body.model)
        result, cached = await service.compressor.compress(options, terms, caching, on_excerpt)
    # A cloud would have been paid again for what was had from the cache.
    spent = _cost(
        service,
        replace(result.usage, busy_s=0.0) if cached else result.usage,
        max(0, result.sizes.source_tokens - result.sizes.compressed_tokens),
        "cache" if cached else "engine" if result.usage.calls else "text",
    )
    usage = Usage() if cached else result.usage
    _count(service, result, usage)
    answer = CompressResponse(
        compressed=result.text,
        method=result.method,
        capsule=result.capsule,
        fidelity=_report(result.report, _explanation(result.report) if body.explain else None),
        sizes=_sizes(result.sizes),
        usage=_usage(service, usage, terms, cached),
        timing=_timing(usage, started),
        cost=CompressCostBody(
            **_cost_body(spent).model_dump(),
            reader_tokens_saved=spent.reader_tokens_saved,
            reader_usd_saved=round(spent.reader_usd_saved, 9),
        ),
    )
    return Done(answer, spent)


async def reconstruct(
    service: Service, body: ReconstructRequest, priority: Priority = "interactive"
) -> Done[ReconstructResponse]:
    """Get a text back. Raises CapsuleError or EngineError."""
    started = time.perf_counter()
    async with _on_terms(service, body, priority) as terms:
        result = await service.reconstructor.reconstruct(body.capsule, body.mode, terms)
    spent = _cost(service, result.usage, 0, "engine" if result.usage.calls else "text")
    _count_tokens(service, result.usage)
    answer = ReconstructResponse(
        text=result.text,
        mode=result.mode,
        verified=result.verified,
        fidelity=_report(result.report) if result.report else None,
        usage=_usage(service, result.usage, terms),
        timing=_timing(result.usage, started),
        cost=_cost_body(spent),
    )
    return Done(answer, spent)


@asynccontextmanager
async def _on_terms(
    service: Service, body: CompressRequest | ReconstructRequest, priority: Priority
) -> AsyncIterator[Terms]:
    """The terms of a request's calls; the block, which is all of its work, ends with its deadline.

    Raises EngineTimeoutError then.
    """
    longest_s = service.settings.request_timeout_s
    timeout_s = min(body.timeout_s or longest_s, longest_s)
    deadline = asyncio.get_running_loop().time() + timeout_s
    kept_s = min(timeout_s * _KEPT_SHARE, _KEPT_AT_MOST_S)
    try:
        async with asyncio.timeout_at(deadline):
            yield Terms(body.model or service.engine.default_model, deadline - kept_s, priority)
    except TimeoutError:
        raise EngineTimeoutError(f"the request's time, {timeout_s:g} s, was up before it was done") from None


def _cost(service: Service, usage: Usage, reader_tokens_saved: int, served_from: ServedFrom) -> Cost:
    return cost(
        service.prices, usage.prompt_tokens, usage.completion_tokens, usage.busy_s, reader_tokens_saved, served_from
    )


def _count(service: Service, result: Compressed, usage: Usage) -> None:
    _count_tokens(service, usage)
    tokens, facts = service.metrics.tokens, service.metrics.facts
    tokens.labels("source").inc(result.sizes.source_tokens)
    tokens.labels("compressed").inc(result.sizes.compressed_tokens)
    facts.labels("kept").inc(result.report.kept)
    facts.labels("missing").inc(result.report.missing_count)


def _count_tokens(service: Service, usage: Usage) -> None:
    service.metrics.tokens.labels("prompt").inc(usage.prompt_tokens)
    service.metrics.tokens.labels("completion").inc(usage.completion_tokens)


def _explanation(report: Report) -> Explanation:
    return Explanation(
        facts=[
            ExplainedFact(text=one.text, kind=one.kind, kept=one.kept, places=ranges(one.places))
            for one in report.explained
        ],
        dropped=[DroppedSentence(text=one.text, reason=one.reason) for one in report.dropped],
    )


def ranges(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """The spans as bodies have them."""
    return [(span.start, span.end) for span in spans]


def _report(report: Report, explanation: Explanation | None = None) -> FidelityReport:
    return FidelityReport(
        facts=report.facts,
        kept=report.kept,
        missing=list(report.missing),
        missing_count=report.missing_count,
        passages=[
            PassageBody(start=one.start, end=one.end, by=one.by, source=ranges(one.source), support=one.support)
            for one in report.passages
        ],
        omitted=ranges(report.omitted),
        structure=list(report.structure),
        summary=SummaryCounts(
            written=report.written, stood=report.stood, taken=sum(one.by == "model" for one in report.passages)
        ),
        explain=explanation,
    )


def _sizes(sizes: Sizes) -> SizesBody:
    return SizesBody(
        source_tokens=sizes.source_tokens,
        compressed_tokens=sizes.compressed_tokens,
        source_bytes=sizes.source_bytes,
        capsule_bytes=sizes.capsule_bytes,
        token_ratio=_ratio(sizes.compressed_tokens, sizes.source_tokens),
        byte_ratio=_ratio(sizes.capsule_bytes, sizes.source_bytes),
    )


def _ratio(size: int, source: int) -> float:
    return round(size / source, 4) if source else 1.0


def _usage(service: Service, usage: Usage, terms: Terms, cached: bool = False) -> UsageBody:
    return UsageBody(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        calls=usage.calls,
        model=terms.model,
        engine=service.engine.name,
        cached=cached,
    )


def _timing(usage: Usage, started: float) -> TimingBody:
    return TimingBody(
        queue_ms=round(usage.queue_s * 1000, 3),
        engine_ms=round(usage.engine_s * 1000, 3),
        total_ms=round((time.perf_counter() - started) * 1000, 3),
    )


def _cost_body(spent: Cost) -> CostBody:
    return CostBody(
        cloud_usd=round(spent.cloud_usd, 9),
        local_usd=round(spent.local_usd, 9),
        savings_ratio=round(spent.savings_ratio, 4),
    )
