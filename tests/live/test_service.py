"""Every endpoint over HTTP, on a real model behind a real uvicorn process."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.live.conftest import Service
from tests.live.texts import AWKWARD, FIRST_FACT, LAST_FACT, MAIL, long_text

NDJSON = {"accept": "application/x-ndjson"}


def compress(client: httpx.Client, text: str, **fields: Any) -> dict[str, Any]:
    response = client.post("/compress", json={"text": text, **fields})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def reconstruct(client: httpx.Client, capsule: Any, mode: str = "auto") -> dict[str, Any]:
    response = client.post("/reconstruct", json={"capsule": capsule, "mode": mode})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


def problem(response: httpx.Response, status: int) -> str:
    """The detail of a problem answer, which must be whole."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert set(body) == {"type", "title", "status", "detail", "request_id"}
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"]
    return str(body["detail"])


@pytest.fixture(scope="module")
def mail(service: Service) -> dict[str, Any]:
    """MAIL, compressed."""
    with service.client() as client:
        return compress(client, MAIL)


def test_a_compressed_text_is_shorter_and_no_fact_of_it_is_lost(mail: dict[str, Any]) -> None:
    assert 0 < len(mail["compressed"]) < len(MAIL)
    assert mail["method"] in ("abstractive", "extractive")
    assert mail["fidelity"]["missing"] == []
    for fact in ("v2.3.1", "v2.3.0", "14:35", "15:10", "4,300", "Maria Lindqvist"):
        assert fact in mail["compressed"]


def test_the_report_accounts_for_every_fact(mail: dict[str, Any]) -> None:
    report = mail["fidelity"]
    assert report["facts"] == report["kept"] + report["restored"] + len(report["missing"])


def test_sizes_usage_timing_and_cost_agree_with_each_other(mail: dict[str, Any]) -> None:
    sizes, usage, timing, cost = mail["sizes"], mail["usage"], mail["timing"], mail["cost"]
    assert sizes["source_bytes"] == len(MAIL.encode())
    assert sizes["capsule_bytes"] == len(json.dumps(mail["capsule"], separators=(",", ":")).encode())
    assert sizes["token_ratio"] == pytest.approx(sizes["compressed_tokens"] / sizes["source_tokens"], abs=1e-4)
    assert sizes["byte_ratio"] == pytest.approx(sizes["capsule_bytes"] / sizes["source_bytes"], abs=1e-4)
    assert usage["calls"] == 1
    assert usage["prompt_tokens"] > sizes["source_tokens"] > 100
    assert 0 < timing["engine_ms"] <= timing["total_ms"]
    paid = (usage["prompt_tokens"] + usage["completion_tokens"]) * 0.01 / 1000
    assert cost["cloud_usd"] == pytest.approx(paid)
    assert cost["savings_ratio"] == pytest.approx(1 - cost["local_usd"] / cost["cloud_usd"], abs=1e-4)


def test_an_exact_capsule_gives_the_text_back_byte_for_byte_without_a_model_call(
    client: httpx.Client, mail: dict[str, Any]
) -> None:
    answer = reconstruct(client, mail["capsule"], "exact")
    assert answer["text"].encode() == MAIL.encode()
    assert (answer["mode"], answer["verified"]) == ("exact", True)
    assert answer["usage"]["calls"] == 0


def test_auto_is_exact_where_the_capsule_holds_the_source(client: httpx.Client, mail: dict[str, Any]) -> None:
    assert reconstruct(client, mail["capsule"])["mode"] == "exact"


def test_a_semantic_capsule_is_smaller_and_does_not_hold_the_source(
    client: httpx.Client, mail: dict[str, Any]
) -> None:
    lossy = compress(client, MAIL, fidelity="semantic")
    assert lossy["sizes"]["capsule_bytes"] < mail["sizes"]["capsule_bytes"]
    refused = client.post("/reconstruct", json={"capsule": lossy["capsule"], "mode": "exact"})
    assert "does not hold the source" in problem(refused, 422)


def test_a_semantic_reconstruction_comes_from_the_model_and_keeps_the_facts(
    client: httpx.Client, mail: dict[str, Any]
) -> None:
    answer = reconstruct(client, mail["capsule"], "semantic")
    assert (answer["mode"], answer["verified"]) == ("semantic", False)
    assert answer["usage"]["calls"] >= 1
    assert answer["fidelity"]["missing"] == []
    for fact in ("v2.3.1", "15:10", "Maria Lindqvist"):
        assert fact in answer["text"]


