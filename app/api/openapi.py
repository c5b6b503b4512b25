"""Adds to the OpenAPI document: security schemes, headers of every answer, descriptions of tags."""

from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app.api.access import OPEN_PATHS
from app.api.problem_answers import problem_answers
from app.settings import Settings

TAGS: list[dict[str, Any]] = [
    {"name": "compression", "description": "Compress and reconstruct texts."},
    {"name": "proxy", "description": "OpenAI's API, with older messages shortened, if CONDENSER_PROXY_URL is set."},
    {"name": "monitoring", "description": "Health, status and metrics of the service."},
]

_API_KEYS: dict[str, dict[str, str]] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "an API key, if CONDENSER_API_KEYS is set"},
    "api_key": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "the same key in another header"},
}
_METRICS_TOKEN = {"type": "http", "scheme": "bearer", "description": "CONDENSER_METRICS_TOKEN"}
_REQUEST_ID = {
    "description": "the id that the caller sent, or a new one; it is in the service's log",
    "schema": {"type": "string"},
}
_METHODS = frozenset({"delete", "get", "head", "patch", "post", "put"})


def operation_id(route: APIRoute) -> str:
    """The name of a route's function; generated clients use it for their functions."""
    return route.name


def install(app: FastAPI, settings: Settings) -> None:
    """Complete the OpenAPI document of `app` for these settings. It is created at the first request for it."""
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
    # An empty requirement means that no key is needed.
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
