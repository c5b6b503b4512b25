"""HTML for reading: headings, paragraphs, lists and tables, without anything invisible.

lxml parses it but does not report source positions. Therefore each run of text, link address and picture description is
numbered before parsing, in characters that no text may contain (Unicode's noncharacters).
"""

import regex
from lxml import etree

from app.text.kinds.boilerplate import is_boilerplate
from app.text.kinds.form import Form
from app.text.kinds.html_elements import CLOSE, DIGITS, OPEN, content
from app.text.kinds.html_reader import Reader
from app.text.kinds.view import Section, View, form_of

_NONCHARACTER = regex.compile("[\ufdd0-\ufdef]")
# Text other than white space, after a tag or at the start; the value of an attribute that is used.
_RUN = regex.compile(
    r"""(?:\A|>)\s*+(?=[^\s<])|\b(?:href|alt)\s{0,9}=\s{0,9}(?:"(?=[^"<>])|'(?=[^'<>]))""", regex.IGNORECASE
)
_IS_HTML = regex.compile(
    r"\s*+(?:<\?xml[^>]{0,200}>\s*+)?(?:<!--.{0,4000}?-->\s*+){0,4}<(?:!doctype\s+html|html|head|body)\b",
    regex.IGNORECASE | regex.DOTALL,
)
_TAG = regex.compile(
    r"</?(?:div|p|span|br|a|b|i|em|strong|ul|ol|li|table|tr|td|th|thead|tbody|h[1-6]|img|section|article|header|footer|nav"
    r"|main|blockquote|pre|code|font|center|hr|dl|dt|dd|figure|small|style|script|title|meta|link)\b[^<>]{0,2000}>",
    regex.IGNORECASE,
)
_DECLARATION = regex.compile(r"\s*+<\?xml[^<>]*>")  # names an encoding, which does not apply to a str
_FEWEST_TAGS = 4  # of a fragment of HTML without <html> or <body>
_LEAST_MARKUP = 0.15  # of its characters are tags


def read(text: str, start: int, end: int) -> Form | None:
    """The HTML in a slice of `text`; None if it is not HTML or nests too deeply. Linear time."""
    source = text[start:end]
    if not is_html(source):
        return None
    origin = View()
    origin.add(source, start, end)
    parts = sections(origin)
    return form_of("html", start, end, parts, is_boilerplate) if parts else None


def is_html(source: str) -> bool:
    """Whether a text is an HTML page or fragment."""
    if _IS_HTML.match(source):
        return True
    if not source.lstrip().startswith("<") or not source.rstrip().endswith(">"):
        return False
    tags = _TAG.findall(source, 0, 200_000)
    return len(tags) >= _FEWEST_TAGS and sum(map(len, tags)) >= _LEAST_MARKUP * min(len(source), 200_000)


def sections(origin: View) -> list[Section]:
    """The text for reading of HTML, in order. Navigation, footers and quoted mail are minor sections.

    Empty if the HTML cannot be parsed. Linear time.
    """
    source = _NONCHARACTER.sub("\ufffd", origin.text).replace("\0", "\ufffd")
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
        return []
    if root is None or any("depth" in entry.message for entry in parser.error_log):
        return []
    titles = frozenset(content(heading) for heading in root.iter("h1"))
    reader = Reader(source, starts, titles)
    for event, element in etree.iterwalk(root, events=("start", "end")):
        reader.open(element) if event == "start" else reader.close(element)
    return [Section(view.through(origin), is_minor=minor) for view, minor in reader.sections if view.text.strip()]


def _mark(number: int) -> str:
    return OPEN + "".join(DIGITS[int(digit, 16)] for digit in f"{number:x}") + CLOSE
