"""CBOR (RFC 8949) beside JSON: the same bodies and answers, but a capsule's payload as bytes, without base64.

A capsule in CBOR has `version` and `payload` only, and the sizes of an answer count it so.
"""

import base64
import math
from typing import Any

import cbor2
from fastapi import Request

CBOR = "application/cbor"

_PLAIN = (str, bool, type(None))
_LARGEST_INTEGER = 2**64


def is_cbor(request: Request) -> bool:
    """Whether the body is said to be CBOR."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == CBOR


def wants_cbor(request: Request) -> bool:
    """Whether the client takes CBOR, and JSON no more gladly than that."""
    quality = {"application/json": 0.0, CBOR: 0.0}
    for part in request.headers.get("accept", "").split(","):
        name, *parameters = (word.strip() for word in part.lower().split(";"))
        if name in quality:
            quality[name] = _quality(parameters)
    return 0 < quality[CBOR] >= quality["application/json"]


def _quality(parameters: list[str]) -> float:
    stated = next((word.removeprefix("q=") for word in parameters if word.startswith("q=")), "1")
    try:
        return float(stated)
    except ValueError:
        return 0.0


def loads(content: bytes) -> Any:
    """A body in CBOR as JSON has it, byte strings as base64. Raises ValueError for what is neither."""
    try:
        value = cbor2.loads(content)
    except (cbor2.CBORDecodeError, RecursionError) as error:
        raise ValueError(str(error) or "nested too deeply") from None
    # Shared references can make a few bytes stand for any number of values; written out each takes a byte at least.
    left = [len(content)]
    return _as_json(value, left)


def _as_json(value: Any, left: list[int]) -> Any:
    left[0] -= 1
    if left[0] < 0:
        raise ValueError("it has more values than bytes")
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_as_json(inner, left) for inner in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _as_json(inner, left) for name, inner in value.items()}
    raise ValueError(f"a value of the kind {type(value).__name__} has no place in a body")


def dumps(answer: dict[str, Any]) -> bytes:
    """An answer, as JSON has it, in CBOR."""
    if "results" in answer:
        answer = {**answer, "results": [_with_bytes_inside(result) for result in answer["results"]]}
    return bytes(cbor2.dumps(_with_bytes(answer)))


def _with_bytes_inside(result: dict[str, Any]) -> dict[str, Any]:
    return {**result, "result": _with_bytes(result["result"])} if "result" in result else result


def _with_bytes(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer with its capsule as CBOR has it, and its size."""
    if "capsule" not in answer:
        return answer
    payload = base64.b64decode(answer["capsule"]["payload"])
    capsule = {"version": answer["capsule"]["version"], "payload": payload}
    size = len(cbor2.dumps(capsule))
    source = answer["sizes"]["source_bytes"]
    ratio = round(size / source, 4) if source else 1.0
    return {**answer, "capsule": capsule, "sizes": {**answer["sizes"], "capsule_bytes": size, "byte_ratio": ratio}}
