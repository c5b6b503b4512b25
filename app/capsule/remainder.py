"""What of a source a result leaves out, whether it is a fact or not."""

from collections.abc import Sequence

import regex

from app.capsule.chunking import Span, units
from app.capsule.pieces import Piece

_LOOSE_ENDS = " \t\r\n.,;:!?，。；：！？、—–-\"'"
_WORD = regex.compile(r"[\p{L}\p{M}\p{N}]++")


def left_out(text: str, pieces: Sequence[Piece]) -> tuple[Span, ...]:
    """The stretches of sentences and lines of `text` that `pieces` do not tell whole, in order.

    A sentence is told whole where every word of it stands in the slices of `text` among `pieces`, or all of it, word
    for word, in a sentence of the model's. Left-out sentences that follow each other are one stretch, up to the end of
    their paragraph.
    """
    taken = sorted((piece for piece in pieces if isinstance(piece, Span)), key=lambda span: span.start)
    written = "|".join(_words(piece) for piece in pieces if isinstance(piece, str))
    stretches: list[Span] = []
    at = 0
    for unit in units(text):
        while at < len(taken) and taken[at].end <= unit.start:
            at += 1
        if not _has_words_outside(text, unit, taken, at) or _words(text[unit.start : unit.end]) in written:
            continue
        if stretches and stretches[-1].end == unit.start:
            stretches[-1] = Span(stretches[-1].start, unit.end)
        else:
            stretches.append(unit)
    return tuple(_without_spaces(text, stretch) for stretch in stretches)


def _has_words_outside(text: str, unit: Span, taken: Sequence[Span], at: int) -> bool:
    """Whether words of `unit` stand outside of the slices in `taken`, of which none before `at` reaches into it."""
    reached = unit.start
    while at < len(taken) and taken[at].start < unit.end:
        if text[reached : taken[at].start].strip(_LOOSE_ENDS):
            return True
        reached = max(reached, taken[at].end)
        at += 1
    return bool(text[reached : unit.end].strip(_LOOSE_ENDS))


def _without_spaces(text: str, span: Span) -> Span:
    said = text[span.start : span.end]
    start = span.start + len(said) - len(said.lstrip())
    return Span(start, start + len(said.strip()))


def _words(text: str) -> str:
    """The words of `text`, a space around each."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "
