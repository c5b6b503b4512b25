"""Batches that are answered later: killed, ended and cancelled in the middle, on SQLite and on PostgreSQL."""

import asyncio
import json
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.faults import behaviours as faults
from tests.faults.faulty_ollama import FaultyOllama, answers_well
from tests.faults.postgres import postgres
from tests.faults.process import ServiceProcess, free_port, serving
from tests.unit.service import MODEL, TEXT

pytestmark = pytest.mark.anyio

SLOTS = 5
UNDER_WAY = 2 * SLOTS
ITEMS = int(os.environ.get("CONDENSER_TEST_JOB_ITEMS", "100"))
LATER = {"prefer": "respond-async"}
NDJSON = {"accept": "application/x-ndjson"}


@asynccontextmanager
async def in_front_of(upstream: FaultyOllama, folder: Path, **settings: object) -> AsyncIterator[ServiceProcess]:
    given: dict[str, Any] = {
        "ollama_url": upstream.url,
        "model": MODEL,
        "max_concurrency": SLOTS,
        "engine_check": "off",
        "jobs_database": f"sqlite:///{folder}/jobs.sqlite",
        **settings,
    }
    async with serving(folder, free_port(), **given) as service:
        yield service


async def posted(service: ServiceProcess, items: int) -> str:
    """The path of a new job with so many items."""
    bodies = [{"text": f"Item {n}. {TEXT}", "fidelity": "semantic", "must_keep": [f"Item {n}."]} for n in range(items)]
    response = await service.client.post("/batch", json={"operation": "compress", "items": bodies}, headers=LATER)
    assert response.status_code == 202
    return response.headers["location"]


async def read(service: ServiceProcess, path: str, limit: int = 0) -> dict[str, Any]:
    """What is told of a job."""
    response = await service.client.get(path, params={"limit": limit})
    assert response.status_code == 200
    job: dict[str, Any] = response.json()
    return job


async def begins(service: ServiceProcess, path: str) -> bool:
    """Whether items of a job get under way."""
    for _ in range(5000):
        if (await read(service, path))["state"] == "running":
            return True
    return False


async def all_results(service: ServiceProcess, path: str) -> list[dict[str, Any]]:
    """The results in the order in which they come, once the job has ended."""
    lines = (await service.client.get(path, headers=NDJSON)).text.splitlines()
    return [json.loads(line) for line in lines]


def calls_per_item(upstream: FaultyOllama) -> Counter[int]:
    """How many chats there were about each item."""
    matches = (re.search(r"Item (\d+)\.", chat.prompt) for chat in upstream.chats)
    return Counter(int(match[1]) for match in matches if match)


def check_each_once(results: list[dict[str, Any]], items: int) -> None:
    """Every item has one result, and that is its own."""
    assert sorted(result["index"] for result in results) == list(range(items))
    assert all(f"Item {result['index']}." in result["result"]["compressed"] for result in results)


