"""The capsule: what goes in comes out, and what was touched does not."""

import base64
import random
import string

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.capsule.chunking import Span
from app.capsule.format import Capsule, CapsuleError, Fidelity, capsule_bytes, seal, unseal
from app.capsule.payload import PayloadError, check_value, decompress_brotli
from app.capsule.pieces import Piece, join

LIMIT = 1_048_576
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
TEXT = "The pump P-17 failed at 14:35. Nobody was hurt. It is repaired.\r\n" * 4


def sealed(text: str = TEXT, fidelity: Fidelity = "exact", pieces: tuple[Piece, ...] | None = None) -> Capsule:
    return seal(
        text,
        (Span(0, len(text)),) if pieces is None else pieces,
        fidelity=fidelity,
        tokens=60,
        model="smollm2:135m",
        prompt_version="1",
    )


def altered(capsule: Capsule, **fields: object) -> Capsule:
    return Capsule.model_validate(capsule.model_dump() | fields)


def forged(capsule: Capsule, data: bytes) -> str:
    """A payload of `data` with the check value that belongs to it."""
    head = capsule.model_dump_json(exclude={"payload"}).encode()
    return base64.b64encode(check_value(head, data) + data).decode()


@st.composite
def texts_with_pieces(draw: st.DrawFn) -> tuple[str, tuple[Piece, ...]]:
    text = draw(UNICODE)
    pieces: list[Piece] = []
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.booleans()):
            pieces.append(draw(UNICODE))
        else:
            start = draw(st.integers(0, len(text)))
            pieces.append(Span(start, draw(st.integers(start, len(text)))))
    if len(join(pieces, text)) > len(text):
        pieces = []
    return text, tuple(pieces)


@given(texts_with_pieces())
def test_any_unicode_text_and_its_summary_come_back_from_an_exact_capsule(
    case: tuple[str, tuple[Piece, ...]],
) -> None:
    text, pieces = case
    content = unseal(sealed(text, "exact", pieces), LIMIT)
    assert content.source is not None
    assert content.source.encode() == text.encode()
    assert content.summary == join(pieces, text)


@given(UNICODE)
def test_a_capsule_survives_the_way_through_json(text: str) -> None:
    capsule = Capsule.model_validate_json(sealed(text).model_dump_json())
    assert unseal(capsule, LIMIT).source == text


def test_a_semantic_capsule_holds_the_summary_alone() -> None:
    content = unseal(sealed(TEXT, "semantic", ("A pump failed.",)), LIMIT)
    assert content.summary == "A pump failed."
    assert content.source is None


def test_a_semantic_capsule_of_a_verbatim_text_holds_the_source() -> None:
    assert unseal(sealed(TEXT, "semantic"), LIMIT).source == TEXT


def test_an_exact_capsule_of_repetitive_text_is_smaller_than_the_text() -> None:
    text = TEXT * 5
    assert capsule_bytes(sealed(text)) < len(text.encode())


@pytest.mark.parametrize("fidelity", ["exact", "semantic"])
def test_every_capsule_cut_short_is_refused(fidelity: Fidelity) -> None:
    capsule = sealed(TEXT, fidelity, ("A pump failed.",))
    for end in range(len(capsule.payload)):
        with pytest.raises(CapsuleError):
            unseal(altered(capsule, payload=capsule.payload[:end]), LIMIT)


@pytest.mark.parametrize("fidelity", ["exact", "semantic"])
@given(position=st.integers(0, 10_000), letter=st.sampled_from(string.ascii_letters + string.digits + "+/=!"))
def test_a_capsule_with_one_letter_changed_is_refused(fidelity: Fidelity, position: int, letter: str) -> None:
    capsule = sealed(TEXT, fidelity, ("A pump failed.",))
    at = position % len(capsule.payload)
    if capsule.payload[at] == letter:
        return
    payload = capsule.payload[:at] + letter + capsule.payload[at + 1 :]
    with pytest.raises(CapsuleError):
        unseal(altered(capsule, payload=payload), LIMIT)


@pytest.mark.parametrize(
    "fields",
    [
        {"fidelity": "semantic"},
        {"model": "another"},
        {"prompt_version": "0"},
        {"source": {"sha256": "0" * 64, "bytes": 260, "tokens": 60}},
        {"source": {"sha256": sealed().source.sha256, "bytes": len(TEXT) - 1, "tokens": 60}},
        {"source": {"sha256": sealed().source.sha256, "bytes": len(TEXT), "tokens": 61}},
    ],
)
def test_a_capsule_with_any_other_field_changed_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(CapsuleError):
        unseal(altered(sealed(), **fields), LIMIT)


