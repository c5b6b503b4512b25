"""Request and answer bodies of `/batch`."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from app.api import examples
from app.api.message_schemas import CompressMessagesResponse
from app.api.schemas import AnswerBody, CompressResponse, Problem, ReconstructResponse, RequestBody


def _items_schema() -> dict[str, Any]:
    bodies: list[dict[str, Any]] = [
        {"$ref": f"#/components/schemas/{name}"}
        for name in ("CompressRequest", "CompressMessagesRequest", "ReconstructRequest")
    ]
    return {"type": "array", "items": {"anyOf": [*bodies, {"description": "anything else gets a problem"}]}}


class BatchRequest(RequestBody):
    """Many bodies for one operation. Each is validated separately, so a bad one does not fail the others."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"operation": "compress", "items": [{"text": examples.TEXT}, {"text": "A short one."}]}]
        }
    )

    operation: Literal["compress", "reconstruct"]
    items: Annotated[
        list[Any],
        WithJsonSchema(_items_schema()),
        Field(description="bodies of /compress or /reconstruct; at most CONDENSER_MAX_BATCH_ITEMS"),
    ]


class BatchResult(AnswerBody):
    """One item's answer: `result` or `problem`. With NDJSON each is a line."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"index": 0, "result": examples.COMPRESSED}, {"index": 1, "problem": examples.PROBLEM}]
        }
    )

    index: int
    result: CompressResponse | CompressMessagesResponse | ReconstructResponse | None = None
    problem: Problem | None = None


class BatchResponse(AnswerBody):
    """The answers in the order of the items, and how many succeeded and failed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {"index": 0, "result": examples.COMPRESSED},
                        {"index": 1, "problem": examples.PROBLEM},
                    ],
                    "succeeded": 1,
                    "failed": 1,
                }
            ]
        }
    )

    results: list[BatchResult]
    succeeded: int
    failed: int
