"""How long the engine was busy, so that calls that overlap are not paid for twice."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(slots=True)
class BusyShare:
    """Seconds of the engine's busy time that fall to one call; set when the call has ended."""

    seconds: float = 0.0


class BusyClock:
    """Splits the time during which at least one call is in the engine among the calls that are.

    With n calls in the engine each second gives 1/n to each, so the shares of all calls add up to the busy
    time. One running sum of dt/n serves every call: its share is the sum's growth while it ran.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls = 0
        self._per_call = 0.0
        self._since = 0.0

    @contextmanager
    def call(self, share: BusyShare) -> Iterator[None]:
        """Count the block as a call in the engine, a failed one too, and set its `share` at the end."""
        self._advance()
        self._calls += 1
        begun_at = self._per_call
        try:
            yield
        finally:
            self._advance()
            self._calls -= 1
            share.seconds = self._per_call - begun_at

    def _advance(self) -> None:
        now = self._clock()
        if self._calls:
            self._per_call += (now - self._since) / self._calls
        self._since = now
