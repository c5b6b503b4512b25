"""The capsule: a versioned JSON object from which a text, or its gist, can be got back by any instance.

All that it says stands in its payload (`payload`). The plain fields beside it repeat that for people and programs that
look at a capsule; they are left out where they would make it larger than its source, and checked where they are there.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from app.capsule import format_v1
from app.capsule.codecs import Encoding, PayloadError, begin_best, begin_quick, encode_best
from app.capsule.payload import (
    Head,
    Reader,
    check_value,
    decode_utf8,
    pack_head,
    pack_pieces,
    stream_limit,
    string,
    unpack_head,
    unpack_pieces,
)
from app.capsule.pieces import Piece, join

CAPSULE_VERSION = 2

Fidelity = Literal["exact", "semantic"]


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
"""Has a strict integer be one as JSON Schema has it: 2.0 is one too, as clients without integers write it."""


class CapsuleError(ValueError):
    """A capsule that can't be opened; the message says why."""


class CapsuleSource(BaseModel):
    """What a capsule says of the text that it was made from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the text in UTF-8")]
    bytes: Annotated[int, Field(ge=0, le=2**40, strict=True, description="size of the text in UTF-8"), WHOLE]
    tokens: Annotated[int, Field(ge=0, le=2**40, strict=True, description="tokens of the text"), WHOLE]


class Capsule(BaseModel):
    """A self-contained capsule. `version` and `payload` are all that it needs; the rest repeats what they say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Annotated[int, Field(ge=1, strict=True, description="version of the capsule format"), WHOLE]
    fidelity: Annotated[Fidelity | None, Field(description="`exact` holds the source, `semantic` only its summary")] = (
        None
    )
    codec: Annotated[str | None, Field(max_length=64, description="how the payload is compressed")] = None
    payload: Annotated[str, Field(description="base64 of the payload")]
    source: CapsuleSource | None = None
    model: Annotated[str | None, Field(max_length=512, description="model that wrote the summary")] = None
    prompt_version: Annotated[
        str | None, Field(max_length=64, description="version of the prompt it was asked with")
    ] = None

    @model_serializer(mode="wrap")
    def _without_absent(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Content:
    """What a capsule holds: the summary, the source where it is all there, and the source's tokens."""

    summary: str
    source: str | None
    source_tokens: int


def begin_seal(text: str, *, model: str, prompt_version: str, quick: bool = False) -> Encoding:
    """Do most of the work for an exact capsule of `text`, which can be done before its summary is known.

    A `quick` capsule is up to a sixth larger and takes some fortieth of the time.
    """
    return (begin_quick if quick else begin_best)(string(model) + string(prompt_version) + text.encode())


def seal(
    text: str,
    pieces: Sequence[Piece],
    *,
    fidelity: Fidelity,
    tokens: int,
    model: str,
    prompt_version: str,
    begun: Encoding | None = None,
) -> Capsule:
    """Make the capsule of `text` (of so many `tokens`) and its summary, given as `pieces` of it.

    `begun` is what `begin_seal` made of the same text, fidelity, model and version, each of which is used once.
    """
    encoded = text.encode()
    if fidelity == "exact":
        begun = begun or begin_seal(text, model=model, prompt_version=prompt_version)
        codec, compressed = begun.codec, begun.finish(pack_pieces(pieces))
    else:
        codec, compressed = encode_best(string(model) + string(prompt_version) + join(pieces, text).encode())
    sha256 = hashlib.sha256(encoded)
    head = Head(fidelity == "exact", codec, len(encoded), tokens, sha256.digest())
    body = pack_head(head) + compressed
    payload = base64.b64encode(check_value(body) + body).decode()
    described = Capsule(
        version=CAPSULE_VERSION,
        fidelity=fidelity,
        codec=codec.name,
        payload=payload,
        source=CapsuleSource(sha256=sha256.hexdigest(), bytes=len(encoded), tokens=tokens),
        model=model,
        prompt_version=prompt_version,
    )
    bare = Capsule(version=CAPSULE_VERSION, payload=payload)
    return bare if capsule_bytes(bare) < len(encoded) <= capsule_bytes(described) else described


def declared_bytes(capsule: Capsule) -> int:
    """The size of the source by the capsule's own word, without opening it; 0 where it can't be read."""
    declared = capsule.source.bytes if capsule.source else 0
    try:
        return max(declared, unpack_head(format_v1.decode_base64(capsule.payload))[0].source_bytes)
    except PayloadError:
        return declared


def capsule_bytes(capsule: Capsule) -> int:
    """Size of the capsule as it travels in JSON: compact, in UTF-8."""
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
    declared = capsule.source.bytes if capsule.source else 0
    _limit(declared, max_source_bytes)
    try:
        return _open_v1(capsule) if capsule.version == 1 else _open(capsule, max_source_bytes)
    except PayloadError as error:
        raise CapsuleError(str(error)) from None


def _limit(source_bytes: int, max_source_bytes: int) -> None:
    if source_bytes > max_source_bytes:
        raise CapsuleError(f"source.bytes is {source_bytes}, over the limit of {max_source_bytes} bytes")


def _open(capsule: Capsule, max_source_bytes: int) -> Content:
    head, compressed = unpack_head(format_v1.decode_base64(capsule.payload))
    _limit(head.source_bytes, max_source_bytes)
    reader = Reader(head.codec.decode(compressed, stream_limit(head)))
    model, prompt_version = reader.string(), reader.string()
    encoded = reader.take(head.source_bytes) if head.is_exact else reader.rest()
    sha256 = hashlib.sha256(encoded).digest()
    is_source = sha256[: len(head.sha256)] == head.sha256
    if head.is_exact and not is_source:
        raise PayloadError("the SHA-256 of the source in the payload is not the one that it should have")
    if len(encoded) > head.source_bytes:
        raise PayloadError("the payload holds a summary longer than the source")
    _compare(capsule, head, model, prompt_version, (sha256 if head.is_exact else head.sha256).hex())
    text = decode_utf8(encoded)
    if not head.is_exact:
        return Content(text, text if is_source else None, head.source_tokens)
    return Content(join(unpack_pieces(reader, text), text), text, head.source_tokens)


def _compare(capsule: Capsule, head: Head, model: str, prompt_version: str, sha256: str) -> None:
    """Hold the plain fields that are there against the payload."""
    said = {
        "fidelity": "exact" if head.is_exact else "semantic",
        "codec": head.codec.name,
        "source": CapsuleSource(sha256=sha256, bytes=head.source_bytes, tokens=head.source_tokens),
        "model": model,
        "prompt_version": prompt_version,
    }
    for name, value in said.items():
        plain = getattr(capsule, name)
        if plain is not None and plain != value:
            raise PayloadError(f"{name} is not what the payload says: the capsule was altered")


def _open_v1(capsule: Capsule) -> Content:
    source = capsule.source
    if source is None or capsule.fidelity is None or capsule.codec is None or capsule.model is None:
        raise PayloadError("a capsule of version 1 needs all of its fields")
    head = capsule.model_dump_json(exclude={"payload"}).encode()
    is_exact = capsule.fidelity == "exact"
    summary, text = format_v1.open_payload(
        capsule.payload, head, capsule.codec, is_exact, source.bytes, bytes.fromhex(source.sha256)
    )
    return Content(summary, text, source.tokens)
