"""Finds how many calls an engine works on at once, from how long calls wait inside it.

By Little's law: if L calls are in an engine that works on each for s seconds and answers after t, it works on L * s / t
at once. If t is no longer than s, it works on all of them, and more can be sent. Otherwise the limit becomes that
number and a little more, so that no slot is ever empty and a change is noticed. This is the gradient of Netflix's
concurrency-limits (Gradient2Limit), with s and t as Ollama reports them: Gradient2Limit uses the shortest time ever
seen, which goes stale as texts and load change; and the time that a burst waits on our side of the connection is not a
wait in the engine. If the engine reports that it is busy, the limit falls by a fifth, as in AIMD.
"""

from app.shared_memory import Memory

FIRST = 4
MOST = 256

_NO_WAIT = 1.02  # times s, plus the network time _WAY_S
_WAY_S = 0.03
_OVER = 1.08
_BUSY_CUT = 0.8
_FEWEST_CALLS = 4
_ENOUGH_CALLS = 16  # enough to see that far too many are in the engine, before a whole round of them has ended
_NEAR = 0.75  # of the limit: rounds vary by chance, and one slot too few costs more than one too many
_MANY = 8  # below this, half of a reduction rounds to nothing
_FAR_TOO_LONG = 2.5  # times s; twice the calls that it works on give 2 at most

_VALUE, _FROM_BEFORE, _CALLS, _IN_ENGINE, _TOOK_S, _WORKED_S = range(6)
"""Sums over the calls that ended under the limit `_VALUE`. `_FROM_BEFORE`: calls in the engine from earlier limits."""


class ConcurrencyLimit:
    """The number of calls to have in an engine at once, 1 to MOST, starting at FIRST. Shared by all workers."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._cells = self._memory.cells(6)
        with self._memory:
            if not self._cells[_VALUE]:
                self._cells[_VALUE] = FIRST

    @property
    def value(self) -> int:
        """The current limit."""
        return int(self._cells[_VALUE])

    def ended(self, in_engine: int, took_s: float, worked_s: float | None) -> int:
        """Count an answered call that was in the engine with `in_engine` calls; returns the new limit.

        `worked_s`: seconds that the engine reports it worked on the call; None if it does not report them, and then the
        call is ignored.
        """
        with self._memory:
            cells, value = self._cells, self.value
            if cells[_FROM_BEFORE]:
                cells[_FROM_BEFORE] -= 1
            elif worked_s is not None and in_engine >= value:  # with fewer calls the engine was not saturated
                cells[_CALLS] += 1
                cells[_IN_ENGINE] += in_engine
                cells[_TOOK_S] += took_s
                cells[_WORKED_S] += worked_s
                # Calls that end at the same time have either all waited or none has, so judge whole rounds only.
                is_round = cells[_CALLS] >= max(_FEWEST_CALLS, value)
                is_enough = cells[_CALLS] >= _ENOUGH_CALLS
                if is_round or (is_enough and cells[_TOOK_S] > _FAR_TOO_LONG * cells[_WORKED_S]):
                    self._judge(in_engine)
            return self.value

    def busy(self) -> int:
        """Lower the limit because the engine reported that it is busy; returns the new limit."""
        with self._memory:
            self._set(int(_BUSY_CUT * self.value), self.value)
            return self.value

    def _judge(self, in_engine: int) -> None:
        cells, value = self._cells, self.value
        took_s, worked_s = cells[_TOOK_S], cells[_WORKED_S]
        if took_s <= _NO_WAIT * worked_s + _WAY_S * cells[_CALLS]:
            self._set(2 * value, in_engine)
        else:
            estimate = int(_OVER * cells[_IN_ENGINE] / cells[_CALLS] * worked_s / took_s) + 1
            is_near = value >= _MANY and value > estimate >= _NEAR * value
            self._set((value + estimate + 1) // 2 if is_near else estimate, in_engine)

    def _set(self, value: int, in_engine: int) -> None:
        """Set the limit; calls in the engine now were let in under the previous one."""
        bounded = min(MOST, max(1, value))
        self._cells[_FROM_BEFORE] = in_engine if bounded != self.value else 0
        self._cells[_VALUE] = bounded
        for sum_of in (_CALLS, _IN_ENGINE, _TOOK_S, _WORKED_S):
            self._cells[sum_of] = 0.0
