"""Reads the messages in the raw body of a chat completion, and replaces texts in it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from app.api.body import lone_surrogate

Place = tuple[int, int]
"""Start and end (exclusive) of a value in the text of the body."""

_SPACE = re.compile(r"[ \t\n\r]*")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name occurs twice in an object")
    return value


# Numbers stay as they are written: only texts matter here, and no number is too large.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_CHECKING = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_unique)


def messages_of(text: str) -> list[Any]:
    """The messages in the body `text`. Raises ValueError if they are not unambiguous.

    That is if the body is not JSON, an object has a name twice, or a string is not Unicode text.
    """
    try:
        body = _CHECKING.decode(text)
        messages = body.get("messages") if isinstance(body, dict) else None
        if not isinstance(messages, list):
            raise ValueError("there are no messages")
        if path := lone_surrogate(messages):
            raise ValueError(f"messages.{path}: has a lone surrogate")
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return messages


def with_texts(text: str, texts: Mapping[tuple[int, int | None], str]) -> str:
    """The body `text`, which `messages_of` has accepted, with other texts; every other byte is unchanged.

    `texts`: by the index of the message and that of its content part, or None for a string.
    """
    messages = _elements(text, _members(text, _skip(text, 0))["messages"][0])
    places: dict[Place, str] = {}
    for (number, part), new in texts.items():
        place = _members(text, messages[number][0])["content"]
        if part is not None:
            place = _members(text, _elements(text, place[0])[part][0])["text"]
        places[place] = json.dumps(new, ensure_ascii=False)
    pieces, at = [], 0
    for (start, end), new in sorted(places.items()):
        pieces += [text[at:start], new]
        at = end
    return "".join([*pieces, text[at:]])


def _skip(text: str, at: int) -> int:
    """Where white space ends."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _members(text: str, at: int) -> dict[str, Place]:
    """The places of the values of the object that begins at `at`, by their names."""
    places = {}
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)  # after the colon
        _, at = _DECODER.raw_decode(text, start)
        places[name] = (start, at)
        at = _after_comma(text, at)
    return places


def _elements(text: str, at: int) -> list[Place]:
    """The places of the elements of the array that begins at `at`."""
    places = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        places.append((at, end))
        at = _after_comma(text, end)
    return places


def _after_comma(text: str, at: int) -> int:
    """The position of the next value or the closing bracket, after a value that ends at `at`."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at
