"""The capsule: a versioned JSON object from which a text, or its gist, can be got back by any instance."""

import base64
import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.capsule.payload import (
    CHECK_BYTES,
    CODECS,
    DEFAULT_CODEC,
    PayloadError,
    check_value,
    decode_utf8,
    pack_pieces,
    stream_limit,
    unpack_pieces,
)
from app.capsule.pieces import Piece, join

CAPSULE_VERSION = 1

Fidelity = Literal["exact", "semantic"]


class CapsuleError(ValueError):
    """A capsule that can't be opened; the message says why."""


class CapsuleSource(BaseModel):
    """What a capsule says of the text that it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the text in UTF-8")]
    bytes: Annotated[int, Field(ge=0, le=2**40, strict=True, description="size of the text in UTF-8")]
    tokens: Annotated[int, Field(ge=0, le=2**40, strict=True, description="tokens of the text")]


class Capsule(BaseModel):
    """A self-contained capsule. `payload` is base64 of the check value and the compressed stream."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1, strict=True, description="version of the capsule format")]
    fidelity: Annotated[Fidelity, Field(description="`exact` holds the source, `semantic` only its summary")]
    codec: Annotated[str, Field(max_length=64, description="how the payload is compressed")]
    payload: Annotated[str, Field(description="base64 of the payload")]
    source: CapsuleSource
    model: Annotated[str, Field(max_length=512, description="model that wrote the summary")]
    prompt_version: Annotated[str, Field(max_length=64, description="version of the prompt it was asked with")]


@dataclass(frozen=True, slots=True)
class Content:
    """What a capsule holds: the summary, and the source where it is all there."""

    summary: str
    source: str | None


def source_of(text: str, tokens: int) -> CapsuleSource:
    """The description of `text` (`tokens`: its size as the model counts) for a capsule."""
    encoded = text.encode()
    return CapsuleSource(sha256=hashlib.sha256(encoded).hexdigest(), bytes=len(encoded), tokens=tokens)


def seal(
    text: str,
    pieces: Sequence[Piece],
    *,
    fidelity: Fidelity,
    tokens: int,
    model: str,
    prompt_version: str,
    codec: str = DEFAULT_CODEC,
) -> Capsule:
    """Make the capsule of `text` and its summary, given as `pieces` of it."""
    stream = text.encode() + pack_pieces(pieces) if fidelity == "exact" else join(pieces, text).encode()
    blank = Capsule(
        version=CAPSULE_VERSION,
        fidelity=fidelity,
        codec=codec,
        payload="",
        source=source_of(text, tokens),
        model=model,
        prompt_version=prompt_version,
    )
    compress, _ = CODECS[codec]
    compressed = compress(stream)
    payload = check_value(_head(blank), compressed) + compressed
    return blank.model_copy(update={"payload": base64.b64encode(payload).decode()})


def _head(capsule: Capsule) -> bytes:
    return capsule.model_dump_json(exclude={"payload"}).encode()


def capsule_bytes(capsule: Capsule) -> int:
    """Size of the capsule as it travels: compact JSON in UTF-8."""
    return len(capsule.model_dump_json().encode())


def unseal(capsule: Capsule, max_source_bytes: int) -> Content:
    """Open a capsule.

    Never decodes more than the capsule declares, nor a source over `max_source_bytes`. Raises CapsuleError for
    an unknown version or codec and for a payload that was cut, altered or made up.
    """
    if capsule.version > CAPSULE_VERSION:
        raise CapsuleError(
            f"version {capsule.version} is newer than version {CAPSULE_VERSION}, the newest that this service reads"
        )
    if capsule.codec not in CODECS:
        raise CapsuleError(f"codec is unknown; this service reads {', '.join(sorted(CODECS))}")
    if capsule.source.bytes > max_source_bytes:
        raise CapsuleError(f"source.bytes is {capsule.source.bytes}, over the limit of {max_source_bytes} bytes")
    try:
        return _open(capsule)
    except PayloadError as error:
        raise CapsuleError(str(error)) from None


def _open(capsule: Capsule) -> Content:
    payload = _decode_base64(capsule.payload)
    check, compressed = payload[:CHECK_BYTES], payload[CHECK_BYTES:]
    if check_value(_head(capsule), compressed) != check:
        raise PayloadError("the check value differs: the capsule was cut or altered")
    _, decompress = CODECS[capsule.codec]
    stream = decompress(compressed, stream_limit(capsule.source.bytes, capsule.fidelity == "exact"))
    if capsule.fidelity == "semantic":
        summary = decode_utf8(stream)
        return Content(summary, summary if _is_source(stream, capsule) else None)
    encoded = stream[: capsule.source.bytes]
    if not _is_source(encoded, capsule):
        raise PayloadError("the SHA-256 of the source in the payload is not source.sha256")
    source = decode_utf8(encoded)
    return Content(join(unpack_pieces(stream, len(encoded), source), source), source)


def _is_source(encoded: bytes, capsule: Capsule) -> bool:
    return len(encoded) == capsule.source.bytes and (hashlib.sha256(encoded).hexdigest() == capsule.source.sha256)


def _decode_base64(payload: str) -> bytes:
    try:
        decoded = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadError("the payload is not base64: it was cut or altered") from None
    if base64.b64encode(decoded).decode() != payload:
        raise PayloadError("the payload is not base64 as this service writes it: it was altered")
    if len(decoded) <= CHECK_BYTES:
        raise PayloadError("the payload is cut: it is too short to hold anything")
    return decoded