async def test_kill_9_in_the_middle_loses_nothing_and_pays_for_nothing_again_that_was_finished(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    items = ITEMS
    async with in_front_of(upstream, tmp_path) as service:
        path = await posted(service, items)
        await upstream.nth_chat(items // 3)
        finished = [result["index"] for result in (await read(service, path, 1000))["results"]]
        service.process.kill()
        await service.ended()
    assert 0 < len(finished) < items
    async with in_front_of(upstream, tmp_path) as service:
        check_each_once(await all_results(service, path), items)
        job = await read(service, path)
    assert (job["state"], job["succeeded"], job["failed"]) == ("done", items, 0)
    calls = calls_per_item(upstream)
    assert {calls[index] for index in finished} == {1}
    assert max(calls.values()) <= 2
    assert calls.total() - items <= UNDER_WAY


async def test_sigterm_lets_running_items_end_and_keeps_the_rest_for_the_next_start(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    release = asyncio.Event()

    async def held(chat: Any) -> None:
        await release.wait()
        await answers_well(chat)

    upstream.behaviour = held
    items = 20
    async with in_front_of(upstream, tmp_path, drain_timeout_s=60) as service:
        path = await posted(service, items)
        await upstream.nth_chat(SLOTS)
        service.process.send_signal(signal.SIGTERM)
        while (await service.client.get("/readyz")).status_code == 200:
            pass
        release.set()
        assert await service.ended() in (0, -signal.SIGTERM)
    assert SLOTS <= len(upstream.chats) <= UNDER_WAY
    async with in_front_of(upstream, tmp_path) as service:
        check_each_once(await all_results(service, path), items)
    assert set(calls_per_item(upstream).values()) == {1}


async def test_items_that_do_not_end_within_the_drain_are_put_back(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with in_front_of(upstream, tmp_path, drain_timeout_s=0.2) as service:
        path = await posted(service, 8)
        await upstream.nth_chat(SLOTS)
        service.process.send_signal(signal.SIGTERM)
        assert await service.ended() in (0, -signal.SIGTERM)
    upstream.behaviour = answers_well
    async with in_front_of(upstream, tmp_path) as service:
        check_each_once(await all_results(service, path), 8)


async def test_an_engine_that_is_down_for_a_while_fails_no_item(upstream: FaultyOllama, tmp_path: Path) -> None:
    async with in_front_of(upstream, tmp_path, engine_retries=0) as service:
        await upstream.stop()
        path = await posted(service, 8)
        assert await begins(service, path)
        await upstream.start()
        check_each_once(await all_results(service, path), 8)


async def test_delete_aborts_the_calls_under_way_and_erases_the_texts(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with in_front_of(upstream, tmp_path) as service:
        path = await posted(service, 100)
        await upstream.nth_chat(SLOTS)
        assert b"The ferry to Tallinn" in stored(tmp_path)
        assert (await service.client.delete(path)).status_code == 204
        for chat in upstream.chats:
            await asyncio.wait_for(chat.left.wait(), 10)
        job = await read(service, path)
        assert (job["state"], job["succeeded"], job["next"]) == ("cancelled", 0, None)
        assert (await service.client.delete(path)).status_code == 204
        assert b"The ferry to Tallinn" not in stored(tmp_path)
        upstream.behaviour = answers_well
        assert len(await all_results(service, await posted(service, 3))) == 3
    assert len(upstream.chats) == SLOTS + 3


def stored(folder: Path) -> bytes:
    """All bytes of the database's files."""
    return b"".join(path.read_bytes() for path in folder.glob("jobs.sqlite*"))


async def test_a_second_instance_on_the_same_file_does_not_take_what_the_first_one_is_at(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    async with in_front_of(upstream, tmp_path) as first, in_front_of(upstream, tmp_path) as second:
        path = await posted(first, 30)
        check_each_once(await all_results(second, path), 30)
    assert set(calls_per_item(upstream).values()) == {1}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full to stand for a full disk")
async def test_where_nothing_can_be_written_jobs_are_refused_and_all_else_is_served(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"ollama_url": upstream.url, "model": MODEL}
    async with serving(tmp_path, free_port(), can_write=False, **settings) as service:
        body = {"operation": "compress", "items": [{"text": TEXT}]}
        refused = await service.client.post("/batch", json=body, headers=LATER)
        assert (refused.status_code, refused.json()["type"]) == (503, "urn:condenser:problem:jobs_unavailable")
        assert (await service.client.post("/batch", json=body)).json()["succeeded"] == 1
        assert (await service.compress(TEXT)).status_code == 200


async def test_two_instances_share_a_job_on_postgresql_and_one_finishes_it_when_the_other_is_killed(
    upstream: FaultyOllama, tmp_path: Path
) -> None:
    items = 100

    async def answers_once_both_take_part(chat: Any) -> None:
        await upstream.chats_are(lambda: min(seeds(upstream)[1], seeds(upstream)[2]) >= SLOTS)
        await answers_well(chat)

    upstream.behaviour = answers_once_both_take_part
    with postgres() as url:
        first = in_front_of(upstream, tmp_path, jobs_database=url, seed=1)
        second = in_front_of(upstream, tmp_path, jobs_database=url, seed=2)
        async with first as killed, second as left:
            path = await posted(killed, items)
            await upstream.nth_chat(items // 2)
            finished = [result["index"] for result in (await read(left, path, 1000))["results"]]
            killed.process.kill()
            check_each_once(await all_results(left, path), items)
            calls = calls_per_item(upstream)
            assert {calls[index] for index in finished} == {1}
            assert calls.total() - items <= UNDER_WAY

            upstream.behaviour = faults.hangs_before_headers
            path = await posted(left, 5)
            await upstream.nth_chat(calls.total() + SLOTS)
            async with in_front_of(upstream, tmp_path, jobs_database=url) as third:
                assert (await third.client.delete(path)).status_code == 204
            for chat in upstream.chats[-SLOTS:]:
                await asyncio.wait_for(chat.left.wait(), 10)


def seeds(upstream: FaultyOllama) -> Counter[int]:
    """How many chats each instance has made, told by its seed."""
    return Counter(chat.body["options"]["seed"] for chat in upstream.chats)


async def test_a_key_that_is_gone_after_a_restart_has_its_items_failed(upstream: FaultyOllama, tmp_path: Path) -> None:
    upstream.behaviour = faults.hangs_before_headers
    alice, bob = {"x-api-key": "a-key-of-alice"}, {"x-api-key": "a-key-of-bob"}
    body = {"operation": "compress", "items": [{"text": TEXT}] * 3}
    async with in_front_of(upstream, tmp_path, api_keys="alice=a-key-of-alice,bob=a-key-of-bob") as service:
        path = (await service.client.post("/batch", json=body, headers=LATER | alice)).headers["location"]
        assert (await service.client.get(path, headers=bob)).status_code == 404
        assert (await service.client.delete(path, headers=bob)).status_code == 404
        await upstream.nth_chat(3)
        service.process.kill()
        await service.ended()
    async with in_front_of(upstream, tmp_path, api_keys="bob=a-key-of-bob", log_level="INFO") as service:
        await failed(service, "unauthorized", 3, bob)
        assert (await service.client.get(path, headers=bob)).status_code == 404
    assert len(upstream.chats) == 3


async def failed(service: ServiceProcess, outcome: str, times: int, headers: dict[str, str]) -> None:
    """Return when so many items have ended so."""
    line = f'condenser_operations_total{{operation="compress",outcome="{outcome}"}} {times}.0'
    for _ in range(1000):
        if line in (await service.client.get("/metrics", headers=headers)).text:
            return
    raise AssertionError(line)
