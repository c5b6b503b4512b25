"""Who else uses the same Ollama: nobody's call has it load a model again, or wait for ever.

Loads are seen in `load_duration` of foreign calls and in condenser_model_loads_total. Nobody else may use the Ollama
meanwhile. One test needs a second model in it: CONDENSER_TEST_OTHER_MODEL, or any that is installed.
"""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.engine.loads import Loads
from app.engine.status import canonical
from app.settings import Settings, load_settings
from tests.live.calls import compress
from tests.live.conftest import ENGINE, Service, start_service, wait_until_ready
from tests.live.texts import MAIL

pytestmark = pytest.mark.skipif(ENGINE != "ollama", reason="is about a real Ollama: make test-live")

OLLAMAS_OWN = 4096  # context window of a call that asks for none
FOREIGN_LIMIT_S = 300.0  # for a call that has nothing to wait for but a busy machine; the faults were waits without end


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings()


@pytest.fixture(scope="module")
def ollama(settings: Settings) -> Iterator[httpx.Client]:
    """A client of the Ollama itself, which knows nothing of Condenser."""
    with httpx.Client(base_url=settings.upstream_urls[0], timeout=FOREIGN_LIMIT_S, trust_env=False) as client:
        yield client


def generate(ollama: httpx.Client, model: str, **fields: Any) -> dict[str, Any]:
    answer = ollama.post("/api/generate", json={"model": model, "stream": False, **fields})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def loaded_models(ollama: httpx.Client) -> list[str]:
    return [row["name"] for row in ollama.get("/api/ps").json()["models"]]


@pytest.fixture
def unloaded(ollama: httpx.Client) -> None:
    """No model is in Ollama's memory."""
    for model in loaded_models(ollama):
        generate(ollama, model, keep_alive=0)
    for _ in range(10_000):
        if not loaded_models(ollama):
            return
    pytest.fail("Ollama did not unload its models")


class Foreign:
    """A client that asks for nothing but a completion; `loads` are those that its own calls waited for."""

    def __init__(self, ollama: httpx.Client, model: str) -> None:
        self._ollama = ollama
        self._model = model
        self._seen = Loads()
        self.loads = 0

    def call(self, **options: int) -> None:
        started = time.monotonic()
        asked = {"num_predict": 2, **options}
        answer = generate(self._ollama, self._model, prompt="Hello", options=asked)
        self.loads += self._seen.answered(self._model, started, answer["load_duration"] / 1e9)


@pytest.fixture
def foreign(ollama: httpx.Client, settings: Settings) -> Foreign:
    """A client of our model that knows nothing of Condenser."""
    return Foreign(ollama, settings.model)


@pytest.fixture
def other_model(ollama: httpx.Client, settings: Settings) -> str:
    """Another model that the Ollama has."""
    installed = [row["name"] for row in ollama.get("/api/tags").json()["models"]]
    others = [name for name in installed if canonical(name) != canonical(settings.model)]
    chosen = os.environ.get("CONDENSER_TEST_OTHER_MODEL") or next(iter(others), None)
    if chosen is None:
        pytest.skip("this Ollama has one model only")
    return chosen


@contextmanager
def running(folder: Path) -> Iterator[Service]:
    """A Condenser that has made its own calls, so that the model is loaded."""
    folder.mkdir()
    service = start_service(folder, CONDENSER_QUEUE_TIMEOUT_S=600, CONDENSER_NUM_CTX=OLLAMAS_OWN)
    try:
        wait_until_ready(service)
        with service.client() as client:
            compress(client, MAIL)
        yield service
    finally:
        service.process.terminate()
        service.process.wait(timeout=60)


def loads(service: Service) -> float:
    with service.client() as client:
        lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("condenser_model_loads_total{"))


@contextmanager
def kept_busy(service: Service) -> Iterator[None]:
    """All places of the service are taken, and calls wait, until the block ends."""
    is_over = threading.Event()

    def work(number: int) -> None:
        with service.client() as client:
            while not is_over.is_set():
                result = compress(client, f"Mail {number}. {MAIL}")
                assert result["usage"]["calls"] > 0  # else nothing keeps the engine busy, and no call waits

    with ThreadPoolExecutor(4) as pool:
        workers = [pool.submit(work, number) for number in range(4)]
        try:
            with service.client() as client:
                while client.get("/status").json()["queue"]["depth"] == 0:
                    assert not any(worker.done() for worker in workers)
            yield
        finally:
            is_over.set()
        for worker in workers:
            worker.result()


