"""Code in an outline that parses: imports, signatures, types, first paragraphs of docstrings; bodies are elided."""

import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import regex
from tree_sitter import Node

from app.text.kinds.form import Kind, Part
from app.text.kinds.languages import Language, candidates, captures, named, parse
from app.text.kinds.sql import statements
from app.text.tokens import estimate_tokens

_SMALL_BODY = 12  # tokens, from which on a body is elided: what stands in its place takes 8
_MARK_TOKENS = 8
_LARGE_STATEMENT = 80  # tokens of a statement that is no definition, from which on it is no part of an outline
_LONG_DOCUMENTATION = 24  # tokens of what follows its first paragraph, from which on that is elided
_OUTLINE_SHARE = 0.42  # of the tokens, which an outline has at most, marks apart, beside the public signatures
_DEEPEST = 12  # definitions inside of each other, from which on they are kept together
_MOST_LABELS = 6
_LONGEST_LABEL = 48  # characters
_FENCE = regex.compile(r"(?:```|~~~)[`~]*[ \t]*\{?\.?([\w+#-]+)[^\n]*\n\s*$")
_TYPE = regex.compile(
    r"import|include|using|package|type|struct|enum|interface|union|trait|annotation|create_(?!view|query)|alter"
)
_DOCSTRING = regex.compile(
    r"[rRuU]?(?:(\"{3}|'{3})(?:[^\\]|\\.)*?\1|\"[^\"\n\\]*\"|'[^'\n\\]*')(?=[ \t]*(?:[#\n]|$))", regex.DOTALL
)
_PUBLIC_MEMBERS = regex.compile(r"(?:pub(?:\([^)]*\))? )?(?:unsafe )?(?:trait\b|impl\b.*\bfor\b)")

_Statement = tuple[int, int, str]
"""Start, end and kind."""
_Mark = Literal["body", "statements", "documentation", "comment"]
_SIGNATURE, _TYPES, _SUMMARY, _PRIVATE, _LARGE, _ELIDED = range(6)
"""Tiers of an outline: what comes into it first."""
_WORTH = (1.0, 0.5, 0.3, 0.3, 0.2, 0.0)


@dataclass(slots=True)
class _Element:
    """A slice that is a part and, up to its first child, has the text of it. `mark`: what stands in its place."""

    start: int
    end: int
    mark: _Mark
    tier: int
    children: list["_Element"] = field(default_factory=list)
    needs: list["_Element"] = field(default_factory=list)
    label: str = ""
    number: int = -1


@dataclass(frozen=True, slots=True)
class CodeForm:
    """Code in `language`."""

    kind: Kind
    start: int
    end: int
    parts: Sequence[Part]
    language: Language
    _text: str
    _elements: Sequence[_Element]

    def render(self, chosen: Sequence[int]) -> str:
        """The code with chosen parts, and comments, or what else the language wants, in place of the others."""
        return "".join(_rendered(self, self._elements, set(chosen), self.start, self.end, is_top=True)).strip("\n")


def read(text: str, start: int, end: int) -> CodeForm | None:
    """The form of a slice that is code: one that parses, in the language of its fence or one that it looks like."""
    code = text[start:end]
    fence = _FENCE.search(text[max(0, start - 120) : start])
    language = named(fence[1]) if fence else None
    languages = [language] if language else list(candidates(code))
    if not code.strip():
        return None
    forms = (_read(text, start, end, one) for one in languages)
    form = next((one for one in forms if one is not None), None)
    return _read(text, start, end, languages[0], is_patient=True) if form is None and languages else form


def _read(text: str, start: int, end: int, language: Language, *, is_patient: bool = False) -> CodeForm | None:
    code = text[start:end]
    if language.name == "sql":
        found_statements = statements(code)
        bodies = [body for statement in found_statements for body in statement[3]]
        reader = _Reader(code, language, start, {}, bodies)
        elements = reader.elements((one[:3] for one in found_statements), depth=0, is_public=False)
        return CodeForm("code", start, end, _parts(text, elements), language, text, elements) if elements else None
    tree = parse(code, language, is_patient=is_patient)
    if tree is None:
        return None
    found = captures(tree, language)
    members = {(node.start_byte, node.end_byte): node for node in found.get("members", ())}
    bodies = []
    for node in found.get("body", ()):
        bodies.append((node.start_byte, node.end_byte))
        if (node.end_byte - node.start_byte) * 2 > len(code) and _is_wrapper(node):
            members[bodies[-1]] = node
    reader = _Reader(code, language, start, members, sorted({*members, *bodies}))
    elements = reader.elements(reader.statements(tree.root_node, 0, len(code)), depth=0, is_public=False)
    if not elements:
        return None
    return CodeForm("code", start, end, _parts(text, elements), language, text, elements)


def _is_wrapper(body: Node) -> bool:
    """Whether a body is that of a JavaScript function without a name that is called at once, or handed over."""
    owner = body.parent
    is_nameless = owner is not None and owner.child_by_field_name("name") is None
    around = owner.parent if owner is not None else None
    return is_nameless and around is not None and around.type in ("parenthesized_expression", "arguments")


