"""The client of the OpenAI API, against answers in the shapes of llama.cpp's server and of vLLM."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import respx

from app.engine.client import Completion, Prompt
from app.engine.errors import (
    EngineBusyError,
    EngineError,
    EngineFailedError,
    EngineRejectedError,
    ModelNotFoundError,
    PromptTooLongError,
)
from app.engine.openai import OpenAIClient
from tests.unit.mocker import EVERY_TRANSPORT

pytestmark = pytest.mark.anyio

URL = "http://gpu1:8000/v1"
PROMPT = Prompt("Summarize.", "<text>\nA text.\n</text>")
MODEL = "Qwen/Qwen2.5-7B-Instruct"
LLAMA_CPP_MODELS = {
    "models": [{"name": MODEL, "model": MODEL, "capabilities": ["completion"]}],
    "object": "list",
    "data": [{"id": MODEL, "object": "model", "created": 1763950000, "owned_by": "llamacpp", "meta": {"n_vocab": 1}}],
}
VLLM_MODELS = {
    "object": "list",
    "data": [{"id": MODEL, "object": "model", "owned_by": "vllm", "root": MODEL, "max_model_len": 4096}],
}
USAGE = {"completion_tokens": 7, "prompt_tokens": 120, "total_tokens": 127}


def answer(**changed: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "A ferry leaves."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "chatcmpl-1", "object": "chat.completion", "choices": [choice], "usage": USAGE, **changed}


@pytest.fixture
def server() -> Any:
    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/models").respond(json=VLLM_MODELS)
        router.post("/chat/completions").respond(json=answer())
        yield router


@pytest.fixture
async def client() -> AsyncIterator[OpenAIClient]:
    async with OpenAIClient(URL, num_ctx=4096, seed=7, api_key="sk-secret") as client:
        yield client


async def chat(client: OpenAIClient, model: str = MODEL) -> Completion:
    return await client.chat(PROMPT, model=model, num_predict=48)


async def test_a_completion_has_the_models_text_and_token_counts(server: Any, client: OpenAIClient) -> None:
    assert await chat(client) == Completion("A ferry leaves.", 120, 7, was_cut=False)


async def test_llama_cpps_timings_tell_how_long_it_worked(server: Any, client: OpenAIClient) -> None:
    timings = {"prompt_n": 20, "prompt_ms": 250.0, "predicted_n": 7, "predicted_ms": 500.0}
    server.post("/chat/completions").respond(json=answer(timings=timings))
    assert (await chat(client)).worked_s == 0.75


async def test_a_chat_is_bounded_deterministic_and_not_streamed(server: Any, client: OpenAIClient) -> None:
    await chat(client)
    request = server.calls.last.request
    body = json.loads(request.content)
    expected = {"model": MODEL, "stream": False, "max_tokens": 48, "temperature": 0, "seed": 7}
    assert body.items() >= expected.items()
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert request.headers["authorization"] == "Bearer sk-secret"


async def test_without_a_key_none_is_sent(server: Any) -> None:
    async with OpenAIClient(URL, num_ctx=4096, seed=7) as client:
        await chat(client)
    assert "authorization" not in server.calls.last.request.headers


async def test_finish_reason_length_means_that_the_completion_was_cut(server: Any, client: OpenAIClient) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "A"}, "finish_reason": "length"}
    server.post("/chat/completions").respond(json=answer(choices=[choice]))
    assert (await chat(client)).was_cut


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 10**9, "completion_tokens": 49}, {"prompt_tokens": -1}])
async def test_counts_that_are_absent_or_can_not_be_are_zero(server: Any, client: OpenAIClient, usage: Any) -> None:
    server.post("/chat/completions").respond(json=answer(usage=usage))
    completion = await chat(client)
    assert (completion.prompt_tokens, completion.completion_tokens) == (0, 0)


async def test_a_message_without_content_is_an_empty_completion(server: Any, client: OpenAIClient) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": None}, "finish_reason": "stop"}
    server.post("/chat/completions").respond(json=answer(choices=[choice]))
    assert (await chat(client)).text == ""


async def test_a_model_that_the_server_does_not_list_is_not_asked_for(server: Any, client: OpenAIClient) -> None:
    with pytest.raises(ModelNotFoundError, match=MODEL):
        await chat(client, "phi4")
    assert all(call.request.method == "GET" for call in server.calls)


async def test_the_list_of_models_is_asked_for_once(server: Any, client: OpenAIClient) -> None:
    await chat(client)
    await chat(client)
    assert [call.request.method for call in server.calls] == ["GET", "POST", "POST"]


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "n_ctx": 4096, "message":
            "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it"}},
            PromptTooLongError),
        (400, {"error": {"code": 400, "type": "BadRequestError", "message":
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"}},
            PromptTooLongError),
        (400, {"object": "error", "type": "BadRequestError", "message":
            "This model's maximum context length is 4096 tokens."}, PromptTooLongError),
        (404, {"error": {"message": "The model `x` does not exist.", "type": "NotFoundError", "code": 404}},
            ModelNotFoundError),
        (503, {"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}, EngineBusyError),
        (429, {"error": {"message": "Rate limit reached"}}, EngineBusyError),
        (401, {"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}},
            EngineRejectedError),
        (401, {"error": "Unauthorized"}, EngineRejectedError),
        (500, {"error": {"message": "CUDA error", "code": 500}}, EngineFailedError),
        (422, {"detail": "bad field"}, EngineRejectedError),
        (502, {"message": "no healthy upstream"}, EngineFailedError),
    ],
)  # fmt: skip
async def test_an_error_has_its_kind_and_the_servers_own_words(
    server: Any, client: OpenAIClient, status: int, body: Any, error: type[EngineError]
) -> None:
    server.post("/chat/completions").respond(status, json=body)
    with pytest.raises(error) as caught:
        await chat(client)
    words = body.get("message") or body.get("detail") or body["error"]
    assert (words["message"] if isinstance(words, dict) else words) in str(caught.value)


async def test_a_refused_key_stays_known_until_a_call_is_taken(server: Any, client: OpenAIClient) -> None:
    server.post("/chat/completions").respond(401, json={"error": {"message": "Invalid API Key"}})
    with pytest.raises(EngineRejectedError):
        await chat(client)
    with pytest.raises(EngineRejectedError, match="CONDENSER_OPENAI_API_KEY"):
        await client.version()
    server.post("/chat/completions").respond(json=answer())
    await chat(client)
    assert await client.version() == "vllm"


@pytest.mark.parametrize("content", [b"<html>", b"{}", b'{"choices": []}', b"[]", b""])
async def test_what_is_no_answer_of_the_api_is_an_error(server: Any, client: OpenAIClient, content: bytes) -> None:
    server.post("/chat/completions").respond(content=content)
    with pytest.raises(EngineFailedError):
        await chat(client)


@pytest.mark.parametrize(("models", "name"), [(LLAMA_CPP_MODELS, "llamacpp"), (VLLM_MODELS, "vllm")])
async def test_the_list_of_models_says_which_server_it_is(
    server: Any, client: OpenAIClient, models: dict[str, Any], name: str
) -> None:
    server.get("/models").respond(json=models)
    assert await client.version() == name
    assert await client.installed_models() == [MODEL]
    (loaded,) = await client.loaded_models()
    assert (loaded.name, loaded.gpu_ratio) == (MODEL, None)


async def test_the_candidates_for_the_first_token_come_with_their_log_probabilities(
    server: Any, client: OpenAIClient
) -> None:
    candidates = [{"token": "A", "logprob": -0.25, "bytes": [65]}, {"token": "The", "logprob": -1.75, "bytes": []}]
    content = [{"token": "A", "logprob": -0.25, "bytes": [65], "top_logprobs": candidates}]
    message = {"role": "assistant", "content": "A ferry leaves."}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": content}}
    server.post("/chat/completions").respond(json=answer(choices=[choice]))
    completion = await client.chat(PROMPT, model=MODEL, num_predict=48, top_logprobs=2)
    body = json.loads(server.calls.last.request.content)
    assert (body["logprobs"], body["top_logprobs"]) == (True, 2)
    assert completion.first_token == {"A": -0.25, "The": -1.75}
    assert client.can_score is True


async def test_a_server_that_ignores_log_probabilities_is_asked_for_them_once(
    server: Any, client: OpenAIClient
) -> None:
    for _ in range(2):
        completion = await client.chat(PROMPT, model=MODEL, num_predict=48, top_logprobs=2)
        assert completion.first_token is None
    posts = [json.loads(call.request.content) for call in server.calls if call.request.method == "POST"]
    assert ["logprobs" in body for body in posts] == [True, False]
    assert client.can_score is False


def chunk(content: str | None = None, finish_reason: str | None = None, **changed: Any) -> dict[str, Any]:
    delta = {} if content is None else {"content": content}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [choice], **changed}


def events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


PIECES = (chunk(""), chunk("A fer"), chunk("ry leaves."), chunk(None, "stop"), chunk(choices=[], usage=USAGE))


async def streamed(client: OpenAIClient, texts: list[str]) -> Completion:
    return await client.chat(PROMPT, model=MODEL, num_predict=48, on_text=texts.append)


async def test_a_stream_gives_the_text_so_far_and_the_same_completion(server: Any, client: OpenAIClient) -> None:
    expected = await chat(client)
    server.post("/chat/completions").respond(content=b": a comment\n\n" + events(*PIECES))
    texts: list[str] = []
    assert await streamed(client, texts) == expected
    assert texts == ["A fer", "A ferry leaves."]
    body = json.loads(server.calls.last.request.content)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


async def test_the_last_event_of_llama_cpp_tells_how_long_it_worked(server: Any, client: OpenAIClient) -> None:
    timings = {"prompt_ms": 250.0, "predicted_ms": 500.0}
    server.post("/chat/completions").respond(content=events(*PIECES[:-1], chunk(choices=[], timings=timings)))
    assert (await streamed(client, [])).worked_s == 0.75


async def test_a_stream_that_reaches_its_limit_of_tokens_is_cut(server: Any, client: OpenAIClient) -> None:
    server.post("/chat/completions").respond(content=events(chunk("A"), chunk(None, "length")))
    assert (await streamed(client, [])).was_cut


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("CUDA error", EngineFailedError),
        ("the request exceeds the available context size, try increasing it", PromptTooLongError),
    ],
)
async def test_an_error_in_a_stream_that_has_begun_is_an_error(
    server: Any, client: OpenAIClient, message: str, error: type[EngineError]
) -> None:
    failed = {"error": {"code": 500, "message": message, "type": "server_error"}}
    server.post("/chat/completions").respond(content=events(chunk("A fer"), failed))
    texts: list[str] = []
    with pytest.raises(error, match=message):
        await streamed(client, texts)
    assert texts == ["A fer"]


@pytest.mark.parametrize("status", [400, 503])
async def test_an_error_before_a_stream_has_its_status(server: Any, client: OpenAIClient, status: int) -> None:
    server.post("/chat/completions").respond(status, json={"error": {"message": "Loading model"}})
    with pytest.raises(EngineBusyError if status == 503 else EngineRejectedError, match="Loading model"):
        await streamed(client, [])


@pytest.mark.parametrize(
    "content",
    [b"", events(), events(chunk("A ferry")), b"<html>Bad Gateway</html>", json.dumps(answer()).encode(), b"data: {"],
    ids=["nothing", "no chunk", "no finish_reason", "HTML", "no stream", "half an event"],
)
async def test_what_is_no_whole_stream_is_an_error(server: Any, client: OpenAIClient, content: bytes) -> None:
    server.post("/chat/completions").respond(content=content)
    with pytest.raises(EngineFailedError):
        await streamed(client, [])


async def test_a_stream_has_the_log_probabilities_of_its_first_token(server: Any, client: OpenAIClient) -> None:
    scored = chunk("A")
    scored["choices"][0]["logprobs"] = {"content": [{"token": "A", "logprob": -0.25, "top_logprobs": []}]}
    server.post("/chat/completions").respond(content=events(scored, *PIECES[2:]))
    completion = await client.chat(PROMPT, model=MODEL, num_predict=48, top_logprobs=2, on_text=lambda text: None)
    assert completion.first_token == {"A": -0.25}
