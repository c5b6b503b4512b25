"""Finds the facts of a text: spans that a summary must not invent and whose loss is reported.

Facts are URLs, e-mail and IP addresses, paths, identifiers (letters mixed with digits, underscores or inner capitals),
dates, times, numbers with sign, separators, magnitude, currency and unit, ranges, number words, and names: words with a
capital inside a sentence and runs of them. In German, where every noun has a capital, only such runs are names.
Not found: names in scripts without capitals, and amounts in vaguer words ("several").
"""

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import regex

from app.text import figures
from app.text.figures import Figure
from app.text.language import FUNCTION_WORDS, Language, words
from app.text.number_words import number_words
from app.text.values import implied_keys, known_digits, normalise, number_key

Kind = Literal["url", "email", "path", "identifier", "date", "time", "number", "name"]

_PART = r"[\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]]"
_MASTER = regex.compile(
    rf"""
    (?P<url>    (?=[hfswgprmaj])(?:https?|ftps?|ssh|git|wss?|s3|file|postgres(?:ql)?|mysql|redis|amqp|mongodb)
                ://[^\s<>"'“”«»「」`，。；、）]{{1,2048}}+ | (?=w)www\.[^\s<>"'“”«»`，。；、）]{{1,2048}}+ )
  | (?=\d|[上下晚凌中午])(?:
      (?P<widetime> {figures.WIDE_TIME} )
    | (?P<ip>   (?=\d)(?<![\w.])(?:\d{{1,3}}+\.){{3}}\d{{1,3}}+(?![\d.]\d)(?:/\d{{1,2}}+|:\d{{1,5}}+)?+(?!\w) )
    | (?P<date> {figures.DATE} )
    | (?P<widedate> {figures.WIDE_DATE} )
    | (?P<time> {figures.TIME} ) )
  | (?=[\d$€£¥￥+\-−±EUGJCRAHN])(?P<number> {figures.SIGNED} )
  | (?<![\w.])(?P<path> (?=[~./\\A-Z])(?:~|\.{{1,2}}+|[A-Z]:)?+[/\\](?![/\\*])[\w.\-+@%]++(?:[/\\][\w.\-+@%*]++)*+/?+ )
  | (?P<word> [@\#]?+(?<![^\W_])(?:[\p{{Lu}}\p{{Lt}}]|\p{{Ll}}++(?=[_\d@./:\\\-#\p{{Lu}}]))(?:{_PART}|[._\-/:\\@+\#&'’~](?={_PART}))*+ )
    """,
    regex.VERBOSE | regex.VERSION1,
)
# Runs without white space that are more than a lower-case word with punctuation: only in them can a fact begin.
_CANDIDATE = re.compile(r"(?<!\S)[a-z.,;:!?'\"()\-]*+[^a-z\s.,;:!?'\"()\-]\S*")
# Most candidates are one of these: _MASTER, which is slow, would find no fact in the first, and one word in the second.
_SMALL_WORD = re.compile(r"[\"'(]*[a-zß-öø-ÿœ]+[,;!?)\"']*")
_CAPITAL_WORD = re.compile(
    # Not a currency: a number may follow it.
    rf"[\"'(]*(?P<word>[A-Z][a-z]*|(?!(?:{figures.CURRENCY_CODE})\b)[A-Z]{{2,}})[.,;:!?)\"']*"
)
_CLOSING = re.compile(r"[.,;:!?)\"']*")
_LOOKAHEAD = 24  # characters behind a candidate that may belong to the fact: "215 000", "10 : 30 pm"
_LONGER_TOKEN = regex.compile(rf"\d(?:{_PART}|[._\-/:\\@+#&'’~](?={_PART}))*+", regex.VERSION1)
_RANGE_LIKE = regex.compile(r"[\d.,]+[-–—][\d.,]+$")
_FILE_EXTENSION = regex.compile(r"\.[A-Za-z][A-Za-z0-9]{0,7}$")
_CAMEL = regex.compile(r"\p{Ll}\p{Lu}|\p{Lu}{2}\p{Ll}{2}")
_NAME_NEXT = regex.compile(
    r"[ \u00a0](?:(?:of|of the|de|del|della|di|da|dos|das|la|le|les|du|des|v[ao]n(?:[ \u00a0]de[rnm])?|zu|sur)[ \u00a0]|[dl]['’]|&[ \u00a0]){0,2}+"
    r"(?P<next>(?:\p{Lu}\.)++|\p{Lu}[\w\-’'&]++)"
)
_SENTENCE_HEAD = regex.compile(r"(?:^|[.!?:;…。！？]|[\n\r]|[-*•#>|]|\d[.)])[\s\"'“”„«»‘’`(\[*_#>|\-•–—]{0,16}+$")
_COMPOUND = regex.compile(r"\d[\d.,]*-\p{L}+(?:-\p{L}+)*$")  # "30-minute", "19-year-old"
_ORDINAL = regex.compile(r"(?:st|nd|rd|th|er|ème|e|º|ª)(?!\w)")
_MARKS_AT_END = "'’-=&+:~._"


