"""Errors as RFC 9457 problem details."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.api.message_schemas import TAGS
from app.api.record import record_of
from app.api.schemas import Problem
from app.asgi import ClientDisconnectedError
from app.capsule.format import CapsuleError
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    EngineTimeoutError,
    EngineUnreachableError,
    ModelNotFoundError,
    QueueFullError,
    QueueTimeoutError,
    ShuttingDownError,
)
from app.jobs.values import JobsUnavailableError
from app.telemetry.logs import logger, request_id
from app.text.facts import LiteralNotFoundError
from app.text.kinds import ContentTypeError

MEDIA_TYPE = "application/problem+json"

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_SHUTTING_DOWN = "The service is shutting down"


class ProblemError(HTTPException):
    """A request that the HTTP layer itself refuses. An HTTPException, so that FastAPI does not replace it."""

    def __init__(self, kind: str, status: int, title: str, detail: str, headers: Mapping[str, str] | None = None):
        super().__init__(status, detail)
        self.details = ProblemDetails(kind, status, title, detail, headers or {})


def invalid(detail: str) -> ProblemError:
    """A request that is well-formed but can't be served; `detail` names the field."""
    return ProblemError("invalid_request", 422, "The request is not valid", detail)


def too_large(detail: str) -> ProblemError:
    """A request over a limit; `detail` names it."""
    return ProblemError("too_large", 413, "The request is too large", detail)


def too_slow(limit_s: float) -> ProblemError:
    """A body that took too long to arrive."""
    detail = f"the body did not arrive within {limit_s:g} s (CONDENSER_BODY_TIMEOUT_S)"
    return ProblemError("too_slow", 408, "The request is too slow", detail)


def unsupported_encoding() -> ProblemError:
    """A compressed body (RFC 9110, section 15.5.16)."""
    detail = "Content-Encoding: compressed bodies are not accepted; send it uncompressed"
    return ProblemError("unsupported", 415, "The body is compressed", detail, {"Accept-Encoding": "identity"})


def shutting_down() -> ProblemError:
    """A request that arrives while the service shuts down."""
    detail = "the service is shutting down and accepts no more requests; send it again, here or to another instance"
    headers = {"Retry-After": "1", "Connection": "close"}
    return ProblemError(ShuttingDownError.kind, 503, _SHUTTING_DOWN, detail, headers)


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """The problem that an error is answered with. `kind` is from a fixed list, so it can be a metric's label."""

    kind: str
    status: int
    title: str
    detail: str
    headers: Mapping[str, str]


# Most specific first: the first that an error is an instance of counts.
_ENGINE_PROBLEMS: tuple[tuple[type[EngineError], int, str], ...] = (
    (QueueTimeoutError, 503, "The wait in the queue was too long"),
    (QueueFullError, 503, "The queue is full"),
    (ShuttingDownError, 503, _SHUTTING_DOWN),
    (ModelNotFoundError, 404, "The engine does not have this model"),
    (EngineBusyError, 503, "The engine is busy"),
    (EngineUnreachableError, 502, "The engine can't be reached"),
    (EngineTimeoutError, 504, "The engine is too slow"),
    (EngineRejectedError, 502, "The engine refused the call"),
    (EngineFailedError, 502, "The engine failed"),
    (EngineError, 502, "The engine failed"),
)


def details_of(error: Exception) -> ProblemDetails:
    """The problem for `error`. The message of an unexpected error is left out."""
    match error:
        case ProblemError():
            return error.details
        case RequestValidationError():
            return ProblemDetails("invalid_request", 422, "The request is not valid", explain(error.errors()), {})
        case LiteralNotFoundError() | ContentTypeError():
            return ProblemDetails("invalid_request", 422, "The request is not valid", str(error), {})
        case CapsuleError():
            return ProblemDetails("invalid_capsule", 422, "The capsule can't be opened", f"capsule: {error}", {})
        case EngineError():
            return _engine_problem(error)
        case JobsUnavailableError():
            detail = "the database of jobs (CONDENSER_JOBS_DATABASE) can't be used; the log of the service says why"
            return ProblemDetails(
                "jobs_unavailable", 503, "The database of batches can't be used", detail, {"Retry-After": "30"}
            )
        case HTTPException():
            return ProblemDetails(
                "http", error.status_code, "The request can't be served", error.detail, error.headers or {}
            )
        case ClientDisconnectedError():
            return ProblemDetails("client_gone", 499, "The client disconnected", "the client disconnected", {})
    logger.error("internal error", exc_info=error)
    return ProblemDetails(
        "internal", 500, "Internal error", "an unexpected error in the service; its log has the traceback", {}
    )


def _engine_problem(error: EngineError) -> ProblemDetails:
    status, title = next((status, title) for kind, status, title in _ENGINE_PROBLEMS if isinstance(error, kind))
    wait_s = error.retry_after_s if isinstance(error, QueueFullError) else 1 if status == 503 else 0
    headers = {"Retry-After": str(math.ceil(wait_s))} if wait_s else {}
    return ProblemDetails(error.kind, status, title, str(error), headers)


def explain(errors: Sequence[Any]) -> str:
    """One clause for each validation error, with the field first; without the value, which may be a text."""
    return "; ".join(f"{_field(item['loc'])}: {_message(item)}" for item in errors[:10])


def _field(location: Sequence[int | str]) -> str:
    path = [str(part) for part in location if part not in ("body", "query", "header", *TAGS)]
    return ".".join(path)[:200] or "body"


def _message(item: Mapping[str, Any]) -> str:
    match item["type"]:
        case "json_invalid":
            return f"not JSON: {item.get('ctx', {}).get('error', item['msg'])}"
        case "model_attributes_type" | "dict_type" | "model_type":
            return "a JSON object is expected, sent with Content-Type: application/json"
        case "extra_forbidden":
            return "no such field"
        case _:
            return str(item["msg"])


def problem_body(details: ProblemDetails) -> Problem:
    """The body of the answer."""
    return Problem(
        type=f"urn:condenser:problem:{details.kind}",
        title=details.title,
        status=details.status,
        detail=details.detail,
        request_id=request_id.get() or "",
    )


async def problem_response(request: Request, error: Exception) -> Response:
    """The answer for `error`; its kind is recorded for the log and the metrics."""
    details = details_of(error)
    if details.status == 405:
        details = replace(details, headers={"Allow": ", ".join(_methods(request))})
    record_of(request).outcome = details.kind
    # ASCII JSON: a message may quote a lone surrogate, which has no UTF-8.
    content = json.dumps(problem_body(details).model_dump())
    return Response(content, details.status, headers=dict(details.headers), media_type=MEDIA_TYPE)


def _methods(request: Request) -> list[str]:
    """The methods of every route on the request's path: Starlette names only those of the first route."""
    path = {name: request.scope[name] for name in ("type", "path", "root_path")}
    routes = request.app.routes
    return [m for m in _METHODS if any(r.matches({**path, "method": m})[0] is Match.FULL for r in routes)]


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem."""
    kinds = (ProblemError, RequestValidationError, LiteralNotFoundError, ContentTypeError, CapsuleError)
    for kind in (*kinds, EngineError, JobsUnavailableError, HTTPException, ClientDisconnectedError):
        app.add_exception_handler(kind, problem_response)
