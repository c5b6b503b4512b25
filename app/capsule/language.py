"""Which language a text is in, as far as the finding of facts depends on it."""

from dataclasses import dataclass

import regex

from app.capsule.lexicon import FUNCTION_WORDS

_WORD = regex.compile(r"[^\W\d_]++")
_SAMPLE_CHARACTERS = 6000
_KANA = regex.compile(r"[\p{Hiragana}\p{Katakana}]")
_HAN = regex.compile(r"\p{Han}")
_DECIMAL_COMMA = regex.compile(r"(?<![\d.,])\d{1,3},\d{1,2}(?![\d,.]\d|\d)")
_DECIMAL_POINT = regex.compile(r"(?<![\d.,])\d{1,3}\.\d{1,2}(?![\d,.]\d|\d)")


@dataclass(frozen=True, slots=True)
class Language:
    """`code`: en, de, fr, es, zh, ja, or empty for another one. `decimal_comma`: it writes 3,2 for 3.2."""

    code: str
    decimal_comma: bool


def guess_language(text: str) -> Language:
    """The language of `text` by its function words, or its script, in the first 6,000 characters."""
    sample = text[:_SAMPLE_CHARACTERS]
    words = _WORD.findall(sample.casefold()) if not sample.isascii() else _WORD.findall(sample.lower())
    votes = {code: sum(map(known.__contains__, words)) for code, known in FUNCTION_WORDS.items()}
    best = max(votes, key=votes.__getitem__)
    if not sample.isascii() and len(_HAN.findall(sample)) > 2 * votes[best]:
        return Language("ja" if len(_KANA.findall(sample)) * 10 > len(sample) else "zh", False)
    if votes[best] * 10 >= len(words) and votes[best]:
        return Language(best, best != "en" and not _writes_points(sample))
    return Language("", len(_DECIMAL_COMMA.findall(sample)) > len(_DECIMAL_POINT.findall(sample)))


def _writes_points(sample: str) -> bool:
    """Whether the figures contradict the language: Mexican Spanish and Swiss German have decimal points."""
    return len(_DECIMAL_POINT.findall(sample)) > 2 * len(_DECIMAL_COMMA.findall(sample))
