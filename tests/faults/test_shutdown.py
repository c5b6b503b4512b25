"""The end of the service: in good order on SIGTERM, at once on SIGKILL."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults import behaviours as faults
from tests.faults.faulty_ollama import Chat, FaultyOllama, answers_well
from tests.faults.process import ServiceProcess, free_port, serving
from tests.unit.service import MODEL, TEXT

pytestmark = pytest.mark.anyio

NDJSON = {"accept": "application/x-ndjson"}


@asynccontextmanager
async def in_front_of(upstream: FaultyOllama, folder: Path, **settings: object) -> AsyncIterator[ServiceProcess]:
    own = {"max_concurrency": 1, "engine_check": "off"}
    given = {"ollama_url": upstream.url, "model": MODEL, **own, "log_level": "ERROR", **settings}
    async with serving(folder, free_port(), **given) as service:  # type: ignore[arg-type]
        # The service's own call at its start is over.
        await metric_becomes(service, 'condenser_queue_passes_total{outcome="passed"} 1.0')
        await metric_becomes(service, "condenser_in_flight 0.0")
        yield service


class Held:
    """Answers well once it is released."""

    def __init__(self) -> None:
        self.release = asyncio.Event()

    async def __call__(self, chat: Chat) -> None:
        await self.release.wait()
        await answers_well(chat)


async def one_running_and_one_queued(
    service: ServiceProcess, upstream: FaultyOllama
) -> list[asyncio.Task[httpx.Response]]:
    requests = [asyncio.create_task(service.compress(f"The first. {TEXT}"))]
    await upstream.nth_chat(1)
    requests.append(asyncio.create_task(service.compress(f"The second. {TEXT}")))
    await metric_becomes(service, "condenser_queue_depth 1.0")
    return requests


async def metric_becomes(service: ServiceProcess, line: str) -> None:
    for _ in range(1000):
        if line in (await service.client.get("/metrics")).text:
            return
    raise AssertionError(line)


async def drains(service: ServiceProcess) -> httpx.Response:
    """The first answer of `/readyz` that is a refusal, after SIGTERM."""
    service.process.send_signal(signal.SIGTERM)
    for _ in range(1000):
        ready = await service.client.get("/readyz")
        if ready.status_code == 503:
            return ready
    raise AssertionError("it is still ready")


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].removeprefix("urn:condenser:problem:")


async def test_sigterm_fails_readyz_refuses_what_is_new_and_finishes_what_runs_and_waits(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    upstream.behaviour = held = Held()
    async with in_front_of(upstream, tmp_path) as service:
        requests = await one_running_and_one_queued(service, upstream)
        ready = await drains(service)
        assert (ready.json()["ready"], ready.json()["problem"]) == (False, "the service is shutting down")
        refused = await service.compress(TEXT)
        assert problem(refused) == (503, "shutting_down")
        assert (refused.headers["retry-after"], refused.headers["connection"]) == ("1", "close")
        assert (await service.client.get("/healthz")).status_code == 200
        assert not any(request.done() for request in requests)
        held.release.set()
        assert [response.status_code for response in await asyncio.gather(*requests)] == [200, 200]
        assert await service.ended() in (0, -signal.SIGTERM)


async def test_what_is_under_way_at_the_bound_of_the_drain_gets_a_clear_503(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with in_front_of(upstream, tmp_path, drain_timeout_s=0.5) as service:
        requests = await one_running_and_one_queued(service, upstream)
        await drains(service)
        for response in await asyncio.gather(*requests):
            assert problem(response) == (503, "shutting_down")
            assert "did not finish" in response.json()["detail"]
        await upstream.chats[0].left.wait()
        assert len(upstream.chats) == 1
        assert await service.ended() in (0, -signal.SIGTERM)


async def test_a_second_signal_ends_the_drain(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with in_front_of(upstream, tmp_path, drain_timeout_s=3600) as service:
        requests = await one_running_and_one_queued(service, upstream)
        await drains(service)
        service.process.send_signal(signal.SIGTERM)
        assert {problem(response) for response in await asyncio.gather(*requests)} == {(503, "shutting_down")}
        await service.ended()


@pytest.mark.parametrize("headers", [{}, NDJSON])
async def test_a_batch_at_the_bound_keeps_its_results_and_says_what_was_not_finished(
    upstream: FaultyOllama, tmp_path: Path, headers: dict[str, str]
) -> None:
    upstream.behaviour = faults.in_turn(answers_well, answers_well, faults.hangs_before_headers)
    items = [{"text": f"Item {number}. {TEXT}"} for number in range(30)]
    async with in_front_of(upstream, tmp_path, drain_timeout_s=0.5) as service:
        body = {"operation": "compress", "items": items}
        batch = asyncio.create_task(service.client.post("/batch", json=body, headers=headers))
        await upstream.nth_chat(3)
        service.process.send_signal(signal.SIGTERM)
        response = await batch
        assert response.status_code == 200
        text = response.text
        assert text.count('"compressed":') == 2
        assert text.count("urn:condenser:problem:shutting_down") == 28
        await service.ended()


async def test_without_anything_under_way_it_ends_at_once(upstream: FaultyOllama, tmp_path: Path) -> None:
    async with in_front_of(upstream, tmp_path, drain_timeout_s=3600) as service:
        assert (await service.compress(TEXT)).status_code == 200
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() in (0, -signal.SIGTERM)


async def test_sigkill_loses_only_what_was_in_flight_and_the_next_one_serves_at_once_on_the_same_port(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"ollama_url": upstream.url, "model": MODEL, "engine_check": "off", "log_level": "ERROR"}
    async with serving(tmp_path, port, **settings) as service:  # type: ignore[arg-type]
        kept = (await service.compress(TEXT)).json()
        upstream.behaviour = faults.hangs_before_headers
        lost = asyncio.create_task(service.compress(TEXT))
        await upstream.nth_chat(2)
        os.kill(service.process.pid, signal.SIGKILL)
        with pytest.raises(httpx.TransportError):
            await lost
        await upstream.chats[1].left.wait()
        await service.ended()
    upstream.behaviour = answers_well
    async with serving(tmp_path, port, **settings) as service:  # type: ignore[arg-type]
        assert (await service.compress(TEXT)).status_code == 200
        # Nothing is stored: a capsule of before the kill opens.
        body = {"capsule": kept["capsule"]}
        assert (await service.client.post("/reconstruct", json=body)).json()["text"] == TEXT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
async def test_a_disk_that_is_full_does_not_stop_it_from_serving(upstream: FaultyOllama, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "ollama_url": upstream.url,
        "model": MODEL,
        "no_such_setting": "told on standard error",
    }
    async with serving(tmp_path, free_port(), can_write=False, **settings) as service:
        for _ in range(20):
            assert (await service.compress(TEXT)).status_code == 200
        assert 'outcome="ok"} 20.0' in (await service.client.get("/metrics")).text
