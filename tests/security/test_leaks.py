"""Nothing that a caller sends is in another caller's answer, in a log, in a header or in a metric's label."""

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from app.telemetry.logs import configure_logs
from tests.unit.service import MODEL, TEXT, answer, ollama, prompt_of, running

pytestmark = pytest.mark.anyio

CHAT = httpx.Response(200, json=answer("A ferry leaves at 07:45."))
MARK = "Zanzibarbarossa77"


@contextmanager
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What the service writes to its log, as `condenser serve` does, at its most talkative."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    configure_logs("DEBUG")
    logging.getLogger("asyncio").setLevel(logging.INFO)
    try:
        yield written
    finally:
        root.handlers[:] = before
        root.setLevel(level)


HOSTILE_IDS = [
    "a\r\nSet-Cookie: admin=1",
    "a\nb",
    "a b",
    'a"b',
    "a\x1b[31mred",
    "a\u0085b",
    "\u202eabc",
    "a" * 129,
    "../../etc/passwd",
    "<script>",
    "${jndi:ldap://evil}",
    "%0d%0aX-Evil:1",
    "",
]


@pytest.mark.parametrize("given", HOSTILE_IDS)
async def test_a_request_id_that_could_break_a_header_or_a_log_line_is_replaced(given: str) -> None:
    with ollama(CHAT):
        async with running() as client:
            headers = [(b"X-Request-ID", given.encode())]
            response = await client.post("/compress", json={"txt": 1}, headers=headers)
    made = response.headers["x-request-id"]
    assert (len(made), made.isalnum()) == (32, True)
    assert response.json()["request_id"] == made
    assert response.headers.get_list("x-request-id") == [made]


async def test_a_sober_request_id_is_kept() -> None:
    with ollama(CHAT):
        async with running() as client:
            response = await client.get("/healthz", headers={"X-Request-ID": "a-B_9.z"})
    assert response.headers["x-request-id"] == "a-B_9.z"


NASTY = [
    f"{MARK}\n" + '{"level": "INFO", "message": "forged"}',
    f"{MARK}\r\n2026-01-01 forged line",
    f"\x1b[2J\x1b[31m{MARK}",
    f"{MARK}\u2028forged\u0085forged",
    f"{MARK} %s %d {{}} ${{jndi:ldap://evil}}",
]


def calls(nasty: str) -> list[dict[str, Any]]:
    """Requests that have `nasty` at every place where a caller can put something."""
    json_type = {"content-type": "application/json"}
    return [
        {"url": "/compress", "json": {"text": nasty + TEXT}},
        {"url": "/compress", "json": {"text": TEXT, "must_keep": [nasty]}},
        {"url": "/compress", "json": {"text": TEXT, "question": nasty}},
        {"url": "/compress", "json": {"text": TEXT, "model": nasty}},
        {"url": "/compress", "json": {"text": TEXT, "model": f"{MARK}:7b"}},
        {"url": "/compress", "json": {"text": TEXT, nasty: 1}},
        {"url": "/compress", "json": {"text": TEXT, "fidelity": nasty}},
        {"url": "/compress", "content": nasty.encode(), "headers": json_type},
        {"url": "/compress", "json": {"text": TEXT}, "headers": {"X-API-Key": MARK, "User-Agent": MARK}},
        {"url": "/reconstruct", "json": {"capsule": {"version": 1, "payload": nasty, "model": nasty}}},
        {"url": "/batch", "json": {"operation": nasty, "items": []}},
        {"url": "/batch", "json": {"operation": "compress", "items": [{"text": nasty}, {nasty: 1}]}},
        {"url": f"/{MARK}?{MARK}={MARK}", "json": {}},
        {"url": f"/compress?{MARK}", "json": {}, "headers": {"Referer": MARK, "Cookie": MARK, "Origin": MARK}},
    ]


@pytest.mark.parametrize("nasty", NASTY)
async def test_nothing_sent_is_in_the_log_or_in_the_metrics_and_no_log_line_can_be_forged(
    nasty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with logged(monkeypatch) as log, ollama(CHAT):
        async with running() as client:
            for call in calls(nasty):
                await client.post(**call)
            metrics = (await client.get("/metrics")).text
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    assert len(requests) == len(calls(nasty))
    # A model that the engine has answered for is named; what is named is of the model grammar only.
    named = [line.pop("model", "") for line in requests]
    assert set(named) <= {"", MODEL, f"{MARK}:7b"}
    assert MARK not in json.dumps(lines)
    assert "forged" not in json.dumps(lines)
    assert MARK not in metrics


async def test_an_error_that_nobody_foresaw_is_logged_without_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        try:
            raise KeyError(MARK)
        except KeyError as error:
            raise RuntimeError(f"text was {MARK}") from error

    monkeypatch.setattr("app.compression.compressor.seal", broken)
    with logged(monkeypatch) as log, ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", json={"text": TEXT})
    assert response.status_code == 500
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "internal error"]
    assert "RuntimeError" in line["exc_info"]
    assert "KeyError" in line["exc_info"]
    assert "in broken" in line["exc_info"]
    assert MARK not in log.getvalue() + response.text


