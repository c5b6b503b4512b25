"""The elements of code that an outline keeps or omits: definitions, statements, documentation, bodies."""

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

import regex
from tree_sitter import Node

from app.text.kinds.languages import Language, captures, parse
from app.text.kinds.sql import statements as sql_statements
from app.text.tokens import estimate_tokens

_SMALL_BODY = 12  # tokens; smaller bodies are kept, since a mark takes 8
_LARGE_STATEMENT = 80  # tokens; larger statements other than definitions are left out of an outline
_LONG_DOCUMENTATION = 24  # tokens after its first paragraph from which on these are elided
_DEEPEST = 12  # levels of nested definitions; deeper ones are not split
_LONGEST_HEAD = 2000  # characters of a definition that are searched for marks of a private one
_LONGEST_LABEL = 48  # characters
_TYPE = regex.compile(
    r"import|include|using|package|type|struct|enum|interface|union|trait|annotation|create_(?!view|query)|alter"
)
_DOCSTRING = regex.compile(
    r"[rRuU]?(?:(\"{3}|'{3})(?:[^\\]|\\.)*?\1|\"[^\"\n\\]*\"|'[^'\n\\]*')(?=[ \t]*(?:[#\n]|$))", regex.DOTALL
)
_PUBLIC_MEMBERS = regex.compile(r"(?:pub(?:\([^)]*\))? )?(?:unsafe )?(?:trait\b|impl\b.*\bfor\b)")


Mark = Literal["body", "statements", "documentation", "comment"]
SIGNATURE, TYPES, SUMMARY, PRIVATE, LARGE, ELIDED = range(6)
"""Tiers of an outline: lower tiers are added first."""
_Statement = tuple[int, int, str]
"""Start, end and kind."""


@dataclass(slots=True)
class Element:
    """A slice that is a part; its own text ends at its first child. `mark`: what replaces it if it is omitted."""

    start: int
    end: int
    mark: Mark
    tier: int
    children: list["Element"] = field(default_factory=list)
    needs: list["Element"] = field(default_factory=list)
    label: str = ""
    number: int = -1


def read_elements(text: str, start: int, end: int, language: Language, *, is_patient: bool) -> list[Element]:
    """The elements of the slice of `text`; none if it is not code in `language`. `is_patient`: see parse()."""
    code = text[start:end]
    if language.name == "sql":
        sql = sql_statements(code)
        bodies = [body for statement in sql for body in statement[3]]
        reader = _Reader(code, language, start, {}, bodies)
        return reader.elements((statement[:3] for statement in sql), depth=0, is_public=False)
    tree = parse(code, language, is_patient=is_patient)
    if tree is None:
        return []
    nodes = captures(tree, language)
    members = {(node.start_byte, node.end_byte): node for node in nodes.get("members", ())}
    bodies = []
    for node in nodes.get("body", ()):
        bodies.append((node.start_byte, node.end_byte))
        if (node.end_byte - node.start_byte) * 2 > len(code) and _is_wrapper(node):
            members[bodies[-1]] = node
    reader = _Reader(code, language, start, members, sorted({*members, *bodies}))
    return reader.elements(reader.statements(tree.root_node, 0, len(code)), depth=0, is_public=False)


def _is_wrapper(body: Node) -> bool:
    """Whether a body is that of an anonymous JavaScript function that is called at once or passed as an argument."""
    owner = body.parent
    is_nameless = owner is not None and owner.child_by_field_name("name") is None
    around = owner.parent if owner is not None else None
    return is_nameless and around is not None and around.type in ("parenthesized_expression", "arguments")


