"""Builds parts of answer bodies from results."""

import time
from collections.abc import Iterable

from app.api.schemas import (
    CompressCostBody,
    CostBody,
    DroppedSentence,
    ExplainedFact,
    Explanation,
    FidelityReport,
    PassageBody,
    SizesBody,
    SummaryCounts,
    TimingBody,
    UsageBody,
)
from app.api.service import Service
from app.compression.compressor import Sizes
from app.compression.usage import Usage
from app.engine.engine import CallOptions
from app.summary.report import Report
from app.telemetry.cost import Cost
from app.text.span import Span


def explanation(report: Report) -> Explanation:
    return Explanation(
        facts=[
            ExplainedFact(text=fact.text, kind=fact.kind, kept=fact.kept, places=ranges(fact.places))
            for fact in report.explained
        ],
        dropped=[DroppedSentence(text=sentence.text, reason=sentence.reason) for sentence in report.dropped],
    )


def ranges(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """The spans as JSON: start and end."""
    return [(span.start, span.end) for span in spans]


def report_body(report: Report, explanation: Explanation | None = None) -> FidelityReport:
    return FidelityReport(
        facts=report.facts,
        kept=report.kept,
        missing=list(report.missing),
        missing_count=report.missing_count,
        passages=[
            PassageBody(
                start=passage.start,
                end=passage.end,
                by=passage.by,
                source=ranges(passage.source),
                support=passage.support,
            )
            for passage in report.passages
        ],
        omitted=ranges(report.omitted),
        structure=list(report.structure),
        summary=SummaryCounts(
            written=report.written, stood=report.stood, taken=sum(passage.by == "model" for passage in report.passages)
        ),
        explain=explanation,
    )


def sizes_body(sizes: Sizes) -> SizesBody:
    return SizesBody(
        source_tokens=sizes.source_tokens,
        compressed_tokens=sizes.compressed_tokens,
        source_bytes=sizes.source_bytes,
        capsule_bytes=sizes.capsule_bytes,
        token_ratio=ratio(sizes.compressed_tokens, sizes.source_tokens),
        byte_ratio=ratio(sizes.capsule_bytes, sizes.source_bytes),
    )


def ratio(size: int, source: int) -> float:
    return round(size / source, 4) if source else 1.0


def usage_body(service: Service, usage: Usage, call_options: CallOptions, cached: bool = False) -> UsageBody:
    return UsageBody(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        calls=usage.calls,
        model=call_options.model,
        engine=service.engine.name,
        cached=cached,
    )


def timing_body(usage: Usage, started: float) -> TimingBody:
    return TimingBody(
        queue_ms=round(usage.queue_s * 1000, 3),
        engine_ms=round(usage.engine_s * 1000, 3),
        total_ms=round((time.perf_counter() - started) * 1000, 3),
    )


def cost_body(spent: Cost) -> CostBody:
    return CostBody(
        cloud_usd=round(spent.cloud_usd, 9),
        local_usd=round(spent.local_usd, 9),
        savings_ratio=round(spent.savings_ratio, 4),
    )


def compress_cost_body(spent: Cost) -> CompressCostBody:
    return CompressCostBody(
        **cost_body(spent).model_dump(),
        reader_tokens_saved=spent.reader_tokens_saved,
        reader_usd_saved=round(spent.reader_usd_saved, 9),
    )
