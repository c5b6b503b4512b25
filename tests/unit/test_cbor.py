"""CBOR beside JSON: the same content, a capsule's payload as bytes, and nothing that JSON could not say."""

import base64
import json
from typing import Any

import cbor2
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import cbor
from tests.unit.service import TEXT, answer, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

CBOR = {"Accept": "application/cbor"}
SENT = {"Content-Type": "application/cbor"}
CHAT = httpx.Response(200, json=answer("A ferry leaves at 07:45."))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


async def test_an_answer_in_cbor_has_the_capsule_as_bytes_and_counts_it_so() -> None:
    with ollama(CHAT):
        async with running() as client:
            await warmed_up()
            plain = (await client.post("/compress", json={"text": TEXT})).json()
            response = await client.post("/compress", json={"text": TEXT}, headers=CBOR)
    assert response.headers["content-type"] == "application/cbor"
    body = cbor2.loads(response.content)
    assert body["capsule"] == {"version": 2, "payload": base64.b64decode(plain["capsule"]["payload"])}
    assert body["sizes"]["capsule_bytes"] == len(cbor2.dumps(body["capsule"])) < plain["sizes"]["capsule_bytes"]
    assert body["compressed"] == plain["compressed"]


async def test_a_capsule_in_cbor_gives_the_text_back() -> None:
    with ollama(CHAT):
        async with running() as client:
            compressed = cbor2.loads((await client.post("/compress", json={"text": TEXT}, headers=CBOR)).content)
            sent = cbor2.dumps({"capsule": compressed["capsule"]})
            response = await client.post("/reconstruct", content=sent, headers=SENT)
            both = await client.post("/reconstruct", content=sent, headers=SENT | CBOR)
    assert response.json()["text"] == TEXT
    assert cbor2.loads(both.content)["text"] == TEXT


async def test_a_batch_can_be_answered_in_cbor() -> None:
    with ollama(CHAT):
        async with running() as client:
            items = {"operation": "compress", "items": [{"text": TEXT}, {"txt": "x"}]}
            response = await client.post("/batch", content=cbor2.dumps(items), headers=SENT | CBOR)
    one, other = cbor2.loads(response.content)["results"]
    assert isinstance(one["result"]["capsule"]["payload"], bytes)
    assert other["problem"]["status"] == 422


async def test_a_problem_is_told_in_json_all_the_same() -> None:
    with ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", json={"text": 5}, headers=CBOR)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "required"),
        (b"\xff", "CBOR"),
        (cbor2.dumps({"text": TEXT})[:-3], "CBOR"),
        (b"\x81" * 5000, "CBOR"),
        (cbor2.dumps({"text": float("nan")}), "no place"),
        (cbor2.dumps({1: TEXT}), "map key"),
        (cbor2.dumps({"text": 2**70}), "no place"),
        (cbor2.dumps({"text": cbor2.CBORTag(99, 1)}), "no place"),
        (cbor2.dumps([TEXT]), "object"),
    ],
)
async def test_a_body_that_is_no_cbor_or_not_like_json_is_refused(content: bytes, why: str) -> None:
    with ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", content=content, headers=SENT)
    assert response.status_code == 422
    assert why in response.json()["detail"]


def test_a_few_bytes_cannot_stand_for_any_number_of_values() -> None:
    shared: list[Any] = ["x"]
    for _ in range(40):
        shared = [shared, shared]
    with pytest.raises(ValueError, match="tagged"):
        cbor.loads(cbor2.dumps(shared, value_sharing=True), 1000)


@given(PLAIN)
def test_what_json_can_say_comes_through(value: Any) -> None:
    assert cbor.loads(cbor2.dumps(value), 10_000) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("application/cbor", True),
        ("application/json, application/cbor", True),
        ("application/cbor;q=0.5, application/json", False),
        ("application/cbor;q=0", False),
        ("*/*", False),
        ("", False),
        ("application/cbor;q=much", False),
    ],
)
async def test_cbor_is_sent_where_it_is_asked_for_and_json_is_not_liked_better(accept: str, wanted: bool) -> None:
    with ollama(CHAT):
        async with running() as client:
            response = await client.post("/compress", json={"text": TEXT}, headers={"Accept": accept})
    assert (response.headers["content-type"] == "application/cbor") == wanted
