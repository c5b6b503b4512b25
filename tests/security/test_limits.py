"""Limits per key: requests a minute, tokens a day, a share of the queue."""

import asyncio
import json
import math
from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.clients import Allowance, Client
from app.credentials import KeyLimits
from app.settings import SettingsError, load_settings
from tests.clock import Clock
from tests.unit.service import TEXT, answer, is_warm_up, ollama, running
from tests.unit.test_http_problems import Held

pytestmark = pytest.mark.anyio

CHAT = httpx.Response(200, json=answer("A ferry leaves at 07:45.", 120, 12))
KEYS = "alice=alices-own-key,bob=bobs-own-key"
ALICE, BOB = {"X-API-Key": "alices-own-key"}, {"X-API-Key": "bobs-own-key"}


def limits(**of: dict[str, Any]) -> str:
    return json.dumps({name.replace("others", "*"): value for name, value in of.items()})


async def compress(client: httpx.AsyncClient, headers: dict[str, str], **fields: Any) -> httpx.Response:
    return await client.post("/compress", json={"text": TEXT, **fields}, headers=headers)


def problem(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["type"].rpartition(":")[2]


# What is counted


@given(st.integers(1, 20), st.lists(st.floats(0, 30), max_size=200))
def test_never_more_than_the_limit_passes_in_any_period(most: int, pauses: Sequence[float]) -> None:
    clock = Clock()
    allowance = Allowance(most, 60.0, clock)
    passed: list[float] = []
    for pause in pauses:
        clock.now += pause
        if allowance.wait_s() == 0:
            allowance.spend()
            passed.append(clock.now)
    assert all(sum(start <= time < start + 60 for time in passed) <= most for start in passed)


@given(st.integers(1, 20), st.lists(st.tuples(st.floats(0, 30), st.integers(1, 5)), min_size=1, max_size=50))
def test_there_is_room_after_the_given_wait_and_no_sooner(most: int, spent: Sequence[tuple[float, int]]) -> None:
    clock = Clock()
    allowance = Allowance(most, 60.0, clock)
    for pause, amount in spent:
        clock.now += pause
        allowance.spend(amount)
    wait_s = allowance.wait_s()
    assert 0 <= wait_s <= 61
    if wait_s > 0.01:
        clock.now += wait_s - 0.01
        assert allowance.wait_s() > 0
        clock.now += 0.01
    clock.now += 1e-6
    assert allowance.wait_s() == 0


def test_an_allowance_remembers_a_bounded_number_of_amounts() -> None:
    clock = Clock()
    allowance = Allowance(10**9, 86_400.0, clock)
    for _ in range(10_000):
        clock.now += 10
        allowance.spend(7)
    assert len(allowance._spent) <= 61


# Requests a minute


async def test_requests_over_a_keys_limit_are_429_with_the_time_until_the_next_place() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"requests_per_minute": 3})) as client:
            allowed = [(await compress(client, ALICE)).status_code for _ in range(3)]
            refused = await compress(client, ALICE)
            other = await compress(client, BOB)
    assert allowed == [200] * 3
    assert problem(refused) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert "3 requests a minute" in refused.json()["detail"]
    assert other.status_code == 200


async def test_a_star_limits_each_key_that_has_no_limits_of_its_own() -> None:
    with ollama(CHAT):
        chosen = limits(alice={"requests_per_minute": 5}, others={"requests_per_minute": 1})
        async with running(api_keys=KEYS, key_limits=chosen) as client:
            alice = [(await compress(client, ALICE)).status_code for _ in range(3)]
            bob = [(await compress(client, BOB)).status_code for _ in range(2)]
    assert (alice, bob) == ([200] * 3, [200, 429])


async def test_requests_that_fail_count_and_those_for_metrics_do_not() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"requests_per_minute": 1})) as client:
            metrics = [(await client.get("/metrics", headers=ALICE)).status_code for _ in range(3)]
            bad = await client.post("/compress", content=b"{", headers=ALICE | {"content-type": "application/json"})
            refused = await compress(client, ALICE)
    assert (metrics, bad.status_code, refused.status_code) == ([200] * 3, 422, 429)


async def batch(client: httpx.AsyncClient, count: int) -> httpx.Response:
    items = [{"text": TEXT}] * count
    return await client.post("/batch", json={"operation": "compress", "items": items}, headers=ALICE)


async def test_each_item_of_a_batch_counts_as_a_request() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"requests_per_minute": 5})) as client:
            first, second, single = await batch(client, 3), await batch(client, 3), await compress(client, ALICE)
    assert first.status_code == 200
    assert problem(second) == (429, "rate_limited")
    assert single.status_code == 200


async def test_a_batch_that_could_never_pass_is_a_413_that_names_the_limit() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"requests_per_minute": 5})) as client:
            refused = await batch(client, 6)
    assert refused.status_code == 413
    assert "5 requests a minute" in refused.json()["detail"]


# Tokens a day


