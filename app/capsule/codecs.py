"""How a capsule's stream is compressed. A codec's number and name stay decodable for ever.

`brotli-11`: Brotli, quality 11 (RFC 7932). `brotli-11-p1`: the same behind a prime, 18 kB of text of many kinds and
languages that ships with the code (`data/prime_1.br`, written for this purpose, CC0), so that its words and phrases
need not be spelt out. The prime goes through the encoder first and is flushed to a byte border; what the encoder writes
from there on is the payload, and a decoder that has been fed the prime's own bytes goes on with it. Only Brotli's
public interface is used, and any decoder of RFC 7932 can read it.

`brotli-5` and `brotli-5-p1` are the same at quality 5: some forty times quicker, and for a text of 2 kB, of which the
prime is left out, a sixth larger.

Measured by `benchmarks/codec.py` against zstd and PPMd; the README has the table.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from io import BytesIO

import brotli

_BUFFER_BYTES = 65_536
_BEST, _QUICK = 11, 5
_WINDOW_BITS = 24
_PRIME_WINDOW_BITS = {_BEST: 22, _QUICK: 18}
_PRIME_FILES = {_BEST: "prime_1.br", _QUICK: "prime_1_quick.br"}
_LONGEST_PRIMED = 65_536  # bytes of stream; beyond it the prime saves too little for the time that it takes
_LONGEST_QUICK_PRIMED = 1_536  # bytes; the prime takes ten times as long as such a text, and saves a tenth of it


class PayloadError(ValueError):
    """The payload can't be decoded; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Codec:
    """`number` stands in a capsule's payload, `name` in its plain fields. `decode` takes a limit in bytes."""

    number: int
    name: str
    encode: Callable[[bytes], bytes]
    decode: Callable[[bytes, int], bytes]


def encode_brotli(stream: bytes, quality: int = _BEST) -> bytes:
    """Brotli, window 24 bits (RFC 7932)."""
    return bytes(brotli.compress(stream, quality=quality, lgwin=_WINDOW_BITS))


def decode_brotli(data: bytes, limit: int) -> bytes:
    """The stream in `data`, which must end where `data` ends.

    Raises PayloadError where it is damaged, cut, followed by more, or longer than `limit` bytes; never holds
    more than `limit` bytes and one buffer of it.
    """
    return _decoded(brotli.Decompressor(), data, limit)


@cache
def prime(quality: int = _BEST) -> tuple[bytes, bytes]:
    """The prime as Brotli writes it at that quality, flushed but not ended, and its text."""
    written = files("app.capsule").joinpath("data", _PRIME_FILES[quality]).read_bytes()
    return written, _drained(brotli.Decompressor(), written)


@cache
def can_prime(quality: int = _BEST) -> bool:
    """Whether the Brotli that is installed writes the prime as it was written for this codec.

    If it did not, its encoder would go on from another state than the decoder has after the prime's own bytes.
    """
    return _primed_encoder(quality)[1] == prime(quality)[0]


def _primed_encoder(quality: int) -> tuple[brotli.Compressor, bytes]:
    encoder = brotli.Compressor(quality=quality, lgwin=_PRIME_WINDOW_BITS[quality])
    return encoder, encoder.process(prime(quality)[1]) + encoder.flush()


def encode_primed(stream: bytes, quality: int = _BEST) -> bytes:
    """Brotli behind the prime, without the prime."""
    encoder, _ = _primed_encoder(quality)
    return bytes(encoder.process(stream) + encoder.finish())


def decode_primed(data: bytes, limit: int, quality: int = _BEST) -> bytes:
    """The stream in `data`, as `decode_brotli` does for what has no prime."""
    decoder = brotli.Decompressor()
    _drained(decoder, prime(quality)[0])
    return _decoded(decoder, data, limit)


def _drained(decoder: brotli.Decompressor, data: bytes) -> bytes:
    chunks = [decoder.process(data)]
    while chunks[-1]:
        chunks.append(decoder.process(b""))
    return b"".join(chunks)


def _decoded(decoder: brotli.Decompressor, data: bytes, limit: int) -> bytes:
    decoded = BytesIO()
    try:
        chunk = decoder.process(data, output_buffer_limit=_BUFFER_BYTES)
        while chunk:
            if decoded.tell() + len(chunk) > limit:
                raise PayloadError(f"the payload decodes to more than the {limit} bytes that the capsule allows")
            decoded.write(chunk)
            # What is left waits in the decoder, though it may say that it takes more input.
            chunk = b"" if decoder.is_finished() else decoder.process(b"", output_buffer_limit=_BUFFER_BYTES)
    except brotli.error:
        raise PayloadError("the payload is damaged: it is not a Brotli stream") from None
    if not decoder.is_finished():
        raise PayloadError("the payload is cut: its Brotli stream does not end")
    return decoded.getvalue()


BROTLI = Codec(1, "brotli-11", encode_brotli, decode_brotli)
PRIMED = Codec(2, "brotli-11-p1", encode_primed, decode_primed)
QUICK = Codec(3, "brotli-5", partial(encode_brotli, quality=_QUICK), decode_brotli)
QUICK_PRIMED = Codec(4, "brotli-5-p1", partial(encode_primed, quality=_QUICK), partial(decode_primed, quality=_QUICK))
CODECS = (BROTLI, PRIMED, QUICK, QUICK_PRIMED)


@dataclass(frozen=True, slots=True)
class Encoding:
    """A stream of which the front has been written, at a byte border; to be finished once."""

    codec: Codec
    encoder: brotli.Compressor
    written: bytes

    def finish(self, rest: bytes) -> bytes:
        """The whole compressed stream, ended by `rest`. Brotli takes half a millisecond for a few bytes."""
        return bytes(self.written + self.encoder.process(rest) + self.encoder.finish())


def begin_best(front: bytes) -> Encoding:
    """Begin a stream by the codec that writes its front in the fewest bytes; 25 ms of CPU for any short one."""
    plain = _begun(BROTLI, brotli.Compressor(quality=_BEST, lgwin=_WINDOW_BITS), front)
    if len(front) > _LONGEST_PRIMED or not can_prime():
        return plain
    return min(_begun(PRIMED, _primed_encoder(_BEST)[0], front), plain, key=lambda begun: len(begun.written))


def begin_quick(front: bytes) -> Encoding:
    """Begin a stream by the codec that writes it well in less than a millisecond for a short one."""
    if len(front) <= _LONGEST_QUICK_PRIMED and can_prime(_QUICK):
        return _begun(QUICK_PRIMED, _primed_encoder(_QUICK)[0], front)
    return _begun(QUICK, brotli.Compressor(quality=_QUICK, lgwin=_WINDOW_BITS), front)


def _begun(codec: Codec, encoder: brotli.Compressor, front: bytes) -> Encoding:
    return Encoding(codec, encoder, encoder.process(front) + encoder.flush())


def encode_best(stream: bytes) -> tuple[Codec, bytes]:
    """The codec that writes `stream` in the fewest bytes, and what it writes; 25 ms of CPU for any short stream."""
    tried = (BROTLI, PRIMED) if len(stream) <= _LONGEST_PRIMED and can_prime() else (BROTLI,)
    return min(((codec, codec.encode(stream)) for codec in tried), key=lambda written: len(written[1]))
