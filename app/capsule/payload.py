"""The payload of a capsule: one compressed stream, and a check value in front of it.

Stream of an exact capsule: the source, then the summary as a list of pieces, each a slice of the source (two
offsets) or a sentence of the model's own. Stream of a semantic capsule: the summary alone. All numbers are
unsigned LEB128. The check value covers the compressed stream and the capsule's other fields, so that a capsule with
any part cut or altered is told from a whole one before anything is decoded.
"""

import hashlib
from collections.abc import Callable, Sequence

import brotli

from app.capsule.chunking import Span
from app.capsule.pieces import Piece

CHECK_BYTES = 8
_BUFFER_BYTES = 65_536


class PayloadError(ValueError):
    """The payload can't be decoded; the message says what is wrong with it."""


def check_value(head: bytes, compressed: bytes) -> bytes:
    """CHECK_BYTES bytes of BLAKE2b over the capsule's other fields and its compressed stream."""
    return hashlib.blake2b(head + b"\0" + compressed, digest_size=CHECK_BYTES).digest()


def stream_limit(source_bytes: int, holds_source: bool) -> int:
    """The longest stream of a source of `source_bytes`, bytes: a summary is never longer than its source.

    Spans of the source cost up to 10 bytes for at least one byte of summary and one of separator.
    """
    return source_bytes + 6 * source_bytes + 32 if holds_source else source_bytes


def compress_brotli(stream: bytes) -> bytes:
    """Brotli, quality 11, window 24 bits (RFC 7932)."""
    return bytes(brotli.compress(stream, quality=11, lgwin=24))


def decompress_brotli(data: bytes, limit: int) -> bytes:
    """The stream in `data`, which must end where `data` ends.

    Raises PayloadError where it is damaged, cut, followed by more, or longer than `limit` bytes; never holds
    more than `limit` bytes and one buffer of it.
    """
    decompressor = brotli.Decompressor()
    chunks: list[bytes] = []
    size = 0
    try:
        chunk = decompressor.process(data, output_buffer_limit=_BUFFER_BYTES)
        while chunk:
            size += len(chunk)
            if size > limit:
                raise PayloadError(f"the payload decodes to more than the {limit} bytes that the capsule allows")
            chunks.append(chunk)
            # What is left waits in the decoder, though it may say that it takes more input.
            chunk = b"" if decompressor.is_finished() else decompressor.process(b"", output_buffer_limit=_BUFFER_BYTES)
    except brotli.error:
        raise PayloadError("the payload is damaged: it is not a Brotli stream") from None
    if not decompressor.is_finished():
        raise PayloadError("the payload is cut: its Brotli stream does not end")
    return b"".join(chunks)


CODECS: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes, int], bytes]]] = {
    "brotli-11": (compress_brotli, decompress_brotli),
}
"""Codec name to compressor and bounded decompressor. A name stays decodable for ever."""

DEFAULT_CODEC = "brotli-11"


def _number(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


class _Reader:
    """Reads numbers and byte strings off a stream; raises PayloadError where it ends too early."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 35:
                raise PayloadError("the payload's piece list has a number that is too large")

    def take(self, size: int) -> bytes:
        taken = self._data[self._position : self._position + size]
        if len(taken) < size:
            raise PayloadError("the payload's piece list is cut")
        self._position += size
        return taken

    @property
    def at_end(self) -> bool:
        return self._position == len(self._data)


def pack_pieces(pieces: Sequence[Piece]) -> bytes:
    """The summary as it follows the source in an exact stream.

    A slice is its start plus one and its length, in code points; a sentence is 0, its length in bytes, itself.
    """
    packed = bytearray()
    for piece in pieces:
        if isinstance(piece, Span):
            packed += _number(piece.start + 1) + _number(len(piece))
        else:
            encoded = piece.encode()
            packed += _number(0) + _number(len(encoded)) + encoded
    return bytes(packed)


def unpack_pieces(stream: bytes, source_bytes: int, source: str) -> list[Piece]:
    """Undo `pack_pieces` on what follows the first `source_bytes` of `stream`.

    Raises PayloadError for a slice outside of `source`, a list that ends too early, or a summary that is longer
    than the source.
    """
    reader = _Reader(stream, source_bytes)
    pieces: list[Piece] = []
    room = len(source)
    while not reader.at_end:
        start = reader.number()
        length = reader.number()
        if start == 0:
            pieces.append(decode_utf8(reader.take(length)))
        elif start - 1 + length > len(source):
            raise PayloadError("the payload's piece list points outside of the source")
        else:
            pieces.append(Span(start - 1, start - 1 + length))
        room -= len(pieces[-1]) + (len(pieces) > 1)
        if room < 0:
            raise PayloadError("the payload's piece list makes a summary longer than the source")
    return pieces


def decode_utf8(data: bytes) -> str:
    """`data` as text. Raises PayloadError where it is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PayloadError("the payload's text is not UTF-8") from None
