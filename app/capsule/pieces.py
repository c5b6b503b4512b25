"""What a result is made of: sentences of the model's, and slices of the source."""

from collections.abc import Iterable
from io import StringIO

from app.capsule.chunking import Span

Piece = str | Span
"""A sentence of the model's, or a slice of the source."""

SEPARATOR = "\n"
"""Between pieces: no fact's pattern reaches over a line break, so joining two pieces can't make a new figure."""


def join(pieces: Iterable[Piece], source: str) -> str:
    """The text that `pieces` stand for, in memory of its own size however many they are."""
    text = StringIO(newline="")
    for number, piece in enumerate(pieces):
        if number:
            text.write(SEPARATOR)
        text.write(piece if isinstance(piece, str) else source[piece.start : piece.end])
    return text.getvalue()
