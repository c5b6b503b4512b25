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
_DEEPEST = 64

# RFC 8949, section 3: the head of a data item is its major type and what its length or value is told by.
_ARGUMENT_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_STRINGS = frozenset({2, 3})
_TAG = 6
_INDEFINITE = 31
_ITEMS_PER_VALUE = 2  # a name and its value


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


def loads(content: bytes, most_values: int) -> Any:
    """A body in CBOR as JSON has it, byte strings as base64.

    Raises ValueError for what is neither, and for more than `most_values` values: an empty list is 1 byte of a body
    and 64 of memory.
    """
    _check_items(content, most_values)
    try:
        value = cbor2.loads(content, max_depth=_DEEPEST, allow_duplicate_keys=False, strict_hashable_types=True)
    except cbor2.CBORDecodeError as error:
        raise ValueError(str(error)) from None
    return _as_json(value)


def _check_items(content: bytes, most_values: int) -> None:
    """Read the heads of all data items, as they follow each other; what is cut or malformed is left to the decoder.

    Tags are refused: they have decoders make dates, patterns, mails and shared references out of a few bytes.
    """
    position = 0
    for _ in range(_ITEMS_PER_VALUE * most_values):
        if position >= len(content):
            return
        kind, information = content[position] >> 5, content[position] & 31
        if kind == _TAG:
            raise ValueError("a tagged value has no place in a body")
        size = _ARGUMENT_BYTES.get(information, 0)
        argument = int.from_bytes(content[position + 1 : position + 1 + size]) if size else information
        position += 1 + size
        if kind in _STRINGS and information != _INDEFINITE:
            position += argument
    if position < len(content):
        raise ValueError(f"it has more than {most_values} values")


def _as_json(value: Any) -> Any:
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_INTEGER:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_as_json(inner) for inner in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _as_json(inner) for name, inner in value.items()}
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
