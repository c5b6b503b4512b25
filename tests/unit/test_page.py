"""The page at `/` and `/status`: what is served, how, and that nothing of it comes from elsewhere."""

import re
from pathlib import Path
from typing import get_args

import httpx
import pytest
from tinyhtml5.parser import HTMLParser

from app.api.examples import TEXT as MAIL
from app.summary.check import Reason
from tests.unit.service import MODEL, TEXT, URL, Upstream, answer, ollama, running

STATIC = Path(__file__).parents[2] / "app" / "api" / "static"
ASSETS = sorted(path.name for path in STATIC.iterdir())
SCRIPTS = [name for name in ASSETS if name.endswith(".js")]
FALSE = "The checkout service was down for 77 hours."
ANSWER = httpx.Response(200, json=answer("A ferry leaves.", 120, 12))


def read(name: str) -> str:
    return (STATIC / name).read_text(encoding="utf-8")


@pytest.mark.anyio
async def test_the_page_is_html_and_needs_no_key() -> None:
    with ollama(ANSWER):
        async with running(api_keys="secret") as client:
            page = await client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text == read("index.html")


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/", *(f"/static/{name}" for name in ASSETS)])
async def test_all_of_the_page_is_served_under_a_policy_that_lets_nothing_else_in(path: str) -> None:
    with ollama(ANSWER):
        async with running() as client:
            headers = (await client.get(path)).headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.anyio
async def test_the_page_is_not_in_the_openapi_document_and_docs_are_where_they_were() -> None:
    with ollama(ANSWER):
        async with running() as client:
            paths = (await client.get("/openapi.json")).json()["paths"]
            docs = await client.get("/docs")
    assert "/" not in paths
    assert "/status" in paths
    assert docs.status_code == 200
    assert "swagger" in docs.text


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/static/none.js", "/static/../page.py", "/static/%2e%2e/page.py", "/static/"])
async def test_nothing_but_the_assets_is_served(path: str) -> None:
    with ollama(ANSWER):
        async with running() as client:
            response = await client.get(path)
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_names_no_other_host(name: str) -> None:
    text = read(name).replace('"http://www.w3.org/2000/svg"', "")  # a namespace: nothing is asked of it
    assert not re.search(r"(https?:)?//[a-z]", text.replace("// ", ""))


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_makes_markup_or_code_of_text(name: str) -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", read(name))


def test_the_html_is_well_formed_and_has_no_inline_script_or_style() -> None:
    parser = HTMLParser()
    parser.parse(read("index.html"))
    assert parser.errors == []
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", read("index.html"))


def test_every_element_that_a_script_looks_for_is_in_the_page() -> None:
    sought = {identifier for name in SCRIPTS for identifier in re.findall(r'\bat\("([^"]+)"\)', read(name))}
    there = re.findall(r'\bid="([^"]+)"', read("index.html"))
    assert len(there) == len(set(there))
    assert sought <= set(there)
    assert sought


@pytest.mark.anyio
async def test_the_status_has_the_figures_that_the_metrics_have() -> None:
    with ollama(ANSWER):
        async with running() as client:
            await client.post("/compress", json={"text": TEXT})
            body = (await client.get("/status")).json()
            metrics = (await client.get("/metrics")).text
    upstream = {
        "url": URL,
        "version": "0.16.1",
        "loaded": True,
        "in_flight": 0,
        "slots": 4,
        "problem": None,
        "warning": None,
    }
    engine = {
        "name": "ollama",
        "url": URL,
        "version": "0.16.1",
        "up": True,
        "problem": None,
        "warning": None,
        "upstreams": [upstream],
    }
    assert body["engine"] == engine
    assert body["model"] == {"name": MODEL, "loaded": True, "num_ctx": 4096, "gpu_ratio": 1.0, "warning": None}
    assert body["operations"]["compress"]["per_minute"] == 1
    assert body["operations"]["reconstruct"] == {"per_minute": 0, "latency_s": None}
    gauges = dict(line.rsplit(" ", 1) for line in metrics.splitlines())
    p95 = float(gauges['condenser_latency_seconds{operation="compress",quantile="0.95"}'])
    assert body["operations"]["compress"]["latency_s"]["p95"] == pytest.approx(p95, abs=1e-6)
    assert body["savings"]["ratio"] == pytest.approx(float(gauges["condenser_cost_savings_ratio"]), abs=1e-4)
    assert body["queue"] == {"in_flight": 0, "concurrency_limit": 4, "depth": 0, "capacity": 1000}
    assert body["window_s"] == 60


