"""Batches: a result or a problem for each item, in order or as they are ready."""

import json
from typing import Any

import httpx
import pytest

from tests.live.calls import NDJSON, batch_items, problem
from tests.live.texts import MAIL


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
    items = [{"text": MAIL, "method": "abstractive"}, *batch_items(3)]
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
