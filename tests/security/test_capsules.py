"""Capsules that lie: each is opened or refused, and costs no more memory than what it declares and may declare."""

import base64
import hashlib
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import brotli
import httpx
import pytest

from app.capsule.codecs import BROTLI, PRIMED
from app.capsule.format import Capsule, CapsuleError, unseal
from app.capsule.payload import Head, check_value, number, pack_head, string
from tests.unit.service import answer, ollama, running

MEGABYTE = 1_048_576
LIMIT = MEGABYTE  # CONDENSER_MAX_TEXT_BYTES where it is not set
MEMORY_FACTOR = 20  # of the declared size: stream, source and summary, with four bytes for a wide character
NAMES = string("a-model") + string("1")
FLAT = b"a" * MEGABYTE
WIDE = ("a" * (MEGABYTE - 4) + "\U0001f600").encode()


def sha256(source: bytes) -> bytes:
    return hashlib.sha256(source).digest()


def capsule(stream: bytes, declared: int, source: bytes = b"", *, is_exact: bool = True) -> Capsule:
    """A capsule with a right check value around whatever it holds."""
    head = pack_head(Head(is_exact, BROTLI, declared, 10, sha256(source)))
    body = head + brotli.compress(stream, quality=5, lgwin=24)
    return Capsule(version=2, payload=base64.b64encode(check_value(body) + body).decode())


def slices(source: bytes, pieces: bytes) -> Capsule:
    return capsule(NAMES + source + pieces, len(source), source)


# What it declares, and a capsule that tries to cost more than that.
LIES: dict[str, tuple[int, Callable[[], Capsule]]] = {
    "200 MB said to be 10 bytes": (10, lambda: capsule(NAMES + bytes(200 * MEGABYTE), 10)),
    "200 MB said to be 1 MB": (MEGABYTE, lambda: capsule(NAMES + bytes(200 * MEGABYTE), MEGABYTE)),
    "200 MB said to be 1 MB, semantic": (
        MEGABYTE,
        lambda: capsule(NAMES + bytes(200 * MEGABYTE), MEGABYTE, is_exact=False),
    ),
    "a million empty slices": (MEGABYTE, lambda: slices(FLAT, b"\x01\x00" * MEGABYTE)),
    "half a million slices of a character": (
        MEGABYTE,
        lambda: slices(FLAT, (number(1) + number(1)) * (MEGABYTE // 2)),
    ),
    "a million empty sentences": (MEGABYTE, lambda: slices(FLAT, b"\x00\x00" * MEGABYTE)),
    "the whole source a hundred times": (
        MEGABYTE,
        lambda: slices(FLAT, b"\x01" + number(MEGABYTE) + (number(2 * MEGABYTE) + number(MEGABYTE)) * 99),
    ),
    "a sentence of wide characters as long as the source": (
        MEGABYTE,
        lambda: slices(FLAT, b"\x00" + string("\U0001f600" * MEGABYTE)),
    ),
    "four bytes of memory for a character": (MEGABYTE, lambda: slices(WIDE, b"\x01" + number(MEGABYTE - 3))),
    "the same, semantic": (MEGABYTE, lambda: capsule(NAMES + WIDE, MEGABYTE, WIDE, is_exact=False)),
    "a name of a megabyte": (10, lambda: capsule(number(MEGABYTE) + FLAT, 10)),
    "a name that is longer than all": (10, lambda: capsule(number(2**42) + b"a", 10)),
    "a source that is not there": (MEGABYTE, lambda: capsule(NAMES, MEGABYTE, FLAT)),
}


def peak_bytes(make: Capsule) -> int:
    """Memory taken at most while a capsule is opened or refused."""
    tracemalloc.start()
    try:
        unseal(make, LIMIT)
    except CapsuleError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("lie", LIES)
def test_a_small_capsule_costs_a_few_times_the_memory_that_it_declares_at_most(lie: str) -> None:
    declared, make = LIES[lie]
    made = make()
    assert len(made.payload) < 10_000
    assert peak_bytes(made) < MEMORY_FACTOR * declared + 200_000  # Brotli's buffer, and the objects around it


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_brotli_takes_outside_of_python_is_bounded_as_well() -> None:
    script = """
import resource
from app.capsule.format import CapsuleError, unseal
from tests.security.test_capsules import LIES, LIMIT
made = [make() for _, make in LIES.values()]
def resident():
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1]) * 1024
open("/proc/self/clear_refs", "w").write("5")  # the peak starts anew
before = resident()
for capsule in made:
    try:
        unseal(capsule, LIMIT)
    except CapsuleError:
        pass
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) * 1024
print(peak - before)
"""
    root = Path(__file__).parents[2]
    grown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root)
    assert int(grown.stdout) < MEMORY_FACTOR * MEGABYTE + 16 * MEGABYTE  # Brotli's largest window


@pytest.mark.parametrize("declared", [LIMIT + 1, 2**40, 2**42 - 1])
def test_a_capsule_that_declares_more_than_is_allowed_is_refused_before_it_is_decoded(
    declared: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.capsule.codecs.brotli.Decompressor", None)
    with pytest.raises(CapsuleError, match="over the limit of 1048576 bytes"):
        unseal(capsule(NAMES + b"a", declared), LIMIT)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (capsule(NAMES + b"abc", 3, b"abd"), "SHA-256"),
        (capsule(NAMES + b"abc", 2, b"abc"), "SHA-256"),
        (capsule(NAMES + b"abc", 4, b"abc"), "cut"),
        (capsule(NAMES + b"abcd", 3, b"abcd", is_exact=False), "longer than the source"),
        (capsule(NAMES + b"\xff\xfe", 2, b"\xff\xfe"), "not UTF-8"),
        (capsule(NAMES + b"abc\x01\x04", 3, b"abc"), "outside of the source"),
        (capsule(NAMES + b"abc\x02\x01", 3, b"abc"), "outside of the source"),
        (capsule(NAMES + b"abc\x00\x04abcd", 3, b"abc"), "longer than the source"),
        (capsule(NAMES + b"abc\x00", 3, b"abc"), "cut"),
        (capsule(NAMES + b"abc" + b"\xff" * 9, 3, b"abc"), "number that is too large"),
        (capsule(NAMES, 3).model_copy(update={"version": 99}), "newer"),
    ],
)
def test_a_capsule_that_lies_about_size_hash_or_pieces_is_refused_with_what_is_wrong(made: Capsule, why: str) -> None:
    with pytest.raises(CapsuleError, match=why):
        unseal(made, LIMIT)


