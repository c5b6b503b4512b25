"""Composes a result from the selected units and claims, and reports its passages, their sources and omissions."""

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
from app.text.kinds.form import is_extracted
from app.text.span import Span
from app.text.values import normalise

MOST_MISSING = 20
_PIECE = regex.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}]|\w+|[^\w\s]")
# The same pieces in a third of the time, for texts without combining marks, Chinese and Japanese.
_LATIN_PIECE = re.compile(r"\w+|[^\w\s]")
_BEYOND_LATIN = re.compile(
    "[^\t-\r -\xb1\xb4-\xb8\xba\xbb\xbf-\u02ff\u2010-\u2027\u2030-\u203e\u2041-\u2053\u2055-\u205e\u20a0-\u20bf]"
)
_LEAST_UNSAID = 200  # characters between two parts of a form; shorter gaps are not reported as omitted
_PARAGRAPH = "\n\n"
_LONGEST_MISSING = 120  # characters; a longer fact is only counted
_KINDS_BY_WEIGHT: tuple[FactKind, ...] = ("date", "number", "identifier", "url", "email", "time", "name", "path")

By = Literal["model", "source"]
Slice = Claim | int
"""What a result is made of: a claim, or the number of a unit."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice of a result, its author, and the spans of the source that it copies or that support it (0 to 1)."""

    start: int
    end: int
    by: By
    source: tuple[Span, ...]
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The text of a passage, with the fields of Passage."""

    text: str
    by: By
    source: tuple[Span, ...]
    support: float = 1.0


@dataclass(frozen=True, slots=True)
class Explained:
    """A fact of the source: its text at the first place, all places, and whether the result has it."""

    text: str
    kind: FactKind
    kept: bool
    places: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a result keeps of its source.

    `omitted`: slices of the source that are not in the result. `facts`: number of distinct facts in the source; `kept`
    of them are in the result, `missing_count` are not. `missing`: the most important of those, at most MOST_MISSING.
    `written`: sentences in the model's answers; `stood` of them passed the check, `dropped` are the others.
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
        """Whether the model wrote any passage."""
        return any(passage.by == "model" for passage in self.passages)


def arrange(claims: Sequence[Claim], units: Iterable[int]) -> list[Slice]:
    """Units in order, each claim before its best supporting unit; a leaning claim follows the one it refers to."""
    groups: list[list[Claim]] = []
    for claim in claims:
        if claim.leans and groups:
            groups[-1].append(claim)
        else:
            groups.append([claim])
    placed: list[tuple[float, list[Slice]]] = [(unit, [unit]) for unit in units]
    placed += [((group[0].units or (0,))[0] - 0.5, [*group]) for group in groups]
    return [part for _, slices in sorted(placed, key=lambda item: item[0]) for part in slices]


def compose(document: Document, slices: Sequence[Slice]) -> tuple[str, tuple[Passage, ...]]:
    """The text of a result, made of `slices` in their order, and its passages.

    Consecutive units of the source are one passage, copied verbatim. The selected parts of a form are one passage too,
    as the form renders them.
    """
    parts: list[str] = []
    passages: list[Passage] = []
    length = 0
    before: int | None = None
    for run in _joined(document, slices):
        first, last = _ends(run, before)
        text, source = _text_and_source(document, run)
        separator = "" if before is None else _separator(document, before, first, is_claim=isinstance(run, Claim))
        parts += [separator, text]
        start = length + len(separator)
        length = start + len(text)
        by: By = "model" if isinstance(run, Claim) else "source"
        passages.append(Passage(start, length, by, source, round(run.support, 3) if isinstance(run, Claim) else 1.0))
        before = last
    return "".join(parts), tuple(passages)


def excerpts(text: str, passages: Iterable[Passage]) -> list[Excerpt]:
    """The excerpts of all passages of the result `text`."""
    return [
        Excerpt(text[passage.start : passage.end], passage.by, passage.source, passage.support) for passage in passages
    ]


def excerpt_of(document: Document, claim: Claim) -> Excerpt:
    """The excerpt that a claim would be in a result."""
    return excerpts(*compose(document, [claim]))[0]


def _ends(run: Claim | list[int], before: int | None) -> tuple[int, int]:
    """The units at which a passage begins and ends; a leaning claim stays at the unit `before` it."""
    if isinstance(run, Claim):
        anchor = before if run.leans and before is not None else (run.units or (0,))[0]
        return anchor, anchor
    return run[0], run[-1]


def _text_and_source(document: Document, run: Claim | list[int]) -> tuple[str, tuple[Span, ...]]:
    """The text of a passage, and the spans that it copies or that support it."""
    if isinstance(run, Claim):
        return run.text, _spans(document, run.units)
    form = document.blocks[document.units[run[0]].block].form
    if form is not None:
        return form.render([document.units[unit].place for unit in run]), _spans(document, run)
    span = Span(document.units[run[0]].start, document.units[run[-1]].end)
    return document.text[span.start : span.end], (span,)


def _joined(document: Document, slices: Sequence[Slice]) -> Iterator[Claim | list[int]]:
    """The slices, with consecutive units and units of one form grouped into passages."""
    run: list[int] = []
    for part in slices:
        if isinstance(part, int) and run and _go_together(document, run[-1], part):
            run.append(part)
            continue
        if run:
            yield run
        run = [part] if isinstance(part, int) else []
        if isinstance(part, Claim):
            yield part
    if run:
        yield run


def _go_together(document: Document, before: int, after: int) -> bool:
    first, second = document.units[before], document.units[after]
    if first.part is not None or second.part is not None:
        return first.block == second.block
    return after == before + 1


def _separator(document: Document, before: int, after: int, *, is_claim: bool) -> str:
    """The separator of two passages: a space in a paragraph, a line break between lines, else a blank line."""
    earlier, later = document.units[before], document.units[after]
    if earlier.block != later.block:
        return _PARAGRAPH if "\n\n" in document.text[earlier.end : later.start] or earlier.kind in PROSE else "\n"
    space = "" if document.language.is_unspaced else " "
    begins_line = later.head != later.start  # a list item or a turn
    if is_claim or (after <= before and not begins_line):
        return space
    lines = document.text[earlier.end : later.start].splitlines()
    same_line = len(lines) < 2 or document.blocks[earlier.block].is_wrapped
    return space if earlier.kind in PROSE and same_line and not begins_line else "\n"


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
    """The report on the result `text`, which contains `units` of the source."""
    chosen = set(units)
    explained = _explained(document, text, chosen)
    missing = sorted(
        (fact for fact in explained if not fact.kept),
        key=lambda fact: (_KINDS_BY_WEIGHT.index(fact.kind), -len(fact.places)),
    )
    listed = [fact for fact in missing if len(fact.text) <= _LONGEST_MISSING][:MOST_MISSING]
    listed.sort(key=lambda fact: fact.places[0].start)
    return Report(
        passages=passages,
        omitted=_omitted(document, chosen, is_whole=text == document.text),
        facts=len(explained),
        kept=len(explained) - len(missing),
        missing=tuple(fact.text for fact in listed),
        missing_count=len(missing),
        structure=document.structure,
        explained=explained,
    )


def _omitted(document: Document, chosen: set[int], *, is_whole: bool) -> tuple[Span, ...]:
    """What the result omits: units, and the parts of markup that no unit covers (styles, base64)."""
    spans = _spans(document, (at for at in range(len(document.units)) if at not in chosen))
    if is_whole:
        return spans
    joined: list[Span] = []
    for span in sorted([*spans, *_unsaid(document)], key=lambda span: span.start):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return tuple(joined)


def _unsaid(document: Document) -> Iterator[Span]:
    """The slices that no part covers, in forms whose parts are extracted text."""
    for block in document.blocks:
        if not is_extracted(block.form):
            continue
        reach = block.form.start
        for part in block.form.parts:
            if part.start - reach >= _LEAST_UNSAID:
                yield Span(reach, part.start)
            reach = part.end
        if block.form.end - reach >= _LEAST_UNSAID:
            yield Span(reach, block.form.end)


def _explained(document: Document, text: str, chosen: set[int]) -> tuple[Explained, ...]:
    """Each distinct fact of the source. It is kept if a chosen unit states it or the result has its words."""
    stated_keys = {key for at in chosen for fact in document.facts[at] for key in fact.keys_stated}
    places: dict[str, list[Fact]] = {}
    for unit_facts in document.facts:
        for fact in unit_facts:
            places.setdefault(fact.key, []).append(fact)
    texts = {key: document.text_of_fact(facts[0]) for key, facts in places.items()}
    unstated = {key: _pieces(texts[key]) for key in places if key not in stated_keys}
    kept_keys = stated_keys.union(_in_row(unstated, _pieces(text)) if unstated else ())
    return tuple(
        Explained(texts[key], facts[0].kind, key in kept_keys, tuple(Span(fact.start, fact.end) for fact in facts))
        for key, facts in places.items()
    )


def _pieces(text: str) -> list[str]:
    """The words and signs of a text, by which two spellings of it are compared."""
    folded = normalise(text)
    return list((_PIECE if _BEYOND_LATIN.search(folded) else _LATIN_PIECE).findall(folded))


def _in_row(wanted: Mapping[str, Sequence[str]], tokens: Sequence[str]) -> Iterator[str]:
    """The keys of those pieces in `wanted` that `tokens` has in a row. Linear time."""
    known = {piece for pieces in wanted.values() for piece in pieces}
    at: dict[str, list[int]] = defaultdict(list)
    for number, piece in enumerate(tokens):
        if piece in known:
            at[piece].append(number)
    return (key for key, pieces in wanted.items() if _is_in_row(pieces, tokens, at))


def _is_in_row(pieces: Sequence[str], tokens: Sequence[str], at: Mapping[str, Sequence[int]]) -> bool:
    """Whether `tokens` has `pieces` in a row; `at`: the places of each piece in `tokens`."""
    if not all(piece in at for piece in pieces):
        return False
    rarest = min(range(len(pieces)), key=lambda number: len(at[pieces[number]]))
    starts = (place - rarest for place in at[pieces[rarest]])
    return any(start >= 0 and tokens[start : start + len(pieces)] == pieces for start in starts)