def test_a_target_is_kept_and_what_does_not_fit_is_listed(client: httpx.Client) -> None:
    body = compress(client, MAIL, target_ratio=0.3)
    assert body["sizes"]["token_ratio"] <= 0.33 * 1.05
    assert body["fidelity"]["missing"]


def test_must_keep_strings_survive_verbatim(client: httpx.Client) -> None:
    assert "Thanks to everybody" in compress(client, MAIL, must_keep=["Thanks to everybody"])["compressed"]


def test_a_must_keep_string_that_the_text_lacks_is_named(client: httpx.Client) -> None:
    refused = client.post("/compress", json={"text": MAIL, "must_keep": ["zeppelin"]})
    assert "zeppelin" in problem(refused, 422)


def test_a_question_decides_what_stays(client: httpx.Client) -> None:
    body = compress(client, MAIL, question="How many orders were affected?", target_ratio=0.2)
    assert "4,300" in body["compressed"]


def test_a_hundred_thousand_characters_fit_a_small_context_and_keep_first_and_last_fact(client: httpx.Client) -> None:
    text = long_text(100_000)
    assert len(text) == 100_000
    body = compress(client, text)
    assert body["usage"]["calls"] > 3
    assert len(body["compressed"]) < len(text) / 2
    for fact in ("Ingrid Valtonen", "2024-03-03", "Turku", "Marcus Oyelaran", "TK-88213-Q"):
        assert fact in FIRST_FACT + LAST_FACT
        assert fact in body["compressed"]
    assert reconstruct(client, body["capsule"])["text"] == text


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_text_is_served_and_comes_back_byte_for_byte(client: httpx.Client, name: str) -> None:
    text = AWKWARD[name]
    body = compress(client, text)
    assert len(body["compressed"].encode()) <= len(text.encode())
    answer = reconstruct(client, body["capsule"])
    assert answer["text"].encode() == text.encode()
    assert body["capsule"]["source"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("text", ["", " ", "   \n\t " * 500, "a", "\0", "😀", "Too short to gain."])
def test_a_text_that_cannot_get_shorter_is_its_own_summary(client: httpx.Client, text: str) -> None:
    body = compress(client, text)
    assert (body["compressed"], body["method"], body["usage"]["calls"]) == (text, "verbatim", 0)
    assert reconstruct(client, body["capsule"])["text"] == text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"),
        (b"{", "not JSON"),
        (b"[]", "body"),
        (b'"text"', "body"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"{}", "text: Field required"),
        (b'{"text": 1}', "text"),
        (b'{"text": null}', "text"),
        (b'{"text": ["a"]}', "text"),
        (rb'{"text": "a\ud800b"}', "text: has a lone surrogate"),
        (rb'{"text": "a", "question": "\udfff"}', "question: has a lone surrogate"),
        (b'{"text": "a", "shape": "round"}', "shape: no such field"),
        (b'{"text": "a", "fidelity": "perfect"}', "fidelity"),
        (b'{"text": "a", "target_ratio": 0.01}', "target_ratio"),
        (b'{"text": "a", "target_ratio": 1}', "target_ratio"),
        (b'{"text": "a", "target_ratio": "0.3"}', "target_ratio"),
        (b'{"text": "a", "target_ratio": NaN}', "not JSON"),
        (b'{"text": "a", "must_keep": "a"}', "must_keep"),
        (b'{"text": "a", "must_keep": [""]}', "must_keep.0"),
        (b'{"text": "a", "model": "../../etc/passwd"}', "model"),
        (b'{"text": "a", "model": "http://evil.example/m"}', "model"),
        (b'{"text": "a", "on_engine_error": "retry"}', "on_engine_error"),
    ],
)
def test_a_bad_body_is_a_422_that_names_the_field(client: httpx.Client, body: bytes, field: str) -> None:
    response = client.post("/compress", content=body, headers={"content-type": "application/json"})
    assert field in problem(response, 422)


def test_a_text_over_its_limit_is_a_413_that_names_the_limit(client: httpx.Client) -> None:
    assert "CONDENSER_MAX_TEXT_BYTES" in problem(client.post("/compress", json={"text": "x" * 5_000_000}), 413)


def test_a_body_over_its_limit_is_a_413_that_names_the_limit(client: httpx.Client) -> None:
    chunks = (b"[" if i == 0 else b" " * 1_000_000 for i in range(40))
    response = client.post("/compress", content=chunks, headers={"content-type": "application/json"})
    assert "CONDENSER_MAX_BODY_BYTES" in problem(response, 413)


def test_a_model_that_the_engine_lacks_is_a_404(client: httpx.Client) -> None:
    response = client.post("/compress", json={"text": MAIL, "model": "no-such-model:7b"})
    assert "no-such-model:7b" in problem(response, 404)


