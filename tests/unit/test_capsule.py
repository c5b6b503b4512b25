"""The capsule: what goes in comes out, and what was touched does not."""

import base64
import hashlib
import random
import string
from dataclasses import replace

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.capsule.chunking import Span
from app.capsule.codecs import (
    BROTLI,
    PRIMED,
    QUICK,
    QUICK_PRIMED,
    Codec,
    PayloadError,
    begin_quick,
    can_prime,
    decode_brotli,
    encode_best,
    encode_brotli,
    encode_primed,
    prime,
)
from app.capsule.format import Capsule, CapsuleError, Fidelity, begin_seal, capsule_bytes, seal, unseal
from app.capsule.payload import Head, Reader, check_value, number, pack_head, pack_pieces, unpack_pieces
from app.capsule.payload import string as packed
from app.capsule.pieces import Piece, join

LIMIT = 1_048_576
PROSE = (
    "The harbour office has confirmed that the old pier will be closed for repairs from the first week of March. "
    "Ferries to the islands leave from the eastern quay instead, which is a short walk from the railway station, and "
    "the fares do not change. Passengers who have booked a place for a car are asked to be there half an hour earlier "
    "than usual, because there is not much room to wait, and nobody knows yet how long the work is going to take this time. "
)
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
TEXT = "The pump P-17 failed at 14:35. Nobody was hurt. It is repaired.\r\n" * 4


def sealed(
    text: str = TEXT, fidelity: Fidelity = "exact", pieces: tuple[Piece, ...] | None = None, quick: bool = False
) -> Capsule:
    return seal(
        text,
        (Span(0, len(text)),) if pieces is None else pieces,
        fidelity=fidelity,
        tokens=60,
        model="smollm2:135m",
        prompt_version="1",
        begun=begin_seal(text, model="smollm2:135m", prompt_version="1", quick=quick) if fidelity == "exact" else None,
    )


def described(fidelity: Fidelity = "exact") -> Capsule:
    """A capsule with all of its plain fields."""
    bare = sealed(TEXT, fidelity)
    source = {"sha256": HEAD.sha256.hex(), "bytes": len(TEXT.encode()), "tokens": 60}
    fields = {
        "fidelity": fidelity,
        "codec": PRIMED.name,
        "source": source,
        "model": "smollm2:135m",
        "prompt_version": "1",
    }
    return altered(bare, **fields)


def altered(capsule: Capsule, **fields: object) -> Capsule:
    return Capsule.model_validate(capsule.model_dump() | fields)


HEAD = Head(True, BROTLI, len(TEXT.encode()), 60, hashlib.sha256(TEXT.encode()).digest())
NAMES = packed("smollm2:135m") + packed("1")


def forged(stream: bytes, head: Head = HEAD, compressed: bytes | None = None) -> Capsule:
    """A capsule made up with a check value that belongs to it."""
    body = pack_head(head) + (brotli.compress(stream) if compressed is None else compressed)
    return Capsule(version=2, payload=base64.b64encode(check_value(body) + body).decode())


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


@pytest.mark.parametrize("fidelity", ["exact", "semantic"])
def test_the_plain_fields_may_be_left_out(fidelity: Fidelity) -> None:
    capsule = sealed(TEXT, fidelity, ("A pump failed.",))
    bare = Capsule(version=2, payload=capsule.payload)
    assert unseal(bare, LIMIT) == unseal(capsule, LIMIT)
    assert set(bare.model_dump()) == {"version", "payload"}


