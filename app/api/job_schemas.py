"""Answer bodies about batches that are answered later."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from app.api.batch_schemas import BatchResult
from app.api.schemas import AnswerBody
from app.jobs.values import Job

Times = Annotated[datetime | None, Field(description="RFC 3339, UTC; null if it has not happened yet")]


class JobProgress(AnswerBody):
    """A batch and its progress."""

    id: Annotated[str, Field(description="id of the batch; hard to guess")]
    state: Literal["queued", "running", "done", "cancelled"]
    operation: Literal["compress", "reconstruct"]
    items: int
    succeeded: Annotated[int, Field(description="items with a result")]
    failed: Annotated[int, Field(description="items with a problem")]
    created_at: Times
    started_at: Times
    ended_at: Times


class JobResults(JobProgress):
    """A batch, its progress, and a page of its results."""

    results: Annotated[
        list[BatchResult],
        Field(description="in the order in which they arrived, from `offset` on; `index` is that of the item"),
    ]
    next: Annotated[str | None, Field(description="path of the next page; null if there are no more results")]


class JobList(AnswerBody):
    """The client's batches that are answered later, newest first."""

    batches: list[JobProgress]


def progress(job: Job) -> JobProgress:
    """The progress of a job."""
    return JobProgress(
        id=job.id,
        state="cancelled" if job.state == "deleted" else job.state,
        operation=job.operation,
        items=job.items,
        succeeded=job.succeeded,
        failed=job.failed,
        created_at=_moment(job.created_at),
        started_at=_moment(job.started_at),
        ended_at=_moment(job.ended_at),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(round(seconds, 3), UTC)
