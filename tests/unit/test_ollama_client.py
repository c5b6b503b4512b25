"""The Ollama client, against answers in the shape that Ollama v0.16.1 gives (seen on a real one)."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import respx

from app.engine.client import Completion, Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    EngineTimeoutError,
    EngineUnreachableError,
    ModelNotFoundError,
    NoConnectionError,
    PromptTooLongError,
)
from app.engine.http import MAX_ANSWER_BYTES
from app.engine.ollama import OllamaClient
from tests.unit.mocker import EVERY_TRANSPORT

pytestmark = pytest.mark.anyio

URL = "http://ollama.test:11434"
PROMPT = Prompt("Summarize.", "<text>\nA text.\n</text>")
LONG_PROMPT = Prompt("Summarize.", "<text>\n" + "A long text. " * 400 + "\n</text>")
ANSWER: dict[str, Any] = {
    "model": "smollm2:135m",
    "created_at": "2026-11-23T10:44:43.19314252Z",
    "message": {"role": "assistant", "content": "A short text."},
    "done": True,
    "done_reason": "stop",
    "total_duration": 563642844,
    "load_duration": 32288925,
    "prompt_eval_count": 14,
    "prompt_eval_duration": 218090000,
    "eval_count": 10,
    "eval_duration": 307465539,
}


@pytest.fixture
def ollama() -> Any:
    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.post("/api/show").respond(json={"capabilities": ["completion"]})
        router.get("/api/ps").respond(json={"models": []})
        yield router


@pytest.fixture
async def client() -> AsyncIterator[OllamaClient]:
    async with OllamaClient(URL, num_ctx=4096, keep_alive="30m", seed=7) as client:
        yield client


async def chat(client: OllamaClient, model: str = "smollm2:135m") -> Any:
    return await client.chat(PROMPT, model=model, num_predict=40)


def sent(route: respx.Route) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


async def test_a_completion_has_the_models_text_and_token_counts(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json=ANSWER)
    completion = await chat(client)
    assert completion.text == "A short text."
    assert (completion.prompt_tokens, completion.completion_tokens) == (14, 10)
    assert not completion.was_cut


async def test_a_completion_has_ollamas_word_for_how_long_it_had_the_call_and_worked_on_it(
    ollama: Any, client: OllamaClient
) -> None:
    ollama.post("/api/chat").respond(json=ANSWER)
    completion = await chat(client)
    assert (completion.took_s, completion.worked_s) == (0.563642844, 0.557844464)


async def test_a_completion_of_one_token_has_its_time_without_an_eval_duration(
    ollama: Any, client: OllamaClient
) -> None:
    answer = {name: value for name, value in ANSWER.items() if name != "eval_duration"}
    ollama.post("/api/chat").respond(json=answer)
    assert (await chat(client)).worked_s == 0.250378925


async def test_an_ollama_that_leaves_its_durations_out_has_no_word_for_them(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json={name: ANSWER[name] for name in ("message", "done")})
    completion = await chat(client)
    assert (completion.took_s, completion.worked_s) == (None, None)


async def test_a_password_in_the_address_is_sent_and_never_shown() -> None:
    with respx.mock(base_url=URL, using=EVERY_TRANSPORT) as router:
        version = router.get("/api/version").respond(500)
        address = URL.replace("//", "//ann:secret@")
        async with OllamaClient(address, num_ctx=4096, keep_alive="30m", seed=7) as client:
            with pytest.raises(EngineError) as caught:
                await client.version()
    assert version.calls.last.request.headers["authorization"].startswith("Basic ")
    assert client.base_url == URL
    assert "secret" not in str(caught.value)


async def test_a_chat_forbids_truncation(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert sent(route)["truncate"] is False


async def test_no_call_has_an_option_but_num_ctx_that_has_ollama_reload_the_model(
    ollama: Any, client: OllamaClient
) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await client.preload("smollm2:135m")
    await chat(client)
    for call in route.calls:
        body = json.loads(call.request.content)
        assert body.keys() <= {"model", "messages", "stream", "truncate", "keep_alive", "options"}
        assert body["options"].keys() <= {"num_ctx", "num_predict", "temperature", "seed"}


def loaded(*rows: tuple[str, int]) -> dict[str, Any]:
    return {"models": [{"name": name, "size": 100, "context_length": length} for name, length in rows]}


@pytest.mark.parametrize(
    ("rows", "num_ctx"),
    [
        ([], 4096),
        ([("smollm2:135m", 4096)], 4096),
        ([("smollm2:135m", 32768)], 32768),
        ([("SmolLM2:135M", 32768)], 32768),
        ([("smollm2:135m", 2048)], 4096),
        ([("smollm2:360m", 32768)], 4096),
        ([("smollm2:135m", 0)], 4096),
    ],
)
async def test_calls_take_the_context_that_the_model_is_loaded_with_where_it_is_enough(
    ollama: Any, client: OllamaClient, rows: list[tuple[str, int]], num_ctx: int
) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    ollama.get("/api/ps").respond(json=loaded(*rows))
    await client.preload("smollm2:135m")
    assert sent(route)["options"]["num_ctx"] == num_ctx
    await chat(client)
    assert sent(route)["options"]["num_ctx"] == num_ctx


async def test_a_prompt_is_truncated_or_not_by_the_context_that_the_model_is_loaded_with(
    ollama: Any, client: OllamaClient
) -> None:
    ollama.get("/api/ps").respond(json=loaded(("smollm2:135m", 8192)))
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": 4096})
    with pytest.raises(PromptTooLongError, match="4096 of 8192"):
        await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": 5000})
    await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)


async def test_while_a_call_is_in_a_model_later_ones_go_as_it_does_and_leave_keep_alive_alone(
    ollama: Any, client: OllamaClient
) -> None:
    looks = ollama.get("/api/ps").respond(json=loaded(("smollm2:135m", 8192)))
    is_in, may_answer = asyncio.Event(), asyncio.Event()

    async def answered(request: httpx.Request) -> httpx.Response:
        is_in.set()
        await may_answer.wait()
        return httpx.Response(200, json=ANSWER)

    route = ollama.post("/api/chat").mock(side_effect=answered)
    async with asyncio.TaskGroup() as calls:
        calls.create_task(chat(client))
        await is_in.wait()
        looks.respond(json=loaded(("smollm2:135m", 16384)))
        calls.create_task(chat(client))
        calls.create_task(chat(client))
        await asyncio.sleep(0)
        may_answer.set()
    bodies = [json.loads(call.request.content) for call in route.calls]
    assert [body["options"]["num_ctx"] for body in bodies] == [8192, 8192, 8192]
    assert [body.get("keep_alive") for body in bodies] == ["30m", None, None]
    assert looks.call_count == 1


async def test_a_call_right_after_another_goes_as_that_one_did_and_a_later_one_asks_what_is_loaded(
    ollama: Any, client: OllamaClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = ollama.get("/api/ps").respond(json=loaded(("smollm2:135m", 8192)))
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    looks.respond(json=loaded(("smollm2:135m", 16384)))
    await chat(client)
    assert (sent(route)["options"]["num_ctx"], sent(route)["keep_alive"]) == (8192, "30m")
    monkeypatch.setattr("app.engine.windows.KNOWN_S", 0.0)
    await chat(client)
    assert (sent(route)["options"]["num_ctx"], sent(route)["keep_alive"]) == (16384, "30m")


async def test_after_a_call_that_failed_the_next_one_asks_what_is_loaded(ollama: Any, client: OllamaClient) -> None:
    looks = ollama.get("/api/ps").respond(json=loaded(("smollm2:135m", 8192)))
    route = ollama.post("/api/chat").mock(
        side_effect=[httpx.Response(200, json=ANSWER), httpx.Response(500), httpx.Response(200, json=ANSWER)]
    )
    await chat(client)
    looks.respond(json=loaded(("smollm2:135m", 16384)))
    with pytest.raises(EngineError):
        await chat(client)
    await chat(client)
    assert sent(route)["options"]["num_ctx"] == 16384


@pytest.mark.parametrize("fault", [httpx.ReadError("reset"), httpx.Response(500), httpx.Response(200, content=b"{")])
async def test_an_ollama_that_does_not_tell_what_is_loaded_is_asked_for_our_own_context(
    ollama: Any, client: OllamaClient, fault: Any
) -> None:
    ollama.get("/api/ps").mock(side_effect=[fault])
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert sent(route)["options"]["num_ctx"] == 4096


async def test_a_completion_that_went_over_the_context_window_has_lost_the_texts_front(
    ollama: Any, client: OllamaClient
) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": 4060, "eval_count": 37})
    with pytest.raises(PromptTooLongError, match="4060 and 37"):
        await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": 4060, "eval_count": 36})
    await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)


async def test_a_preload_tells_how_long_the_model_took_to_load(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json=ANSWER)
    assert await client.preload("smollm2:135m") == (await chat(client)).load_s == 0.032288925


async def test_a_chat_is_not_streamed_and_goes_to_the_native_api(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert sent(route)["stream"] is False


async def test_every_chat_has_the_same_num_ctx_temperature_seed_and_keep_alive(
    ollama: Any, client: OllamaClient
) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await client.chat(PROMPT, model="a", num_predict=40)
    first = sent(route)
    await client.chat(PROMPT, model="a", num_predict=80)
    second = sent(route)
    assert first["options"] == {"num_ctx": 4096, "num_predict": 40, "temperature": 0, "seed": 7}
    assert second["options"] == {**first["options"], "num_predict": 80}
    assert first["keep_alive"] == second["keep_alive"] == "30m"


@pytest.mark.parametrize(("setting", "value"), [("-1", -1), ("300", 300), ("30m", "30m")])
async def test_keep_alive_without_a_unit_is_sent_as_a_number(ollama: Any, setting: str, value: object) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    async with OllamaClient(URL, num_ctx=4096, keep_alive=setting, seed=7) as client:
        await chat(client)
    assert sent(route)["keep_alive"] == value


async def test_the_text_comes_last_behind_a_constant_front(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert [message["role"] for message in sent(route)["messages"]] == ["system", "user"]
    assert sent(route)["messages"][-1]["content"] == PROMPT.user


async def test_thinking_is_turned_off_where_the_model_can_think(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/show").respond(json={"capabilities": ["completion", "thinking"]})
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert sent(route)["think"] is False


async def test_thinking_is_not_mentioned_to_a_model_that_cannot_think(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert "think" not in sent(route)


async def test_a_model_is_asked_for_its_capabilities_once(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    await chat(client)
    assert [call.request.url.path for call in ollama.calls].count("/api/show") == 1


async def test_done_reason_length_means_that_the_completion_was_cut(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "done_reason": "length"})
    assert (await chat(client)).was_cut


async def test_counts_that_are_left_out_are_zero(ollama: Any, client: OllamaClient) -> None:
    answer = {"message": {"role": "assistant", "content": "x"}, "done": True}
    ollama.post("/api/chat").respond(json=answer)
    completion = await chat(client)
    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 0)


@pytest.mark.parametrize("count", [4096, 4097, 2048, 2049, 2050, 2051])
async def test_a_prompt_that_fills_the_context_window_or_half_of_it_counts_as_truncated(
    ollama: Any, client: OllamaClient, count: int
) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": count})
    with pytest.raises(PromptTooLongError, match=f"{count} of 4096"):
        await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)


@pytest.mark.parametrize("count", [0, 14, 2047, 2052, 4086])
async def test_a_prompt_of_any_other_size_does_not(ollama: Any, client: OllamaClient, count: int) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": count})
    assert (await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40)).prompt_tokens == count


@pytest.mark.parametrize("count", [-1, 2048, 10**18, "many", 1.5, None, [14]])
async def test_a_count_of_the_prompt_that_can_not_be_counts_as_left_out(
    ollama: Any, client: OllamaClient, count: object
) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "prompt_eval_count": count})
    assert (await chat(client)).prompt_tokens == 0


@pytest.mark.parametrize("count", [-1, 41, 10**18, "many", 1.5, None])
async def test_a_count_of_the_completion_that_can_not_be_counts_as_left_out(
    ollama: Any, client: OllamaClient, count: object
) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "eval_count": count})
    assert (await chat(client)).completion_tokens == 0


async def test_a_completion_can_not_be_longer_than_its_tokens(ollama: Any, client: OllamaClient) -> None:
    content = "x" * (65_536 + 40 * 1024)
    ollama.post("/api/chat").respond(json={**ANSWER, "message": {"role": "assistant", "content": content}})
    with pytest.raises(EngineFailedError, match="over 106496 bytes"):
        await chat(client)


async def test_no_compressed_answer_is_asked_for(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    await chat(client)
    assert route.calls.last.request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (400, "the input length exceeds the context length", PromptTooLongError),
        (400, "prompt of 9000 tokens exceeds the available context size (4096 tokens)", PromptTooLongError),
        (
            400,
            "the prompt is longer than the context length currently available to the model; shorten the prompt",
            PromptTooLongError,
        ),
        (500, "Context size has been exceeded.", PromptTooLongError),
        (404, "model 'nope' not found", ModelNotFoundError),
        (404, 'model "nope" not found, try pulling it first', ModelNotFoundError),
        (503, "server busy, please try again.  maximum pending requests exceeded", EngineBusyError),
        (500, "llama runner process has terminated: exit status 2", EngineFailedError),
        (400, '"smollm2:135m" does not support thinking', EngineRejectedError),
    ],
)
async def test_an_error_of_ollamas_keeps_its_own_message(
    ollama: Any, client: OllamaClient, status: int, message: str, error: type[EngineError]
) -> None:
    ollama.post("/api/chat").respond(status, json={"error": message})
    with pytest.raises(error) as raised:
        await chat(client)
    assert " ".join(message.split()) in str(raised.value)


async def test_an_error_under_status_200_is_an_error(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json={"error": "an error was encountered while running the model"})
    with pytest.raises(EngineFailedError, match="encountered while running"):
        await chat(client)


@pytest.mark.parametrize("content", [b"<html>502 Bad Gateway</html>", b"", b"{", b"[]", b'{"done": true}', b"\xff"])
async def test_what_is_no_answer_of_ollamas_is_an_error(ollama: Any, client: OllamaClient, content: bytes) -> None:
    ollama.post("/api/chat").respond(content=content)
    with pytest.raises(EngineFailedError):
        await chat(client)


async def test_an_answer_that_is_not_done_is_an_error(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "done": False})
    with pytest.raises(EngineFailedError, match="done"):
        await chat(client)


async def test_an_answer_over_the_limit_is_not_read_to_its_end(ollama: Any, client: OllamaClient) -> None:
    ollama.get("/api/tags").respond(content=b" " * (MAX_ANSWER_BYTES + 1))
    with pytest.raises(EngineFailedError, match="over"):
        await client.installed_models()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (httpx.ConnectError("All connection attempts failed"), NoConnectionError),
        (httpx.ConnectTimeout("timed out"), NoConnectionError),
        (httpx.ReadTimeout("timed out"), EngineTimeoutError),
        (httpx.ReadError("reset"), EngineUnreachableError),
        (httpx.RemoteProtocolError("peer closed connection"), EngineUnreachableError),
    ],
)
async def test_a_broken_connection_is_named_with_the_address(
    ollama: Any, client: OllamaClient, fault: Exception, error: type[EngineError]
) -> None:
    ollama.post("/api/chat").mock(side_effect=fault)
    with pytest.raises(error, match=URL):
        await chat(client)


async def test_preload_is_a_chat_without_messages_and_with_the_same_num_ctx(ollama: Any, client: OllamaClient) -> None:
    loaded = {**ANSWER, "message": {"role": "assistant", "content": ""}, "done_reason": "load"}
    route = ollama.post("/api/chat").respond(json=loaded)
    await client.preload("smollm2:135m")
    assert sent(route).get("messages") is None
    assert sent(route)["options"] == {"num_ctx": 4096}
    assert "shift" not in sent(route)
    assert sent(route)["keep_alive"] == "30m"


@pytest.mark.parametrize(("size_vram", "ratio"), [(0, 0.0), (285320448, 1.0), (142660224, 0.5)])
async def test_ps_tells_the_share_of_a_model_on_the_gpu(
    ollama: Any, client: OllamaClient, size_vram: int, ratio: float
) -> None:
    row = {"name": "smollm2:135m", "size": 285320448, "size_vram": size_vram, "context_length": 4096}
    ollama.get("/api/ps").respond(json={"models": [row]})
    (loaded,) = await client.loaded_models()
    assert loaded.gpu_ratio == ratio


async def test_tags_lists_the_installed_models(ollama: Any, client: OllamaClient) -> None:
    ollama.get("/api/tags").respond(json={"models": [{"name": "smollm2:135m", "size": 98363007}]})
    assert await client.installed_models() == ["smollm2:135m"]


LOGPROBS = [
    {
        "token": "A",
        "logprob": -0.25,
        "bytes": [65],
        "top_logprobs": [{"token": "A", "logprob": -0.25}, {"token": "The", "logprob": -1.75}],
    },
    {"token": " short", "logprob": -0.5, "top_logprobs": [{"token": " short", "logprob": -0.5}]},
]


async def scored(client: OllamaClient) -> Completion:
    return await client.chat(PROMPT, model="smollm2:135m", num_predict=40, top_logprobs=2)


async def test_the_candidates_for_the_first_token_come_with_their_log_probabilities(
    ollama: Any, client: OllamaClient
) -> None:
    route = ollama.post("/api/chat").respond(json={**ANSWER, "logprobs": LOGPROBS})
    assert client.can_score is None
    assert (await scored(client)).first_token == {"A": -0.25, "The": -1.75}
    assert (sent(route)["logprobs"], sent(route)["top_logprobs"]) == (True, 2)
    assert client.can_score is True


async def test_log_probabilities_are_asked_for_where_they_are_wanted_only(ollama: Any, client: OllamaClient) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    assert (await chat(client)).first_token is None
    assert not sent(route).keys() & {"logprobs", "top_logprobs"}
    assert client.can_score is None


async def test_an_ollama_that_ignores_log_probabilities_is_asked_for_them_once(
    ollama: Any, client: OllamaClient, caplog: pytest.LogCaptureFixture
) -> None:
    route = ollama.post("/api/chat").respond(json=ANSWER)
    first, second = await scored(client), await scored(client)
    assert (first.first_token, second.first_token, client.can_score) == (None, None, False)
    assert ["logprobs" in json.loads(call.request.content) for call in route.calls] == [True, False]
    assert [record.message for record in caplog.records] == ["the engine gives no log probabilities"]


async def test_an_ollama_that_refuses_log_probabilities_answers_without_them(ollama: Any, client: OllamaClient) -> None:
    def answered(request: httpx.Request) -> httpx.Response:
        refused = "logprobs" in json.loads(request.content)
        return httpx.Response(400, json={"error": "no"}) if refused else httpx.Response(200, json=ANSWER)

    route = ollama.post("/api/chat").mock(side_effect=answered)
    for _ in range(2):
        assert (await scored(client)).text == "A short text."
    assert client.can_score is False
    assert route.call_count == 3


async def test_a_call_that_is_refused_without_log_probabilities_too_tells_nothing_of_them(
    ollama: Any, client: OllamaClient
) -> None:
    ollama.post("/api/chat").respond(400, json={"error": "no"})
    with pytest.raises(EngineRejectedError):
        await scored(client)
    assert client.can_score is None


async def test_an_empty_completion_tells_nothing_of_log_probabilities(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "message": {"role": "assistant", "content": ""}})
    assert (await scored(client)).first_token is None
    assert client.can_score is None


@pytest.mark.parametrize(
    "logprobs", [[], {}, "x", [{"token": "A"}], [{"token": "A", "logprob": None}], [{"token": 1, "logprob": -1}]]
)
async def test_log_probabilities_of_no_known_shape_count_as_none(
    ollama: Any, client: OllamaClient, logprobs: object
) -> None:
    ollama.post("/api/chat").respond(json={**ANSWER, "logprobs": logprobs})
    assert (await scored(client)).first_token is None


def lines(*pieces: str, **last: Any) -> bytes:
    """A streamed answer: a line for each piece, and one with the counts."""
    lines = [
        {"model": "smollm2:135m", "message": {"role": "assistant", "content": piece}, "done": False} for piece in pieces
    ]
    end = {**ANSWER, "message": {"role": "assistant", "content": ""}, **last}
    return b"".join(json.dumps(line).encode() + b"\n" for line in (*lines, end))


async def streamed(client: OllamaClient, texts: list[str]) -> Completion:
    return await client.chat(PROMPT, model="smollm2:135m", num_predict=40, on_text=texts.append)


async def test_a_stream_gives_the_text_so_far_and_the_same_completion(ollama: Any, client: OllamaClient) -> None:
    whole = ollama.post("/api/chat").respond(json=ANSWER)
    expected = await chat(client)
    assert sent(whole)["stream"] is False
    route = ollama.post("/api/chat").respond(content=lines("A sh", "ort", " text."))
    texts: list[str] = []
    assert await streamed(client, texts) == expected
    assert texts == ["A sh", "A short", "A short text."]
    assert sent(route)["stream"] is True


async def test_a_stream_that_reaches_its_limit_of_tokens_is_cut(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(content=lines("A sh", done_reason="length"))
    assert (await streamed(client, [])).was_cut


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("an error was encountered while running the model: CUDA error", EngineFailedError),
        ("Context size has been exceeded.", PromptTooLongError),
    ],
)
async def test_an_error_in_a_stream_that_has_begun_is_an_error(
    ollama: Any, client: OllamaClient, message: str, error: type[EngineError]
) -> None:
    begun = lines("A sh").splitlines()[0]
    ollama.post("/api/chat").respond(content=begun + b"\n" + json.dumps({"error": message}).encode() + b"\n")
    texts: list[str] = []
    with pytest.raises(error, match=re.escape(message)):
        await streamed(client, texts)
    assert texts == ["A sh"]


async def test_an_error_before_a_stream_has_its_status(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(503, json={"error": "server busy, please try again."})
    with pytest.raises(EngineBusyError, match="server busy"):
        await streamed(client, [])


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_stream_without_its_last_line_is_no_answer(ollama: Any, client: OllamaClient, kept: int) -> None:
    ollama.post("/api/chat").respond(content=b"\n".join(lines("A sh").splitlines()[:kept]))
    with pytest.raises(EngineFailedError, match=r"incomplete|empty"):
        await streamed(client, [])


async def test_a_prompt_that_was_cut_shows_in_the_last_line_of_a_stream(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(content=lines("A short text.", prompt_eval_count=4096))
    with pytest.raises(PromptTooLongError, match="4096 of 4096"):
        await client.chat(LONG_PROMPT, model="smollm2:135m", num_predict=40, on_text=lambda text: None)


async def test_a_stream_can_not_be_longer_than_its_tokens(ollama: Any, client: OllamaClient) -> None:
    ollama.post("/api/chat").respond(content=lines(*["x" * 1000] * 107))
    with pytest.raises(EngineFailedError, match="over 106496 bytes"):
        await streamed(client, [])


async def test_a_stream_has_the_log_probabilities_of_its_first_token(ollama: Any, client: OllamaClient) -> None:
    first, rest = lines("A", " short").split(b"\n", 1)
    scored_line = {**json.loads(first), "logprobs": LOGPROBS[:1]}
    ollama.post("/api/chat").respond(content=json.dumps(scored_line).encode() + b"\n" + rest)
    completion = await client.chat(
        PROMPT, model="smollm2:135m", num_predict=40, top_logprobs=2, on_text=lambda text: None
    )
    assert completion.first_token == {"A": -0.25, "The": -1.75}
