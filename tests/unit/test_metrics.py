"""Metrics and costs are fed by what really happened."""

import asyncio
import math
import shutil
import subprocess
from collections import Counter

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from app.engine.busy import BusyClock, BusyShare
from app.telemetry.cost import Prices, cost
from app.telemetry.window import Window, bucket_of, quantile
from tests.clock import Clock
from tests.unit.service import SUMMARY, TEXT, answer, ollama, running, warmed_up

PRICES = Prices(0.01, 0.01, 0.10)
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


async def samples(client: httpx.AsyncClient) -> Samples:
    text = (await client.get("/metrics")).text
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.anyio
async def test_a_compression_is_counted_with_its_tokens_facts_and_cost() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY, 120, 12))):
        async with running() as client:
            before = await samples(client)
            body = (await client.post("/compress", json={"text": TEXT})).json()
            after = await samples(client)

    def rise(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return after[key] - before.get(key, 0)

    assert rise("condenser_operations_total", operation="compress", outcome="ok") == 1
    duration = {"operation": "compress", "outcome": "ok"}
    assert rise("condenser_request_duration_seconds_count", **duration, served_from="engine") == 1
    assert rise("condenser_request_duration_seconds_count", **duration, served_from="cache") == 0
    saved = body["sizes"]["source_tokens"] - body["sizes"]["compressed_tokens"]
    assert rise("condenser_reader_tokens_saved_total") == body["cost"]["reader_tokens_saved"] == saved > 0
    assert rise("condenser_reader_dollars_saved_total") == pytest.approx(body["cost"]["reader_usd_saved"])
    assert after[("condenser_reader_savings_tokens", ())] == saved
    assert after[("condenser_reader_savings_dollars", ())] == pytest.approx(saved * 0.0001 / 1000)
    assert rise("condenser_tokens_total", kind="prompt") == 120
    assert rise("condenser_tokens_total", kind="completion") == 12
    assert rise("condenser_tokens_total", kind="source") == body["sizes"]["source_tokens"]
    assert rise("condenser_tokens_total", kind="compressed") == body["sizes"]["compressed_tokens"]
    assert rise("condenser_facts_total", result="kept") == body["fidelity"]["kept"] > 0
    assert rise("condenser_facts_total", result="missing") == body["fidelity"]["missing_count"]
    assert rise("condenser_summary_sentences_total", result="stood") == body["fidelity"]["summary"]["stood"] == 1
    assert rise("condenser_cost_dollars_total", basis="cloud") == pytest.approx(body["cost"]["cloud_usd"])
    assert after[("condenser_throughput_operations_per_minute", (("operation", "compress"),))] == 1
    assert after[("condenser_cost_savings_ratio", ())] == pytest.approx(body["cost"]["savings_ratio"], abs=1e-4)


@pytest.mark.anyio
async def test_a_failed_call_is_counted_by_kind_costs_time_and_saves_nothing() -> None:
    with ollama(httpx.Response(500, json={"error": "out of memory"})):
        async with running() as client:
            await client.post("/compress", json={"text": TEXT})
            after = await samples(client)
    assert after[("condenser_engine_errors_total", (("kind", "failed"),))] == 1
    assert after[("condenser_operations_total", (("operation", "compress"), ("outcome", "failed")))] == 1
    assert after[("condenser_cost_dollars_total", (("basis", "local"),))] > 0
    spent = after[("condenser_cost_dollars_total", (("basis", "local"),))]
    assert after[("condenser_cost_savings_dollars", ())] == pytest.approx(-spent, abs=1e-11)
    assert math.isnan(after[("condenser_cost_savings_ratio", ())])


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("texts", "served_from"),
    [([TEXT], "engine"), ([TEXT, TEXT], "cache"), (["A short one."], "text"), (['[{"a": 1}, {"a": 2}]'], "text")],
)
async def test_a_duration_is_counted_by_what_the_answer_was_made_of(texts: list[str], served_from: str) -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(cache_bytes=1_000_000) as client:
            for text in texts[:-1]:
                await client.post("/compress", json={"text": text})
            before = await samples(client)
            await client.post("/compress", json={"text": texts[-1]})
            after = await samples(client)
    counts = {
        dict(labels)["served_from"]: count - before.get((name, labels), 0)
        for (name, labels), count in after.items()
        if name == "condenser_request_duration_seconds_count" and ("operation", "compress") in labels
    }
    assert {made: rise for made, rise in counts.items() if rise} == {served_from: 1}


@pytest.mark.anyio
async def test_a_result_from_the_cache_spares_its_reader_the_same_tokens() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running(cache_bytes=1_000_000) as client:
            first, again = [(await client.post("/compress", json={"text": TEXT})).json()["cost"] for _ in range(2)]
            savings = (await client.get("/status")).json()["savings"]
    assert again["reader_tokens_saved"] == first["reader_tokens_saved"] > 0
    assert savings["reader"] == savings["reader_since_start"]
    assert savings["reader"]["tokens"] == 2 * first["reader_tokens_saved"]
    assert savings["reader"]["usd"] == pytest.approx(2 * first["reader_usd_saved"])


