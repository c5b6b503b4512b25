"""Finding how many calls an engine works on at once, from how long calls wait inside of it.

By Little's law, of L calls in an engine that works on each for s seconds and answers after t, it works on L * s / t at
once. Where t is no longer than s all of them are worked on, and more can be sent; else that many and a little more, so
that no slot is ever empty and a change is seen. This is the gradient of Netflix's concurrency-limits (Gradient2Limit)
with Ollama's own word for s and t: the shortest time ever seen, which it takes there, grows old as texts and load
change, and what a burst waits for on this side of the connection is no wait in the engine. A busy engine takes a fifth
off at once, as AIMD does.
"""

from app.shared_memory import Memory

FIRST = 4
MOST = 256

_NO_WAIT = 1.02  # times s, and the way there and back
_WAY_S = 0.03
_OVER = 1.08
_BUSY_CUT = 0.8
_FEWEST_CALLS = 4
_ENOUGH_CALLS = 16  # to tell that far too many are in the engine, where a round of them would take long
_NEAR = 0.75  # of the limit; by chance one round has more that waited than the next, and a slot too few costs more
_MANY = 8  # half of a cut from fewer could be none
_FAR_TOO_LONG = 2.5  # times s; twice is what twice as many as it works on can come to

_VALUE, _FROM_BEFORE, _CALLS, _IN_ENGINE, _TOOK_S, _WORKED_S = range(6)
"""Sums over the calls that ended under the limit `_VALUE`; so many are still to end that came by the one before."""


class ConcurrencyLimit:
    """The number of calls to have in an engine at once, 1 to MOST; begins with FIRST. All workers find it together."""

    def __init__(self, memory: Memory | None = None) -> None:
        self._memory = memory or Memory()
        self._cells = self._memory.cells(6)
        with self._memory:
            if not self._cells[_VALUE]:
                self._cells[_VALUE] = FIRST

    @property
    def value(self) -> int:
        """The limit now."""
        return int(self._cells[_VALUE])

    def ended(self, in_engine: int, took_s: float, worked_s: float | None) -> int:
        """Take a call into account that was one of so many and was answered; the limit from now on.

        `worked_s`: the engine's own word for how long it worked on it, None where it gives none, which tells nothing.
        """
        with self._memory:
            cells, value = self._cells, self.value
            if cells[_FROM_BEFORE]:
                cells[_FROM_BEFORE] -= 1
            elif worked_s is not None and in_engine >= value:  # else there was not enough to do to tell anything
                cells[_CALLS] += 1
                cells[_IN_ENGINE] += in_engine
                cells[_TOOK_S] += took_s
                cells[_WORKED_S] += worked_s
                # Of calls that end at the same time all have waited, or none: only a whole round of them tells.
                is_round = cells[_CALLS] >= max(_FEWEST_CALLS, value)
                is_enough = cells[_CALLS] >= _ENOUGH_CALLS
                if is_round or (is_enough and cells[_TOOK_S] > _FAR_TOO_LONG * cells[_WORKED_S]):
                    self._judge(in_engine)
            return self.value

    def busy(self) -> int:
        """Take into account that the engine said it was busy; the limit from now on."""
        with self._memory:
            self._set(int(_BUSY_CUT * self.value), self.value)
            return self.value

    def _judge(self, in_engine: int) -> None:
        cells, value = self._cells, self.value
        took_s, worked_s = cells[_TOOK_S], cells[_WORKED_S]
        if took_s <= _NO_WAIT * worked_s + _WAY_S * cells[_CALLS]:
            self._set(2 * value, in_engine)
        else:
            found = int(_OVER * cells[_IN_ENGINE] / cells[_CALLS] * worked_s / took_s) + 1
            is_near = value >= _MANY and value > found >= _NEAR * value
            self._set((value + found + 1) // 2 if is_near else found, in_engine)

    def _set(self, value: int, in_engine: int) -> None:
        """From now on `value`; the calls that are in the engine came by the limit before."""
        bounded = min(MOST, max(1, value))
        self._cells[_FROM_BEFORE] = in_engine if bounded != self.value else 0
        self._cells[_VALUE] = bounded
        for sum_of in (_CALLS, _IN_ENGINE, _TOOK_S, _WORKED_S):
            self._cells[sum_of] = 0.0
