"""What is noted of a request while it is served, for its log line and its metrics."""

import time
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection
from starlette.types import Scope

from app.telemetry.cost import Cost
from app.telemetry.metrics import Operation

_SCOPE_KEY = "condenser.record"


@dataclass(slots=True)
class RequestRecord:
    """`outcome` is `ok` or the kind of the problem that was answered; `fields` go on the log line as they are.

    `client` is the name of the key that the request came with, `body_bytes` what is held in memory of its body.
    `stopped`: when its work was done, if that is before its answer has been sent.
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
        """Seconds since the request came, until its work was done."""
        return (time.perf_counter() if self.stopped is None else self.stopped) - self.started

    def stop(self) -> None:
        """The work is done; how long the client takes to read the answer does not count."""
        self.stopped = time.perf_counter()


def keep_record(scope: Scope, record: RequestRecord) -> None:
    """Make `record` the one of the request with this scope."""
    scope[_SCOPE_KEY] = record


def record_of(connection: HTTPConnection) -> RequestRecord:
    """The record of the request that is being served."""
    record: RequestRecord = connection.scope[_SCOPE_KEY]
    return record
