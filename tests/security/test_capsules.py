"""Capsules that lie: each is opened or refused, and costs no more memory than what it declares and may declare."""

import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import zstandard

from app.capsule.format import Capsule, CapsuleError, declared_bytes, unseal
from tests.security.forging import EXACT, NAMES, UTF16, capsule, declaring, exact, frame_of, number, string
from tests.unit.service import answer, ollama, running

MEGABYTE = 1_048_576
LIMIT = MEGABYTE  # CONDENSER_MAX_TEXT_BYTES where it is not set
MEMORY_FACTOR = 10  # of the declared size: stream, source and summary, with four bytes for a wide character
FLAT = b"a" * MEGABYTE
WIDE = ("a" * (MEGABYTE - 4) + "\U0001f600").encode()


# What may be taken for it, and a capsule that tries to cost more than that.
LIES: dict[str, tuple[int, Callable[[], Capsule]]] = {
    "200 MB in a source of 10 bytes": (10, lambda: capsule(frame_of(NAMES + bytes(200 * MEGABYTE)), 10)),
    "200 MB in a source of 1 MB": (10, lambda: capsule(frame_of(NAMES + bytes(200 * MEGABYTE)), MEGABYTE)),
    "200 MB in a summary": (10, lambda: capsule(frame_of(NAMES + bytes(200 * MEGABYTE)), MEGABYTE, flags=0)),
    "200 MB in a frame that declares 10 bytes": (10, lambda: capsule(declaring(bytes(200 * MEGABYTE), 10), 10)),
    "200 MB in a frame that declares 1 MB": (
        MEGABYTE,
        lambda: capsule(declaring(bytes(200 * MEGABYTE), MEGABYTE), MEGABYTE),
    ),
    "200 MB in a frame that does not declare its size": (
        10,
        lambda: capsule(frame_of(bytes(200 * MEGABYTE), declares_size=False), MEGABYTE),
    ),
    "10 bytes in a frame that declares 2^60": (10, lambda: capsule(declaring(b"a" * 10, 2**60), MEGABYTE)),
    "10 bytes in a frame that declares all that it may": (
        2 * MEGABYTE,
        lambda: capsule(declaring(b"a" * 10, 2 * MEGABYTE), MEGABYTE),
    ),
    "a window of 128 MB": (
        MEGABYTE,
        lambda: capsule(b"\x80" + bytes([17 << 3]) + MEGABYTE.to_bytes(4, "little") + b"\x01\0\0", MEGABYTE),
    ),
    "a summary of wide characters as long as the source": (
        2 * MEGABYTE,
        lambda: exact(FLAT, "\U0001f600".encode() * (MEGABYTE // 4)),
    ),
    "four bytes of memory for a character": (2 * MEGABYTE, lambda: exact(WIDE, WIDE)),
    "the same, semantic": (MEGABYTE, lambda: capsule(frame_of(NAMES + WIDE), MEGABYTE, WIDE, flags=0)),
    "the same in UTF-16": (
        2 * MEGABYTE,
        lambda: capsule(
            frame_of(NAMES + string(WIDE.decode().encode("utf-16-le"))), MEGABYTE, WIDE, flags=EXACT | UTF16
        ),
    ),
    "a name of a megabyte": (MEGABYTE, lambda: capsule(frame_of(number(MEGABYTE) + FLAT), MEGABYTE)),
    "a name that is longer than all": (10, lambda: capsule(frame_of(number(2**42) + b"a"), 10)),
    "a source that is not there": (10, lambda: capsule(frame_of(NAMES), MEGABYTE, FLAT)),
    "a source that is longer than all": (10, lambda: capsule(frame_of(NAMES + number(2**42) + b"a"), MEGABYTE)),
}


def peak_bytes(made: Capsule) -> int:
    """Memory taken at most while a capsule is opened or refused."""
    tracemalloc.start()
    try:
        unseal(made, LIMIT)
    except CapsuleError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


@pytest.mark.parametrize("lie", LIES)
def test_a_capsule_costs_a_few_times_the_memory_that_it_declares_at_most(lie: str) -> None:
    declared, make = LIES[lie]
    made = make()
    assert len(made.payload) < 30_000
    assert peak_bytes(made) < MEMORY_FACTOR * declared + 200_000  # the payload itself, and the objects around it


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_what_the_decoder_takes_outside_of_python_is_bounded_as_well() -> None:
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
    assert int(grown.stdout) < MEMORY_FACTOR * MEGABYTE + 16 * MEGABYTE


@pytest.mark.parametrize("declared", [LIMIT + 1, 2**40, 2**42 - 1])
@pytest.mark.parametrize("flags", [0, EXACT])
def test_a_capsule_that_declares_more_than_is_allowed_is_refused_before_it_is_decoded(
    declared: int, flags: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.capsule.codec.zstandard.ZstdDecompressor", None)
    with pytest.raises(CapsuleError, match="over the limit of 1048576 bytes"):
        unseal(capsule(frame_of(NAMES + b"\x01a"), declared, b"a", flags=flags), LIMIT)


def test_a_stream_that_declares_more_than_source_and_summary_may_have_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.capsule.codec.zstandard.ZstdDecompressor", None)
    with pytest.raises(CapsuleError, match="declares 209715210 bytes, more than the 2101248 that the capsule allows"):
        unseal(capsule(frame_of(NAMES + bytes(200 * MEGABYTE)), MEGABYTE), LIMIT)


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (capsule(frame_of(NAMES + string(b"abc")), 3, b"abd"), "the check value differs"),
        (capsule(frame_of(NAMES + string(b"abc")), 2, b"abc"), "does not have the size"),
        (capsule(frame_of(NAMES + string(b"abc")), 4, b"abc"), "does not have the size"),
        (capsule(frame_of(NAMES + b"\x04abc"), 4, b"abc"), "cut"),
        (capsule(frame_of(NAMES), 3, b"abc"), "cut"),
        (capsule(frame_of(b""), 3, b"abc"), "cut"),
        (capsule(frame_of(NAMES + string(b"\xff\xfe")), 2, b"\xff\xfe"), "not UTF-8"),
        (capsule(frame_of(NAMES + string(b"\xed\xa0\x80")), 3, b"\xed\xa0\x80"), "not UTF-8"),
        (capsule(frame_of(NAMES + b"\xff"), 3, b"abc", flags=0), "not UTF-8"),
        (capsule(frame_of(NAMES + string(b"\0\xd8")), 3, flags=EXACT | UTF16), "not UTF-16"),
        (capsule(frame_of(NAMES + string(b"a")), 3, flags=EXACT | UTF16), "not UTF-16"),
        (capsule(frame_of(string(b"\xff") + string(b"1")), 0), "not UTF-8"),
        (capsule(frame_of(NAMES + b"\xff" * 9), 3, b"abc"), "number that is too large"),
        (capsule(frame_of(NAMES + string(b"abc")) + b"more", 3, b"abc"), "can't be decoded"),
        (
            capsule(frame_of(NAMES + string(b"abc")) + b"\x28\xb5\x2f\xfd" + frame_of(b"b"), 3, b"abc"),
            "can't be decoded",
        ),
        (capsule(frame_of(NAMES + string(b"abc"))[:-1], 3, b"abc"), "can't be decoded"),
        (capsule(declaring(NAMES + string(b"abc"), 13), 3, b"abc"), "can't be decoded"),
        (capsule(frame_of(NAMES, declares_size=False), 3, b"abc"), "does not declare its size"),
        (capsule(b"", 3, b"abc"), "does not declare its size"),
        (capsule(b"\xff" * 40, 3, b"abc"), "can't be decoded|does not declare|more than"),
        (capsule(b"", 3, b"abc", flags=4), "flags that this service does not know"),
        (exact(b"abc").model_copy(update={"version": 99}), "version 99 is unknown"),
    ],
)
def test_a_capsule_that_lies_under_a_right_check_value_is_refused_with_what_is_wrong(made: Capsule, why: str) -> None:
    with pytest.raises(CapsuleError, match=why):
        unseal(made, LIMIT)


def test_a_made_up_capsule_that_is_consistent_is_opened_because_anybody_may_write_one() -> None:
    assert unseal(exact(b"abc", b"ab"), LIMIT).source == "abc"


def test_a_frame_for_another_dictionary_is_refused() -> None:
    dice = random.Random(1)
    words = [dice.randbytes(6).hex() for _ in range(500)]
    samples = [" ".join(dice.choices(words, k=40)).encode() for _ in range(300)]
    other = zstandard.train_dictionary(4096, [*samples])
    frame = zstandard.ZstdCompressor(dict_data=other).compress(NAMES + string(samples[0]))[4:]
    with pytest.raises(CapsuleError, match="can't be decoded"):
        unseal(capsule(frame, len(samples[0]), samples[0]), LIMIT)


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
            for source in (FLAT[:300_000], b"abc"):
                assert declared_bytes(exact(source)) >= len(source)
                sent = {"capsule": exact(source).model_dump()}
                assert (await client.post("/reconstruct", json=sent)).json()["text"] == source.decode()
    assert threads == [False, True]


@pytest.mark.anyio
async def test_a_batch_of_small_capsules_of_large_texts_is_bounded_as_a_whole() -> None:
    items = [{"capsule": exact(FLAT).model_dump()}] * 100
    with ollama(httpx.Response(200, json=answer("A ferry."))):
        async with running(max_body_bytes=5_000_000) as client:
            response = await client.post("/batch", json={"operation": "reconstruct", "items": items})
    assert response.status_code == 413
    assert "application/x-ndjson" in response.json()["detail"]
