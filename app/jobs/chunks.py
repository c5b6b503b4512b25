"""Divides a job's items into chunks."""

from collections.abc import Iterator

_MOST_ITEMS = 50
_SHARES = 4


def chunks(items: int, parallelism: int) -> Iterator[tuple[int, int]]:
    """First index and number of items of each chunk, for `parallelism` chunks side by side.

    Each chunk takes a fixed share of the rest, so the last ones have a single item and none delays the end (guided
    self-scheduling: Polychronopoulos and Kuck, 1987).
    """
    first = 0
    while first < items:
        count = max(1, min(_MOST_ITEMS, (items - first) // (_SHARES * parallelism)))
        yield first, count
        first += count
