"""Values that describe jobs. Times are seconds since 1970, UTC."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Operation = Literal["compress", "reconstruct"]
State = Literal["queued", "running", "done", "cancelled", "deleted"]
UNFINISHED: tuple[State, ...] = ("queued", "running")


def now() -> float:
    """Seconds since 1970, UTC: times kept across a restart can't use a monotonic clock."""
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True)
class JobsConfig:
    """`url`: the database; `parallelism`: items in progress at once; `keep_s`: how long ended jobs are kept."""

    url: str
    parallelism: int
    keep_s: float


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to be stored. `owner`: name of the API key that sent it, empty if there are no keys."""

    id: str
    owner: str
    operation: Operation
    request_id: str
    items: Sequence[object]
    parallelism: int


@dataclass(frozen=True, slots=True)
class Job:
    """A job and its progress: `succeeded` plus `failed` of its `items` have a result."""

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
        """Number of items that have a result."""
        return self.succeeded + self.failed

    @property
    def is_unfinished(self) -> bool:
        """Whether some of its items have no result yet."""
        return self.state in UNFINISHED


@dataclass(frozen=True, slots=True)
class Outcome:
    """An item's result or problem, as JSON text."""

    text: str
    is_success: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome of item `index` of a job."""

    job: str
    index: int
    outcome: Outcome


Perform = Callable[[Job, int, object], Awaitable[Outcome | None]]
"""Runs the item with this index and body; returns None if the service is stopping."""


class JobsUnavailableError(Exception):
    """The database of jobs is not usable; the message says why."""
