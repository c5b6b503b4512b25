"""What the OpenAPI document says beside the routes: keys, headers that every answer has, and what the tags are."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.access import OPEN_PATHS
from app.api.problem_answers import problem_answers
from app.settings import Settings

TAGS: list[dict[str, Any]] = [
    {"name": "compression", "description": "Shorten texts, and get them back."},
    {"name": "proxy", "description": "OpenAI's API, with older messages shortened, where CONDENSER_PROXY_URL is set."},
    {"name": "monitoring", "description": "Whether the service is well, and how it fares."},
]

_API_KEYS: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, if CONDENSER_API_KEYS is set"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key in another header"},
}
_METRICS_TOKEN = {"type": "http", "scheme": "bearer", "description": "CONDENSER_METRICS_TOKEN"}
_REQUEST_ID = {
    "description": "the caller's own, or a new one; it stands in the service's log",
    "schema": {"type": "string"},
}
_METHODS = frozenset({"delete", "get", "head", "patch", "post", "put"})


def operation_id(route: APIRoute) -> str:
    """The name of a route's function, which generated clients call their functions by."""
    return route.name


def install(app: FastAPI, settings: Settings) -> None:
    """Have the document of `app` say how it is called with these settings. It is made when it is first asked for."""
    from_routes = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            _complete(from_routes(), settings)
        return from_routes()

    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any], settings: Settings) -> None:
    schemes = document["components"].setdefault("securitySchemes", {})
    schemes.update(_API_KEYS)
    if settings.metrics_token:
        schemes["metrics_token"] = _METRICS_TOKEN
    # An empty requirement stands for a call without a key.
    keys: list[dict[str, list[str]]] = [{name: []} for name in _API_KEYS]
    document["security"] = keys if settings.api_keys else [{}, *keys]
    for path, operations in document["paths"].items():
        for method in operations.keys() & _METHODS:
            operation = operations[method]
            if path in OPEN_PATHS:
                operation["security"] = []
            elif path == "/metrics" and settings.metrics_token:
                operation["security"] = [{"metrics_token": []}]
            for status, answer in problem_answers(*((421,) if path in OPEN_PATHS else (401, 421))).items():
                operation["responses"].setdefault(str(status), answer)
            for answer in operation["responses"].values():
                answer["headers"] = {"X-Request-ID": _REQUEST_ID, **answer.get("headers", {})}
