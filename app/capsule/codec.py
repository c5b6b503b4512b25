"""The payload of a capsule: its content in one compressed stream, protected by a check value.

    payload = check value (8 bytes) | head | stream
    head    = flags (1 byte) | source bytes | source tokens | SHA-256 of the source (semantic capsules only)
    stream  = model | prompt version | source (exact capsules only) | summary

Numbers are unsigned LEB128. Model, prompt version and source are prefixed with their length in bytes; the summary is
the rest. Sentences of the summary that occur in the source cost a few bytes each, because zstd finds them there.

The stream is one Zstandard frame (RFC 8878) without its magic number. It declares its decoded size. Source and summary
are in UTF-8, or in UTF-16 (little endian) if that is shorter, as for Chinese and Japanese. Each encoding has a
dictionary in `data/`, because short texts hardly compress without one: a sample of many kinds of text, written for this
purpose (CC0), and the tables that `benchmarks/dictionary.py` computed from it.

The check value is the first 8 bytes of the SHA-256 of the head, the stream and the source's own SHA-256. It detects any
changed or missing byte, and proves that the decoded text is the original one. Anybody can compute it, so declared sizes
are limited even if the check value is right.
"""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import zstandard

Encoding = Literal["utf-8", "utf-16-le"]

DATA = files("app.capsule").joinpath("data")
DICTIONARIES: dict[Encoding, str] = {"utf-8": "utf8", "utf-16-le": "utf16"}

CHECK_BYTES = 8
NAME_BYTES = 4096  # of the stream, for model and prompt version
_HASH_BYTES = 32
_IS_EXACT, _IS_UTF16 = 1, 2
_MAGIC = zstandard.FRAME_HEADER
_LEVEL = 9  # see benchmarks/codec.py
_LARGEST_NUMBER_BITS = 42


class PayloadError(ValueError):
    """The payload can't be opened; the message says why."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The content of a capsule. `source` is None in a semantic one; its UTF-8 size and SHA-256 are always present."""

    model: str
    prompt_version: str
    source: str | None
    summary: str
    source_bytes: int
    source_tokens: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class _Head:
    is_exact: bool
    encoding: Encoding
    source_bytes: int
    source_tokens: int
    sha256: bytes | None


def pack(payload: Payload) -> bytes:
    """The bytes of a payload. Raises UnicodeEncodeError for a lone surrogate."""
    texts = (payload.source or "") + payload.summary
    encoding: Encoding = "utf-8" if texts.isascii() or 2 * len(texts) >= len(texts.encode()) else "utf-16-le"
    stream = _string(payload.model.encode()) + _string(payload.prompt_version.encode())
    if payload.source is not None:
        stream += _string(payload.source.encode(encoding))
    stream += payload.summary.encode(encoding)
    flags = _IS_EXACT * (payload.source is not None) | _IS_UTF16 * (encoding == "utf-16-le")
    body = bytes([flags]) + _number(payload.source_bytes) + _number(payload.source_tokens)
    if payload.source is None:
        body += payload.sha256
    body += _compress(stream, encoding)
    return _check_value(body, payload.sha256) + body


def unpack(data: bytes, max_source_bytes: int) -> Payload:
    """Undo `pack`.

    Raises PayloadError for bytes that were cut, altered or made up, and for a source or summary over
    `max_source_bytes`. A stream that declares more than both together may have is not decoded.
    """
    head, frame = _unpack_head(data)
    if head.source_bytes > max_source_bytes:
        raise PayloadError(f"source.bytes is {head.source_bytes}, over the limit of {max_source_bytes} bytes")
    limit = (head.source_bytes if head.is_exact else 0) + max_source_bytes + NAME_BYTES
    reader = _Reader(_decompress(frame, head.encoding, limit))
    model, prompt_version = _decoded(reader.string()), _decoded(reader.string())
    source = _decoded(reader.string(), head.encoding) if head.is_exact else None
    encoded = None if source is None else source.encode()
    sha256 = head.sha256 or hashlib.sha256(encoded or b"").digest()
    if _check_value(data[CHECK_BYTES:], sha256) != data[:CHECK_BYTES]:
        raise PayloadError("the check value differs: the capsule was cut or altered")
    if encoded is not None and len(encoded) != head.source_bytes:
        raise PayloadError("the source in the payload does not have the size that the payload declares")
    summary = _decoded(reader.rest(), head.encoding)
    return Payload(model, prompt_version, source, summary, head.source_bytes, head.source_tokens, sha256)


