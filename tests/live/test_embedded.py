"""The embedded engine: a real model on a real llama.cpp, asked as Ollama is."""

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import ollama
import pytest

from app.engine.embedded import EmbeddedConfig
from app.engine.model_file import default_model_path, model_name
from app.settings import default_cache_dir
from tests.faults.process import end_of
from tests.live.conftest import start_service, wait_until_ready
from tests.live.cores import THREADS
from tests.watched import WatchedEngine

pytestmark = [pytest.mark.anyio, pytest.mark.embedded_only, pytest.mark.usefixtures("model")]

NUM_CTX = 8192
MESSAGES = [{"role": "user", "content": "Name three colours."}]
ENDLESS = [{"role": "user", "content": "Continue: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,"}]
SEEDED = {"temperature": 0, "seed": 1, "num_predict": 16}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """The one of all tests, for fixtures of the module."""
    return "asyncio"


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[WatchedEngine]:
    """An engine for all tests of this file: a start takes more than most of them."""
    path = default_model_path(default_cache_dir())
    config = EmbeddedConfig(model=path, name=model_name(path), num_ctx=NUM_CTX, num_parallel=2, threads=THREADS)
    async with WatchedEngine(config) as engine:
        yield engine


@pytest.fixture
async def http(engine: WatchedEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=engine.base_url, timeout=120, trust_env=False) as client:
        yield client


@pytest.fixture
def client(engine: WatchedEngine) -> ollama.AsyncClient:
    """The `ollama` package's client, which knows nothing of Condenser."""
    return ollama.AsyncClient(host=engine.base_url)


NAME = "smollm2:135m-instruct-q4_1"


async def test_the_ollama_package_can_chat_with_it(client: ollama.AsyncClient) -> None:
    answer = await client.chat(model=NAME, messages=MESSAGES, options=SEEDED)
    assert answer.message.content
    assert answer.done
    assert answer.prompt_eval_count is not None
    assert answer.prompt_eval_count > 5
    assert answer.eval_count is not None
    assert 0 < answer.eval_count <= 16
    assert answer.total_duration is not None
    assert answer.total_duration > 1_000_000


async def test_the_ollama_package_can_stream_from_it(client: ollama.AsyncClient) -> None:
    parts = [part async for part in await client.chat(model=NAME, messages=MESSAGES, options=SEEDED, stream=True)]
    whole = await client.chat(model=NAME, messages=MESSAGES, options=SEEDED)
    assert len(parts) > 2
    assert [part.done for part in parts[:-1]] == [False] * (len(parts) - 1)
    assert parts[-1].done
    assert "".join(part.message.content or "" for part in parts) == whole.message.content


async def test_the_ollama_package_can_list_show_and_ps(client: ollama.AsyncClient) -> None:
    assert [model.model for model in (await client.list()).models] == [NAME]
    assert (await client.show(NAME)).capabilities == ["completion"]
    (loaded,) = (await client.ps()).models
    assert (loaded.model, loaded.size_vram, loaded.context_length) == (NAME, 0, NUM_CTX)


async def test_the_same_seed_gives_the_same_answer(client: ollama.AsyncClient) -> None:
    answers = [await client.chat(model=NAME, messages=MESSAGES, options=SEEDED) for _ in range(2)]
    assert answers[0].message.content == answers[1].message.content


async def test_a_prompt_seen_before_counts_whole_but_is_not_evaluated_again(http: httpx.AsyncClient) -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 30
    body = {"model": NAME, "messages": [{"role": "user", "content": text}], "options": SEEDED, "stream": False}
    first = (await http.post("/api/chat", json=body)).json()
    again = (await http.post("/api/chat", json=body)).json()
    assert again["prompt_eval_count"] == first["prompt_eval_count"] > 300
    assert again["prompt_eval_duration"] < first["prompt_eval_duration"] / 2


async def test_an_answer_that_reaches_num_predict_is_done_for_length(http: httpx.AsyncClient) -> None:
    body = {"model": NAME, "messages": ENDLESS, "options": {**SEEDED, "num_predict": 3}, "stream": False}
    answer = (await http.post("/api/chat", json=body)).json()
    assert (answer["done_reason"], answer["eval_count"]) == ("length", 3)


async def test_tokens_come_with_log_probabilities_as_ollama_gives_them(client: ollama.AsyncClient) -> None:
    answer = await client.chat(model=NAME, messages=MESSAGES, options=SEEDED, logprobs=True, top_logprobs=3)
    assert answer.logprobs is not None
    assert len(answer.logprobs) == answer.eval_count
    for position in answer.logprobs:
        assert position.top_logprobs is not None
        assert len(position.top_logprobs) == 3
        # Temperature 0 takes the most probable token.
        assert position.logprob == max(candidate.logprob for candidate in position.top_logprobs) <= 0


