"""`/v1/chat/completions`: a proxy of an upstream with OpenAI's API that shortens older messages."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import ValidationError

from app.api import operations
from app.api.body import BoundedRoute
from app.api.chat_body import messages_of, with_texts
from app.api.clients import client_of
from app.api.forwarding import ForwardedResponse, Forwarder, forwarded_headers
from app.api.message_schemas import CompressMessagesRequest, CompressMessagesResponse
from app.api.problem_answers import problem_answers
from app.api.problems import ProblemError
from app.api.record import record_of
from app.api.routes import caching_of, calls_at_once, places, refuse_while_draining
from app.api.service import Service, service_of
from app.asgi import cancel_on_disconnect
from app.compression.cache import Caching
from app.credentials import digest_of, holder_of
from app.settings import Settings
from app.tasks import beside_loop
from app.telemetry.logs import logger

SAVED_TOKENS = "X-Condenser-Saved-Tokens"

_OFF_LOOP_BYTES = 65_536
_BODY = {
    "requestBody": {
        "required": True,
        "description": "the body that the upstream's API takes",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}
_ANSWER = {
    "description": "The upstream's answer, forwarded while it arrives",
    "content": {"application/json": {"schema": {}}, "text/event-stream": {"schema": {"type": "string"}}},
    "headers": {
        SAVED_TOKENS: {
            "description": "estimated tokens that the upstream does not have to read",
            "schema": {"type": "integer"},
        }
    },
}


@dataclass(frozen=True, slots=True)
class _Shortened:
    """A body to be forwarded, and the number of tokens by which it is shorter."""

    content: bytes
    saved_tokens: int


def install(app: FastAPI, settings: Settings, url: str) -> Forwarder:
    """Add the endpoints that forward calls to the upstream at `url`. The caller closes the returned forwarder."""
    forwarder = Forwarder(url)
    router = APIRouter(
        prefix="/v1", route_class=BoundedRoute, dependencies=[Depends(refuse_while_draining)], tags=["proxy"]
    )

    @router.post(
        "/chat/completions",
        operation_id="chat_completions",
        response_class=Response,
        openapi_extra=_BODY,
        responses={200: _ANSWER, **problem_answers(401, 408, 413, 415, 421, 429, 502, 503)},
    )
    async def chat_completions(request: Request) -> Response:
        """Forward a chat completion to the upstream with its older messages shortened, and the answer back."""
        client_of(request).admit()
        content = await request.body()
        return await cancel_on_disconnect(request.receive, _completed(forwarder, settings, request, content))

    @router.get(
        "/models",
        operation_id="upstream_models",
        response_class=Response,
        responses={200: {**_ANSWER, "headers": {}}, **problem_answers(401, 421, 429, 502, 503)},
    )
    async def upstream_models(request: Request) -> Response:
        """Forward the list of the upstream's models."""
        client_of(request).admit()
        return await cancel_on_disconnect(request.receive, _forward(forwarder, settings, request, "models", None, {}))

    app.include_router(router)
    return forwarder


async def _completed(forwarder: Forwarder, settings: Settings, request: Request, content: bytes) -> Response:
    started = time.perf_counter()
    shortened = await _shortened(settings, request, content)
    record_of(request).fields.update(
        saved_tokens=shortened.saved_tokens, compress_ms=round((time.perf_counter() - started) * 1000, 1)
    )
    more = {SAVED_TOKENS: str(shortened.saved_tokens)}
    return await _forward(forwarder, settings, request, "chat/completions", shortened.content, more)


async def _forward(
    forwarder: Forwarder,
    settings: Settings,
    request: Request,
    path: str,
    content: bytes | None,
    more_headers: Mapping[str, str],
) -> Response:
    """The upstream's answer. Raises ProblemError if the upstream does not answer."""
    calls = service_of(request).metrics.proxy_calls
    count: Callable[[str], None] = lambda outcome: calls.labels(outcome).inc()  # noqa: E731
    headers = forwarded_headers(request.headers.raw)
    authorization = _authorization(settings, request)
    if authorization is not None:
        headers.append((b"authorization", authorization))
    try:
        answer = await forwarder.send(request.method, path, headers, content)
    except ProblemError:
        count("unreachable")
        raise
    except asyncio.CancelledError:
        count("client_gone")
        raise
    record_of(request).fields["upstream_status"] = answer.status
    return ForwardedResponse(answer, more_headers, count)


def _authorization(settings: Settings, request: Request) -> bytes | None:
    """The `Authorization` for the upstream: CONDENSER_PROXY_API_KEY, else the client's, unless it is a key of this
    service.
    """
    if settings.proxy_api_key:
        return f"Bearer {settings.proxy_api_key}".encode()
    given = dict(request.headers.raw).get(b"authorization")
    if given is None:
        return None
    scheme, _, token = given.partition(b" ")
    is_own_key = scheme.lower() == b"bearer" and holder_of(token.strip(), settings.api_keys) is not None
    return None if is_own_key else given


async def _shortened(settings: Settings, request: Request, content: bytes) -> _Shortened:
    """The body with its older messages shortened, or unchanged if that fails: shortening never fails a call."""
    unchanged = _Shortened(content, 0)
    is_long = len(content) >= _OFF_LOOP_BYTES
    try:
        body = await beside_loop(is_long, lambda: _request_of(settings, content.decode()))
    except ValueError as error:  # the upstream will refuse it
        reason = f"{error.error_count()} errors" if isinstance(error, ValidationError) else str(error)
        logger.info("forwarded unchanged", extra={"reason": reason})
        return unchanged
    try:
        answer = await _compressed(settings, request, body)
        texts = {(change.index, change.part): _text(answer, change.index, change.part) for change in answer.changed}
        rewritten = lambda: with_texts(content.decode(), texts).encode()  # noqa: E731
        new = await beside_loop(is_long, rewritten) if texts else content
        return _Shortened(new, answer.older.source_tokens - answer.older.compressed_tokens)
    except Exception as error:
        logger.warning("forwarded unchanged", extra={"reason": f"{type(error).__name__}: {error}"[:300]})
        return unchanged


def _request_of(settings: Settings, text: str) -> CompressMessagesRequest:
    """The request to compress the messages of a body. Raises ValueError."""
    return CompressMessagesRequest.model_validate(
        {
            "messages": messages_of(text),
            "keep_last": settings.proxy_keep_last,
            "target_ratio": settings.proxy_target_ratio,
            "method": settings.proxy_method,
            "on_engine_error": "extractive",
            "timeout_s": settings.proxy_timeout_s,
        }
    )


async def _compressed(settings: Settings, request: Request, body: CompressMessagesRequest) -> CompressMessagesResponse:
    service, client = service_of(request), client_of(request)
    started = time.perf_counter()
    with client.hold(places(service, client, body)):
        at_once = calls_at_once(service, client)
        done = await operations.compress_messages(service, body, _caching(service, request), at_once)
    service.metrics.operation_ended("compress", "ok", time.perf_counter() - started, done.cost)
    client.spend_tokens(done.answer.usage.tokens)
    return done.answer


def _caching(service: Service, request: Request) -> Caching:
    """Results are shared by requests with the same key, for this service or for the upstream."""
    caching = caching_of(request)
    if service.settings.cache_across_keys or caching.scope:
        return caching
    given = dict(request.headers.raw).get(b"authorization", b"")
    return replace(caching, scope=f"proxy:{digest_of(given).hex()}")


def _text(answer: CompressMessagesResponse, index: int, part: int | None) -> str:
    content = answer.messages[index]["content"]
    text: str = content if part is None else content[part]["text"]
    return text