class _Reader:
    """Reads the elements of code `code`, which stands at `offset` in its text, from its syntax tree.

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

    def elements(self, statements: Iterable[_Statement], *, depth: int, is_public: bool) -> list[_Element]:
        """The elements of statements and the comments between them."""
        found: list[_Element] = []
        comments: list[_Element] = []
        label: _Element | None = None
        for first, last, kind in statements:
            if kind == "comment":
                comments = self._with_comment(comments, first, last)
                continue
            element = self._statement(first, last, kind, depth=depth, is_public=is_public, label=label)
            element.needs += [label] if label else []
            label = element if kind in ("access_specifier", "directive", "package_clause") else label
            found += self._documented(comments, element)
            found.append(element)
            comments = []
        return found + comments

    def statements(self, block: Node, start: int, end: int) -> Iterator[_Statement]:
        """The slices of the statements in a block, with punctuation and what follows on the same line, and their kinds."""
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

    def _with_comment(self, comments: list[_Element], start: int, end: int) -> list[_Element]:
        """Comments before a statement, one more among them: lines that follow each other are one."""
        before = comments[-1] if comments else None
        if before is not None and self.code.count("\n", before.end - self.offset, start) <= 1:
            before.end = end + self.offset
            return comments
        return [*comments, _Element(start + self.offset, end + self.offset, "comment", _ELIDED)]

    def _documented(self, comments: list[_Element], element: _Element) -> list[_Element]:
        """Comments before `element`; one right before it is its documentation."""
        if comments:
            last = comments[-1]
            said = self.code[last.start - self.offset : last.end - self.offset]
            if said.startswith("#!"):
                last.tier = _TYPES
            elif self.code.count("\n", last.end - self.offset, element.start - self.offset) <= 1:
                last.tier = _SUMMARY
                last.needs.append(element)
                self._split_documentation(last)
        return comments

    def _split_documentation(self, element: _Element, ending: int = 0) -> None:
        """Makes what follows the first paragraph of a docstring or comment, but its `ending`, a part of its own."""
        said = self.code[element.start - self.offset : element.end - self.offset - ending]
        first = regex.search(
            r"\w[^\n]*(?:\n(?![ \t]*(?:[/*#!-]*[ \t]*(?:\n|$|@|:\w|-{3,}|Args|Returns)))[^\n]*)*", said
        )
        if first is None:
            return
        rest = said[first.end() :]
        stop = len(said) - (2 if said.endswith("*/") else 0)
        if estimate_tokens(rest) >= _LONG_DOCUMENTATION and first.end() < stop:
            start = element.start
            elided = _Element(start + first.end(), start + stop, "documentation", _ELIDED, needs=[element])
            element.children.append(elided)

    def _statement(
        self, start: int, end: int, kind: str, *, depth: int, is_public: bool, label: _Element | None
    ) -> _Element:
        said = self.code[start:end]
        element = _Element(start + self.offset, end + self.offset, "statements", _TYPES)
        blocks = list(self._outermost(start, end))
        head = self.code[start : blocks[0][0]] if blocks else said
        is_private = not is_public and regex.search(self.language.private, _without_decorators(head)) is not None
        is_private |= label is not None and "private" in self.code[label.start - self.offset : label.end - self.offset]
        for block in blocks:
            element.children += self._block(element, block, head, depth=depth)
        if element.children or blocks:
            element.tier = _PRIVATE if is_private else _SIGNATURE
        elif self.language.name == "python" and (match := _DOCSTRING.match(said)):
            element.tier, element.mark = _SUMMARY, "comment"
            if match.end() == len(said):
                self._split_documentation(element, ending=3 if match[1] else 1)
        elif is_private:
            element.tier = _PRIVATE
        elif not _TYPE.search(kind + " " + said[:30]) and estimate_tokens(said) > _LARGE_STATEMENT:
            element.tier = _LARGE
        if element.tier == _LARGE or (self.language.name == "sql" and not depth):
            element.label = _label(head)
        return element

    def _outermost(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """The bodies and members between `start` and `end` that are in no other one there."""
        at = bisect.bisect_left(self.blocks, (start, -1))
        last = start
        while at < len(self.blocks) and self.blocks[at][0] < end:
            block = self.blocks[at]
            if block[1] <= end and block[0] >= last:
                # Of those that begin at one place the last, which sorts longest.
                while at + 1 < len(self.blocks) and self.blocks[at + 1][0] == block[0]:
                    at += 1
                    block = self.blocks[at]
                yield block
                last = block[1]
            at += 1

    def _block(self, owner: _Element, block: tuple[int, int], head: str, *, depth: int) -> list[_Element]:
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
        found = [documentation] if documentation else []
        if start < end and estimate_tokens(self.code[start:end]) > _SMALL_BODY:
            found.append(_Element(start + self.offset, end + self.offset, "body", _ELIDED, needs=[owner]))
        return found

    def _inside(self, block: tuple[int, int]) -> tuple[int, int]:
        """The slice inside the braces of a block, or below the line of a directive of the preprocessor."""
        start, end = block
        if self.code[start] == "{":
            return start + 1, end - 1
        if self.code[start] == "#":
            line = self.code.find("\n", start, end)
            return (end, end) if line < 0 else (line, end)
        return start, self._stop(start, end)

    def _docstring(self, owner: _Element, start: int, end: int) -> _Element | None:
        match = _DOCSTRING.match(self.code, start, end)
        if match is None:
            return None
        element = _Element(start + self.offset, match.end() + self.offset, "statements", _SUMMARY, needs=[owner])
        self._split_documentation(element, ending=3 if match[1] else 1)
        return element


def _without_decorators(head: str) -> str:
    return regex.sub(r"(?m)^\s*[@\[#][^\n]*\n", "", head).lstrip()


def _label(head: str) -> str:
    line = head.lstrip().split("\n", 1)[0][:_LONGEST_LABEL].rstrip(" ({[=")
    return "" if "*/" in line or "/*" in line else line


def _flat(elements: Sequence[_Element]) -> Iterator[_Element]:
    for element in elements:
        yield element
        yield from _flat(element.children)


def _parts(text: str, elements: Sequence[_Element]) -> list[Part]:
    flat = list(_flat(elements))
    for number, element in enumerate(flat):
        element.number = number
    parts = []
    for element in flat:
        end = element.children[0].start if element.children else element.end
        end = element.start + len(text[element.start : end].rstrip())
        cost = estimate_tokens(text[element.start : end])
        cost += _MARK_TOKENS if any(child.mark == "body" for child in element.children) else 0
        cost = max(1, cost - _MARK_TOKENS) if element.mark == "body" else cost
        needs = sorted({one.number for one in element.needs} - {element.number})
        parts.append(Part(element.start, end, tuple(needs), _WORTH[element.tier], cost))
    chosen = _outline(flat, parts)
    return [replace(part, is_default=number in chosen) for number, part in enumerate(parts)]


def _outline(flat: Sequence[_Element], parts: Sequence[Part]) -> set[int]:
    """The parts of an outline: public signatures, then what else belongs into it as long as it stays short."""
    most = _OUTLINE_SHARE * sum(part.cost or 0 for part in parts)
    chosen: set[int] = set()
    spent = 0
    for number in sorted(range(len(parts)), key=lambda at: flat[at].tier):
        new = _closure(number, parts, chosen)
        cost = sum(parts[one].cost or 0 for one in new)
        tier = flat[number].tier
        if tier == _SIGNATURE or (tier < _LARGE and spent + cost <= most):
            chosen |= new
            spent += cost
    return chosen


def _closure(number: int, parts: Sequence[Part], chosen: set[int]) -> set[int]:
    """The part and what it needs, without what is chosen already."""
    found: set[int] = set()
    open_parts = [number]
    while open_parts:
        one = open_parts.pop()
        if one not in chosen and one not in found:
            found.add(one)
            open_parts += parts[one].needs
    return found


def _rendered(
    form: CodeForm, elements: Sequence[_Element], chosen: set[int], start: int, end: int, *, is_top: bool
) -> Iterator[str]:
    """The text between `start` and `end` with marks in place of the elements that are not chosen."""
    text, at, number = form._text, start, 0
    while number < len(elements):
        element = elements[number]
        if element.number in chosen:
            yield text[at : element.start]
            yield from _rendered(form, element.children, chosen, element.start, element.end, is_top=False)
            at = element.end
            number += 1
            continue
        run = [element]
        while number + len(run) < len(elements) and elements[number + len(run)].number not in chosen:
            following = elements[number + len(run)]
            if element.mark == "documentation" or text[run[-1].end : following.start].strip():
                break
            run.append(following)
        mark = _mark(form, run, is_top=is_top)
        before = text[at : element.start]
        yield before if mark else before.rstrip()
        yield mark
        at = run[-1].end
        number += len(run)
    yield text[at:end]


def _mark(form: CodeForm, run: Sequence[_Element], *, is_top: bool) -> str:
    """What stands in the place of elements that are left out, so that the rest parses."""
    text, language = form._text, form.language
    if run[0].mark == "documentation":
        return " ..." + (" " if text[run[0].end :].startswith("*/") else "")
    if all(element.mark == "comment" for element in run):
        return ""
    lines = text.count("\n", run[0].start, run[-1].end) + 1
    count = f"{lines} line{'s' if lines > 1 else ''}"
    labels = [element.label for element in run if element.label][:_MOST_LABELS]
    said = f"... {count}: {'; '.join(labels)}" if labels else f"... {count}"
    if language.is_braced:
        return f" /* {said} */ " if run[0].mark == "body" else f"/* {said} */"
    if language.name == "python" and not is_top:
        return f"...  # {count}"
    return f"\n  : # {said}\n" if run[0].mark == "body" else f"# {said}"
