"""The client for asyncio."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import httpx

from condenser_client import _protocol as protocol
from condenser_client._protocol import CapsuleLike, Request
from condenser_client.models import (
    BatchItem,
    BatchResult,
    CompressResult,
    Excerpt,
    Job,
    JobPage,
    MessagesResult,
    ReconstructResult,
)
from condenser_client.options import CompressItem, CompressOptions, MessagesOptions
from condenser_client.status import Ready, Status


class AsyncCondenser:
    """Condenser for asyncio, with the same arguments, methods and errors. Close it, or use it in `async with`."""

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 2,
        max_retry_wait_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.AsyncClient | None = None,
    ) -> None:
        self._config = protocol.make_config(base_url, api_key, headers, timeout_s, max_retries, max_retry_wait_s)
        self._http = http_client or httpx.AsyncClient()
        self._is_own_http = http_client is None

    @property
    def base_url(self) -> str:
        """The service's address, without a trailing slash."""
        return self._config.base_url

    async def aclose(self) -> None:
        """Close the connections."""
        if self._is_own_http:
            await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def compress(self, text: str, **options: Unpack[CompressOptions]) -> CompressResult:
        """Compress a text: the short text, its report, and a capsule that restores the text."""
        return await self._call(CompressResult, protocol.compress_request(text, options))

    async def compress_messages(
        self, messages: Iterable[Mapping[str, Any]], **options: Unpack[MessagesOptions]
    ) -> MessagesResult:
        """Compress the older messages of a chat: all messages, and a capsule for each text that changed."""
        return await self._call(MessagesResult, protocol.messages_request(messages, options))

    async def stream(
        self, text: str, **options: Unpack[CompressOptions]
    ) -> AsyncGenerator[Excerpt | CompressResult, None]:
        """Compress a text: yields passages of it at once, checked sentences by the model, and last the result.

        Only the result says what it contains. Leaving the loop early cancels the call.
        """
        events = protocol.Events()
        async with self._streamed(protocol.compress_request(text, options, protocol.EVENT_STREAM)) as lines:
            async for line in lines:
                if (event := events.feed(line)) is not None:
                    yield event
        events.check_end()

    async def reconstruct(
        self, capsule: CapsuleLike, *, mode: Literal["auto", "exact", "semantic"] = "auto"
    ) -> ReconstructResult:
        """Restore a text: byte for byte if the capsule contains it, else rewritten by the model."""
        return await self._call(ReconstructResult, protocol.reconstruct_request(capsule, {"mode": mode}))

    async def batch(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> BatchResult:
        """Compress many texts. A text that fails has a `problem` instead of a result; the others continue."""
        return await self._call(
            BatchResult, protocol.batch_request("compress", protocol.compress_items(items, options))
        )

    async def batch_as_ready(
        self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]
    ) -> AsyncGenerator[BatchItem, None]:
        """Compress many texts: yields each item as soon as it is ready; `index` is its position."""
        bodies = protocol.compress_items(items, options)
        async with self._streamed(protocol.batch_request("compress", bodies, {"Accept": protocol.NDJSON})) as lines:
            async for line in lines:
                yield protocol.read_json(BatchItem, line)

    async def submit(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> Job:
        """Submit many texts to be compressed later, even after a restart of the service; `job` returns the results."""
        bodies = protocol.compress_items(items, options)
        request = protocol.batch_request("compress", bodies, {"Prefer": "respond-async"})
        return protocol.read_accepted(await self._send(request))

    async def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> JobPage:
        """Progress of a submitted batch, and a page of its results in the order in which they arrived."""
        return await self._call(JobPage, protocol.job_request(job_id, offset, limit))

    async def delete_job(self, job_id: str) -> None:
        """Cancel a submitted batch, or delete one that is done."""
        await self._send(protocol.delete_job_request(job_id))

    async def status(self) -> Status:
        """Engine, model, queue, and throughput, latency and savings of the last minute."""
        return await self._call(Status, Request("GET", "/status"))

    async def ready(self) -> Ready:
        """Whether the service can serve, and if not, why."""
        return await self._call(Ready, Request("GET", "/readyz", accepted=frozenset({503})))

    async def _call(self, kind: type[protocol.AnswerT], request: Request) -> protocol.AnswerT:
        return protocol.read(kind, await self._send(request))

    async def _send(self, request: Request, *, stream: bool = False) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                response = await self._http.send(
                    self._http.build_request(**self._config.request(request)), stream=stream
                )
                if not stream or response.is_error:
                    await response.aread()
            except httpx.HTTPError as error:
                raise protocol.unreachable(self._config, error) from error
            pause_s = self._config.pause_s(request, response, attempt)
            if pause_s is None:
                protocol.check(request, response)
                return response
            await asyncio.sleep(pause_s)

    @asynccontextmanager
    async def _streamed(self, request: Request) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer as they arrive; leaving the block closes the connection."""
        response = await self._send(request, stream=True)

        async def lines() -> AsyncIterator[str]:
            whole = protocol.Lines()
            try:
                async for chunk in response.aiter_bytes():
                    for line in whole.feed(chunk):
                        yield line
            except httpx.HTTPError as error:
                raise protocol.unreachable(self._config, error) from error
            whole.check_end()

        try:
            yield lines()
        finally:
            await response.aclose()
