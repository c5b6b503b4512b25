"""What both clients share: building requests and reading answers."""

import os
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from condenser_client.errors import ProblemError, UnexpectedAnswerError, UnreachableError
from condenser_client.models import Capsule, CompressResult, Excerpt, Job, Problem
from condenser_client.options import CompressItem

AnswerT = TypeVar("AnswerT", bound=BaseModel)
CapsuleLike = Capsule | CompressResult | Mapping[str, Any]
"""A capsule, a result that contains one, or either as parsed JSON."""

DEFAULT_URL = "http://127.0.0.1:8000"
NDJSON = "application/x-ndjson"
EVENT_STREAM = "text/event-stream"
_RETRIED = frozenset({429, 503})  # the service did nothing: it is full or shuts down, or the key is over its limit
_FIRST_PAUSE_S = 0.5
_CONNECT_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request; its path is relative to the service's address. `accepted`: statuses over 399 that are no errors."""

    method: str
    path: str
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Config:
    """Address of the service, and how to call it."""

    base_url: str
    headers: Mapping[str, str]
    timeout: httpx.Timeout
    max_retries: int
    max_retry_wait_s: float

    def request(self, request: Request) -> dict[str, Any]:
        """The arguments for httpx's `build_request`."""
        return {
            "method": request.method,
            "url": self.base_url + request.path,
            "json": request.body,
            "headers": {**self.headers, **request.headers},
            "timeout": self.timeout,
        }

    def pause_s(self, request: Request, response: httpx.Response, attempt: int) -> float | None:
        """Seconds to wait before the retry after attempt number `attempt`; None if there is no retry."""
        status = response.status_code
        if status not in _RETRIED or status in request.accepted or attempt > self.max_retries:
            return None
        retry_after = retry_after_s(response)
        if retry_after is None:
            pause_s: float = min(_FIRST_PAUSE_S * 2 ** (attempt - 1), self.max_retry_wait_s)
            return pause_s * random.uniform(0.75, 1)  # noqa: S311 (so that clients do not retry at the same time)
        return retry_after if retry_after <= self.max_retry_wait_s else None


def make_config(
    base_url: str | None,
    api_key: str | None,
    headers: Mapping[str, str] | None,
    timeout_s: float,
    max_retries: int,
    max_retry_wait_s: float,
) -> Config:
    """The configuration of a client. Raises ValueError if the address is not valid."""
    url = (base_url or os.environ.get("CONDENSER_URL") or DEFAULT_URL).rstrip("/")
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url} is not a valid address: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url} is not a valid address: it must begin with http:// or https://")
    sent = {"Accept": "application/json", "User-Agent": "condenser-client", **(headers or {})}
    key = api_key or os.environ.get("CONDENSER_API_KEY")
    if key and not any(name.lower() == "authorization" for name in sent):
        sent["Authorization"] = f"Bearer {key}"
    timeout = httpx.Timeout(timeout_s, connect=min(timeout_s, _CONNECT_LIMIT_S))
    return Config(url, sent, timeout, max_retries, max_retry_wait_s)


def compress_request(text: str, options: Mapping[str, Any], accept: str = "application/json") -> Request:
    """`POST /compress` with a text."""
    return Request("POST", "/compress", {"text": text, **_plain(options)}, {"Accept": accept})


def messages_request(messages: Iterable[Mapping[str, Any]], options: Mapping[str, Any]) -> Request:
    """`POST /compress` with chat messages."""
    return Request("POST", "/compress", {"messages": list(messages), **_plain(options)})


def reconstruct_request(capsule: CapsuleLike, options: Mapping[str, Any]) -> Request:
    """`POST /reconstruct`."""
    return Request("POST", "/reconstruct", {"capsule": _capsule(capsule), **_plain(options)})