async def test_log_probabilities_without_candidates_are_the_tokens_own(http: httpx.AsyncClient) -> None:
    body = {"model": NAME, "messages": MESSAGES, "options": SEEDED, "stream": False, "logprobs": True}
    (first, *_) = (await http.post("/api/chat", json=body)).json()["logprobs"]
    assert first.keys() == {"token", "logprob", "bytes"}


async def test_more_candidates_than_ollama_gives_are_refused(http: httpx.AsyncClient) -> None:
    answer = await http.post("/api/chat", json={"model": NAME, "logprobs": True, "top_logprobs": 21})
    assert (answer.status_code, answer.json()) == (400, {"error": "top_logprobs must be between 0 and 20"})


async def test_a_call_without_a_prompt_loads_the_model(http: httpx.AsyncClient) -> None:
    answer = (await http.post("/api/chat", json={"model": NAME, "stream": False})).json()
    assert (answer["done"], answer["done_reason"]) == (True, "load")


@pytest.mark.parametrize("stream", [True, False])
async def test_a_prompt_over_the_context_window_is_refused_in_ollamas_words(
    http: httpx.AsyncClient, stream: bool
) -> None:
    messages = [{"role": "user", "content": "word " * 2 * NUM_CTX}]
    response = await http.post("/api/chat", json={"model": NAME, "messages": messages, "stream": stream})
    assert response.status_code == 400
    assert response.json() == {"error": "the input length exceeds the context length"}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model": "nope", "messages": MESSAGES}, 404, "model 'nope' not found"),
        ({"model": NAME, "messages": MESSAGES, "think": True}, 400, "does not support thinking"),
        ({"model": 5}, 400, "valid string"),
        ({"model": NAME, "messages": MESSAGES, "options": {"num_predict": "many"}}, 400, "valid integer"),
        ("no object", 400, "object"),
    ],
)
async def test_a_bad_call_is_an_error_in_ollamas_shape(
    http: httpx.AsyncClient, body: Any, status: int, message: str
) -> None:
    response = await http.post("/api/chat", json=body)
    assert response.status_code == status
    assert message in response.json()["error"]


async def test_calls_in_immediate_succession_are_all_answered(http: httpx.AsyncClient) -> None:
    # Short ones: llama.cpp closes its connection just when the next call would take it up again.
    body = {"model": NAME, "messages": [{"role": "user", "content": "Hi"}], "options": {"num_predict": 1}}
    answers = [await http.post("/api/chat", json={**body, "stream": False}) for _ in range(120)]
    assert {answer.status_code for answer in answers} == {200}


async def test_two_slots_work_side_by_side(http: httpx.AsyncClient) -> None:
    happened: list[str] = []

    async def stream() -> None:
        body = {"model": NAME, "messages": ENDLESS, "options": {**SEEDED, "num_predict": 80}}
        async with http.stream("POST", "/api/chat", json=body) as response:
            lines = response.aiter_lines()
            await anext(lines)
            happened.append("first word")
            async for _ in lines:
                pass
            happened.append("last word")

    async with anyio.create_task_group() as group:
        group.start_soon(stream)
        group.start_soon(stream)
    assert happened == ["first word", "first word", "last word", "last word"]


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_goes_away_frees_its_slot(http: httpx.AsyncClient, stream: bool) -> None:
    # Both slots are taken by answers of some minutes; a third gets its turn when their clients leave.
    body = {"model": NAME, "messages": ENDLESS, "options": {**SEEDED, "num_predict": 8000}, "stream": stream}
    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(lambda: http.post("/api/chat", json=body))
        await http.post("/api/chat", json={"model": NAME})
        group.cancel_scope.cancel()
    short = {**body, "options": SEEDED, "stream": False}
    with anyio.fail_after(60):
        assert (await http.post("/api/chat", json=short)).json()["done"]


async def test_a_child_that_is_killed_comes_back_at_the_same_address(
    engine: WatchedEngine, http: httpx.AsyncClient
) -> None:
    await http.get("/api/version")
    killed = engine.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    await engine.next_start()
    with anyio.fail_after(60):
        body = {"model": NAME, "messages": MESSAGES, "options": SEEDED, "stream": False}
        answer = await http.post("/api/chat", json=body)
    assert answer.json()["done"]
    assert engine.pid != killed


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_the_child_ends_with_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    parent = start_service(tmp_path)
    wait_until_ready(parent)
    (child,) = children(parent.process.pid)
    parent.process.send_signal(end)
    parent.process.wait(timeout=30)
    await end_of(child)
