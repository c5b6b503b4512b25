"""A client that goes away frees its places, and its calls to Ollama are cut: seen at the upstream."""

import asyncio
from typing import Any

import pytest

from tests.faults import behaviours as faults
from tests.faults.conftest import Start
from tests.faults.faulty_ollama import FaultyOllama
from tests.unit.events import EVENT_STREAM
from tests.unit.service import SUMMARY, TEXT

pytestmark = pytest.mark.anyio

LONG_TEXT = "\n\n".join(f"Paragraph {number}. {TEXT}" for number in range(40))
ITEMS = [{"text": f"Item {number}. {TEXT}"} for number in range(50)]
NDJSON = {"accept": "application/x-ndjson"}

LEAVING: list[tuple[str, str, dict[str, Any], dict[str, str]]] = [
    ("compress", "/compress", {"text": TEXT}, {}),
    ("event stream", "/compress", {"text": TEXT}, EVENT_STREAM),
    ("event stream of a long text", "/compress", {"text": LONG_TEXT}, EVENT_STREAM),
    ("extractive", "/compress", {"text": TEXT, "on_engine_error": "extractive"}, {}),
    ("long text", "/compress", {"text": LONG_TEXT}, {}),
    ("batch", "/batch", {"operation": "compress", "items": ITEMS}, {}),
    ("batch as NDJSON", "/batch", {"operation": "compress", "items": ITEMS}, NDJSON),
    ("batch of long texts", "/batch", {"operation": "compress", "items": [{"text": LONG_TEXT}] * 5}, {}),
]


@pytest.mark.parametrize(("path", "body", "headers"), [row[1:] for row in LEAVING], ids=[row[0] for row in LEAVING])
@pytest.mark.parametrize("behaviour", [faults.hangs_before_headers, faults.hangs_mid_body])
async def test_a_client_that_goes_away_has_its_calls_cut_and_no_more_are_made(
    start: Start,
    upstream: FaultyOllama,
    behaviour: Any,
    path: str,
    body: dict[str, Any],
    headers: dict[str, str],
) -> None:
    upstream.behaviour = behaviour
    async with start(max_concurrency=2, num_ctx=1024) as service:
        request = asyncio.create_task(service.client.post(path, json=body, headers=headers))
        calls = 1 if body.get("text") == TEXT else 2
        begun = [await upstream.nth_chat(number) for number in range(1, calls + 1)]
        request.cancel()
        async with asyncio.timeout(20):
            for chat in begun:
                await chat.left.wait()
        assert len(upstream.chats) == calls


async def test_a_client_that_reads_some_results_and_goes_away_has_the_rest_cut(
    start: Start, upstream: FaultyOllama
) -> None:
    upstream.behaviour = faults.in_turn(faults.says(SUMMARY), faults.hangs_before_headers)
    body = {"operation": "compress", "items": ITEMS}
    async with start(max_concurrency=1) as service:
        async with service.client.stream("POST", "/batch", json=body, headers=NDJSON) as response:
            await anext(response.aiter_lines())
            running = await upstream.nth_chat(2)
        async with asyncio.timeout(20):
            await running.left.wait()
        assert len(upstream.chats) == 2


async def test_a_client_that_goes_away_while_it_waits_never_reaches_the_upstream(
    start: Start, upstream: FaultyOllama
) -> None:
    may_end = asyncio.Event()

    async def held(chat: Any) -> None:
        await may_end.wait()
        await faults.says(SUMMARY)(chat)

    upstream.behaviour = held
    async with start(max_concurrency=1) as service:
        first = asyncio.create_task(service.compress())
        await upstream.nth_chat(1)
        waiting = asyncio.create_task(service.compress())
        await service.waits_for(1)
        waiting.cancel()
        await service.waits_for(0)
        may_end.set()
        assert (await first).status_code == 200
        assert len(upstream.chats) == 1


async def test_a_storm_of_clients_that_leave_at_any_moment_leaves_nothing(start: Start, upstream: FaultyOllama) -> None:
    async with start(max_concurrency=3) as service:
        for round_number in range(10):
            requests = [asyncio.create_task(service.compress(f"{round_number}-{n}. {TEXT}")) for n in range(20)]
            for number, request in enumerate(requests):
                for _ in range(number * 3):
                    await asyncio.sleep(0)
                if number % 3:
                    request.cancel()
            answered = await asyncio.gather(*requests, return_exceptions=True)
            assert all(response.status_code == 200 for response in answered[::3])  # type: ignore[union-attr]