def test_the_plain_fields_are_left_out_where_they_would_outgrow_the_source() -> None:
    short, long = PROSE[:420], PROSE * 3
    assert set(sealed(short).model_dump()) == {"version", "payload"}
    assert capsule_bytes(sealed(short)) < len(short.encode())
    assert len(sealed(long).model_dump()) == 7


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
        {"codec": "lzma"},
        {"model": "another"},
        {"prompt_version": "0"},
        {"source": {"sha256": "0" * 64, "bytes": 260, "tokens": 60}},
        {"source": {"sha256": HEAD.sha256.hex(), "bytes": len(TEXT) - 1, "tokens": 60}},
        {"source": {"sha256": HEAD.sha256.hex(), "bytes": len(TEXT), "tokens": 61}},
    ],
)
@pytest.mark.parametrize("fidelity", ["exact", "semantic"])
def test_a_capsule_with_any_plain_field_changed_is_refused(fidelity: Fidelity, fields: dict[str, object]) -> None:
    capsule = described(fidelity)
    if fields == {"fidelity": fidelity}:
        return
    with pytest.raises(CapsuleError):
        unseal(altered(capsule, **fields), LIMIT)


def test_a_capsule_of_a_future_version_is_refused_by_name() -> None:
    with pytest.raises(CapsuleError, match="version 3 is newer"):
        unseal(altered(sealed(), version=3), LIMIT)


def test_an_unknown_codec_is_refused_with_those_that_are_known() -> None:
    unknown = Codec(9, "lzma", bytes, lambda data, limit: data)
    with pytest.raises(CapsuleError, match=r"number 9.*brotli-11, brotli-11-p1"):
        unseal(forged(b"", replace(HEAD, codec=unknown)), LIMIT)


def test_a_source_over_the_limit_is_refused_before_anything_is_decoded() -> None:
    with pytest.raises(CapsuleError, match="limit"):
        unseal(forged(b"", replace(HEAD, source_bytes=101), compressed=b"no stream"), 100)


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
        decode_brotli(bomb, 1000)


@given(st.integers(0, 300_000), st.sampled_from(["repeats", "random"]), st.integers(0, 11))
@settings(max_examples=40, deadline=None)
def test_a_stream_of_just_the_limit_is_decoded_whatever_its_size(size: int, content: str, quality: int) -> None:
    data = random.Random(size).randbytes(size) if content == "random" else (b"A sentence again. " * size)[:size]
    assert decode_brotli(brotli.compress(data, quality=quality), size) == data


def test_a_capsule_whose_payload_yields_more_than_it_declares_is_refused() -> None:
    with pytest.raises(CapsuleError, match="more than"):
        unseal(forged(b"\0" * 50_000_000), LIMIT)


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"", "cut"),
        (b"\x05ab", "cut"),
        (NAMES + b"not the source", "cut"),
        (NAMES + TEXT.encode()[:-1] + b"!", "SHA-256"),
        (NAMES + TEXT.encode() + b"\x00\x05ab", "cut"),
        (NAMES + TEXT.encode() + b"\xff\xff\xff\xff\xff\xff\xff\xff", "too large"),
        (NAMES + TEXT.encode() + b"\x00\x01\xff", "UTF-8"),
        (NAMES + TEXT.encode() + b"\x01\xff\xff\x7f", "outside"),
        (NAMES + TEXT.encode() + b"\x02\x01", "outside"),
    ],
)
def test_a_capsule_made_up_with_a_right_check_value_is_still_refused(stream: bytes, reason: str) -> None:
    with pytest.raises(CapsuleError, match=reason):
        unseal(forged(stream), LIMIT)


def test_a_semantic_capsule_with_a_summary_longer_than_its_source_is_refused() -> None:
    with pytest.raises(CapsuleError, match="longer than the source"):
        unseal(forged(NAMES + TEXT.encode() + b"!", replace(HEAD, is_exact=False)), LIMIT)


@pytest.mark.parametrize("codec", [BROTLI, PRIMED, QUICK, QUICK_PRIMED])
@pytest.mark.parametrize(
    ("data", "reason"), [(b"\xff" * 50, "damaged"), (brotli.compress(TEXT.encode())[:-5], "cut|damaged")]
)
def test_a_stream_that_is_none_is_told_from_one_that_is_cut(codec: Codec, data: bytes, reason: str) -> None:
    with pytest.raises(CapsuleError, match=reason):
        unseal(forged(b"", replace(HEAD, codec=codec), compressed=data), LIMIT)