class _Reader:
    """Reads the elements of `code`, which begins at `offset` in its text, from its syntax tree.

    `blocks`: slices of bodies and members, in order; `members`: the nodes of the latter.
    """

    def __init__(
        self,
        code: str,
        language: Language,
        offset: int,
        members: dict[tuple[int, int], Node],
        blocks: list[tuple[int, int]],
    ) -> None:
        self.code = code
        self.language = language
        self.offset = offset
        self.members = members
        self.blocks = blocks

    def elements(self, statements: Iterable[_Statement], *, depth: int, is_public: bool) -> list[Element]:
        """The elements of statements and the comments between them."""
        elements: list[Element] = []
        comments: list[Element] = []
        label: Element | None = None
        for first, last, kind in statements:
            if kind == "comment":
                comments = self._with_comment(comments, first, last)
                continue
            element = self._statement(first, last, kind, depth=depth, is_public=is_public, label=label)
            element.needs += [label] if label else []
            label = element if kind in ("access_specifier", "directive", "package_clause") else label
            elements += self._documented(comments, element)
            elements.append(element)
            comments = []
        return elements + comments

    def statements(self, block: Node, start: int, end: int) -> Iterator[_Statement]:
        """The statements in a block, with punctuation and the rest of their last line."""
        first = last = -1
        kind = ""
        for child in block.children:
            at, stop = child.start_byte, min(child.end_byte, end)
            if at < start or stop > end or at >= stop:
                continue
            if (
                first >= 0
                and (child.type in (";", ",", ":") or "\n" not in self.code[last:at])
                and (kind != "comment" or self.language.is_braced is False)
            ):
                last = max(last, self._stop(at, stop))
                continue
            if not child.is_named and child.type not in (";", "ERROR"):
                continue
            if first >= 0:
                yield first, last, kind
            first, last, kind = (
                at,
                self._stop(at, stop),
                "comment" if "comment" in child.type or child.type == "marginalia" else child.type,
            )
        if first >= 0:
            yield first, last, kind

    def _stop(self, start: int, end: int) -> int:
        return start + len(self.code[start:end].rstrip())

    def _with_comment(self, comments: list[Element], start: int, end: int) -> list[Element]:
        """Append a comment to those before a statement; consecutive comment lines are one comment."""
        before = comments[-1] if comments else None
        if before is not None and self.code.count("\n", before.end - self.offset, start) <= 1:
            before.end = end + self.offset
            return comments
        return [*comments, Element(start + self.offset, end + self.offset, "comment", ELIDED)]

    def _documented(self, comments: list[Element], element: Element) -> list[Element]:
        """The elements of comments before `element`; one directly before it is its documentation."""
        if comments:
            last = comments[-1]
            comment = self.code[last.start - self.offset : last.end - self.offset]
            if comment.startswith("#!"):
                last.tier = TYPES
            elif self.code.count("\n", last.end - self.offset, element.start - self.offset) <= 1:
                last.tier = SUMMARY
                last.needs.append(element)
                self._split_documentation(last)
        return comments

    def _split_documentation(self, element: Element, ending: int = 0) -> None:
        """Make the text after the first paragraph of a docstring or comment, up to its `ending`, a separate part."""
        comment = self.code[element.start - self.offset : element.end - self.offset - ending]
        if comment.startswith("/*") != comment.endswith("*/") or comment.count("*/") > 1 or "/*" in comment[1:]:
            return  # several comments, whose delimiters must stay in pairs
        first = regex.search(
            r"\w[^\n]*(?:\n(?![ \t]*(?:[/*#!-]*[ \t]*(?:\n|$|@|:\w|-{3,}|Args|Returns)))[^\n]*)*", comment
        )
        if first is None:
            return
        rest = comment[first.end() :]
        stop = len(comment) - (2 if comment.endswith("*/") else 0)
        if estimate_tokens(rest) >= _LONG_DOCUMENTATION and first.end() < stop:
            start = element.start
            elided = Element(start + first.end(), start + stop, "documentation", ELIDED, needs=[element])
            element.children.append(elided)

    def _statement(
        self, start: int, end: int, kind: str, *, depth: int, is_public: bool, label: Element | None
    ) -> Element:
        statement = self.code[start:end]
        element = Element(start + self.offset, end + self.offset, "statements", TYPES)
        blocks = list(self._outermost(start, end))
        head = self.code[start : blocks[0][0]] if blocks else statement
        is_private = (
            not is_public and regex.search(self.language.private, _without_decorators(head[:_LONGEST_HEAD])) is not None
        )
        is_private |= label is not None and "private" in self.code[label.start - self.offset : label.end - self.offset]
        for block in blocks:
            element.children += self._block(element, block, head, depth=depth)
        if element.children or blocks:
            element.tier = PRIVATE if is_private else SIGNATURE
        elif self.language.name == "python" and (match := _DOCSTRING.match(statement)):
            element.tier, element.mark = SUMMARY, "comment"
            if match.end() == len(statement):
                self._split_documentation(element, ending=3 if match[1] else 1)
        elif is_private:
            element.tier = PRIVATE
        elif not _TYPE.search(kind + " " + statement[:30]) and estimate_tokens(statement) > _LARGE_STATEMENT:
            element.tier = LARGE
        if element.tier == LARGE or (self.language.name == "sql" and not depth):
            element.label = _label(head)
        return element

    def _outermost(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The outermost bodies and members between `start` and `end`."""
        at = bisect.bisect_left(self.blocks, (start, -1))
        last = start
        while at < len(self.blocks) and self.blocks[at][0] < end:
            block = self.blocks[at]
            if block[1] <= end and block[0] >= last:
                # Of those with the same start the last, which is the longest.
                while at + 1 < len(self.blocks) and self.blocks[at + 1][0] == block[0]:
                    at += 1
                    block = self.blocks[at]
                yield block
                last = block[1]
            at += 1

    def _block(self, owner: Element, block: tuple[int, int], head: str, *, depth: int) -> list[Element]:
        """The elements inside a body or the members of a definition, whose head is `head`."""
        start, end = self._inside(block)
        node = self.members.get(block)
        if node is not None and depth < _DEEPEST:
            is_public = self.language.name == "rust" and _PUBLIC_MEMBERS.match(head) is not None
            children = self.elements(self.statements(node, start, end), depth=depth + 1, is_public=is_public)
            for child in children:
                child.needs.append(owner)
            return children
        documentation = self._docstring(owner, start, end) if self.language.name == "python" else None
        if documentation is not None:
            start = documentation.end - self.offset
            start += len(self.code[start:end]) - len(self.code[start:end].lstrip())
        elements = [documentation] if documentation else []
        if start < end and estimate_tokens(self.code[start:end]) > _SMALL_BODY:
            elements.append(Element(start + self.offset, end + self.offset, "body", ELIDED, needs=[owner]))
        return elements

    def _inside(self, block: tuple[int, int]) -> tuple[int, int]:
        """The slice inside the braces of a block, or below the line of a preprocessor directive."""
        start, end = block
        if self.code[start] == "{":
            return start + 1, end - 1
        if self.code[start] == "#":
            line = self.code.find("\n", start, end)
            return (end, end) if line < 0 else (line, end)
        return start, self._stop(start, end)

    def _docstring(self, owner: Element, start: int, end: int) -> Element | None:
        match = _DOCSTRING.match(self.code, start, end)
        if match is None:
            return None
        element = Element(start + self.offset, match.end() + self.offset, "statements", SUMMARY, needs=[owner])
        self._split_documentation(element, ending=3 if match[1] else 1)
        return element


def _without_decorators(head: str) -> str:
    return regex.sub(r"(?m)^\s*[@\[#][^\n]*\n", "", head).lstrip()


def _label(head: str) -> str:
    line = head.lstrip().split("\n", 1)[0].partition("$")[0][:_LONGEST_LABEL].rstrip(" ({[=")
    return "" if "*/" in line or "/*" in line else line
