"""Several documents as one, so that one selection spends a budget over all of them."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

from app.text.blocks import Block
from app.text.document import QUESTION_MARKS, Document
from app.text.facts import Fact
from app.text.kinds.form import ExtractedForm, Form, Kind, Part, is_extracted
from app.text.language import guess_language
from app.text.span import Span
from app.text.units import Unit

_BETWEEN = "\n\n"
_SAMPLE = 300  # characters of each document, to guess the common language


class JoinedDocument(Document):
    """`documents`, concatenated. `answers`: indexes of those that answer the document before them."""

    def __init__(self, documents: Sequence[Document], answers: frozenset[int] = frozenset()) -> None:
        self.documents = documents
        self._answers = answers
        self.text = _BETWEEN.join(document.text for document in documents)
        self.language = guess_language(_BETWEEN.join(each.text[:_SAMPLE] for each in documents if each.is_prose))
        self._offsets = list(accumulate((len(each.text) + len(_BETWEEN) for each in documents), initial=0))
        self.firsts = list(accumulate((len(each.units) for each in documents), initial=0))
        firsts_of_blocks = list(accumulate((len(each.blocks) for each in documents), initial=0))
        self.blocks = [
            _moved_block(block, offset) for each, offset in self._with(self._offsets) for block in each.blocks
        ]
        self.units = []
        for number, document in enumerate(documents):
            offset, first, block = self._offsets[number], self.firsts[number], firsts_of_blocks[number]
            self.units += (_moved_unit(unit, offset, first, block) for unit in document.units)
            if number in answers and document.units and first and self._is_question(first - 1):
                unit = self.units[first]
                self.units[first] = replace(unit, needs=(*unit.needs, first - 1))

    def _with(self, offsets: Sequence[int]) -> Iterator[tuple[Document, int]]:
        return zip(self.documents, offsets, strict=False)

    def _is_question(self, unit: int) -> bool:
        return self.text_of(unit).rstrip("\"'”’» \n").endswith(QUESTION_MARKS)

    def is_wanted(self, unit: int) -> bool:
        """Whether a unit makes a request, or is the best answer to a request in the document before it."""
        number = bisect_right(self.firsts, unit) - 1
        return self.documents[number].is_wanted(unit - self.firsts[number]) or unit in self._answering

    @cached_property
    def _answering(self) -> frozenset[int]:
        """For each question that a document answers, the unit with most of its words."""
        answering: set[int] = set()
        for number in self._answers:
            before = self.documents[number - 1]
            for unit in range(len(before.units)):
                if before.is_wanted(unit) and self._is_question(self.firsts[number - 1] + unit):
                    question_stems = set(before.stems[unit])
                    shared = [
                        len(question_stems.intersection(unit_stems)) for unit_stems in self.documents[number].stems
                    ]
                    if any(shared):
                        answering.add(self.firsts[number] + shared.index(max(shared)))
        return frozenset(answering)

    def units_in(self, document: int, units: frozenset[int]) -> frozenset[int]:
        """Those of `units` that belong to a document, by their numbers there."""
        first, end = self.firsts[document], self.firsts[document + 1]
        return frozenset(unit - first for unit in units if first <= unit < end)

    @cached_property
    def facts(self) -> list[list[Fact]]:
        """The facts of each unit, with their places in the joined text."""
        return [
            [replace(fact, start=fact.start + offset, end=fact.end + offset) for fact in unit_facts]
            for document, offset in self._with(self._offsets)
            for unit_facts in document.facts
        ]

    @cached_property
    def stems(self) -> list[list[str]]:
        """The stems of the content words of each unit, by the language of its document."""
        return [unit_stems for document in self.documents for unit_stems in document.stems]

    @cached_property
    def costs(self) -> list[int]:
        """The estimated tokens of each unit."""
        return [cost for document in self.documents for cost in document.costs]


@dataclass(frozen=True)
class _MovedForm:
    """A form, moved by `offset` characters."""

    inner: Form
    offset: int

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    @property
    def start(self) -> int:
        return self.inner.start + self.offset

    @property
    def end(self) -> int:
        return self.inner.end + self.offset

    @cached_property
    def parts(self) -> Sequence[Part]:
        return [replace(part, start=part.start + self.offset, end=part.end + self.offset) for part in self.inner.parts]

    def render(self, chosen: Sequence[int]) -> str:
        return self.inner.render(chosen)


@dataclass(frozen=True)
class _MovedExtractedForm(_MovedForm):
    inner: ExtractedForm

    def part_text(self, part: int) -> str:
        return self.inner.part_text(part)

    def place(self, part: int, start: int, end: int) -> tuple[int, int]:
        span = self.inner.place(part, start, end)
        return span[0] + self.offset, span[1] + self.offset


def _moved_block(block: Block, offset: int) -> Block:
    form = block.form
    moved: Form | None = None
    if form is not None:
        moved = _MovedExtractedForm(form, offset) if is_extracted(form) else _MovedForm(form, offset)
    lines = tuple(Span(line.start + offset, line.end + offset) for line in block.lines)
    return replace(block, lines=lines, form=moved)


def _moved_unit(unit: Unit, offset: int, first: int, block: int) -> Unit:
    return replace(
        unit,
        start=unit.start + offset,
        end=unit.end + offset,
        head=unit.head + offset,
        block=unit.block + block,
        needs=tuple(need + first for need in unit.needs),
    )
