"""Hold one text against another by their facts, after normalising both."""

from collections.abc import Iterable
from dataclasses import dataclass

import regex

from app.capsule.facts import Fact, find_facts, normalise

_WORD = regex.compile(r"\w++")


def _word_sequence(text: str) -> str:
    return f" {' '.join(_WORD.findall(normalise(text)))} "


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a text says, in a form in which a fact can be looked up: its fact keys and its words in order."""

    text: str
    keys: frozenset[str]
    words: str

    @classmethod
    def of(cls, text: str, facts: Iterable[Fact] | None = None) -> "Evidence":
        """Evidence of `text`; its `facts` are found where they are not given."""
        found = find_facts(text) if facts is None else facts
        keys = frozenset(fact.key for fact in found if fact.kind != "must_keep")
        return cls(text, keys, _word_sequence(text))

    def has(self, fact: Fact) -> bool:
        """Whether this text states `fact`.

        Figures, dates and identifiers count only in an equal normalised form, so that "13.2%" or a bare "3.2"
        never stands for "3.2%"; names and quoted strings count wherever their words follow each other; a
        must_keep string only to the letter.
        """
        if fact.kind == "must_keep":
            return fact.text in self.text
        if fact.key in self.keys:
            return True
        return fact.kind in ("name", "quote") and _word_sequence(fact.text) in self.words


def invented_facts(text: str, evidence: Evidence) -> list[Fact]:
    """The facts that `text` states and `evidence` does not."""
    return [fact for fact in find_facts(text, sentence_heads=True) if not evidence.has(fact)]


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """One fact for each key, the first, in order."""
    return list({(fact.kind == "must_keep", fact.key): fact for fact in reversed(list(facts))}.values())[::-1]


def missing_facts(facts: Iterable[Fact], evidence: Evidence) -> list[Fact]:
    """Those of `facts` that `evidence` does not state, each key once."""
    return [fact for fact in distinct(facts) if not evidence.has(fact)]
