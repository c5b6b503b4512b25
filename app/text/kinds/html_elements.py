"""Classifies HTML elements: hidden, minor (navigation, footer), data or layout table, relevant link."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import regex
from lxml import etree

OPEN, CLOSE = "\ufdd0", "\ufdd1"
"""Delimiters of the number of a run of text; like its digits, noncharacters of Unicode, which no text may contain."""
DIGITS = "".join(map(chr, range(0xFDD2, 0xFDE2)))
MARK = regex.compile(f"{OPEN}([{DIGITS}]+){CLOSE}")
_HIDDEN_STYLE = regex.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:^|;)\s*(?:opacity|font-size|max-height|max-width)\s*:\s*0(?:px|pt|em|%)?\s*(?:!important\s*)?(?:;|$)"
    r"|mso-hide\s*:\s*all",
    regex.IGNORECASE,
)
_MINOR = frozenset("nav footer".split())
_MINOR_ROLES = frozenset(("navigation", "contentinfo", "search"))
_TRACKING = regex.compile(
    r"[?&](?:utm_\w+|fbclid|gclid|mc_cid|mc_eid|igshid|_hs\w+)=[^&#]*(?:&(?:utm_\w+|fbclid|gclid|mc_cid|mc_eid)=[^&#]*)*$"
)
_LONGEST_CELL = 400  # characters; a table without header cells and with longer cells is a layout
_LONGEST_ACTION = 60  # characters of a link's words
_WIDEST_SPAN = 50
_LONGEST_ADDRESS = 100  # characters; longer addresses are mostly for tracking
_REFERS = regex.compile(
    r"\b(?:here|link|download|click|show|view|open|see|confirm|track|pay|book|register|join|hier|link|herunterladen|zeigen|ansehen"
    r"|bestätigen|anmelden|ici|télécharger|aquí|descargar|qui)\b",
    regex.IGNORECASE,
)


def plain(text: str | None) -> str:
    """A text without marks, its white space as single spaces."""
    return " ".join(MARK.sub("", text or "").split())


def content(element: etree._Element) -> str:
    """All text in an element."""
    return plain("".join(map(str, element.itertext())))


@dataclass(slots=True)
class Table:
    """An open data table. `rows`: complete rows; `spans`: how many more rows a cell of each column covers."""

    is_pairs: bool
    rows: int = 0
    cells: int = 0
    spans: dict[int, int] = field(default_factory=dict)


def span(value: str | None) -> int:
    """How many columns or rows a cell covers."""
    return min(int(value), _WIDEST_SPAN) if value and value.isascii() and value.isdigit() and len(value) < 5 else 1


def is_hidden(element: etree._Element) -> bool:
    """Whether an element is invisible."""
    attributes = element.attrib
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    style = attributes.get("style")
    return style is not None and _HIDDEN_STYLE.search(style) is not None


def is_minor(element: etree._Element) -> bool:
    """Whether an element is navigation, a footer or a quoted mail."""
    if element.tag in _MINOR or element.get("role") in _MINOR_ROLES:
        return True
    return "gmail_quote" in (element.get("class") or "") or (
        element.tag == "blockquote" and element.get("type") == "cite"
    )


def table_of(element: etree._Element) -> Table | None:
    """The state of a data table; None for a layout table."""
    if next(element.iterdescendants("table", "ul", "ol", "h1", "h2", "h3", "pre", "form", "hr"), None) is not None:
        return None
    widths = [sum(child.tag in ("td", "th") for child in row) for row in element.iterdescendants("tr")]
    if len(widths) < 2 or sum(width > 1 for width in widths) * 2 <= len(widths):
        return None
    has_header = next(element.iterdescendants("th"), None) is not None
    longest = max((sum(map(len, cell.itertext())) for cell in element.iterdescendants("td")), default=0)
    if not has_header and longest > _LONGEST_CELL:
        return None
    return Table(is_pairs=max(widths) == 2 and (not has_header or _is_header_column(element)))


def _is_header_column(element: etree._Element) -> bool:
    """Whether the first cell of each row is its header."""
    return all(
        [child.tag for child in row if child.tag in ("td", "th")] == ["th", "td"]
        for row in element.iterdescendants("tr")
    )


def address_of(element: etree._Element) -> str | None:
    """The address of a link without tracking parameters; None if no reader needs it."""
    address = _TRACKING.sub("", plain(element.get("href")))
    label = content(element)
    if not label or not _matters(element, address, label):
        return None
    if "//" not in address:
        address = address.partition(":")[2].partition("?")[0]
    return None if address.rstrip("/") in label else address


def _matters(element: etree._Element, address: str, label: str) -> bool:
    """Whether a reader needs a link's address: it is short, and its words refer to it or it stands alone."""
    if len(address) > _LONGEST_ADDRESS or not address.lower().startswith(("http://", "https://", "mailto:", "tel:")):
        return False
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    if parts.scheme in ("mailto", "tel"):
        return True
    if len(label) <= _LONGEST_ACTION and _REFERS.search(label):
        return True
    parent = element.getparent()
    is_alone = parent is not None and len(parent) == 1 and not plain(parent.text) and not plain(element.tail)
    return is_alone and parent is not None and parent.tag not in ("li", "td", "h1", "h2", "h3")
