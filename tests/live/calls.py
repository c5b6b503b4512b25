"""Calls of the service, as the tests on a real model make them."""

from typing import Any

import httpx

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


def batch_items(count: int) -> list[Any]:
    return [{"text": f"Item {i} is here, on 2024-05-{i + 1:02}."} for i in range(count)]