class LiteralNotFoundError(ValueError):
    """A string that must be kept does not stand in the text; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact at `start` to `end` (code points); `key` is the same for all spellings of the same fact."""

    kind: Kind
    start: int
    end: int
    key: str

    @property
    def keys_stated(self) -> tuple[str, ...]:
        """The keys that a text with this fact states: its own and those that it implies (a date its year)."""
        return _keys_stated(self.kind, self.key)


@lru_cache(4096)
def _keys_stated(kind: Kind, key: str) -> tuple[str, ...]:
    if kind == "date" and "-" in key:
        return (key, *implied_keys(key))
    if kind == "number":
        ends = key.split("..")
        bare = [end.partition(" ")[0] for end in ends]
        return tuple(dict.fromkeys((key, *ends, *bare)))
    return (key,)


def find_facts(text: str, language: Language, vocabulary: Collection[str] | None = None) -> list[Fact]:
    """The facts of `text` in the order of their places; none overlaps another. Linear time.

    `vocabulary`: its words in small letters, if they are known; others among them do no harm.
    """
    text = known_digits(text)
    facts: list[Fact] = []
    reach = 0
    for candidate in _CANDIDATE.finditer(text):
        start, end = candidate.span()
        if reach >= end or _SMALL_WORD.fullmatch(text, start, end):
            continue
        word = _CAPITAL_WORD.fullmatch(text, start, end) if reach <= start else None
        if word is not None:
            begin, stop = word.span("word")
            date = figures.date_at_month(text, word["word"], stop)
            fact = _dated(begin, date) if date is not None else _name(text, begin, stop, language)
            if fact is not None:
                facts.append(fact)
                reach = fact.end
            continue
        while (match := _MASTER.search(text, max(start, reach), end + _LOOKAHEAD)) and match.start() < end:
            reach = match.end()
            fact = _read(text, match, language)
            if fact is not None:
                facts.append(fact)
                reach = max(reach, fact.end)
            if _CLOSING.fullmatch(text, reach, end):
                break
    return _with_number_words(text, facts, language, words(text) if vocabulary is None else vocabulary)


def _read(text: str, match: regex.Match[str], language: Language) -> Fact | None:
    """The fact that a match of _MASTER stands for, None if it stands for none."""
    kind, (start, end), matched = match.lastgroup, match.span(), match.group()
    if kind == "number":
        return _number(text, start, end, language)
    if kind == "word":
        return _word(text, matched, start, language)
    if kind == "time":
        return Fact("time", start, end, figures.read_time(matched))
    if kind == "date":
        key = figures.read_date(matched, language)
        return Fact("date", start, end, key) if key else Fact("identifier", start, end, matched)
    if kind == "url":
        matched = matched.rstrip(".,;:!?)]}*_")
        return Fact("url", start, start + len(matched), matched.rstrip("/"))
    if kind == "widetime":
        return Fact("time", start, end, figures.read_wide_time(matched))
    if kind == "widedate":
        return Fact("date", start, end, figures.read_wide_date(matched))
    return Fact("path" if kind == "path" else "identifier", start, end, matched)


def _is_in_word(text: str, start: int) -> bool:
    """Whether a letter with cases stands before a digit, or one and an underscore: others join figures in Hebrew."""
    before = text[start - 1 : start]
    if before == "_":
        before = text[start - 2 : start - 1]
        return before.isdecimal() or _has_case(before)
    return _has_case(before)


def _has_case(letter: str) -> bool:
    return letter != "" and unicodedata.category(letter) in ("Lu", "Ll", "Lt")


def _number(text: str, start: int, end: int, language: Language) -> Fact | None:
    if text[start].isdigit() and _is_in_word(text, start):
        return None
    if end - start <= 2 and text[end : end + 1] in (".", ")") and _is_list_mark(text, start):
        return None
    if date := figures.date_at_day(text, start, end):
        return _dated(start, date)
    figure = figures.read_number(text, start, end, language)
    token = _LONGER_TOKEN.match(text, start) if text[start].isdigit() else None
    if token and token.end() > figure.end:
        identifier = token.group().rstrip(_MARKS_AT_END)
        if _ORDINAL.match(text, end):
            return Fact("number", start, start + len(identifier), number_key(text[start:end], decimal_comma=False))
        if _COMPOUND.match(identifier):
            return Fact("number", start, start + len(identifier), figure.key)
        if len(identifier) > figure.end - start and not _RANGE_LIKE.match(identifier):
            return Fact("identifier", start, start + len(identifier), normalise(identifier))
    return Fact("number", start, figure.end, figure.key)