async def test_when_a_days_tokens_are_used_up_the_next_request_is_a_429() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"tokens_per_day": 132})) as client:
            paid, refused = await compress(client, ALICE), await compress(client, ALICE)
            other = await compress(client, BOB)
    assert (paid.status_code, other.status_code) == (200, 200)
    assert problem(refused) == (429, "token_budget")
    assert 86_000 < int(refused.headers["retry-after"]) <= 86_400 + 1440


async def test_the_tokens_of_batch_items_count() -> None:
    with ollama(CHAT):
        async with running(api_keys=KEYS, key_limits=limits(alice={"tokens_per_day": 200})) as client:
            assert (await batch(client, 2)).json()["succeeded"] == 2
            assert problem(await compress(client, ALICE)) == (429, "token_budget")


# Share of the queue


async def test_a_key_has_its_share_of_the_places_and_the_others_stay_free() -> None:
    held = Held()
    with ollama(held):
        chosen = {"max_concurrency": 1, "max_queue": 3, "key_limits": limits(alice={"queue_share": 0.5})}
        async with running(api_keys=KEYS, **chosen) as client, asyncio.TaskGroup() as group:
            holding = [group.create_task(compress(client, ALICE)) for _ in range(2)]
            await held.entered.wait()
            refused = await compress(client, ALICE)
            other = group.create_task(compress(client, BOB))
            held.release.set()
        statuses = [task.result().status_code for task in (*holding, other)]
    assert statuses == [200] * 3
    assert problem(refused) == (429, "queue_share")
    assert int(refused.headers["retry-after"]) >= 1


async def test_the_places_of_a_share_come_back_however_a_request_ends() -> None:
    with ollama(httpx.Response(500, json={"error": "llama runner process has terminated"})):
        async with running(api_keys=KEYS, key_limits=limits(alice={"queue_share": 0.001})) as client:
            statuses = [(await compress(client, ALICE)).status_code for _ in range(3)]
    assert statuses == [502] * 3


async def test_a_batch_keeps_to_its_keys_share_without_losing_an_item() -> None:
    in_engine = most = 0

    async def counting(request: httpx.Request) -> httpx.Response:
        nonlocal in_engine, most
        in_engine += not is_warm_up(request)
        most = max(most, in_engine)
        await asyncio.sleep(0)
        in_engine -= not is_warm_up(request)
        return httpx.Response(200, json=answer("A ferry leaves at 07:45."))

    with ollama(counting):
        chosen = {"max_concurrency": 8, "max_queue": 2, "key_limits": limits(alice={"queue_share": 0.2})}
        async with running(api_keys=KEYS, **chosen) as client:
            done = (await batch(client, 30)).json()
    assert (done["succeeded"], done["failed"]) == (30, 0)
    assert 1 <= most <= 2


async def test_a_long_text_takes_as_many_places_as_it_may_have_calls_at_once() -> None:
    held = Held()
    with ollama(held):
        chosen = {
            "max_concurrency": 4,
            "max_queue": 4,
            "num_ctx": 512,
            "key_limits": limits(alice={"queue_share": 0.5}),
        }
        async with running(api_keys=KEYS, **chosen) as client, asyncio.TaskGroup() as group:
            long = group.create_task(client.post("/compress", json={"text": TEXT * 40}, headers=ALICE))
            await held.entered.wait()
            refused = await compress(client, ALICE)
            held.release.set()
    assert long.result().status_code == 200
    assert problem(refused) == (429, "queue_share")


def test_a_smaller_wait_is_given_for_one_place_of_a_share_than_for_the_whole_queue() -> None:
    client = Client("alice", KeyLimits(queue_share=0.5), 20, lambda: 60.0)
    with client.hold(10), pytest.raises(Exception) as refused:  # noqa: PT011, SIM117
        with client.hold(1):
            pass
    assert refused.value.details.headers["Retry-After"] == str(math.ceil(60 / 10))  # type: ignore[attr-defined]


# As they are set


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("alice: 5", "not JSON"),
        ("[]", "a JSON object is expected"),
        ('{"alice": 5}', "alice: Input should be a valid dictionary"),
        ('{"alice": {"requests_per_minute": 0}}', "alice: requests_per_minute: Input should be greater than or equal"),
        ('{"alice": {"requests_per_minute": "5"}}', "alice: requests_per_minute: Input should be a valid integer"),
        ('{"alice": {"tokens_per_day": 1.5}}', "alice: tokens_per_day"),
        ('{"alice": {"queue_share": 1.1}}', "alice: queue_share: Input should be less than or equal to 1"),
        ('{"alice": {"queue_share": 0}}', "alice: queue_share: Input should be greater than 0"),
        ('{"alice": {"requests": 5}}', "alice: requests: Extra inputs are not permitted"),
        ('{"carol": {"requests_per_minute": 5}}', "carol, which CONDENSER_API_KEYS does not have"),
    ],
)
def test_wrong_limits_end_the_start_with_what_is_wrong(
    value: str, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CONDENSER_API_KEYS", KEYS)
    monkeypatch.setenv("CONDENSER_KEY_LIMITS", value)
    with pytest.raises(SettingsError) as error:
        load_settings()
    assert "CONDENSER_KEY_LIMITS" in str(error.value)
    assert why in str(error.value)
