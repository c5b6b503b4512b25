"""Metrics, logs, health, docs, and what a client that goes away leaves behind."""

import json
import socket
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.live.calls import NDJSON, batch_items, compress
from tests.live.conftest import Service
from tests.live.texts import MAIL, long_text

LONG = long_text(4_000)  # some seconds of an engine's time

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def sample_values(client: httpx.Client) -> Samples:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for family in families for s in family.samples}


def added(name: str, after: Samples, before: Samples) -> float:
    """By how much a counter rose, over all its results."""
    return sum(value - before.get(key, 0) for key, value in after.items() if key[0] == f"condenser_{name}_total")


def test_metrics_move_with_what_happens(client: httpx.Client) -> None:
    before = sample_values(client)
    body = compress(client, MAIL, method="abstractive")
    after = sample_values(client)
    key = ("condenser_operations_total", (("operation", "compress"), ("outcome", "ok")))
    assert after[key] - before.get(key, 0) == 1
    prompt = ("condenser_tokens_total", (("kind", "prompt"),))
    assert after[prompt] - before.get(prompt, 0) == body["usage"]["prompt_tokens"] > 0
    assert added("facts", after, before) == body["fidelity"]["facts"]
    assert added("summary_sentences", after, before) == body["fidelity"]["summary"]["written"] > 0
    assert after[("condenser_in_flight", ())] == 0
    assert after[("condenser_engine_up", ())] == 1


def calls_in_flight(client: httpx.Client) -> float:
    values = sample_values(client)
    return values[("condenser_in_flight", ())] + values[("condenser_queue_depth", ())]


def gets_busy(client: httpx.Client) -> bool:
    """Whether calls are in flight at some scrape, of as many as a test may wait for."""
    return any(calls_in_flight(client) > 0 for _ in range(3000))


def gets_idle(client: httpx.Client) -> bool:
    """Whether no calls are in flight at some scrape, of as many as a test may wait for."""
    return any(calls_in_flight(client) == 0 for _ in range(3000))


def test_a_client_that_goes_away_frees_its_places(service: Service, client: httpx.Client) -> None:
    body = json.dumps({"text": LONG, "method": "abstractive"}).encode()
    head = (
        f"POST /compress HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    )
    with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[-1]))) as leaving:
        leaving.sendall(head.encode() + b"\r\n\r\n" + body)
        assert gets_busy(client)
    assert gets_idle(client)


def test_a_client_that_leaves_in_the_middle_of_ndjson_frees_its_places(service: Service, client: httpx.Client) -> None:
    items = [*batch_items(1), {"text": LONG, "method": "abstractive"}]
    request = {"operation": "compress", "items": items}
    headers = {**NDJSON, "x-request-id": "left-early"}
    with (
        httpx.Client(base_url=service.url, timeout=60) as leaving,
        leaving.stream("POST", "/batch", json=request, headers=headers) as response,
    ):
        assert json.loads(next(response.iter_lines()))["index"] == 0
    assert gets_idle(client)
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
    body = {"text": text, "method": "abstractive"}
    client.post("/compress", json=body, headers={"x-request-id": "log-line-1"})
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
    for asset in ("swagger/swagger-ui-bundle.js", "swagger/swagger-ui.css"):
        assert f'"{asset}"' in page.text
        assert client.get(f"/{asset}").status_code == 200


def schemas_in(body: dict[str, Any]) -> list[str]:
    """The names of the schemas that a JSON body may be of."""
    schema = body["content"]["application/json"]["schema"]
    choices = schema.get("oneOf") or schema.get("anyOf") or [schema]
    return [choice["$ref"].rsplit("/", 1)[-1] for choice in choices]


def test_the_openapi_document_describes_every_request_and_answer(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    for path in ("/compress", "/reconstruct", "/batch"):
        operation = document["paths"][path]["post"]
        for request in schemas_in(operation["requestBody"]):
            assert schemas[request]["examples"]
        for answer in schemas_in(operation["responses"]["200"]):
            assert schemas[answer]["properties"]
            assert schemas[answer]["examples"]
        assert operation["responses"]["422"]["content"]["application/problem+json"]
    stream = document["paths"]["/compress"]["post"]["responses"]["200"]["content"]["text/event-stream"]
    assert stream["example"].startswith("event: passage\ndata: {")
    assert schemas["Problem"]["properties"]
