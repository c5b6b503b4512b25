"""Detects from a server's answers when it loaded a model."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from app.engine.status import canonical
from app.shared_memory import Memory

SOON_S = 60.0
"""A model that is loaded again within this time was unloaded needlessly."""

_REPORTED_S = 600.0  # how long a needless load is reported
_SHORTEST_LOAD_S = 0.25  # a 135M model takes 0.5 s from the page cache
_TIMES_USUAL = 8.0
_SAME_LOAD_S = 1.0  # how far two workers' times for the end of the same load may differ
_KEPT_ANSWERS = 16
_KEPT_MODELS = 64


@dataclass(slots=True)
class _Seen:
    """`ends`: when the last two loads ended; `usual`: load_duration of the last answers, in seconds."""

    ends: deque[float] = field(default_factory=lambda: deque(maxlen=2))
    usual: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT_ANSWERS))


class Loads:
    """The loads of each model on one server. `clock`: monotonic seconds, the same in all workers."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, memory: Memory | None = None) -> None:
        self._clock = clock
        self._memory = memory or Memory()
        self._last_end = self._memory.cells(1)
        self._models: dict[str, _Seen] = {}

    def answered(self, model: str, started: float, load_s: float) -> bool:
        """Whether the answer to a call sent at `started` shows a load that no earlier answer has shown.

        Ollama's `load_duration` is the time until the call had a loaded model. Without a load it is some hundredths of
        a second, or several times that on a busy machine, so it is compared with that of the last answers. All calls
        that waited for the same load report it.
        """
        if len(self._models) >= _KEPT_MODELS:
            self._models.clear()
        seen = self._models.setdefault(canonical(model), _Seen())
        is_long = load_s >= max(_SHORTEST_LOAD_S, _TIMES_USUAL * min(seen.usual, default=0.0))
        if not is_long:
            seen.usual.append(load_s)
            return False
        if seen.ends and started < seen.ends[-1]:
            return False
        seen.ends.append(started + load_s)
        return self._is_first_to_report(started + load_s)

    def _is_first_to_report(self, end: float) -> bool:
        """Whether no other worker has reported the load that ended at this time."""
        if self._memory.workers == 1:
            return True
        with self._memory:
            is_known = abs(end - self._last_end[0]) < _SAME_LOAD_S
            self._last_end[0] = end
            return not is_known

    def follow_each_other(self, model: str) -> bool:
        """Whether the model was loaded twice within SOON_S during the last ten minutes."""
        seen = self._models.get(canonical(model))
        if seen is None or len(seen.ends) < 2:
            return False
        before, last = seen.ends
        return last - before <= SOON_S and self._clock() - last <= _REPORTED_S
