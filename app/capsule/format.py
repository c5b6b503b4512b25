"""The capsule: a versioned JSON object from which any instance can restore a text, or its summary.

Its payload (`codec`) holds everything. The plain fields repeat some of it for people and programs that inspect a
capsule. They are omitted if the capsule would not be smaller than its source with them, and verified if present.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from app.capsule.codec import Payload, PayloadError, declared_stream_bytes, pack, unpack

CAPSULE_VERSION = 1
CODEC = "zstd"

Fidelity = Literal["exact", "semantic"]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Makes a strict integer accept 2.0, which JSON Schema counts as an integer and some clients write."""


class CapsuleError(ValueError):
    """A capsule that can't be opened; the message says why."""


class CapsuleSource(BaseModel):
    """Hash and sizes of the text that a capsule was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the text in UTF-8")]
    bytes: Annotated[int, Field(ge=0, le=2**40, strict=True, description="size of the text in UTF-8"), WHOLE]
    tokens: Annotated[int, Field(ge=0, le=2**40, strict=True, description="tokens of the text"), WHOLE]


def _is_absent(value: object) -> bool:
    return value is None


class Capsule(BaseModel):
    """A self-contained capsule. Only `version` and `payload` are needed; the other fields repeat the payload's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1, strict=True, description="version of the capsule format"), WHOLE]
    fidelity: Annotated[
        Fidelity | None,
        Field(exclude_if=_is_absent, description="`exact` holds the source, `semantic` only its summary"),
    ] = None
    codec: Annotated[
        str | None, Field(exclude_if=_is_absent, max_length=64, description="how the payload is compressed")
    ] = None
    payload: Annotated[str, Field(description="base64 of the payload")]
    source: Annotated[CapsuleSource | None, Field(exclude_if=_is_absent)] = None
    model: Annotated[
        str | None, Field(exclude_if=_is_absent, max_length=512, description="model that wrote the summary")
    ] = None
    prompt_version: Annotated[
        str | None,
        Field(exclude_if=_is_absent, max_length=64, description="version of the prompt it was asked with"),
    ] = None


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a capsule: the summary, the source (None if only the summary is stored), the source's tokens."""

    summary: str
    source: str | None
    source_tokens: int


def seal(text: str, summary: str, *, fidelity: Fidelity, tokens: int, model: str, prompt_version: str) -> Capsule:
    """Make the capsule of `text`, which has `tokens` tokens, and its summary.

    Raises UnicodeEncodeError for a lone surrogate.
    """
    encoded = text.encode()
    sha256 = hashlib.sha256(encoded)
    source = text if fidelity == "exact" else None
    packed = pack(Payload(model, prompt_version, source, summary, len(encoded), tokens, sha256.digest()))
    payload = base64.b64encode(packed).decode()
    described = Capsule(
        version=CAPSULE_VERSION,
        fidelity=fidelity,
        codec=CODEC,
        payload=payload,
        source=CapsuleSource(sha256=sha256.hexdigest(), bytes=len(encoded), tokens=tokens),
        model=model,
        prompt_version=prompt_version,
    )
    if capsule_bytes(described) < len(encoded):
        return described
    return Capsule(version=CAPSULE_VERSION, payload=payload)


def capsule_bytes(capsule: Capsule) -> int:
    """Size of the capsule as compact JSON in UTF-8."""
    return len(capsule.model_dump_json().encode())


def declared_bytes(capsule: Capsule) -> int:
    """The decoded size that the capsule declares; 0 if that can't be read."""
    declared = capsule.source.bytes if capsule.source else 0
    try:
        return max(declared, declared_stream_bytes(_decode_base64(capsule.payload)))
    except PayloadError:
        return declared


def unseal(capsule: Capsule, max_source_bytes: int) -> Content:
    """Open a capsule.

    Never decodes more than the capsule declares, nor a source or summary over `max_source_bytes`. Raises
    CapsuleError for an unknown version or codec and for a payload that was cut, altered or made up.
    """
    if capsule.version != CAPSULE_VERSION:
        raise CapsuleError(
            f"version {capsule.version} is unknown: this service reads version {CAPSULE_VERSION}, "
            "and none of the capsules that release 0.1.0 wrote"
        )
    if capsule.codec not in (None, CODEC):
        raise CapsuleError(
            f"codec is unknown: this service reads {CODEC}, and none of the capsules that release 0.1.0 wrote"
        )
    try:
        if capsule.source and capsule.source.bytes > max_source_bytes:
            raise PayloadError(f"source.bytes is {capsule.source.bytes}, over the limit of {max_source_bytes} bytes")
        payload = unpack(_decode_base64(capsule.payload), max_source_bytes)
        _compare(capsule, payload)
    except PayloadError as error:
        raise CapsuleError(str(error)) from None
    source = payload.source
    if source is None and hashlib.sha256(payload.summary.encode()).digest() == payload.sha256:
        source = payload.summary
    return Content(payload.summary, source, payload.source_tokens)


def _decode_base64(payload: str) -> bytes:
    try:
        decoded = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise PayloadError("the payload is not base64: it was cut or altered") from None
    if base64.b64encode(decoded).decode() != payload:
        raise PayloadError("the payload is not base64 as this service writes it: it was altered")
    return decoded


def _compare(capsule: Capsule, payload: Payload) -> None:
    """Raise PayloadError if a plain field that is present differs from the payload."""
    declared = {
        "fidelity": "semantic" if payload.source is None else "exact",
        "source": CapsuleSource(sha256=payload.sha256.hex(), bytes=payload.source_bytes, tokens=payload.source_tokens),
        "model": payload.model,
        "prompt_version": payload.prompt_version,
    }
    for name, value in declared.items():
        plain = getattr(capsule, name)
        if plain is not None and plain != value:
            raise PayloadError(f"{name} is not what the payload says: the capsule was altered")
