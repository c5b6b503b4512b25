"""A text that has been read: its blocks and units, with the facts and stems of each."""

from collections import Counter
from dataclasses import replace
from functools import cached_property

from app.text import cues
from app.text.blocks import PROSE, Block, Kind, blocks_around
from app.text.facts import Fact, LiteralNotFoundError, find_facts
from app.text.kinds import find_forms
from app.text.kinds.form import is_extracted
from app.text.language import Language, content_stems, guess_language, words
from app.text.references import needed_definitions
from app.text.tokens import estimate_tokens
from app.text.units import Unit, units_of

QUESTION_MARKS = ("?", "？", "؟")
_WIDE_GAP = 2  # characters between two units, from which on their tokens count


class Document:
    """A text with its units, in order. Only white space stands between two units outside of forms.

    `content_type`: that of the text, if the caller knows it; raises ContentTypeError if the text does not fit it.
    `asks`: the user of an assistant wrote it, so its questions and requests matter most.
    """

    def __init__(self, text: str, content_type: str | None = None, *, asks: bool = False) -> None:
        self.text = text
        self._asks = asks
        self.blocks: list[Block] = blocks_around(text, find_forms(text, content_type))
        self.language: Language = guess_language(self._reading)

    @cached_property
    def units(self) -> list[Unit]:
        """The units of its blocks, in order."""
        text, units = self.text, units_of(self.text, self.blocks, self.language)
        if "]: " in text:
            for at, needs in needed_definitions([text[unit.start : unit.end] for unit in units]).items():
                unit = units[at]
                if unit.part is None:
                    units[at] = replace(unit, needs=tuple(dict.fromkeys((*unit.needs, *needs))))
        return units

    @cached_property
    def _reading(self) -> str:
        """The text as a person reads it, its markup and encoded parts left out."""
        pieces: list[str] = []
        reach = 0
        for block in self.blocks:
            if is_extracted(block.form):
                pieces += self.text[reach : block.form.start], *map(block.form.part_text, range(len(block.form.parts)))
                reach = block.form.end
        return "\n".join([*pieces, self.text[reach:]]) if pieces else self.text

    def text_of(self, at: int) -> str:
        """The text of a unit, as a person reads it."""
        unit = self.units[at]
        form = self.blocks[unit.block].form
        return form.part_text(unit.place) if is_extracted(form) else self.text[unit.start : unit.end]

    def words_of(self, at: int) -> str:
        """The text of a unit behind a list mark or a speaker."""
        unit = self.units[at]
        if is_extracted(self.blocks[unit.block].form):
            return self.text_of(at)
        return self.text[unit.head : unit.end]

    def text_of_fact(self, fact: Fact) -> str:
        """A fact as a person reads it."""
        return self._extracted_texts.get((fact.start, fact.end), self.text[fact.start : fact.end])

    def is_wanted(self, unit: int) -> bool:
        """Whether a unit asks for something, in a text that does."""
        if not self._asks:
            return False
        text = self.text_of(unit)
        return text.rstrip().endswith(QUESTION_MARKS) or cues.has("request", text, self.language)

    @cached_property
    def is_prose(self) -> bool:
        """Whether it has any block of sentences."""
        return any(block.kind in PROSE for block in self.blocks)

    @cached_property
    def opening(self) -> int | None:
        """The first sentence of prose that is not minor."""
        candidates = (at for at, unit in enumerate(self.units) if unit.kind == "prose" and not unit.is_minor)
        return next(candidates, None)

    @cached_property
    def structure(self) -> tuple[Kind, ...]:
        """The kinds of its blocks, each once, in order."""
        return tuple(dict.fromkeys(block.kind for block in self.blocks))

    @cached_property
    def tokens(self) -> int:
        """The estimated tokens of the text."""
        return estimate_tokens(self.text)

    @cached_property
    def reading_tokens(self) -> int:
        """The estimated tokens of the text as a person reads it."""
        return self.tokens if self._reading is self.text else estimate_tokens(self._reading)

    @cached_property
    def costs(self) -> list[int]:
        """The estimated tokens of each unit, those of a deep indentation before the next one with it."""
        ends = [*(unit.start for unit in self.units[1:]), len(self.text)]
        return [self._cost(unit, end) for unit, end in zip(self.units, ends, strict=False)]

    def _cost(self, unit: Unit, end: int) -> int:
        if unit.part is not None and unit.part.cost is not None:
            return unit.part.cost
        gap = self.text[unit.end : end]
        around = max(0, estimate_tokens(gap) - 1) if unit.part is None and len(gap) > _WIDE_GAP else 0
        return estimate_tokens(self.text[unit.start : unit.end]) + around

    @cached_property
    def all_facts(self) -> list[Fact]:
        """The facts of the text, those of headers, speakers and time stamps too."""
        facts: list[Fact] = []
        self._extracted_texts: dict[tuple[int, int], str] = {}
        reach = 0
        for unit in self.units:
            form = self.blocks[unit.block].form
            if not is_extracted(form):
                continue
            if unit.place == 0:
                facts += self._facts_between(reach, form.start)
                reach = form.end
            text = form.part_text(unit.place)
            for fact in find_facts(text, self.language):
                start, end = form.place(unit.place, fact.start, fact.end)
                facts.append(replace(fact, start=start, end=end))
                self._extracted_texts[start, end] = text[fact.start : fact.end]
        return facts + self._facts_between(reach, len(self.text))

    def _facts_between(self, start: int, end: int) -> list[Fact]:
        facts = find_facts(self.text[start:end], self.language, self.vocabulary)
        return [replace(fact, start=fact.start + start, end=fact.end + start) for fact in facts] if start else facts

    @cached_property
    def facts(self) -> list[list[Fact]]:
        """The facts of each unit, those of its speaker and time stamp left out."""
        by_unit: list[list[Fact]] = [[] for _ in self.units]
        at = 0
        for fact in self.all_facts:
            while at + 1 < len(self.units) and self.units[at + 1].start <= fact.start:
                at += 1
            if self.units and fact.start >= self.units[at].head:
                by_unit[at].append(fact)
        return by_unit

    @cached_property
    def words(self) -> list[list[str]]:
        """The words of each unit behind a list mark or a speaker, in small letters."""
        return [words(self.words_of(at)) for at in range(len(self.units))]

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of the content words of each unit, in order."""
        return [content_stems(unit_words, self.language) for unit_words in self.words]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """All words of the text, in small letters."""
        return frozenset(words(self.text))

    @cached_property
    def frequencies(self) -> Counter[str]:
        """In how many units each stem stands."""
        return Counter(stem for stems_of_unit in self.stems for stem in set(stems_of_unit))

    def units_of(self, literal: str) -> range:
        """The units that the first occurrence of `literal` touches. Raises LiteralNotFoundError if there are none."""
        if not literal.strip():
            return range(0)
        start = self.text.find(literal)
        if start < 0:
            raise LiteralNotFoundError(f"must_keep: {literal!r} does not stand in the text")
        end = start + len(literal)
        touched = [at for at, unit in enumerate(self.units) if unit.start < end and unit.end > start]
        if not touched:
            raise LiteralNotFoundError(f"must_keep: {literal!r} stands in what nobody reads: a style, an attachment")
        return range(touched[0], touched[-1] + 1)


def read(text: str, content_type: str | None = None, *, asks: bool = False) -> Document:
    """Read a text. Linear time. Raises ContentTypeError."""
    return Document(text, content_type, asks=asks)
