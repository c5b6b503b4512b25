"""Requests through a reverse proxy: the client, scheme and path prefix in its headers."""

from collections.abc import Sequence
from typing import Any, cast

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.settings.types import path_prefix

_PREFIX_HEADER = b"x-forwarded-prefix"


class ForwardedMiddleware:
    """Sets the path prefix of a reverse proxy as the scope's `root_path`, from which links are built.

    The prefix is `root_path`, or if that is empty, the `X-Forwarded-Prefix` header of a proxy in `trusted_proxies`.
    The proxy may remove the prefix from the path or leave it there. uvicorn handles `X-Forwarded-For` and
    `X-Forwarded-Proto` of these proxies.
    """

    def __init__(self, app: ASGIApp, root_path: str, trusted_proxies: Sequence[str]) -> None:
        self._app = ProxyHeadersMiddleware(cast(Any, app), list(trusted_proxies))
        self._root_path = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (prefix := self._root_path or self._forwarded_prefix(scope)):
            path: str = scope["path"]
            scope["root_path"] = prefix
            # According to the ASGI specification `path` starts with `root_path`.
            scope["path"] = path if f"{path}/".startswith(f"{prefix}/") else prefix + path
        await self._app(cast(Any, scope), cast(Any, receive), cast(Any, send))

    def _forwarded_prefix(self, scope: Scope) -> str:
        value = next((value for name, value in scope["headers"] if name == _PREFIX_HEADER), None)
        if value is None or scope["client"] is None or scope["client"][0] not in self._app.trusted_hosts:
            return ""
        try:
            return path_prefix(value.decode("latin-1"))
        except ValueError:
            return ""


def route_path(scope: Scope) -> str:
    """The path of a request without the prefix of a reverse proxy."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def prefix_of(connection: HTTPConnection) -> str:
    """The prefix of the service's paths in links: that of a reverse proxy, or an empty string."""
    prefix: str = connection.scope.get("root_path", "")
    return prefix
