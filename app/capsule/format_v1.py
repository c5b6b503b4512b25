"""Read capsules of version 1, whose facts about themselves stood in plain fields only. None are written any more.

Payload: 8 bytes of BLAKE2b over the plain fields and the compressed stream, then that stream, by codec `brotli-11`: the
source and a list of pieces (a slice of the source as its start plus one and its length, or 0, a length in bytes and a
sentence), or the summary alone.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator

from app.capsule.chunking import Span
from app.capsule.codecs import BROTLI, PayloadError
from app.capsule.payload import Reader, check_value, decode_utf8
from app.capsule.pieces import Piece, join

_CHECK_BYTES = 8


def decode_base64(payload: str) -> bytes:
    """The bytes of a payload. Raises PayloadError where it is not base64 as this service writes it."""
    try:
        decoded = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadError("the payload is not base64: it was cut or altered") from None
    if base64.b64encode(decoded).decode() != payload:
        raise PayloadError("the payload is not base64 as this service writes it: it was altered")
    return decoded


def open_payload(
    payload: str, head: bytes, codec: str, is_exact: bool, source_bytes: int, sha256: bytes
) -> tuple[str, str | None]:
    """The summary and, where it is all there, the source. Raises PayloadError."""
    if codec != BROTLI.name:
        raise PayloadError(f"codec is unknown in version 1, which has {BROTLI.name} only")
    decoded = decode_base64(payload)
    check, compressed = decoded[:_CHECK_BYTES], decoded[_CHECK_BYTES:]
    if check_value(head + b"\0" + compressed, _CHECK_BYTES) != check:
        raise PayloadError("the check value differs: the capsule was cut or altered")
    stream = BROTLI.decode(compressed, 7 * source_bytes + 32 if is_exact else source_bytes)
    encoded = stream[:source_bytes] if is_exact else stream
    is_source = len(encoded) == source_bytes and hashlib.sha256(encoded).digest() == sha256
    text = decode_utf8(encoded)
    if not is_exact:
        return text, text if is_source else None
    if not is_source:
        raise PayloadError("the SHA-256 of the source in the payload is not source.sha256")
    return join(_pieces(Reader(stream, source_bytes), text), text), text


def _pieces(reader: Reader, source: str) -> Iterator[Piece]:
    room = len(source) + 1
    while not reader.at_end:
        piece: Piece
        start, length = reader.number(), reader.number()
        if start == 0:
            piece = decode_utf8(reader.take(length))
        elif start - 1 + length > len(source):
            raise PayloadError("the payload's piece list points outside of the source")
        else:
            piece = Span(start - 1, start - 1 + length)
        room -= len(piece) + 1
        if room < 0:
            raise PayloadError("the payload's piece list makes a summary longer than the source")
        yield piece
