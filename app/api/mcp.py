"""`/mcp`: the MCP server over streamable HTTP, stateless, behind the same keys and checks as the API."""

import asyncio
import contextvars
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import FastAPI
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from app.api.body import BoundedRequest
from app.api.problems import ProblemError
from app.api.record import record_of
from app.api.service import service_of
from app.asgi import ClientDisconnectedError, cancel_on_disconnect
from app.settings import Settings
from app.telemetry.logs import request_id
from app.tracing import outgoing_headers

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from condenser_client import AsyncCondenser

PATH = "/mcp"
MCP_HEADERS = ("Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "Mcp-Session-Id")
"""Headers that a client in a web page sends in addition to those of the API."""
_KEY_HEADERS = ("authorization", "x-api-key")
_NO_LIMIT_S = 86_400.0  # the API itself bounds how long a request takes


class McpEndpoint:
    """The ASGI application behind `/mcp`.

    The SDK is imported and the server is created at the first request: the import alone takes most of a second and
    30 MB, which a service without agents does not need.
    """

    def __init__(self, app: FastAPI, settings: Settings) -> None:
        self._settings = settings
        # The tools call the API like any client, but without a socket.
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), trust_env=False)
        self._manager: StreamableHTTPSessionManager | None = None
        self._starting = asyncio.Lock()
        self._host: asyncio.Task[None] | None = None
        app.router.routes.append(Route(PATH, self, methods=["POST"], include_in_schema=False))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = BoundedRequest(scope, receive)
        self._check_origin(request)
        body = await request.body()
        # The requests that a tool sends to the API are counted there.
        record = record_of(request)
        service_of(request).pending.release(record.body_bytes)
        record.body_bytes = 0
        manager = self._manager or await self._started()
        with suppress(ClientDisconnectedError):  # nobody waits for the answer
            await cancel_on_disconnect(receive, manager.handle_request(scope, _replayed(body), send))

    async def aclose(self) -> None:
        """End all calls in progress."""
        if self._host is not None:
            self._host.cancel()
            await asyncio.gather(self._host, return_exceptions=True)
        await self._http.aclose()

    async def _started(self) -> "StreamableHTTPSessionManager":
        async with self._starting:
            if self._manager is None:
                manager = await asyncio.to_thread(self._make_manager)
                running: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                # A separate task, because the manager's task group must be left by the task that entered it. Its
                # context is empty, so that it does not keep the id of the first request.
                self._host = asyncio.create_task(_run(manager, running), context=contextvars.Context())
                await running
                self._manager = manager
            return self._manager

    def _make_manager(self) -> "StreamableHTTPSessionManager":
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

        from app.api.mcp_tools import make_server

        # Host, Origin and size have been checked already, according to the service's settings.
        return StreamableHTTPSessionManager(
            make_server(self._client),
            stateless=True,
            json_response=True,
            max_request_body_size=self._settings.max_body_bytes,
        )

    def _client(self, context: Any) -> "AsyncCondenser":
        """The client for a tool call, with the key and the id of the request that made the call."""
        from condenser_client import AsyncCondenser

        given = context.request.headers
        headers = {name: given[name] for name in _KEY_HEADERS if name in given}
        headers |= {"x-request-id": request_id.get() or "", **outgoing_headers()}
        url = f"http://localhost:{self._settings.port}"
        return AsyncCondenser(url, headers=headers, max_retries=0, timeout_s=_NO_LIMIT_S, http_client=self._http)

    def _check_origin(self, request: Request) -> None:
        """Raise ProblemError 403 for a web page of another origin, unless it is in CONDENSER_CORS_ORIGINS.

        The protocol requires this: browsers send some requests of a page without a preflight.
        """
        origin = request.headers.get("origin")
        allowed = self._settings.cors_origins
        own = request.headers.get("host", "")
        if origin is None or origin in allowed or origin.partition("://")[2] == own:
            return
        raise ProblemError(
            "wrong_origin",
            403,
            "Web pages of that origin may not call this service",
            "the Origin header has an origin that is not among CONDENSER_CORS_ORIGINS",
        )


async def _run(manager: "StreamableHTTPSessionManager", running: asyncio.Future[None]) -> None:
    async with manager.run():
        running.set_result(None)
        await asyncio.Event().wait()


def _replayed(body: bytes) -> Receive:
    """A `receive` that returns the body, which has been read, and then waits: a disconnect is handled elsewhere."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError

    return replay
