"""What became of each fact of a source, and where in the source it stands."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from app.capsule.analysis import Source
from app.capsule.chunking import Span
from app.capsule.facts import Fact, Kind
from app.capsule.verification import required

FactResult = Literal["kept", "restored", "missing"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """A fact as it is first spelt, and every place in the source that states it (code-point offsets), in order."""

    text: str
    kind: Kind
    result: FactResult
    places: tuple[Span, ...]


def ledger(source: Source, result_of: Callable[[Fact], FactResult]) -> tuple[LedgerEntry, ...]:
    """An entry for each distinct fact that must be kept or listed, in order of first places; `result_of` judges it."""
    places: dict[str, list[Span]] = defaultdict(list)
    for fact in source.facts:
        places[fact.key].append(Span(fact.start, fact.end))

    def entry(fact: Fact) -> LedgerEntry:
        own = Span(fact.start, fact.end)
        where = (own,) if fact.kind == "must_keep" else tuple(places[fact.key])
        return LedgerEntry(fact.text, fact.kind, result_of(fact), where)

    entries = [entry(fact) for fact in required([*source.literals, *source.facts])]
    return tuple(sorted(entries, key=lambda one: (one.places[0].start, one.places[0].end)))
