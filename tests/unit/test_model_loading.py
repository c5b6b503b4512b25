"""Having the model loaded, and what is told of it, in front of an Ollama that respx plays."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import respx

from app.engine.client import Prompt
from app.engine.engine import CallOptions, Engine, EngineObserver
from app.engine.errors import EngineTimeoutError, ModelNotFoundError, ShuttingDownError
from app.engine.ollama import OllamaClient
from app.engine.queue import EngineQueue
from app.engine.retries import RetryReason
from app.engine.upstreams import Upstream, Upstreams
from tests.unit.mocker import EVERY_TRANSPORT
from tests.unit.service import MODEL, URL, answer, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

PROMPT = Prompt("Summarize.", "A text.")


@asynccontextmanager
async def engine(model: str = MODEL, observer: EngineObserver | None = None) -> AsyncIterator[Engine]:
    """An engine with one place."""
    async with OllamaClient(URL, num_ctx=4096, keep_alive="30m", seed=1) as client:
        yield Engine("ollama", Upstreams([Upstream(client, 1)]), EngineQueue(1, 10, 10.0), model, observer)


@pytest.fixture
def hanging() -> Any:
    """Set when a chat has come to an Ollama that does not answer chats."""
    came = asyncio.Event()

    async def hangs(request: httpx.Request) -> httpx.Response:
        came.set()
        await asyncio.Event().wait()
        raise AssertionError

    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/api/ps").respond(json={"models": []})
        router.post("/api/chat").mock(side_effect=hangs)
        yield came


def soon(seconds: float = 0.05) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_a_preload_takes_no_place_in_the_queue(hanging: Any) -> None:
    async with engine() as running:
        preload = asyncio.create_task(running.preload(soon(60.0)))
        await hanging.wait()
        assert (running.queue.in_flight, running.queue.waiting) == (0, 0)
        preload.cancel()


async def test_a_preload_ends_at_its_deadline(hanging: Any) -> None:
    async with engine() as running:
        with pytest.raises(EngineTimeoutError):
            await running.preload(soon())
        assert running.upstreams.all[0].in_flight == 0


async def test_a_preload_ends_when_the_service_does(hanging: Any) -> None:
    async with engine() as running:
        preload = asyncio.create_task(running.preload(soon(60.0)))
        await hanging.wait()
        running.close()
        with pytest.raises(ShuttingDownError):
            await preload


@pytest.fixture
def untagged() -> Any:
    """An Ollama that has smollm2 by another tag than latest."""
    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/api/version").respond(json={"version": "0.32.15"})
        router.get("/api/tags").respond(json={"models": [{"name": "smollm2:135m"}, {"name": "phi4:latest"}]})
        router.get("/api/ps").respond(json={"models": []})
        router.post("/api/show").respond(404, json={"error": "model 'smollm2' not found"})
        yield router


TELLS_TAG = r"not found \(that is smollm2:latest\); installed is smollm2:135m; get it with: ollama pull smollm2"


async def test_for_a_name_without_a_tag_the_installed_tag_is_named(untagged: Any) -> None:
    async with engine("smollm2") as running:
        status = await running.check(lambda upstream: None)
        assert status.problem is not None
        assert "(that is smollm2:latest); installed is smollm2:135m" in status.problem
        with pytest.raises(ModelNotFoundError, match=TELLS_TAG):
            await running.complete(PROMPT, num_predict=1, call_options=CallOptions("smollm2", soon(60.0)))


class Observer:
    """Keeps the models that it was told are loaded."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def model_loaded(self, model: str) -> None:
        self.loaded.append(model)

    def call_ended(self, model: str, outcome: str, engine_s: float, busy_s: float) -> None: ...

    def call_retried(self, reason: RetryReason) -> None: ...


@pytest.fixture
def loading() -> Any:
    """An Ollama that loads the model for each call, in 2 s by its own word."""
    with respx.mock(base_url=URL, assert_all_called=False, using=EVERY_TRANSPORT) as router:
        router.get("/api/version").respond(json={"version": "0.32.15"})
        router.get("/api/tags").respond(json={"models": [{"name": MODEL}]})
        router.get("/api/ps").respond(json={"models": [{"name": MODEL, "context_length": 8192}]})
        router.post("/api/show").respond(json={"capabilities": ["completion"]})
        router.post("/api/chat").respond(json={**answer("A ferry leaves."), "load_duration": 2_000_000_000})
        yield router


async def test_a_load_by_a_preload_and_a_load_by_a_call_are_reported(loading: Any) -> None:
    observer = Observer()
    for act in ("preload", "complete"):
        async with engine(observer=observer) as running:
            if act == "preload":
                await running.preload(soon(60.0))
            else:
                await running.complete(PROMPT, num_predict=8, call_options=CallOptions(MODEL, soon(60.0)))
    assert observer.loaded == [MODEL, MODEL]


async def test_loads_that_follow_each_other_are_a_warning(loading: Any) -> None:
    async with engine() as running:
        half_a_minute_ago = asyncio.get_running_loop().time() - 30.0
        running.upstreams.all[0].loads.answered(MODEL, half_a_minute_ago, 1.0)
        assert (await running.status()).warning is None
        await running.complete(PROMPT, num_predict=8, call_options=CallOptions(MODEL, soon(60.0)))
        status = await running.status()
    assert status.problem is None
    assert f"{MODEL} was loaded twice within 60 s" in (status.warning or "")


async def test_readyz_and_status_tell_the_context_window_of_calls() -> None:
    with ollama(httpx.Response(500)) as upstream:
        row = {"name": MODEL, "size": 100, "size_vram": 100, "context_length": 8192}
        upstream.get("/api/ps").respond(json={"models": [row]})
        async with running() as client:
            await warmed_up()
            ready = (await client.get("/readyz")).json()
            assert (ready["num_ctx"], ready["warning"]) == (8192, None)
            assert (await client.get("/status")).json()["model"]["num_ctx"] == 8192
        upstream.get("/api/ps").respond(json={"models": [{**row, "context_length": 2048}]})
        async with running() as client:
            assert (await client.get("/readyz")).json()["num_ctx"] == 4096
