"""Reads request bodies: strict JSON, with limits that apply while the body arrives."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from app.api import strict_json
from app.api.problems import ProblemError, details_of, invalid, too_large, too_slow, unsupported_encoding
from app.api.record import record_of
from app.engine.errors import QueueFullError
from app.settings import Settings

RESPOND_ASYNC = "respond-async"
_VALUES_PER_ITEM = 128  # 100 strings of must_keep, and every other field
_LONGEST_LENGTH = 18  # digits


class BoundedRequest(Request):
    """A request whose body is refused as soon as it exceeds the limit on size or time."""

    async def body(self) -> bytes:
        """The whole body. Raises ProblemError if it is over CONDENSER_MAX_BODY_BYTES, compressed, or too slow."""
        if not hasattr(self, "_body"):
            settings: Settings = self.app.state.service.settings
            _check_headers(self.headers, settings.max_body_bytes)
            try:
                async with asyncio.timeout(settings.body_timeout_s):
                    self._body = await self._bounded(settings.max_body_bytes)
            except TimeoutError:
                raise too_slow(settings.body_timeout_s) from None
            except QueueFullError as error:  # FastAPI would treat any other error as a malformed body
                details = details_of(error)
                raise ProblemError(
                    details.kind, details.status, details.title, details.detail, details.headers
                ) from None
        return self._body

    async def _bounded(self, limit: int) -> bytes:
        content = bytearray()
        pending, record = self.app.state.service.pending, record_of(self)
        async for chunk in self.stream():
            pending.hold(len(chunk), record.body_bytes)
            record.body_bytes += len(chunk)
            content += chunk
            if len(content) > limit:
                raise _over(limit)
        return bytes(content)

    async def json(self) -> Any:
        """The body as JSON. Raises ProblemError if it is not JSON."""
        content = await self.body()
        settings: Settings = self.app.state.service.settings
        most_items = settings.max_job_items if prefers_async(self) else settings.max_batch_items
        most_values = _VALUES_PER_ITEM * (most_items + 1)
        try:
            value = strict_json.loads(content, most_values)
            path = lone_surrogate(value)
        except RecursionError:
            raise invalid("body: not JSON that this service accepts: nested too deeply") from None
        except ValueError as error:
            raise invalid(f"body: not JSON that this service accepts: {str(error)[:200]}") from None
        if path and not path.startswith("items."):  # each item of a batch is checked later, by itself
            raise invalid(f"{path}: has a lone surrogate, which is not Unicode text")
        return value


def prefers_async(connection: HTTPConnection) -> bool:
    """Whether the request has `Prefer: respond-async` (RFC 7240, section 4.1), alone or among other preferences."""
    given = Headers(scope=connection.scope).getlist("prefer")
    return any(
        preference.partition(";")[0].strip().lower() == RESPOND_ASYNC
        for header in given
        for preference in header.split(",")
    )


def _check_headers(headers: Headers, limit: int) -> None:
    """Refuse a body before it is read: if its length is over the limit, or if it is compressed and could be a bomb."""
    if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise unsupported_encoding()
    length = headers.get("content-length", "")
    if length.isdecimal() and (len(length) > _LONGEST_LENGTH or int(length) > limit):
        raise _over(limit)


def _over(limit: int) -> ProblemError:
    return too_large(f"the body is over {limit} bytes (CONDENSER_MAX_BODY_BYTES)")


def lone_surrogate(value: Any, path: str = "") -> str | None:
    """Path of the first string in a JSON value that has no UTF-8 form, None if every string has one."""
    if isinstance(value, str):
        return (path or "body") if not _has_utf8(value) else None
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in named:
        inner_path = f"{path}.{name}" if path else str(name)
        path_within = inner_path if not _has_utf8(str(name)) else lone_surrogate(inner, inner_path)
        if path_within:
            return path_within
    return None


def _has_utf8(text: str) -> bool:
    try:
        return text.isascii() or text.encode() is not None
    except UnicodeEncodeError:
        return False


class BoundedRoute(APIRoute):
    """A route that reads its body through BoundedRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, which gets a BoundedRequest."""
        handler = super().get_route_handler()

        async def bounded(request: Request) -> Response:
            return await handler(BoundedRequest(request.scope, request.receive))

        return bounded
