"""A place in a text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A slice of a text by code-point offsets: `start` included, `end` not."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start