def test_a_codec_that_is_not_the_one_it_names_is_refused() -> None:
    head = pack_head(Head(True, PRIMED, 3, 1, sha256(b"abc")))
    body = head + brotli.compress(NAMES + b"abc")
    with pytest.raises(CapsuleError):
        unseal(Capsule(version=2, payload=base64.b64encode(check_value(body) + body).decode()), LIMIT)


@pytest.mark.parametrize("codec_number", [0, 5, 100, 127])
def test_an_unknown_codec_or_dictionary_is_refused_by_its_number(codec_number: int) -> None:
    body = bytes([codec_number << 1 | 1]) + pack_head(Head(True, BROTLI, 3, 1, sha256(b"abc")))[1:] + b"abc"
    with pytest.raises(CapsuleError, match=f"codec, number {codec_number}, is unknown"):
        unseal(Capsule(version=2, payload=base64.b64encode(check_value(body) + body).decode()), LIMIT)


@pytest.mark.anyio
async def test_a_small_capsule_of_a_large_source_is_opened_beside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads: list[bool] = []

    def watched(made: Capsule, limit: int) -> object:
        threads.append(threading.current_thread() is threading.main_thread())
        return unseal(made, limit)

    monkeypatch.setattr("app.compression.reconstructor.unseal", watched)
    with ollama(httpx.Response(200, json=answer("A ferry."))):
        async with running() as client:
            for source in (FLAT[:100_000], b"abc"):
                sent = {"capsule": slices(source, b"").model_dump()}
                assert (await client.post("/reconstruct", json=sent)).json()["text"] == source.decode()
    assert threads == [False, True]


@pytest.mark.anyio
async def test_a_batch_of_small_capsules_of_large_texts_is_bounded_as_a_whole() -> None:
    items = [{"capsule": slices(FLAT, b"").model_dump()}] * 100
    with ollama(httpx.Response(200, json=answer("A ferry."))):
        async with running(max_body_bytes=5_000_000) as client:
            response = await client.post("/batch", json={"operation": "reconstruct", "items": items})
    assert response.status_code == 413
    assert "application/x-ndjson" in response.json()["detail"]
