"""Which rows of a table a reader would miss: errors, rare values, extremes, missing cells, totals, the first ones."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

Cell = str | None
"""A cell as it stands in the text, with its quotes if it has any; None where the row has no such cell."""

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
_OFTEN_EXTREME_WORTH = 1.0  # where more than a few numbers are extreme
_END_WORTH = 0.6  # of the least and the greatest number of a column
_FIRST_WORTH = (1.0, 0.5)
_LAST_WORTH = 0.4
_MOST_WORTH = 4.0
_RARE = 0.03  # share of the rows that a rare value, shape or gap has at most
_MOST_SEVERE = 0.2  # share of the rows from which on an error is the rule
_FENCE = 3.0  # interquartile ranges beside the quartiles, from where on a number is extreme (Tukey 1977)
_FEWEST = 5  # rows, below which nothing is rare
_LONGEST = 80  # characters of a cell whose shape is compared
_MOST_VALUES = 50  # of a column that consists of categories


def row_worths(rows: Sequence[Sequence[Cell]], *, has_ends: bool = True) -> list[float]:
    """How notable each row is beside the others, 0 for routine to 4. Shorter rows end in missing cells.

    `has_ends`: the first and the last ones are worth something by their places.
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
    """The rows that a column makes notable."""
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
    """Cells that only few rows have, or only few lack."""
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
    """What a value looks like: letters and digits each as one."""
    return _DIGITS.sub("0", _LETTERS.sub("a", cell[:_LONGEST])) + ("+" if len(cell) > _LONGEST else "")


def _rare(cells: Mapping[int, str], look: Callable[[str], str]) -> dict[int, float]:
    """Cells whose look few others have, where most cells have a common one."""
    looks = {at: look(cell) for at, cell in cells.items()}
    counts = Counter(looks.values())
    few = max(1, _RARE * len(cells))
    rare = {at: counts[shape] for at, shape in looks.items() if counts[shape] <= few}
    if len(rare) > 0.2 * len(cells):
        return {}
    return {at: _RARE_WORTH + 0.5 / count for at, count in rare.items()}
