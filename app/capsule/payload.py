"""The payload of a capsule: a check value, a head, and one compressed stream.

    payload = check value (4 bytes) | head | compressed stream
    head    = flags and codec (1 byte) | source bytes | source tokens | SHA-256 of the source
    stream  = model | prompt version | source (exact capsules only) | pieces of the summary

All numbers are unsigned LEB128; model and prompt version are strings with their length before them. A piece is a
slice of the source (its distance from the end of the slice before, zigzag-coded, plus one, and its length, both in code
points) or a sentence of the model's (0, its length in bytes, itself). A semantic capsule has no source to point into,
so its one piece is the summary itself. It has all 32 bytes of the SHA-256; an exact one, which holds what the hash is
made of, the first 8. The check value covers the head and the compressed stream, so that a capsule with any part cut or
altered is told from a whole one before anything is decoded.
"""

import codecs
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.capsule.chunking import Span
from app.capsule.codecs import CODECS, Codec, PayloadError
from app.capsule.pieces import Piece

CHECK_BYTES = 4
_HASH_BYTES = 32
_EXACT_HASH_BYTES = 8
_LONGEST_NAME = 512  # bytes of a model's name or a prompt's version
_LARGEST_NUMBER_BITS = 42
_DECODED_AT_ONCE = 65_536


@dataclass(frozen=True, slots=True)
class Head:
    """What a payload says of itself before it is decoded. `sha256`: the first 8 bytes of an exact one's."""

    is_exact: bool
    codec: Codec
    source_bytes: int
    source_tokens: int
    sha256: bytes


def check_value(data: bytes, size: int = CHECK_BYTES) -> bytes:
    """`size` bytes of BLAKE2b over `data`."""
    return hashlib.blake2b(data, digest_size=size).digest()


def stream_limit(head: Head) -> int:
    """The longest stream that `head` allows, bytes: a summary is never longer than its source.

    Slices of the source cost up to 12 bytes for at least one byte of summary and one of separator.
    """
    summary = 7 * head.source_bytes if head.is_exact else head.source_bytes
    return (head.source_bytes if head.is_exact else 0) + summary + 2 * _LONGEST_NAME + 32


def number(value: int) -> bytes:
    """Unsigned LEB128."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def string(text: str) -> bytes:
    """A string with its length in bytes before it."""
    encoded = text.encode()
    return number(len(encoded)) + encoded


class Reader:
    """Reads numbers and strings off bytes; raises PayloadError where they end too early or can't be."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self.position = position

    def number(self) -> int:
        """The next number."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _LARGEST_NUMBER_BITS:
                raise PayloadError("the payload has a number that is too large")

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        taken = self._data[self.position : self.position + size]
        if len(taken) < size:
            raise PayloadError("the payload is cut")
        self.position += size
        return taken

    def string(self) -> str:
        """The next string."""
        return decode_utf8(self.take(self.number()))

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._data) - self.position)

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self.position == len(self._data)


def pack_head(head: Head) -> bytes:
    """The head as bytes."""
    flags = bytes([head.codec.number << 1 | head.is_exact])
    sizes = number(head.source_bytes) + number(head.source_tokens)
    return flags + sizes + head.sha256[: _hash_bytes(head.is_exact)]


def _hash_bytes(is_exact: bool) -> int:
    return _EXACT_HASH_BYTES if is_exact else _HASH_BYTES


def unpack_head(payload: bytes) -> tuple[Head, bytes]:
    """The head and the compressed stream of a payload. Raises PayloadError for one that was cut or altered."""
    if len(payload) <= CHECK_BYTES + 1 + _EXACT_HASH_BYTES:
        raise PayloadError("the payload is cut: it is too short to hold anything")
    body = payload[CHECK_BYTES:]
    if check_value(body) != payload[:CHECK_BYTES]:
        raise PayloadError("the check value differs: the capsule was cut or altered")
    reader = Reader(body, 1)
    codec = next((codec for codec in CODECS if codec.number == body[0] >> 1), None)
    if codec is None:
        known = ", ".join(codec.name for codec in CODECS)
        raise PayloadError(f"its codec, number {body[0] >> 1}, is unknown; this service reads {known}")
    is_exact = bool(body[0] & 1)
    head = Head(is_exact, codec, reader.number(), reader.number(), reader.take(_hash_bytes(is_exact)))
    return head, body[reader.position :]


def pack_pieces(pieces: Sequence[Piece]) -> bytes:
    """The summary as it follows the source in an exact stream."""
    packed = bytearray()
    reach = 0
    for piece in pieces:
        if isinstance(piece, Span):
            distance = piece.start - reach
            packed += number(1 + (2 * distance if distance >= 0 else -2 * distance - 1)) + number(len(piece))
            reach = piece.end
        else:
            packed += number(0) + string(piece)
    return bytes(packed)


def unpack_pieces(reader: Reader, source: str) -> Iterator[Piece]:
    """Undo `pack_pieces` on the rest of `reader`, one by one: a few bytes of a capsule can stand for a million pieces.

    Raises PayloadError for a slice outside of `source`, a list that ends too early, or a summary that is longer
    than the source.
    """
    room, reach = len(source) + 1, 0
    while not reader.at_end:
        piece: Piece
        coded = reader.number()
        if coded == 0:
            piece = reader.string()
        else:
            distance = (coded - 1) // 2 if coded % 2 else -(coded // 2)
            piece = Span(reach + distance, reach + distance + reader.number())
            if piece.start < 0 or piece.end > len(source):
                raise PayloadError("the payload's piece list points outside of the source")
            reach = piece.end
        room -= len(piece) + 1
        if room < 0:
            raise PayloadError("the payload's piece list makes a summary longer than the source")
        yield piece


def decode_utf8(data: bytes) -> str:
    """`data` as text. Raises PayloadError where it is not UTF-8."""
    # Decoded at once, wide characters take four bytes of memory for each byte of `data`, not for each character.
    decoder = codecs.getincrementaldecoder("utf-8")()
    slices = range(0, len(data), _DECODED_AT_ONCE)
    try:
        return "".join(
            [decoder.decode(data[at : at + _DECODED_AT_ONCE]) for at in slices] + [decoder.decode(b"", True)]
        )
    except UnicodeDecodeError:
        raise PayloadError("the payload's text is not UTF-8") from None
