"""Measures that several benchmarks share. None of them uses what they measure: not the service's sentences or facts."""

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_ARTICLES = frozenset(("a", "an", "the"))
_FIGURE = re.compile(r"\d(?:[\d.,:/\-–]*\d)?")
_CAPITAL = re.compile(r"(?<=[a-zäöüßéèàçñ,] )[A-ZÄÖÜÉÈÀÇÑ][\w\-]+")


def fold(text: str) -> str:
    """`text` without differences of case, width and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def figures(text: str) -> list[str]:
    """The figures of `text`, as digits with what stands between them."""
    return [match.group() for match in _FIGURE.finditer(unicodedata.normalize("NFKC", text))]


def invented_figures(source: str, result: str) -> list[str]:
    """The figures of `result` whose digits `source` does not have, however either separates them."""
    known = {_digits(figure) for figure in figures(source)} | {part for one in figures(source) for part in _groups(one)}
    return sorted({one for one in figures(result) if _digits(one) not in known and not set(_groups(one)) <= known})


def _digits(figure: str) -> str:
    return re.sub(r"\D", "", figure)


def _groups(figure: str) -> list[str]:
    return re.findall(r"\d+", figure)


def token_f1(said: str, answer: str) -> float:
    """SQuAD's F1 of two answers: by their words, without case, punctuation and articles (Rajpurkar et al. 2016)."""
    one, two = (_plain_words(text) for text in (said, answer))
    if not one or not two:
        return float(one == two)
    same = sum((Counter(one) & Counter(two)).values())
    return 2 * same / (len(one) + len(two))


def _plain_words(text: str) -> list[str]:
    plain = "".join(c for c in text.lower() if not unicodedata.category(c).startswith("P"))
    return [word for word in plain.split() if word not in _ARTICLES]


@dataclass(frozen=True, slots=True)
class Rates:
    """How a judge does, each 0 to 1, NaN where it can't be told. `precision`: of what it lets stand."""

    true_stand: float
    false_dropped: float
    precision: float

    @property
    def balanced_accuracy(self) -> float:
        """The mean of both; 0.5 is chance."""
        return (self.true_stand + self.false_dropped) / 2


def rates(labels: Sequence[bool], stands: Sequence[bool]) -> Rates:
    """How well `stands` agrees with the labels."""
    pairs = Counter(zip(labels, stands, strict=True))
    true, false = pairs[True, True] + pairs[True, False], pairs[False, True] + pairs[False, False]
    stand = pairs[True, True] + pairs[False, True]
    return Rates(_over(pairs[True, True], true), _over(pairs[False, False], false), _over(pairs[True, True], stand))


def _over(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def area_under_curve(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The chance that a true row has a higher score than a false one; equal ones count half."""
    counted = Counter(zip(scores, labels, strict=True))
    true, false = sum(labels), len(labels) - sum(labels)
    below = won = 0.0
    for score in sorted(set(scores)):
        won += counted[score, True] * (below + counted[score, False] / 2)
        below += counted[score, False]
    return _over(won, true * false)


def best_threshold(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The score from which on a row stands that gives the best balanced accuracy."""

    def accuracy(threshold: float) -> float:
        return rates(labels, [score >= threshold for score in scores]).balanced_accuracy

    return max(sorted(set(scores)), key=accuracy)


def row(cells: Iterable[object]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(map(str, cells))} |"


def head(cells: Sequence[str]) -> str:
    """The head of a Markdown table."""
    return f"{row(cells)}\n|{' --- |' * len(cells)}"


def mean(values: Sequence[float]) -> float:
    """Their mean; NaN of none."""
    return sum(values) / len(values) if values else math.nan


def invented_names(source: str, result: str) -> list[str]:
    """The words with a capital inside of a sentence of `result` that do not stand in `source`."""
    known = fold(source)
    return sorted({name for name in _CAPITAL.findall(result) if fold(name) not in known})
