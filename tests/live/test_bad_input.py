"""Bad input gets the problem that the design's table has for it."""

from typing import Any

import httpx
import pytest

from tests.live.calls import problem
from tests.live.texts import MAIL


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
        (b'{"text": "a", "target_ratio": 0}', "target_ratio"),
        (b'{"text": "a", "target_ratio": 1.1}', "target_ratio"),
        (b'{"text": "a", "target_ratio": "0.3"}', "target_ratio"),
        (b'{"text": "a", "target_ratio": NaN}', "not JSON"),
        (b'{"text": "a", "coverage": 0}', "coverage"),
        (b'{"text": "a", "coverage": 1.1}', "coverage"),
        (b'{"text": "a", "coverage": 0.5, "target_ratio": 0.5}', "can't be given together"),
        (b'{"text": "a", "method": "best"}', "method"),
        (b'{"text": "a", "max_engine_calls": 1}', "max_engine_calls: no such field"),
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
        ({"version": 3}, "version 3 is unknown"),
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