def test_a_capsule_of_a_future_version_is_refused_by_name() -> None:
    with pytest.raises(CapsuleError, match="version 2 is newer"):
        unseal(altered(sealed(), version=2), LIMIT)


def test_an_unknown_codec_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(CapsuleError, match="brotli-11"):
        unseal(altered(sealed(), codec="lzma"), LIMIT)


def test_a_source_over_the_limit_is_refused_before_anything_is_decoded() -> None:
    with pytest.raises(CapsuleError, match="limit"):
        unseal(altered(sealed(), payload="not even base64"), 100)


@given(st.binary(max_size=200))
def test_a_made_up_payload_is_refused(data: bytes) -> None:
    with pytest.raises(CapsuleError):
        unseal(altered(sealed(), payload=base64.b64encode(data).decode()), LIMIT)


@pytest.mark.parametrize("field", ["extra", "payload2"])
def test_a_capsule_with_an_unknown_field_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        altered(sealed(), **{field: 1})


def test_decoding_stops_at_the_limit_however_much_a_stream_would_yield() -> None:
    bomb = brotli.compress(b"\0" * 50_000_000)
    with pytest.raises(PayloadError, match="more than the 1000 bytes"):
        decompress_brotli(bomb, 1000)


@given(st.integers(0, 300_000), st.sampled_from(["repeats", "random"]), st.integers(0, 11))
@settings(max_examples=40, deadline=None)
def test_a_stream_of_just_the_limit_is_decoded_whatever_its_size(size: int, content: str, quality: int) -> None:
    data = random.Random(size).randbytes(size) if content == "random" else (b"A sentence again. " * size)[:size]
    assert decompress_brotli(brotli.compress(data, quality=quality), size) == data


def test_a_capsule_whose_payload_yields_more_than_it_declares_is_refused() -> None:
    honest = sealed("a" * 10)
    bomb = brotli.compress(b"\0" * 50_000_000)
    with pytest.raises(CapsuleError, match="more than"):
        unseal(altered(honest, payload=forged(honest, bomb)), LIMIT)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"not the source", "SHA-256"),
        (TEXT.encode()[:-1], "SHA-256"),
        (TEXT.encode() + b"\x00\x05ab", "cut"),
        (TEXT.encode() + b"\xff\xff\xff\xff\xff\xff\xff", "too large"),
        (TEXT.encode() + b"\x00\x01\xff", "UTF-8"),
        (TEXT.encode() + b"\x01\xff\xff\x7f", "outside"),
    ],
)
def test_a_capsule_made_up_with_a_right_check_value_is_still_refused(stream: bytes, reason: str) -> None:
    capsule = sealed()
    with pytest.raises(CapsuleError, match=reason):
        unseal(altered(capsule, payload=forged(capsule, brotli.compress(stream))), LIMIT)


@pytest.mark.parametrize(("data", "reason"), [(b"\xff" * 50, "damaged"), (brotli.compress(TEXT.encode())[:-5], "cut")])
def test_a_stream_that_is_none_is_told_from_one_that_is_cut(data: bytes, reason: str) -> None:
    capsule = sealed()
    with pytest.raises(CapsuleError, match=reason):
        unseal(altered(capsule, payload=forged(capsule, data)), LIMIT)


def test_a_piece_list_that_repeats_the_source_is_refused() -> None:
    repeated = (Span(0, len(TEXT)),) * 1000
    with pytest.raises(CapsuleError, match="longer than the source"):
        unseal(sealed(TEXT, "exact", repeated[:2]), LIMIT)
    with pytest.raises(CapsuleError):
        unseal(sealed(TEXT, "exact", repeated), LIMIT)


def test_a_slice_outside_of_the_source_is_refused() -> None:
    with pytest.raises(CapsuleError, match="outside"):
        unseal(sealed(TEXT, "exact", (Span(0, len(TEXT) + 1),)), LIMIT)


VERSION_1 = {
    "version": 1,
    "fidelity": "exact",
    "codec": "brotli-11",
    "payload": "39I4n0jzNpgPIIBUaGUgcHVtcCBQLTE3IGZhaWxlZCBhdCAxNDozNS4gTm9i"
    "b2R5IHdhcyBodXJ0LgAOQSBwdW1wIGZhaWxlZC4BHgM=",
    "source": {
        "sha256": "557290c38f702d491b08eaa1fd7a5c05914ff282880b874c1d69c5e1f25e7b2a",
        "bytes": 47,
        "tokens": 17,
    },
    "model": "smollm2:135m",
    "prompt_version": "1",
}


def test_a_capsule_written_by_version_1_stays_readable() -> None:
    capsule = Capsule.model_validate(VERSION_1)
    assert unseal(capsule, LIMIT).source == "The pump P-17 failed at 14:35. Nobody was hurt."
