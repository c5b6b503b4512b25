"""Forwards a request to an upstream, and the answer back byte for byte while it arrives."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import aiohttp
from fastapi import Response
from starlette.types import Receive, Scope, Send

from app.api.observe import AnswerCutError
from app.api.problems import ProblemError
from app.asgi import ClientDisconnectedError, cancel_on_disconnect
from app.engine.http import CONNECT_TIMEOUT_S, without_userinfo
from app.telemetry.logs import logger
from app.tracing import outgoing_headers

Header = tuple[bytes, bytes]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
"""Headers of one connection (RFC 9110, section 7.6.1)."""
_NOT_SENT = _HOP_BY_HOP | {b"host", b"content-length", b"expect", b"authorization", b"x-api-key", b"cookie"}
# These describe the upstream's host and connection, not this service's.
_NOT_ANSWERED = _HOP_BY_HOP | {b"date", b"server", b"alt-svc", b"strict-transport-security"}
_NOT_ANSWERED_FRONT = b"access-control-"
_REQUEST_ID = b"x-request-id"
_UPSTREAM_REQUEST_ID = b"x-upstream-request-id"
_FIRST_REFUSAL, _FIRST_FAILURE = 400, 500


class Forwarder:
    """Calls the upstream at `url` through a connection pool. Close it with `aclose`."""

    def __init__(self, url: str) -> None:
        self.url = without_userinfo(url)
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def aclose(self) -> None:
        """Close the connections; calls in progress fail."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, path: str, headers: Iterable[Header], content: bytes | None
    ) -> aiohttp.ClientResponse:
        """The upstream's answer, whatever its status; its body has not been read yet.

        There is no time limit: the client decides how long it waits. Raises ProblemError if there is no answer.
        """
        # aiohttp's header strings are UTF-8 with surrogate escapes for other bytes.
        given = [(name.decode("latin-1"), value.decode("utf-8", "surrogateescape")) for name, value in headers]
        try:
            return await self._opened().request(
                method,
                f"{self._url}/{path}",
                data=content,
                headers=[*given, *outgoing_headers().items()],
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError) as error:
            detail = f"{self.url} (CONDENSER_PROXY_URL): {_reason(error)}"
            raise ProblemError("upstream_unreachable", 502, "The upstream does not answer", detail) from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=4.0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_TIMEOUT_S),
                auto_decompress=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error) or type(error).__name__


def forwarded_headers(headers: Iterable[Header]) -> list[Header]:
    """The headers of a request that are forwarded to the upstream: no keys and no cookies."""
    headers = list(headers)
    named = _named_by_connection(headers)
    return [(name, value) for name, value in headers if name.lower() not in _NOT_SENT | named]


def _named_by_connection(headers: Iterable[Header]) -> frozenset[bytes]:
    """The headers that `Connection` lists as valid for this connection only."""
    values = (value for name, value in headers if name.lower() == b"connection")
    return frozenset(word.strip().lower() for value in values for word in value.split(b","))


class ForwardedResponse(Response):
    """The upstream's answer, forwarded while it arrives, with more headers. It ends when the client disconnects.

    If the upstream's connection breaks, the client's is closed too: half an answer must not look complete.
    `on_end` is called with the outcome: `ok`, `refused` (4xx), `failed` (5xx), `cut` or `client_gone`.
    """

    def __init__(
        self, answer: aiohttp.ClientResponse, more_headers: Mapping[str, str], on_end: Callable[[str], None]
    ) -> None:
        super().__init__(status_code=answer.status)
        self.raw_headers = _answered_headers(answer.raw_headers)
        self.raw_headers += [(name.lower().encode(), value.encode()) for name, value in more_headers.items()]
        self._answer = answer
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = "client_gone"
        try:
            await cancel_on_disconnect(receive, self._pass_on(send))
            status = self.status_code
            outcome = "failed" if status >= _FIRST_FAILURE else "refused" if status >= _FIRST_REFUSAL else "ok"
        except ClientDisconnectedError:
            pass  # the record of the request has this outcome
        except (aiohttp.ClientError, OSError) as error:
            outcome = "cut"
            logger.warning("the upstream's answer is incomplete", extra={"reason": _reason(error)})
            raise AnswerCutError from None
        finally:
            self._answer.close()
            self._on_end(outcome)

    async def _pass_on(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # let other tasks run, even if the next chunk is already there
        await send({"type": "http.response.body", "body": b""})


def _answered_headers(headers: Iterable[Header]) -> list[Header]:
    headers = list(headers)
    named = _named_by_connection(headers)
    lower = [(name.lower(), value) for name, value in headers]
    return [
        (_UPSTREAM_REQUEST_ID if name == _REQUEST_ID else name, value)
        for name, value in lower
        if name not in _NOT_ANSWERED | named and not name.startswith(_NOT_ANSWERED_FRONT)
    ]
