"""What the clients of both APIs share: the connection pool, and the errors in which a request can end."""

import ssl
from collections.abc import Callable, Mapping
from functools import cache
from typing import Self
from urllib.parse import unquote, urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from app.engine.client import Prompt
from app.engine.errors import (
    EngineError,
    EngineFailedError,
    EngineTimeoutError,
    EngineUnreachableError,
    NoConnectionError,
)
from app.engine.scores import Scoring
from app.tracing import outgoing_headers

CONNECT_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of answers other than completions: a model's licence and tensors, a list of models
MAX_MESSAGE_CHARACTERS = 500

_KEEP_ALIVE_S = 2.0  # uvicorn (vLLM) closes connections after 5 s idle; a busy event loop may write a call seconds late
_UNLIMITED = httpx.Limits(max_connections=0, keepalive_expiry=_KEEP_ALIVE_S)  # 0 is no limit for aiohttp, None 100
_TEMPLATE_TOKENS = 512  # generous allowance for what a chat template adds to two messages
_BYTES_AROUND_COMPLETION = 65_536
_BYTES_PER_TOKEN = 1024  # the longest tokens are runs of some hundred spaces; JSON needs at most six bytes for a byte


@cache
def _authorities() -> ssl.SSLContext:
    """The certificate authorities that are trusted; to load them takes 30 ms, which each upstream would pay again."""
    return httpx.create_ssl_context(trust_env=False)


class HttpEngineClient:
    """A client of the server at `base_url`, with a connection pool. Close it, or use it as a context manager.

    `num_ctx`: context window of a call in tokens. `headers` are sent with every request.
    """

    def __init__(self, base_url: str, num_ctx: int, seed: int, headers: Mapping[str, str] | None = None) -> None:
        self.base_url = without_userinfo(base_url)
        self.num_ctx = num_ctx
        self._seed = seed
        self._scoring = Scoring(self.base_url)
        # No read timeout: each call is bounded by the deadline of its request (Engine.complete).
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            auth=_userinfo(base_url),
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # A compressed answer could grow a thousandfold before its size can be checked.
            headers={"accept-encoding": "identity", **(headers or {})},
            trust_env=False,
            # httpcore takes several times as long per call, and longer with each concurrent call.
            transport=AiohttpTransport(verify=_authorities(), trust_env=False, limits=_UNLIMITED),
        )

    async def aclose(self) -> None:
        """Close the connection pool; calls in flight fail."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    @property
    def can_score(self) -> bool | None:
        """Whether the server gives log probabilities; None until an answer has shown it."""
        return self._scoring.can_score

    async def _exchange(
        self,
        method: str,
        path: str,
        body: object = None,
        limit: int = MAX_ANSWER_BYTES,
        on_line: Callable[[bytes], None] | None = None,
    ) -> tuple[int, bytes]:
        """Status and body of the answer. `on_line` is called with each line of an answer with status 200 as it arrives.

        Raises NoConnectionError, EngineUnreachableError if the connection broke, EngineTimeoutError, EngineFailedError
        for a body over `limit` bytes, and whatever `on_line` raises, which ends the call.
        """
        try:
            async with self._http.stream(method, path, json=body, headers=outgoing_headers()) as response:
                is_good = response.status_code == 200
                return response.status_code, await _read(response, limit, on_line if is_good else None)
        except (httpx.HTTPError, aiohttp.ClientError) as error:
            raise self._engine_error(error) from error

    def _engine_error(self, error: httpx.HTTPError | aiohttp.ClientError) -> EngineError:
        """The EngineError for a transport error."""
        reason = str(error) or type(error.__cause__ or error).__name__
        broken = EngineUnreachableError(f"the connection to {self.base_url} broke: {reason}")
        # The transport raises ConnectTimeout for any timeout before an answer starts.
        if isinstance(error.__cause__, aiohttp.ClientConnectionError) and not isinstance(
            error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError
        ):
            return broken
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
            return NoConnectionError(f"no connection to {self.base_url}: {reason}")
        if isinstance(error, httpx.TimeoutException):
            return EngineTimeoutError(f"{self.base_url} did not answer in time: {reason}")
        return broken


def messages_of(prompt: Prompt) -> list[dict[str, str]]:
    """The messages as both APIs take them."""
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def plausible_tokens(prompt_tokens: int, prompt: Prompt) -> int:
    """An engine's token count of the prompt; 0 if it is more than the prompt can have.

    A token has at least one byte, and a character of UTF-8 at most four.
    """
    most = 4 * (len(prompt.system) + len(prompt.user)) + _TEMPLATE_TOKENS
    return prompt_tokens if prompt_tokens <= most else 0


def _userinfo(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    return None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))


def without_userinfo(url: str) -> str:
    """`url` without its user name and password, for logs and messages."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


def completion_limit(num_predict: int) -> int:
    """Largest size in bytes of an answer with a completion of this many tokens."""
    return _BYTES_AROUND_COMPLETION + num_predict * _BYTES_PER_TOKEN


def on_one_line(message: str) -> str:
    """An engine's message on one line and shortened, to be quoted in ours."""
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
