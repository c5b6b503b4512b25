"""Find the facts of a text: spans that must not be lost or invented.

Found, in any script that has letters, digits and capitals: URLs, e-mail addresses, IP addresses, dates written in
digits, times, versions, numbers with sign, separators, currency, per cent or a unit, identifiers that mix letters
and digits, quoted strings, and names (runs of capitalised words; one capitalised word that only begins a sentence
is not taken for a name).
Not found: names in scripts without capitals, facts told in words only ("a dozen", "last autumn"), negations.

Every pattern has bounded or possessive repeats only, so the time is linear in the length of the text.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import regex

Kind = Literal["url", "email", "ip", "date", "time", "identifier", "number", "quote", "name", "must_keep"]


class LiteralNotFoundError(ValueError):
    """A string that must be kept does not stand in the text; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: where it stands (code-point offsets) and `key`, equal for all spellings of the same fact."""

    kind: Kind
    start: int
    end: int
    text: str
    key: str


_UNIT = (
    r"%|‰|°[CF]?|€|\$|£|¥|円|元|[kKMGT]?i?[BbWgmsVAJ](?:/s)?|[kcmn]m|kWh|MWh|GWh|Hz|[kMG]Hz|min|[mnµ]s"
    r"|tonnes?|percent|per[ ]cent|Prozent|million|billion|trillion|Mio\.?|Mrd\.?|bn|m|thousand"
    r"|EUR|USD|GBP|JPY|CHF|CNY|万|億|亿|兆"
)
# Letters of scripts that set spaces between words; where there are none, a run of letters is no word.
_LETTER = r"[\p{L}\p{M}--[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]]"
_WORD = r"[\p{L}\p{M}\d\&'’\---[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}]]"
_CURRENCY = r"[€$£¥]|(?:EUR|USD|GBP|JPY|CHF|CNY)"

_FACT = regex.compile(
    rf"""
    (?P<url>        https?://[^\s<>"'“”’)\]}}]{{1,2048}}+ | \bwww\.[^\s<>"'“”’)\]}}]{{1,2048}}+ )
  | (?P<email>      \b[\w.+\-]{{1,64}}+@[\w\-]{{1,63}}+(?:\.[\w\-]{{1,63}}+){{1,8}}+ )
  | (?P<ip>         \b\d{{1,3}}+(?:\.\d{{1,3}}+){{3}}+(?:/\d{{1,2}}+|:\d{{1,5}}+)?+(?!\.?+\d)
                  | \b(?:[0-9a-fA-F]{{0,4}}+:){{3,7}}+[0-9a-fA-F]{{1,4}}+\b )
  | (?P<date>       \b\d{{4}}+[-/.]\d{{1,2}}+[-/.]\d{{1,2}}+\b | \b\d{{1,2}}+[./]\d{{1,2}}+[./]\d{{2,4}}+\b
                  | \d{{1,4}}+年(?:\d{{1,2}}+月(?:\d{{1,2}}+日)?+)?+ | \d{{1,2}}+月\d{{1,2}}+日 )
  | (?P<time>       \b\d{{1,2}}+:\d{{2}}+(?::\d{{2}}+(?:\.\d{{1,9}}+)?+)?+(?:[ ]?[aApP]\.?[mM]\b\.?)?+ )
  | (?P<identifier> \b(?=[\p{{L}}_\-/.\#]{{0,32}}+\d)(?=[\d_\-/.\#]{{0,32}}+{_LETTER})
                    (?:{_LETTER}|\d){{1,64}}+(?:[_\-/.\#:](?:{_LETTER}|\d){{1,64}}+){{0,12}}+ )
  | (?P<number>     (?:(?:{_CURRENCY})[ \u00a0\u202f]?)?+ (?:(?<![\p{{L}}\d])[+\-−±])?+
                    \d{{1,40}}+ (?: [.,'’\u00a0\u202f]\d{{1,40}}+ | [ ]\d{{3}}(?!\d) ){{0,16}}+
                    (?: [ \u00a0\u202f]?+ (?:{_UNIT}) (?![\p{{L}}\d]) ){{0,2}}+ )
  | (?P<quote>      “[^“”\n]{{1,300}}+” | „[^„“”\n]{{1,300}}+[“”] | «[^«»\n]{{1,300}}+» | 「[^「」\n]{{1,300}}+」
                  | (?<![\p{{L}}\d])"[^"\n]{{1,300}}+" )
  | (?P<name>       (?<!{_LETTER})\p{{Lu}}{_WORD}{{0,40}}+
                    (?: (?: [ ] | [ ](?:of|de|la|du|van|von|der|and|&|the)[ ] )
                        \p{{Lu}}{_WORD}{{0,40}}+ ){{0,6}}+ )
    """,
    regex.VERBOSE | regex.VERSION1,
)

# What may stand between the border of a sentence and a word that only looks like a name.
_SENTENCE_START = regex.compile(r"(?:^|[.!?:;…。！？]|[\n\r]|[-*•#>|])[\s\"'“”„«»(\[*_#>|\-•]{0,16}+$")

# Words that are capitalised without naming anything, so that one of them at the head of a longer run is cut off.
_COMMON_WORDS = """
    a an the this that these those it its he she they we you i his her their our my your in on at by for from to of
    with without and or but if when while as after before since until because although however there here what which
    who whom whose where why how not no yes all each every some any most many much both few several one two three
    four five six seven eight nine ten is are was were be been has have had do does did will would can could may
    might must shall should also then than so such only overall additionally moreover furthermore according despite
    during under over between about into through new more other another same
    der die das ein eine und oder aber wenn le la les un une et ou mais el los las y o
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def normalise(text: str) -> str:
    """Fold what is no difference between two spellings: width, case, dashes, quotes and runs of spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.translate(_FOLD)
    return " ".join(folded.split())


_FOLD = str.maketrans(dict.fromkeys("‐‑‒–—−", "-") | dict.fromkeys("’‘`´", "'") | dict.fromkeys("“”„«»", '"'))


def find_facts(text: str, *, sentence_heads: bool = False) -> list[Fact]:
    """The facts of `text` in order of their place. Spans do not overlap. Linear time.

    `sentence_heads` takes a lone capitalised word at the head of a sentence for a name too: right for what a
    model wrote, where a word that the source lacks must be looked at, wrong for counting a source's facts.
    """
    facts = []
    for match in _FACT.finditer(text):
        kind: Kind = match.lastgroup  # type: ignore[assignment]
        start, end = match.span()
        if kind == "url":
            end = start + len(match.group().rstrip(".,;:!?"))
        elif kind == "name":
            start = _name_start(text, start, end, sentence_heads)
            if start == end:
                continue
        found = text[start:end]
        facts.append(Fact(kind, start, end, found, fact_key(kind, found)))
    return facts


def find_literals(text: str, literals: Iterable[str]) -> list[Fact]:
    """The first place of each of `literals` in `text` as a fact. Raises LiteralNotFoundError for an absent one."""
    facts = []
    for literal in literals:
        start = text.find(literal)
        if start < 0:
            raise LiteralNotFoundError(f"must_keep: {literal!r} does not stand in the text")
        facts.append(Fact("must_keep", start, start + len(literal), literal, literal))
    return facts


def _name_start(text: str, start: int, end: int, sentence_heads: bool) -> int:
    """Where the name in this run of capitalised words begins; `end` if the run has none."""
    words = text[start:end].split(" ")
    alone_at_head = (
        not sentence_heads
        and len(words) == 1
        and not _is_acronym(words[0])
        and _SENTENCE_START.search(text[max(0, start - 20) : start]) is not None
    )
    if alone_at_head or words[0].casefold() in _COMMON:
        start += len(words[0])
        rest = text[start:end]
        return end - len(rest.lstrip(" "))
    return start


def _is_acronym(word: str) -> bool:
    return len(word) > 1 and word.upper() == word


def fact_key(kind: Kind, found: str) -> str:
    """The form in which two spellings of one fact are equal."""
    folded = normalise(found)
    match kind:
        case "number":
            return _number_key(folded)
        case "quote":
            return folded.strip("\"'「」 .,")
        case "name":
            return folded.removesuffix("'s").removesuffix("'")
        case "url":
            return folded.rstrip("/")
        case _:
            return folded


def _number_key(folded: str) -> str:
    """Drop spaces and thousands separators: a separator with three digits behind it that stands more than once,
    or that another kind of separator follows, or a comma or apostrophe before exactly three last digits.
    """
    compact = folded.replace(" ", "").replace("'", "")
    match = regex.search(r"\d[\d.,]*+", compact)
    if match is None:
        return compact
    digits = match.group().rstrip(".,")
    rest = match.group()[len(digits) :] + compact[match.end() :]
    last = max(digits.rfind("."), digits.rfind(","))
    if last >= 0:
        mark, decimals = digits[last], digits[last + 1 :]
        whole = digits[:last].replace(".", "").replace(",", "")
        grouped = len(decimals) == 3 and (mark == "," or digits.count(mark) > 1)
        digits = whole + decimals if grouped else f"{whole}.{decimals}"
    return compact[: match.start()] + digits + rest.strip(".,")
