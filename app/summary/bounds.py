"""Bounds of figures: "up to 40" is not "40", and "more than 40" is not either."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import regex

from app.summary.evidence import Evidence
from app.text.facts import Fact
from app.text.language import Language

Bound = Literal["most", "below", "least", "above"]

# Words right before a figure. Those that are said of time and place as well (over, under, about) are not among them.
_BOUNDS: dict[Bound, dict[str, str]] = {
    "most": {
        "en": "up to|at most|no more than|not more than|a maximum of|as many as|as much as",
        "de": "bis zu|höchstens|maximal|nicht mehr als",
        "fr": "jusqu['’]à|au plus|au maximum|pas plus de",
        "es": "hasta|como máximo|a lo sumo|no más de",
    },
    "least": {
        "en": "at least|no less than|no fewer than|not less than|a minimum of",
        "de": "mindestens|wenigstens|nicht weniger als",
        "fr": "au moins|pas moins de",
        "es": "al menos|como mínimo|por lo menos|no menos de",
    },
    "below": {"en": "less than|fewer than", "de": "weniger als", "fr": "moins de", "es": "menos de"},
    "above": {"en": "more than", "de": "mehr als", "fr": "plus de", "es": "más de"},
}
_WEAKER: dict[Bound | None, Bound] = {"below": "most", "above": "least"}  # follows from the stronger one
_FARTHEST = 24  # characters before a figure


@cache
def _pattern(code: str) -> regex.Pattern[str] | None:
    if code not in _BOUNDS["most"]:
        return None
    # In their order: "no more than" and "not less than" come before what they end with.
    spelt = "|".join(f"(?P<{bound}>{words[code]})" for bound, words in _BOUNDS.items())
    return regex.compile(rf"(?<!\w)(?:{spelt})\s+[€$£¥]?\Z", regex.IGNORECASE)


def bound_of(text: str, fact: Fact, language: Language) -> Bound | None:
    """The bound that is said right before a figure of `text`."""
    pattern = _pattern(language.code)
    match = pattern.search(text, max(0, fact.start - _FARTHEST), fact.start) if pattern is not None else None
    return None if match is None else next(bound for bound in _BOUNDS if match[bound])


def changes_bound(sentence: str, figures: Sequence[Fact], around: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence states a figure with a bound, or without one, as no place of it in the units `around` does."""
    document = evidence.document
    for figure in figures:
        there = {
            bound_of(document.text, fact, document.language)
            for at in around
            for fact in document.facts[at]
            if figure.key in fact.keys_stated
        }
        said = bound_of(sentence, figure, document.language)
        if there and said not in there and (said is None or said not in map(_WEAKER.get, there)):
            return True
    return False
