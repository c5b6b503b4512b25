"""`/batch`: many bodies in one request."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from app.api import operations
from app.api.batch_schemas import BatchRequest, BatchResponse, BatchResult
from app.api.body import RESPOND_ASYNC, BoundedRoute, lone_surrogate, prefers_async
from app.api.clients import Client, client_of
from app.api.event_stream import single_line
from app.api.forwarded import prefix_of
from app.api.job_schemas import JobProgress, progress
from app.api.message_schemas import COMPRESS_BODY, CompressMessagesRequest
from app.api.problem_answers import problem_answers
from app.api.problems import details_of, explain, invalid, problem_body, too_large
from app.api.record import RequestRecord, record_of
from app.api.routes import AnyDone, AnyRequest, caching_of, places, refuse_while_draining
from app.api.schemas import CompressRequest, Problem, ReconstructRequest, ReconstructResponse
from app.api.service import Service, service_of
from app.asgi import cancel_on_disconnect
from app.compression.cache import Caching
from app.compression.fanout import as_ready
from app.jobs.runner import Jobs
from app.telemetry.logs import request_id
from app.tracing import span

NDJSON = "application/x-ndjson"

_ACCEPTED: dict[str, Any] = {
    "model": JobProgress,
    "description": "With `Prefer: respond-async`: the batch is stored, survives a restart, and is answered later",
    "headers": {
        "Location": {"description": "path of its progress and results", "schema": {"type": "string"}},
        "Preference-Applied": {"description": "`respond-async`", "schema": {"type": "string"}},
    },
}


router = APIRouter(
    route_class=BoundedRoute,
    dependencies=[Depends(refuse_while_draining)],
    tags=["compression"],
)


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
        202: _ACCEPTED,
    },
)
async def batch(request: Request, body: BatchRequest) -> BatchResponse | Response:
    """Compress or reconstruct many items. Each gets a result or a problem, so a bad one does not fail the others.

    With `Accept: application/x-ndjson` each is a line with its `index`, sent as soon as it is ready. With
    `Prefer: respond-async` the answer is 202 at once, and `GET /batch/{id}` has the results.
    """
    service = service_of(request)
    client = client_of(request)
    if service.jobs is not None and prefers_async(request):
        return await _accept_as_job(request, service.jobs, body, client)
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


async def _accept_as_job(request: Request, jobs: Jobs, body: BatchRequest, client: Client) -> JSONResponse:
    """Store a batch as a job; the answer says where its results will be. Raises ProblemError, JobsUnavailableError."""
    limit = service_of(request).settings.max_job_items
    if len(body.items) > limit:
        raise too_large(f"items: {len(body.items)} items, over the limit of {limit} (CONDENSER_MAX_JOB_ITEMS)")
    client.admit_items(len(body.items))
    record_of(request).fields.update(items=len(body.items), batch_operation=body.operation, answered_later=True)
    job = await jobs.submit(client.name, body.operation, body.items, request_id.get() or "")
    headers = {"Location": f"{prefix_of(request)}/batch/{job.id}", "Preference-Applied": RESPOND_ASYNC}
    return JSONResponse(progress(job).model_dump(mode="json"), 202, headers)


Results = AsyncGenerator[BatchResult, None]


async def _gathered(results: Results, most_bytes: int) -> list[BatchResult]:
    """All results in order. Their size is limited: a capsule of a hundred bytes can contain a text of a megabyte."""
    gathered = []
    size = 0
    async with aclosing(results):
        async for result in results:
            gathered.append(result)
            if isinstance(result.result, ReconstructResponse):
                size += len(result.result.text)
            if size > most_bytes:
                limit = f"{most_bytes} bytes (CONDENSER_MAX_BODY_BYTES)"
                raise too_large(f"items: the texts together are over {limit}; ask for {NDJSON} or send fewer items")
    return sorted(gathered, key=lambda result: result.index)


async def _lines(results: Results) -> AsyncGenerator[str, None]:
    # A client that disconnects ends this generator, which must then cancel the items in progress.
    async with aclosing(results):
        async for result in results:
            yield one_line(result.model_dump_json(exclude_unset=True))


def one_line(text: str) -> str:
    """A JSON text as a line of NDJSON."""
    return single_line(text) + "\n"


async def _results(
    service: Service, body: BatchRequest, record: RequestRecord, client: Client, caching: Caching
) -> Results:
    """Each item's result when it is ready. Twice as many items as the engine has slots are in progress: the engine
    never waits for the next one, and the rest of the batch does not fill the queue.
    """
    in_progress = 2 * service.engine.queue.most_concurrency

    async def perform(item: object) -> AnyDone | Problem:
        started = time.perf_counter()
        try:
            done = await perform_item(service, body.operation, item, client, caching)
        except Exception as error:
            details = details_of(error)
            service.metrics.operation_ended(body.operation, details.kind, time.perf_counter() - started)
            return problem_body(details)
        service.metrics.operation_ended(body.operation, "ok", time.perf_counter() - started, done.cost)
        client.spend_tokens(done.answer.usage.tokens)
        return done

    tally = {"items": len(body.items), "succeeded": 0, "failed": 0, "prompt_tokens": 0, "completion_tokens": 0}
    record.fields.update(tally, engine=service.engine.name, batch_operation=body.operation)
    async with aclosing(as_ready(body.items, in_progress, perform, begin_order(body.items))) as ready:
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
    """Process one item of a batch. Raises the error that a single request would be answered with."""
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
        raise invalid(f"{path}: has a lone surrogate, which is not Unicode text")
    try:
        if operation == "compress":
            return COMPRESS_BODY.validate_python(item)
        return ReconstructRequest.model_validate(item)
    except ValidationError as error:
        raise invalid(explain(error.errors())) from None


def begin_order(items: Sequence[object]) -> list[int]:
    """Indexes of `items`, which are raw bodies, in the order in which to start them.

    Items whose prompts have the same prefix are neighbours, so that the engine's prefix cache serves them. Among these,
    long ones come first, so that none runs alone at the end: the longest-processing-time rule is at most a third off
    the shortest makespan (Graham, Bounds on Multiprocessing Timing Anomalies, 1969).
    """
    prefixes = [_prefix(item) for item in items]
    sizes = [_size(item) for item in items]
    longest: dict[tuple[str, str], int] = {}
    for prefix, size in zip(prefixes, sizes, strict=True):
        longest[prefix] = max(size, longest.get(prefix, 0))
    return sorted(range(len(items)), key=lambda at: (-longest[prefixes[at]], prefixes[at], -sizes[at]))


def _prefix(item: object) -> tuple[str, str]:
    if not isinstance(item, Mapping):
        return "", ""
    return str(item.get("model") or ""), str(item.get("question") or "")


def _size(item: object) -> int:
    """Characters that the model will read, estimated from an item that is not validated yet."""
    if not isinstance(item, Mapping):
        return 0
    messages = item.get("messages")
    if isinstance(messages, list):
        contents = [message.get("content") for message in messages if isinstance(message, Mapping)]
        return sum(len(content) for content in contents if isinstance(content, str))
    capsule = item.get("capsule")
    text = capsule.get("payload") if isinstance(capsule, Mapping) else item.get("text")
    return len(text) if isinstance(text, str) else 0
