"""Splits the engine's busy time among concurrent calls, so that overlapping calls are not charged twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.shared_memory import Memory

_PER_CALL, _SINCE = range(2)


@dataclass(slots=True)
class BusyShare:
    """Seconds of the engine's busy time that belong to one call; set when the call has ended."""

    seconds: float = 0.0


class BusyClock:
    """Splits the time in which at least one call is in the engine among the calls in it.

    With n calls in the engine, each second adds 1/n to each call, so that all shares add up to the busy time. A single
    running sum of dt/n serves every call: its share is the growth of that sum while it ran.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, memory: Memory | None = None) -> None:
        self._clock = clock
        self._memory = memory or Memory()
        self._calls = self._memory.column()
        self._cells = self._memory.cells(2)

    @contextmanager
    def call(self, share: BusyShare) -> Iterator[None]:
        """Count the block as a call in the engine, also if it fails, and set its `share` at the end."""
        with self._memory:
            begun_at = self._advance()
            self._calls.own += 1
        try:
            yield
        finally:
            with self._memory:
                share.seconds = self._advance() - begun_at
                self._calls.own -= 1

    def _advance(self) -> float:
        """Bring the sum of dt/n up to now."""
        cells, now = self._cells, self._clock()
        if calls := self._calls.total:
            cells[_PER_CALL] += (now - cells[_SINCE]) / calls
        cells[_SINCE] = now
        return cells[_PER_CALL]
