"""Measures of several benchmarks. None uses the code under test, such as its sentences or facts."""

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
    """The figures of `text`: digits with the characters between them."""
    return [match.group() for match in _FIGURE.finditer(unicodedata.normalize("NFKC", text))]


def invented_figures(source: str, result: str) -> list[str]:
    """The figures of `result` whose digits `source` does not contain, whatever the separators."""
    source_digits = {_digits(figure) for figure in figures(source)} | {
        part for figure in figures(source) for part in _groups(figure)
    }
    return sorted(
        {
            figure
            for figure in figures(result)
            if _digits(figure) not in source_digits and not set(_groups(figure)) <= source_digits
        }
    )


def _digits(figure: str) -> str:
    return re.sub(r"\D", "", figure)


def _groups(figure: str) -> list[str]:
    return re.findall(r"\d+", figure)


def token_f1(given: str, answer: str) -> float:
    """SQuAD's F1 of two answers: by their words, without case, punctuation and articles (Rajpurkar et al. 2016)."""
    first, second = (_plain_words(text) for text in (given, answer))
    if not first or not second:
        return float(first == second)
    same = sum((Counter(first) & Counter(second)).values())
    return 2 * same / (len(first) + len(second))


def _plain_words(text: str) -> list[str]:
    plain = "".join(c for c in text.lower() if not unicodedata.category(c).startswith("P"))
    return [word for word in plain.split() if word not in _ARTICLES]


@dataclass(frozen=True, slots=True)
class Rates:
    """Rates of a judge, each 0 to 1, NaN if undefined. `precision`: of the sentences that it passes."""

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
    """Probability that a true row has a higher score than a false one; ties count half."""
    counted = Counter(zip(scores, labels, strict=True))
    true, false = sum(labels), len(labels) - sum(labels)
    below = won = 0.0
    for score in sorted(set(scores)):
        won += counted[score, True] * (below + counted[score, False] / 2)
        below += counted[score, False]
    return _over(won, true * false)


def best_threshold(labels: Sequence[bool], scores: Sequence[float]) -> float:
    """The threshold of the score with the best balanced accuracy."""

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
    """Their mean; NaN without values."""
    return sum(values) / len(values) if values else math.nan


def invented_names(source: str, result: str) -> list[str]:
    """The capitalised words within sentences of `result` that are not in `source`."""
    folded_source = fold(source)
    return sorted({name for name in _CAPITAL.findall(result) if fold(name) not in folded_source})
