"""Chat messages in the format of OpenAI's and Ollama's chat APIs, and which of their texts may be compressed.

https://platform.openai.com/docs/api-reference/chat/create, https://docs.ollama.com/api/chat
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.text.facts import LiteralNotFoundError

Role = Literal["system", "developer", "control", "user", "assistant", "tool", "function"]
Message = Mapping[str, Any]

_INSTRUCTIONS = ("system", "developer", "control")  # `control` switches the thinking of IBM's models on Ollama
_RESULTS = ("tool", "function")
_LONGEST_HINT = 1000  # characters


@dataclass(frozen=True, slots=True)
class Content:
    """A text of a message: its content or, if that is a list, the text of content part number `part`."""

    message: int
    part: int | None
    role: Role
    text: str

    @property
    def is_result(self) -> bool:
        """Whether it is a tool result."""
        return self.role in _RESULTS


def texts_of(messages: Sequence[Message]) -> list[Content]:
    """The texts of all messages in order, without images, audio and files."""
    return [content for at, message in enumerate(messages) for content in _texts(at, message)]


def _texts(at: int, message: Message) -> Iterator[Content]:
    content = message.get("content")
    if isinstance(content, str):
        yield Content(at, None, message["role"], content)
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if part["type"] == "text":
            yield Content(at, number, message["role"], part["text"])


def older(messages: Sequence[Message], keep_last: int) -> frozenset[int]:
    """The messages that may be compressed: not system messages, the last `keep_last` other messages, or tool results
    without their call.

    An assistant's tool calls and their results stay together: if a result is among the last messages, so are its calls.
    """
    start = _last_start(messages, keep_last)
    matched = _matched(messages)
    return frozenset(
        at
        for at, message in enumerate(messages[:start])
        if message["role"] not in _INSTRUCTIONS and (message["role"] not in _RESULTS or at in matched)
    )


def _last_start(messages: Sequence[Message], keep_last: int) -> int:
    counted = [at for at, message in enumerate(messages) if message["role"] not in _INSTRUCTIONS]
    if not keep_last or not counted:
        return len(messages)
    start = counted[-min(keep_last, len(counted))]
    calls = start
    while calls and messages[calls]["role"] in _RESULTS:
        calls -= 1
    return calls if _calls(messages[calls]) else start


def _calls(message: Message) -> list[Any]:
    """The tool calls of a message, including the `function_call` of OpenAI's older API."""
    calls = list(message.get("tool_calls") or ())
    return [*calls, message["function_call"]] if message.get("function_call") else calls


def _matched(messages: Sequence[Message]) -> set[int]:
    """The tool results whose call comes before them: matched by id or, if they have none, directly before them."""
    ids: set[object] = set()
    matched: set[int] = set()
    is_called = False
    for at, message in enumerate(messages):
        if message["role"] not in _RESULTS:
            calls = _calls(message)
            is_called = bool(calls)
            ids.update(call["id"] for call in calls if isinstance(call.get("id"), str))
        elif (message["tool_call_id"] in ids) if message.get("tool_call_id") else is_called:
            matched.add(at)
    return matched


def last_question(messages: Sequence[Message]) -> str | None:
    """The last message of the user: a hint at which older messages are still relevant."""
    text = next(
        (content.text for content in reversed(texts_of(messages)) if content.role == "user" and content.text.strip()),
        None,
    )
    return None if text is None else text[:_LONGEST_HINT]


def literals_of(
    literals: Sequence[str], messages: Sequence[Message], contents: Sequence[Content]
) -> dict[Content, tuple[str, ...]]:
    """The literals that each of the compressible `contents` must keep: those that occur in no unchanged text.

    Raises LiteralNotFoundError for a literal that is not in the messages.
    """
    literals_by_content: dict[Content, tuple[str, ...]] = {}
    if not literals:
        return literals_by_content
    is_open = {(content.message, content.part) for content in contents}
    untouched = [text for at, message in enumerate(messages) for text in _untouched(at, message, is_open)]
    for literal in dict.fromkeys(literals):
        if any(literal in text for text in untouched):
            continue
        content = next((candidate for candidate in contents if literal in candidate.text), None)
        if content is None:
            raise LiteralNotFoundError(f"must_keep: {literal!r} does not stand in the messages")
        literals_by_content[content] = (*literals_by_content.get(content, ()), literal)
    return literals_by_content


def _untouched(at: int, message: Message, is_open: set[tuple[int, int | None]]) -> Iterator[str]:
    """The strings of a message that no compression changes."""
    for name, value in message.items():
        if name != "content":
            yield from _strings(value)
        elif isinstance(value, list):
            for number, part in enumerate(value):
                if (at, number) not in is_open:
                    yield from _strings(part)
        elif (at, None) not in is_open:
            yield from _strings(value)


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(inner)


def with_texts(messages: Sequence[Message], texts: Mapping[tuple[int, int | None], str]) -> list[dict[str, Any]]:
    """The messages with `texts` in place of theirs, by message and content part; the rest is unchanged."""
    changed: dict[int, dict[str, Any]] = {}
    for (at, part), text in texts.items():
        message = changed.setdefault(at, dict(messages[at]))
        if part is None:
            message["content"] = text
            continue
        message["content"] = list(message["content"])
        message["content"][part] = {**message["content"][part], "text": text}
    return [changed.get(at) or dict(message) for at, message in enumerate(messages)]
