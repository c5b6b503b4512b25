"""Server-sent events, as a test reads them."""

import json
from typing import Any

EVENT_STREAM = {"accept": "text/event-stream"}

Event = tuple[str, dict[str, Any]]


def event_of(block: str) -> Event | None:
    """Name and data of an event, without the blank line behind it; None of a comment."""
    if block.startswith(":"):
        return None
    name, data = block.split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


def events_of(body: str) -> list[Event]:
    """The events of a whole stream, without its comments."""
    assert body.endswith("\n\n")
    return [event for block in body[:-2].split("\n\n") if (event := event_of(block))]


def names(events: list[Event]) -> list[str]:
    """What the events are."""
    return [name for name, _ in events]


def texts(events: list[Event], wanted: str) -> list[str]:
    """What those of one name say."""
    return [data["text"] for name, data in events if name == wanted]
