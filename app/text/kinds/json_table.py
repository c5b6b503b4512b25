"""Arrays of similar JSON objects as column names and rows."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from app.text.kinds.json_tree import Node, Tree

_DEEPEST_DOTTED = 6  # levels of nested objects whose keys are joined with dots into a column name
_MOST_COLUMNS = 1000
_DOMINANT = 0.85  # a value that at least this share of the records has is the default of its key
_FEWEST_FOR_DEFAULTS = 8  # records
_COMMON = 0.5  # a key that at least this share of the records has becomes a column
_Values = dict[int, Node]
"""Values by record number."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record: its cells in column order (None: no value), and its entries without a column."""

    cells: tuple[Node | None, ...]
    rest: tuple[tuple[str, Node], ...]

    def text(self, value: Callable[[Node], str]) -> str:
        """The row as an array, with an object of entries without a column at its end. `value`: the text of a cell."""
        cells = ["null" if cell is None else value(cell) for cell in self.cells]
        if self.rest:
            cells.append("{" + ",".join(f"{name}:{value(cell)}" for name, cell in self.rest) + "}")
        return "[" + ",".join(cells) + "]"


@dataclass(frozen=True, slots=True)
class Table:
    """Records as rows. `names`: column names, as JSON strings.

    A question mark after a name means that some records lack the key; in that column null always means no value. Dots
    in a name mean keys of nested objects. `defaults`: values of keys without a column; they apply to each row whose
    last object does not override them.
    """

    names: tuple[str, ...]
    rows: tuple[Row, ...]
    defaults: tuple[tuple[str, str], ...] = ()

    @property
    def header(self) -> str:
        """The JSON entries for columns and defaults."""
        columns = f'"columns":[{",".join(self.names)}]'
        if not self.defaults:
            return columns
        return f'{columns},"defaults":{{{",".join(f"{name}:{value}" for name, value in self.defaults)}}}'


def tabulate(tree: Tree, records: Sequence[Node]) -> Table | None:
    """The records as a table; None if they are not all objects or have no common key."""
    if not all(record.children and tree.is_object(record) and not _has_repeats(record) for record in records):
        return None
    for depth in (_DEEPEST_DOTTED, 0):
        columns: dict[tuple[str, ...], _Values] = {}
        _collect(tree, dict(enumerate(records)), (), depth, columns)
        if len({_dotted(path) for path in columns}) == len(columns):
            return _table(tree, len(records), {_dotted(path): values for path, values in columns.items()})
    return None


def _has_repeats(record: Node) -> bool:
    children = record.children or ()
    return len({child.key for child in children}) < len(children)


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(key[1:-1] for key in path)


def _collect(
    tree: Tree,
    records: Mapping[int, Node],
    prefix: tuple[str, ...],
    depth: int,
    columns: dict[tuple[str, ...], _Values],
) -> None:
    """Collect the values by key; values in an object that every record with that key has, by their path."""
    by_key: dict[str, _Values] = {}
    for at, record in records.items():
        for child in record.children or ():
            assert child.key is not None
            by_key.setdefault(child.key, {})[at] = child
    for key, values in by_key.items():
        if depth > 0 and "." not in key and all(_is_plain(tree, value) for value in values.values()):
            _collect(tree, values, (*prefix, key), depth - 1, columns)
        else:
            columns[(*prefix, key)] = values


def _is_plain(tree: Tree, node: Node) -> bool:
    """Whether the keys of an object may be joined with the object's own key."""
    if not node.children or node.is_open or not tree.is_object(node) or _has_repeats(node):
        return False
    return not any("." in child.key for child in node.children if child.key)


def _table(tree: Tree, count: int, keys: Mapping[str, _Values]) -> Table | None:
    """Make columns of common keys; a key that some records lack only if null can represent that."""
    may_lack = not any(name.endswith("?") for name in keys)
    columns: dict[str, _Values] = {}
    defaults: dict[str, str] = {}
    rest: list[list[tuple[str, Node]]] = [[] for _ in range(count)]
    for name, values in keys.items():
        spared = values
        if len(values) == count:
            default = _default(tree, values)
            if default is None:
                columns[f'"{name}"'] = values
                continue
            defaults[f'"{name}"'] = default
            spared = {at: value for at, value in values.items() if tree.compact(value) != default}
        elif may_lack and len(values) >= _COMMON * count and not any(map(tree.is_null, values.values())):
            columns[f'"{name}?"'] = values
            continue
        for at, value in spared.items():
            rest[at].append((f'"{name}"', value))
    if not columns or len(columns) > _MOST_COLUMNS:
        return None
    cells = list(columns.values())
    rows = (Row(tuple(values.get(at) for values in cells), tuple(rest[at])) for at in range(count))
    return Table(tuple(columns), tuple(rows), tuple(defaults.items()))


def _default(tree: Tree, values: _Values) -> str | None:
    """The value that nearly all records have; None if there is none or a nested container may be opened."""
    if len(values) < _FEWEST_FOR_DEFAULTS or any(value.is_open for value in values.values()):
        return None
    value, count = Counter(map(tree.compact, values.values())).most_common(1)[0]
    return value if count >= _DOMINANT * len(values) else None
