"""Writes HTML as text for reading: its elements in order, each run of text with its place in the source."""

from dataclasses import dataclass, field
from html import unescape

import regex
from lxml import etree

from app.text.kinds.html_elements import DIGITS, MARK, Table, address_of, is_hidden, is_minor, plain, span, table_of
from app.text.kinds.view import View

_TEXT = regex.compile(r"(?:[^<]++|<(?![A-Za-z/!?]))*+")
_PIECE = regex.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?|\s++|[^&\s]++(?: [^&\s]++)*+|&")
_UNSEEN = frozenset(
    "script style template noscript svg object iframe canvas audio video map datalist select meta link base".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr html legend li main nav ol p pre section summary table caption tbody td tfoot th thead title tr ul".split()
)
_SEPARATE = frozenset("p h1 h2 h3 h4 h5 h6 table ul ol dl pre blockquote title section article".split())
_FEWEST_WORDS = 3  # of a picture's description
_TINY = frozenset("0 1 2 1px".split())  # width of a tracking pixel
_HEADINGS = {"title": "# ", **{f"h{level}": "#" * level + " " for level in range(1, 7)}}


@dataclass(slots=True)
class Reader:
    """Writes the text for reading while it walks through the elements."""

    source: str
    starts: list[int]
    titles: frozenset[str] = frozenset()
    sections: list[tuple[View, bool]] = field(default_factory=lambda: [(View(), False)])
    breaks: int = 0
    spaces: bool = False
    is_empty: bool = True  # the line so far
    unseen: int = 0
    minor: int = 0
    pre: int = 0
    lists: list[int] = field(default_factory=list)
    tables: list[Table | None] = field(default_factory=list)

    @property
    def view(self) -> View:
        return self.sections[-1][0]

    @property
    def table(self) -> Table | None:
        return self.tables[-1] if self.tables else None

    def open(self, element: etree._Element) -> None:
        """Write the beginning of an element: its prefix, and its text up to the first child."""
        tag = str(element.tag)
        is_title_again = tag == "title" and plain(element.text) in self.titles
        if self.unseen or tag in _UNSEEN or is_title_again or is_hidden(element):
            self.unseen += 1
            return
        if is_minor(element):
            self.minor += 1
            self._turn()
        self._break_around(tag)
        if tag in _HEADINGS:
            self._put(_HEADINGS[tag])
        elif tag in ("table", "tr", "td", "th"):
            self._open_table(tag, element)
        elif tag in ("ul", "ol", "li"):
            self._open_list(tag, element)
        elif tag in ("a", "img"):
            self._open_reference(tag, element)
        elif tag in ("br", "hr"):
            self._break(1 if tag == "br" else 2)
        self.pre += tag == "pre"
        self._write(element.text)

    def close(self, element: etree._Element) -> None:
        """Write the end of an element: its suffix, and the text up to the next element."""
        tag = str(element.tag)
        if self.unseen:
            self.unseen -= 1
            if not self.unseen:
                self._write(element.tail)
            return
        self.pre -= tag == "pre"
        if tag == "a":
            self._put_address(element)
        elif tag in ("ul", "ol"):
            self.lists.pop()
        elif tag in ("table", "tr", "td", "th"):
            self._close_table(tag, element)
        self._break_around(tag)
        if is_minor(element):
            self.minor -= 1
            self._turn()
        self._write(element.tail)

    def _break_around(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._break(2 if tag in _SEPARATE and not self.lists else 1)

    def _open_table(self, tag: str, element: etree._Element) -> None:
        if tag == "table":
            self.tables.append(table_of(element))
        elif self.table is None:
            return
        elif tag == "tr":
            self.table.cells = 0
            self.breaks = max(self.breaks, 1) if self.view.length else 0
        else:
            self._open_cell(self.table, element)

    def _close_table(self, tag: str, element: etree._Element) -> None:
        if tag == "table":
            self.tables.pop()
        elif self.table is None:
            return
        elif tag == "tr":
            self._close_row(self.table)
        else:
            self._close_cell(self.table, element)

    def _open_list(self, tag: str, element: etree._Element) -> None:
        if tag == "li":
            self._put_list_mark(element)
        else:
            self.lists.append(0)

    def _open_reference(self, tag: str, element: etree._Element) -> None:
        if tag == "img":
            self._describe(element)
        else:
            self._touch(element.get("href"))

    def _turn(self) -> None:
        """Start a new section if navigation, a footer or a quoted mail begins or ends."""
        if (self.minor > 0) != self.sections[-1][1]:
            self.sections.append((View(), self.minor > 0))
            self.breaks, self.spaces, self.is_empty = 0, False, True

    def _break(self, count: int) -> None:
        if self.table:
            self.spaces = True
        elif not self.is_empty or self.breaks:
            self.breaks = max(self.breaks, count)
            self.spaces = False

    def _before(self) -> None:
        """Write the pending line breaks or space."""
        if self.breaks and self.view.length:
            self.view.put("\n" * self.breaks)
            self.is_empty = True
        elif self.spaces and not self.is_empty:
            self.view.put(" ")
        self.breaks, self.spaces = 0, False

    def _put(self, text: str) -> None:
        self._before()
        self.view.put(text)

    def _touch(self, value: str | None) -> None:
        match = MARK.match(value or "")
        if match:
            self._before()
            start = self.starts[_number(match[1])]
            self.view.add("", start, start)

    def _write(self, text: str | None) -> None:
        """Write the text of a node: runs by their numbers, and white space."""
        if not text:
            return
        at = 0
        for match in MARK.finditer(text):
            self._white(text[at : match.start()])
            self._run(self.starts[_number(match[1])])
            at = len(text)
        self._white(text[at:])

    def _white(self, text: str) -> None:
        if not text:
            return
        if self.pre and "\n" in text and not self.is_empty:
            self.breaks += text.count("\n")
        else:
            self.spaces = True

    def _run(self, start: int) -> None:
        """Write a run of text of the source, with references decoded and white space collapsed."""
        raw = _TEXT.match(self.source, start)
        if raw is None:
            return
        for piece in _PIECE.finditer(self.source, start, raw.end()):
            token = piece[0]
            if token[0].isspace() and token[0] != "\xa0":
                if self.pre:
                    self._write_space(token)
                else:
                    self.spaces = True
                continue
            self._before()
            decoded = unescape(token) if token[0] == "&" else token
            if self.table:
                decoded = decoded.replace("|", "\\|")
            self.view.add(decoded.replace("\n", " "), piece.start(), piece.end())
            self.is_empty = False

    def _write_space(self, space: str) -> None:
        """Write white space of preformatted text."""
        if "\n" in space:
            self.breaks += space.count("\n")
            space = space[space.rindex("\n") + 1 :]
            self._before()
        self.view.put(space.replace("\r", ""))

    def _put_list_mark(self, element: etree._Element) -> None:
        if self.lists:
            self.lists[-1] += 1
        parent = element.getparent()
        is_numbered = parent is not None and parent.tag == "ol" and self.lists
        mark = f"{self.lists[-1]}. " if is_numbered else "- "
        self._put("  " * min(len(self.lists) - 1, 8) + mark)
        self.is_empty = True

    def _describe(self, element: etree._Element) -> None:
        """Write the description of a picture if it is more than a label."""
        alt = element.get("alt") or ""
        match, description = MARK.match(alt), plain(alt)
        if match is None or len(description.split()) < _FEWEST_WORDS or element.get("width") in _TINY:
            return
        self._put("[")
        start = self.starts[_number(match[1])]
        self.view.add(description, start, start + len(description))
        self.view.put("]")
        self.is_empty = False

    def _put_address(self, element: etree._Element) -> None:
        address = None if self.minor else address_of(element)
        if address:
            self.view.put(f" ({address})")

    def _open_cell(self, table: Table, element: etree._Element) -> None:
        self._skip_spanned(table)
        self.spaces = False
        if not table.is_pairs:
            self._put(" " if table.cells else "| ")
            self.is_empty = True
        elif table.cells:
            self.spaces = True
        else:
            self.is_empty = True
        rows = span(element.get("rowspan"))
        if rows > 1:
            table.spans[table.cells] = rows

    def _close_cell(self, table: Table, element: etree._Element) -> None:
        self.spaces = False
        table.cells += 1
        if table.is_pairs:
            if table.cells == 1 and not self.is_empty and not self.view.pieces[-1].endswith(":"):
                self.view.put(":")
            return
        self._put("|" if self.is_empty else " |")
        for _ in range(span(element.get("colspan")) - 1):
            self._put(" |")
            table.cells += 1

    def _skip_spanned(self, table: Table) -> None:
        """Add empty cells for cells of rows above that span into this row."""
        while not table.is_pairs and table.cells and table.spans.get(table.cells, 0) > 1:
            table.spans[table.cells] -= 1
            self._put(" |")
            table.cells += 1

    def _close_row(self, table: Table) -> None:
        if not table.cells:
            return
        table.rows += 1
        if table.rows == 1 and not table.is_pairs:
            self._put("\n|" + " --- |" * table.cells)
        self.breaks, self.spaces, self.is_empty = 1, False, False


def _number(mark: str) -> int:
    return int("".join(f"{DIGITS.index(digit):x}" for digit in mark), 16)
