"""The synchronous client."""

import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
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


class Condenser:
    """Client of a Condenser service. Close it, or use it in a `with` block. Threads may share it.

    Default of `base_url`: `CONDENSER_URL`, else port 8000 of this machine; of `api_key`: `CONDENSER_API_KEY`.
    `timeout_s`: longest wait for the next bytes of an answer. If the service is full or the key is over its limit (503,
    429), a request is retried up to `max_retries` times, after the time that the service names, unless that is over
    `max_retry_wait_s`. `http_client`: your own httpx.Client, for proxies or TLS; you close it.

    Every call raises ProblemError if the service answers with a problem, UnreachableError if nothing answers, and
    UnexpectedAnswerError if the server is not Condenser.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 2,
        max_retry_wait_s: float = 30.0,
        headers: Mapping[str, str] | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        self._config = protocol.make_config(base_url, api_key, headers, timeout_s, max_retries, max_retry_wait_s)
        self._http = http_client or httpx.Client()
        self._is_own_http = http_client is None

    @property
    def base_url(self) -> str:
        """The service's address, without a trailing slash."""
        return self._config.base_url

    def close(self) -> None:
        """Close the connections."""
        if self._is_own_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def compress(self, text: str, **options: Unpack[CompressOptions]) -> CompressResult:
        """Compress a text: the short text, its report, and a capsule that restores the text."""
        return self._call(CompressResult, protocol.compress_request(text, options))

    def compress_messages(
        self, messages: Iterable[Mapping[str, Any]], **options: Unpack[MessagesOptions]
    ) -> MessagesResult:
        """Compress the older messages of a chat: all messages, and a capsule for each text that changed."""
        return self._call(MessagesResult, protocol.messages_request(messages, options))

    def stream(self, text: str, **options: Unpack[CompressOptions]) -> Generator[Excerpt | CompressResult, None, None]:
        """Compress a text: yields passages of it at once, checked sentences by the model, and last the result.

        Only the result says what it contains. Leaving the loop early cancels the call.
        """
        events = protocol.Events()
        with self._streamed(protocol.compress_request(text, options, protocol.EVENT_STREAM)) as lines:
            for line in lines:
                if (event := events.feed(line)) is not None:
                    yield event
        events.check_end()

    def reconstruct(
        self, capsule: CapsuleLike, *, mode: Literal["auto", "exact", "semantic"] = "auto"
    ) -> ReconstructResult:
        """Restore a text: byte for byte if the capsule contains it, else rewritten by the model."""
        return self._call(ReconstructResult, protocol.reconstruct_request(capsule, {"mode": mode}))

    def batch(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> BatchResult:
        """Compress many texts. A text that fails has a `problem` instead of a result; the others continue."""
        return self._call(BatchResult, protocol.batch_request("compress", protocol.compress_items(items, options)))

    def batch_as_ready(
        self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]
    ) -> Generator[BatchItem, None, None]:
        """Compress many texts: yields each item as soon as it is ready; `index` is its position."""
        bodies = protocol.compress_items(items, options)
        with self._streamed(protocol.batch_request("compress", bodies, {"Accept": protocol.NDJSON})) as lines:
            for line in lines:
                yield protocol.read_json(BatchItem, line)

    def submit(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> Job:
        """Submit many texts to be compressed later, even after a restart of the service; `job` returns the results."""
        bodies = protocol.compress_items(items, options)
        request = protocol.batch_request("compress", bodies, {"Prefer": "respond-async"})
        return protocol.read_accepted(self._send(request))

    def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> JobPage:
        """Progress of a submitted batch, and a page of its results in the order in which they arrived."""
        return self._call(JobPage, protocol.job_request(job_id, offset, limit))

    def delete_job(self, job_id: str) -> None:
        """Cancel a submitted batch, or delete one that is done."""
        self._send(protocol.delete_job_request(job_id))

    def status(self) -> Status:
        """Engine, model, queue, and throughput, latency and savings of the last minute."""
        return self._call(Status, Request("GET", "/status"))

    def ready(self) -> Ready:
        """Whether the service can serve, and if not, why."""
        return self._call(Ready, Request("GET", "/readyz", accepted=frozenset({503})))

    def _call(self, kind: type[protocol.AnswerT], request: Request) -> protocol.AnswerT:
        return protocol.read(kind, self._send(request))

    def _send(self, request: Request, *, stream: bool = False) -> httpx.Response:
        attempt = 0
        while True:
            attempt += 1
            try:
                sent = self._http.build_request(**self._config.request(request))
                response = self._http.send(sent, stream=stream)
                if not stream or response.is_error:
                    response.read()
            except httpx.HTTPError as error:
                raise protocol.unreachable(self._config, error) from error
            pause_s = self._config.pause_s(request, response, attempt)
            if pause_s is None:
                protocol.check(request, response)
                return response
            time.sleep(pause_s)

    @contextmanager
    def _streamed(self, request: Request) -> Iterator[Iterator[str]]:
        """The lines of an answer as they arrive; leaving the block closes the connection."""
        response = self._send(request, stream=True)

        def lines() -> Iterator[str]:
            whole = protocol.Lines()
            try:
                for chunk in response.iter_bytes():
                    yield from whole.feed(chunk)
            except httpx.HTTPError as error:
                raise protocol.unreachable(self._config, error) from error
            whole.check_end()

        try:
            yield lines()
        finally:
            response.close()
