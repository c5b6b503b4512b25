"""From what a model wrote to a result that can be trusted, whatever goes wrong on the way.

A fault in the finding or comparing of facts never fails a request: the result is then made of the text's own first
clauses, or is the text itself, and its report says that nothing was checked.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.capsule.analysis import Source
from app.capsule.chunking import Span, units
from app.capsule.facts import find_literals
from app.capsule.ground import Ground
from app.capsule.pieces import join
from app.capsule.remainder import left_out
from app.capsule.repair import TARGET_TOLERANCE, repair
from app.capsule.report import Repaired, Report, verbatim
from app.capsule.tokens import estimate_tokens

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """A text ready to be held against: `source` is None where reading it failed, for the reason in `fault`."""

    text: str
    must_keep: tuple[str, ...]
    tokens: int
    source: Source | None
    ground: Ground | None = None
    fault: str | None = None

    def verbatim(self, fault: str | None = None) -> Repaired:
        """The text as its own summary."""
        fault = fault or self.fault
        if self.source is not None and fault is None:
            return verbatim(self.source)
        pieces = (Span(0, len(self.text)),)
        return Repaired(pieces, self.text, Report(0, 0, 0, (), 0, segments=1, degraded=fault))


def check(text: str, must_keep: Sequence[str]) -> Checked:
    """Read `text`. Raises LiteralNotFoundError for a `must_keep` string that is not in it, and nothing else."""
    kept = tuple(must_keep)
    find_literals(text, kept)
    try:
        source = Source(text, kept)
        return Checked(text, kept, source.tokens, source, Ground(source))
    except Exception as error:
        return Checked(text, kept, estimate_tokens(text), None, fault=_told(error, "reading the text"))


def explored(text: str, must_keep: Sequence[str]) -> Checked:
    """As `check`, with all found out beforehand that `summarized` needs to know of the text alone."""
    checked = check(text, must_keep)
    if checked.ground is not None:
        try:
            checked.ground.explore()
        except Exception as error:
            return replace(checked, source=None, ground=None, fault=_told(error, "reading the text"))
    return checked


def summarized(checked: Checked, summary: str, *, question: str | None, target: int | None) -> Repaired:
    """The result for `summary`, within `target` tokens where given; the text itself where nothing shorter will do."""
    if checked.source is None:
        return _unchecked(checked, target, checked.fault)
    try:
        repaired = repair(checked.source, summary, question=question, target_tokens=target, ground=checked.ground)
    except Exception as error:
        return _unchecked(checked, target, _told(error, "checking the summary"))
    if not repaired.pieces:
        first = _first_units(checked, target or 1)
        repaired = replace(first, report=replace(repaired.report, left_out=first.report.left_out))
    lost_without_need = target is None and repaired.report.missing
    if lost_without_need or not _is_shorter(repaired.text, checked):
        return replace(verbatim(checked.source), report=_as_verbatim(repaired, verbatim(checked.source).report))
    return repaired


def rewritten(notes: str, text: str) -> Repaired:
    """The `text` that a model wrote out of `notes`, repaired against them: all that may stand, and what it left out."""
    checked = check(notes, ())
    if checked.source is None:
        return checked.verbatim()
    try:
        repaired = repair(checked.source, text, keep_written=True)
    except Exception as error:
        return checked.verbatim(_told(error, "checking the text"))
    return repaired if repaired.pieces else checked.verbatim()


def _as_verbatim(repaired: Repaired, own: Report) -> Report:
    """The report on the text itself, which still says what the model had made up."""
    before = repaired.report
    dropped = before.dropped + before.sentences
    return replace(own, invented_removed=before.invented_removed, dropped=dropped)


def _told(error: Exception, doing: str) -> str:
    _log.exception("a fault in %s; going on with the text's own words", doing)
    return f"{doing} failed ({type(error).__name__}): nothing was checked, these are the text's own words"


def _unchecked(checked: Checked, target: int | None, fault: str | None) -> Repaired:
    """The text itself or, with a target, its first sentences, and the must_keep strings."""
    if target is None:
        return checked.verbatim(fault)
    first = _first_units(checked, target)
    return replace(first, report=replace(first.report, degraded=fault))


def _first_units(checked: Checked, target: int) -> Repaired:
    """As many sentences from the front as fit the target, one at least, and the must_keep strings."""
    spans: list[Span] = []
    room = target * TARGET_TOLERANCE
    for unit in units(checked.text):
        said = checked.text[unit.start : unit.end]
        stripped = said.strip()
        if not stripped:
            continue
        room -= estimate_tokens(stripped) + 1
        if spans and room < 0:
            break
        start = unit.start + len(said) - len(said.lstrip())
        spans.append(Span(start, start + len(stripped)))
    for literal in find_literals(checked.text, checked.must_keep):
        if literal.text not in join(spans, checked.text):
            spans.append(Span(literal.start, literal.end))
    unsaid = tuple(checked.text[span.start : span.end] for span in left_out(checked.text, spans))
    report = Report(0, 0, 0, (), 0, left_out=unsaid, segments=len(spans))
    return Repaired(tuple(spans), join(spans, checked.text), report)


def _is_shorter(text: str, checked: Checked) -> bool:
    """Whether `text` is the shorter one by every count that the sizes and the capsule give."""
    source = checked.text
    return (
        len(text) < len(source) and len(text.encode()) < len(source.encode()) and estimate_tokens(text) < checked.tokens
    )
