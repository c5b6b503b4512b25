"""Numbers written as words: "three", "forty-two"."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from app.text.language import Language

NUMBER_WORDS: dict[str, int] = {
    word: number
    for number, spelt in {
        2: "two zwei deux dos zwo due dois два две",
        3: "three drei trois tres tre três три",
        4: "four vier quatre cuatro quattro quatro четыре",
        5: "five fünf cinq cinco cinque пять",
        6: "six sechs seis sei шесть",
        7: "seven sieben sept siete sette sete семь",
        8: "eight acht huit ocho otto oito восемь",
        9: "nine neun neuf nueve nove девять",
        10: "ten zehn dix diez dieci dez десять",
        11: "eleven elf onze undici",
        12: "twelve zwölf douze doce dozen dutzend dodici",
        13: "thirteen dreizehn treize trece",
        14: "fourteen vierzehn quatorze catorce",
        15: "fifteen fünfzehn quinze quince",
        16: "sixteen sechzehn seize dieciséis",
        17: "seventeen siebzehn diecisiete",
        18: "eighteen achtzehn dieciocho",
        19: "nineteen neunzehn diecinueve",
        20: "twenty zwanzig vingt veinte venti vinte",
        30: "thirty dreißig trente treinta",
        40: "forty vierzig quarante cuarenta",
        50: "fifty fünfzig cinquante cincuenta",
        60: "sixty sechzig soixante sesenta",
        70: "seventy siebzig setenta",
        80: "eighty achtzig ochenta",
        90: "ninety neunzig noventa",
        100: "hundred hundert cent cien ciento",
        1000: "thousand tausend mille mil",
    }.items()
    for word in spelt.split()
}
_ELSEWHERE_A_WORD = frozenset("due sei sept dez six mil onze tre elf dos".split())
"""Number words that mean something else in another language of the table."""
_NUMBER_WORD_IN = {"six": ("en", "fr"), "sept": ("fr",)}
_TENS = frozenset("twenty thirty forty fifty sixty seventy eighty ninety".split())
_DIGIT_WORDS = {word: at for at, word in enumerate("one two three four five six seven eight nine".split(), start=1)}


def number_words(text: str, language: Language, vocabulary: Iterable[str]) -> Iterator[tuple[int, int, int]]:
    """The number words of `text`: start, end and value of each, grouped by word. `vocabulary`: its words."""
    present = NUMBER_WORDS.keys() & vocabulary
    if not present:
        return
    lowered = text.lower()
    if len(lowered) != len(text):
        return
    for word in present:
        if word in _ELSEWHERE_A_WORD and language.code not in _NUMBER_WORD_IN.get(word, ()):
            continue
        for match in _places(word, lowered):
            yield match.start(), match.end(), NUMBER_WORDS[word] + _DIGIT_WORDS.get(match["digit"] or "", 0)


def _places(word: str, text: str) -> Iterator[re.Match[str]]:
    """Where `word` stands as a whole word. `find` is many times faster than a pattern that begins with a lookbehind."""
    pattern = _whole_word(word)
    at = text.find(word)
    while at >= 0:
        if match := pattern.match(text, at):
            yield match
        at = text.find(word, at + len(word))


@cache
def _whole_word(word: str) -> re.Pattern[str]:
    digits = "|".join(_DIGIT_WORDS) if word in _TENS else "(?!)"
    return re.compile(rf"(?<!\w){word}(?:[- ](?P<digit>{digits}))?(?!\w)")
