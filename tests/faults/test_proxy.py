"""`/v1/chat/completions` in front of an upstream on a real socket: what it is sent, and what becomes of its answers."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest

from tests.faults import behaviours as faults
from tests.faults.conftest import Running, Start, running
from tests.faults.faulty_ollama import FaultyOllama
from tests.faults.openai_upstream import (
    COMPLETION,
    OpenAIUpstream,
    Received,
    begin_stream,
    event,
    respond,
    write_chunk,
)
from tests.faults.process import free_port
from tests.unit.service import TEXT

pytestmark = pytest.mark.anyio

PATH = "/v1/chat/completions"
LOG = "\n".join(f"2026-11-26 10:{n // 60:02}:{n % 60:02} INFO request {n} took {n % 7} ms" for n in range(300))
CALL = {"id": "call_1", "type": "function", "function": {"name": "logs", "arguments": "{}"}}
MESSAGES: list[dict[str, Any]] = [
    {"role": "system", "content": "You are of help."},
    {"role": "user", "content": "What do the logs say?"},
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": LOG},
    *({"role": role, "content": f"So it goes on, {n}."} for n in range(2) for role in ("assistant", "user")),
]
PROSE: list[dict[str, Any]] = [
    {"role": "user", "content": "\n\n".join(f"{TEXT} That was number {number}." for number in range(5))},
    *({"role": role, "content": "And then?"} for role in ("assistant", "user", "assistant", "user")),
]


@pytest.fixture
async def openai_upstream() -> AsyncIterator[OpenAIUpstream]:
    async with OpenAIUpstream() as upstream:
        yield upstream


def body(messages: list[dict[str, Any]] = MESSAGES, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": messages, **fields}


async def test_the_upstream_gets_a_shorter_conversation_and_its_answer_comes_back(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    async with start(proxy_url=openai_upstream.url) as service:
        answer = await service.client.post(PATH, json=body())
    assert (answer.status_code, answer.json()) == (200, COMPLETION)
    (received,) = openai_upstream.received
    assert received.line == "POST /v1/chat/completions HTTP/1.1"
    sent = json.loads(received.content)["messages"]
    assert len(sent) == len(MESSAGES)
    assert [message for number, message in enumerate(sent) if number != 3] == MESSAGES[:3] + MESSAGES[4:]
    assert sent[3]["tool_call_id"] == "call_1"
    assert 0 < len(sent[3]["content"]) < len(LOG) / 5
    assert int(answer.headers["x-condenser-saved-tokens"]) > 1000
    assert answer.headers["x-upstream-request-id"] == "upstream-1"
    assert answer.headers.get_list("x-request-id") != ["upstream-1"]


async def test_all_but_the_shortened_texts_goes_through_to_the_byte(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    log = json.dumps(LOG)
    front = '{ "seed":123456789012345678901234567890,"temperature":0.10, "x_unknown" : {"a":1E400,"b":[ -0.0 ]} ,\n'
    messages = f'"messages":[{{"role":"user","content":"Caf\\u00e9?"}},{{"content":{log},"role":"user","n":1.0}}'
    rest = "".join(',{"role":"user","content":"more"}' for _ in range(4)) + ' ],"stop":null}'
    async with start(proxy_url=openai_upstream.url) as service:
        await service.client.post(
            PATH, content=f"{front}{messages}{rest}", headers={"content-type": "application/json"}
        )
    sent = openai_upstream.received[0].content.decode()
    head, tail = messages.split(log)
    assert sent.startswith(front + head)
    assert sent.endswith(tail + rest)
    assert len(sent) < len(front + messages + rest) - 10_000


BAD = [
    b"no json",
    b'{"model":"m"}',
    b'{"messages":[{"role":"wizard","content":"a"}]}',
    b'{"messages":[],"messages":[]}',
    b'{"messages":[{"role":"user","content":"\\ud800"}]}',
    b"\xff\xfe",
    b"[" * 100_000,
    b'{"n":' + b"9" * 10_000 + b"}",
    b"",
]


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
async def test_what_can_not_be_read_is_left_to_the_upstream(
    start: Start, openai_upstream: OpenAIUpstream, content: bytes
) -> None:
    async def refuses(received: Received, writer: asyncio.StreamWriter) -> None:
        await respond(writer, 400, b'{"error":{"message":"bad"}}')

    openai_upstream.answer = refuses
    async with start(proxy_url=openai_upstream.url) as service:
        answer = await service.client.post(PATH, content=content, headers={"content-type": "application/json"})
    assert openai_upstream.received[0].content == content
    assert (answer.status_code, answer.content) == (400, b'{"error":{"message":"bad"}}')
    assert answer.headers["x-condenser-saved-tokens"] == "0"


async def test_the_official_client_completes_streams_and_lists_models(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    async def streams(received: Received, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        for word in ("Yes", ", ", "it is."):
            await write_chunk(writer, event(word))
        await write_chunk(writer, b"data: [DONE]\n\n")
        await write_chunk(writer, b"")

    async def lists(received: Received, writer: asyncio.StreamWriter) -> None:
        await respond(
            writer, 200, b'{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"me"}]}'
        )

    async with start(proxy_url=openai_upstream.url) as service:
        client = openai.AsyncOpenAI(base_url=f"{service.client.base_url}/v1", api_key="theirs")
        messages: Any = MESSAGES
        completion = await client.chat.completions.create(model="m", messages=messages)
        assert completion.choices[0].message.content == "Yes."
        openai_upstream.answer = streams
        stream = await client.chat.completions.create(model="m", messages=messages, stream=True)
        assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == "Yes, it is."
        openai_upstream.answer = lists
        assert [model.id async for model in client.models.list()] == ["m"]
        await client.close()
    assert [request.headers["authorization"] for request in openai_upstream.received] == ["Bearer theirs"] * 3
    assert openai_upstream.received[2].line == "GET /v1/models HTTP/1.1"


async def test_each_piece_of_a_stream_comes_through_when_it_is_there(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    seen = asyncio.Event()

    async def waits_in_between(received: Received, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await write_chunk(writer, event("first"))
        await seen.wait()
        await write_chunk(writer, event("second"))
        await write_chunk(writer, b"")

    openai_upstream.answer = waits_in_between
    async with (
        start(proxy_url=openai_upstream.url) as service,
        service.client.stream("POST", PATH, json=body(stream=True)) as answer,
    ):
        assert answer.headers["content-type"] == "text/event-stream"
        chunks = answer.aiter_raw()
        assert await anext(chunks) == event("first")
        seen.set()
        assert b"".join([chunk async for chunk in chunks]) == event("second")


async def test_a_compressed_answer_goes_through_as_it_is(start: Start, openai_upstream: OpenAIUpstream) -> None:
    async def compresses(received: Received, writer: asyncio.StreamWriter) -> None:
        assert "gzip" in received.headers["accept-encoding"]
        content = gzip.compress(json.dumps(COMPLETION).encode())
        await respond(writer, 200, content, b"content-encoding: gzip\r\nset-cookie: a=1\r\nset-cookie: b=2\r\n")

    openai_upstream.answer = compresses
    async with start(proxy_url=openai_upstream.url) as service:
        answer = await service.client.post(PATH, json=body())
    assert answer.json() == COMPLETION
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500, 503])
async def test_an_error_of_the_upstream_is_passed_on(
    start: Start, openai_upstream: OpenAIUpstream, status: int
) -> None:
    async def fails(received: Received, writer: asyncio.StreamWriter) -> None:
        await respond(writer, status, b'{"error":{"message":"why"}}', b"retry-after: 7\r\nlocation: /elsewhere\r\n")

    openai_upstream.answer = fails
    async with start(proxy_url=openai_upstream.url) as service:
        answer = await service.client.post(PATH, json=body())
    assert (answer.status_code, answer.content) == (status, b'{"error":{"message":"why"}}')
    assert answer.headers["retry-after"] == "7"
    assert len(openai_upstream.received) == 1


async def test_an_upstream_that_is_down_is_a_problem_that_names_it(start: Start) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    async with start(proxy_url=url) as service:
        answer = await service.client.post(PATH, json=body())
    assert answer.status_code == 502
    assert answer.json()["type"] == "urn:condenser:problem:upstream_unreachable"
    assert url in answer.json()["detail"]


async def test_an_upstream_that_hangs_up_before_it_answers_is_a_problem(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    async def hangs_up(received: Received, writer: asyncio.StreamWriter) -> None:
        writer.close()

    openai_upstream.answer = hangs_up
    async with start(proxy_url=openai_upstream.url) as service:
        assert (await service.client.post(PATH, json=body())).status_code == 502


async def test_a_stream_that_breaks_off_breaks_off_for_the_client_too(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    async def breaks_off(received: Received, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await write_chunk(writer, event("half"))
        writer.transport.abort()

    openai_upstream.answer = breaks_off
    async with start(proxy_url=openai_upstream.url) as service:
        async with service.client.stream("POST", PATH, json=body(stream=True)) as answer:
            with pytest.raises(httpx.RemoteProtocolError):
                await answer.aread()
        calls = service.service.metrics.registry.get_sample_value
        assert calls("condenser_proxy_calls_total", {"outcome": "cut"}) == 1


async def test_an_error_in_the_middle_of_a_stream_is_passed_on(start: Start, openai_upstream: OpenAIUpstream) -> None:
    error = b'data: {"error": {"message": "the model fell over"}}\n\n'

    async def tells_of_an_error(received: Received, writer: asyncio.StreamWriter) -> None:
        await begin_stream(writer)
        await write_chunk(writer, event("half"))
        await write_chunk(writer, error)
        await write_chunk(writer, b"")

    openai_upstream.answer = tells_of_an_error
    async with start(proxy_url=openai_upstream.url) as service:
        answer = await service.client.post(PATH, json=body(stream=True))
    assert answer.content == event("half") + error


@pytest.mark.parametrize("has_begun", [False, True], ids=["before the answer", "in the middle of it"])
async def test_a_client_that_leaves_ends_the_call_of_the_upstream(
    start: Start, openai_upstream: OpenAIUpstream, has_begun: bool
) -> None:
    async def waits(received: Received, writer: asyncio.StreamWriter) -> None:
        if has_begun:
            await begin_stream(writer)
            await write_chunk(writer, event("first"))
        await received.has_left.wait()

    openai_upstream.answer = waits

    async def call(service: Running) -> None:
        async with service.client.stream("POST", PATH, json=body(stream=True)) as answer:
            await answer.aread()

    async with start(proxy_url=openai_upstream.url) as service:
        calling = asyncio.create_task(call(service))
        received = await openai_upstream.nth(1)
        calling.cancel()
        async with asyncio.timeout(10):
            await received.has_left.wait()


async def test_a_body_over_the_limit_is_refused_and_not_passed_on(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    async with start(proxy_url=openai_upstream.url, max_body_bytes=10_000) as service:
        answer = await service.client.post(PATH, json=body())
    assert (answer.status_code, openai_upstream.received) == (413, [])


@pytest.mark.parametrize(
    "behaviour", [faults.fails(500, "out of memory"), faults.hangs_before_headers], ids=["fails", "hangs"]
)
async def test_an_engine_that_fails_or_hangs_leaves_it_to_the_text_itself(
    start: Start, upstream: FaultyOllama, openai_upstream: OpenAIUpstream, behaviour: Any
) -> None:
    async with start(proxy_url=openai_upstream.url, proxy_timeout_s=2) as service:
        upstream.behaviour = behaviour
        answer = await service.client.post(PATH, json=body(PROSE))
    assert answer.status_code == 200
    assert int(answer.headers["x-condenser-saved-tokens"]) > 100


async def test_texts_over_the_limit_go_through_as_they_are(start: Start, openai_upstream: OpenAIUpstream) -> None:
    async with start(proxy_url=openai_upstream.url, max_text_bytes=1000) as service:
        answer = await service.client.post(PATH, json=body())
    assert answer.status_code == 200
    assert json.loads(openai_upstream.received[0].content) == body()
    assert answer.headers["x-condenser-saved-tokens"] == "0"


KEYS = {"api_keys": "app=ours"}
SENT_ON = [
    ({}, {"authorization": "Bearer theirs"}, "Bearer theirs"),
    ({}, {}, None),
    ({"proxy_api_key": "set"}, {"authorization": "Bearer theirs"}, "Bearer set"),
    (KEYS, {"x-api-key": "ours", "authorization": "Bearer theirs"}, "Bearer theirs"),
    (KEYS, {"authorization": "Bearer ours"}, None),
    (KEYS, {"x-api-key": "ours", "authorization": "bearer ours"}, None),
    (KEYS | {"proxy_api_key": "set"}, {"authorization": "Bearer ours"}, "Bearer set"),
]


@pytest.mark.parametrize(("settings", "headers", "sent_on"), SENT_ON, ids=range(len(SENT_ON)))
async def test_each_key_goes_where_it_belongs(
    upstream: FaultyOllama,
    openai_upstream: OpenAIUpstream,
    settings: dict[str, str],
    headers: dict[str, str],
    sent_on: str | None,
) -> None:
    async with running(upstream, proxy_url=openai_upstream.url, **settings) as service:
        assert (await service.client.post(PATH, json=body(), headers=headers)).status_code == 200
    (received,) = openai_upstream.received
    assert received.headers.get("authorization") == sent_on
    assert "ours" not in str(received.headers)
    assert "x-api-key" not in received.headers


async def test_without_a_key_for_here_nothing_is_passed_on(
    upstream: FaultyOllama, openai_upstream: OpenAIUpstream
) -> None:
    async with running(upstream, proxy_url=openai_upstream.url, **KEYS) as service:
        for headers in ({}, {"authorization": "Bearer theirs"}, {"x-api-key": "wrong", "authorization": "Bearer ours"}):
            assert (await service.client.post(PATH, json=body(), headers=headers)).status_code == 401
    assert openai_upstream.received == []


async def test_a_client_s_own_headers_go_through_and_those_of_the_connection_do_not(
    start: Start, openai_upstream: OpenAIUpstream
) -> None:
    headers = {
        "openai-organization": "org",
        "user-agent": "app/1",
        "connection": "x-hop",
        "x-hop": "1",
        "cookie": "a=1",
    }
    async with start(proxy_url=openai_upstream.url) as service:
        await service.client.post(PATH, json=body(), headers=headers)
    received = openai_upstream.received[0].headers
    assert (received["openai-organization"], received["user-agent"]) == ("org", "app/1")
    assert received["host"] == openai_upstream.url.removeprefix("http://").removesuffix("/v1")
    assert received.keys().isdisjoint({"x-hop", "cookie"})


async def test_there_is_no_such_endpoint_where_no_upstream_is_set(start: Start) -> None:
    async with start() as service:
        assert (await service.client.post(PATH, json=body())).status_code == 404
        assert (await service.client.get("/v1/models")).status_code == 404


async def test_a_call_counts_as_a_request_of_its_key(upstream: FaultyOllama, openai_upstream: OpenAIUpstream) -> None:
    limits = '{"app": {"requests_per_minute": 1}}'
    async with running(upstream, proxy_url=openai_upstream.url, key_limits=limits, **KEYS) as service:
        headers = {"authorization": "Bearer ours"}
        assert (await service.client.post(PATH, json=body(), headers=headers)).status_code == 200
        assert (await service.client.post(PATH, json=body(), headers=headers)).status_code == 429
