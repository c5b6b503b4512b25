"""`/compress` and `/reconstruct`."""

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from app.api import operations
from app.api.body import BoundedRoute
from app.api.clients import Client, client_of
from app.api.event_stream import EVENT_STREAM, EVENTS, EventStream
from app.api.message_schemas import (
    CompressBody,
    CompressMessagesRequest,
    CompressMessagesResponse,
)
from app.api.operations import Done
from app.api.problem_answers import PROBLEMS, problem_answers
from app.api.problems import shutting_down
from app.api.record import record_of
from app.api.schemas import (
    CompressRequest,
    CompressResponse,
    ReconstructRequest,
    ReconstructResponse,
)
from app.api.service import Service, service_of
from app.asgi import cancel_on_disconnect
from app.compression.cache import Caching
from app.compression.compressor import OnExcerpt
from app.compression.messages import texts_of
from app.text.tokens import estimate_tokens

AnyRequest = CompressRequest | CompressMessagesRequest | ReconstructRequest
AnyDone = Done[CompressResponse] | Done[CompressMessagesResponse] | Done[ReconstructResponse]

_COMPRESSED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The whole answer; with `Accept: text/event-stream` events, each as soon as it is known",
        "content": {EVENT_STREAM: EVENTS},
        "links": {
            "TextBack": {
                "operationId": "reconstruct",
                "requestBody": {"capsule": "$response.body#/capsule"},
                "description": "the text from the capsule, byte for byte if the capsule is exact",
            },
            "TextAnew": {
                "operationId": "reconstruct",
                "requestBody": {"capsule": "$response.body#/capsule", "mode": "semantic"},
                "description": "a text that the model writes from the summary in the capsule",
            },
        },
    }
}


async def refuse_while_draining(request: Request) -> None:
    """Raise ProblemError 503 if the service is shutting down."""
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

    The result is whole sentences of the text and checked ones by the model, with a report and a capsule that restores
    the text. Of messages, the answer has the same number, with a capsule for each text that changed.

    With `Accept: text/event-stream` the answer is a stream of events. `passage`: the passages of the best result
    without the model, at once; `sentence`: each sentence by the model that has passed the check; last, `result` with
    the whole answer, or `problem`. Only `result` says what the answer contains. For messages it is the only event.
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
        _record(request, done)
        return done

    record_of(request).fields["engine"] = service.engine.name
    if EVENT_STREAM in request.headers.get("accept", "").lower():
        return EventStream(work, record_of(request))
    return (await cancel_on_disconnect(request.receive, work())).answer


@router.post("/reconstruct", operation_id="reconstruct", responses=problem_answers(*PROBLEMS))
async def reconstruct(request: Request, body: ReconstructRequest) -> ReconstructResponse:
    """Restore a text from its capsule: byte for byte if the capsule contains it, else rewritten by the model."""
    service, client = service_of(request), client_of(request)
    record_of(request).fields["engine"] = service.engine.name
    with client.hold(places(service, client, body)):
        done = await cancel_on_disconnect(request.receive, operations.reconstruct(service, body))
    _record(request, done)
    return done.answer


def caching_of(request: Request) -> Caching:
    """Which results of other requests this one may get, by its key and its `Cache-Control`."""
    directives = {word.strip().lower() for word in request.headers.get("cache-control", "").split(",")}
    scope = cache_scope(service_of(request), client_of(request))
    return Caching(scope, directives.isdisjoint({"no-cache", "no-store", "max-age=0"}), "no-store" not in directives)


def cache_scope(service: Service, client: Client) -> str:
    """Name of the group of clients that share cached results with this one."""
    return "" if service.settings.cache_across_keys else client.name


def calls_at_once(service: Service, client: Client) -> int:
    """How many texts of a conversation may be compressed at once: 1 if the client has a share of the queue."""
    return 1 if client.has_share else service.engine.queue.most_concurrency


def places(service: Service, client: Client, body: AnyRequest) -> int:
    """Most calls that a request can have in the engine and its queue at once."""
    if not client.has_share or isinstance(body, ReconstructRequest):
        return 1
    # A client with a share compresses one text of a conversation at a time.
    texts = (
        [body.text]
        if isinstance(body, CompressRequest)
        else [content.text for content in texts_of(body.given_messages)]
    )
    longest = max(map(len, texts), default=0)
    tokens = max((estimate_tokens(text) for text in texts if 2 * len(text) > longest), default=0)
    parts = 1 + tokens // (service.engine.num_ctx // 4)  # a part is larger than that
    return min(parts, service.engine.queue.most_concurrency)


def _record(request: Request, done: AnyDone) -> None:
    """Record what an answer cost, for the log, the metrics and the client's limits."""
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
