"""What a result is made of: sentences of the model's, and slices of the source."""

from collections.abc import Sequence

from app.capsule.chunking import Span

Piece = str | Span
"""A sentence of the model's, or a slice of the source."""

SEPARATOR = "\n"
"""Between pieces: no fact's pattern reaches over a line break, so joining two pieces can't make a new figure."""


def join(pieces: Sequence[Piece], source: str) -> str:
    """The text that `pieces` stand for."""
    return SEPARATOR.join(piece if isinstance(piece, str) else source[piece.start : piece.end] for piece in pieces)
