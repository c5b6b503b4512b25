"""Puts a result together from what was chosen, and says where each passage comes from and what is not in it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import regex

from app.summary.check import Claim, Dropped
from app.text.blocks import PROSE, Kind
from app.text.document import Document
from app.text.facts import Fact
from app.text.facts import Kind as FactKind
from app.text.kinds.form import is_spoken
from app.text.span import Span
from app.text.values import normalise

MOST_MISSING = 20
_PIECE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|\w+|[^\w\s]")
# The same pieces in a third of the time, for texts without marks, Chinese and Japanese.
_LATIN_PIECE = re.compile(r"\w+|[^\w\s]")
_BEYOND_LATIN = re.compile(
    "[^\t-\r -\xb1\xb4-\xb8\xba\xbb\xbf-\u02ff\u2010-\u2027\u2030-\u203e\u2041-\u2053\u2055-\u205e\u20a0-\u20bf]"
)
_LEAST_UNSAID = 200  # characters between two parts of a form, from which on they are told as omitted
_PARAGRAPH = "\n\n"
_LONGEST_MISSING = 120  # characters; a longer fact is only counted
_KINDS_BY_WEIGHT: tuple[FactKind, ...] = ("date", "number", "identifier", "url", "email", "time", "name", "path")


By = Literal["model", "source"]
Slice = Claim | int
"""What a result is made of: a claim, or the number of a unit."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice `start` to `end` of a result, `by` whom it is, the `source` that it is or rests on; `support` 0 to 1."""

    start: int
    end: int
    by: By
    source: tuple[Span, ...]
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What a passage says, by itself: see Passage."""

    text: str
    by: By
    source: tuple[Span, ...]
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Explained:
    """A fact of the source: the text of its first place, all places, and whether it is in the result."""

    text: str
    kind: FactKind
    kept: bool
    places: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a result has of its source.

    `omitted`: slices of the source that are not in the result. `facts`: distinct facts of the source, `kept` ones of
    them in the result; `missing`: the most important other ones, at most MOST_MISSING, of `missing_count`. `written`:
    sentences in the model's answers, `stood` of them passed the check, `dropped` are the others.
    """

    passages: tuple[Passage, ...]
    omitted: tuple[Span, ...]
    facts: int
    kept: int
    missing: tuple[str, ...]
    missing_count: int
    structure: tuple[Kind, ...]
    explained: tuple[Explained, ...] = ()
    written: int = 0
    stood: int = 0
    dropped: tuple[Dropped, ...] = ()

    @property
    def is_by_model(self) -> bool:
        """Whether any passage is the model's."""
        return any(passage.by == "model" for passage in self.passages)


def arrange(claims: Sequence[Claim], units: Iterable[int]) -> list[Slice]:
    """Units in their order, each claim before the unit that it rests on most; claims that lean stay behind theirs."""
    groups: list[list[Claim]] = []
    for claim in claims:
        if claim.leans and groups:
            groups[-1].append(claim)
        else:
            groups.append([claim])
    placed: list[tuple[float, list[Slice]]] = [(unit, [unit]) for unit in units]
    placed += [((group[0].units or (0,))[0] - 0.5, [*group]) for group in groups]
    return [one for _, slices in sorted(placed, key=lambda item: item[0]) for one in slices]


def compose(document: Document, slices: Sequence[Slice]) -> tuple[str, tuple[Passage, ...]]:
    """The text of a result, made of `slices` in their order, and its passages.

    Units that follow each other in the source are one passage, to the letter as they stand there; what is taken of a
    form is one passage too, as the form renders it.
    """
    parts: list[str] = []
    passages: list[Passage] = []
    length = 0
    before: int | None = None
    for one in _joined(document, slices):
        first, last = _ends(one, before)
        text, source = _said(document, one)
        separator = "" if before is None else _separator(document, before, first, is_claim=isinstance(one, Claim))
        parts += [separator, text]
        start = length + len(separator)
        length = start + len(text)
        by: By = "model" if isinstance(one, Claim) else "source"
        passages.append(Passage(start, length, by, source, round(one.support, 3) if isinstance(one, Claim) else 1.0))
        before = last
    return "".join(parts), tuple(passages)


def excerpts(text: str, passages: Iterable[Passage]) -> list[Excerpt]:
    """What each passage of the result `text` says."""
    return [Excerpt(text[one.start : one.end], one.by, one.source, one.support) for one in passages]


def excerpt_of(document: Document, claim: Claim) -> Excerpt:
    """What the passage of a claim says, should the result have it."""
    return excerpts(*compose(document, [claim]))[0]


def _ends(one: Claim | list[int], before: int | None) -> tuple[int, int]:
    """The units in whose places a passage begins and ends; a claim that leans is where the one `before` it is."""
    if isinstance(one, Claim):
        anchor = before if one.leans and before is not None else (one.units or (0,))[0]
        return anchor, anchor
    return one[0], one[-1]


def _said(document: Document, one: Claim | list[int]) -> tuple[str, tuple[Span, ...]]:
    """The text of a passage, and what it is or rests on."""
    if isinstance(one, Claim):
        return one.text, _spans(document, one.units)
    form = document.blocks[document.units[one[0]].block].form
    if form is not None:
        return form.render([document.units[unit].place for unit in one]), _spans(document, one)
    span = Span(document.units[one[0]].start, document.units[one[-1]].end)
    return document.text[span.start : span.end], (span,)


