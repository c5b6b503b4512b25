"""Each fault of Ollama's: the right problem or a right result, nothing left over, and the next request works."""

import asyncio
import tracemalloc
from collections.abc import Callable, Iterator

import pytest

from tests.faults import behaviours as faults
from tests.faults.conftest import Running, Start
from tests.faults.faulty_ollama import Behaviour, Chat, FaultyOllama
from tests.unit.service import SUMMARY, TEXT

pytestmark = pytest.mark.anyio

BROKEN: list[tuple[str, Behaviour, int, str, str]] = [
    ("reset at once", faults.resets_at_once, 502, "unreachable", "the connection to http://127.0.0.1"),
    ("reset mid-body", faults.resets_mid_body, 502, "unreachable", "the connection to http://127.0.0.1"),
    ("closed mid-body", faults.closes_mid_body, 502, "unreachable", "payload is not completed"),
    ("no HTTP", faults.speaks_no_http, 502, "unreachable", "the connection to http://127.0.0.1"),
    ("500", faults.fails(500, "llama runner process has terminated"), 502, "failed", "runner process has terminated"),
    ("404 model", faults.fails(404, "model 'm' not found"), 404, "model_not_found", "ollama pull"),
    ("400", faults.fails(400, "invalid option"), 502, "rejected", "invalid option"),
    ("302", faults.replies(b"", 302), 502, "rejected", "answered 302"),
    ("error under 200", faults.replies({"error": "CUDA error"}), 502, "failed", "CUDA error"),
    ("half JSON", faults.replies(b'{"message": {"con'), 502, "failed", "not one of Ollama's"),
    ("wrong JSON", faults.replies(b'{"choices": [{"text": "hi"}]}'), 502, "failed", "not one of Ollama's"),
    ("deep JSON", faults.replies(b"[" * 50_000), 502, "failed", "not one of Ollama's"),
    ("lone surrogate", faults.replies(b'{"done": true, "message": {"content": "\\ud800"}}'), 502, "failed", "not one"),
    ("no UTF-8", faults.replies(b'{"done": true, "message": {"content": "\xff"}}'), 502, "failed", "not one"),
    ("nothing", faults.replies(b""), 502, "failed", "no message"),
    ("HTML", faults.replies(b"<html>502 Bad Gateway</html>", kind="text/html"), 502, "failed", "502 Bad Gateway"),
    ("not done", faults.says("A ferry.", done=False), 502, "failed", "done is false"),
    ("content is no text", faults.says("", message={"role": "assistant", "content": 7}), 502, "failed", "not one"),
]


@pytest.mark.parametrize(
    ("behaviour", "status", "kind", "message"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN]
)
async def test_a_broken_answer_is_a_problem_that_says_so_and_is_not_asked_for_twice(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour, status: int, kind: str, message: str
) -> None:
    upstream.behaviour = behaviour
    async with start() as service:
        response = await service.compress()
        assert (response.status_code, response.json()["type"]) == (status, f"urn:condenser:problem:{kind}")
        assert message in response.json()["detail"]
        assert len(upstream.chats) == 1


@pytest.mark.parametrize("behaviour", [faults.hangs_before_headers, faults.hangs_mid_body, faults.drips])
async def test_an_answer_that_does_not_come_is_a_504_at_the_deadline_and_its_call_is_cut(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour
) -> None:
    upstream.behaviour = behaviour
    async with start() as service:
        response = await service.compress(timeout_s=1.5 if behaviour is faults.drips else 0.2)
        assert (response.status_code, response.json()["type"]) == (504, "urn:condenser:problem:timeout")
        await upstream.chats[0].left.wait()
        assert len(upstream.chats) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t " * 20,
        "the the the the " * 24,
        "<think>Let me see. The ferry to Oslo leaves at 09:15 and costs 99 euros",
        "Ignore that. The ferry to Oslo leaves at 09:15 and costs 99 euros.",
        "\x00\x1b[31mThe ferry \u202e costs 99 euros.",
    ],
    ids=["empty", "only spaces", "endless repetition", "endless thinking", "all invented", "control characters"],
)
async def test_a_worthless_completion_leaves_a_result_of_the_texts_own_sentences(
    start: Start, upstream: FaultyOllama, text: str
) -> None:
    upstream.behaviour = faults.says(text, done_reason="length")
    async with start() as service:
        answered = (await service.compress()).json()
        assert answered["method"] in ("extractive", "verbatim")
        assert {passage["by"] for passage in answered["fidelity"]["passages"]} == {"source"}
        assert answered["fidelity"]["kept"] > 0
        for invented in ("the the", "Oslo", "09:15", "99", "\x00", "\x1b"):
            assert invented not in answered["compressed"]
        reconstructed = await service.client.post("/reconstruct", json={"capsule": answered["capsule"]})
        assert reconstructed.json()["text"] == TEXT


WRONG_COUNTS = [None, -1, 0, 10**18, "many", 1.5, [1]]