def _dated(start: int, figure: Figure) -> Fact:
    return Fact("date", start, figure.end, figure.key)


def _is_list_mark(text: str, start: int) -> bool:
    """Whether the number at `start` only counts the items of a list."""
    before = text[max(0, start - 40) : start].rstrip(" (#*>\t-")
    return not before or before[-1] in "\r\n"


def _word(text: str, word: str, start: int, language: Language) -> Fact | None:
    """A word with a capital, inner marks or digits as a fact; None for a plain word."""
    token = word.rstrip(_MARKS_AT_END)
    end = start + len(token)
    if token.isalpha():
        if date := figures.date_at_month(text, token, end):
            return _dated(start, date)
        if not token[1:].islower() and _CAMEL.search(token):
            return Fact("identifier", start, end, token)
        return _name(text, start, end, language) if token[0].isupper() else None
    if "@" in token[1:] and "." in token:
        return Fact("email", start, end, token.casefold())
    has_digit = any(map(str.isdigit, token))
    if "/" in token and (token.count("/") > 1 or _FILE_EXTENSION.search(token)):
        return Fact("path", start, end, token)
    if "_" in token or token[0] in "@#" or has_digit or (_FILE_EXTENSION.search(token) and not token[0].isupper()):
        return Fact("identifier", start, end, normalise(token))
    return _name(text, start, end, language) if token[0].isupper() else None


def _name(text: str, start: int, end: int, language: Language) -> Fact | None:
    """The name that begins with the word at `start` to `end`; None if it has its capital only because of its place."""
    stop, count = end, 1
    while _may_go_on(text, stop) and (following := _NAME_NEXT.match(text, stop)) is not None:
        stop, count = following.end("next"), count + 1
    first = text[start:end]
    if first.lower() in language.function_words and _is_sentence_head(text, start):
        return _name_behind(text, end, stop, language) if count > 1 else None
    if count > 1:
        return _named(text, start, stop)
    if len(first) == 1 or _is_function_word(first):
        return None
    if not first.isupper() and (language.code == "de" or _is_sentence_head(text, start)):
        return None
    return _named(text, start, stop)


def _is_sentence_head(text: str, start: int) -> bool:
    """Whether a sentence, a line or an item begins at `start`. Behind a letter and a space none does."""
    if text[start - 1 : start] == " " and text[max(0, start - 2)].isalpha():
        return False
    return _SENTENCE_HEAD.search(text, max(0, start - 18), start) is not None


def _may_go_on(text: str, stop: int) -> bool:
    """Whether what stands behind a name may be more of it, by two characters."""
    following = text[stop + 1 : stop + 2]
    return text[stop : stop + 1] in " \u00a0" and (following.isupper() or following in "odlvzs&")


def _is_function_word(word: str) -> bool:
    bare = word if word.isalpha() else word.partition("'")[0].partition("’")[0]
    return bare.lower() in FUNCTION_WORDS["en"]


def _name_behind(text: str, end: int, stop: int, language: Language) -> Fact | None:
    """The name that goes on behind a function word at a sentence's head, as in "The River Tay"."""
    start = next(at for at in range(end, stop) if text[at].isupper())
    if (language.code == "de" and " " not in text[start:stop]) or stop - start < 2:
        return None
    return _named(text, start, stop)


def _named(text: str, start: int, stop: int) -> Fact:
    return Fact("name", start, stop, normalise(text[start:stop]).removesuffix("'s").rstrip("'-."))


def _with_number_words(text: str, facts: list[Fact], language: Language, vocabulary: Collection[str]) -> list[Fact]:
    added = [
        Fact("number", start, end, number_key(str(value), decimal_comma=False))
        for start, end, value in number_words(text, language, vocabulary)
    ]
    return _without_overlaps(sorted([*facts, *added], key=lambda fact: (fact.start, -fact.end))) if added else facts


def _without_overlaps(facts: list[Fact]) -> list[Fact]:
    """`facts`, ordered by their places, without those that begin inside an earlier one."""
    kept: list[Fact] = []
    for fact in facts:
        if not kept or fact.start >= kept[-1].end:
            kept.append(fact)
    return kept
