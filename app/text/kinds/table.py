"""Tables: CSV and similar, Markdown, columns aligned by spaces. Rows stay whole, under their header."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Literal

from app.text.kinds.form import Part
from app.text.kinds.outliers import row_worths
from app.text.kinds.spans import filled_lines, line_end, line_starts
from app.text.tokens import estimate_tokens

_DELIMITERS = "\t,;|"
_FEWEST_ROWS = 3  # of a table without a declared type, including the header
_LONGEST_NAME = 60  # characters of a column's name
_MOST_WORDS = 8  # words of a cell on average
_FIGURE = re.compile(r"\s*[-+$€£(]?\d[\d.,:/\-]*\s*[%)]?\s*$")
_RULE = re.compile(r"\|?(?:\s*:?-+:?\s*\|)*\s*:?-+:?\s*\|?")
_CELL_END = re.compile(r"(?<!\\)\|")
_GAP = re.compile(r" {2,}|\t+")
_MOST_ALIGNED = 64  # columns
_MOST_ALIKE = 0.8  # share of the rows that have a cell in each column

Span = tuple[int, int]


class TableForm:
    """Rows with their rendered texts; all others need the first `head` rows.

    `mark`: renders the number of omitted rows.
    """

    kind: Literal["table"] = "table"

    def __init__(
        self,
        start: int,
        end: int,
        rows: Sequence[tuple[Span, str, Sequence[str]]],
        *,
        head: int,
        mark: Callable[[int], str],
    ) -> None:
        self.start = start
        self.end = end
        self._texts = [text for _, text, _ in rows]
        self._head = head
        self._mark = mark
        worths = [0.0] * head + row_worths([cells for _, _, cells in rows[head:]])
        self.parts: Sequence[Part] = [
            Part(*span, () if at < head else tuple(range(head)), worths[at], cost)
            for at, (span, text, _) in enumerate(rows)
            for cost in (None if len(text) == span[1] - span[0] else estimate_tokens(text),)
        ]

    def render(self, chosen: Sequence[int]) -> str:
        lines = [self._texts[at] for at in chosen]
        left = len(self._texts) - self._head - sum(at >= self._head for at in chosen)
        if left:
            lines.append(self._mark(left))
        return "\n".join(lines)


def _more(count: int) -> str:
    return f"... {count} more row{'s' if count > 1 else ''}"


def read(text: str, start: int, end: int) -> TableForm | None:
    """A table in any format; None if the slice is not one."""
    readers = (read_markdown, _read_found, read_aligned)
    return next((form for reader in readers if (form := reader(text, start, end)) is not None), None)


# CSV


def read_csv(text: str, start: int, end: int) -> TableForm | None:
    """Rows with the same number of fields, split at the delimiter that gives most fields; None if there is none."""
    tables = [rows for delimiter in _DELIMITERS if (rows := _delimited(text, start, end, delimiter))]
    best = max(tables, key=lambda rows: len(rows[0][1]), default=None)
    return _csv_form(text, start, end, best) if best else None


def _read_found(text: str, start: int, end: int) -> TableForm | None:
    first = text[start : line_end(text, start)]
    for delimiter in _DELIMITERS:
        rows = _delimited(text, start, end, delimiter) if _may_be_header(first, delimiter) else None
        if rows and len(rows) >= _FEWEST_ROWS and _looks_like_table(text, rows, delimiter):
            return _csv_form(text, start, end, rows)
    return None


def _may_be_header(line: str, delimiter: str) -> bool:
    """Whether a line may hold column names: a quick test before all rows are read."""
    return delimiter in line and ('"' in line or max(map(len, line.split(delimiter))) <= _LONGEST_NAME)


_Rows = list[tuple[Span, list[str]]]


def _delimited(text: str, start: int, end: int, delimiter: str) -> _Rows | None:
    """The rows with their fields; None unless they are valid, at least two, and have the same number of fields."""
    lines = text[start:end].split("\n")
    starts = line_starts(lines, start)
    reader = csv.reader((line.removesuffix("\r") for line in lines), delimiter=delimiter, strict=True)
    rows: _Rows = []
    begin = 0
    try:
        for fields in reader:
            if fields:
                if rows and len(fields) != len(rows[0][1]):
                    return None
                stop = starts[reader.line_num] - 1
                rows.append(((starts[begin], stop - text.endswith("\r", starts[begin], stop)), fields))
            begin = reader.line_num
    except csv.Error:
        return None
    return rows if len(rows) > 1 and len(rows[0][1]) > 1 else None


def _looks_like_table(text: str, rows: _Rows, delimiter: str) -> bool:
    """Whether rows are a table, not sentences that happen to have the same number of commas."""
    names = rows[0][1]
    if any(len(name) > _LONGEST_NAME for name in names) or len({len(fields) for _, fields in rows}) > 1:
        return False
    spaced = sum(f"{delimiter} " in text[begin:stop] for (begin, stop), _ in rows)
    if delimiter in ",;" and spaced > 0.3 * len(rows) and not any(map(_FIGURE.match, rows[1][1])):
        return False
    words = sum(len(field.split()) for _, fields in rows for field in fields)
    return words <= _MOST_WORDS * len(rows) * len(names)


def _csv_form(text: str, start: int, end: int, rows: _Rows) -> TableForm:
    names = rows[0][1]
    has_header = not any(_FIGURE.match(name) for name in names) and any(name.strip() for name in names)
    lines = [((begin, stop), text[begin:stop], fields) for (begin, stop), fields in rows]
    return TableForm(start, end, lines, head=int(has_header), mark=_more)


# Markdown


def read_markdown(text: str, start: int, end: int) -> TableForm | None:
    """A header, a line of dashes, rows; the padding of cells is dropped."""
    if text.find("|", start, end) < 0:
        return None
    first = [text[slice(*span)] for span in islice(_lines(text, start, end), 2)]
    if len(first) < 2 or not _is_rule(first[1]) or "|" not in first[0]:
        return None
    lines = list(_lines(text, start, end))
    rows = [_cells(text[slice(*span)]) for span in lines]
    is_framed = first[0].startswith("|")
    if len(rows[0]) != len(rows[1]) or any("|" not in text[slice(*span)] for span in lines):
        return None
    rows[1] = [re.sub("-+", "---", cell) for cell in rows[1]]
    texts = [_markdown_row(cells, is_framed=is_framed) for cells in rows]
    head = (lines[0][0], lines[1][1]), f"{texts[0]}\n{texts[1]}", rows[0]
    table_rows = [head, *zip(lines[2:], texts[2:], rows[2:], strict=True)]
    return TableForm(
        start, end, table_rows, head=1, mark=lambda count: f"| {_more(count)} |" if is_framed else _more(count)
    )


def _lines(text: str, start: int, end: int) -> Iterator[Span]:
    """The lines that are not blank, without surrounding white space."""
    return ((stop - len(text[begin:stop].lstrip()), stop) for begin, stop in filled_lines(text, start, end))


def _is_rule(line: str) -> bool:
    return "-" in line and set(line) <= set("|:- \t") and _RULE.fullmatch(line) is not None


def _cells(line: str) -> list[str]:
    inner = line.removeprefix("|")
    if inner.endswith("|") and not inner.endswith("\\|"):
        inner = inner[:-1]
    return [cell.strip() for cell in _CELL_END.split(inner)]


def _markdown_row(cells: Sequence[str], *, is_framed: bool) -> str:
    joined = " | ".join(cells)
    return f"| {joined} |" if is_framed else joined


# Columns aligned by spaces


def read_aligned(text: str, start: int, end: int) -> TableForm | None:
    """Columns separated by at least two spaces, as `kubectl get` prints them; lines stay verbatim."""
    if text.find("  ", start, end) < 0 and text.find("\t", start, end) < 0:
        return None
    first = next(_lines(text, start, end), None)
    names = text[slice(*first)] if first else ""
    columns = _GAP.split(names)
    if not 3 <= len(columns) <= _MOST_ALIGNED or len(names.split()) > 2 * len(columns):
        return None
    lines = list(_lines(text, start, end))
    rows = [_GAP.split(text[slice(*span)]) for span in lines]
    alike = sum(len(row) == len(columns) for row in rows)
    if len(rows) < _FEWEST_ROWS or alike < _MOST_ALIKE * len(rows) or any(map(_FIGURE.match, columns)):
        return None
    table_rows = [(span, text[slice(*span)], row) for span, row in zip(lines, rows, strict=True)]
    return TableForm(start, end, table_rows, head=1, mark=_more)