@pytest.mark.anyio
async def test_no_gauge_reads_0_where_nothing_is_known() -> None:
    async def hold(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with ollama(hold) as upstream:
        upstream.get("/api/version").mock(side_effect=hold)
        async with running(jobs_database="off") as client:
            gauges = await samples(client)
    unknown = {name for (name, _), value in gauges.items() if math.isnan(value)}
    assert unknown == {
        "condenser_engine_up",
        "condenser_upstream_up",
        "condenser_jobs",
        "condenser_cost_savings_ratio",
    }
    assert not {name for name, _ in gauges} & {"condenser_latency_seconds", "condenser_model_gpu_ratio"}


@pytest.mark.anyio
async def test_a_savings_ratio_that_is_not_known_is_null_in_the_status() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            assert (await client.get("/status")).json()["savings"]["ratio"] is None


@pytest.mark.anyio
async def test_what_a_client_sends_never_becomes_a_label() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            await client.post("/compress", json={"text": TEXT, "model": "mine:latest"})
            await client.post("/nowhere/at/all")
            text = (await client.get("/metrics")).text
    assert "mine" not in text
    assert "nowhere" not in text


@pytest.mark.anyio
async def test_the_share_of_the_model_on_the_gpu_is_a_gauge() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            await warmed_up()
            await client.post("/compress", json={"text": TEXT})
            after = await samples(client)
    assert after[("condenser_model_gpu_ratio", (("model", "qwen2.5:7b-instruct"),))] == 1
    assert after[("condenser_engine_up", ())] == 1


def test_a_thousand_operations_cost_what_the_report_says() -> None:
    # The report behind this project: 1,000 operations of 200 tokens and 1.5 s, 2.00 against 0.04 USD, 97.9 %.
    total = cost(PRICES, 1000 * 150, 1000 * 50, 1000 * 1.5)
    assert round(total.cloud_usd, 2) == 2.00
    assert round(total.local_usd, 2) == 0.04
    assert round(total.savings_ratio, 3) == 0.979


def test_power_comes_on_top_of_the_machines_price() -> None:
    prices = Prices(0.01, 0.01, 0.10, watts=300, per_kwh=0.40)
    assert cost(prices, 0, 0, 3600).local_usd == pytest.approx(0.10 + 0.3 * 0.40)


def test_where_a_cloud_charges_nothing_nothing_is_saved() -> None:
    free = cost(Prices(0, 0, 0.10), 1000, 1000, 3600)
    assert free.savings_ratio == 0
    assert free.local_usd == pytest.approx(0.10)


def test_nothing_to_pay_saves_nothing() -> None:
    assert cost(PRICES, 0, 0, 0).savings_ratio == 0


def test_calls_that_overlap_share_the_busy_time() -> None:
    now = 0.0
    clock = BusyClock(lambda: now)
    first, second = BusyShare(), BusyShare()
    with clock.call(first):
        now = 2.0
        with clock.call(second):
            now = 6.0
        now = 7.0
    assert (first.seconds, second.seconds) == (5.0, 2.0)


def test_a_pause_between_calls_is_not_busy_time() -> None:
    now = 0.0
    clock = BusyClock(lambda: now)
    shares = [BusyShare(), BusyShare()]
    for share in shares:
        with clock.call(share):
            now += 1.0
        now += 100.0
    assert [share.seconds for share in shares] == [1.0, 1.0]


def test_the_window_forgets_what_is_a_minute_old_to_the_second() -> None:
    clock = Clock(0.0)
    window: Window[str] = Window(clock)
    window.add("a")
    clock.now = 1.0
    window.add("a", 2)
    clock.now = 59.9
    assert window.totals() == {"a": 3}
    clock.now = 60.0
    assert window.totals() == {"a": 2}
    clock.now = 61.0
    assert window.totals() == {}


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab"), st.integers(1, 10**15)), max_size=60))
def test_the_window_has_the_sums_of_its_seconds_whatever_came_before(steps: list[tuple[float, str, int]]) -> None:
    clock = Clock(0.0)
    window: Window[str] = Window(clock)
    added: list[tuple[int, str, int]] = []
    for pause, key, amount in steps:
        clock.now += pause
        window.add(key, amount)
        added.append((int(clock.now), key, amount))
    since = int(clock.now) - 60
    expected = {key: sum(n for at, k, n in added if k == key and at > since) for key in "ab"}
    assert window.totals() == {key: total for key, total in expected.items() if total}


@pytest.mark.parametrize(("q", "value"), [(0.5, 50), (0.95, 95), (0.99, 99)])
def test_a_quantile_is_the_duration_that_its_share_does_not_exceed(q: float, value: float) -> None:
    assert quantile(Counter(bucket_of(float(i)) for i in range(1, 101)), q) == pytest.approx(value, rel=0.005)


@given(st.floats(1e-6, 1e6))
def test_a_duration_is_kept_within_half_a_per_cent(duration_s: float) -> None:
    assert quantile({bucket_of(duration_s): 1}, 0.5) == pytest.approx(duration_s, rel=0.00501)


@pytest.mark.anyio
async def test_the_number_of_series_does_not_grow_with_what_clients_send() -> None:
    async def series_after(name: str, client: httpx.AsyncClient) -> int:
        for model in (None, f"{name}:1", f"{name}:2"):
            await client.post("/compress", json={"text": f"{TEXT} {name}", "model": model})
            await client.post("/compress", json={"text": 5, name: name})
            await client.post(f"/{name}", json={"text": TEXT})
        return len(await samples(client))

    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            first = await series_after("one", client)
            assert await series_after("two", client) == first


@pytest.mark.anyio
@pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: apt-get install prometheus) is not here"
)
async def test_promtool_finds_nothing_to_say_about_the_exposition() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            await client.post("/compress", json={"text": TEXT})
            exposition = (await client.get("/metrics")).text
    checked = await asyncio.to_thread(
        subprocess.run, ["promtool", "check", "metrics"], input=exposition, text=True, capture_output=True
    )
    lines = (checked.stdout + checked.stderr).splitlines()
    # A counter of what became of summary sentences; promtool takes the word for the type of that name.
    assert [line for line in lines if not line.startswith("condenser_summary_sentences_total ")] == []