def test_an_unknown_path_and_a_wrong_method_are_problems(client: httpx.Client) -> None:
    problem(client.get("/nowhere"), 404)
    problem(client.get("/compress"), 405)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "version 2 is newer"),
        ({"codec": "lzma"}, "codec"),
        ({"payload": ""}, "cut"),
        ({"payload": "AAAA"}, "cut"),
        ({"payload": "not base64!"}, "base64"),
        ({"model": "another"}, "altered"),
        ({"fidelity": "semantic"}, "capsule"),
        ({"source": {"sha256": "0" * 64, "bytes": 10, "tokens": 1}}, "capsule"),
        ({"source": {"sha256": "0" * 64, "bytes": 10**12, "tokens": 1}}, "limit"),
        ({"source": {"sha256": "0", "bytes": 10, "tokens": 1}}, "capsule.source.sha256"),
        ({"shape": "round"}, "capsule.shape: no such field"),
    ],
)
def test_a_capsule_that_was_touched_is_a_422_that_says_what_is_wrong(
    client: httpx.Client, mail: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    response = client.post("/reconstruct", json={"capsule": mail["capsule"] | change})
    assert reason in problem(response, 422)


def test_a_capsule_cut_in_the_middle_is_a_422(client: httpx.Client, mail: dict[str, Any]) -> None:
    cut = mail["capsule"] | {"payload": mail["capsule"]["payload"][:100]}
    assert "cut" in problem(client.post("/reconstruct", json={"capsule": cut}), 422)


def batch_items(count: int) -> list[Any]:
    return [{"text": f"Item {i} is here, on 2024-05-{i + 1:02}."} for i in range(count)]


def test_a_batch_of_twenty_with_a_bad_item_gives_nineteen_results_and_a_problem(client: httpx.Client) -> None:
    items = [*batch_items(9), {"txt": "no text"}, *batch_items(9), {"text": MAIL}]
    body = client.post("/batch", json={"operation": "compress", "items": items}).json()
    assert (body["succeeded"], body["failed"]) == (19, 1)
    assert [result["index"] for result in body["results"]] == list(range(20))
    bad = body["results"][9]["problem"]
    assert (bad["status"], "result" in body["results"][9]) == (422, False)
    assert "text: Field required" in bad["detail"]
    assert all("problem" not in result for i, result in enumerate(body["results"]) if i != 9)


def test_a_lone_surrogate_in_one_item_fails_that_item_alone(client: httpx.Client) -> None:
    content = rb'{"operation": "compress", "items": [{"text": "fine"}, {"text": "a\ud800"}]}'
    body = client.post("/batch", content=content, headers={"content-type": "application/json"}).json()
    assert (body["succeeded"], body["failed"]) == (1, 1)
    assert "lone surrogate" in body["results"][1]["problem"]["detail"]


def test_a_batch_reconstructs_what_a_batch_compressed(client: httpx.Client) -> None:
    items = batch_items(5)
    compressed = client.post("/batch", json={"operation": "compress", "items": items}).json()["results"]
    capsules = [{"capsule": result["result"]["capsule"]} for result in compressed]
    body = client.post("/batch", json={"operation": "reconstruct", "items": capsules}).json()
    assert [result["result"]["text"] for result in body["results"]] == [item["text"] for item in items]


def test_ndjson_sends_each_result_as_soon_as_it_is_ready(client: httpx.Client) -> None:
    items = [{"text": MAIL}, *batch_items(3)]
    request = {"operation": "compress", "items": items}
    with client.stream("POST", "/batch", json=request, headers=NDJSON) as response:
        assert response.headers["content-type"].startswith("application/x-ndjson")
        indexes = [json.loads(line)["index"] for line in response.iter_lines()]
    # The mail goes to the model, the others are too short to: they are ready first.
    assert indexes[-1] == 0
    assert sorted(indexes) == [0, 1, 2, 3]


def test_a_batch_of_no_items_has_no_results(client: httpx.Client) -> None:
    body = client.post("/batch", json={"operation": "compress", "items": []}).json()
    assert body == {"results": [], "succeeded": 0, "failed": 0}


def test_a_batch_over_its_limit_is_a_413_that_names_the_limit(client: httpx.Client) -> None:
    response = client.post("/batch", json={"operation": "compress", "items": [{"text": "a"}] * 501})
    assert "CONDENSER_MAX_BATCH_ITEMS" in problem(response, 413)


@pytest.mark.parametrize("body", [{"operation": "explode", "items": []}, {"items": []}, {"operation": "compress"}])
def test_a_bad_batch_is_a_422(client: httpx.Client, body: dict[str, Any]) -> None:
    problem(client.post("/batch", json=body), 422)


def sample_values(client: httpx.Client) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def test_metrics_move_with_what_happens(client: httpx.Client) -> None:
    before = sample_values(client)
    body = compress(client, MAIL)
    after = sample_values(client)
    key = ("condenser_operations_total", (("operation", "compress"), ("outcome", "ok")))
    assert after[key] - before.get(key, 0) == 1
    prompt = ("condenser_tokens_total", (("kind", "prompt"),))
    assert after[prompt] - before.get(prompt, 0) == body["usage"]["prompt_tokens"]
    assert after[("condenser_in_flight", ())] == 0
    assert after[("condenser_engine_up", ())] == 1


def calls_in_flight(client: httpx.Client) -> float:
    values = sample_values(client)
    return values[("condenser_in_flight", ())] + values[("condenser_queue_depth", ())]


def polled(client: httpx.Client) -> Iterator[float]:
    """The calls in flight, scrape after scrape, as long as a test may wait."""
    for _ in range(3000):
        yield calls_in_flight(client)


def test_a_client_that_goes_away_frees_its_places(service: Service, client: httpx.Client) -> None:
    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=service.url) as leaving:
        gone = pool.submit(leaving.post, "/compress", json={"text": long_text(60_000)}, timeout=1.5)
        with pytest.raises(httpx.ReadTimeout):
            gone.result()
    assert any(calls == 0 for calls in polled(client))


