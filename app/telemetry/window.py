"""Samples of the last minute, for the gauges that people look at."""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

WINDOW_S = 60.0
_MOST_SAMPLES = 20_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One operation that ended: when (seconds of the clock), how long it took, and what it cost."""

    at: float
    duration_s: float
    cloud_usd: float
    local_usd: float


class Window:
    """The samples of the last WINDOW_S seconds, at most 20,000 (333 operations a second); older ones fall out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: deque[Sample] = deque(maxlen=_MOST_SAMPLES)

    def add(self, duration_s: float, cloud_usd: float = 0.0, local_usd: float = 0.0) -> None:
        """Count an operation that ends now."""
        self._samples.append(Sample(self._clock(), duration_s, cloud_usd, local_usd))

    def samples(self) -> list[Sample]:
        """The samples in the window, oldest first."""
        oldest = self._clock() - WINDOW_S
        while self._samples and self._samples[0].at <= oldest:
            self._samples.popleft()
        return list(self._samples)


def quantile(ordered: list[float], q: float) -> float:
    """The smallest value that at least the share `q` (0 to 1) of the non-empty `ordered` values reaches."""
    return ordered[max(1, math.ceil(round(q * len(ordered), 9))) - 1]
