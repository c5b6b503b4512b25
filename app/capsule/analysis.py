"""A source read once: its facts, the segments that may be taken from it, and what they cost."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import regex

from app.capsule.chunking import Span
from app.capsule.clauses import Clause, binding_facts, bound_lines, clauses
from app.capsule.facts import Fact, find_literals
from app.capsule.language import Language, guess_language
from app.capsule.lexicon import ALL_FUNCTION_WORDS
from app.capsule.scanner import find_facts
from app.capsule.structure import Block, Kind, blocks, line_fact, line_units
from app.capsule.tokens import running_totals
from app.capsule.values import normalise


@dataclass(frozen=True, slots=True)
class Segment:
    """A slice that can be taken by itself: a clause, a row, a line.

    `needs`: the segment without which it means little, by its place in the list. `weight`: how much its facts count.
    """

    span: Span
    needs: int | None = None
    weight: float = 1.0
    is_negated: bool = False
    is_conditional: bool = False
    is_prose: bool = True


# A figure's meaning mostly stands in the few words before it (who, what, which verb), and in a word or two behind.
# Whole clauses, then so many words before and behind.
CLOSEST = 3
_WORDS = ((0, 0), (5, 4), (4, 2), (3, 2))
_WORDS_BEFORE = [regex.compile(rf"(?:(?<!\S)\S+\s+){{0,{before}}}\S*\Z") for before, _ in _WORDS]
_COMPARING = frozenset("more less fewer higher lower mehr weniger höher niedriger plus moins más menos".split())
_COMPARISON = rf"(?:\s+(?:{'|'.join(sorted(_COMPARING))})\b(?:\s+(?:than|als|que)\b)?+)?+"
_WORDS_BEHIND = [regex.compile(rf"\S*+{_COMPARISON}(?:\s+\S++){{0,{behind}}}") for _, behind in _WORDS]
_LOOSE_END = " \t\n,;，；、—–-"


class Source:
    """A text and what there is to know of it.

    `facts` are in order, must_keep strings first of all; `flat` is the text with the line breaks of wrapped prose as
    spaces.
    """

    def __init__(self, text: str, must_keep: Sequence[str] = ()) -> None:
        """Raises LiteralNotFoundError for a `must_keep` string that is not in `text`."""
        self.text = text
        self.literals = find_literals(text, must_keep)
        self.language: Language = guess_language(text)
        self.blocks: list[Block] = blocks(text)
        flat = self.flat = _flat(text, self.blocks)
        found = find_facts(flat, self.language)
        if flat != text:
            found = [_as_in(text, fact) for fact in found]
        found = self._with_line_facts(flat, found)
        self.segments: list[Segment] = self._segments(flat, found)
        bound = list(binding_facts(text, self._clauses, found, self.language))
        self.facts: list[Fact] = sorted([*found, *bound], key=lambda fact: (fact.start, fact.end))

    def _segments(self, flat: str, found: list[Fact]) -> list[Segment]:
        segments: list[Segment] = []
        self._clauses: list[Clause] = []
        index = 0
        for block in self.blocks:
            first = index
            while index < len(found) and found[index].start < block.end:
                index += 1
            if block.kind in ("prose", "wrapped", "chat", "list", "quoted"):
                cut = clauses(flat, found[first:index], self.language, block.start, block.end)
                self._clauses += cut
                for clause in cut:
                    needs = len(segments) - 1 if clause.leans else None
                    is_prose = block.kind in ("prose", "wrapped")
                    segments.append(
                        Segment(clause.span, needs, 1.0, clause.is_negated, clause.is_conditional, is_prose)
                    )
            else:
                base = len(segments)
                self._clauses += bound_lines(flat, block.lines, self.language)
                for line in line_units(flat, block):
                    needs = None if line.needs is None else base + line.needs
                    segments.append(Segment(line.span, needs, line.weight, is_prose=False))
        return segments

    def _with_line_facts(self, flat: str, found: list[Fact]) -> list[Fact]:
        """Settings and definitions in which nothing else is a fact, as facts."""
        added = []
        index = 0
        for block in self.blocks:
            for line in block.lines:
                while index < len(found) and found[index].end <= line.start:
                    index += 1
                is_told = index < len(found) and found[index].start < line.end
                # A name in a definition's line may stand elsewhere as well, the definition itself does not.
                stated = None if is_told and block.kind not in ("code", "diff") else line_fact(flat, block, line)
                if stated is not None:
                    said = self.text[stated.start : stated.end]
                    added.append(Fact("setting", stated.start, stated.end, said, normalise(said)))
        return sorted([*found, *added], key=lambda fact: (fact.start, fact.end)) if added else found

    @property
    def kinds(self) -> list[Kind]:
        """The kinds of the text's blocks, each once, in order."""
        return list(dict.fromkeys("prose" if block.kind == "wrapped" else block.kind for block in self.blocks))

    @cached_property
    def _token_ends(self) -> tuple[list[int], list[int]]:
        return running_totals(self.text)

    @cached_property
    def _extents(self) -> list[Span | None]:
        """Of each segment, from where its first required fact begins to where its last one ends."""
        extents: list[Span | None] = [None] * len(self.segments)
        index = 0
        for fact in self.facts:
            while index + 1 < len(self.segments) and self.segments[index].span.end <= fact.start:
                index += 1
            if fact.required and fact.kind not in ("negation", "condition"):
                known = extents[index] or Span(fact.start, fact.end)
                extents[index] = Span(known.start, max(known.end, min(fact.end, self.segments[index].span.end)))
        return extents

    def taken(self, at: int, closeness: int) -> Span:
        """What of the segment `at` is taken at a `closeness` of 0 to CLOSEST.

        At 0 it is all but the comma or dash at its end, else its facts with the few words on either side that say what
        they are about. A negated or conditional clause, and a line of a table, log or the like, is always taken whole.
        """
        segment, facts = self.segments[at], self._extents[at]
        start, end = segment.span.start, segment.span.end
        is_plain = segment.is_prose and not (segment.is_negated or segment.is_conditional)
        if closeness and facts and is_plain and self.language.code not in ("zh", "ja"):
            before = _WORDS_BEFORE[closeness].search(self.text, start, facts.start)
            behind = _WORDS_BEHIND[closeness].match(self.text, facts.end, end)
            start = before.start() if before else facts.start
            end = self._without_dangling(facts.end, behind.end() if behind else facts.end, end)
        stripped = start + len(self.text[start:end].rstrip(_LOOSE_END))
        return Span(start, max(stripped, min(facts.end, end) if facts else 0)) if stripped > start else segment.span

    def _without_dangling(self, start: int, end: int, clause_end: int) -> int:
        """`end` before the articles and prepositions that a cut within a clause would leave at its end."""
        while start < end < clause_end:
            said = self.text[start:end].rstrip()
            last = said.split()[-1:] or [""]
            if last[0].casefold() in _COMPARING or last[0].casefold() not in ALL_FUNCTION_WORDS:
                break
            end = start + len(said) - len(last[0])
        return max(start, end)

    @property
    def tokens(self) -> int:
        """Estimated tokens of the text."""
        return self._token_ends[1][-1]

    def cost(self, span: Span) -> int:
        """Estimated tokens of a slice, one for what parts it from the next included."""
        ends, totals = self._token_ends
        return totals[bisect_left(ends, span.end)] - totals[bisect_left(ends, span.start)] + 1


def _flat(text: str, found: Sequence[Block]) -> str:
    """`text` with the line breaks inside of wrapped prose as spaces, every character at its place."""
    wrapped = [block for block in found if block.kind == "wrapped"]
    if not wrapped:
        return text
    characters, reach = [], 0
    for block in wrapped:
        inside = text[block.start : block.end].replace("\r", " ").replace("\n", " ")
        characters += [text[reach : block.start], inside]
        reach = block.end
    return "".join([*characters, text[reach:]])


def _as_in(text: str, fact: Fact) -> Fact:
    return Fact(fact.kind, fact.start, fact.end, text[fact.start : fact.end], fact.key, fact.required)
