"""The capsule: what goes in comes out, and what was touched does not."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.capsule.codec import DATA, Payload, PayloadError, pack, unpack
from app.capsule.format import Capsule, CapsuleError, Fidelity, capsule_bytes, declared_bytes, seal, unseal
from benchmarks.codec import cut, of_sentences
from benchmarks.corpus import Marked, load
from tests.security.forging import with_bytes

LIMIT = 1_048_576
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), max_size=500)
CHINESE = st.text(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FFF) | st.sampled_from("，。 a\n😀"), max_size=200
)
TEXTS = UNICODE | CHINESE
FIDELITIES: tuple[Fidelity, ...] = ("exact", "semantic")
TEXT = "The pump P-17 failed at 14:35. Nobody was hurt. It is repaired.\r\n" * 12
SUMMARY = "The pump P-17 failed at 14:35."
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()


def sealed(text: str = TEXT, summary: str = SUMMARY, fidelity: Fidelity = "exact") -> Capsule:
    return seal(text, summary, fidelity=fidelity, tokens=60, model="smollm2:135m", prompt_version="3")


def altered(capsule: Capsule, **fields: object) -> Capsule:
    return Capsule.model_validate(capsule.model_dump() | fields)


# What goes in comes out


@given(TEXTS, TEXTS)
def test_any_text_and_any_summary_come_back_from_an_exact_capsule(text: str, summary: str) -> None:
    content = unseal(sealed(text, summary), LIMIT)
    assert content.source is not None
    assert content.source.encode() == text.encode()
    assert (content.summary, content.source_tokens) == (summary, 60)


@given(TEXTS, TEXTS)
def test_any_summary_comes_back_from_a_semantic_capsule_and_the_text_does_not(text: str, summary: str) -> None:
    content = unseal(sealed(text, summary, "semantic"), LIMIT)
    assert content.summary == summary
    assert content.source == (text if summary == text else None)


@given(TEXTS, st.sampled_from(FIDELITIES))
def test_a_capsule_survives_the_way_through_json(text: str, fidelity: Fidelity) -> None:
    capsule = sealed(text, text[:100], fidelity)
    assert unseal(Capsule.model_validate_json(capsule.model_dump_json()), LIMIT) == unseal(capsule, LIMIT)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\0",
        "\n" * 1000,
        "\r\n\r",
        "\ufeffa",
        "\u2028\x85",
        "e\u0301\u00e9",
        "\U0010ffff\uffff",
        "שלום\u202eabc",
    ],
)
def test_nothing_in_a_text_is_normalized(text: str) -> None:
    assert unseal(sealed(text, text), LIMIT).source == text


def test_five_megabytes_come_back() -> None:
    text = "".join(f"{number} pumps failed, and nobody was hurt.\n" for number in range(120_000))
    assert unseal(sealed(text), 2 * len(text)).source == text


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 16_383, 16_384, 16_385])
def test_a_text_of_any_size_and_its_number_of_tokens_come_back(size: int) -> None:
    capsule = seal("a" * size, SUMMARY, fidelity="exact", tokens=size, model="m", prompt_version="3")
    content = unseal(capsule, LIMIT)
    assert (content.source, content.source_tokens) == ("a" * size, size)


def test_a_lone_surrogate_is_refused_because_it_has_no_utf_8_form() -> None:
    with pytest.raises(UnicodeEncodeError):
        sealed("a\ud800")


# Size


def ratio(text: str, summary: str, fidelity: Fidelity = "exact") -> float:
    capsule = seal(text, summary, fidelity=fidelity, tokens=160, model="qwen2.5:7b-instruct", prompt_version="3")
    return capsule_bytes(capsule) / len(text.encode())


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("size", [500, 600, 800, 1200, 2000])
@pytest.mark.parametrize("marked", load(), ids=lambda marked: marked.name)
def test_a_capsule_is_smaller_than_its_source_from_500_bytes_on(marked: Marked, size: int, fidelity: Fidelity) -> None:
    text = cut(marked.text, size)
    assert ratio(text, of_sentences(text), fidelity) < 1


def test_sentences_of_the_source_cost_next_to_nothing_in_the_summary() -> None:
    text = cut(load()[0].text, 2000)
    assert ratio(text, of_sentences(text)) < 1.05 * ratio(text, "")


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=2000), UNICODE)
def test_a_capsule_is_at_most_a_third_larger_than_what_is_in_it(text: str, summary: str) -> None:
    assert capsule_bytes(sealed(text, summary)) <= 4 * (len(text.encode()) + len(summary.encode())) / 3 + 120


def test_the_plain_fields_are_left_out_where_the_capsule_would_not_be_smaller_than_its_source_with_them() -> None:
    short, long = TEXT[:200], TEXT
    assert set(sealed(short).model_dump()) == {"version", "payload"}
    assert len(sealed(long).model_dump()) == 7
    assert capsule_bytes(sealed(long)) < len(long.encode())


def test_the_plain_fields_say_what_is_in_the_payload() -> None:
    assert sealed().model_dump(exclude={"payload"}) == {
        "version": 1,
        "fidelity": "exact",
        "codec": "zstd",
        "source": {"sha256": SHA256, "bytes": len(TEXT.encode()), "tokens": 60},
        "model": "smollm2:135m",
        "prompt_version": "3",
    }


@pytest.mark.parametrize("fidelity", FIDELITIES)
def test_a_capsule_opens_without_its_plain_fields(fidelity: Fidelity) -> None:
    capsule = sealed(fidelity=fidelity)
    assert unseal(Capsule(version=1, payload=capsule.payload), LIMIT) == unseal(capsule, LIMIT)


def test_the_size_in_json_is_that_of_its_compact_form() -> None:
    capsule = sealed()
    compact = json.dumps(capsule.model_dump(), separators=(",", ":"), ensure_ascii=False)
    assert capsule_bytes(capsule) == len(compact.encode())


@pytest.mark.parametrize(("fidelity", "held"), [("exact", len(TEXT) + len(SUMMARY)), ("semantic", len(SUMMARY))])
def test_a_capsule_declares_the_size_of_what_it_holds(fidelity: Fidelity, held: int) -> None:
    bare = Capsule(version=1, payload=sealed(fidelity=fidelity).payload)
    assert held < declared_bytes(bare) < held + 25
    assert declared_bytes(sealed(fidelity=fidelity)) >= len(TEXT)


def test_a_payload_that_can_not_be_read_declares_nothing() -> None:
    assert declared_bytes(Capsule(version=1, payload="AAAA")) == 0


# What was touched does not come out


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("text", [TEXT, "这座城市的人口超过三百万，是重要的工业中心。" * 9])
def test_a_capsule_with_any_byte_changed_is_refused(text: str, fidelity: Fidelity) -> None:
    data = bytearray(base64.b64decode(sealed(text, text[:40], fidelity).payload))
    for at in range(len(data)):
        for flipped in (0x01, 0x80, 0xFF):
            data[at] ^= flipped
            with pytest.raises(CapsuleError):
                unseal(with_bytes(bytes(data)), LIMIT)
            data[at] ^= flipped


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize("plain", [True, False])
def test_a_capsule_cut_anywhere_is_refused(fidelity: Fidelity, plain: bool) -> None:
    capsule = sealed(fidelity=fidelity)
    whole = capsule if plain else Capsule(version=1, payload=capsule.payload)
    for end in range(len(whole.payload)):
        with pytest.raises(CapsuleError):
            unseal(altered(whole, payload=whole.payload[:end]), LIMIT)
    data = base64.b64decode(whole.payload)
    for end in range(len(data)):
        with pytest.raises(CapsuleError):
            unseal(altered(whole, payload=base64.b64encode(data[:end]).decode()), LIMIT)


@given(TEXTS, TEXTS, st.sampled_from(FIDELITIES), st.data())
def test_a_capsule_of_any_text_with_a_byte_changed_added_or_missing_is_refused(
    text: str, summary: str, fidelity: Fidelity, draw: st.DataObject
) -> None:
    data = base64.b64decode(sealed(text, summary, fidelity).payload)
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = bytes([data[at] ^ draw.draw(st.integers(1, 255))])
    for touched in (data[:at] + changed + data[at + 1 :], data[:at], data[:at] + changed + data[at:], data + changed):
        if touched != data:
            with pytest.raises(CapsuleError):
                unseal(with_bytes(touched), LIMIT)


@given(st.binary(max_size=300))
def test_a_made_up_payload_is_refused(data: bytes) -> None:
    with pytest.raises(CapsuleError):
        unseal(with_bytes(data), LIMIT)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda payload: payload[:-2], "not base64: it was cut or altered"),
        (lambda payload: payload + "!", "not base64: it was cut or altered"),
        (lambda payload: payload + "\n", "not base64: it was cut or altered"),
        (lambda payload: "Ω" + payload, "not base64: it was cut or altered"),
        (lambda payload: payload[:-4], "is cut|altered"),
        (lambda payload: payload[:4] + "AAAA" + payload[8:], "the check value differs: the capsule was cut or altered"),
        (lambda payload: "", "the payload is cut"),
    ],
)
def test_a_refusal_says_what_is_wrong(change: object, why: str) -> None:
    assert callable(change)
    with pytest.raises(CapsuleError, match=why):
        unseal(altered(sealed(), payload=change(sealed().payload)), LIMIT)


def test_base64_with_bits_that_mean_nothing_is_refused() -> None:
    capsule = next(candidate for size in range(3) if (candidate := sealed(TEXT, SUMMARY[size:])).payload.endswith("="))
    last = capsule.payload.rstrip("=")[-1]
    other = chr(ord(last) + 1)
    payload = capsule.payload.replace(f"{last}=", f"{other}=")
    assert base64.b64decode(payload) == base64.b64decode(capsule.payload)
    with pytest.raises(CapsuleError, match="not base64 as this service writes it"):
        unseal(altered(capsule, payload=payload), LIMIT)


@pytest.mark.parametrize("fidelity", FIDELITIES)
@pytest.mark.parametrize(
    "fields",
    [
        {"fidelity": "semantic"},
        {"fidelity": "exact"},
        {"model": "another"},
        {"prompt_version": "0"},
        {"source": {"sha256": "0" * 64, "bytes": len(TEXT), "tokens": 60}},
        {"source": {"sha256": SHA256, "bytes": len(TEXT) - 1, "tokens": 60}},
        {"source": {"sha256": SHA256, "bytes": len(TEXT), "tokens": 61}},
    ],
)
def test_a_capsule_with_any_plain_field_changed_is_refused_by_its_name(
    fidelity: Fidelity, fields: dict[str, object]
) -> None:
    capsule = sealed(fidelity=fidelity)
    if fields.items() <= capsule.model_dump().items():
        assert unseal(altered(capsule, **fields), LIMIT) == unseal(capsule, LIMIT)
        return
    with pytest.raises(CapsuleError, match=f"{next(iter(fields))} is not what the payload says"):
        unseal(altered(capsule, **fields), LIMIT)


@pytest.mark.parametrize("version", [2, 3, 99])
def test_another_version_is_refused_by_its_number(version: int) -> None:
    with pytest.raises(CapsuleError, match=f"version {version} is unknown.*reads version 1"):
        unseal(altered(sealed(), version=version), LIMIT)


@pytest.mark.parametrize("codec", ["brotli-11", "brotli-11-p1", "lzma", ""])
def test_another_codec_is_refused(codec: str) -> None:
    with pytest.raises(CapsuleError, match=r"codec is unknown.*reads zstd"):
        unseal(altered(sealed(), codec=codec), LIMIT)


@pytest.mark.parametrize(
    "fields", [{"version": 2}, {"version": 2, "codec": "brotli-11-p1"}, {"version": 1, "codec": "brotli-11"}]
)
def test_a_capsule_of_release_0_1_0_is_refused_as_one(fields: dict[str, object]) -> None:
    payload = (
        "Aa3ATwMvEVVykMOPcC1JjyeADHNtb2xsbTI6MTM1bQEyVGhlIHB1bXAgUC0xNyBmYWlsZWQgYXQgMTQ6MzUuIE5vYm9keSB3YXMgaHVydC4A"
    )
    with pytest.raises(CapsuleError, match=r"0\.1\.0"):
        unseal(Capsule.model_validate({"payload": payload} | fields), LIMIT)


@pytest.mark.parametrize("field", ["extra", "payload2"])
def test_a_capsule_with_an_unknown_field_is_refused(field: str) -> None:
    with pytest.raises(ValidationError):
        altered(sealed(), **{field: 1})


@pytest.mark.parametrize("number", [1, 1.0])
def test_a_whole_number_may_be_written_with_a_decimal_point(number: float) -> None:
    source = {"sha256": SHA256, "bytes": len(TEXT) * number, "tokens": 60 * number}
    assert unseal(altered(sealed(), version=number, source=source), LIMIT).source == TEXT


@pytest.mark.parametrize("version", [1.5, "1", None, True])
def test_a_version_that_is_no_whole_number_is_refused(version: object) -> None:
    with pytest.raises(ValidationError, match="version"):
        altered(sealed(), version=version)


# Bounds


@pytest.mark.parametrize("capsule", [sealed(), Capsule(version=1, payload=sealed().payload)])
def test_a_source_over_the_limit_is_refused_and_one_at_it_is_not(capsule: Capsule) -> None:
    assert unseal(capsule, len(TEXT)).source == TEXT
    with pytest.raises(CapsuleError, match=f"source.bytes is {len(TEXT)}, over the limit of {len(TEXT) - 1} bytes"):
        unseal(capsule, len(TEXT) - 1)


def test_a_source_and_a_summary_that_are_both_at_the_limit_are_opened() -> None:
    text = "".join(f"{number} pumps failed.\n" for number in range(1000))
    content = unseal(sealed(text, text.upper()), len(text))
    assert (content.source, content.summary) == (text, text.upper())


def test_a_semantic_capsule_of_a_source_over_the_limit_is_refused_as_well() -> None:
    with pytest.raises(CapsuleError, match="over the limit"):
        unseal(sealed(fidelity="semantic"), len(TEXT) - 1)


# The payload


@given(TEXTS, TEXTS, st.text(max_size=40), st.integers(0, 2**40), st.booleans())
def test_a_payload_comes_back_as_it_was(text: str, summary: str, model: str, tokens: int, is_exact: bool) -> None:
    encoded = text.encode()
    source = text if is_exact else None
    payload = Payload(model, "3", source, summary, len(encoded), tokens, hashlib.sha256(encoded).digest())
    assert unpack(pack(payload), LIMIT) == payload


def test_a_summary_over_the_limit_is_refused_before_it_is_decoded() -> None:
    payload = Payload("m", "3", None, "a" * LIMIT, 10, 1, bytes(32))
    with pytest.raises(PayloadError, match="declares 1048580 bytes, more than the 5106 that the capsule allows"):
        unpack(pack(payload), 1010)


@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        ("utf8.txt", "9a2c2dfa01b77e1f9e31d4ebda655559f7d644712ad02f37defc0694c6209b71"),
        ("utf8.tables", "913eab9ea250a3fef994638810c09a89e2fc02109280fbd93aee095ff5a132a2"),
        ("utf16.txt", "fd8ba835b238f178df7163ca272359617300b95e2a3358418d508cee21c95627"),
        ("utf16.tables", "b3cc4406fd1df4d7ff0a658c3b78a21d8d4692ec43ff6f93ef6383fab470d5d3"),
    ],
)
def test_the_dictionaries_stay_as_they_are_because_every_capsule_needs_them(name: str, sha256: str) -> None:
    assert hashlib.sha256(DATA.joinpath(name).read_bytes()).hexdigest() == sha256


PAYLOADS = {
    "utf-8": "e4pfrAP5y5kBjAY8YEUCxQEAyAwBM4wGdW1wIFAtMTc0OjM1YXNJZWQuDQoK/PAIuh8IqDWwBXwZ8nWyBhGVzGaNGQp9fdB1owI=",
    "utf-16": "Mbi0zJHh77AD0gQ8YO0ARQEAqAxzbW9sbG0yOjEzNW0BM4wDhHYCMAXwrU/FYpcyHo6N91AviQQ+AQ==",
}


@pytest.mark.parametrize(
    ("encoding", "text"), [("utf-8", TEXT), ("utf-16", "这座城市的人口超过三百万，是重要的工业中心。" * 9)]
)
def test_a_capsule_that_was_written_once_stays_readable(encoding: str, text: str) -> None:
    assert unseal(Capsule(version=1, payload=PAYLOADS[encoding]), LIMIT).source == text