async def test_an_answer_that_breaks_off_is_logged_without_the_text_that_broke_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*args: object, **kwargs: object) -> str:
        raise RuntimeError(f"text was {MARK}")

    monkeypatch.setattr("app.api.batch_schemas.BatchResult.model_dump_json", broken)
    with logged(monkeypatch) as log, ollama(CHAT):
        async with running() as client:
            sent = {"operation": "compress", "items": [{"text": TEXT}]}
            with pytest.raises(Exception, match=r"^$"):
                await client.post("/batch", json=sent, headers={"accept": "application/x-ndjson"})
    assert "RuntimeError" in log.getvalue()
    assert MARK not in log.getvalue()


async def test_callers_at_the_same_time_see_nothing_of_each_other() -> None:
    async def echo(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        return httpx.Response(200, json=answer(prompt_of(request)[:300]))

    async def ask(client: httpx.AsyncClient, number: int) -> tuple[int, httpx.Response]:
        mine = f"Caller{number:03}x met Marker{number:03}x at 07:{number % 60:02}. "
        bodies: list[dict[str, Any]] = [
            {"json": {"text": mine * 4 + TEXT}},
            {"json": {"text": TEXT, "must_keep": [mine]}},
            {"json": {"text": TEXT, mine: 1}},
            {"content": mine.encode(), "headers": {"content-type": "application/json"}},
        ]
        identifier = {"X-Request-ID": f"id-{number:03}x"}
        call = bodies[number % 4]
        headers = call.pop("headers", {}) | identifier
        return number, await client.post("/compress", **call, headers=headers)

    with ollama(echo):
        async with running() as client:
            answers = await asyncio.gather(*(ask(client, number) for number in range(120)))
    for number, response in answers:
        seen = response.text + str(response.headers)
        others = [f"{other:03}x" for other in range(120) if other != number]
        assert not [other for other in others if other in seen]
        assert response.headers["x-request-id"] == f"id-{number:03}x"


# Model names

ALLOWED = [
    "qwen2.5:7b-instruct",
    "smollm2:135m-instruct-q4_1",
    "user/model",
    "hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M",
    "registry.example.org:5000/team/model:latest",
    "_private",
]
REFUSED = [
    "../../etc/passwd",
    "/etc/passwd",
    "a/../b",
    "a/./b",
    "./a",
    "http://evil.example/m",
    "https://evil.example",
    "file:///etc/passwd",
    "a//b",
    "a/b/c/d",
    "a:b:c",
    "a:",
    ":a",
    "a/",
    "a b",
    "a\\b",
    "a\n",
    "a\x00",
    "a?b",
    "a#b",
    "a%2fb",
    "a@sha256:0",
    "-a",
    ".a",
    "",
    "ａ",
    "a" * 81,
    "a" * 300 + "/b",
]


@pytest.mark.parametrize("model", ALLOWED)
async def test_a_model_name_of_ollamas_grammar_is_asked_for_as_it_is(model: str) -> None:
    asked: list[str] = []

    async def note(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content)["model"])
        return CHAT

    with ollama(note) as router:
        router.get("/api/tags").respond(json={"models": [{"name": model}]})
        async with running() as client:
            assert (await client.post("/compress", json={"text": TEXT, "model": model})).status_code == 200
    assert asked == [model]


@pytest.mark.parametrize("model", REFUSED)
async def test_a_model_name_that_is_a_path_a_url_or_none_is_refused_before_the_engine_hears_of_it(model: str) -> None:
    with ollama(CHAT) as router:
        async with running() as client:
            for path, body in (("/compress", {"text": TEXT}), ("/reconstruct", {"capsule": {}})):
                response = await client.post(path, json={**body, "model": model})
                assert response.status_code == 422
                assert "model:" in response.json()["detail"]
        heard = b"".join(call.request.content for call in router.calls)
    assert json.dumps(model).encode() not in heard
