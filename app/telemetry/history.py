"""Counts per minute for the last hour, for the charts of the status page. Memory is bounded whatever the load."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from app.telemetry.window import bucket_of

HISTORY_MINUTES = 60


@dataclass(slots=True)
class MinuteCounts:
    """Counts of one minute. `succeeded` by operation; `durations`: successful compressions by `bucket_of`.

    `engine_s`: seconds of the engine's busy time.
    """

    succeeded: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    durations: Counter[int] = field(default_factory=Counter)
    tokens_saved: int = 0
    engine_s: float = 0.0

    def add(self, other: "MinuteCounts") -> None:
        """Add the counts of another process for the same minute."""
        self.succeeded.update(other.succeeded)
        self.failed += other.failed
        self.durations.update(other.durations)
        self.tokens_saved += other.tokens_saved
        self.engine_s += other.engine_s


@dataclass(frozen=True, slots=True)
class HistorySnapshot:
    """Counts by minute number of the machine's monotonic clock, which all processes share, oldest first.

    `uptime_s`, `succeeded` and `tokens_saved` count from the start of the service.
    """

    minutes: Mapping[int, MinuteCounts]
    current_minute: int
    uptime_s: float
    succeeded: int
    tokens_saved: int


class History:
    """Counts of one process over the last HISTORY_MINUTES minutes and since its start."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._minutes: dict[int, MinuteCounts] = {}
        self._succeeded = 0
        self._tokens_saved = 0

    def operation_succeeded(self, operation: str, duration_s: float) -> None:
        """Count an operation; its duration in seconds only if it is a compression."""
        counts = self._current()
        counts.succeeded[operation] += 1
        self._succeeded += 1
        if operation == "compress":
            counts.durations[bucket_of(duration_s)] += 1

    def operation_failed(self) -> None:
        """Count an operation that ended in a problem."""
        self._current().failed += 1

    def text_compressed(self, tokens_saved: int) -> None:
        """Add the tokens that readers of a result save; 0 if the result is the longer text."""
        saved = max(tokens_saved, 0)
        self._current().tokens_saved += saved
        self._tokens_saved += saved

    def engine_worked(self, busy_s: float) -> None:
        """Add to the engine's busy time."""
        self._current().engine_s += busy_s

    def snapshot(self) -> HistorySnapshot:
        """The counts so far."""
        self._current()
        return HistorySnapshot(
            dict(self._minutes), self._minute(), self._clock() - self._started, self._succeeded, self._tokens_saved
        )

    def _current(self) -> MinuteCounts:
        """The counts of the current minute; adds empty minutes and drops those over an hour old."""
        minute = self._minute()
        if minute not in self._minutes:
            first = max(minute - HISTORY_MINUTES + 1, int(self._started // 60))
            self._minutes = {number: self._minutes.get(number, MinuteCounts()) for number in range(first, minute + 1)}
        return self._minutes[minute]

    def _minute(self) -> int:
        return int(self._clock() // 60)


def merge(snapshots: Iterable[HistorySnapshot]) -> HistorySnapshot:
    """The sum over the processes of one machine, at least one; the uptime is the longest."""
    all_of_them = list(snapshots)
    current = max(snapshot.current_minute for snapshot in all_of_them)
    minutes: dict[int, MinuteCounts] = {}
    for number in range(current - HISTORY_MINUTES + 1, current + 1):
        counts = [snapshot.minutes[number] for snapshot in all_of_them if number in snapshot.minutes]
        if counts:
            minutes[number] = MinuteCounts()
        for snapshot in counts:
            minutes[number].add(snapshot)
    return HistorySnapshot(
        minutes,
        current,
        max(snapshot.uptime_s for snapshot in all_of_them),
        sum(snapshot.succeeded for snapshot in all_of_them),
        sum(snapshot.tokens_saved for snapshot in all_of_them),
    )
