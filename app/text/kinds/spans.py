"""The places of the lines of a slice."""

from collections.abc import Iterable, Iterator
from itertools import accumulate


def line_end(text: str, at: int) -> int:
    """The place of the next line break after `at`, or the end of the text."""
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def line_spans(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines of a slice without trailing white space, including blank lines."""
    for line in text[start:end].split("\n"):
        yield start, start + len(line.rstrip())
        start += len(line) + 1


def filled_lines(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines that are not blank."""
    return ((begin, stop) for begin, stop in line_spans(text, start, end) if begin < stop)


def line_starts(lines: Iterable[str], start: int) -> list[int]:
    """The start of each line, and the end of the last one."""
    return list(accumulate((len(line) + 1 for line in lines), initial=start))