def test_a_client_that_leaves_in_the_middle_of_ndjson_frees_its_places(
    service: Service, client: httpx.Client
) -> None:
    items = [*batch_items(1), {"text": long_text(60_000)}]
    request = {"operation": "compress", "items": items}
    headers = {**NDJSON, "x-request-id": "left-early"}
    with (
        httpx.Client(base_url=service.url, timeout=60) as leaving,
        leaving.stream("POST", "/batch", json=request, headers=headers) as response,
    ):
        assert json.loads(next(response.iter_lines()))["index"] == 0
    assert any(calls == 0 for calls in polled(client))
    assert service.log_line("left-early")["outcome"] == "client_gone"


def test_healthz_and_readyz_say_what_runs(client: httpx.Client) -> None:
    assert client.get("/healthz").json()["status"] == "ok"
    ready = client.get("/readyz").json()
    assert (ready["ready"], ready["problem"]) == (True, None)
    assert ready["model"] == compress(client, "a")["usage"]["model"]


def test_the_request_id_is_taken_where_it_is_safe_and_made_where_it_is_not(client: httpx.Client) -> None:
    assert client.get("/healthz", headers={"x-request-id": "order-17.a_b"}).headers["x-request-id"] == "order-17.a_b"
    for bad in ("two words", "x" * 129, "<script>"):
        made = client.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"]
        assert made != bad
        assert len(made) == 32


def test_each_request_is_one_json_log_line_that_never_has_the_text(service: Service, client: httpx.Client) -> None:
    text = "The secret of Sauerbruch 4711 must not be in the log. " + MAIL
    client.post("/compress", json={"text": text}, headers={"x-request-id": "log-line-1"})
    line = service.log_line("log-line-1")
    assert (line["operation"], line["outcome"], line["status"]) == ("compress", "ok", 200)
    assert line["prompt_tokens"] > 0
    assert line["duration_ms"] >= line["engine_ms"] > 0
    assert line["engine"] in ("embedded", "ollama")
    assert line["model"]
    assert "Sauerbruch" not in service.log.read_text()


def test_a_refused_request_is_logged_with_its_outcome(service: Service, client: httpx.Client) -> None:
    client.post("/compress", json={"text": 1}, headers={"x-request-id": "log-line-2"})
    line = service.log_line("log-line-2")
    assert (line["operation"], line["outcome"], line["status"]) == ("compress", "invalid_request", 422)


def test_docs_need_nothing_from_the_internet(client: httpx.Client) -> None:
    page = client.get("/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    for asset in ("/swagger/swagger-ui-bundle.js", "/swagger/swagger-ui.css"):
        assert asset in page.text
        assert client.get(asset).status_code == 200


def test_the_openapi_document_describes_every_request_and_answer(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path in ("/compress", "/reconstruct", "/batch"):
        operation = document["paths"][path]["post"]
        request = operation["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        assert schemas[request]["examples"]
        answer = operation["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        assert schemas[answer]["properties"]
        assert schemas[answer]["examples"]
        assert operation["responses"]["422"]["content"]["application/problem+json"]
    assert schemas["Problem"]["properties"]
