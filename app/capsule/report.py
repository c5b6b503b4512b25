"""What became of a source in a result: each of its facts, each of its sentences, and what the model had written."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from app.capsule.analysis import Source
from app.capsule.chunking import Span
from app.capsule.facts import Fact
from app.capsule.ledger import FactResult, LedgerEntry, ledger
from app.capsule.pieces import SEPARATOR, Piece, join
from app.capsule.remainder import left_out
from app.capsule.scanner import find_facts
from app.capsule.verification import Evidence, Verifier


@dataclass(frozen=True, slots=True)
class Report:
    """How the facts of a source fared, and how the result was made.

    `facts`: distinct facts of the source; `kept`: those that the model's sentences state; `restored`: those that came
    back as words of the source; `missing`: the text of each other one; `invented_removed`: distinct facts of the
    model's that the source lacks. `left_out`: the sentences and lines that the result does not tell whole, those
    without any fact too. `sentences`: of the model's, `dropped` and `corrected` ones; `segments`: slices of
    the source in the result; `structure`: kinds of blocks in the source; `degraded`: what went wrong in the checking;
    `ledger`: what became of each fact.
    """

    facts: int
    kept: int
    restored: int
    missing: tuple[str, ...]
    invented_removed: int
    left_out: tuple[str, ...] = ()
    sentences: int = 0
    dropped: int = 0
    corrected: int = 0
    segments: int = 0
    structure: tuple[str, ...] = ()
    degraded: str | None = None
    ledger: tuple[LedgerEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Repaired:
    """A text whose every fact stands in the source, as `pieces`, and the report on it."""

    pieces: tuple[Piece, ...]
    text: str
    report: Report

    @property
    def has_written_sentences(self) -> bool:
        """Whether anything that the model wrote is left in it."""
        return any(isinstance(piece, str) for piece in self.pieces)


@dataclass(frozen=True, slots=True)
class Written:
    """The sentences of the model's that may stand, of `seen` ones, and how many of them had to be `corrected`.

    `invented`: distinct facts of the model's that the source lacks.
    """

    sentences: tuple[str, ...]
    seen: int
    corrected: int
    invented: int


def reported(verifier: Verifier, pieces: Sequence[Piece], written: Written) -> Repaired:
    """The result that `pieces` make, held against its source."""
    source = verifier.source
    sentences = [piece for piece in pieces if isinstance(piece, str)]
    text = join(pieces, source.text)
    spoken = [fact for sentence in sentences for fact in verifier.facts_of(sentence)]
    stated = Evidence(SEPARATOR.join(sentences), spoken)
    result = Evidence(text, (*spoken, *_copied(source, pieces)))

    @cache
    def read_anew() -> Evidence:
        return Evidence(text, find_facts(text, source.language))

    def result_of(fact: Fact) -> FactResult:
        # A fact that a cut goes through may be stated all the same, which only reading can tell.
        if not result.has(fact) and not read_anew().has(fact):
            return "missing"
        return "kept" if sentences and stated.has(fact) else "restored"

    entries = ledger(source, result_of)
    count = Counter(entry.result for entry in entries)
    report = Report(
        facts=len(entries),
        kept=count["kept"],
        restored=count["restored"],
        missing=tuple(entry.text for entry in entries if entry.result == "missing"),
        invented_removed=written.invented,
        left_out=tuple(source.text[span.start : span.end] for span in left_out(source.flat, pieces)),
        sentences=len(sentences),
        dropped=written.seen - len(written.sentences),
        corrected=written.corrected,
        segments=len(pieces) - len(sentences),
        structure=tuple(source.kinds),
        ledger=entries,
    )
    return Repaired(tuple(pieces), text, report)


def _copied(source: Source, pieces: Sequence[Piece]) -> Iterator[Fact]:
    """The facts of `source` that stand whole in one of its slices among `pieces`."""
    spans = [piece for piece in pieces if isinstance(piece, Span)]
    starts = [span.start for span in spans]
    for fact in source.facts:
        at = bisect_right(starts, fact.start) - 1
        if at >= 0 and fact.end <= spans[at].end:
            yield fact


def verbatim(source: Source) -> Repaired:
    """The source as its own summary: every fact is in it."""
    entries = ledger(source, lambda fact: "restored")
    facts = len(entries)
    report = Report(facts, 0, facts, (), 0, segments=1, structure=tuple(source.kinds), ledger=entries)
    return Repaired((Span(0, len(source.text)),), source.text, report)
