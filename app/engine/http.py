"""Requests to the server that runs the model, and the errors that they can end in."""

from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from app.engine.errors import (
    EngineError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnreachableError,
    NoConnectionError,
)
from app.tracing import outgoing_headers

CONNECT_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of what is no completion: licence and tensors of a model, all models' rows
MAX_MESSAGE_CHARACTERS = 500

_KEEP_ALIVE_S = 4.0  # uvicorn, and vLLM with it, closes a connection that was idle for 5 s, even as a call is written
_AS_MANY_AS_COME = httpx.Limits(max_connections=0, keepalive_expiry=_KEEP_ALIVE_S)  # aiohttp's 0; None means its 100
_BYTES_AROUND_COMPLETION = 65_536
_BYTES_PER_TOKEN = 1024  # the longest tokens are runs of some hundred spaces; JSON writes a byte in six at most


class EngineHttp:
    """One connection pool to `base_url`; `headers` go with every request. Close it with `aclose`."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self.base_url = without_userinfo(base_url)
        # No read timeout: the deadline of the request that a call serves bounds it (Engine.complete).
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            auth=_userinfo(base_url),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # A compressed answer could be a thousand times its size before that can be seen.
            headers={"accept-encoding": "identity", **(headers or {})},
            trust_env=False,
            # httpcore takes several times as long for a call, and more with each one that is under way.
            transport=AiohttpTransport(trust_env=False, limits=_AS_MANY_AS_COME),
        )

    async def aclose(self) -> None:
        """Close the connection pool; calls in flight fail."""
        await self._http.aclose()

    async def exchange(
        self,
        method: str,
        path: str,
        body: object = None,
        limit: int = MAX_ANSWER_BYTES,
        on_line: Callable[[bytes], None] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of the answer; `on_line` is given each line of an answer with status 200 as it comes.

        Raises NoConnectionError, EngineUnreachableError where the connection broke, EngineTimeoutError,
        EngineFailedError for a body over `limit` bytes, and what `on_line` raises, which ends the call.
        """
        try:
            async with self._http.stream(method, path, json=body, headers=outgoing_headers()) as response:
                is_good = response.status_code == 200
                return response.status_code, await _read(response, limit, on_line if is_good else None)
        except (httpx.HTTPError, aiohttp.ClientError) as error:
            raise self._told(error) from error

    def _told(self, error: httpx.HTTPError | aiohttp.ClientError) -> EngineError:
        """The error as the rest knows it."""
        reason = str(error) or type(error.__cause__ or error).__name__
        broken = EngineUnreachableError(f"the connection to {self.base_url} broke: {reason}")
        # The transport says ConnectTimeout for whatever happens before an answer begins.
        if isinstance(error.__cause__, aiohttp.ClientConnectionError) and not isinstance(
            error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
        ):
            return broken
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return NoConnectionError(f"no connection to {self.base_url}: {reason}")
        if isinstance(error, httpx.TimeoutException):
            return EngineTimeoutError(f"{self.base_url} did not answer in time: {reason}")
        return broken


def _userinfo(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def without_userinfo(url: str) -> str:
    """`url` as it may be told: without a user name and password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def completion_limit(num_predict: int) -> int:
    """Bytes that an answer with a completion of so many tokens can have at most."""
    return _BYTES_AROUND_COMPLETION + num_predict * _BYTES_PER_TOKEN


def on_one_line(message: str) -> str:
    """An engine's own words, fit for a message of ours."""
    return " ".join(message.split())[:MAX_MESSAGE_CHARACTERS] or "(no message)"


async def _read(response: httpx.Response, limit: int, on_line: Callable[[bytes], None] | None) -> bytes:
    content = bytearray()
    line_start = 0
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise EngineFailedError(f"the engine's answer is over {limit} bytes")
        while on_line is not None and (line_end := content.find(b"\n", line_start)) >= 0:
            on_line(bytes(content[line_start:line_end]))
            line_start = line_end + 1
    if on_line is not None:
        on_line(bytes(content[line_start:]))
    return bytes(content)
