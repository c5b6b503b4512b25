"""Bounds of figures: neither "up to 40" nor "more than 40" is "40"."""

from collections.abc import Sequence
from functools import cache
from typing import Literal

import regex

from app.summary.evidence import Evidence
from app.text.facts import Fact
from app.text.language import Language

Bound = Literal["most", "below", "least", "above"]

# Words right before a figure, without those that are used for time and place too (over, under, about).
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
    # The order matters: "no more than" comes before "more than", "not less than" before "less than".
    alternatives = "|".join(f"(?P<{bound}>{words[code]})" for bound, words in _BOUNDS.items())
    return regex.compile(rf"(?<!\w)(?:{alternatives})\s+[€$£¥]?\Z", regex.IGNORECASE)


def bound_of(text: str, fact: Fact, language: Language) -> Bound | None:
    """The bound right before a figure of `text`."""
    pattern = _pattern(language.code)
    match = pattern.search(text, max(0, fact.start - _FARTHEST), fact.start) if pattern is not None else None
    return None if match is None else next(bound for bound in _BOUNDS if match[bound])


def changes_bound(sentence: str, figures: Sequence[Fact], around: Sequence[int], evidence: Evidence) -> bool:
    """Whether a sentence states a figure with a bound, or without one, unlike every mention in the units `around`."""
    document = evidence.document
    for figure in figures:
        source_bounds = {
            bound_of(document.text, fact, document.language)
            for at in around
            for fact in document.facts[at]
            if figure.key in fact.keys_stated
        }
        bound = bound_of(sentence, figure, document.language)
        if (
            source_bounds
            and bound not in source_bounds
            and (bound is None or bound not in map(_WEAKER.get, source_bounds))
        ):
            return True
    return False
