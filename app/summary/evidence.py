"""Source features that the check needs; they do not depend on the summary."""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise

import regex

from app.summary.insertion import Run, runs_of
from app.text import cues
from app.text.document import Document
from app.text.language import Language, all_stems, stems_of, words

DEMONYM_PREFIX = 4  # letters that a name shares with a word of the source: Chinese, China
_END_WORDS = 3  # beside a negation at an end of a unit
_WITH_STOP = re.compile(r"(?<!\S)\S+\.\S+")
_TAG = regex.compile(r"</?\p{L}[^<>]{0,500}+>")


class UnitEvidence:
    """The features of one unit by which sentences are judged, each computed on first use."""

    def __init__(self, document: Document, at: int) -> None:
        self._document = document
        self._at = at

    @cached_property
    def keys(self) -> frozenset[str]:
        """The fact keys that it states."""
        return frozenset(key for fact in self._document.facts[self._at] for key in fact.keys_stated)

    @cached_property
    def _text(self) -> str:
        """Its text, without tags."""
        unit = self._document.units[self._at]
        text = self._document.text[unit.head : unit.end]
        return _TAG.sub(" ", text) if "<" in text else text

    @cached_property
    def words(self) -> list[str]:
        """Its words in small letters, without those of tags."""
        is_same = self._text == self._document.words_of(self._at)
        return self._document.words[self._at] if is_same else words(self._text)

    @cached_property
    def sequence(self) -> list[str]:
        """The stems of all its words, including function words."""
        return stems_of(self.words, self._document.language)

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The pairs of neighbouring stems."""
        return frozenset(pairwise(self.sequence))

    @cached_property
    def runs(self) -> frozenset[Run]:
        """The runs of three and of four words."""
        return runs_of(self.sequence)

    @cached_property
    def negated(self) -> frozenset[tuple[str, str]]:
        """The pairs of stems with a negation between them."""
        return frozenset(_negated_pairs(self.words, self.sequence, self._document.language))

    @cached_property
    def negated_ends(self) -> tuple[list[str], list[str]]:
        """The first stems after a negation that begins it, and the last ones before a negation that ends it.

        Empty without such a negation, and if a comma or the like separates it: "No, it is safe."
        """
        tokens, stemmed, text = self.words, self.sequence, self._text.lower()
        if len(tokens) < 2:
            return [], []
        first = 1 if tokens[1] == "t" else 0  # "Don't" is two words
        last = len(tokens) - (2 if tokens[-1] == "t" else 1)
        is_first = cues.is_negation(tokens, first, self._document.language)
        is_last = cues.is_negation(tokens, len(tokens) - 1, self._document.language)
        after = stemmed[first + 1 : first + 1 + _END_WORDS]
        before = stemmed[max(0, last - _END_WORDS) : last]
        return (
            after if is_first and text.partition(tokens[first])[2].lstrip()[:1].isalnum() else [],
            before if is_last and text.rpartition(tokens[last])[0].rstrip()[-1:].isalnum() else [],
        )


class Evidence:
    """The features of a document by which sentences are judged, each computed on first use."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._units: dict[int, UnitEvidence] = {}

    def unit(self, at: int) -> UnitEvidence:
        """The features of a unit."""
        if at not in self._units:
            self._units[at] = UnitEvidence(self.document, at)
        return self._units[at]

    @cached_property
    def all_keys(self) -> frozenset[str]:
        """The fact keys stated anywhere in the text, including headers and time stamps."""
        return frozenset(key for fact in self.document.all_facts for key in fact.keys_stated)

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of the text; abbreviations also without their full stops."""
        vocabulary = self.document.vocabulary
        joined = _WITH_STOP.findall(self.document.text)
        return vocabulary.union(words(" ".join(joined).replace(".", ""))) if joined else vocabulary

    @cached_property
    def prefixes(self) -> frozenset[str]:
        """The first DEMONYM_PREFIX letters of each longer word."""
        return frozenset(word[:DEMONYM_PREFIX] for word in self.words if len(word) > DEMONYM_PREFIX)

    @cached_property
    def places(self) -> dict[str, list[int]]:
        """The units that contain each content stem."""
        places: dict[str, list[int]] = {}
        for at, unit_stems in enumerate(self.document.stems):
            for stem in dict.fromkeys(unit_stems):
                places.setdefault(stem, []).append(at)
        return places

    def prepare(self) -> None:
        """Compute the features of the whole text: those that any sentence needs, and those of the result."""
        document = self.document
        _ = document.facts, document.frequencies, document.costs
        _ = self.all_keys, self.words, self.prefixes, self.places


def _negated_pairs(tokens: Sequence[str], stemmed: Sequence[str], language: Language) -> Iterator[tuple[str, str]]:
    """The pairs of stems with a negation between them; `stemmed`: the stems of `tokens`."""
    for at in range(1, len(tokens) - 1):
        if cues.is_negation(tokens, at, language):
            yield stemmed[at - 1], stemmed[at + 1]
            if tokens[at] == "t":
                yield from ((stem, stemmed[at + 1]) for stem in all_stems(tokens[at - 1][:-1], language))
