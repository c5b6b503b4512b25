"""Puts a result together from what was chosen, and says where each passage comes from and what is not in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from app.summary.check import Claim, Dropped
from app.text.blocks import PROSE, Kind, Span
from app.text.document import Document
from app.text.facts import Fact
from app.text.facts import Kind as FactKind
from app.text.values import normalise

MOST_MISSING = 20
_LONGEST_MISSING = 120  # characters; a longer fact is only counted
_RANKS: dict[FactKind, int] = {"date": 0, "number": 1, "identifier": 2, "url": 3, "email": 3, "time": 4, "name": 5, "path": 6}


@dataclass(frozen=True, slots=True)
class Passage:
    """A slice `start` to `end` of a result, `by` whom it is, the `source` that it is or rests on; `support` 0 to 1."""

    start: int
    end: int
    by: Literal["model", "source"]
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


def compose(document: Document, claims: Sequence[Claim], units: Iterable[int]) -> tuple[str, tuple[Passage, ...]]:
    """The text of a result and its passages: the claims first, then the units in their order in the source.

    Neighbouring units of the source are one passage, to the letter as they stand there.
    """
    parts: list[str] = []
    passages: list[Passage] = []
    length = 0

    def add(separator: str, text: str, by: Literal["model", "source"], source: tuple[Span, ...], support: float) -> None:
        nonlocal length
        if parts:
            parts.append(separator)
            length += len(separator)
        parts.append(text)
        passages.append(Passage(length, length + len(text), by, source, support))
        length += len(text)

    for claim in claims:
        add(_space(document), claim.text, "model", _spans(document, claim.units), round(claim.support, 3))
    before: int | None = None
    for first, last in _runs(sorted(units)):
        span = Span(document.units[first].start, document.units[last].end)
        add(_separator(document, before, first), document.text[span.start : span.end], "source", (span,), 1.0)
        before = last
    return "".join(parts), tuple(passages)


def _space(document: Document) -> str:
    return "" if document.language.is_unspaced else " "


def _separator(document: Document, before: int | None, after: int) -> str:
    """What stands between two passages: a space in a paragraph, a line break between lines, a blank line else."""
    if before is None:
        return "\n\n"
    one, two = document.units[before], document.units[after]
    if one.block != two.block:
        return "\n\n" if "\n\n" in document.text[one.end : two.start] or one.kind in PROSE else "\n"
    same_line = "\n" not in document.text[one.end : two.start] and two.head == two.start
    return _space(document) if one.kind in PROSE and (same_line or document.blocks[one.block].is_wrapped) else "\n"


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


def report(
    document: Document,
    text: str,
    passages: tuple[Passage, ...],
    units: Iterable[int],
    written: int = 0,
    stood: int = 0,
    dropped: tuple[Dropped, ...] = (),
) -> Report:
    """The report on the result `text`, which has `units` of the source in it."""
    chosen = set(units)
    explained = _explained(document, text, passages, chosen)
    missing = sorted((fact for fact in explained if not fact.kept), key=lambda fact: (_RANKS[fact.kind], -len(fact.places)))
    listed = [fact for fact in missing if len(fact.text) <= _LONGEST_MISSING][:MOST_MISSING]
    listed.sort(key=lambda fact: fact.places[0].start)
    return Report(
        passages=passages,
        omitted=_spans(document, (at for at in range(len(document.units)) if at not in chosen)),
        facts=len(explained),
        kept=len(explained) - len(missing),
        missing=tuple(fact.text for fact in listed),
        missing_count=len(missing),
        structure=document.structure,
        explained=explained,
        written=written,
        stood=stood,
        dropped=dropped,
    )


def _explained(
    document: Document, text: str, passages: Sequence[Passage], chosen: set[int]
) -> tuple[Explained, ...]:
    """Each distinct fact of the source. One is kept where a chosen unit states it, or the result has its words."""
    stated = {key for at in chosen for fact in document.facts[at] for key in fact.keys_stated}
    places: dict[str, list[Fact]] = {}
    for found in document.facts:
        for fact in found:
            places.setdefault(fact.key, []).append(fact)
    said = f" {normalise(text)} "
    return tuple(
        Explained(
            document.text[found[0].start : found[0].end],
            found[0].kind,
            key in stated or normalise(document.text[found[0].start : found[0].end]) in said,
            tuple(Span(fact.start, fact.end) for fact in found),
        )
        for key, found in places.items()
    )
