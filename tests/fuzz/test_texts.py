"""The fact finder and the capsule decoder on texts and bytes that aim at their worst.

Here in short, by how time grows; `make fuzz` does the same at 1 MB, against the clock and with more examples.
"""

import base64
import math
import os
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.capsule.format import Capsule, CapsuleError, seal, unseal
from app.compression.compressor import CompressOptions, compress_extractive
from app.summary.check import judge
from app.summary.draft import split_draft
from app.summary.evidence import Evidence
from app.text.document import read
from app.text.facts import find_facts
from app.text.language import Language
from tests.fuzz.shapes import SHAPES
from tests.security.forging import NAMES, capsule, declaring, frame_of, string

EXAMPLES = int(os.environ.get("CONDENSER_FUZZ_EXAMPLES", "100"))
SMALL, FACTOR = 9_000, 4  # over the size of texts whose tokens are remembered
# Four times the text may take four times as long, and twice that where the machine is busy; a square would take 16.
MOST_GROWTH = 10.0
SHORTEST_S = 0.004  # below it what is measured is the machine
RUNS = 3  # at most; a second only where the first seems to grow too fast

STREAMS = st.binary(max_size=400) | st.lists(st.sampled_from(range(256)), max_size=400).map(bytes)


TEXT = "The pump P-17 failed at 14:35. Nobody was hurt. It is repaired.\n" * 8
SEALED = seal(TEXT, "The pump P-17 failed.", fidelity="exact", tokens=60, model="m", prompt_version="1")


def cpu_s(work: Callable[[], object]) -> float:
    """The processor time of a run."""
    started = time.process_time()
    work()
    return time.process_time() - started


def growth(work: Callable[[str], object], small: str, large: str) -> Iterator[float]:
    """How many times as long `work` takes on `large`, by more and more runs: other work only makes a run longer."""
    work(small)  # what is compiled and remembered at the first run is not measured
    before = after = math.inf
    for _ in range(RUNS):
        before = min(before, cpu_s(lambda: work(small)))
        after = min(after, cpu_s(lambda: work(large)))
        yield after / max(SHORTEST_S, before)


def facts_of(text: str) -> None:
    """Find the facts of a text."""
    find_facts(text, Language("en"))


def shortened(text: str) -> None:
    """Read a text, choose of it, report and seal."""
    compress_extractive(CompressOptions(text, target_ratio=0.4))


def judged(text: str) -> None:
    """Hold a true, a false and a hostile draft against a text."""
    evidence = Evidence(read(text))
    for sentence in split_draft(f"The ferry to Tallinn leaves on Monday.\nIt is not 3.2% at 10:30.\n{text[:500]}"):
        judge(sentence, evidence)


@pytest.mark.parametrize("work", [facts_of, shortened, judged])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_time_grows_as_the_text_does(shape: str, work: Callable[[str], None]) -> None:
    small, large = SHAPES[shape](SMALL), SHAPES[shape](SMALL * FACTOR)
    assert any(times < MOST_GROWTH for times in growth(work, small, large))


@pytest.mark.parametrize("shape", SHAPES)
def test_any_shape_of_text_can_be_compressed(shape: str) -> None:
    text = SHAPES[shape](2_000)
    result = compress_extractive(CompressOptions(text, target_ratio=0.3))
    assert unseal(result.capsule, 2**20).source == text
    if any(block.form for block in read(text).blocks):
        return  # rendered by its form, which the tests of the kinds are about
    for passage in result.report.passages:
        (source,) = passage.source
        assert text[source.start : source.end] == result.text[passage.start : passage.end]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.sampled_from(sorted(SHAPES)), max_size=5), st.integers(1, 120))
def test_shapes_in_any_order_can_be_compressed(shapes: list[str], size: int) -> None:
    text = "".join(SHAPES[shape](size) for shape in shapes)
    result = compress_extractive(CompressOptions(text, target_ratio=0.3))
    assert unseal(result.capsule, 2**20).source == text


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.binary(max_size=600))
def test_any_bytes_in_a_capsule_are_refused_or_opened(payload: bytes) -> None:
    opens(Capsule(version=1, payload=base64.b64encode(payload).decode()))


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(0, 3),
    st.integers(0, 2**21),
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
    STREAMS,
    st.booleans(),
)
def test_any_stream_under_a_right_check_value_is_refused_or_opened(
    flags: int, declared: int, source: bytes, stream: bytes, is_consistent: bool
) -> None:
    if is_consistent:
        declared, stream = len(source), NAMES + string(source) + stream
    opens(capsule(frame_of(stream), declared, source, flags=flags))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 3), st.integers(0, 2**21), STREAMS)
def test_any_frame_under_a_right_check_value_is_refused_or_opened(flags: int, declared: int, frame: bytes) -> None:
    opens(capsule(frame, declared, flags=flags))
    opens(capsule(b"\x20\x40" + frame, declared, flags=flags))  # it declares 64 bytes


@settings(max_examples=EXAMPLES, deadline=None)
@given(STREAMS, st.integers(0, 2**40))
def test_a_frame_that_declares_another_size_than_it_has_is_refused(stream: bytes, size: int) -> None:
    made = capsule(declaring(NAMES + stream, size), 2**20)
    assert size == len(NAMES + stream) or not opens(made)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.data())
def test_a_sealed_capsule_with_any_bytes_changed_is_refused(data: st.DataObject) -> None:
    payload = bytearray(base64.b64decode(SEALED.payload))
    places = data.draw(st.dictionaries(st.integers(0, len(payload) - 1), st.integers(1, 255), min_size=1, max_size=8))
    for at, change in places.items():
        payload[at] ^= change
    changed = SEALED.model_copy(update={"payload": base64.b64encode(payload).decode()})
    with pytest.raises(CapsuleError):
        unseal(changed, 2**20)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=300) | st.text(st.sampled_from("ABCDwxyz0189+/=-_ \n"), max_size=300), st.integers(1, 3))
def test_any_payload_string_and_version_is_refused_or_opened(payload: str, version: int) -> None:
    opens(Capsule(version=version, payload=payload))


def opens(capsule: Capsule) -> bool:
    try:
        unseal(capsule, 2**20)
    except CapsuleError:
        return False
    return True
