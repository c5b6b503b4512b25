"""Finding how many calls an engine works on at once, from how long calls wait inside of it.

By Little's law, of L calls in an engine that works on each for s seconds and answers after t, it works on L * s / t at
once. Where t is no longer than s all of them are worked on, and more can be sent; else that many and a little more, so
that no slot is ever empty and a change is seen. This is the gradient of Netflix's concurrency-limits (Gradient2Limit)
with Ollama's own word for s: the shortest time ever seen, which it takes there, grows old as texts and load change.
A busy engine takes a fifth off at once, as AIMD does.
"""

from dataclasses import dataclass

FIRST = 4
MOST = 256

_NO_WAIT = 1.02  # times s, and the way there and back
_WAY_S = 0.03
_OVER = 1.08
_BUSY_CUT = 0.8
_LARGEST_WINDOW = 16


@dataclass(frozen=True, slots=True)
class _Ended:
    in_engine: int
    took_s: float
    worked_s: float


class ConcurrencyLimit:
    """The number of calls to have in an engine at once, 1 to MOST; begins with FIRST."""

    def __init__(self) -> None:
        self.value = FIRST
        self._window: list[_Ended] = []
        self._from_before = 0

    def ended(self, in_engine: int, took_s: float, worked_s: float | None) -> int:
        """Take a call into account that was one of so many and was answered; the limit from now on.

        `worked_s`: the engine's own word for how long it worked on it, None where it gives none, which tells nothing.
        """
        if self._from_before:
            self._from_before -= 1
        elif worked_s is not None and in_engine >= self.value:  # else there was not enough to do to tell anything
            self._window.append(_Ended(in_engine, took_s, worked_s))
            if len(self._window) >= max(4, min(self.value, _LARGEST_WINDOW)):
                self._judge()
        return self.value

    def busy(self) -> int:
        """Take into account that the engine said it was busy; the limit from now on."""
        self._set(int(_BUSY_CUT * self.value), self.value)
        return self.value

    def _judge(self) -> None:
        window = self._window
        took_s, worked_s, in_engine = (
            sum(getattr(one, name) for one in window) / len(window) for name in ("took_s", "worked_s", "in_engine")
        )
        if took_s <= _NO_WAIT * worked_s + _WAY_S:
            self._set(self.value + max(1, self.value // 2), window[-1].in_engine)
        else:
            self._set(int(_OVER * in_engine * worked_s / took_s) + 1, window[-1].in_engine)

    def _set(self, value: int, in_engine: int) -> None:
        """From now on `value`; the calls that are in the engine came by the limit before."""
        bounded = min(MOST, max(1, value))
        self._from_before = in_engine if bounded != self.value else 0
        self.value = bounded
        self._window.clear()
