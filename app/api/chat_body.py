"""The body of a chat completion as it came: its messages, and the same body with other texts in them."""

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
        raise ValueError("a name stands twice in an object")
    return value


# Numbers are left as they are written: nothing but texts is of interest here, and no size of a number is an error.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_CHECKING = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str, object_pairs_hook=_unique)


def messages_of(text: str) -> list[Any]:
    """The messages in the body `text`. Raises ValueError if they can't be read beyond doubt.

    That is if it is not JSON, if an object has a name twice, or if a string is not Unicode text.
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
    """The body `text`, which `messages_of` has read, with other texts; every other byte is as it was.

    `texts`: by the message's number and None, or the number of the content part.
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
        start = _skip(text, _skip(text, at) + 1)  # behind the colon
        _, at = _DECODER.raw_decode(text, start)
        places[name] = (start, at)
        at = _behind_comma(text, at)
    return places


def _elements(text: str, at: int) -> list[Place]:
    """The places of the elements of the array that begins at `at`."""
    places = []
    at = _skip(text, at + 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        places.append((at, end))
        at = _behind_comma(text, end)
    return places


def _behind_comma(text: str, at: int) -> int:
    """The position of the next value or the closing bracket, after a value that ends at `at`."""
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at