@pytest.mark.parametrize("count", WRONG_COUNTS)
async def test_counts_that_are_missing_or_can_not_be_are_estimated(
    start: Start, upstream: FaultyOllama, count: object
) -> None:
    upstream.behaviour = faults.says(SUMMARY, prompt_eval_count=count, eval_count=count)
    async with start() as service:
        answered = (await service.compress()).json()
        assert len(TEXT) / 6 < answered["usage"]["prompt_tokens"] < 2 * len(TEXT)
        assert len(SUMMARY) / 8 < answered["usage"]["completion_tokens"] < len(SUMMARY)
        assert answered["usage"]["calls"] == 1
        assert answered["cost"]["cloud_usd"] < 0.01


async def test_a_truncated_prompt_is_asked_again_in_parts(start: Start, upstream: FaultyOllama) -> None:
    def is_too_long(chat: Chat) -> bool:
        return len(chat.prompt) > 1600

    cut, whole = faults.says(SUMMARY, prompt_eval_count=512), faults.says(SUMMARY)
    upstream.behaviour = faults.when(is_too_long, cut, whole)
    text = TEXT + "".join(f" Pier {number} closes at noon." for number in range(90))
    async with start(num_ctx=512) as service:
        answered = (await service.compress(text)).json()
        assert answered["usage"]["calls"] >= 2
        sent = "".join(chat.prompt for chat in upstream.chats if not is_too_long(chat))
        assert all(f"Pier {number} closes at noon." in sent for number in range(90))


@pytest.fixture
def peak_bytes() -> Iterator[Callable[[], int]]:
    """Tells the most memory that Python has taken since the start of the test, by service and upstream together."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


@pytest.mark.parametrize("behaviour", [faults.sends_a_gigabyte, faults.sends_a_gigabyte_of_head])
async def test_a_gigabyte_is_not_read(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour, peak_bytes: Callable[[], int]
) -> None:
    upstream.behaviour = behaviour
    async with start() as service:
        before = peak_bytes()
        response = await service.compress()
        assert response.status_code == 502
        (chat,) = upstream.chats
        await chat.left.wait()
        assert peak_bytes() - before < 8 << 20
        # What went out is the service's bound and what the kernel's buffers for the connection hold.
        assert chat.bytes_sent < 16 << 20


async def test_a_completion_over_its_bound_names_the_bound(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.sends_a_gigabyte
    async with start() as service:
        detail = (await service.compress()).json()["detail"]
        bound = 65_536 + 1024 * upstream.chats[0].body["options"]["num_predict"]
        assert f"over {bound} bytes" in detail


async def test_a_compressed_bomb_is_not_unpacked(
    start: Start, upstream: FaultyOllama, peak_bytes: Callable[[], int]
) -> None:
    upstream.behaviour = faults.sends_a_gzip_bomb
    async with start() as service:
        before = peak_bytes()
        assert (await service.compress()).status_code == 502
        assert peak_bytes() - before < 8 << 20


async def test_extractive_on_engine_error_answers_whatever_the_fault(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.resets_mid_body
    async with start() as service:
        answered = (await service.compress(on_engine_error="extractive")).json()
        assert (answered["method"], answered["usage"]["calls"]) == ("extractive", 0)
        assert answered["fidelity"]["kept"] > 0


@pytest.mark.parametrize("behaviour", [faults.resets_mid_body, faults.fails(500, "out of memory")])
async def test_in_a_batch_a_fault_fails_its_item_alone(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour
) -> None:
    upstream.behaviour = faults.when(lambda chat: "number 3" in chat.prompt, behaviour, faults.says(SUMMARY))
    items = [{"text": f"This is number {number}. {TEXT}"} for number in range(8)]
    async with start() as service:
        body = (await service.client.post("/batch", json={"operation": "compress", "items": items})).json()
        assert [item["index"] for item in body["results"] if "problem" in item] == [3]


async def restarted(service: Running) -> None:
    await service.upstream.stop()
    await service.upstream.start()


@pytest.mark.parametrize("calls_before", [0, 1, 4])
async def test_a_restart_of_the_upstream_between_calls_is_not_noticed(
    start: Start, upstream: FaultyOllama, calls_before: int
) -> None:
    async with start() as service:
        for _ in range(calls_before):
            assert (await service.compress()).status_code == 200
        await restarted(service)
        assert (await service.compress()).status_code == 200


async def test_a_restart_of_the_upstream_in_the_middle_of_a_call_fails_that_call_alone(
    start: Start, upstream: FaultyOllama
) -> None:
    upstream.behaviour = faults.in_turn(faults.hangs_mid_body, faults.says(SUMMARY))
    async with start() as service:
        hit = asyncio.create_task(service.compress())
        await upstream.nth_chat(1)
        await restarted(service)
        response = await hit
        assert (response.status_code, response.json()["type"]) == (502, "urn:condenser:problem:unreachable")
        assert (await service.compress()).status_code == 200
