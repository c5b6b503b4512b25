"""Finding how many calls an engine works on at once, from how long calls wait inside of it.

By Little's law, of L calls in an engine that works on each for s seconds and answers after t, it works on L * s / t at
once. Where t is no longer than s all of them are worked on, and more can be sent; else that many and a little more, so
that no slot is ever empty and a change is seen. This is the gradient of Netflix's concurrency-limits (Gradient2Limit)
with Ollama's own word for s and t: the shortest time ever seen, which it takes there, grows old as texts and load
change, and what a burst waits for on this side of the connection is no wait in the engine. A busy engine takes a fifth
off at once, as AIMD does.
"""

from dataclasses import dataclass

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


@dataclass(slots=True)
class _Seen:
    """Calls that ended under one limit: how many, and sums of what is known of each."""

    calls: int = 0
    in_engine: int = 0
    took_s: float = 0.0
    worked_s: float = 0.0


class ConcurrencyLimit:
    """The number of calls to have in an engine at once, 1 to MOST; begins with FIRST."""

    def __init__(self) -> None:
        self.value = FIRST
        self._seen = _Seen()
        self._from_before = 0

    def ended(self, in_engine: int, took_s: float, worked_s: float | None) -> int:
        """Take a call into account that was one of so many and was answered; the limit from now on.

        `worked_s`: the engine's own word for how long it worked on it, None where it gives none, which tells nothing.
        """
        if self._from_before:
            self._from_before -= 1
        elif worked_s is not None and in_engine >= self.value:  # else there was not enough to do to tell anything
            seen = self._seen
            seen.calls += 1
            seen.in_engine += in_engine
            seen.took_s += took_s
            seen.worked_s += worked_s
            # Of calls that end at the same time all have waited, or none: only a whole round of them tells.
            is_round = seen.calls >= max(_FEWEST_CALLS, self.value)
            if is_round or (seen.calls >= _ENOUGH_CALLS and seen.took_s > _FAR_TOO_LONG * seen.worked_s):
                self._judge(in_engine)
        return self.value

    def busy(self) -> int:
        """Take into account that the engine said it was busy; the limit from now on."""
        self._set(int(_BUSY_CUT * self.value), self.value)
        return self.value

    def _judge(self, in_engine: int) -> None:
        seen = self._seen
        if seen.took_s <= _NO_WAIT * seen.worked_s + _WAY_S * seen.calls:
            self._set(2 * self.value, in_engine)
        else:
            found = int(_OVER * seen.in_engine / seen.calls * seen.worked_s / seen.took_s) + 1
            is_near = self.value >= _MANY and self.value > found >= _NEAR * self.value
            self._set((self.value + found + 1) // 2 if is_near else found, in_engine)

    def _set(self, value: int, in_engine: int) -> None:
        """From now on `value`; the calls that are in the engine came by the limit before."""
        bounded = min(MOST, max(1, value))
        self._from_before = in_engine if bounded != self.value else 0
        self.value = bounded
        self._seen = _Seen()
