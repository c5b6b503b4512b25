"""Mean interval between completed calls while the engine is saturated; used for Retry-After."""

import time
from collections.abc import Callable

from app.shared_memory import Cells

_ROUNDS = 8  # of all slots: what the mean remembers, some 10 s on the reference machine (docs/ollama.md)
_SLOTS, _GUESS_S, _MEAN_S, _COUNTED, _SINCE, _IS_FULL = range(6)
DRAIN_RATE_CELLS = 6


class DrainRate:
    """Moving mean of the seconds between two completed calls, over the time in which no slot is free.

    While a slot is free, completed calls show how many arrived, not how many could be served: that time is left out.
    The mean is exponentially weighted over the last rounds of all `slots`, and plain until that many calls have
    completed. Until the first round has completed, it is `first_guess_s`. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        slots: int,
        first_guess_s: float,
        clock: Callable[[], float] = time.monotonic,
        cells: Cells | None = None,
    ) -> None:
        """`cells`: DRAIN_RATE_CELLS numbers that hold the whole state; another process may have filled them already."""
        self._clock = clock
        self._cells = [0.0] * DRAIN_RATE_CELLS if cells is None else cells
        if not self._cells[_SLOTS]:
            self._cells[_GUESS_S] = first_guess_s
            self._cells[_SLOTS] = slots

    @property
    def is_measured(self) -> bool:
        """Whether one round of all slots has completed, so that the mean is no longer the first guess."""
        return self._cells[_COUNTED] >= self._cells[_SLOTS]

    @property
    def seconds_per_call(self) -> float:
        """The mean interval. A call that is overdue counts with the time waited for it so far."""
        cells = self._cells
        mean_s = cells[_MEAN_S] if self.is_measured else cells[_GUESS_S]
        running_s = self._clock() - cells[_SINCE] if cells[_IS_FULL] else 0.0
        return mean_s + max(0.0, running_s - mean_s) / (max(cells[_COUNTED], cells[_SLOTS]) + 1)

    def resize(self, slots: int) -> None:
        """Set the number of slots; the mean interval is scaled to it."""
        cells = self._cells
        cells[_MEAN_S] *= cells[_SLOTS] / slots
        cells[_GUESS_S] *= cells[_SLOTS] / slots
        cells[_SLOTS] = slots

    def saturated(self) -> None:
        """Record that all slots are taken now."""
        if not self._cells[_IS_FULL]:
            self._set_full(self._clock())

    def call_completed(self, *, still_full: bool) -> None:
        """Record a completed call; `still_full`: the next call has already taken its slot."""
        cells, now = self._cells, self._clock()
        if cells[_IS_FULL]:
            cells[_COUNTED] = min(cells[_COUNTED] + 1, _ROUNDS * cells[_SLOTS])
            cells[_MEAN_S] += (now - cells[_SINCE] - cells[_MEAN_S]) / cells[_COUNTED]
        if still_full:
            self._set_full(now)
        else:
            cells[_IS_FULL] = 0.0

    def _set_full(self, now: float) -> None:
        self._cells[_SINCE] = now
        self._cells[_IS_FULL] = 1.0
