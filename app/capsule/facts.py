"""Find the facts of a text: spans that must not be lost or invented.

Found: URLs, e-mail and IP addresses, hosts, paths and file names, identifiers (letters mixed with digits, underscores
or inner capitals, versions, hashes, handles), dates and times of day in figures or with the name of a month, weekdays,
numbers with sign, separators, magnitude, currency, per cent or unit, ranges, number words from two on, halves and
doubles, quoted strings and names. Numbers in any script's digits. Names are runs of capitalised words; in German,
where every noun has a capital, those with a sign of being a name; in Chinese and Japanese those with a title, a family
name, the ending of a firm, office or place, or that are a country or large city.
Not found: names in other scripts without capitals (Arabic, Hindi, Thai ...), a lone word that only the beginning of a
sentence capitalises and that is a common word as well, amounts told in vaguer words ("several", "last autumn").
Negations and conditions are found with the clauses that they govern (`clauses`).

Linear time: what has been matched is never looked at again, and no pattern can backtrack over it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from app.capsule.values import implied_keys, uncounted

Kind = Literal[
    "url",
    "email",
    "ip",
    "path",
    "date",
    "time",
    "identifier",
    "number",
    "range",
    "quote",
    "name",
    "setting",
    "negation",
    "condition",
    "must_keep",
]


class LiteralNotFoundError(ValueError):
    """A string that must be kept does not stand in the text; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: where it stands (code-point offsets) and `key`, equal for all spellings of the same fact.

    `required`: it belongs to what a summary must keep or list as missing. The others (ordinals, long quotations, a
    lone word at the head of a sentence) are looked at only in what a model wrote, where they may be invented.
    """

    kind: Kind
    start: int
    end: int
    text: str
    key: str
    required: bool = True


def find_literals(text: str, literals: Iterable[str]) -> list[Fact]:
    """The first place of each of `literals` in `text` as a fact. Raises LiteralNotFoundError for an absent one."""
    facts = []
    for literal in literals:
        start = text.find(literal)
        if start < 0:
            raise LiteralNotFoundError(f"must_keep: {literal!r} does not stand in the text")
        facts.append(Fact("must_keep", start, start + len(literal), literal, literal))
    return facts


def keys_stated(fact: Fact) -> list[str]:
    """The keys that a text with `fact` states: its own and what it implies."""
    if fact.kind == "date":
        return [fact.key, *(implied_keys(fact.key) if "-" in fact.key else ())]
    if fact.kind == "range":
        return [fact.key, *uncounted(fact.key).split("..")]
    return [fact.key, uncounted(fact.key)] if fact.kind == "number" else [fact.key]
