"""Finds the notable rows of a table: errors, rare values, extremes, missing cells, totals, the first rows."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Cell = str | None
"""A cell verbatim, with its quotes if it has any; None if the row has no such cell."""

_SEVERE = re.compile(
    r"(?i)\b(?:errors?|fail(?:ed|ure|ures|s|ing)?|fatal|critical|crit|exception|panic|crash\w*|killed|oom\w*|denied|refused|rejected"
    r"|abort(?:ed)?|timeout|timed.?out|unhealthy|degraded|evicted|corrupt\w*|breach\w*|fraud\w*|violat\w+|overdue|alert|emergency"
    r"|fehler|störung|erreur|échec|fallo|ошибка|错误|失败|エラー)"
)
_TOTAL = re.compile(r"(?i)^[\s\"'*_|]*(?:grand |sub)?(?:total|sum|summe|gesamt|somme|totale|overall|average|mean)\b")
_NUMBER = re.compile(r'"?[$€£]?([-+]?\d[\d_]*(?:\.\d+)?(?:[eE][-+]?\d+)?) ?%?"?$')
_LETTERS = re.compile(r"[^\W\d_]+")
_DIGITS = re.compile(r"\d+")
_EMPTY = frozenset(("", '""', "null", "-", "N/A", "n/a"))

_TOTAL_WORTH = 3.0
_SEVERE_WORTH = 3.0
_RARE_WORTH = 2.0
_EXTREME_WORTH = 2.5
_OFTEN_EXTREME_WORTH = 1.0  # if more than a few numbers are extreme
_END_WORTH = 0.6  # of the least and the greatest number of a column
_FIRST_WORTH = (1.0, 0.5)
_LAST_WORTH = 0.4
_MOST_WORTH = 4.0
_RARE = 0.03  # share of the rows that a rare value, shape or gap has at most
_MOST_SEVERE = 0.2  # share of the rows; more frequent errors are not notable
_FENCE = 3.0  # interquartile ranges beyond the quartiles: numbers outside are extreme (Tukey 1977)
_FEWEST = 5  # rows; in smaller tables nothing is rare
_LONGEST = 80  # characters of a cell that are compared
_MOST_VALUES = 50  # distinct values of a column of categories


def row_worths(rows: Sequence[Sequence[Cell]], *, has_ends: bool = True) -> list[float]:
    """How notable each row is, from 0 (routine) to 4. Shorter rows end in missing cells.

    `has_ends`: the first and last rows are notable by their position.
    """
    worths = _severity_worth(rows)
    if len(rows) >= _FEWEST:
        for column in range(max(map(len, rows))):
            cells = [row[column] if column < len(row) else None for row in rows]
            for at, worth in _column_worths(cells).items():
                worths[at] = max(worths[at], worth) + 0.25 * min(worths[at], worth)
    for at, worth in enumerate(_FIRST_WORTH[: len(rows)] if has_ends else ()):
        worths[at] += worth
    if has_ends and len(rows) > len(_FIRST_WORTH):
        worths[-1] += _LAST_WORTH
    return [min(worth, _MOST_WORTH) for worth in worths]


def _severity_worth(rows: Sequence[Sequence[Cell]]) -> list[float]:
    """The worth of errors and totals."""
    texts = [" ".join(cell for cell in row if cell) for row in rows]
    severe = [_SEVERE.search(text) is not None for text in texts]
    share = sum(severe) / len(rows) if rows else 0.0
    worth = _SEVERE_WORTH if share <= _MOST_SEVERE else _SEVERE_WORTH * _MOST_SEVERE / share
    worths = [worth * is_severe for is_severe in severe]
    for at, row in enumerate(rows):
        if any(cell and _TOTAL.match(cell) for cell in row[:2]):
            worths[at] = max(worths[at], _TOTAL_WORTH)
    return worths


def _column_worths(cells: Sequence[Cell]) -> Mapping[int, float]:
    """The rows that are notable by a column, with their worth."""
    present = {at: cell for at, cell in enumerate(cells) if cell is not None and cell not in _EMPTY}
    worths = _gap_worths(len(cells), present)
    numbers: dict[int, float] = {}
    for at, cell in present.items():
        if match := _NUMBER.match(cell):
            numbers[at] = float(match[1].replace("_", ""))
    if present and len(numbers) >= 0.8 * len(present):
        for at in present.keys() - numbers.keys():
            worths[at] = _RARE_WORTH
        worths.update(_extremes(numbers))
        return worths
    is_category = len(set(present.values())) <= min(_MOST_VALUES, max(2, len(cells) // 4))
    worths.update(_rare(present, (lambda cell: cell) if is_category else _shape))
    return worths


def _gap_worths(count: int, present: Mapping[int, str]) -> dict[int, float]:
    """The rows with a cell that few rows have, or without a cell that few rows lack."""
    few = max(1, _RARE * count)
    if 0 < len(present) <= few:
        return dict.fromkeys(present, _RARE_WORTH)
    if 0 < count - len(present) <= few:
        return dict.fromkeys((at for at in range(count) if at not in present), _RARE_WORTH)
    return {}


def _extremes(numbers: Mapping[int, float]) -> dict[int, float]:
    values = [value for value in numbers.values() if math.isfinite(value)]
    ordered = sorted(values)
    if len(values) < _FEWEST or values in (ordered, ordered[::-1]):
        return {}
    low, high = ordered[len(ordered) // 4], ordered[-1 - len(ordered) // 4]
    if low == high or len(set(values)) <= 3:
        return _rare({at: str(value) for at, value in numbers.items()}, lambda cell: cell)
    reach = _FENCE * (high - low)
    beyond = [at for at, value in numbers.items() if not low - reach <= value <= high + reach]
    worth = _EXTREME_WORTH if len(beyond) <= max(2, _RARE * len(values)) else _OFTEN_EXTREME_WORTH
    worths = dict.fromkeys(beyond, worth)
    for end in (ordered[0], ordered[-1]):
        at = next(at for at, value in numbers.items() if value == end)
        worths[at] = max(worths.get(at, 0.0), _END_WORTH)
    return worths


def _shape(cell: str) -> str:
    """The shape of a value: each run of letters or digits collapsed."""
    return _DIGITS.sub("0", _LETTERS.sub("a", cell[:_LONGEST])) + ("+" if len(cell) > _LONGEST else "")


def _rare(cells: Mapping[int, str], look: Callable[[str], str]) -> dict[int, float]:
    """Cells of a rare shape, if most cells have a common one."""
    looks = {at: look(cell) for at, cell in cells.items()}
    counts = Counter(looks.values())
    few = max(1, _RARE * len(cells))
    rare = {at: counts[shape] for at, shape in looks.items() if counts[shape] <= few}
    if len(rare) > 0.2 * len(cells):
        return {}
    return {at: _RARE_WORTH + 0.5 / count for at, count in rare.items()}
