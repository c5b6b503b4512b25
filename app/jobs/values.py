"""What a job is, as it is handed about. Times are seconds since 1970, UTC."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Operation = Literal["compress", "reconstruct"]
State = Literal["queued", "running", "done", "cancelled", "deleted"]
UNFINISHED: tuple[State, ...] = ("queued", "running")


def now() -> float:
    """Seconds since 1970, UTC: what is kept over a restart can't go by a monotonic clock."""
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be taken on. `owner` is the name of the key that sent it, empty where there are no keys."""

    id: str
    owner: str
    operation: Operation
    request_id: str
    items: Sequence[object]
    parallelism: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job and how far it is: `succeeded` and `failed` of its `items` have a result."""

    id: str
    owner: str
    operation: Operation
    request_id: str
    state: State
    items: int
    succeeded: int
    failed: int
    parallelism: int
    created_at: float
    started_at: float | None
    ended_at: float | None

    @property
    def ended_items(self) -> int:
        """Items that have a result."""
        return self.succeeded + self.failed

    @property
    def is_unfinished(self) -> bool:
        """Whether items of it are still to be done."""
        return self.state in UNFINISHED


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item's result or problem as a JSON text."""

    text: str
    is_success: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of the item `index` of a job."""

    job: str
    index: int
    outcome: Outcome


Perform = Callable[[Job, int, object], Awaitable[Outcome | None]]
"""Does the item of this index and body; None where it could not because the service is ending."""


class JobsUnavailableError(Exception):
    """The database of jobs can't be used; the message says why."""
