"""Identical texts share one call while it runs, and its result afterwards."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from tests.unit.service import SUMMARY, TEXT, Upstream, answer, is_warm_up, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

CHAT = httpx.Response(200, json=answer(SUMMARY))
OTHER = TEXT.replace("Tallinn", "Turku")
CACHE = 1_000_000


class HeldChat:
    """Answers when it is let."""

    def __init__(self) -> None:
        self.calls = 0
        self.came = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        self.came.set()
        await self.may_end.wait()
        return CHAT


def calls(upstream: Upstream) -> int:
    """How often Ollama was asked about a text."""
    return sum(call.request.url.path == "/api/chat" and not is_warm_up(call.request) for call in upstream.calls)


async def asked(bodies: Sequence[dict[str, Any]], headers: dict[str, str] | None = None, **settings: Any) -> list[bool]:
    """Which of these requests, one after another, had their answer from the cache."""
    with ollama(CHAT) as upstream:
        async with running(**{"cache_bytes": CACHE, **settings}) as client:
            await warmed_up()
            answers = [(await client.post("/compress", json=body, headers=headers)).json() for body in bodies]
            cached = [bool(answered["usage"]["cached"]) for answered in answers]
            assert calls(upstream) == cached.count(False)
            assert all((answered["usage"]["calls"] == 0) == hit for answered, hit in zip(answers, cached, strict=True))
            return cached


async def test_the_same_request_again_costs_no_call_and_has_the_same_result() -> None:
    with ollama(CHAT) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            first, again = [(await client.post("/compress", json={"text": TEXT})).json() for _ in range(2)]
            metrics = (await client.get("/metrics")).text
            assert calls(upstream) == 1
            assert {**again, "usage": 0, "timing": 0, "cost": 0} == {**first, "usage": 0, "timing": 0, "cost": 0}
            assert (again["cost"]["cloud_usd"], again["cost"]["local_usd"]) == (first["cost"]["cloud_usd"], 0)
            assert 'condenser_cache_total{result="hit"} 1.0' in metrics
            assert 'condenser_cache_total{result="miss"} 1.0' in metrics


@pytest.mark.parametrize(
    "other",
    [
        {"text": OTHER},
        {"text": TEXT, "model": "another"},
        {"text": TEXT, "target_ratio": 0.5},
        {"text": TEXT, "question": "When?"},
        {"text": TEXT, "must_keep": ["24 euros"]},
        {"text": TEXT, "fidelity": "semantic"},
        {"text": TEXT, "method": "abstractive"},
        {"text": TEXT, "coverage": 0.3},
    ],
)
async def test_whatever_changes_the_result_is_worked_on_anew(other: dict[str, Any]) -> None:
    assert await asked([{"text": TEXT}, other, {"text": TEXT}, other]) == [False, False, True, True]


async def test_what_does_not_change_the_result_is_not() -> None:
    assert await asked([{"text": TEXT}, {"text": TEXT, "explain": True}, {"text": TEXT, "timeout_s": 9}]) == [
        False,
        True,
        True,
    ]


@pytest.mark.parametrize("word", ["no-cache", "no-store", "max-age=0", "NO-CACHE, private"])
async def test_a_client_can_ask_for_a_result_of_its_own(word: str) -> None:
    assert await asked([{"text": TEXT}] * 2, {"Cache-Control": word}) == [False, False]


async def test_no_store_keeps_nothing_for_others_and_no_cache_does() -> None:
    with ollama(CHAT):
        async with running(cache_bytes=CACHE) as client:
            for word, kept in (("no-store", False), ("no-cache", True)):
                body = {"text": f"{word}. {TEXT}"}
                await client.post("/compress", json=body, headers={"Cache-Control": word})
                assert (await client.post("/compress", json=body)).json()["usage"]["cached"] is kept


async def test_without_a_cache_nothing_is_kept() -> None:
    assert await asked([{"text": TEXT}] * 2, cache_bytes=0) == [False, False]


async def test_the_oldest_results_make_room_for_new_ones() -> None:
    bodies = [{"text": f"Number {number}. {TEXT}"} for number in range(4)]
    assert await asked([*bodies, bodies[3], bodies[0]], cache_bytes=15_000) == [False] * 4 + [True, False]


KEYS = {"api_keys": "app=one,batch=two"}


@pytest.mark.parametrize(("across", "cached"), [(False, [False, False]), (True, [False, True])])
async def test_another_keys_result_is_had_only_where_that_is_allowed(across: bool, cached: list[bool]) -> None:
    with ollama(CHAT):
        async with running(cache_bytes=CACHE, cache_across_keys=across, **KEYS) as client:
            headers = [{"Authorization": f"Bearer {key}"} for key in ("one", "two")]
            answers = [await client.post("/compress", json={"text": TEXT}, headers=own) for own in headers]
            assert [answered.json()["usage"]["cached"] for answered in answers] == cached


async def test_a_result_that_was_made_without_the_model_is_not_kept() -> None:
    with ollama(httpx.Response(500, json={"error": "out of memory"})):
        async with running(cache_bytes=CACHE) as client:
            body = {"text": TEXT, "on_engine_error": "extractive"}
            answers = [(await client.post("/compress", json=body)).json() for _ in range(2)]
            assert [answered["usage"]["cached"] for answered in answers] == [False, False]


async def test_requests_at_the_same_time_share_one_call() -> None:
    chat = HeldChat()
    with ollama(chat) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            requests = [asyncio.create_task(client.post("/compress", json={"text": TEXT})) for _ in range(5)]
            await chat.came.wait()
            chat.may_end.set()
            answers = [(await request).json() for request in requests]
            assert calls(upstream) == 1
            assert sorted(answered["usage"]["cached"] for answered in answers) == [False] + [True] * 4
            assert len({answered["compressed"] for answered in answers}) == 1


async def test_items_of_a_batch_that_are_the_same_share_one_call() -> None:
    with ollama(CHAT) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            batch = {"operation": "compress", "items": [{"text": TEXT}] * 9}
            assert (await client.post("/batch", json=batch)).json()["succeeded"] == 9
            assert calls(upstream) == 1


async def test_who_leaves_does_not_take_the_call_from_those_who_wait_for_it() -> None:
    chat = HeldChat()
    with ollama(chat) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            first = asyncio.create_task(client.post("/compress", json={"text": TEXT}))
            await chat.came.wait()
            second = asyncio.create_task(client.post("/compress", json={"text": TEXT}))
            (flight,) = client.service.compressor._flights.values()
            for _ in range(1000):  # the second has been read by then
                await asyncio.sleep(0)
            assert flight.waiting == 2
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            chat.may_end.set()
            assert (await second).status_code == 200
            assert not client.service.compressor._flights
            assert calls(upstream) == 1


async def test_a_shared_call_that_fails_fails_for_all_and_is_forgotten() -> None:
    with ollama(httpx.Response(500, json={"error": "out of memory"})) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            both = await asyncio.gather(*(client.post("/compress", json={"text": TEXT}) for _ in range(2)))
            assert [response.status_code for response in both] == [502, 502]
            again = await client.post("/compress", json={"text": TEXT})
            assert again.status_code == 502
            assert calls(upstream) == 2


async def test_who_has_more_time_goes_on_when_the_time_of_the_first_is_up() -> None:
    chat = HeldChat()
    with ollama(chat):
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            first = asyncio.create_task(client.post("/compress", json={"text": TEXT, "timeout_s": 0.2}))
            await chat.came.wait()
            second = asyncio.create_task(client.post("/compress", json={"text": TEXT}))
            assert (await first).status_code == 504
            chat.may_end.set()
            answered = (await second).json()
            assert answered["usage"]["calls"] == 1
            assert chat.calls == 2
