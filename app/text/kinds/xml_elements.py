"""XML: elements under their parents. White space between elements and comments are dropped, the rest is verbatim.

Nothing is expanded or fetched: a text that declares entities is rejected.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser, ParseError

from app.text.kinds.form import Part
from app.text.kinds.outliers import Cell, row_worths
from app.text.tokens import estimate_tokens

_LARGE = 60  # tokens; the children of a larger element are separate parts
_CERTAINLY_LARGE = 4000  # characters; the tokens of a longer element are not counted for that
_MOST_COMPARED = 200  # tokens of an element that is compared with its siblings
_DEEPEST = 40  # levels; a deeper element is one part
_MOST_FIELDS = 40  # of an element that is compared with its siblings
_ELEMENT_WORTH = 0.3
_TOKEN = re.compile(
    r"(?P<gone><!--.*?-->)|(?P<prolog><\?.*?\?>|<!DOCTYPE[^\[>]*+(?:\[.*?\]\s*)?>)|(?P<cdata><!\[CDATA\[.*?\]\]>)"
    r"|(?P<close></[^>]*+>)|(?P<tag><[^\s<>/]++(?:[^<>\"']|\"[^\"]*+\"|'[^']*+')*+>)|(?P<text>[^<]++)",
    re.DOTALL,
)
_NAME = re.compile(r"<[^\s/>]*")
_FIELD = re.compile(r"<([^\s<>/!?]+)[^<>]*>([^<>]+)</|\s([\w:.\-]+)\s*=\s*(?:\"([^\"<]*)\"|'([^'<]*)')")


@dataclass(slots=True)
class _Element:
    """An element: its slice of the text, and its first and last token. `has_text`: its white space is significant.

    `is_open`: its children are parts. `part`: its part number, for an open element that of its start tag.
    """

    first: int
    start: int
    last: int = 0
    end: int = 0
    has_text: bool = False
    children: "list[_Element]" = field(default_factory=list)
    spaces: list[int] = field(default_factory=list)
    is_open: bool = False
    part: int = -1


class _Tree:
    """The tokens of a valid XML text as they are rendered, and the root element."""

    def __init__(self, text: str, start: int, end: int) -> None:
        self.tokens: list[str] = []
        prolog: list[str] = []
        outer = _Element(-1, start)
        stack = [outer]
        for match in _TOKEN.finditer(text, start, end):
            kind, token = match.lastgroup, match.group()
            at = len(self.tokens)
            if kind == "gone" or (kind == "prolog" and len(stack) > 1):
                continue
            if kind == "prolog":
                prolog.append(token)
                continue
            self.tokens.append(token)
            if kind == "tag":
                element = _Element(at, match.start(), at, match.end())
                element.has_text = "xml:space" in token or stack[-1].has_text
                stack[-1].children.append(element)
                if not token.endswith("/>"):
                    stack.append(element)
            elif kind == "close":
                element = stack.pop()
                element.last, element.end = at, match.end()
                if element.children and not element.has_text:
                    for space in element.spaces:
                        self.tokens[space] = ""
            elif kind == "cdata" or token.strip():
                stack[-1].has_text = True
            else:
                stack[-1].spaces.append(at)
        self.prolog = "".join(prolog)
        self.root = outer.children[0]

    def text(self, element: _Element) -> str:
        return "".join(self.tokens[element.first : element.last + 1])

    def head(self, element: _Element) -> str:
        """The first tokens of an element, enough to compare it with others."""
        return "".join(self.tokens[element.first : min(element.last + 1, element.first + _MOST_COMPARED)])


class XmlForm:
    """An XML text. Omitted elements are counted in a comment at the end of their parent."""

    kind: Literal["xml"] = "xml"

    def __init__(self, tree: _Tree, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self._tree = tree
        self._parts: list[Part] = []
        self._add(tree.root, (), 0.0, 0, is_record=False)

    @property
    def parts(self) -> Sequence[Part]:
        return self._parts

    def _add(self, element: _Element, needs: tuple[int, ...], worth: float, depth: int, *, is_record: bool) -> None:
        element.part = len(self._parts)
        element.is_open = self._may_open(element, depth, is_record=is_record)
        if not element.is_open:
            cost = estimate_tokens(self._tree.text(element))
            self._parts.append(Part(element.start, element.end, needs, worth, cost))
            return
        tags = self._tree.tokens[element.first] + self._tree.tokens[element.last]
        head = Part(element.start, element.children[0].start, needs, worth, estimate_tokens(tags))
        self._parts.append(head)
        worths = self._worths(element.children)
        for at, child in enumerate(element.children):
            self._add(child, (element.part,), worths.get(at, _ELEMENT_WORTH), depth + 1, is_record=at in worths)
        if is_record:
            core = tuple(child.part for child in element.children if not child.is_open)
            self._parts[element.part] = replace(head, needs=(*needs, *core))

    def _may_open(self, element: _Element, depth: int, *, is_record: bool) -> bool:
        """Whether the children of an element may be separate parts; small records stay whole."""
        if element.has_text or not element.children or depth >= _DEEPEST:
            return False
        if is_record:
            return any(child.children and self._is_large(child) for child in element.children)
        return depth == 0 or self._is_large(element)

    def _is_large(self, element: _Element) -> bool:
        return element.end - element.start > _CERTAINLY_LARGE or estimate_tokens(self._tree.text(element)) > _LARGE

    def _worths(self, elements: Sequence[_Element]) -> dict[int, float]:
        """How notable each record (an element with siblings of its name) is, compared with its siblings."""
        groups: dict[str, list[int]] = {}
        for at, element in enumerate(elements):
            name = _NAME.match(self._tree.tokens[element.first])
            groups.setdefault(name.group() if name else "", []).append(at)
        worths: dict[int, float] = {}
        for group in groups.values():
            if len(group) > 1:
                rows = self._rows([elements[at] for at in group])
                worths |= zip(group, (worth + _ELEMENT_WORTH for worth in row_worths(rows)), strict=True)
        return worths

    def _rows(self, elements: Sequence[_Element]) -> list[list[Cell]]:
        """The values of attributes and elements in each record, in columns by name."""
        columns: dict[str, int] = {}
        rows: list[list[Cell]] = []
        for element in elements:
            row: list[Cell] = [None] * len(columns)
            for tag, content, attribute, *values in _FIELD.findall(self._tree.head(element)):
                name = tag or f"@{attribute}"
                if name not in columns:
                    if len(columns) >= _MOST_FIELDS:
                        continue
                    columns[name] = len(columns)
                    row.append(None)
                row[columns[name]] = content or "".join(values)
            rows.append(row)
        return rows

    def render(self, chosen: Sequence[int]) -> str:
        return self._tree.prolog + self._element(self._tree.root, set(chosen))

    def _element(self, element: _Element, taken: set[int]) -> str:
        if not element.is_open:
            return self._tree.text(element)
        kept = [child for child in element.children if child.part in taken]
        left = len(element.children) - len(kept)
        inner = "".join(self._element(child, taken) for child in kept)
        mark = f"<!-- ... {left} more -->" if left else ""
        return self._tree.tokens[element.first] + inner + mark + self._tree.tokens[element.last]


class _Nothing:
    """A parser target that ignores all events; the parser is only used for validation."""

    def close(self) -> None:
        return


def read(text: str, start: int, end: int) -> XmlForm | None:
    """The form of an XML document; None if the slice is not XML, is XHTML, or declares entities."""
    source = text[start:end].lstrip()
    if not source.startswith("<"):
        return None
    parser = DefusedXMLParser(target=_Nothing())
    try:
        parser.feed(source)
        parser.close()
    except (ParseError, DefusedXmlException, ValueError):
        return None
    tree = _Tree(text, start, end)
    if tree.tokens[tree.root.first].lower().startswith("<html"):
        return None
    return XmlForm(tree, start, end)
