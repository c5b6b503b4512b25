"""Several Ollamas: each has its slots full, and one that dies costs no request, only its calls in flight again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.engine import health
from app.engine.startup import watch
from tests.faults import behaviours as faults
from tests.faults.conftest import Running, running
from tests.faults.faulty_ollama import Chat, FaultyOllama
from tests.unit.events import EVENT_STREAM, events_of, names, texts
from tests.unit.service import MODEL, SUMMARY, TEXT, answer

pytestmark = pytest.mark.anyio

BUSY = faults.fails(503, "server busy, please try again.  maximum pending requests exceeded")
FAILED = faults.fails(500, "llama runner process has terminated")
OTHER_MODEL = "phi4:latest"


@pytest.fixture
async def other() -> AsyncIterator[FaultyOllama]:
    """A second Ollama, behind the first in the settings."""
    async with FaultyOllama() as other:
        yield other


@asynccontextmanager
async def in_front_of(*upstreams: FaultyOllama, **settings: Any) -> AsyncIterator[Running]:
    """A service in front of all of them, which does not try again in the same one."""
    urls = ",".join(each.url for each in upstreams)
    given = {"max_concurrency": 2, "engine_retries": 0, **settings}
    async with running(upstreams[0], ollama_urls=urls, **given) as service:
        yield service


class Held:
    """Chats that are answered when they are let go."""

    def __init__(self) -> None:
        self.let_go = asyncio.Event()

    async def __call__(self, chat: Chat) -> None:
        await self.let_go.wait()
        await chat.reply(answer(SUMMARY))


async def check(service: Running) -> None:
    await service.service.engine.check(lambda upstream: None)


async def test_each_has_its_own_slots_full(upstream: FaultyOllama, other: FaultyOllama) -> None:
    upstream.behaviour = other.behaviour = held = Held()
    async with in_front_of(upstream, other) as service:
        calls = [asyncio.create_task(service.compress(f"{TEXT} {number}")) for number in range(6)]
        await upstream.nth_chat(2)
        await other.nth_chat(2)
        await service.waits_for(2)
        assert (len(upstream.chats), len(other.chats)) == (2, 2)
        held.let_go.set()
        assert {answered.status_code for answered in await asyncio.gather(*calls)} == {200}


async def test_a_refused_connection_is_made_elsewhere_at_once(upstream: FaultyOllama, other: FaultyOllama) -> None:
    async with in_front_of(upstream, other) as service:
        await upstream.stop()
        assert (await service.compress()).status_code == 200
        assert service.retries("no_connection") == 1
        await upstream.start()


async def test_a_stream_of_one_that_breaks_off_goes_on_elsewhere_and_says_nothing_twice(
    upstream: FaultyOllama, other: FaultyOllama
) -> None:
    dogs = "Dogs must stay on the upper deck."

    async def breaks_off(chat: Chat) -> None:
        await chat.head(200, "Content-Length: 100000")
        await chat.send(faults.line(SUMMARY) + faults.line(" Dogs must"))
        chat.reset()

    upstream.behaviour = breaks_off
    other.behaviour = faults.replies(faults.line(SUMMARY) + faults.line(f" {dogs}") + faults.line("", done=True))
    async with in_front_of(upstream, other) as service:
        response = await service.client.post("/compress", json={"text": TEXT}, headers=EVENT_STREAM)
    events = events_of(response.text)
    assert (len(upstream.chats), len(other.chats)) == (1, 1)
    assert (texts(events, "sentence"), names(events)[-1]) == ([SUMMARY, dogs], "result")


async def test_calls_in_one_that_breaks_off_are_made_again_elsewhere(
    upstream: FaultyOllama, other: FaultyOllama
) -> None:
    upstream.behaviour = Held()
    async with in_front_of(upstream, other) as service:
        calls = [asyncio.create_task(service.compress(f"{TEXT} {number}")) for number in range(3)]
        await upstream.nth_chat(2)
        await upstream.stop()
        assert [answered.status_code for answered in await asyncio.gather(*calls)] == [200, 200, 200]
        assert service.retries("broken") == 2
        await upstream.start()


async def test_the_queue_lets_in_as_many_as_those_that_are_up_have_slots(
    upstream: FaultyOllama, other: FaultyOllama
) -> None:
    async with in_front_of(upstream, other) as service:
        queue = service.service.engine.queue
        assert queue.max_concurrency == 4
        await upstream.stop()
        await service.compress()
        assert queue.max_concurrency == 2
        await upstream.start()
        await check(service)
        assert queue.max_concurrency == 4


async def test_where_one_is_busy_the_other_is_asked_before_any_pause(
    upstream: FaultyOllama, other: FaultyOllama
) -> None:
    upstream.behaviour = BUSY
    async with in_front_of(upstream, other) as service:
        assert (await service.compress()).status_code == 200
        assert service.retries("busy") == 1


async def test_where_all_are_busy_all_are_asked_again_after_a_pause(
    upstream: FaultyOllama, other: FaultyOllama
) -> None:
    upstream.behaviour = other.behaviour = BUSY
    async with in_front_of(upstream, other, engine_retries=1) as service:
        assert (await service.compress()).status_code == 503
        assert (len(upstream.chats), len(other.chats)) == (2, 2)


async def test_a_call_that_fails_in_two_is_not_tried_in_a_third(upstream: FaultyOllama, other: FaultyOllama) -> None:
    async with FaultyOllama() as third:
        upstream.behaviour = other.behaviour = third.behaviour = FAILED
        async with in_front_of(upstream, other, third) as service:
            response = await service.compress()
        assert (response.status_code, response.json()["type"]) == (502, "urn:condenser:problem:failed")
        assert len(upstream.chats) + len(other.chats) + len(third.chats) == 2


async def test_a_model_that_only_one_has_is_asked_for_there(upstream: FaultyOllama, other: FaultyOllama) -> None:
    other.status["/api/tags"] = {"models": [{"name": MODEL}, {"name": OTHER_MODEL}]}
    async with in_front_of(upstream, other) as service:
        await check(service)
        assert (await service.compress(model="phi4")).status_code == 200
        assert (len(upstream.chats), len(other.chats)) == (0, 1)


async def test_a_model_that_one_denies_is_asked_for_in_the_other(upstream: FaultyOllama, other: FaultyOllama) -> None:
    upstream.behaviour = faults.fails(404, "model 'phi4' not found")
    for server in (upstream, other):
        server.status["/api/tags"] = {"models": [{"name": "phi4"}, {"name": "phi5"}]}
    async with in_front_of(upstream, other) as service:
        assert (await service.compress(model="phi4")).status_code == 200
        other.behaviour = upstream.behaviour
        assert (await service.compress(model="phi5")).status_code == 404


async def test_calls_in_one_that_has_fallen_silent_are_made_again_elsewhere(
    upstream: FaultyOllama, other: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STATUS_TIMEOUT_S", 0.2)
    upstream.behaviour = Held()
    async with in_front_of(upstream, other) as service:
        call = asyncio.create_task(service.compress())
        await upstream.nth_chat(1)
        upstream.is_silent = True
        await check(service)
        await check(service)
        assert (await call).status_code == 200
        assert len(other.chats) == 1


async def test_calls_are_left_to_one_that_has_fallen_silent_where_no_other_is_up(
    upstream: FaultyOllama, other: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "STATUS_TIMEOUT_S", 0.2)
    upstream.behaviour = held = Held()
    async with in_front_of(upstream, other) as service:
        call = asyncio.create_task(service.compress())
        await upstream.nth_chat(1)
        upstream.is_silent = other.is_silent = True
        for _ in range(3):
            await check(service)
        held.let_go.set()
        assert (await call).status_code == 200


async def test_one_that_is_back_has_the_default_model_loaded(
    upstream: FaultyOllama, other: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.engine.startup.SEVERAL_WATCH_INTERVAL_S", 0.01)
    async with in_front_of(upstream, other) as service:
        await upstream.stop()
        await service.compress()
        upstream.loaded.clear()
        await upstream.start()
        watching = asyncio.create_task(watch(service.service.engine, service.service.metrics))
        await asyncio.wait_for(upstream.loaded.wait(), 20)
        watching.cancel()


async def test_a_call_is_not_made_elsewhere_when_its_time_is_up(upstream: FaultyOllama, other: FaultyOllama) -> None:
    upstream.behaviour = Held()
    async with in_front_of(upstream, other, request_timeout_s=0.5) as service:
        assert (await service.compress()).status_code == 504
        assert not other.chats


async def test_the_service_is_ready_while_one_of_them_is(upstream: FaultyOllama, other: FaultyOllama) -> None:
    async with in_front_of(upstream, other) as service:
        await upstream.stop()
        response = await service.client.get("/readyz")
        assert (response.status_code, response.json()["ready"]) == (200, True)
        assert response.json()["engine_url"] == f"{upstream.url},{other.url}"
        await other.stop()
        response = await service.client.get("/readyz")
        assert response.status_code == 503
        assert upstream.url in response.json()["problem"]
        assert other.url in response.json()["problem"]
        await upstream.start()
        await other.start()


async def test_status_and_metrics_tell_of_each(upstream: FaultyOllama, other: FaultyOllama) -> None:
    async with in_front_of(upstream, other) as service:
        await upstream.stop()
        await service.compress()
        listed = (await service.client.get("/status")).json()["engine"]["upstreams"]
        assert [each["url"] for each in listed] == [upstream.url, other.url]
        assert (listed[0]["version"], listed[1]["version"]) == (None, "0.16.1")
        assert "no connection" in listed[0]["problem"]
        assert listed[1] == {
            "url": other.url, "version": "0.16.1", "loaded": True, "in_flight": 0, "slots": 2,
            "problem": None, "warning": None,
        }  # fmt: skip
        lines = (await service.client.get("/metrics")).text.splitlines()
        assert f'condenser_upstream_up{{upstream="{upstream.url}"}} 0.0' in lines
        assert f'condenser_upstream_up{{upstream="{other.url}"}} 1.0' in lines
        assert f'condenser_upstream_slots{{upstream="{other.url}"}} 2.0' in lines
        assert "condenser_engine_up 1.0" in lines
        await upstream.start()


async def test_the_slots_of_each_upstream_are_found_on_their_own(upstream: FaultyOllama, other: FaultyOllama) -> None:
    upstream.behaviour = BUSY
    async with in_front_of(upstream, other, max_concurrency="auto") as service:
        await service.compress()
        busy, free = service.service.engine.upstreams.all
        assert busy.slots < free.slots
        assert service.service.engine.queue.max_concurrency == busy.slots + free.slots
