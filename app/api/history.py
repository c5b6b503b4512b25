"""`/status/history`: the last hour by minute, for the charts of the status page."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field

from app.api.schemas import AnswerBody
from app.api.service import service_of
from app.telemetry.history import HISTORY_MINUTES, HistorySnapshot, MinuteCounts
from app.telemetry.metrics import OPERATIONS, Operation
from app.telemetry.window import quantile

router = APIRouter(tags=["monitoring"])


class MinuteLatency(AnswerBody):
    """Seconds from request to answer that half and 95 % of a minute's compressions did not exceed."""

    p50: float
    p95: float


class MinuteFigures(AnswerBody):
    """Operations that ended in one minute; each item of a batch counts."""

    minutes_ago: Annotated[int, Field(ge=0, lt=HISTORY_MINUTES, description="0 is the running minute")]
    succeeded: Annotated[dict[Operation, int], Field(description="successful operations by kind")]
    failed: Annotated[int, Field(description="operations of any kind that ended with a problem")]
    latency_s: Annotated[MinuteLatency | None, Field(description="of compressions; null if none succeeded")]
    tokens_saved: Annotated[int, Field(description="tokens of the sources minus those of the results")]
    engine_s: Annotated[float, Field(description="seconds of the engine's busy time")]


class StatusHistory(AnswerBody):
    """The last hour, and totals since the start."""

    uptime_s: Annotated[float, Field(description="seconds since the start")]
    succeeded: Annotated[int, Field(description="successful operations since the start")]
    tokens_saved: Annotated[int, Field(description="tokens that readers of the results saved since the start")]
    minutes: Annotated[
        list[MinuteFigures],
        Field(max_length=HISTORY_MINUTES, description="oldest first, since the start, at most the last hour"),
    ]


@router.get("/status/history")
async def status_history(request: Request) -> StatusHistory:
    """Throughput, latency and tokens saved in each minute of the last hour, and totals since the start."""
    return _answer(service_of(request).metrics.hour())


def _answer(snapshot: HistorySnapshot) -> StatusHistory:
    return StatusHistory(
        uptime_s=round(snapshot.uptime_s, 1),
        succeeded=snapshot.succeeded,
        tokens_saved=snapshot.tokens_saved,
        minutes=[
            _minute(snapshot.current_minute - number, counts) for number, counts in sorted(snapshot.minutes.items())
        ],
    )


def _minute(minutes_ago: int, counts: MinuteCounts) -> MinuteFigures:
    return MinuteFigures(
        minutes_ago=minutes_ago,
        succeeded={operation: counts.succeeded[operation] for operation in OPERATIONS},
        failed=counts.failed,
        latency_s=_latency(counts.durations) if counts.durations else None,
        tokens_saved=counts.tokens_saved,
        engine_s=round(counts.engine_s, 3),
    )


def _latency(durations: Mapping[int, int]) -> MinuteLatency:
    return MinuteLatency(p50=round(quantile(durations, 0.5), 6), p95=round(quantile(durations, 0.95), 6))
