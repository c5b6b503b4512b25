"""What is answered where the engine fails: the table of problems, each with Ollama's own message."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from tests.unit.service import SUMMARY, TEXT, answer, ollama, prompt_of, running, warmed_up

pytestmark = pytest.mark.anyio


async def compress(client: httpx.AsyncClient, text: str = TEXT, **fields: Any) -> httpx.Response:
    return await client.post("/compress", json={"text": text, **fields})


class Held:
    """An upstream that answers when it is released."""

    def __init__(self) -> None:
        self.entered, self.release = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.entered.set()
        await self.release.wait()
        return httpx.Response(200, json=answer(SUMMARY))


def error(status: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error": message})


@pytest.mark.parametrize(
    ("upstream", "status", "kind", "message"),
    [
        (
            error(404, "model 'qwen2.5:7b-instruct' not found"),
            404,
            "model_not_found",
            "ollama pull qwen2.5:7b-instruct",
        ),
        (error(503, "server busy, please try again."), 503, "busy", "server busy, please try again."),
        (error(500, "llama runner process has terminated"), 502, "failed", "llama runner process has terminated"),
        (error(400, "invalid option"), 502, "rejected", "invalid option"),
        (httpx.Response(200, html="<html>hello</html>"), 502, "failed", "<html>hello</html>"),
        (httpx.ConnectError("Connection refused"), 502, "unreachable", "Connection refused"),
        (httpx.ReadError("reset by peer"), 502, "unreachable", "reset by peer"),
        (httpx.ReadTimeout("too late"), 504, "timeout", "too late"),
    ],
)
async def test_a_failure_of_the_engine_is_a_problem_with_its_own_message(
    upstream: httpx.Response | Exception, status: int, kind: str, message: str
) -> None:
    with ollama(upstream):
        async with running() as client:
            response = await compress(client)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == f"urn:condenser:problem:{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert message in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_a_busy_engine_says_when_to_come_back() -> None:
    with ollama(error(503, "server busy")):
        async with running() as client:
            assert int((await compress(client)).headers["retry-after"]) >= 1


async def test_an_engine_that_takes_longer_than_the_request_may_is_a_504() -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with ollama(never):
        async with running(request_timeout_s=0.05) as client:
            response = await compress(client)
    assert response.status_code == 504


async def test_a_full_queue_is_a_503_with_retry_after() -> None:
    held = Held()
    with ollama(held):
        async with running(max_concurrency=1, max_queue=0) as client:
            await warmed_up()
            first = asyncio.create_task(compress(client))
            await held.entered.wait()
            refused = await compress(client)
            held.release.set()
            assert (await first).status_code == 200
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("queue_full")
    assert int(refused.headers["retry-after"]) >= 1


async def test_a_wait_over_its_bound_is_a_503_with_retry_after() -> None:
    held = Held()
    with ollama(held):
        async with running(max_concurrency=1, queue_timeout_s=0.01) as client:
            await warmed_up()
            first = asyncio.create_task(compress(client))
            await held.entered.wait()
            refused = await compress(client)
            held.release.set()
            await first
    assert refused.status_code == 503
    assert refused.json()["type"].endswith("queue_timeout")
    assert "retry-after" in refused.headers


async def test_extractive_on_engine_error_answers_with_the_texts_own_sentences() -> None:
    with ollama(error(500, "llama runner process has terminated")):
        async with running() as client:
            answered = (await compress(client, on_engine_error="extractive")).json()
    assert answered["method"] == "extractive"
    assert answered["fidelity"]["kept"] > 0
    assert {passage["by"] for passage in answered["fidelity"]["passages"]} == {"source"}


async def test_a_text_without_facts_and_a_silent_model_give_the_texts_first_sentence() -> None:
    text = "\n\n  Nothing much is said in this long text. " + "The wind blows over the wide fields all day long. " * 20
    with ollama(httpx.Response(200, json=answer("", 120, 1))):
        async with running() as client:
            answered = (await compress(client, text, target_ratio=0.3)).json()
    assert answered["method"] == "extractive"
    assert answered["compressed"].startswith("Nothing much is said in this long text.")


async def test_an_unknown_model_is_a_problem_even_where_extractive_is_asked_for() -> None:
    with ollama(error(404, "model 'nope' not found")):
        async with running() as client:
            response = await compress(client, model="nope", on_engine_error="extractive")
    assert response.status_code == 404
    assert "ollama pull nope" in response.json()["detail"]


@pytest.mark.parametrize("text", [TEXT, "A short one.", '{"a": 1}', ""])
async def test_an_unknown_model_is_not_found_whatever_the_text(text: str) -> None:
    with ollama(error(404, "model 'nope:1b' not found")):
        async with running() as client:
            response = await compress(client, text, model="nope:1b")
    assert response.status_code == 404
    assert response.json()["detail"] == "model 'nope:1b' not found; get it with: ollama pull nope:1b"


async def test_a_model_that_was_installed_since_the_last_check_is_found() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as upstream:
        async with running() as client:
            await warmed_up()
            upstream.get("/api/tags").respond(json={"models": [{"name": "new:1b"}]})
            assert (await compress(client, "A short one.", model="new:1b")).status_code == 200


async def test_an_unknown_model_does_not_matter_where_none_is_called_or_the_engine_is_silent() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as upstream:
        async with running() as client:
            await warmed_up()
            assert (await compress(client, model="nope:1b", method="extractive")).status_code == 200
            upstream.get("/api/version").mock(side_effect=httpx.ConnectError("refused"))
            assert (await compress(client, "A short one.", model="nope:1b")).status_code == 200


async def test_a_prompt_that_the_engine_finds_too_long_is_cut_again() -> None:
    async def short_sighted(request: httpx.Request) -> httpx.Response:
        if len(prompt_of(request)) > 2000:
            return error(400, "the input length exceeds the context length")
        return httpx.Response(200, json=answer(SUMMARY))

    with ollama(short_sighted):
        async with running() as client:
            answered = (await compress(client, TEXT * 8)).json()
    assert answered["usage"]["calls"] > 1
    assert answered["fidelity"]["summary"]["written"] >= answered["usage"]["calls"]


async def test_a_silently_truncated_prompt_is_cut_again() -> None:
    async def truncating(request: httpx.Request) -> httpx.Response:
        full = len(prompt_of(request)) > 1400
        return httpx.Response(200, json=answer(SUMMARY, prompt_tokens=512 if full else 120))

    with ollama(truncating):
        async with running(num_ctx=512) as client:
            answered = (await compress(client, TEXT * 8)).json()
    assert answered["usage"]["calls"] > 1


async def test_an_internal_error_is_a_problem_that_tells_nothing_and_has_the_request_id(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("app.compression.compressor.seal", broken)
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            response = await compress(client)
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["request_id"] == response.headers["x-request-id"] != ""


async def test_the_service_is_healthy_while_the_model_is_still_loading() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as router:
        loading = asyncio.Event()

        async def load(request: httpx.Request) -> httpx.Response:
            loading.set()
            await asyncio.Event().wait()
            raise AssertionError

        router.post("/api/chat").mock(side_effect=load)
        async with running() as client:
            await loading.wait()
            assert (await client.get("/healthz")).status_code == 200


async def test_a_dead_engine_leaves_the_service_healthy_and_not_ready() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as router:
        router.get("/api/version").mock(side_effect=httpx.ConnectError("Connection refused"))
        async with running() as client:
            assert (await client.get("/healthz")).status_code == 200
            ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert "Connection refused" in ready.json()["problem"]


async def test_a_missing_model_is_not_ready_and_says_how_to_get_it() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as router:
        router.get("/api/tags").respond(json={"models": []})
        async with running() as client:
            ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["problem"].endswith("ollama pull qwen2.5:7b-instruct")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"x-api-key": ""}, {"authorization": "k1"}])
async def test_without_a_right_key_there_is_no_answer_where_keys_are_set(headers: dict[str, str]) -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(api_keys="k1, k2") as client:
            response = await client.post("/compress", json={"text": TEXT}, headers=headers)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("headers", [{"authorization": "Bearer k2"}, {"x-api-key": "k1"}])
async def test_with_a_right_key_there_is_an_answer(headers: dict[str, str]) -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(api_keys="k1, k2") as client:
            response = await client.post("/compress", json={"text": TEXT}, headers=headers)
    assert response.status_code == 200


async def test_an_integer_with_a_decimal_point_is_taken_as_json_schema_has_it() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            capsule = (await client.post("/compress", json={"text": TEXT})).json()["capsule"]
            body = {"capsule": capsule | {"version": float(capsule["version"])}}
            assert (await client.post("/reconstruct", json=body)).status_code == 200
            for wrong in (1.5, "1", True, -1.0):
                response = await client.post("/reconstruct", json={"capsule": capsule | {"version": wrong}})
                assert response.status_code == 422


@pytest.mark.parametrize("measure", [{"target_ratio": 0.0}, {"coverage": 0.0}, {"target_ratio": 0.5, "coverage": 0.5}])
async def test_an_invalid_measure_and_two_measures_at_once_are_refused(measure: dict[str, Any]) -> None:
    async with running() as client:
        response = await compress(client, **measure)
    assert (response.status_code, response.json()["type"]) == (422, "urn:condenser:problem:invalid_request")
    assert all(name in response.json()["detail"] for name in measure)


async def test_the_openapi_document_tells_the_bounds_of_numbers_and_that_a_bad_item_fails_alone() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    ratio, _ = schemas["CompressRequest"]["properties"]["target_ratio"]["anyOf"]
    assert (ratio["minimum"], ratio["maximum"]) == (0.01, 1)
    assert schemas["Capsule"]["properties"]["version"]["minimum"] == 1
    assert {"description": "anything else gets a problem"} in schemas["BatchRequest"]["properties"]["items"]["items"][
        "anyOf"
    ]


async def test_a_text_with_unicode_line_ends_stays_one_line_of_ndjson() -> None:
    text = "one\u2028two\u2029three\x85four"
    with ollama(httpx.Response(200, json=answer(""))):
        async with running() as client:
            body = {"operation": "compress", "items": [{"text": text, "must_keep": [text]}]}
            response = await client.post("/batch", json=body, headers={"accept": "application/x-ndjson"})
    (line,) = response.text.splitlines()
    assert json.loads(line)["result"]["compressed"] == text


async def test_a_method_that_a_path_lacks_is_refused_with_all_that_it_has() -> None:
    async with running() as client:
        response = await client.options("/batch/job_1")
    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET"