def declared_stream_bytes(data: bytes) -> int:
    """The decoded size that a payload declares. Raises PayloadError if it declares none."""
    return _frame_bytes(_unpack_head(data)[1])


def _check_value(body: bytes, source_sha256: bytes) -> bytes:
    return hashlib.sha256(body + source_sha256).digest()[:CHECK_BYTES]


def _unpack_head(data: bytes) -> tuple[_Head, bytes]:
    """The head and the frame of a payload."""
    reader = _Reader(data, CHECK_BYTES)
    flags = reader.take(1)[0]
    if flags & ~(_IS_EXACT | _IS_UTF16):
        raise PayloadError("the payload has flags that this service does not know: it was altered or made up")
    is_exact = bool(flags & _IS_EXACT)
    source_bytes, source_tokens = reader.number(), reader.number()
    sha256 = None if is_exact else reader.take(_HASH_BYTES)
    return _Head(is_exact, "utf-16-le" if flags & _IS_UTF16 else "utf-8", source_bytes, source_tokens, sha256), (
        _MAGIC + reader.rest()
    )


@cache
def _dictionary(encoding: Encoding) -> zstandard.ZstdCompressionDict:
    name = DICTIONARIES[encoding]
    text = DATA.joinpath(f"{name}.txt").read_text(encoding="utf-8")
    dictionary = zstandard.ZstdCompressionDict(DATA.joinpath(f"{name}.tables").read_bytes() + text.encode(encoding))
    dictionary.precompute_compress(level=_LEVEL)
    return dictionary


def _compress(stream: bytes, encoding: Encoding) -> bytes:
    # A compressor may not be shared by threads; a new one takes some microseconds, since the dictionary is shared.
    compressor = zstandard.ZstdCompressor(
        level=_LEVEL, dict_data=_dictionary(encoding), write_content_size=True, write_dict_id=False
    )
    return compressor.compress(stream).removeprefix(_MAGIC)


def _frame_bytes(frame: bytes) -> int:
    """The decoded size that the frame declares, bytes."""
    try:
        size = zstandard.frame_content_size(frame)
    except zstandard.ZstdError:
        size = -1
    if size < 0:
        raise PayloadError("the payload is cut, altered or made up: its stream does not declare its size")
    return size


def _decompress(frame: bytes, encoding: Encoding, limit: int) -> bytes:
    """Decode the frame. Raises PayloadError, without decoding, if it declares more than `limit` bytes."""
    size = _frame_bytes(frame)
    if size > limit:
        raise PayloadError(f"the payload declares {size} bytes, more than the {limit} that the capsule allows")
    decompressor = zstandard.ZstdDecompressor(dict_data=_dictionary(encoding), max_window_size=max(limit, 1024))
    try:
        # Decodes into a buffer of the declared size; fails if the frame holds more or less.
        return decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError:
        raise PayloadError("the payload is cut, altered or made up: its stream can't be decoded") from None


def _decoded(data: bytes, encoding: Encoding = "utf-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise PayloadError(f"a text in the payload is not {encoding.upper()}") from None


def _number(value: int) -> bytes:
    """Unsigned LEB128."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _string(encoded: bytes) -> bytes:
    return _number(len(encoded)) + encoded


class _Reader:
    """Reads numbers and strings from bytes; raises PayloadError if the bytes end too early."""

    def __init__(self, data: bytes, position: int = 0) -> None:
        self._data = data
        self._position = position

    def take(self, size: int) -> bytes:
        taken = self._data[self._position : self._position + size]
        if len(taken) < size:
            raise PayloadError("the payload is cut")
        self._position += size
        return taken

    def number(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > _LARGEST_NUMBER_BITS:
                raise PayloadError("the payload has a number that is too large")

    def string(self) -> bytes:
        """The next length-prefixed string."""
        return self.take(self.number())

    def rest(self) -> bytes:
        return self._data[self._position :]
