"""What a result is made of: sentences of the model's, and slices of the source."""

from collections.abc import Iterable
from itertools import islice

from app.capsule.chunking import Span

Piece = str | Span
"""A sentence of the model's, or a slice of the source."""

SEPARATOR = "\n"
"""Between pieces: no fact's pattern reaches over a line break, so joining two pieces can't make a new figure."""

_AT_ONCE = 1024


def join(pieces: Iterable[Piece], source: str) -> str:
    """The text that `pieces` stand for, in memory of about its own size however many they are."""
    parts = (piece if isinstance(piece, str) else source[piece.start : piece.end] for piece in pieces)
    joined = []
    while some := list(islice(parts, _AT_ONCE)):
        joined.append(SEPARATOR.join(some))
    return SEPARATOR.join(joined)
