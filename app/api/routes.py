"""`/compress`, `/reconstruct` and `/batch`."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import ValidationError

from app.api import job_intake, operations
from app.api.batch_order import begin_order
from app.api.batch_schemas import BatchRequest, BatchResponse, BatchResult
from app.api.body import BoundedRoute, lone_surrogate
from app.api.clients import Client, client_of
from app.api.event_stream import EVENT_STREAM, EVENTS, EventStream, single_line
from app.api.message_schemas import (
    COMPRESS_BODY,
    CompressBody,
    CompressMessagesRequest,
    CompressMessagesResponse,
)
from app.api.operations import Done
from app.api.prefer import prefers_async
from app.api.problem_answers import PROBLEMS, problem_answers
from app.api.problems import explain, found, invalid, problem_body, shutting_down, too_large
from app.api.record import RequestRecord, record_of
from app.api.schemas import (
    CompressRequest,
    CompressResponse,
    Problem,
    ReconstructRequest,
    ReconstructResponse,
)
from app.api.service import Service, service_of
from app.asgi import cancel_on_disconnect
from app.compression.cache import Caching
from app.compression.compressor import OnExcerpt
from app.compression.fanout import as_ready
from app.compression.messages import texts_of
from app.text.tokens import estimate_tokens
from app.tracing import span

AnyRequest = CompressRequest | CompressMessagesRequest | ReconstructRequest
AnyDone = Done[CompressResponse] | Done[CompressMessagesResponse] | Done[ReconstructResponse]

NDJSON = "application/x-ndjson"

_COMPRESSED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole answer; with `Accept: text/event-stream` events, as soon as each is known",
        "content": {EVENT_STREAM: EVENTS},
        "links": {
            "TextBack": {
                "operationId": "reconstruct",
                "requestBody": {"capsule": "$response.body#/capsule"},
                "description": "the text back from the capsule, byte for byte if it is an exact one",
            },
            "TextAnew": {
                "operationId": "reconstruct",
                "requestBody": {"capsule": "$response.body#/capsule", "mode": "semantic"},
                "description": "the text written anew out of the summary in the capsule",
            },
        },
    }
}


async def refuse_while_draining(request: Request) -> None:
    """Raise ProblemError 503 once the service has been told to end."""
    if service_of(request).drain.has_begun:
        raise shutting_down()


router = APIRouter(
    route_class=BoundedRoute,
    dependencies=[Depends(refuse_while_draining)],
    tags=["compression"],
)


@router.post(
    "/compress",
    operation_id="compress",
    response_model=CompressResponse | CompressMessagesResponse,
    responses={**problem_answers(*PROBLEMS), **_COMPRESSED},
)
async def compress(request: Request, body: CompressBody) -> CompressResponse | CompressMessagesResponse | Response:
    """Compress a text, or the older messages of a chat.

    A text becomes whole sentences of it and checked ones by the model, with a report, and a capsule to get it back.
    Messages come back as many as they were, with a capsule for each text that changed.

    With `Accept: text/event-stream` the answer is a stream of events. `passage`: the passages of the best result
    without the model, at once; `sentence`: each sentence of the model's when it has passed the check; at last `result`
    with the whole answer, which alone tells what is in it, or `problem`. Of messages only these last ones come.
    """
    service, client = service_of(request), client_of(request)

    async def work(on_excerpt: OnExcerpt | None = None) -> Done[CompressResponse] | Done[CompressMessagesResponse]:
        done: Done[CompressResponse] | Done[CompressMessagesResponse]
        with client.hold(places(service, client, body)):
            if isinstance(body, CompressRequest):
                done = await operations.compress(service, body, caching_of(request), on_excerpt=on_excerpt)
            else:
                at_once = calls_at_once(service, client)
                done = await operations.compress_messages(service, body, caching_of(request), at_once)
        _note(request, done)
        return done

    record_of(request).fields["engine"] = service.engine.name
    if EVENT_STREAM in request.headers.get("accept", "").lower():
        return EventStream(work, record_of(request))
    return (await cancel_on_disconnect(request.receive, work())).answer


@router.post("/reconstruct", operation_id="reconstruct", responses=problem_answers(*PROBLEMS))
async def reconstruct(request: Request, body: ReconstructRequest) -> ReconstructResponse:
    """Get a text back from its capsule: byte for byte if the capsule holds it, else rewritten by the model."""
    service, client = service_of(request), client_of(request)
    record_of(request).fields["engine"] = service.engine.name
    with client.hold(places(service, client, body)):
        done = await cancel_on_disconnect(request.receive, operations.reconstruct(service, body))
    _note(request, done)
    return done.answer


def caching_of(request: Request) -> Caching:
    """What of other requests' results this one may have, by its key and its `Cache-Control`."""
    directives = {word.strip().lower() for word in request.headers.get("cache-control", "").split(",")}
    scope = cache_scope(service_of(request), client_of(request))
    return Caching(scope, directives.isdisjoint({"no-cache", "no-store", "max-age=0"}), "no-store" not in directives)


def cache_scope(service: Service, client: Client) -> str:
    """Whose results the client may have."""
    return "" if service.settings.cache_across_keys else client.name


def calls_at_once(service: Service, client: Client) -> int:
    """How many texts of a conversation may be compressed at once: one, if the client has a share of the queue."""
    return 1 if client.has_share else service.engine.gate.most_concurrency


def places(service: Service, client: Client, body: AnyRequest) -> int:
    """How many calls of the model's a request may have in the engine and its queue at once, at the most."""
    if not client.has_share or isinstance(body, ReconstructRequest):
        return 1
    # Of a conversation that has a share only one text is under way at once.
    texts = (
        [body.text]
        if isinstance(body, CompressRequest)
        else [content.text for content in texts_of(body.given_messages)]
    )
    longest = max(map(len, texts), default=0)
    tokens = max((estimate_tokens(text) for text in texts if 2 * len(text) > longest), default=0)
    parts = 1 + tokens // (service.engine.num_ctx // 4)  # a part is larger than that
    return min(parts, service.engine.gate.most_concurrency)


def _note(request: Request, done: AnyDone) -> None:
    """Keep what an answer cost, for the log, the metrics and the client's limits."""
    record = record_of(request)
    record.cost = done.cost
    client_of(request).spend_tokens(done.answer.usage.tokens)
    record.fields.update(_log_fields(done.answer))


def _log_fields(answer: CompressResponse | CompressMessagesResponse | ReconstructResponse) -> dict[str, object]:
    fields: dict[str, object] = {
        "model": answer.usage.model,
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "queue_ms": answer.timing.queue_ms,
        "engine_ms": answer.timing.engine_ms,
    }
    if not isinstance(answer, ReconstructResponse):
        sizes = answer.sizes
        fields |= {
            "compress_method": answer.method,
            "source_tokens": sizes.source_tokens,
            "compressed_tokens": sizes.compressed_tokens,
        }
    return fields


@router.post(
    "/batch",
    operation_id="batch",
    response_model=BatchResponse,
    response_model_exclude_unset=True,
    responses={
        **problem_answers(401, 408, 413, 415, 421, 422, 429, 503),
        200: {
            "description": "Results in order; as NDJSON each is a line, sent as soon as it is ready",
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/BatchResult"}}},
        },
        202: job_intake.ACCEPTED,
    },
)
async def batch(request: Request, body: BatchRequest) -> BatchResponse | Response:
    """Compress or reconstruct many: one result or problem for each item, so that a bad one fails alone.

    With `Accept: application/x-ndjson` each is a line with its `index`, sent as soon as it is ready. With
    `Prefer: respond-async` it is answered with 202 at once, and `GET /batch/{id}` has the results.
    """
    service = service_of(request)
    client = client_of(request)
    if service.jobs is not None and prefers_async(request):
        return await job_intake.accept(request, service.jobs, body, client)
    limit = service.settings.max_batch_items
    if len(body.items) > limit:
        raise too_large(f"items: {len(body.items)} items, over the limit of {limit} (CONDENSER_MAX_BATCH_ITEMS)")
    client.check_room()
    client.admit_items(len(body.items))
    results = _results(service, body, record_of(request), client, caching_of(request))
    if NDJSON in request.headers.get("accept", ""):
        return StreamingResponse(_lines(results), media_type=NDJSON)
    gathered = await cancel_on_disconnect(request.receive, _gathered(results, service.settings.max_body_bytes))
    failed = sum(result.problem is not None for result in gathered)
    return BatchResponse(results=gathered, succeeded=len(gathered) - failed, failed=failed)


