"""How a job's items are dealt out."""

from collections.abc import Iterator

_MOST_ITEMS = 50
_SHARES = 4


def chunks(items: int, parallelism: int) -> Iterator[tuple[int, int]]:
    """First index and number of items of each chunk, when `parallelism` chunks run side by side.

    Each takes a fixed share of what is left, so the last ones have one item and none keeps the others waiting at the
    end (guided self-scheduling: Polychronopoulos and Kuck, 1987).
    """
    first = 0
    while first < items:
        count = max(1, min(_MOST_ITEMS, (items - first) // (_SHARES * parallelism)))
        yield first, count
        first += count
