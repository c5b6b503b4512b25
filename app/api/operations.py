"""From a request body to an answer body, for single requests and for items of a batch."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from app.api.answers import (
    compress_cost_body,
    cost_body,
    explanation,
    ratio,
    report_body,
    sizes_body,
    timing_body,
    usage_body,
)
from app.api.message_schemas import ChangedContent, CompressMessagesRequest, CompressMessagesResponse, OlderBody
from app.api.problems import too_large
from app.api.schemas import (
    CompressOptionsBody,
    CompressRequest,
    CompressResponse,
    ReconstructRequest,
    ReconstructResponse,
)
from app.api.service import Service
from app.compression.cache import Caching
from app.compression.compressor import CompressOptions, OnExcerpt, Sizes
from app.compression.conversation import ConversationOptions, compress_conversation
from app.compression.messages import with_texts
from app.compression.usage import Usage
from app.engine.engine import CallOptions
from app.engine.errors import EngineTimeoutError
from app.engine.queue import Priority
from app.summary.report import Report
from app.telemetry.cost import Cost, ServedFrom, cost

# Part of a request's time that the engine does not get, so that the rest of the work ends before the deadline.
_RESERVED_SHARE = 0.1
_MOST_RESERVED_S = 1.0

AnswerT_co = TypeVar("AnswerT_co", CompressResponse, CompressMessagesResponse, ReconstructResponse, covariant=True)


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
    options = replace(_options(service, body, body.text), content_type=body.content_type)
    async with _within_deadline(service, body, priority) as call_options:
        await _require_model(service, body)
        result, cached = await service.compressor.compress(options, call_options, caching, on_excerpt)
    # A cloud would charge again for a result that came from the cache.
    spent = _cost(
        service,
        replace(result.usage, busy_s=0.0) if cached else result.usage,
        max(0, result.sizes.source_tokens - result.sizes.compressed_tokens),
        "cache" if cached else "engine" if result.usage.calls else "text",
    )
    usage = Usage() if cached else result.usage
    _count_tokens(service, usage)
    _count(service, (result.sizes.source_tokens, result.sizes.compressed_tokens), [result.report])
    answer = CompressResponse(
        compressed=result.text,
        method=result.method,
        capsule=result.capsule,
        fidelity=report_body(result.report, explanation(result.report) if body.explain else None),
        sizes=sizes_body(result.sizes),
        usage=usage_body(service, usage, call_options, cached),
        timing=timing_body(usage, started),
        cost=compress_cost_body(spent),
    )
    return Done(answer, spent)


async def compress_messages(
    service: Service,
    body: CompressMessagesRequest,
    caching: Caching,
    concurrency: int,
    priority: Priority = "interactive",
) -> Done[CompressMessagesResponse]:
    """Compress the older messages of a chat, `concurrency` texts at once.

    Raises ProblemError, LiteralNotFoundError or EngineError.
    """
    started = time.perf_counter()
    messages = body.given_messages
    is_bounded = body.target_ratio is None and body.coverage is None
    options = ConversationOptions(messages, body.keep_last, _options(service, body, ""), is_bounded)
    size, limit = options.open_bytes, service.settings.max_text_bytes
    if size > limit:
        raise too_large(
            f"messages: {size} bytes that may be compressed, over the limit of {limit} (CONDENSER_MAX_TEXT_BYTES)"
        )
    async with _within_deadline(service, body, priority) as call_options:
        await _require_model(service, body)
        conversation = await compress_conversation(service.compressor, options, call_options, caching, concurrency)
    before, after = conversation.older_tokens
    spent = _cost(
        service,
        conversation.usage + replace(conversation.spared, busy_s=0.0),
        before - after,
        "cache" if conversation.is_cached else "engine" if conversation.usage.calls else "text",
    )
    _count_tokens(service, conversation.usage)
    _count(service, conversation.older_tokens, [result.report for result in conversation.results.values()])
    total = sum(conversation.tokens.values())
    source_bytes = sum(len(content.text.encode()) for content in conversation.tokens)
    capsules = sum(result.sizes.capsule_bytes for _, result in conversation.changed)
    methods = [result.method for _, result in conversation.changed]
    answer = CompressMessagesResponse(
        messages=with_texts(
            messages, {(changed.message, changed.part): result.text for changed, result in conversation.changed}
        ),
        method="abstractive" if "abstractive" in methods else "extractive" if methods else "verbatim",
        changed=[
            ChangedContent(
                index=content.message,
                part=content.part,
                method=result.method,
                capsule=result.capsule,
                fidelity=report_body(result.report, explanation(result.report) if body.explain else None),
                sizes=sizes_body(result.sizes),
            )
            for content, result in conversation.changed
        ],
        older=OlderBody(
            messages=len({content.message for content in conversation.contents}),
            source_tokens=before,
            compressed_tokens=after,
            token_ratio=ratio(after, before),
        ),
        sizes=sizes_body(Sizes(total, total - before + after, source_bytes, capsules)),
        usage=usage_body(service, conversation.usage, call_options, conversation.is_cached),
        timing=timing_body(conversation.usage, started),
        cost=compress_cost_body(spent),
    )
    return Done(answer, spent)


async def _require_model(service: Service, body: CompressOptionsBody) -> None:
    """Raise ModelNotFoundError if the engine does not have the model, even if it will not be called."""
    if body.model is not None and body.method != "extractive":
        await service.engine.require(body.model)


def _options(service: Service, body: CompressOptionsBody, text: str) -> CompressOptions:
    return CompressOptions(
        text=text,
        fidelity=body.fidelity,
        target_ratio=body.target_ratio,
        coverage=service.settings.coverage if body.coverage is None else body.coverage,
        method=body.method,
        question=body.question,
        must_keep=tuple(body.must_keep),
        on_engine_error=body.on_engine_error,
    )


async def reconstruct(
    service: Service, body: ReconstructRequest, priority: Priority = "interactive"
) -> Done[ReconstructResponse]:
    """Restore a text. Raises CapsuleError or EngineError."""
    started = time.perf_counter()
    async with _within_deadline(service, body, priority) as call_options:
        result = await service.reconstructor.reconstruct(body.capsule, body.mode, call_options)
    spent = _cost(service, result.usage, 0, "engine" if result.usage.calls else "text")
    _count_tokens(service, result.usage)
    answer = ReconstructResponse(
        text=result.text,
        mode=result.mode,
        verified=result.verified,
        fidelity=report_body(result.report) if result.report else None,
        usage=usage_body(service, result.usage, call_options),
        timing=timing_body(result.usage, started),
        cost=cost_body(spent),
    )
    return Done(answer, spent)


@asynccontextmanager
async def _within_deadline(
    service: Service, body: CompressOptionsBody | ReconstructRequest, priority: Priority
) -> AsyncIterator[CallOptions]:
    """The options of a request's engine calls. The block holds all work of the request.

    Raises EngineTimeoutError if the block is not done by the request's deadline.
    """
    longest_s = service.settings.request_timeout_s
    timeout_s = min(body.timeout_s or longest_s, longest_s)
    deadline = asyncio.get_running_loop().time() + timeout_s
    reserved_s = min(timeout_s * _RESERVED_SHARE, _MOST_RESERVED_S)
    try:
        async with asyncio.timeout_at(deadline):
            yield CallOptions(body.model or service.engine.default_model, deadline - reserved_s, priority)
    except TimeoutError:
        raise EngineTimeoutError(f"the request was not done within its time of {timeout_s:g} s") from None


def _cost(service: Service, usage: Usage, reader_tokens_saved: int, served_from: ServedFrom) -> Cost:
    return cost(
        service.prices, usage.prompt_tokens, usage.completion_tokens, usage.busy_s, reader_tokens_saved, served_from
    )


def _count(service: Service, tokens: tuple[int, int], reports: Sequence[Report]) -> None:
    """Count the tokens before and after, and the facts that were kept and that are missing."""
    for label, count in zip(("source", "compressed"), tokens, strict=True):
        service.metrics.tokens.labels(label).inc(count)
    service.metrics.facts.labels("kept").inc(sum(report.kept for report in reports))
    service.metrics.facts.labels("missing").inc(sum(report.missing_count for report in reports))


def _count_tokens(service: Service, usage: Usage) -> None:
    service.metrics.tokens.labels("prompt").inc(usage.prompt_tokens)
    service.metrics.tokens.labels("completion").inc(usage.completion_tokens)
