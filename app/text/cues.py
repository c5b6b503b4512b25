"""Words that show the function of a sentence: it depends on another one, decides something, or is a courtesy.

The tables are by language; a text in a language without a table has no cues.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

import regex

from app.text.cue_words import WORDS, Cue
from app.text.language import Language

_AT_HEAD: frozenset[Cue] = frozenset(
    {"pronoun", "definite", "telling", "connective", "condition", "exception", "greeting", "agreement"}
)
_NEAR_HEAD = r"\A\W*(?:\w+[, ]{1,2}){0,4}(?<!\w)"
_DIRECTIONS = {
    "up": "r[oi]se[ns]?|rising|increas\\w+|grew|grow[ns]?|growing|gain\\w*|climb\\w*|higher|jump\\w*|surg\\w+|rais\\w+|expand\\w*|more|above"
    "|steig\\w+|stieg\\w*|gestiegen\\w*|erhöh\\w+|zunahm|wuchs|gewachsen|mehr|augment\\w+|hausse|aument\\w+|subi\\w+|creci\\w+",
    "down": "fell|fall(?:s|en|ing)?|decreas\\w+|declin\\w+|dropp?\\w*|lower\\w*|shrank|shrink\\w*|plung\\w+|cuts?|reduc\\w+|sank|sink\\w*|less|fewer|below"
    "|gesunken\\w*|gefallen|zurückgegangen|zurückging|verringert\\w*|weniger|baiss\\w+|dimin\\w+|recul\\w+|baj\\w+|descendi\\w+|cay\\w+",
}
_ANYWHERE: frozenset[Cue] = frozenset({"binding", "conclusion", "courtesy", "negation", "cause", "request"})
_WITH_VOWEL_SIGNS = frozenset({"hi", "ar"})  # which are letters of a word to `regex` only


def _by_first_letter(spelt: str) -> str:
    """The same alternatives, grouped by first letter, so that one comparison rules out a whole group."""
    groups: dict[str, list[str]] = {}
    for alternative in _alternatives(spelt):
        is_letter = alternative[0].isalpha() and alternative[1:2] not in ("?", "*", "+", "{")
        groups.setdefault(alternative[0] if is_letter else alternative, []).append(alternative)
    return "|".join(
        f"{first}(?:{'|'.join(alternative[1:] for alternative in alternatives)})"
        if len(first) == 1 and first.isalpha()
        else first
        for first, alternatives in groups.items()
    )


def _alternatives(spelt: str) -> list[str]:
    """The alternatives of a pattern, outside of brackets."""
    alternatives, depth = [""], 0
    for part in re.findall(r"\\.|\[[^\]]*\]|.", spelt):
        depth += (part == "(") - (part == ")")
        if part == "|" and depth == 0:
            alternatives.append("")
        else:
            alternatives[-1] += part
    return alternatives


_DIRECTION = {name: re.compile(rf"\b(?:{_by_first_letter(spelt)})\b") for name, spelt in _DIRECTIONS.items()}


@cache
def _pattern(cue: Cue, code: str) -> re.Pattern[str] | regex.Pattern[str] | None:
    """Finds the cue in a sentence of the language `code`; None if its words are not known.

    Those of _ANYWHERE find it in small letters.
    """
    spelt = WORDS[cue].get(code)
    if spelt is None:
        return None
    if code in ("zh", "ja"):
        return regex.compile(rf"\A\W*(?:{spelt})" if cue in _AT_HEAD else spelt)
    if cue in _ANYWHERE:
        tail = "" if cue == "courtesy" else r"(?!\w)"
        whole = rf"(?<!\w)(?:{_by_first_letter(spelt)}){tail}"
        return regex.compile(whole) if code in _WITH_VOWEL_SIGNS else re.compile(whole)
    head = r"\A\W*" if cue in _AT_HEAD else _NEAR_HEAD if cue == "consequence" else ""
    whole = rf"{head}(?:{spelt})(?!\w)"
    is_simple = code not in _WITH_VOWEL_SIGNS and r"\p" not in whole
    return re.compile(whole, re.IGNORECASE) if is_simple else regex.compile(whole, regex.IGNORECASE)


def has(cue: Cue, sentence: str, language: Language) -> bool:
    """Whether `sentence` shows the cue."""
    pattern = _pattern(cue, language.code)
    return pattern is not None and pattern.search(sentence.lower() if cue in _ANYWHERE else sentence) is not None


def weight(weights: Mapping[Cue, float], sentence: str, language: Language) -> float:
    """The weights of the cues that `sentence` shows, added up."""
    return sum(value for cue, value in weights.items() if has(cue, sentence, language))


@lru_cache(16_384)
def _is_negating(word: str, code: str) -> bool:
    """Whether `word`, in small letters, is a negation in the language `code`."""
    pattern = _pattern("negation", code)
    return pattern is not None and pattern.fullmatch(word) is not None


def is_negation(sentence_words: Sequence[str], at: int, language: Language) -> bool:
    """Whether a word is a negation, as are the last letters of "isn't"."""
    if sentence_words[at] == "t":
        return at > 0 and sentence_words[at - 1].endswith("n")
    return _is_negating(sentence_words[at], language.code)


def directions(sentence: str) -> frozenset[str]:
    """Whether something in `sentence` goes `up` or `down`."""
    lowered = sentence.lower()
    return frozenset(name for name, pattern in _DIRECTION.items() if pattern.search(lowered))
