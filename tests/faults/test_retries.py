"""A call is made again only where nothing of it can have been worked on, a few times, and within its deadline."""

import asyncio

import pytest

from app.engine.retries import RetryPolicy, RetryReason
from tests.faults import behaviours as faults
from tests.faults.conftest import Running, Start
from tests.faults.faulty_ollama import Behaviour, FaultyOllama, answers_well

pytestmark = pytest.mark.anyio

BUSY = faults.fails(503, "server busy, please try again.  maximum pending requests exceeded")


async def test_a_busy_engine_is_asked_again_until_it_takes_the_call(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.in_turn(BUSY, BUSY, answers_well)
    async with start() as service:
        assert (await service.compress()).status_code == 200
        assert (service.retries("busy"), len(upstream.chats)) == (2, 3)


async def test_tries_in_vain_and_the_pauses_between_them_count_as_time_in_the_engine(
    start: Start, upstream: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.behaviour = faults.in_turn(BUSY, answers_well)
    async with start() as service:
        monkeypatch.setattr("app.engine.retries.random.uniform", lambda least, most: most)
        response = await service.compress()
        assert response.json()["timing"]["engine_ms"] >= 1000 * RetryPolicy().first_s


async def test_an_engine_that_stays_busy_is_a_503_with_retry_after(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = BUSY
    async with start(engine_retries=2) as service:
        response = await service.compress()
        assert (response.status_code, response.json()["type"]) == (503, "urn:condenser:problem:busy")
        assert "server busy" in response.json()["detail"]
        assert int(response.headers["retry-after"]) >= 1
        assert (service.retries("busy"), len(upstream.chats)) == (2, 3)


async def test_without_retries_there_is_one_try(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = BUSY
    async with start(engine_retries=0) as service:
        assert (await service.compress()).status_code == 503
        assert (service.retries("busy"), len(upstream.chats)) == (0, 1)


async def test_a_refused_connection_is_retried_and_then_reported(start: Start, upstream: FaultyOllama) -> None:
    async with start(engine_retries=2) as service:
        await upstream.stop()
        response = await service.compress()
        await upstream.start()
        assert (response.status_code, response.json()["type"]) == (502, "urn:condenser:problem:unreachable")
        assert "no connection to" in response.json()["detail"]
        assert service.retries("no_connection") == 2


def seen_retry(service: Running, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Set when the service is about to make a call again."""
    seen = asyncio.Event()

    def note(reason: RetryReason) -> None:
        seen.set()

    monkeypatch.setattr(service.service.metrics, "call_retried", note)
    return seen


async def test_an_engine_that_comes_back_within_the_retries_is_not_missed(
    start: Start, upstream: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with start() as service:
        monkeypatch.setattr("app.engine.retries.random.uniform", lambda least, most: most)
        retried = seen_retry(service, monkeypatch)
        await upstream.stop()
        request = asyncio.create_task(service.compress())
        await retried.wait()
        await upstream.start()
        assert (await request).status_code == 200


async def test_no_retry_begins_after_the_deadline(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = BUSY
    async with start(engine_retries=100) as service:
        response = await service.compress(timeout_s=0.5)
        # The engine's own message is reported, not that the deadline passed.
        assert (response.status_code, response.json()["type"]) == (503, "urn:condenser:problem:busy")
        assert 1 <= len(upstream.chats) < 100


@pytest.mark.parametrize(
    "behaviour",
    [
        faults.resets_at_once,
        faults.resets_mid_body,
        faults.closes_mid_body,
        faults.fails(500, "x"),
        faults.replies(b""),
    ],
)
async def test_what_may_have_been_worked_on_is_not_asked_again(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour
) -> None:
    upstream.behaviour = behaviour
    async with start(engine_retries=100) as service:
        assert (await service.compress()).status_code == 502
        assert len(upstream.chats) == 1
        assert service.retries("busy") + service.retries("no_connection") == 0


async def test_a_client_that_leaves_during_a_pause_ends_the_retries(
    start: Start, upstream: FaultyOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.behaviour = BUSY
    async with start(engine_retries=100) as service:
        monkeypatch.setattr("app.engine.retries.random.uniform", lambda least, most: 3600.0 / 100)
        retried = seen_retry(service, monkeypatch)
        request = asyncio.create_task(service.compress())
        await retried.wait()
        request.cancel()


def test_pauses_are_spread_over_bounds_that_double_up_to_the_longest() -> None:
    policy = RetryPolicy(retries=9, first_s=1, longest_s=5)
    for tried, bound in ((1, 1), (2, 2), (3, 4), (4, 5), (9, 5)):
        pauses = [policy.pause_s(tried) for _ in range(200)]
        assert 0 <= min(pauses) < bound / 4
        assert 3 * bound / 4 < max(pauses) <= bound
