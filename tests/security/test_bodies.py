"""Hostile bodies: what they may cost is bounded before they are parsed, and each gets a problem that says why."""

import asyncio
import base64
import contextlib
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import strict_json
from tests.unit.service import TEXT, answer, ollama, running

pytestmark = pytest.mark.anyio

CHAT = httpx.Response(200, json=answer("A ferry leaves at 07:45."))
JSON = {"content-type": "application/json"}
MEGABYTE = 1_000_000


async def post(content: bytes, headers: dict[str, str] | None = None, path: str = "/compress") -> httpx.Response:
    with ollama(CHAT):
        async with running() as client:
            return await client.post(path, content=content, headers=JSON | (headers or {}))


# JSON


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[" * 100_000, "values"),
        (b"[" * 50_000, "nested too deeply"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b'{"text": "a", "x": ' + b"[" * 900 + b"]" * 900 + b"}", "x: no such field"),
        (b'{"text": "a", "target_ratio": 1e999999}', "1e999999 is too large"),
        (b'{"text": "a", "target_ratio": -1e999999}', "too large"),
        (b'{"text": "a", "target_ratio": 1e-999999}', "target_ratio: Input should be greater"),
        (b'{"text": "a", "target_ratio": ' + b"9" * 100_000 + b"}", "an integer of 100000 characters is too large"),
        (b'{"text": "a", "target_ratio": 0.' + b"3" * 100_000 + b"}", ""),
        (b'{"text": "a", "timeout_s": -' + b"9" * 4000 + b"}", "an integer of 4001 characters is too large"),
        (b'{"text": "a", "target_ratio": NaN}', "NaN is not JSON"),
        (b'{"text": "a", "target_ratio": Infinity}', "Infinity is not JSON"),
        (b'{"text": "a", "target_ratio": -Infinity}', "-Infinity is not JSON"),
        (b'{"text": "a", "text": "b"}', "text occurs twice"),
        (b'{"text": "a", "x": {"y": 1, "y": 1}}', "y occurs twice"),
        (b'{"text": "a", "te\\u0078t": "b"}', "text occurs twice"),
        (b'{"text": "\xff"}', "byte 10 is not UTF-8"),
        (b'{"text": "\xed\xa0\x80"}', "not UTF-8"),
        (b'{"text": "\xc0\xaf"}', "not UTF-8"),
        ('{"text": "a"}'.encode("utf-16"), "not UTF-8"),
        ('{"text": "a"}'.encode("utf-32-le"), "not JSON"),
        (rb'{"text": "a\ud800"}', "text: has a lone surrogate"),
        (rb'{"text": "a", "must_keep": ["\udc00"]}', "must_keep.0: has a lone surrogate"),
        (rb'{"text": "a", "\ud800": 1}', "has a lone surrogate"),
        (b'{"text": "a\x00b"}', "not JSON"),
        (b'{"text": "a"} {"text": "b"}', "not JSON"),
        (b"\x00", "not JSON"),
    ],
)
async def test_a_hostile_json_body_is_a_422_that_says_why(body: bytes, why: str) -> None:
    response = await post(body)
    if not why:
        assert response.status_code == 200
        return
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    assert why in response.json()["detail"]
    assert len(response.content) < 2000


async def test_a_text_with_a_zero_character_a_byte_order_mark_and_every_plane_is_a_text() -> None:
    response = await post(b"\xef\xbb\xbf" + '{"text": "\\u0000 \\ud83d\\ude00 \U0010ffff"}'.encode())
    assert response.status_code == 200


