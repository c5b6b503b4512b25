"""Who may call: checked before any of the body is read. Every path that is not listed as open needs a key."""

import hmac
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.clients import NOBODY, Client, keep_client
from app.api.forwarded import route_path
from app.api.problems import ProblemError, problem_response
from app.api.record import record_of
from app.credentials import digest_of, holder_of
from app.settings import Settings

OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/docs", "/openapi.json"})
"""Paths that need no key."""
_OPEN_FOLDERS = ("/static/", "/swagger/")  # of the status page and of /docs
_METRICS_PATH = "/metrics"
_METRICS_PORT_PATHS = frozenset({_METRICS_PATH, "/healthz"})


class AccessMiddleware:
    """Refuses requests with a foreign Host, on the wrong port, without a valid key, or over the limits of a key."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._is_trusted = lru_cache(maxsize=256)(lambda host: is_trusted(host, settings))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                self._admit(scope)
            except HTTPException as refusal:
                # Answered here, so that an outer layer adds its CORS headers.
                response = await problem_response(Request(scope), refusal)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> None:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if not self._is_trusted(headers.get(b"host", b"")):
            raise ProblemError(
                "wrong_host",
                421,
                "This service does not have that name",
                "the Host header has a name that is not among CONDENSER_TRUSTED_HOSTS",
            )
        path = route_path(scope)
        self._check_port(scope, path)
        keep_client(scope, NOBODY)
        if path in OPEN_PATHS or path.startswith(_OPEN_FOLDERS):
            return
        if path == _METRICS_PATH and self._settings.metrics_token:
            if not hmac.compare_digest(digest_of(_credentials(headers)), self._settings.metrics_token):
                raise _unauthorized("CONDENSER_METRICS_TOKEN, as Authorization: Bearer TOKEN")
        elif self._settings.api_keys:
            self._admit_client(scope, headers)

    def _check_port(self, scope: Scope, path: str) -> None:
        metrics_port = self._settings.metrics_port
        if metrics_port is None:
            return
        is_metrics_port = scope["server"] is not None and scope["server"][1] == metrics_port
        if (path not in _METRICS_PORT_PATHS) if is_metrics_port else (path == _METRICS_PATH):
            raise HTTPException(404)

    def _admit_client(self, scope: Scope, headers: Mapping[bytes, bytes]) -> None:
        name = holder_of(_credentials(headers), self._settings.api_keys)
        if name is None:
            raise _unauthorized("an API key, as Authorization: Bearer KEY or X-API-Key: KEY")
        clients: Mapping[str, Client] = scope["app"].state.service.clients
        keep_client(scope, clients[name])
        record = record_of(Request(scope))
        record.client = name
        if record.operation is not None:
            clients[name].admit()


def _credentials(headers: Mapping[bytes, bytes]) -> bytes:
    """The key of a request. `X-API-Key` comes first: `Authorization` may then be for the proxy's upstream."""
    if key := headers.get(b"x-api-key"):
        return key
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else b""


def _unauthorized(what: str) -> ProblemError:
    return ProblemError(
        "unauthorized",
        401,
        "An API key is needed",
        f"the key is missing or wrong: send {what}",
        {"WWW-Authenticate": "Bearer"},
    )


def is_trusted(host: bytes, settings: Settings) -> bool:
    """Whether a Host header names this service: a name in CONDENSER_TRUSTED_HOSTS, or this machine itself.

    In a DNS rebinding attack, the name of a foreign web page resolves to this machine, and the browser sends that name.
    """
    if not settings.trusted_hosts and not settings.is_loopback:
        return True
    name = _without_port(host.decode("latin-1").lower())
    if name == "localhost" or name.endswith(".localhost") or _is_loopback(name):
        return True
    return any(
        name == trusted.strip("[]") or trusted == "*" or (trusted.startswith("*.") and name.endswith(trusted[1:]))
        for trusted in settings.trusted_hosts
    )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