def compress_items(items: Iterable[str | CompressItem], options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Items of a batch: texts, or texts with options that override the common ones."""
    return [_plain({**options, **({"text": item} if isinstance(item, str) else item)}) for item in items]


def batch_request(
    operation: str, items: Sequence[Mapping[str, Any]], headers: Mapping[str, str] | None = None
) -> Request:
    """`POST /batch`."""
    return Request("POST", "/batch", {"operation": operation, "items": list(items)}, headers or {})


def job_request(job_id: str, offset: int, limit: int) -> Request:
    """`GET /batch/{id}`."""
    return Request("GET", f"/batch/{quote(job_id, safe='')}?offset={offset}&limit={limit}")


def delete_job_request(job_id: str) -> Request:
    """`DELETE /batch/{id}`."""
    return Request("DELETE", f"/batch/{quote(job_id, safe='')}")


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}


def _capsule(capsule: CapsuleLike) -> dict[str, Any]:
    if isinstance(capsule, CompressResult):
        capsule = capsule.capsule
    if isinstance(capsule, Capsule):
        return capsule.model_dump()
    inner = capsule.get("capsule")
    return dict(inner if isinstance(inner, Mapping) else capsule)


def retry_after_s(response: httpx.Response) -> float | None:
    """The answer's `Retry-After` in seconds; None if there is none."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else None


def check(request: Request, response: httpx.Response) -> None:
    """Raise ProblemError if the answer is a problem. Its body must have been read."""
    if not response.is_error or response.status_code in request.accepted:
        return
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        problem = Problem()
    if not problem.title:  # not from the service, but from a proxy in front of it
        title = f"the answer is {response.status_code} {response.reason_phrase}"
        problem = Problem(title=title, status=response.status_code)
    raise ProblemError(problem, retry_after_s(response))


def unreachable(config: Config, error: Exception) -> UnreachableError:
    """The error to raise for an httpx error."""
    return UnreachableError(f"no answer from {config.base_url} ({str(error) or type(error).__name__})")


def read(kind: type[AnswerT], response: httpx.Response) -> AnswerT:
    """The parsed answer. Raises UnexpectedAnswerError if Condenser can't have sent it."""
    return read_json(kind, response.content)


def read_json(kind: type[AnswerT], content: str | bytes) -> AnswerT:
    """Like `read`, from JSON."""
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        where = "; ".join(".".join(map(str, fault["loc"])) or "body" for fault in error.errors()[:3])
        raise UnexpectedAnswerError(f"the answer is not from Condenser (invalid: {where})") from None


def read_accepted(response: httpx.Response) -> Job:
    """The job of a submitted batch. Raises UnexpectedAnswerError if the service processed the batch at once."""
    if response.status_code != httpx.codes.ACCEPTED:
        raise UnexpectedAnswerError("the service does not store batches (CONDENSER_JOBS_DATABASE=off)")
    return read(Job, response)


class Lines:
    """Splits chunks of bytes into lines, only at line feeds: JSON may contain the other line ends of Unicode."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The lines that this chunk completes."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()

    def check_end(self) -> None:
        """Raise UnreachableError if the last line is incomplete."""
        if self._rest:
            raise UnreachableError("the service ended its answer in the middle of a line")


class Events:
    """Reads excerpts and the result from lines of server-sent events."""

    def __init__(self) -> None:
        self._name = ""
        self._data: list[str] = []
        self._is_over = False

    def feed(self, line: str) -> Excerpt | CompressResult | None:
        """The data of the event that this line completes; None if it completes none. Raises ProblemError."""
        if line:
            key, _, value = line.partition(":")
            if key == "event":
                self._name = value.strip()
            elif key == "data":
                self._data.append(value.removeprefix(" "))
            return None
        name, data = self._name, "\n".join(self._data)
        self._name, self._data = "", []
        match name:
            case "passage" | "sentence":
                return read_json(Excerpt, data)
            case "result":
                self._is_over = True
                return read_json(CompressResult, data)
            case "problem":
                raise ProblemError(read_json(Problem, data))
            case _:
                return None

    def check_end(self) -> None:
        """Raise UnreachableError if the result has not arrived."""
        if not self._is_over:
            raise UnreachableError("the service ended its answer before the result")