def _joined(document: Document, slices: Sequence[Slice]) -> Iterator[Claim | list[int]]:
    """The slices, with the units of one passage together: those that follow each other, or are of one form."""
    run: list[int] = []
    for one in slices:
        if isinstance(one, int) and run and _go_together(document, run[-1], one):
            run.append(one)
            continue
        if run:
            yield run
        run = [one] if isinstance(one, int) else []
        if isinstance(one, Claim):
            yield one
    if run:
        yield run


def _go_together(document: Document, one: int, two: int) -> bool:
    first, second = document.units[one], document.units[two]
    if first.part is not None or second.part is not None:
        return first.block == second.block
    return two == one + 1


def _separator(document: Document, before: int, after: int, *, is_claim: bool) -> str:
    """What stands between two passages: a space in a paragraph, a line break between lines, a blank line else."""
    one, two = document.units[before], document.units[after]
    if one.block != two.block:
        return _PARAGRAPH if "\n\n" in document.text[one.end : two.start] or one.kind in PROSE else "\n"
    space = "" if document.language.is_unspaced else " "
    if is_claim or after <= before:
        return space
    same_line = len(document.text[one.end : two.start].splitlines()) < 2 and two.head == two.start
    return space if one.kind in PROSE and (same_line or document.blocks[one.block].is_wrapped) else "\n"


def _runs(units: Sequence[int]) -> list[tuple[int, int]]:
    """The first and last of each run of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for unit in units:
        if runs and runs[-1][1] == unit - 1:
            runs[-1] = (runs[-1][0], unit)
        else:
            runs.append((unit, unit))
    return runs


def _spans(document: Document, units: Iterable[int]) -> tuple[Span, ...]:
    return tuple(
        Span(document.units[first].start, document.units[last].end) for first, last in _runs(sorted(set(units)))
    )


def report(document: Document, text: str, passages: tuple[Passage, ...], units: Iterable[int]) -> Report:
    """The report on the result `text`, which has `units` of the source in it."""
    chosen = set(units)
    explained = _explained(document, text, chosen)
    missing = sorted(
        (one for one in explained if not one.kept), key=lambda one: (_KINDS_BY_WEIGHT.index(one.kind), -len(one.places))
    )
    listed = [one for one in missing if len(one.text) <= _LONGEST_MISSING][:MOST_MISSING]
    listed.sort(key=lambda one: one.places[0].start)
    return Report(
        passages=passages,
        omitted=_omitted(document, chosen, is_whole=text == document.text),
        facts=len(explained),
        kept=len(explained) - len(missing),
        missing=tuple(one.text for one in listed),
        missing_count=len(missing),
        structure=document.structure,
        explained=explained,
    )


def _omitted(document: Document, chosen: set[int], *, is_whole: bool) -> tuple[Span, ...]:
    """What is not in the result: units, and what stands between them and says nothing, such as styles, base64."""
    found = _spans(document, (at for at in range(len(document.units)) if at not in chosen))
    if is_whole:
        return found
    joined: list[Span] = []
    for span in sorted([*found, *_unsaid(document)], key=lambda span: span.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _unsaid(document: Document) -> Iterator[Span]:
    """What no part of a form has, where the form's parts say something else than their slices."""
    for block in document.blocks:
        if not is_spoken(block.form):
            continue
        reach = block.form.start
        for part in block.form.parts:
            if part.start - reach >= _LEAST_UNSAID:
                yield Span(reach, part.start)
            reach = part.end
        if block.form.end - reach >= _LEAST_UNSAID:
            yield Span(reach, block.form.end)


def _explained(document: Document, text: str, chosen: set[int]) -> tuple[Explained, ...]:
    """Each distinct fact of the source. One is kept where a chosen unit states it, or the result has its words."""
    stated = {key for at in chosen for fact in document.facts[at] for key in fact.keys_stated}
    places: dict[str, list[Fact]] = {}
    for found in document.facts:
        for fact in found:
            places.setdefault(fact.key, []).append(fact)
    said = _pieces(text)
    at: dict[str, list[int]] = defaultdict(list)
    for number, piece in enumerate(said):
        at[piece].append(number)
    return tuple(
        Explained(
            document.text_of_fact(found[0]),
            found[0].kind,
            key in stated or _is_said(_pieces(document.text_of_fact(found[0])), said, at),
            tuple(Span(fact.start, fact.end) for fact in found),
        )
        for key, found in places.items()
    )


def _pieces(text: str) -> list[str]:
    """The words and signs of a text, by which two spellings of it are compared."""
    folded = normalise(text)
    return list((_PIECE if _BEYOND_LATIN.search(folded) else _LATIN_PIECE).findall(folded))


def _is_said(pieces: Sequence[str], said: Sequence[str], at: Mapping[str, Sequence[int]]) -> bool:
    """Whether `pieces` stand in `said` in a row; `at` has the places of each piece there."""
    if not all(piece in at for piece in pieces):
        return False
    rarest = min(range(len(pieces)), key=lambda number: len(at[pieces[number]]))
    starts = (place - rarest for place in at[pieces[rarest]])
    return any(start >= 0 and said[start : start + len(pieces)] == pieces for start in starts)
