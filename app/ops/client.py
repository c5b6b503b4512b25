"""A thin client of a running service, for the commands."""

import json
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from app.ops.exits import FAILED, UNREACHABLE, CommandError

Answer = dict[str, Any]

_CONNECT_LIMIT_S = 5.0
_ANSWER_LIMIT_S = 3600.0  # the service itself limits the time of a request


class ServiceClient:
    """Calls of the service at `url`, with `api_key` if it needs one. Close it, or use it in a `with` block.

    `fresh`: answers must not come from the service's cache.

    Every call raises CommandError: with UNREACHABLE if nothing answers, with FAILED if the service reports an error.
    """

    def __init__(self, url: str, api_key: str | None = None, *, fresh: bool = False) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        if fresh:
            headers["Cache-Control"] = "no-cache"
        timeout = httpx.Timeout(_ANSWER_LIMIT_S, connect=_CONNECT_LIMIT_S)
        try:
            self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False)
        except (httpx.InvalidURL, ValueError) as error:
            raise CommandError(f"{url} is not a valid address: {error}", UNREACHABLE) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def compress(self, body: Mapping[str, object]) -> Answer:
        """The answer of `/compress`."""
        return self._json(self._send("POST", "/compress", body))

    def reconstruct(self, capsule: object, mode: str = "auto") -> Answer:
        """The answer of `/reconstruct`."""
        return self._json(self._send("POST", "/reconstruct", {"capsule": capsule, "mode": mode}))

    def batch(self, operation: str, items: Sequence[object]) -> Answer:
        """The answer of `/batch`, all items together."""
        return self._json(self._send("POST", "/batch", {"operation": operation, "items": items}))

    def batch_lines(self, operation: str, items: Sequence[object]) -> Iterator[Answer]:
        """Each result of `/batch` when it is ready."""
        for line in self._lines("POST", "/batch", {"operation": operation, "items": items}):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise self._unreachable(error) from None

    def _lines(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Iterator[str]:
        headers = {"Accept": "application/x-ndjson"}
        try:
            with self._http.stream(method, path, json=body, headers=headers) as response:
                if response.is_error:
                    response.read()
                    raise CommandError(_problem_of(response), FAILED)
                yield from response.iter_lines()
        except (httpx.HTTPError, ValueError) as error:
            raise self._unreachable(error) from None

    def batch_later(self, operation: str, items: Sequence[object]) -> Answer:
        """The progress of a batch that the service has accepted and answers later."""
        body = {"operation": operation, "items": items}
        answer = self._send("POST", "/batch", body, headers={"Prefer": "respond-async"})
        if answer.status_code != 202:
            raise CommandError("the service does not store batches (CONDENSER_JOBS_DATABASE=off)", FAILED)
        return self._json(answer)

    def batches(self, limit: int) -> Answer:
        """The newest batches that are answered later."""
        return self._json(self._send("GET", f"/batch?limit={limit}"))

    def batch_progress(self, batch_id: str) -> Answer:
        """The progress of a batch."""
        return self._json(self._send("GET", f"{_batch_path(batch_id)}?limit=0"))

    def batch_results(self, batch_id: str) -> Iterator[str]:
        """Each result of a batch as a JSON text, until it has ended."""
        return self._lines("GET", _batch_path(batch_id))

    def cancel_batch(self, batch_id: str) -> None:
        """Cancel a batch, or delete one that is done."""
        self._send("DELETE", _batch_path(batch_id))

    def status(self) -> Answer:
        """The answer of `/status`."""
        return self._json(self._send("GET", "/status"))

    def models(self) -> Answer:
        """The models that the engine has."""
        return self._json(self._send("GET", "/models"))

    def ready(self) -> Answer:
        """The answer of `/readyz`, ready or not."""
        return self._json(self._send("GET", "/readyz", may_fail=True))

    def metrics(self) -> str:
        """The metrics in Prometheus's text format."""
        return self._send("GET", "/metrics").text

    def _send(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        may_fail: bool = False,
    ) -> httpx.Response:
        try:
            response = self._http.request(method, path, json=body, headers=headers)
        except (httpx.HTTPError, ValueError) as error:
            raise self._unreachable(error) from None
        if response.is_error and not (may_fail and response.status_code == 503):
            raise CommandError(_problem_of(response), FAILED)
        return response

    def _json(self, response: httpx.Response) -> Answer:
        try:
            answer = response.json()
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise CommandError(f"the server at {self.url} is not Condenser", UNREACHABLE)
        return answer

    def _unreachable(self, error: Exception) -> CommandError:
        reason = str(error) or type(error).__name__
        return CommandError(
            f"no answer from {self.url} ({reason}); start the service with `condenser serve`, "
            "name another with --url, or use --local, which needs none",
            UNREACHABLE,
        )


def _batch_path(batch_id: str) -> str:
    return f"/batch/{quote(batch_id, safe='')}"


def _problem_of(response: httpx.Response) -> str:
    """The service's own description of the problem."""
    try:
        problem = response.json()
        return f"{problem['title']}: {problem['detail']}"
    except (ValueError, KeyError, TypeError):
        return f"the service answered {response.status_code} {response.reason_phrase}"