PRIME_SHA256 = {
    11: "7d837afd65c025a0eb7e206496a1d61ead9f5ce0f3b24c7ba4adb41de7ee7ba0",
    5: "9907f37286c29eaf9e1f37d708ef528efc0b8851007e99d4b2a7b29b97ad33a7",
}


@pytest.mark.parametrize("quality", PRIME_SHA256)
def test_the_installed_brotli_writes_the_prime_as_it_is_shipped(quality: int) -> None:
    written, text = prime(quality)
    assert hashlib.sha256(written).hexdigest() == PRIME_SHA256[quality]
    assert len(text) == 17_737
    assert can_prime(quality)


@given(st.binary(max_size=3000) | st.integers(60_000, 70_000).map(bytes))
def test_the_quick_codecs_give_back_what_they_were_given(stream: bytes) -> None:
    begun = begin_quick(stream)
    assert begun.codec in (QUICK, QUICK_PRIMED)
    assert begun.codec.decode(begun.finish(b"the end"), len(stream) + 7) == stream + b"the end"


@given(texts_with_pieces())
def test_a_capsule_that_was_sealed_quickly_holds_the_same(case: tuple[str, tuple[Piece, ...]]) -> None:
    text, pieces = case
    assert unseal(sealed(text, pieces=pieces, quick=True), LIMIT) == unseal(sealed(text, pieces=pieces), LIMIT)


@pytest.mark.parametrize(
    ("text", "codec"),
    [(PROSE, BROTLI), ('{"id": 1, "status": "active", "created_at": "2025-01-01T00:00:00Z"}', PRIMED)],
)
def test_the_codec_that_writes_less_is_taken(text: str, codec: Codec) -> None:
    taken, written = encode_best(text.encode())
    assert taken == codec
    assert len(written) <= min(len(encode_primed(text.encode())), len(encode_brotli(text.encode())))


@given(texts_with_pieces())
def test_pieces_come_back_as_they_were(case: tuple[str, tuple[Piece, ...]]) -> None:
    text, pieces = case
    assert tuple(unpack_pieces(Reader(pack_pieces(pieces)), text)) == pieces


@given(st.integers(0, 2**41))
def test_numbers_come_back_as_they_were(value: int) -> None:
    assert Reader(number(value)).number() == value


def test_a_piece_list_that_repeats_the_source_is_refused() -> None:
    repeated = (Span(0, len(TEXT)),) * 1000
    with pytest.raises(CapsuleError, match="longer than the source"):
        unseal(sealed(TEXT, "exact", repeated[:2]), LIMIT)
    with pytest.raises(CapsuleError):
        unseal(sealed(TEXT, "exact", repeated), LIMIT)


def test_a_slice_outside_of_the_source_is_refused() -> None:
    with pytest.raises(CapsuleError, match="outside"):
        unseal(sealed(TEXT, "exact", (Span(0, len(TEXT) + 1),)), LIMIT)


VERSION_2 = {
    "brotli-11": "Aa3ATwMvEVVykMOPcC1JjyeADHNtb2xsbTI6MTM1bQEyVGhlIHB1bXAgUC0xNyBmYWlsZWQgYXQgMTQ6MzUuIE5vYm9keSB3YXMgaHVydC4ADkEgcHVtcCBmYWlsZWQuAR4D",
    "brotli-11-p1": "UWbuswUvEVVykMOPcC1JeAIIDHNtb2xsbTI6MTM1bQEyVGhlIHB1bXAgUC0xNyBmYWlsZWQgYXQgMTQ6MzUuIE5vYm9keSB3YXMgaHVydC4ADkEgcHVtcCBmYWlsZWQuAR4D",
}

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


@pytest.mark.parametrize("codec", VERSION_2)
def test_a_capsule_of_each_codec_stays_readable(codec: str) -> None:
    content = unseal(Capsule(version=2, codec=codec, payload=VERSION_2[codec]), LIMIT)
    assert content.source == "The pump P-17 failed at 14:35. Nobody was hurt."
    assert content.summary == "A pump failed.\nThe pump P-17 failed at 14:35."
