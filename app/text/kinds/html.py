"""HTML as a person reads it: headings, paragraphs, lists and tables, nothing that does not show.

lxml parses it. It does not tell where in the source a text stands, so each run of text, each link's address and each
picture's description is numbered before, in characters that no text may have (Unicode's noncharacters).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

import regex
from lxml import etree

from app.text.kinds.boilerplate import is_boilerplate
from app.text.kinds.form import Form
from app.text.kinds.view import Section, View, form_of

_NONCHARACTER = regex.compile("[\ufdd0-\ufdef]")
_DIGITS = "".join(map(chr, range(0xFDD2, 0xFDE2)))
_OPEN, _CLOSE = "\ufdd0", "\ufdd1"
_MARK = regex.compile(f"{_OPEN}([{_DIGITS}]+){_CLOSE}")
# Text that is not only white space, behind a tag or at the start; the value of an attribute that is read.
_RUN = regex.compile(
    r"""(?:\A|>)\s*+(?=[^\s<])|\b(?:href|alt)\s{0,9}=\s{0,9}(?:"(?=[^"<>])|'(?=[^'<>]))""", regex.IGNORECASE
)
_TEXT = regex.compile(r"(?:[^<]++|<(?![A-Za-z/!?]))*+")
_PIECE = regex.compile(r"&(?:#[xX]?[0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});?|\s++|[^&\s]++(?: [^&\s]++)*+|&")
_IS_HTML = regex.compile(
    r"\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--.{0,4000}?-->\s*+){0,4}<(?:!doctype\s+html|html|head|body)\b",
    regex.IGNORECASE | regex.DOTALL,
)
_TAG = regex.compile(
    r"</?(?:div|p|span|br|a|b|i|em|strong|ul|ol|li|table|tr|td|th|thead|tbody|h[1-6]|img|section|article|header|footer|nav"
    r"|main|blockquote|pre|code|font|center|hr|dl|dt|dd|figure|small|style|script|title|meta|link)\b[^<>]{0,2000}>",
    regex.IGNORECASE,
)
_DECLARATION = regex.compile(r"\s*+<\?xml[^<>]*>")  # with an encoding, which is no longer true of a str
_FEWEST_TAGS = 4  # of a fragment of HTML without <html> or <body>
_LEAST_MARKUP = 0.15  # of its characters are tags
_HIDDEN_STYLE = regex.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:^|;)\s*(?:opacity|font-size|max-height|max-width)\s*:\s*0(?:px|pt|em|%)?\s*(?:!important\s*)?(?:;|$)"
    r"|mso-hide\s*:\s*all",
    regex.IGNORECASE,
)
_UNSEEN = frozenset(
    "script style template noscript svg object iframe canvas audio video map datalist select meta link base".split()
)
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3"
    " h4 h5 h6 header hr html legend li main nav ol p pre section summary table caption tbody td tfoot th thead title tr ul".split()
)
_MINOR = frozenset("nav footer".split())
_MINOR_ROLES = frozenset(("navigation", "contentinfo", "search"))
_SEPARATE = frozenset("p h1 h2 h3 h4 h5 h6 table ul ol dl pre blockquote title section article".split())
_TRACKING = regex.compile(
    r"[?&](?:utm_\w+|fbclid|gclid|mc_cid|mc_eid|igshid|_hs\w+)=[^&#]*(?:&(?:utm_\w+|fbclid|gclid|mc_cid|mc_eid)=[^&#]*)*$"
)
_LONGEST_CELL = 400  # characters of a table without header cells; one with longer cells is a layout
_LONGEST_ACTION = 60  # characters of a link's words
_FEWEST_WORDS = 3  # of a picture's description
_TINY = frozenset("0 1 2 1px".split())  # width of a picture that only tells the sender that it was seen
_WIDEST_SPAN = 50
_LONGEST_ADDRESS = 100  # characters; nobody reads a longer one, most of them only track
_REFERS = regex.compile(
    r"\b(?:here|link|download|click|show|view|open|see|confirm|track|pay|book|register|join|hier|link|herunterladen|zeigen|ansehen"
    r"|bestätigen|anmelden|ici|télécharger|aquí|descargar|qui)\b",
    regex.IGNORECASE,
)


def read(text: str, start: int, end: int) -> Form | None:
    """The HTML in a slice of `text`, None where it is none or its elements nest too deeply. Linear time."""
    source = text[start:end]
    if not is_html(source):
        return None
    found = views(source)
    if found is None:
        return None
    origin = View()
    origin.add(source, start, end)
    return form_of(
        "html",
        start,
        end,
        [Section(view.through(origin), rank, minor) for rank, (view, minor) in enumerate(found)],
        is_boilerplate,
    )


def is_html(source: str) -> bool:
    """Whether a text is a page, or a piece of one."""
    if _IS_HTML.match(source):
        return True
    if not source.lstrip().startswith("<") or not source.rstrip().endswith(">"):
        return False
    tags = _TAG.findall(source, 0, 200_000)
    return len(tags) >= _FEWEST_TAGS and sum(map(len, tags)) >= _LEAST_MARKUP * min(len(source), 200_000)


def views(source: str) -> list[tuple[View, bool]] | None:
    """The text for reading of HTML, as sections in order, each with whether it is navigation or a footer.

    None where it cannot be parsed, or is empty. Linear time.
    """
    source = _NONCHARACTER.sub("\ufffd", source).replace("\0", "\ufffd")
    source = _DECLARATION.sub(lambda match: " " * len(match[0]), source)
    starts: list[int] = []
    marked: list[str] = []
    at = 0
    for match in _RUN.finditer(source):
        marked += source[at : match.end()], _mark(len(starts))
        starts.append(match.end())
        at = match.end()
    marked.append(source[at:])
    parser = etree.HTMLParser(no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring("".join(marked), parser)
    except (etree.LxmlError, ValueError):
        return None
    if root is None or any("depth" in entry.message for entry in parser.error_log):
        return None
    titles = frozenset(_plain("".join(heading.itertext())) for heading in root.iter("h1"))
    reader = _Reader(source, starts, titles)
    for event, element in etree.iterwalk(root, events=("start", "end")):
        reader.open(element) if event == "start" else reader.close(element)
    return [found for found in reader.sections if found[0].text.strip()] or None


def _mark(number: int) -> str:
    return _OPEN + "".join(_DIGITS[int(digit, 16)] for digit in f"{number:x}") + _CLOSE


def _number(mark: str) -> int:
    return int("".join(f"{_DIGITS.index(digit):x}" for digit in mark), 16)


def _plain(text: str | None) -> str:
    return " ".join(_MARK.sub("", text or "").split())


@dataclass(slots=True)
class _Table:
    """An open table of data. `rows`: finished ones; `spans`: for how many rows a cell of a column goes on."""

    is_pairs: bool
    rows: int = 0
    cells: int = 0
    spans: dict[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Reader:
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
    tables: list[_Table | None] = field(default_factory=list)

    @property
    def view(self) -> View:
        return self.sections[-1][0]

    @property
    def table(self) -> _Table | None:
        return self.tables[-1] if self.tables else None

    def open(self, element: etree._Element) -> None:
        """An element begins: what it puts before its text, and the text up to its first child."""
        tag = element.tag
        if (
            self.unseen
            or tag in _UNSEEN
            or _is_hidden(element)
            or (tag == "title" and _plain(element.text) in self.titles)
        ):
            self.unseen += 1
            return
        if _is_minor(element):
            self.minor += 1
            self._turn()
        if tag in _BLOCKS:
            self._break(2 if tag in _SEPARATE and not self.lists else 1)
        match tag:
            case "table":
                self.tables.append(_table(element))
            case "tr" if self.table:
                self.table.cells = 0
                self.breaks = max(self.breaks, 1) if self.view.length else 0
            case "td" | "th" if self.table:
                self._open_cell(element)
            case "ul" | "ol":
                self.lists.append(0)
            case "li":
                self._put_list_mark(element)
            case "title" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                self._put("# " if tag in ("title", "h1") else "#" * int(tag[1]) + " ")
            case "br" | "hr":
                self._break(1 if tag == "br" else 2)
            case "pre":
                self.pre += 1
            case "a":
                self._touch(element.get("href"))
            case "img":
                self._describe(element)
            case _:
                pass
        self._write(element.text)

    def close(self, element: etree._Element) -> None:
        """An element ends: what it puts behind its text, and the text up to the next element."""
        tag = element.tag
        if self.unseen:
            self.unseen -= 1
            if not self.unseen:
                self._write(element.tail)
            return
        match tag:
            case "table":
                self.tables.pop()
            case "tr" if self.table:
                self._close_row()
            case "td" | "th" if self.table:
                self._close_cell(element)
            case "ul" | "ol":
                self.lists.pop()
            case "pre":
                self.pre -= 1
            case "a":
                self._put_address(element)
            case _:
                pass
        if tag in _BLOCKS:
            self._break(2 if tag in _SEPARATE and not self.lists else 1)
        if _is_minor(element):
            self.minor -= 1
            self._turn()
        self._write(element.tail)

    def _turn(self) -> None:
        """Go on in a section of its own where navigation or a footer begins or ends."""
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
        """Put the line breaks or the space that were due."""
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
        found = _MARK.match(value or "")
        if found:
            self._before()
            start = self.starts[_number(found[1])]
            self.view.add("", start, start)

    def _write(self, text: str | None) -> None:
        """The text of a node: runs by their numbers, and white space."""
        if not text:
            return
        at = 0
        for match in _MARK.finditer(text):
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
        """Write a run of text of the source, its references decoded and its white space as one space."""
        raw = _TEXT.match(self.source, start)
        if raw is None:
            return
        for piece in _PIECE.finditer(self.source, start, raw.end()):
            said = piece[0]
            if said[0].isspace() and said[0] != "\xa0":
                if self.pre:
                    self._write_space(said)
                else:
                    self.spaces = True
                continue
            self._before()
            decoded = unescape(said) if said[0] == "&" else said
            if self.table:
                decoded = decoded.replace("|", "\\|")
            self.view.add(decoded.replace("\n", " "), piece.start(), piece.end())
            self.is_empty = False

    def _write_space(self, said: str) -> None:
        """White space in preformatted text, where it counts."""
        if "\n" in said:
            self.breaks += said.count("\n")
            said = said[said.rindex("\n") + 1 :]
            self._before()
        self.view.put(said.replace("\r", ""))

    def _put_list_mark(self, element: etree._Element) -> None:
        if self.lists:
            self.lists[-1] += 1
        parent = element.getparent()
        is_numbered = parent is not None and parent.tag == "ol" and self.lists
        mark = f"{self.lists[-1]}. " if is_numbered else "- "
        self._put("  " * min(len(self.lists) - 1, 8) + mark)
        self.is_empty = True

    def _describe(self, element: etree._Element) -> None:
        """What a picture shows, where its description is more than a label."""
        alt = element.get("alt") or ""
        found, said = _MARK.match(alt), _plain(alt)
        if found is None or len(said.split()) < _FEWEST_WORDS or element.get("width") in _TINY:
            return
        self._put("[")
        start = self.starts[_number(found[1])]
        self.view.add(said, start, start + len(said))
        self.view.put("]")
        self.is_empty = False

    def _put_address(self, element: etree._Element) -> None:
        address = _TRACKING.sub("", _plain(element.get("href")))
        said = _plain("".join(element.itertext()))
        if self.minor or not said or not _matters(element, address, said):
            return
        shown = (
            address.removeprefix("mailto:").removeprefix("tel:").partition("?")[0]
            if ":" in address[:7] and "//" not in address
            else address
        )
        if shown.rstrip("/") not in said:
            self.view.put(f" ({shown})")

    def _open_cell(self, element: etree._Element) -> None:
        table = self.table
        assert table is not None
        self._skip_spanned(table)
        self.spaces = False
        if not table.is_pairs:
            self._put(" " if table.cells else "| ")
            self.is_empty = True
        elif table.cells:
            self.spaces = True
        else:
            self.is_empty = True
        rows = _span(element.get("rowspan"))
        if rows > 1:
            table.spans[table.cells] = rows

    def _close_cell(self, element: etree._Element) -> None:
        table = self.table
        assert table is not None
        self.spaces = False
        table.cells += 1
        if table.is_pairs:
            if table.cells == 1 and not self.is_empty and not self.view.pieces[-1].endswith(":"):
                self.view.put(":")
            return
        self._put("|" if self.is_empty else " |")
        for _ in range(_span(element.get("colspan")) - 1):
            self._put(" |")
            table.cells += 1

    def _skip_spanned(self, table: _Table) -> None:
        """Empty cells where one of a row above goes on."""
        while not table.is_pairs and table.cells and table.spans.get(table.cells, 0) > 1:
            table.spans[table.cells] -= 1
            self._put(" |")
            table.cells += 1

    def _close_row(self) -> None:
        table = self.table
        assert table is not None
        if not table.cells:
            return
        table.rows += 1
        if table.rows == 1 and not table.is_pairs:
            self._put("\n|" + " --- |" * table.cells)
        self.breaks, self.spaces, self.is_empty = 1, False, False


def _span(value: str | None) -> int:
    return min(int(value), _WIDEST_SPAN) if value and value.isascii() and value.isdigit() and len(value) < 5 else 1


def _is_hidden(element: etree._Element) -> bool:
    attributes: Mapping[str, str] = element.attrib
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return style is not None and _HIDDEN_STYLE.search(style) is not None


def _is_minor(element: etree._Element) -> bool:
    if element.tag in _MINOR or element.get("role") in _MINOR_ROLES:
        return True
    return "gmail_quote" in (element.get("class") or "") or (
        element.tag == "blockquote" and element.get("type") == "cite"
    )


def _table(element: etree._Element) -> _Table | None:
    """The state of a table of data, None for one that only lays out a page."""
    if next(element.iterdescendants("table", "ul", "ol", "h1", "h2", "h3", "pre", "form", "hr"), None) is not None:
        return None
    widths = [sum(child.tag in ("td", "th") for child in row) for row in element.iterdescendants("tr")]
    if len(widths) < 2 or sum(width > 1 for width in widths) * 2 <= len(widths):
        return None
    has_header = next(element.iterdescendants("th"), None) is not None
    longest = max((sum(map(len, cell.itertext())) for cell in element.iterdescendants("td")), default=0)
    if not has_header and longest > _LONGEST_CELL:
        return None
    return _Table(is_pairs=max(widths) == 2 and (not has_header or _is_header_column(element)))


def _is_header_column(element: etree._Element) -> bool:
    """Whether the first cell of each row is its header."""
    return all(
        [child.tag for child in row if child.tag in ("td", "th")] == ["th", "td"]
        for row in element.iterdescendants("tr")
    )


def _matters(element: etree._Element, address: str, said: str) -> bool:
    """Whether a reader needs a link's address: the words point to it, or it stands alone, and it is short enough."""
    if len(address) > _LONGEST_ADDRESS or not address.lower().startswith(("http://", "https://", "mailto:", "tel:")):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme in ("mailto", "tel"):
        return True
    if len(said) <= _LONGEST_ACTION and _REFERS.search(said):
        return True
    parent = element.getparent()
    is_alone = parent is not None and len(parent) == 1 and not _plain(parent.text) and not _plain(element.tail)
    return is_alone and parent is not None and parent.tag not in ("li", "td", "h1", "h2", "h3")
