"""JSON according to RFC 8259 and RFC 7493 (I-JSON): UTF-8, finite numbers, unique names in an object, with limits."""

import json
import math
import re
from collections import Counter
from typing import Any

_LONGEST_INTEGER = 20  # characters; 2**64 has as many, and no field needs more

# Possessive, so that quotes and backslashes cause no backtracking.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_STRINGS_PER_VALUE = 2  # a name and its value


def loads(content: bytes, most_values: int) -> Any:
    """The value of `content`. Lone surrogates are accepted here, so that the caller can name their field.

    Raises ValueError if it is not such JSON or has more than `most_values` values: an empty list takes 3 bytes in a
    body and 64 in memory. Raises RecursionError if it is nested too deeply.
    """
    if _separators(content, 0, len(content)) > most_values and _has_more(content, most_values):
        raise ValueError(f"it has more than {most_values} values")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start} is not UTF-8") from None
    return _DECODER.decode(text)


def _separators(content: bytes, start: int, end: int) -> int:
    """Number of commas and opening brackets: every value but the first follows one; a value adds at most two."""
    return content.count(b",", start, end) + content.count(b"[", start, end) + content.count(b"{", start, end)


def _has_more(content: bytes, most_values: int) -> bool:
    """Whether there are more values, counted outside of strings."""
    values = reached = 0
    for strings, match in enumerate(_STRING.finditer(content), 1):
        values += _separators(content, reached, match.start())
        reached = match.end()
        if values > most_values or strings > _STRINGS_PER_VALUE * most_values:
            return True
    return values + _separators(content, reached, len(content)) > most_values


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:100]} occurs twice in an object")
    return value


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise ValueError(f"an integer of {len(digits)} characters is too large")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"the number {digits[:30]} is too large")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_finite, parse_constant=_no_constant
)
