"""The OpenAPI document, by which clients are generated and /docs is shown."""

from functools import cache
from typing import Any

import pytest

from app.main import create_app
from app.settings import Settings


@cache
def document(**settings: Any) -> dict[str, Any]:
    """The document of a service with these settings; making it takes a third of a second."""
    return create_app(Settings(_env_file=None, **settings)).openapi()  # type: ignore[call-arg]


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    every = [operation for methods in document["paths"].values() for operation in methods.values()]
    named = {operation["operationId"]: operation for operation in every}
    assert len(named) == len(every)
    return named


def test_operations_have_short_names_of_their_own() -> None:
    names = operations(document()).keys()
    assert {"compress", "reconstruct", "batch", "read_batch", "delete_batch", "status", "readyz"} <= names
    assert [name for name in names if not name.isidentifier() or "__" in name or "_get" in name] == []


def test_there_is_one_type_of_capsule_for_what_comes_and_what_goes() -> None:
    schemas = document()["components"]["schemas"]
    assert [name for name in schemas if name.startswith("Capsule")] == ["Capsule", "CapsuleSource"]
    for name in ("CompressResponse", "ReconstructRequest"):
        assert schemas[name]["properties"]["capsule"] == {"$ref": "#/components/schemas/Capsule"}
    assert schemas["Capsule"]["required"] == ["version", "payload"]


def test_both_headers_for_a_key_are_described_so_that_docs_can_authorize() -> None:
    schemes = document(api_keys="alice=her-key")["components"]["securitySchemes"]
    assert {(scheme["type"], scheme.get("scheme", scheme.get("name"))) for scheme in schemes.values()} == {
        ("http", "bearer"),
        ("apiKey", "X-API-Key"),
    }


@pytest.mark.parametrize(("keys", "optional"), [((), True), ("alice=her-key", False)])
def test_a_key_is_required_where_keys_are_set_but_not_on_open_paths(keys: object, optional: bool) -> None:
    described = document(api_keys=keys)
    assert ({} in described["security"]) is optional
    assert {"bearer": []} in described["security"]
    without_key = {name for name, operation in operations(described).items() if operation.get("security") == []}
    assert without_key == {"healthz", "readyz"}


def test_metrics_are_read_with_their_own_token_where_there_is_one() -> None:
    described = document(api_keys="alice=her-key", metrics_token="prometheus-token")
    assert operations(described)["metrics"]["security"] == [{"metrics_token": []}]


def test_errors_are_problems_and_nothing_else() -> None:
    described = document()
    for name, operation in operations(described).items():
        for status, answer in operation["responses"].items():
            if status >= "4" and name != "readyz":
                assert list(answer["content"]) == ["application/problem+json"], (name, status)
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_the_headers_that_clients_go_by_are_described() -> None:
    named = operations(document())
    assert "Retry-After" in named["compress"]["responses"]["503"]["headers"]
    assert "Retry-After" in named["batch"]["responses"]["429"]["headers"]
    assert "Location" in named["batch"]["responses"]["202"]["headers"]
    assert "WWW-Authenticate" in named["status"]["responses"]["401"]["headers"]
    assert all(
        "X-Request-ID" in answer["headers"]
        for operation in named.values()
        for answer in operation["responses"].values()
    )


def test_ndjson_is_described_by_the_type_of_its_lines() -> None:
    content = operations(document())["batch"]["responses"]["200"]["content"]
    assert content["application/x-ndjson"]["schema"] == {"$ref": "#/components/schemas/BatchResult"}
