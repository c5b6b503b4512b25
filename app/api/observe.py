"""The outermost layer: gives each request its id and record; counts and logs it at its end."""

import re
import uuid
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.forwarded import route_path
from app.api.problems import problem_response
from app.api.record import RequestRecord, keep_record
from app.api.service import service_of
from app.telemetry.logs import logger, request_id
from app.telemetry.metrics import Metrics, Operation

Header = tuple[bytes, bytes]

_ID_HEADER = "X-Request-ID"
_NO_SNIFF: Header = (b"x-content-type-options", b"nosniff")
_SAFE_ID = re.compile(r"[A-Za-z0-9._\-]{1,128}")
_OPERATIONS: dict[str, Operation] = {"/compress": "compress", "/reconstruct": "reconstruct", "/batch": "batch"}
QUIET_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/status", "/status/history", "/models"})
"""Paths that monitors request all the time: not logged if they succeed, and not traced."""


class AnswerCutError(Exception):
    """An answer broke off after its start; another log line says why."""


class RecordMiddleware:
    """Gives each request its id and record; counts it and writes its log line at its end."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        record = RequestRecord(_OPERATIONS.get(route_path(scope)) if scope["method"] == "POST" else None)
        keep_record(scope, record)
        identifier = _request_id(scope)
        token = request_id.set(identifier)

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                message["headers"] = [*message["headers"], *_own_headers(message["headers"], identifier)]
            elif not message.get("more_body"):
                # Before the last byte is sent: a client that has its answer finds it in the metrics and the log.
                self._finish(scope, record)
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except AnswerCutError:
            record.outcome = "cut"
            raise
        except Exception as error:
            answer = await problem_response(Request(scope), error)
            if record.status:  # too late for a problem: the server closes the connection and logs this
                raise AnswerCutError from None
            await answer(scope, receive, send_with_id)
        finally:
            if not record.is_finished and record.outcome == "ok":
                record.outcome = "client_gone"
            self._finish(scope, record)
            request_id.reset(token)
            if record.body_bytes:
                service_of(Request(scope)).pending.release(record.body_bytes)

    def _finish(self, scope: Scope, record: RequestRecord) -> None:
        if record.is_finished:
            return
        record.is_finished = True
        elapsed_s = record.elapsed_s
        if record.operation is not None:
            self._metrics.operation_ended(record.operation, record.outcome, elapsed_s, record.cost)
            if record.client is not None:
                self._metrics.client_requests.labels(record.client, record.outcome).inc()
        elif route_path(scope) in QUIET_PATHS and record.status < 400:
            return
        logger.info(
            "request",
            extra={
                "operation": record.operation or "other",
                "method": scope["method"],
                "status": record.status,
                "outcome": record.outcome,
                "duration_ms": round(elapsed_s * 1000, 1),
                **({"client": record.client} if record.client is not None else {}),
                **record.fields,
            },
        )


def _own_headers(headers: Iterable[Header], identifier: str) -> tuple[Header, ...]:
    own = (_ID_HEADER.lower().encode(), identifier.encode())
    return (own,) if any(name == _NO_SNIFF[0] for name, _ in headers) else (own, _NO_SNIFF)


def _request_id(scope: Scope) -> str:
    """The caller's id if it is safe in a header and a log line, else a new one."""
    given = Headers(scope=scope).get(_ID_HEADER, "")
    return given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
