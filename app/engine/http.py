"""Requests to the server that runs the model, and the errors that they can end in."""

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from app.engine.errors import EngineFailedError, EngineTimeoutError, EngineUnreachableError, NoConnectionError
from app.tasks import scoped

CONNECT_TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 4 * 1024 * 1024  # of what is no completion: licence and tensors of a model, all models' rows
MAX_MESSAGE_CHARACTERS = 500

_BYTES_AROUND_COMPLETION = 65_536
_BYTES_PER_TOKEN = 1024  # the longest tokens are runs of some hundred spaces; JSON writes a byte in six at most


class EngineHttp:
    """One connection pool to `base_url`; `headers` go with every request. Close it with `aclose`."""

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        self.base_url = without_userinfo(base_url)
        # No read timeout: the deadline of the request that a call serves bounds it (Engine.complete).
        self._http = httpx.AsyncClient(
            base_url=base_url,
            timeout=httpx.Timeout(None, connect=CONNECT_TIMEOUT_S),
            # A compressed answer could be a thousand times its size before that can be seen.
            headers={"accept-encoding": "identity", **(headers or {})},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connection pool; calls in flight fail."""
        await self._http.aclose()

    async def exchange(
        self, method: str, path: str, body: object = None, limit: int = MAX_ANSWER_BYTES
    ) -> tuple[int, bytes]:
        """Status and body of the answer.

        Raises NoConnectionError, EngineUnreachableError where the connection broke, EngineTimeoutError, and
        EngineFailedError for a body over `limit` bytes.
        """
        try:
            return await scoped(lambda: self._exchange(method, path, body, limit))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoConnectionError(f"no connection to {self.base_url}: {_reason(error)}") from error
        except httpx.TimeoutException as error:
            raise EngineTimeoutError(f"{self.base_url} did not answer in time: {_reason(error)}") from error
        except httpx.HTTPError as error:
            raise EngineUnreachableError(f"the connection to {self.base_url} broke: {_reason(error)}") from error

    async def _exchange(self, method: str, path: str, body: object, limit: int) -> tuple[int, bytes]:
        async with self._http.stream(method, path, json=body) as response:
            return response.status_code, await _read(response, limit)


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


async def _read(response: httpx.Response, limit: int) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > limit:
            raise EngineFailedError(f"the engine's answer is over {limit} bytes")
    return bytes(content)


def _reason(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