Results = AsyncGenerator[BatchResult, None]


async def _gathered(results: Results, most_bytes: int) -> list[BatchResult]:
    """All results in order, bounded together: a capsule of a hundred bytes may stand for a text of a megabyte."""
    gathered = []
    size = 0
    async with aclosing(results):
        async for result in results:
            gathered.append(result)
            if isinstance(result.result, ReconstructResponse):
                size += len(result.result.text)
            if size > most_bytes:
                limit = f"{most_bytes} bytes (CONDENSER_MAX_BODY_BYTES)"
                raise too_large(f"items: the texts are over {limit} together; ask for {NDJSON} or send fewer items")
    return sorted(gathered, key=lambda result: result.index)


async def _lines(results: Results) -> AsyncGenerator[str, None]:
    # Closed by hand: a client that leaves ends this generator, and with it must end the items under way.
    async with aclosing(results):
        async for result in results:
            yield one_line(result.model_dump_json(exclude_unset=True))


def one_line(text: str) -> str:
    """A JSON text as a line of NDJSON."""
    return single_line(text) + "\n"


async def _results(
    service: Service, body: BatchRequest, record: RequestRecord, client: Client, caching: Caching
) -> Results:
    """Each item's result as it gets ready. A few more are under way than the engine takes at once, so that it
    never waits for the next one, and the rest of the batch does not fill the queue.
    """
    under_way = 2 * service.engine.gate.most_concurrency

    async def one(item: object) -> AnyDone | Problem:
        started = time.perf_counter()
        try:
            done = await perform_item(service, body.operation, item, client, caching)
        except Exception as error:
            what = found(error)
            service.metrics.operation_ended(body.operation, what.kind, time.perf_counter() - started)
            return problem_body(what)
        service.metrics.operation_ended(body.operation, "ok", time.perf_counter() - started, done.cost)
        client.spend_tokens(done.answer.usage.tokens)
        return done

    tally = {"items": len(body.items), "succeeded": 0, "failed": 0, "prompt_tokens": 0, "completion_tokens": 0}
    record.fields.update(tally, engine=service.engine.name, batch_operation=body.operation)
    async with aclosing(as_ready(body.items, under_way, one, begin_order(body.items))) as ready:
        async for index, ended in ready:
            if isinstance(ended, Problem):
                tally["failed"] += 1
                yield BatchResult(index=index, problem=ended)
            else:
                tally["succeeded"] += 1
                tally["prompt_tokens"] += ended.answer.usage.prompt_tokens
                tally["completion_tokens"] += ended.answer.usage.completion_tokens
                yield BatchResult(index=index, result=ended.answer)
            record.fields.update(tally)


async def perform_item(
    service: Service, operation: Literal["compress", "reconstruct"], item: object, client: Client, caching: Caching
) -> AnyDone:
    """Do one item of a batch. Raises what a request of its own would be answered with."""
    body = _item_body(operation, item)
    with span(f"{operation} item"):
        async with client.wait_and_hold(places(service, client, body)):
            if isinstance(body, CompressRequest):
                return await operations.compress(service, body, caching, "batch")
            if isinstance(body, CompressMessagesRequest):
                return await operations.compress_messages(service, body, caching, 1, "batch")
            return await operations.reconstruct(service, body, "batch")


def _item_body(operation: Literal["compress", "reconstruct"], item: object) -> AnyRequest:
    if path := lone_surrogate(item):
        raise invalid(f"{path}: has a lone surrogate, which is no Unicode text")
    try:
        if operation == "compress":
            return COMPRESS_BODY.validate_python(item)
        return ReconstructRequest.model_validate(item)
    except ValidationError as error:
        raise invalid(explain(error.errors())) from None