def without_model(router: Upstream) -> str:
    router.get("/api/tags").respond(json={"models": []})
    router.get("/api/ps").respond(json={"models": []})
    return f"ollama pull {MODEL}"


def down(router: Upstream) -> str:
    router.get("/api/version").mock(side_effect=httpx.ConnectError("refused"))
    return URL


@pytest.mark.anyio
@pytest.mark.parametrize("fault", [without_model, down])
async def test_the_status_says_what_is_wrong_with_the_engine(fault: object) -> None:
    assert callable(fault)
    with ollama(ANSWER) as router:
        async with running() as client:
            message = fault(router)
            response = await client.get("/status")
    body = response.json()
    assert response.status_code == 200
    assert message in body["engine"]["problem"]
    assert body["engine"]["up"] is (fault is without_model)
    assert body["model"] == {"name": MODEL, "loaded": False, "num_ctx": 4096, "gpu_ratio": None, "warning": None}


def all_false(count: int) -> httpx.Response:
    """A completion of `count` sentences, of which none stands beside MAIL."""
    sentences = (f"The checkout service was down for {hours} hours." for hours in range(100, 100 + count))
    return httpx.Response(200, json=answer(" ".join(sentences)))


@pytest.mark.anyio
async def test_where_most_of_the_models_last_hundred_sentences_fell_the_service_is_ready_with_a_warning() -> None:
    with ollama(all_false(100)):
        async with running() as client:
            before = (await client.get("/readyz")).json()
            await client.post("/compress", json={"text": MAIL})
            ready = await client.get("/readyz")
            status = (await client.get("/status")).json()
    assert before["warning"] is None
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert f"0% of the last sentences of {MODEL} passed the check" in ready.json()["warning"]
    assert status["model"]["warning"] == ready.json()["warning"]


@pytest.mark.anyio
async def test_a_model_is_not_judged_by_fewer_than_a_hundred_sentences() -> None:
    with ollama(all_false(99)):
        async with running() as client:
            await client.post("/compress", json={"text": MAIL})
            assert (await client.get("/readyz")).json()["warning"] is None


@pytest.mark.anyio
async def test_the_status_needs_a_key_where_keys_are_set() -> None:
    with ollama(ANSWER):
        async with running(api_keys="secret") as client:
            without = await client.get("/status")
            with_key = await client.get("/status", headers={"Authorization": "Bearer secret"})
    assert (without.status_code, with_key.status_code) == (401, 200)


@pytest.mark.anyio
async def test_facts_and_dropped_sentences_are_in_an_answer_only_where_they_are_asked_for() -> None:
    with ollama(httpx.Response(200, json=answer(FALSE))):
        async with running() as client:
            plain = (await client.post("/compress", json={"text": MAIL})).json()
            answered = (await client.post("/compress", json={"text": MAIL, "explain": True})).json()
    assert "explain" not in plain["fidelity"]
    facts, dropped = answered["fidelity"]["explain"]["facts"], answered["fidelity"]["explain"]["dropped"]
    assert [fact["text"] for fact in facts] == [MAIL[slice(*fact["places"][0])] for fact in facts]
    assert [fact["kept"] for fact in facts].count(True) == answered["fidelity"]["kept"] > 0
    assert [(sentence["text"], sentence["reason"]) for sentence in dropped] == [(FALSE, "figure")]


def test_the_page_has_words_for_every_reason_for_which_a_sentence_is_dropped() -> None:
    reasons = re.search(r"const REASONS = \{(.*?)\n\};", read("result.js"), re.DOTALL)
    assert reasons is not None
    assert set(re.findall(r"^  (\w+):", reasons[1], re.MULTILINE)) == {*get_args(Reason), "outweighed"}
