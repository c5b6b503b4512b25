"""Record of a request in progress, for its log line and its metrics."""

import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.telemetry.cost import Cost
from app.telemetry.metrics import Operation

_SCOPE_KEY = "condenser.record"


@dataclass(slots=True)
class RequestRecord:
    """`outcome` is `ok` or the kind of the problem in the answer; `fields` are added to the log line.

    `client`: name of the request's API key. `body_bytes`: size of its body in memory. `stopped`: time at which its work
    was done, if its answer is sent later.
    """

    operation: Operation | None
    started: float = field(default_factory=time.perf_counter)
    outcome: str = "ok"
    status: int = 0
    client: str | None = None
    stopped: float | None = None
    is_finished: bool = False
    cost: Cost | None = None
    body_bytes: int = 0
    fields: dict[str, object] = field(default_factory=dict)

    @property
    def elapsed_s(self) -> float:
        """Seconds from the request's arrival until its work was done, or until now."""
        return (time.perf_counter() if self.stopped is None else self.stopped) - self.started

    def stop(self) -> None:
        """Stop the clock: the time in which the client reads the answer does not count."""
        self.stopped = time.perf_counter()


def keep_record(scope: Scope, record: RequestRecord) -> None:
    """Store the record of the request with this scope."""
    scope[_SCOPE_KEY] = record


def record_of(connection: HTTPConnection) -> RequestRecord:
    """The record of this request."""
    record: RequestRecord = connection.scope[_SCOPE_KEY]
    return record
