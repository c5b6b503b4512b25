"""The values of a JSON text with their places. Numbers and strings are kept verbatim, not converted."""

import json
import re
from dataclasses import dataclass

_TOKEN = re.compile(r'[{}\[\],:]|"(?:[^"\\]|\\.)*+"|[^\s{}\[\],:"]++', re.DOTALL)
_SPACE = " \t\r\n"


def is_json(text: str) -> bool:
    """Whether `text` is an object or an array of JSON."""
    stripped = text.strip(_SPACE)
    if stripped[:1] not in ("{", "[") or stripped[-1:] not in ("}", "]"):
        return False
    try:
        json.loads(stripped, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return False
    return True


@dataclass(slots=True)
class Node:
    """A value: its first and last token, and its slice of the text, which begins with its key if it has one.

    `is_open`: its children are separate parts. `part`: its part number, for an open value that of its opening bracket;
    -1 inside another part.
    """

    first: int
    last: int
    start: int
    end: int
    key: str | None = None
    children: "list[Node] | None" = None
    is_open: bool = False
    part: int = -1


class Tree:
    """The tokens of a valid JSON text, or of lines of JSON (`is_lines`), which count as the elements of an array."""

    def __init__(self, text: str, start: int, end: int, *, is_lines: bool = False) -> None:
        matches = list(_TOKEN.finditer(text, start, end))
        self.raw = [match.group() for match in matches]
        self._starts = [match.start() for match in matches]
        if is_lines:
            self.raw = ["[", *self.raw, "]"]
            self._starts = [start, *self._starts, end - 1]
        self.root = self._read()

    def _read(self) -> Node:
        outer = Node(-1, -1, 0, 0, children=[])
        stack = [outer]
        key = -1
        for at, (sign, start) in enumerate(zip(self.raw, self._starts, strict=True)):
            if sign in ",:":
                continue
            if sign in "]}":
                node = stack.pop()
                node.last, node.end = at, start + 1
                continue
            if key < 0 and stack[-1].first >= 0 and self.is_object(stack[-1]):
                key = at
                continue
            node = Node(at, at, start, start + len(sign))
            if key >= 0:
                node.start, node.key, key = self._starts[key], self.raw[key], -1
            siblings = stack[-1].children
            assert siblings is not None
            siblings.append(node)
            if sign in "[{":
                node.children = []
                stack.append(node)
        assert outer.children
        return outer.children[0]

    def is_object(self, node: Node) -> bool:
        return self.raw[node.first] == "{"

    def is_null(self, node: Node) -> bool:
        return self.raw[node.first] == "null"

    def compact(self, node: Node) -> str:
        """The value without white space, and without its key."""
        if node.first == node.last:
            return self.raw[node.first]
        return "".join(self.raw[node.first : node.last + 1])

    def entry(self, node: Node) -> str:
        """The value, with its key if it has one."""
        return f"{node.key}:{self.compact(node)}" if node.key else self.compact(node)
