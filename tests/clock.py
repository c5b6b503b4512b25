"""A clock that a test turns."""


class Clock:
    """Stands at `now`, seconds, until a test sets it."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
