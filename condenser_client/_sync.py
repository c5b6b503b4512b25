"""The client for code that is not async."""

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
    CompressItem,
    CompressOptions,
    CompressResult,
    Excerpt,
    Job,
    JobPage,
    MessagesOptions,
    MessagesResult,
    Ready,
    ReconstructResult,
    Status,
)


class Condenser:
    """A Condenser service. Close it, or use it in a `with` block; it may be shared by threads.

    `base_url` and `api_key` left out: `CONDENSER_URL`, or this machine's port 8000, and `CONDENSER_API_KEY`.
    `timeout_s`: longest wait for the next bytes of an answer. If the service says that it is full or that the key
    is over its limit (503, 429), a request is sent again up to `max_retries` times, after the time that the service
    names, unless that is over `max_retry_wait_s`. `http_client`: an httpx.Client of your own, for proxies or TLS; it
    stays yours to close.

    Every call raises ProblemError if the service turns it down, UnreachableError if nothing answers, and
    UnexpectedAnswerError if the server that answers is not Condenser.
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
        """The service's address, without a slash at its end."""
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
        """A short text that says the same, its report, and a capsule to get the text back from."""
        return self._call(CompressResult, protocol.compress_request(text, options))

    def compress_messages(
        self, messages: Iterable[Mapping[str, Any]], **options: Unpack[MessagesOptions]
    ) -> MessagesResult:
        """The messages of a chat with the older ones shortened, and a capsule for each text that changed."""
        return self._call(MessagesResult, protocol.messages_request(messages, options))

    def stream(self, text: str, **options: Unpack[CompressOptions]) -> Generator[Excerpt | CompressResult, None, None]:
        """Passages of the text at once, sentences of the model's as they pass the check, and at last the result.

        Only the result tells what is in it. To leave the loop early cancels the call.
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
        """The text back: byte for byte if the capsule holds it, else rewritten by the model."""
        return self._call(ReconstructResult, protocol.reconstruct_request(capsule, {"mode": mode}))

    def batch(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> BatchResult:
        """Compress many texts; one that fails has its `problem` in place of a result, and the others go on."""
        return self._call(BatchResult, protocol.batch_request("compress", protocol.compress_items(items, options)))

    def batch_as_ready(
        self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]
    ) -> Generator[BatchItem, None, None]:
        """The same, each item as soon as it is ready; its `index` tells which it is."""
        bodies = protocol.compress_items(items, options)
        with self._streamed(protocol.batch_request("compress", bodies, {"Accept": protocol.NDJSON})) as lines:
            for line in lines:
                yield protocol.read_json(BatchItem, line)

    def submit(self, items: Iterable[str | CompressItem], **options: Unpack[CompressOptions]) -> Job:
        """Have many texts compressed later, also over a restart of the service; `job` has the results."""
        bodies = protocol.compress_items(items, options)
        request = protocol.batch_request("compress", bodies, {"Prefer": "respond-async"})
        return protocol.read_accepted(self._send(request))

    def job(self, job_id: str, *, offset: int = 0, limit: int = 100) -> JobPage:
        """How far a submitted batch is, and a page of its results, in the order in which they came."""
        return self._call(JobPage, protocol.job_request(job_id, offset, limit))

    def delete_job(self, job_id: str) -> None:
        """Cancel a submitted batch, or delete one that is done."""
        self._send(protocol.delete_job_request(job_id))

    def status(self) -> Status:
        """Engine, model, queue, and the throughput, latency and savings of the last minute."""
        return self._call(Status, Request("GET", "/status"))

    def ready(self) -> Ready:
        """Whether the service can serve, and why not."""
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
        """The lines of an answer as they come; what is left of it is dropped with the connection."""
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
