"""Each request has one deadline, over the queue, retries, parts and the service's own work."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.faults import behaviours as faults
from tests.faults.conftest import Running, Start
from tests.faults.faulty_ollama import Chat, FaultyOllama
from tests.faults.test_cancellation import LONG_TEXT
from tests.unit.service import SUMMARY, TEXT

pytestmark = pytest.mark.anyio

SHORT_S = 0.2


def kind(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:condenser:problem:")


async def test_a_call_is_cut_at_the_deadline_of_its_request(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with start() as service:
        assert kind(await service.compress(timeout_s=SHORT_S)) == (504, "timeout")
        await upstream.chats[0].left.wait()


async def test_a_deadline_holds_for_the_model_s_reconstruction_too(start: Start, upstream: FaultyOllama) -> None:
    async with start() as service:
        capsule = (await service.compress()).json()["capsule"]
        upstream.behaviour = faults.hangs_before_headers
        body = {"capsule": capsule, "mode": "semantic", "timeout_s": SHORT_S}
        assert kind(await service.client.post("/reconstruct", json=body)) == (504, "timeout")


async def test_no_request_may_take_longer_than_the_setting(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with start(request_timeout_s=SHORT_S) as service:
        assert kind(await service.compress(timeout_s=3600)) == (504, "timeout")
        assert kind(await service.compress()) == (504, "timeout")


@asynccontextmanager
async def engine_taken(service: Running) -> AsyncIterator[None]:
    """All places of the engine are held for the block."""
    service.upstream.behaviour = faults.hangs_before_headers
    number = len(service.upstream.chats) + 1
    holder = asyncio.create_task(service.compress())
    await service.upstream.nth_chat(number)
    try:
        yield
    finally:
        holder.cancel()
        await asyncio.gather(holder, return_exceptions=True)


async def test_a_deadline_that_passes_in_the_queue_is_a_503_and_nothing_was_asked(
    start: Start, upstream: FaultyOllama
) -> None:
    async with start(max_concurrency=1) as service:
        async with engine_taken(service):
            response = await service.compress(timeout_s=SHORT_S)
        assert kind(response) == (503, "queue_timeout")
        assert "deadline" in response.json()["detail"]
        assert int(response.headers["retry-after"]) >= 1
        assert len(upstream.chats) == 1


async def test_all_parts_of_a_long_text_have_one_deadline_together(start: Start, upstream: FaultyOllama) -> None:
    async def slow(chat: Chat) -> None:
        if not await chat.is_left_within(SHORT_S / 2):
            await faults.says(SUMMARY)(chat)

    upstream.behaviour = slow
    async with start(max_concurrency=1, num_ctx=512) as service:
        assert kind(await service.compress(LONG_TEXT, timeout_s=8 * SHORT_S)) == (504, "timeout")
        asked = len(upstream.chats)
        assert 2 <= asked <= 16
    # No part was asked about after the answer: the one more is the fixture's own.
    assert len(upstream.chats) == asked + 1


async def test_the_deadline_of_an_item_bounds_that_item_alone(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.when(
        lambda chat: "slow" in chat.prompt, faults.hangs_before_headers, faults.says(SUMMARY)
    )
    items = [{"text": TEXT}, {"text": f"The slow one. {TEXT}", "timeout_s": SHORT_S}, {"text": TEXT}]
    async with start() as service:
        body = (await service.client.post("/batch", json={"operation": "compress", "items": items})).json()
        assert [item.get("problem", {}).get("status") for item in body["results"]] == [None, 504, None]


async def test_with_extractive_on_engine_error_there_is_an_answer_in_time(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with start() as service:
        response = await service.compress(timeout_s=15 * SHORT_S, on_engine_error="extractive")
        assert (response.status_code, response.json()["method"]) == (200, "extractive")


async def test_the_service_s_own_work_has_the_same_deadline(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(*work: object) -> None:
        await asyncio.Event().wait()

    async with start() as service:
        with monkeypatch.context() as patched:
            patched.setattr("app.compression.compressor.asyncio.to_thread", endless)
            assert kind(await service.compress(150 * TEXT, timeout_s=SHORT_S)) == (504, "timeout")


@pytest.mark.parametrize("timeout_s", [0, 1e-320, 0.009, -1, "1", True, 86_401])
async def test_an_invalid_timeout_is_refused_by_its_name(start: Start, timeout_s: Any) -> None:
    async with start() as service:
        response = await service.compress(timeout_s=timeout_s)
        assert kind(response) == (422, "invalid_request")
        assert "timeout_s" in response.json()["detail"]


async def test_a_timeout_of_null_is_no_timeout_of_the_request(start: Start) -> None:
    async with start() as service:
        assert (await service.compress(timeout_s=None)).status_code == 200


async def test_steps_of_the_wall_clock_neither_end_nor_prolong_anything(
    start: Start, upstream: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    wall = time.time

    hours = itertools.count(1)

    def stepping() -> float:
        hour = next(hours)
        return wall() + 3600 * (hour if hour % 2 else -hour)

    async with start(max_concurrency=1) as service:
        monkeypatch.setattr(time, "time", stepping)
        monkeypatch.setattr(time, "time_ns", lambda: int(stepping() * 1e9))
        answered = (await service.compress(timeout_s=20)).json()
        assert 0 <= answered["timing"]["total_ms"] < 20_000
        async with engine_taken(service):
            assert kind(await service.compress(timeout_s=SHORT_S)) == (503, "queue_timeout")
        upstream.behaviour = faults.hangs_before_headers
        assert kind(await service.compress(timeout_s=SHORT_S)) == (504, "timeout")
        for _ in range(8):
            metrics = (await service.client.get("/metrics")).text
            assert 'condenser_throughput_operations_per_minute{operation="compress"} 1.0' in metrics
        registry = service.service.metrics.registry
        assert 0 <= (registry.get_sample_value("condenser_queue_wait_seconds_sum") or 0) < 60
        assert 0 <= (registry.get_sample_value("condenser_cost_dollars_total", {"basis": "local"}) or 0) < 0.01