BOMBS = {
    "empty lists": (b"[" + b"[]," * 2_000_000 + b"[]]", JSON),
    "empty objects": (b"[" + b"{}," * 2_000_000 + b"{}]", JSON),
    "numbers": (b"[" + b"1234567," * 1_000_000 + b"1]", JSON),
    "empty strings": (b"[" + b'"",' * 2_000_000 + b'""]', JSON),
    "strings of commas": (b"[" + b'",",' * 2_000_000 + b'""]', JSON),
    "strings of commas without end": (b'",' * 3_000_000, JSON),
    "one name again and again": (b"{" + b'"a":1,' * MEGABYTE + b'"a":1}', JSON),
}


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("kind", BOMBS)
async def test_a_body_of_millions_of_values_is_refused_before_they_are_made(kind: str, traced: None) -> None:
    content, headers = BOMBS[kind]
    with ollama(CHAT):
        async with running() as client:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            response = await client.post("/batch", content=content, headers=headers)
            peak = tracemalloc.get_traced_memory()[1]
    assert response.status_code == 422
    assert "more than 64128 values" in response.json()["detail"]
    assert peak - before < 3 * len(content)  # its bytes as they come, joined, and in the request


async def test_a_text_of_brackets_and_commas_is_no_bomb() -> None:
    text = '[{"a": [1, 2, {}]}], ' * 10_000
    with ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", json={"text": text, "method": "extractive"})
    assert response.status_code == 200


@given(st.recursive(st.none() | st.integers(-99, 99) | st.text('a"\\[{, ', max_size=6), lambda inner: st.lists(inner)))
def test_values_are_counted_as_the_parser_sees_them(value: object) -> None:
    def count(inner: object) -> int:
        return 1 + sum(count(value) for value in inner) if isinstance(inner, list) else 1

    content = json.dumps(value).encode()
    assert strict_json.loads(content, 2 * count(value)) == value
    if count(value) > 2:
        with pytest.raises(ValueError, match="more than"):
            strict_json.loads(content, count(value) // 3)


@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_a_value_error(content: bytes) -> None:
    with contextlib.suppress(ValueError):
        strict_json.loads(content, 1000)


# Encodings, size, time

PACKED = {
    "gzip": gzip.compress(b'{"text": "' + b"a" * 100 * MEGABYTE + b'"}'),
    "deflate": zlib.compress(b'{"text": "a"}'),
    "br": base64.b64decode("CwaAeyJ0ZXh0IjogImEifQM="),
    "gzip, gzip": gzip.compress(gzip.compress(b'{"text": "a"}')),
    "x-unknown": b'{"text": "a"}',
}


@pytest.mark.parametrize("encoding", PACKED)
async def test_a_compressed_body_is_a_415_whatever_is_in_it(encoding: str) -> None:
    response = await post(PACKED[encoding], {"content-encoding": encoding})
    assert response.status_code == 415
    assert response.headers["accept-encoding"] == "identity"


async def test_a_compressed_body_that_does_not_say_so_is_a_422() -> None:
    assert (await post(PACKED["gzip"])).status_code == 422


async def test_identity_is_no_compression() -> None:
    assert (await post(b'{"text": "a"}', {"content-encoding": "identity"})).status_code == 200


@pytest.mark.parametrize("length", ["33554433", "9" * 19, "9" * 5000])
async def test_a_body_that_says_it_is_too_large_is_not_read(length: str) -> None:
    reads = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal reads
        reads += 1
        yield b"{"

    with ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", content=body(), headers=JSON | {"content-length": length})
    assert (response.status_code, reads) == (413, 0)


async def test_a_body_of_unknown_size_is_read_no_further_than_the_limit() -> None:
    reads = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal reads
        while True:
            reads += 1
            yield b" " * 1000

    with ollama(CHAT):
        async with running(max_body_bytes=10_000) as client:
            response = await client.post("/compress", content=body(), headers=JSON)
    assert response.status_code == 413
    assert "CONDENSER_MAX_BODY_BYTES" in response.json()["detail"]
    assert reads == 11


async def test_a_body_that_does_not_come_in_time_is_a_408() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.Event().wait()

    with ollama(CHAT):
        async with running(body_timeout_s=0.05) as client:
            response = await client.post("/compress", content=body(), headers=JSON)
    assert response.status_code == 408
    assert "CONDENSER_BODY_TIMEOUT_S" in response.json()["detail"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_what_a_web_page_may_send_without_asking_is_not_taken_for_json(kind: str) -> None:
    response = await post(b'{"text": "a"}', {"content-type": kind})
    assert response.status_code == 422
    assert TEXT not in response.text
