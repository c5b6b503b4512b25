"""Source features that the check needs; they do not depend on the summary."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import regex

from app.summary.insertion import Run, runs_of
from app.text import cues
from app.text.document import Document
from app.text.language import Language, all_stems, words
from app.text.units import Unit

DEMONYM_PREFIX = 4  # letters that a name shares with a word of the source: Chinese, China
_TAG = regex.compile(r"</?\p{L}[^<>]{0,500}+>")


class Evidence:
    """The features of a document by which sentences are judged, each computed on first use."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._runs: dict[int, frozenset[Run]] = {}

    @cached_property
    def keys(self) -> list[frozenset[str]]:
        """The fact keys that each unit states."""
        return [frozenset(key for fact in facts for key in fact.keys_stated) for facts in self.document.facts]

    @cached_property
    def all_keys(self) -> frozenset[str]:
        """The fact keys stated anywhere in the text, including headers and time stamps."""
        return frozenset(key for fact in self.document.all_facts for key in fact.keys_stated)

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of the text; abbreviations also without their full stops."""
        text = self.document.text
        return frozenset(words(text)) | (frozenset(words(text.replace(".", ""))) if "." in text else frozenset())

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """The first DEMONYM_PREFIX letters of each longer word."""
        return frozenset(word[:DEMONYM_PREFIX] for word in self.words if len(word) > DEMONYM_PREFIX)

    @cached_property
    def sequences(self) -> list[list[str]]:
        """The stems of all words of each unit, including function words."""
        return [all_stems(self._visible_text(unit), self.document.language) for unit in self.document.units]

    def _visible_text(self, unit: Unit) -> str:
        """The text of a unit without tags."""
        text = self.document.text[unit.head : unit.end]
        return _TAG.sub(" ", text) if "<" in text else text

    @cached_property
    def pairs(self) -> list[frozenset[tuple[str, str]]]:
        """The pairs of neighbouring stems of each unit."""
        return [frozenset(pairwise(sequence)) for sequence in self.sequences]

    def runs(self, unit: int) -> frozenset[Run]:
        """The runs of three and of four words of a unit."""
        if unit not in self._runs:
            self._runs[unit] = runs_of(self.sequences[unit])
        return self._runs[unit]

    @cached_property
    def negated(self) -> list[frozenset[tuple[str, str]]]:
        """The pairs of stems of each unit with a negation between them."""
        return [
            frozenset(_negated_pairs(words(self._visible_text(unit)), sequence, self.document.language))
            for unit, sequence in zip(self.document.units, self.sequences, strict=True)
        ]

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The units that contain each content stem."""
        places: dict[str, list[int]] = {}
        for at, unit_stems in enumerate(self.document.stems):
            for stem in dict.fromkeys(unit_stems):
                places.setdefault(stem, []).append(at)
        return places


def _negated_pairs(tokens: Sequence[str], stemmed: Sequence[str], language: Language) -> Iterator[tuple[str, str]]:
    """The pairs of stems with a negation between them; `stemmed`: the stems of `tokens`."""
    for at in range(1, len(tokens) - 1):
        if cues.is_negation(tokens, at, language):
            yield stemmed[at - 1], stemmed[at + 1]
            if tokens[at] == "t":
                yield from ((stem, stemmed[at + 1]) for stem in all_stems(tokens[at - 1][:-1], language))
