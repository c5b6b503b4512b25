"""How fast a queue drains: the mean time between two departures while all places are taken."""

import time
from collections.abc import Callable

_ROUNDS = 8  # of all places: what the mean remembers, some 10 s on the reference machine (docs/ollama.md)


class DepartureInterval:
    """Moving mean of the seconds from one departure to the next, over the time in which no place is free.

    While a place is free departures tell how many calls came, not how many could be served: that time is left out.
    The mean is exponentially weighted over the last rounds of all `places`, and plain before so many have departed;
    until the first round has, it is `first_guess_s`. `clock` gives monotonic seconds.
    """

    def __init__(self, places: int, first_guess_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places = places
        self._guess_s = first_guess_s
        self._mean_s = 0.0
        self._counted = 0
        self._since: float | None = None

    @property
    def is_measured(self) -> bool:
        """Whether a round of all places has departed, so that the mean is no guess any more."""
        return self._counted >= self._places

    @property
    def seconds(self) -> float:
        """The mean; a departure that is overdue counts with the time for which it has been awaited."""
        mean_s = self._mean_s if self.is_measured else self._guess_s
        running_s = 0.0 if self._since is None else self._clock() - self._since
        return mean_s + max(0.0, running_s - mean_s) / (max(self._counted, self._places) + 1)

    def resize(self, places: int) -> None:
        """There are so many places from now on: each departure takes as much longer or shorter."""
        self._mean_s *= self._places / places
        self._guess_s *= self._places / places
        self._places = places

    def full(self) -> None:
        """All places are taken now."""
        if self._since is None:
            self._since = self._clock()

    def departed(self, *, still_full: bool) -> None:
        """A call has left; `still_full`: the next one has taken its place already."""
        now = self._clock()
        if self._since is not None:
            self._counted = min(self._counted + 1, _ROUNDS * self._places)
            self._mean_s += (now - self._since - self._mean_s) / self._counted
        self._since = now if still_full else None
