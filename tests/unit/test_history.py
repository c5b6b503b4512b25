"""The last hour by the minute: `/status/history`."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.telemetry.history import HISTORY_MINUTES, History, HistorySnapshot, merge
from app.telemetry.shared import WorkerFiles
from app.telemetry.window import quantile
from tests.clock import Clock
from tests.unit.service import SUMMARY, TEXT, answer, ollama, running

STARTED = 6000.0  # the beginning of a minute
ANSWER = httpx.Response(200, json=answer(SUMMARY))


def counted(snapshot: HistorySnapshot) -> dict[int, int]:
    """Compressions by the minutes since they were made."""
    return {
        snapshot.current_minute - number: minute.succeeded["compress"] for number, minute in snapshot.minutes.items()
    }


def test_what_ends_is_counted_in_its_minute_and_quiet_minutes_are_there_too() -> None:
    clock = Clock(STARTED)
    history = History(clock)
    for now, compressions in ((STARTED + 59.9, 2), (STARTED + 60, 1), (STARTED + 185, 4)):
        clock.now = now
        for _ in range(compressions):
            history.operation_succeeded("compress", 0.2)
    assert counted(history.snapshot()) == {3: 2, 2: 1, 1: 0, 0: 4}


def test_what_is_over_an_hour_old_is_dropped_but_stays_in_the_sums_since_the_start() -> None:
    clock = Clock(STARTED)
    history = History(clock)
    for minute in range(3 * HISTORY_MINUTES):
        clock.now = STARTED + 60 * minute
        history.operation_succeeded("compress", 0.2)
        history.text_compressed(100)
    snapshot = history.snapshot()
    assert counted(snapshot) == dict.fromkeys(range(HISTORY_MINUTES), 1)
    assert (snapshot.succeeded, snapshot.tokens_saved) == (3 * HISTORY_MINUTES, 300 * HISTORY_MINUTES)
    assert snapshot.uptime_s == 60 * (3 * HISTORY_MINUTES - 1)


def test_a_day_without_anything_leaves_an_hour_of_empty_minutes() -> None:
    clock = Clock(STARTED)
    history = History(clock)
    history.operation_succeeded("compress", 0.2)
    clock.now += 86_400
    assert counted(history.snapshot()) == dict.fromkeys(range(HISTORY_MINUTES), 0)


def test_a_result_that_is_longer_than_its_source_saves_nothing() -> None:
    history = History(Clock(STARTED))
    history.text_compressed(-5)
    history.text_compressed(20)
    assert history.snapshot().tokens_saved == 20


def test_only_compressions_count_for_the_latency() -> None:
    history = History(Clock(STARTED))
    history.operation_succeeded("reconstruct", 0.001)
    history.operation_succeeded("compress", 2.0)
    (minute,) = history.snapshot().minutes.values()
    assert minute.succeeded == {"reconstruct": 1, "compress": 1}
    assert quantile(minute.durations, 0.01) == pytest.approx(2.0, rel=0.01)


def test_the_histories_of_several_processes_add_up() -> None:
    clock = Clock(STARTED)
    early = History(clock)
    early.operation_succeeded("compress", 1.0)
    early.operation_failed()
    early.text_compressed(10)
    early.engine_worked(0.5)
    clock.now += 120
    late = History(clock)
    for history in (early, late):
        history.operation_succeeded("compress", 3.0)
        history.text_compressed(100)
        history.engine_worked(0.25)
    merged = merge([early.snapshot(), late.snapshot()])
    assert counted(merged) == {2: 1, 1: 0, 0: 2}
    assert (merged.uptime_s, merged.succeeded, merged.tokens_saved) == (120, 3, 210)
    oldest, newest = merged.minutes[merged.current_minute - 2], merged.minutes[merged.current_minute]
    assert (oldest.failed, oldest.tokens_saved, oldest.engine_s) == (1, 10, 0.5)
    assert (newest.failed, newest.tokens_saved, newest.engine_s) == (0, 200, 0.5)
    assert quantile(newest.durations, 0.5) == pytest.approx(3.0, rel=0.01)
    assert counted(early.snapshot()) == {2: 1, 1: 0, 0: 1}  # untouched by the merge


def test_a_worker_reads_what_the_others_published_and_what_the_one_had_counted_that_it_replaces(tmp_path: Path) -> None:
    snapshots = []
    for index, compressions in enumerate((2, 3)):
        history = History(Clock(STARTED))
        for _ in range(compressions):
            history.operation_succeeded("compress", 0.2)
        snapshots.append(history.snapshot())
        WorkerFiles(tmp_path, index, lambda: ()).publish({}, snapshots[-1])
    first = WorkerFiles(tmp_path, 0, lambda: ())
    assert first.own_history() == snapshots[0]
    assert list(first.histories_of_others()) == [snapshots[1]]
    assert WorkerFiles(tmp_path, 2, lambda: ()).own_history() is None


async def history_of(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get("/status/history")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.anyio
async def test_the_service_tells_what_it_did_this_minute_and_since_its_start() -> None:
    with ollama(ANSWER):
        async with running() as client:
            sizes = (await client.post("/compress", json={"text": TEXT})).json()["sizes"]
            items = [{"text": TEXT, "method": "extractive"}, {"text": 5}]
            batch = await client.post("/batch", json={"operation": "compress", "items": items})
            body = await history_of(client)
    inside = batch.json()["results"][0]["result"]["sizes"]
    saved = sum(answered["source_tokens"] - answered["compressed_tokens"] for answered in (sizes, inside))
    minutes = body["minutes"]
    assert 1 <= len(minutes) <= 2  # a minute may have ended meanwhile
    assert minutes[-1]["minutes_ago"] == 0
    assert sum(minute["succeeded"]["compress"] for minute in minutes) == 2
    assert sum(minute["failed"] for minute in minutes) == 1
    assert sum(minute["tokens_saved"] for minute in minutes) == body["tokens_saved"] == saved > 0
    assert sum(minute["engine_s"] for minute in minutes) > 0
    assert body["succeeded"] == 3
    latency = next(minute["latency_s"] for minute in minutes if minute["latency_s"])
    assert 0 < latency["p50"] <= latency["p95"]


@pytest.mark.anyio
async def test_a_minute_without_compressions_has_no_latency() -> None:
    with ollama(ANSWER):
        async with running() as client:
            minute = (await history_of(client))["minutes"][-1]
    assert minute["latency_s"] is None
    assert minute["succeeded"] == {"compress": 0, "reconstruct": 0, "batch": 0}


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/status/history", "/models"])
async def test_history_and_models_need_a_key_where_keys_are_set_and_are_in_the_openapi_document(path: str) -> None:
    with ollama(ANSWER):
        async with running(api_keys="secret") as client:
            without = await client.get(path)
            with_key = await client.get(path, headers={"X-API-Key": "secret"})
            paths = (await client.get("/openapi.json")).json()["paths"]
    assert (without.status_code, with_key.status_code) == (401, 200)
    assert "get" in paths[path]
