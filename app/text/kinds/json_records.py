"""JSON and NDJSON without white space; arrays of similar objects become columns and rows. Values stay verbatim."""

from collections.abc import Iterator, Sequence
from typing import Literal

from app.text.kinds.form import Part
from app.text.kinds.json_table import Row, Table, tabulate
from app.text.kinds.json_tree import Node, Tree, is_json
from app.text.kinds.outliers import Cell, row_worths
from app.text.tokens import estimate_tokens

_LARGE = 60  # tokens; the elements of a larger nested container are separate parts
_CERTAINLY_LARGE = 4000  # characters; the tokens of a longer container are not counted for that
_DEEPEST = 40  # levels; a deeper container is one part
_ENTRY_WORTH = 0.3  # of an entry of an object that is not a record
_CONTAINER_WORTH = 0.5
_LEFT_OUT = "left_out"  # key of the number of omitted rows of a table
_MARK = "..."


class JsonForm:
    """A JSON text, or lines of JSON, which count as the elements of the root.

    A table is `{"columns": [...], "defaults": {...}, "rows": [...], "left_out": 12}`. In other arrays the last element
    states the number of omitted elements ("... 12 more"), in objects the last entry.
    """

    def __init__(self, kind: Literal["json", "ndjson"], tree: Tree, start: int, end: int) -> None:
        self.kind: Literal["json", "ndjson"] = kind
        self.start = start
        self.end = end
        self._tree = tree
        self._tables: dict[int, Table] = {}
        self._parts: list[Part] = []
        self._open(tree.root, 0)
        self._add(tree.root, (), 0.0)

    @property
    def parts(self) -> Sequence[Part]:
        return self._parts

    def _open(self, node: Node, depth: int) -> None:
        """Make parts of the contents of large containers, and tables of similar objects."""
        node.is_open = True
        children = node.children or []
        is_array = not self._tree.is_object(node)
        for child in children:
            if child.children and depth < _DEEPEST:
                is_record = is_array and self._tree.is_object(child)
                held = child.children if is_record else [child]
                if any(value.children and self._is_large(value) for value in held):
                    self._open(child, depth + 1)
        if is_array and len(children) > 1:
            table = tabulate(self._tree, children)
            if table is not None and self._is_shorter(node, table):
                self._tables[node.first] = table

    def _is_large(self, node: Node) -> bool:
        size = node.end - node.start
        return size > _CERTAINLY_LARGE or (size > _LARGE and estimate_tokens(self._tree.compact(node)) > _LARGE)

    def _is_shorter(self, node: Node, table: Table) -> bool:
        rendered = f'{{{table.header},"rows":[' + ",".join(map(self._row, table.rows))
        return estimate_tokens(rendered) < estimate_tokens(self._tree.compact(node))

    def _row(self, row: Row) -> str:
        return row.text(self._tree.compact)

    def _add(self, node: Node, needs: tuple[int, ...], worth: float) -> None:
        """Add the parts of an open container."""
        children = node.children or []
        table = self._tables.get(node.first)
        opening = f'{{{table.header},"rows":[]}}' if table else "[]"
        end = children[0].start if children else node.end
        node.part = self._append(node.start, end, needs, worth, f"{node.key}:{opening}" if node.key else opening)
        if self._tree.is_object(node):
            for child in children:
                if child.is_open:
                    self._add(child, (node.part,), _CONTAINER_WORTH)
                else:
                    text = self._tree.entry(child)
                    child.part = self._append(child.start, child.end, (node.part,), _ENTRY_WORTH, text)
            return
        worths = self._worths(children, table)
        for at, child in enumerate(children):
            if child.is_open and self._tree.is_object(child):
                self._add_record(child, node.part, worths[at])
            elif child.is_open:
                self._add(child, (node.part,), worths[at])
            else:
                text = self._row(table.rows[at]) if table else self._tree.compact(child)
                child.part = self._append(child.start, child.end, (node.part,), worths[at], text)

    def _add_record(self, node: Node, array: int, worth: float) -> None:
        """Add the parts of a record that holds large containers; its other entries stay together."""
        children = node.children or []
        start, end = node.start, children[0].start
        node.part = self._append(start, end, (array,), worth, "{")
        core: list[int] = []
        at = 0
        while at < len(children):
            stop = at
            while stop < len(children) and not children[stop].is_open:
                stop += 1
            if stop > at:
                text = ",".join(map(self._tree.entry, children[at:stop]))
                core.append(self._append(children[at].start, children[stop - 1].end, (node.part,), 0.0, text))
                for child in children[at:stop]:
                    child.part = core[-1]
            else:
                self._add(children[at], (node.part,), 0.0)
                stop += 1
            at = stop
        self._parts[node.part] = Part(start, end, (array, *core), worth, 1)

    def _append(self, start: int, end: int, needs: tuple[int, ...], worth: float, text: str) -> int:
        self._parts.append(Part(start, end, needs, worth, estimate_tokens(text)))
        return len(self._parts) - 1

    def _worths(self, elements: Sequence[Node], table: Table | None) -> list[float]:
        if table is None:
            # The worth of an open element is that of its contents.
            return row_worths([[None if element.is_open else self._tree.compact(element)] for element in elements])
        rows: list[list[Cell]] = []
        for row in table.rows:
            cells: list[Cell] = [None if cell is None else self._tree.compact(cell) for cell in row.cells]
            rest = {name: self._tree.compact(value) for name, value in row.rest}
            cells += [rest.pop(name, default) for name, default in table.defaults]
            rows.append([*cells, " ".join(rest) or None])
        return row_worths(rows)

    def render(self, chosen: Sequence[int]) -> str:
        taken = set(chosen)
        if self.kind == "ndjson":
            return "\n".join(self._lines(taken))
        return self._container(self._tree.root, taken)

    def _value(self, node: Node, taken: set[int]) -> str:
        return self._container(node, taken) if node.is_open else self._tree.compact(node)

    def _container(self, node: Node, taken: set[int]) -> str:
        children = node.children or []
        kept = [at for at, child in enumerate(children) if child.part in taken]
        left = len(children) - len(kept)
        table = self._tables.get(node.first)
        if table is not None:
            rows = ",".join(self._rows(table, kept, taken))
            count = f',"{_LEFT_OUT}":{left}' if left else ""
            return f'{{{table.header},"rows":[{rows}]{count}}}'
        if self._tree.is_object(node):
            entries = [f"{children[at].key}:{self._value(children[at], taken)}" for at in kept]
            if left:
                entries.append(f'"{_free_key(children)}":"{left} more"')
            return "{" + ",".join(entries) + "}"
        items = [self._value(children[at], taken) for at in kept]
        if left:
            items.append(f'"{_MARK} {left} more"')
        return "[" + ",".join(items) + "]"

    def _rows(self, table: Table, kept: Sequence[int], taken: set[int]) -> Iterator[str]:
        for at in kept:
            yield table.rows[at].text(lambda cell: self._value(cell, taken))

    def _lines(self, taken: set[int]) -> Iterator[str]:
        children = self._tree.root.children or []
        kept = [at for at, child in enumerate(children) if child.part in taken]
        table = self._tables.get(self._tree.root.first)
        if table is not None:
            yield f"{{{table.header}}}"
            yield from self._rows(table, kept, taken)
        else:
            yield from (self._value(children[at], taken) for at in kept)
        if len(kept) < len(children):
            yield f'{{"{_LEFT_OUT}":{len(children) - len(kept)}}}'


def _free_key(children: Sequence[Node]) -> str:
    """An unused key for the number of omitted entries."""
    keys = {child.key for child in children}
    mark = _MARK
    while f'"{mark}"' in keys:
        mark += "."
    return mark


def read(text: str, start: int, end: int) -> JsonForm | None:
    """The form of a JSON object or array; None if the slice is neither."""
    return JsonForm("json", Tree(text, start, end), start, end) if is_json(text[start:end]) else None


def read_lines(text: str, start: int, end: int) -> JsonForm | None:
    """The form of at least two lines of JSON objects or arrays; None if the slice has other lines."""
    lines = [line for line in text[start:end].split("\n") if line.strip()]
    if len(lines) < 2 or not all(map(is_json, lines)):
        return None
    return JsonForm("ndjson", Tree(text, start, end, is_lines=True), start, end)
