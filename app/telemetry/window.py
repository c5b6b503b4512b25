"""Counts over the last minute, and quantiles of durations. Memory is bounded whatever the load."""

import math
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Mapping
from typing import Generic, TypeVar

WINDOW_S = 60

KeyT = TypeVar("KeyT", bound=Hashable)


class Window(Generic[KeyT]):
    """Whole numbers by key over the last WINDOW_S seconds of the clock, including the current one.

    They are kept per second. Whole numbers add up exactly, so no rounding error remains when a second drops out.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds: deque[tuple[int, Counter[KeyT]]] = deque()
        self._totals: Counter[KeyT] = Counter()

    def add(self, key: KeyT, amount: int = 1) -> None:
        """Add `amount` for `key` now."""
        second = self._forget()
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Counter()))
        self._seconds[-1][1][key] += amount
        self._totals[key] += amount

    def totals(self) -> Mapping[KeyT, int]:
        self._forget()
        return self._totals

    def _forget(self) -> int:
        second = int(self._clock())
        while self._seconds and self._seconds[0][0] <= second - WINDOW_S:
            for key, amount in self._seconds.popleft()[1].items():
                self._totals[key] -= amount
                if not self._totals[key]:
                    del self._totals[key]
        return second


# Buckets whose bounds grow by a fixed factor give every quantile with a bounded relative error (Masson, Rim and Lee
# 2019, "DDSketch"): here at most 0.5 %.
_GROWTH = 1.01
_SHORTEST_S, _LONGEST_S = 1e-6, 1e6


def bucket_of(duration_s: float) -> int:
    """The bucket of a duration of 1e-6 to 1e6 seconds; values beyond count as the nearest limit."""
    return math.ceil(math.log(min(max(duration_s, _SHORTEST_S), _LONGEST_S), _GROWTH))


def quantile(counts: Mapping[int, int], q: float) -> float:
    """The shortest duration in seconds that is at least as long as the share `q` (0 to 1) of the counted ones.

    Accurate to 0.5 %. Raises ValueError if nothing is counted.
    """
    rank = max(1, math.ceil(round(q * sum(counts.values()), 9)))
    for bucket in sorted(counts):
        rank -= counts[bucket]
        if rank <= 0:
            return 2 * _GROWTH**bucket / (1 + _GROWTH)
    raise ValueError("no durations")
