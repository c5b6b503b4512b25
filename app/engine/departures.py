"""How fast a queue drains: the mean time between two departures while all places are taken."""

import time
from collections.abc import Callable

from app.shared_memory import Cells

_ROUNDS = 8  # of all places: what the mean remembers, some 10 s on the reference machine (docs/ollama.md)
_PLACES, _GUESS_S, _MEAN_S, _COUNTED, _SINCE, _IS_FULL = range(6)
DEPARTURE_CELLS = 6


class DepartureInterval:
    """Moving mean of the seconds from one departure to the next, over the time in which no place is free.

    While a place is free departures tell how many calls came, not how many could be served: that time is left out.
    The mean is exponentially weighted over the last rounds of all `places`, and plain before so many have departed;
    until the first round has, it is `first_guess_s`. `clock` gives monotonic seconds.
    """

    def __init__(
        self,
        places: int,
        first_guess_s: float,
        clock: Callable[[], float] = time.monotonic,
        cells: Cells | None = None,
    ) -> None:
        """`cells`: DEPARTURE_CELLS numbers to keep all of it in, which another process may have begun with already."""
        self._clock = clock
        self._cells = [0.0] * DEPARTURE_CELLS if cells is None else cells
        if not self._cells[_PLACES]:
            self._cells[_GUESS_S] = first_guess_s
            self._cells[_PLACES] = places

    @property
    def is_measured(self) -> bool:
        """Whether a round of all places has departed, so that the mean is no guess any more."""
        return self._cells[_COUNTED] >= self._cells[_PLACES]

    @property
    def seconds(self) -> float:
        """The mean; a departure that is overdue counts with the time for which it has been awaited."""
        cells = self._cells
        mean_s = cells[_MEAN_S] if self.is_measured else cells[_GUESS_S]
        running_s = self._clock() - cells[_SINCE] if cells[_IS_FULL] else 0.0
        return mean_s + max(0.0, running_s - mean_s) / (max(cells[_COUNTED], cells[_PLACES]) + 1)

    def resize(self, places: int) -> None:
        """There are so many places from now on: each departure takes as much longer or shorter."""
        cells = self._cells
        cells[_MEAN_S] *= cells[_PLACES] / places
        cells[_GUESS_S] *= cells[_PLACES] / places
        cells[_PLACES] = places

    def full(self) -> None:
        """All places are taken now."""
        if not self._cells[_IS_FULL]:
            self._set_full(self._clock())

    def departed(self, *, still_full: bool) -> None:
        """A call has left; `still_full`: the next one has taken its place already."""
        cells, now = self._cells, self._clock()
        if cells[_IS_FULL]:
            cells[_COUNTED] = min(cells[_COUNTED] + 1, _ROUNDS * cells[_PLACES])
            cells[_MEAN_S] += (now - cells[_SINCE] - cells[_MEAN_S]) / cells[_COUNTED]
        if still_full:
            self._set_full(now)
        else:
            cells[_IS_FULL] = 0.0

    def _set_full(self, now: float) -> None:
        self._cells[_SINCE] = now
        self._cells[_IS_FULL] = 1.0
