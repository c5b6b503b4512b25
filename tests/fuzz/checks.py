"""What schemathesis is told of the service beside its OpenAPI document.

Half of the strings in `must_keep` are made strings of the text, half of the capsules real ones and half of the batches
answered as NDJSON, so that not only the refusals are tried. The checks say when a schema-valid request may be refused.
"""

import json
from typing import Any

import regex
import schemathesis
from pydantic import ValidationError

from app.api.batch_schemas import BatchResult
from app.capsule.format import Capsule, CapsuleError, seal, unseal
from app.settings import Settings
from app.text.document import read
from app.text.kinds import ContentTypeError

_MOST_BYTES = Settings.model_fields["max_text_bytes"].default
_HUGE_INTEGER = regex.compile(r"\d{19}")  # over 64 bits, which no JSON of ours may hold, wherever it stands
_FEWEST_DEEP = 60  # lists and objects of a conversation, from which on it may be nested too deeply
_NO_TIME_S = 10.0  # below it a busy machine may run out of the time that the caller gave
_TEXT = (
    "The ferry to Tallinn leaves at 07:45 on weekdays and it is full most of the time. Nobody knows why, but people "
    "like to talk about it over coffee and cake for hours. Tickets cost 24 euros."
)


def _sealed(fidelity: Any) -> dict[str, Any]:
    summary = "The ferry to Tallinn leaves at 07:45 on weekdays."
    made = seal(_TEXT, summary, fidelity=fidelity, tokens=50, model="m", prompt_version="1")
    return made.model_dump(mode="json")


_CAPSULES = [_sealed("exact"), _sealed("semantic")]


@schemathesis.hook
def map_body(context: schemathesis.HookContext, body: Any) -> Any:
    """The body with strings to keep out of its text, or a real capsule, in half of the cases that are well-formed."""
    if isinstance(body, dict) and _is_chosen(body):
        text, literals, capsule = body.get("text"), body.get("must_keep"), body.get("capsule")
        if isinstance(text, str) and isinstance(literals, list) and _are_literals(literals):
            return body | {"must_keep": [text[at : at + 5] for at in range(len(literals)) if text[at : at + 5]]}
        if isinstance(capsule, dict) and _is_capsule(capsule):
            return body | {"capsule": _CAPSULES[len(capsule["payload"]) % 2]}
    return body


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Ask for NDJSON in half of the batches."""
    if case.path == "/batch" and _is_chosen(case.body):
        case.headers["accept"] = "application/x-ndjson"


def _is_chosen(body: Any) -> bool:
    return len(repr(body)) % 2 == 0


def _are_literals(values: list[Any]) -> bool:
    return len(values) <= 100 and all(isinstance(value, str) and 0 < len(value) <= 1000 for value in values)


def _is_capsule(body: Any) -> bool:
    try:
        Capsule.model_validate(body)
    except ValidationError:
        return False
    return True


@schemathesis.check
def refused_for_a_reason(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A valid request is refused with 422 only for what it holds, with 504 only where it gave little time."""
    body: dict[str, Any] = case.body if isinstance(case.body, dict) else {}
    if response.status_code == 504:
        assert (body.get("timeout_s") or _NO_TIME_S) < _NO_TIME_S, "there was time enough"
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if response.status_code != 422 or not is_valid:
        return
    if case.path == "/compress" and "messages" in body:
        assert _HUGE_INTEGER.search(json.dumps(body)) or _has_what_no_conversation_has(body), response.text
    elif case.path == "/compress":
        lacking = [string for string in body.get("must_keep", []) if string not in body["text"]]
        has_two_sizes = body.get("target_ratio") is not None and body.get("coverage") is not None
        assert lacking or has_two_sizes or not _is_of_its_kind(body), f"refused without need: {response.text}"
    if case.path == "/reconstruct":
        assert not _opens(body), f"refused a capsule that opens: {response.text}"
    assert case.path != "/batch" or _HUGE_INTEGER.search(json.dumps(body)), f"refused a batch: {response.text}"


def _has_what_no_conversation_has(body: dict[str, Any]) -> bool:
    """Strings to be kept that it lacks, two sizes, a text beside it, parts without text, or too many levels."""
    messages = json.dumps(body["messages"], ensure_ascii=False)
    parts = [part for message in body["messages"] for part in message.get("content") or () if isinstance(part, dict)]
    return (
        any(json.dumps(string, ensure_ascii=False)[1:-1] not in messages for string in body.get("must_keep", []))
        or (body.get("target_ratio") is not None and body.get("coverage") is not None)
        or any(part.get("type") == "text" and part.get("text") is None for part in parts)
        or any(name in body for name in ("text", "content_type"))
        or messages.count("[") + messages.count("{") > _FEWEST_DEEP
    )


def _is_of_its_kind(body: dict[str, Any]) -> bool:
    try:
        read(body["text"], body.get("content_type"))
    except ContentTypeError:
        return False
    return True


def _opens(body: dict[str, Any]) -> bool:
    try:
        content = unseal(Capsule.model_validate(body["capsule"]), _MOST_BYTES)
    except (CapsuleError, ValidationError):
        return False
    return content.source is not None or body.get("mode") != "exact"


@schemathesis.check
def items_fail_for_a_reason(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Every line of NDJSON is a result, there is one for each item, and none is a problem of the service's own."""
    if (case.method, case.path) != ("POST", "/batch") or response.status_code != 200:
        return
    if "ndjson" in response.headers["content-type"][0]:
        lines = [json.loads(line) for line in response.text.splitlines()]
    else:
        lines = response.json()["results"]
    results = [BatchResult.model_validate(line) for line in lines]
    assert isinstance(case.body, dict)
    items = case.body["items"]
    assert isinstance(items, list)
    assert sorted(result.index for result in results) == list(range(len(items)))
    statuses = {result.problem.status for result in results if result.problem is not None}
    assert not statuses & {500, 502, 503}, f"a problem of the service's own: {response.text}"
