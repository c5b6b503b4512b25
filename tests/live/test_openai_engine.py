"""Condenser in front of an engine with the OpenAI API: the server of llama.cpp itself, on the embedded model."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from app.engine.model_file import fetch_model
from app.settings import default_cache_dir
from tests.live.conftest import Service, start_service, wait_until_ready
from tests.live.test_doctor import doctor, findings
from tests.live.texts import MAIL
from tests.unit.events import EVENT_STREAM, events_of, names
from tests.unit.service import TEXT

KEY = "the-engine's-key"
NAME = "smollm2:135m"
NUM_CTX = 1024


class LlamaCpp:
    """The server, which can be stopped and started again at the same address."""

    def __init__(self) -> None:
        self._port = 0
        self.start()

    def start(self) -> None:
        """Return when it listens."""
        model = fetch_model(default_cache_dir())
        options = {"model": model, "alias": NAME, "api-key": KEY, "port": self._port, "num-ctx": NUM_CTX}
        given = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.llama_cpp", *given],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdout is not None
        address = self._process.stdout.readline().strip()
        self._port = int(address.rsplit(":", 1)[-1])

    @property
    def url(self) -> str:
        """The front of its API's addresses."""
        return f"http://127.0.0.1:{self._port}/v1"

    def stop(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait(timeout=30)


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaCpp]:
    running = LlamaCpp()
    try:
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def engine(server: LlamaCpp) -> str:
    return server.url


@contextmanager
def condenser(folder: Path, url: str, **settings: object) -> Iterator[Service]:
    given: dict[str, object] = {
        "CONDENSER_OPENAI_URL": url,
        "CONDENSER_OPENAI_API_KEY": KEY,
        "CONDENSER_MODEL": NAME,
        "CONDENSER_ENGINE_RETRIES": 0,
    }
    running = start_service(folder, "openai", **given | settings)
    try:
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=30)


@pytest.fixture(scope="module")
def client(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with condenser(tmp_path_factory.mktemp("service"), engine) as service:
        wait_until_ready(service)
        with service.client() as client:
            yield client


def compressed(client: httpx.Client, text: str, **fields: Any) -> httpx.Response:
    return client.post("/compress", json={"text": text, **fields})


def test_it_says_which_engine_it_took_and_that_the_model_is_there(client: httpx.Client, engine: str) -> None:
    ready = client.get("/readyz").json()
    assert (ready["ready"], ready["engine"], ready["engine_url"]) == (True, "openai", engine)
    assert (ready["engine_version"], ready["loaded"], ready["gpu_ratio"]) == ("llamacpp", True, None)


def test_a_text_is_compressed_by_sentences_that_are_the_texts_or_stand_beside_it(client: httpx.Client) -> None:
    body = compressed(client, MAIL).raise_for_status().json()
    assert len(body["compressed"]) < len(MAIL)
    for passage in body["fidelity"]["passages"]:
        passage_text = body["compressed"][passage["start"] : passage["end"]]
        assert passage["by"] == "model" or passage_text == MAIL[slice(*passage["source"][0])]
    assert body["usage"]["engine"] == "openai"
    assert body["usage"]["prompt_tokens"] > 100
    assert 0 < body["usage"]["completion_tokens"] <= 100 + body["usage"]["calls"]  # a check of a sentence writes one
    back = client.post("/reconstruct", json={"capsule": body["capsule"]}).json()
    assert back["text"] == MAIL


def test_a_stream_has_the_counts_of_the_engines_last_event(client: httpx.Client) -> None:
    body = {"text": TEXT, "method": "abstractive"}
    *early, (last, result) = events_of(client.post("/compress", json=body, headers=EVENT_STREAM).text)
    assert ("passage" in names(early), last) == (True, "result")
    whole = client.post("/compress", json=body).json()
    assert result["usage"] == whole["usage"]
    assert result["usage"]["prompt_tokens"] > 100


def test_a_batch_is_answered(client: httpx.Client) -> None:
    items = [{"text": f"{TEXT} Number {number}."} for number in range(2)]
    body = client.post("/batch", json={"operation": "compress", "items": items}).json()
    assert (body["succeeded"], body["failed"]) == (2, 0)


def test_a_model_that_it_does_not_have_is_404_and_tells_which_it_has(client: httpx.Client) -> None:
    answer = compressed(client, MAIL, model="phi4")
    assert answer.status_code == 404
    assert NAME in answer.json()["detail"]
    assert "ollama pull" not in answer.text


def test_a_text_over_the_servers_context_window_is_compressed_part_by_part(client: httpx.Client) -> None:
    text = "\n\n".join(f"Paragraph {number}: {MAIL}" for number in range(5))
    body = compressed(client, text, method="abstractive").raise_for_status().json()
    assert body["usage"]["calls"] >= 2
    assert body["fidelity"]["summary"]["written"] > 0


def test_a_wrong_key_is_reported_by_the_answer_and_by_readyz_and_never_shown(engine: str, tmp_path: Path) -> None:
    with condenser(tmp_path, engine, CONDENSER_OPENAI_API_KEY="sk-wrong") as service, service.client() as client:
        answer = compressed(client, MAIL)
        assert (answer.status_code, answer.json()["type"]) == (502, "urn:condenser:problem:rejected")
        assert "CONDENSER_OPENAI_API_KEY" in answer.json()["detail"]
        ready = client.get("/readyz")
        assert ready.status_code == 503
        assert "CONDENSER_OPENAI_API_KEY" in ready.json()["problem"]
        status = client.get("/status").text
        assert "sk-wrong" not in answer.text + ready.text + status + service.log.read_text()


def test_a_server_that_has_gone_is_502_and_one_that_is_back_serves(client: httpx.Client, server: LlamaCpp) -> None:
    server.stop()
    answer = compressed(client, TEXT)
    assert (answer.status_code, answer.json()["type"]) == (502, "urn:condenser:problem:unreachable")
    server.start()
    assert compressed(client, TEXT).status_code == 200


def test_the_doctor_tells_whether_it_serves(engine: str) -> None:
    settings = {"CONDENSER_ENGINE": "openai", "CONDENSER_OPENAI_URL": engine, "CONDENSER_MODEL": NAME}
    code, report = doctor(**settings, CONDENSER_OPENAI_API_KEY=KEY)
    assert (code, findings(report)["openai"]["state"]) == (0, "ok")
    code, report = doctor(**settings, CONDENSER_OPENAI_API_KEY="sk-wrong")
    assert (code, findings(report)["openai"]["state"]) == (1, "fail")
    assert "sk-wrong" not in str(report)


def test_the_proxy_completes_and_streams_by_the_server_of_llama_cpp(engine: str, tmp_path: Path) -> None:
    log = "\n".join(f"2026-11-26 10:00:{number % 60:02} INFO request {number} done" for number in range(300))
    questions = [{"role": "user", "content": "And then?"}] * 4
    messages: Any = [{"role": "user", "content": log}, *questions]
    with condenser(tmp_path, engine, CONDENSER_PROXY_URL=engine, CONDENSER_PROXY_METHOD="extractive") as service:
        client = openai.OpenAI(base_url=f"{service.url}/v1", api_key=KEY, max_retries=0)
        assert [model.id for model in client.models.list()] == [NAME]
        # Of the log alone the server's context window holds a seventh.
        answer = client.chat.completions.create(model=NAME, messages=messages, max_tokens=2, seed=1, temperature=0)
        with client.chat.completions.create(
            model=NAME, messages=messages, max_tokens=2, seed=1, temperature=0, stream=True
        ) as stream:
            words = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert words == answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.prompt_tokens < NUM_CTX