@pytest.mark.usefixtures("unloaded")
def test_a_start_and_the_first_request_load_the_model_once(tmp_path: Path, foreign: Foreign) -> None:
    with running(tmp_path / "one") as service:
        foreign.call()
        assert (loads(service), foreign.loads) == (1, 0)


@pytest.mark.usefixtures("unloaded")
def test_a_foreign_client_and_ours_take_turns_without_a_load(tmp_path: Path, foreign: Foreign) -> None:
    with running(tmp_path / "one") as service, service.client() as client:
        for _ in range(2):
            foreign.call()
            compress(client, MAIL)
        assert (loads(service), foreign.loads) == (1, 0)
        assert client.get("/readyz").json()["warning"] is None


@pytest.mark.usefixtures("unloaded")
def test_a_longer_context_that_the_model_is_loaded_with_is_kept(
    tmp_path: Path, foreign: Foreign, settings: Settings
) -> None:
    longer = 2 * settings.num_ctx
    foreign.call(num_ctx=longer)
    with running(tmp_path / "one") as service, service.client() as client:
        assert client.get("/readyz").json()["num_ctx"] == longer
        foreign.call(num_ctx=longer)
        assert (loads(service), foreign.loads) == (0, 1)


@pytest.mark.usefixtures("unloaded")
def test_a_foreign_call_while_ours_keep_the_model_busy_is_answered_without_a_load(
    tmp_path: Path, foreign: Foreign
) -> None:
    with running(tmp_path / "one") as service, kept_busy(service):
        foreign.call()
        assert (loads(service), foreign.loads) == (1, 0)


@pytest.mark.usefixtures("unloaded")
def test_two_condensers_share_a_busy_ollama(tmp_path: Path) -> None:
    with (
        running(tmp_path / "one") as first,
        kept_busy(first),
        running(tmp_path / "two") as second,
        second.client() as client,
    ):
        assert client.get("/readyz").json()["ready"]
        assert (loads(first), loads(second)) == (1, 0)


@pytest.mark.usefixtures("unloaded")
def test_a_foreign_model_is_served_in_the_midst_of_a_batch(
    tmp_path: Path, ollama: httpx.Client, other_model: str
) -> None:
    with running(tmp_path / "one") as service, kept_busy(service):
        assert generate(ollama, other_model, prompt="Hello", options={"num_predict": 2})["done"]
        assert loads(service) == 1


@pytest.mark.usefixtures("unloaded")
def test_a_call_that_needs_a_reload_is_served_when_ours_have_ended(
    tmp_path: Path, foreign: Foreign, settings: Settings
) -> None:
    with running(tmp_path / "one") as service, ThreadPoolExecutor(1) as pool:
        with kept_busy(service):
            waiting = pool.submit(foreign.call, num_ctx=2 * settings.num_ctx)
            with service.client() as client:
                compress(client, MAIL)
        waiting.result()
    assert foreign.loads == 1


@pytest.mark.usefixtures("unloaded")
def test_the_first_request_counts_tokens_as_later_ones_do(tmp_path: Path) -> None:
    service = start_service(tmp_path)
    try:
        wait_until_ready(service)
        with service.client() as client:
            counts = [compress(client, MAIL)["sizes"]["source_tokens"] for _ in range(2)]
    finally:
        service.process.terminate()
        service.process.wait(timeout=60)
    assert counts[0] == counts[1]


def test_log_probabilities_of_the_first_token_come_from_a_real_ollama(ollama: httpx.Client, settings: Settings) -> None:
    asked = {"model": settings.model, "stream": False, "logprobs": True, "top_logprobs": 5}
    messages = [{"role": "user", "content": "Is water wet? Answer yes or no."}]
    answer = ollama.post("/api/chat", json={**asked, "messages": messages, "options": {"num_predict": 1}}).json()
    (position,) = answer["logprobs"]
    assert len(position["top_logprobs"]) == 5
