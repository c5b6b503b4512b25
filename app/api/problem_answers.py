"""The problems that endpoints answer with, for the OpenAPI document."""

from typing import Any

from app.api.problems import MEDIA_TYPE

PROBLEMS: dict[int, str] = {
    401: "No or wrong API key, if keys are set",
    408: "The body took too long to arrive; see CONDENSER_BODY_TIMEOUT_S",
    404: "The engine does not have the model; the detail says how to get it",
    413: "The body or a text in it is over its limit; the detail names it",
    415: "The body is compressed, which this service does not accept",
    421: "The Host header has a name that is not among CONDENSER_TRUSTED_HOSTS",
    422: "The request or the capsule is not valid; the detail names the field",
    429: "The key is over one of its limits; see Retry-After",
    502: "The engine is down, or failed; the detail has its message",
    503: "The queue is full, the wait was too long, the engine is busy, or the service shuts down; see Retry-After",
    504: "The engine was too slow",
}


_PROBLEM_CONTENT = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY_AFTER = {"Retry-After": {"description": "seconds until it may be sent again", "schema": {"type": "integer"}}}
_PROBLEM_HEADERS: dict[int, dict[str, Any]] = {
    401: {"WWW-Authenticate": {"description": "`Bearer`", "schema": {"type": "string"}}},
    429: _RETRY_AFTER,
    503: _RETRY_AFTER,
}


def problem_answers(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The answers for these problem statuses."""
    return {
        status: {
            "description": PROBLEMS[status],
            "content": _PROBLEM_CONTENT,
            "headers": _PROBLEM_HEADERS.get(status, {}),
        }
        for status in statuses
    }
