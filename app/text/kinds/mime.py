"""Messages by RFC 5322 and MIME: headers, body parts, and decoded texts with their places in the source.

The standard library decodes headers and their parameters but reports no offsets, so the parts are located here.
"""

import binascii
import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message

import regex

from app.text.kinds.view import View

_HEADER = regex.compile(
    r"(?P<name>[A-Za-zÀ-ÿ][A-Za-zÀ-ÿ0-9\-]{0,60}):[ \t]*+(?P<value>[^\n]*+(?:\n[ \t]++\S[^\n]*+)*+)\n?"
)
_FOLD = regex.compile(r"\s*\n\s+")
_LONGEST_VALUE = 4000  # characters; longer headers are not decoded
_LONGEST_BOUNDARY = 200
_DEEPEST = 8  # levels of nested multiparts
_BASE64_LINE = regex.compile(r"[A-Za-z0-9+/]++={0,2}")
_QUOTED = regex.compile(r"(?P<soft>=[ \t]*+\r?\n)|(?P<bytes>(?:=[0-9A-Fa-f]{2})++)|[^=]++|=")


@dataclass(frozen=True, slots=True)
class Header:
    """A header with its decoded, unfolded value and its slice of the source."""

    name: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """A message part without sub-parts. `head` to `start`: its headers; `start` to `end`: its content.

    `choice`: number of the multipart/alternative that it belongs to, or -1.
    """

    content_type: str
    charset: str
    encoding: str
    name: str
    is_attachment: bool
    head: int
    start: int
    end: int
    choice: int = -1


def headers(source: str, start: int, end: int) -> tuple[list[Header], int]:
    """The headers at `start`, and the start of the body after the blank line."""
    fields = []
    at = start
    while match := _HEADER.match(source, at, end):
        value = _FOLD.sub(" ", match["value"]).strip()
        fields.append(
            Header(
                match["name"].lower(),
                _decoded(value),
                match.start(),
                match.start("value") + len(match["value"].rstrip()),
            )
        )
        at = match.end()
    blank = _BLANK.match(source, at, end)
    return fields, blank.end() if blank else at


_BLANK = regex.compile(r"[ \t]*+\r?\n")


def _decoded(value: str) -> str:
    if "=?" not in value or len(value) > _LONGEST_VALUE:
        return value
    try:
        return str(make_header(decode_header(value))).replace("\n", " ")
    except (MessageError, ValueError, LookupError):
        return value


def leaves(
    source: str, fields: list[Header], head: int, start: int, end: int, depth: int = 0, choice: int = -1
) -> Iterator[Leaf]:
    """The leaves of a body with these headers, in order. Linear time."""
    message = Message()
    for header in fields:
        if (
            header.name in ("content-type", "content-disposition")
            and len(header.value) <= _LONGEST_VALUE
            and header.name not in message
        ):
            message[header.name] = header.value.replace("\r", " ").replace("\n", " ")
    boundary = _boundary(message)
    if message.get_content_maintype() == "multipart" and boundary and depth < _DEEPEST:
        is_choice = message.get_content_subtype() == "alternative"
        for first, last in _between(source, boundary, start, end):
            inner, body = headers(source, first, last)
            yield from leaves(source, inner, first, body, last, depth + 1, start if is_choice else choice)
        return
    encoding = (
        next((header.value for header in fields if header.name == "content-transfer-encoding"), "").strip().lower()
    )
    name = _string(message.get_filename())
    is_attachment = bool(name) or message.get_content_disposition() == "attachment"
    charset = _string(message.get_content_charset())
    yield Leaf(message.get_content_type(), charset, encoding, name, is_attachment, head, start, end, choice)


def _boundary(message: Message) -> str | None:
    try:
        boundary = message.get_boundary()
    except (ValueError, LookupError, TypeError):
        return None
    return boundary if boundary and len(boundary) <= _LONGEST_BOUNDARY else None


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""


def _between(source: str, boundary: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The slices between boundary lines; without a closing boundary the last slice ends at `end`."""
    line = regex.compile(rf"^--{regex.escape(boundary)}(?P<last>--)?[ \t]*\r?(?:\n|\Z)", regex.MULTILINE)
    begin: int | None = None
    for match in line.finditer(source, start, end):
        if begin is not None:
            yield begin, max(begin, match.start())
        begin = match.end()
        if match["last"]:
            return
    if begin is not None and begin < end:
        yield begin, end


def decoded(source: str, leaf: Leaf) -> View:
    """The text of a leaf. Undecodable bytes are replaced by U+FFFD."""
    view = View()
    match leaf.encoding:
        case "base64":
            _from_base64(view, source, leaf)
        case "quoted-printable":
            _from_quoted_printable(view, source, leaf)
        case _:
            for line in regex.finditer(r"[^\r]++|\r\n?", source, pos=leaf.start, endpos=leaf.end):
                view.add("\n" if line[0].startswith("\r") else line[0], line.start(), line.end())
    return view


def _decoder(charset: str) -> codecs.IncrementalDecoder:
    try:
        info = codecs.lookup(charset or "utf-8")
        # Bytes-to-bytes codecs of the standard library, such as zlib, are not charsets.
        if getattr(info, "_is_text_encoding", True) and info.incrementaldecoder is not None:
            return info.incrementaldecoder("replace")
    except (LookupError, ValueError):
        pass
    return codecs.getincrementaldecoder("utf-8")("replace")


def _add(view: View, text: str, start: int, end: int) -> None:
    if text:
        view.add(text.replace("\r\n", "\n").replace("\r", "\n"), start, end)


def _from_base64(view: View, source: str, leaf: Leaf) -> None:
    decoder = _decoder(leaf.charset)
    left = ""
    for line in _BASE64_LINE.finditer(source, leaf.start, leaf.end):
        left += line[0].rstrip("=")
        whole = len(left) - len(left) % 4
        _add(view, decoder.decode(binascii.a2b_base64(left[:whole])), line.start(), line.end())
        left = left[whole:]
    if len(left) > 1:
        _add(view, decoder.decode(binascii.a2b_base64(left + "=" * (4 - len(left)))), leaf.end - 1, leaf.end)


def _from_quoted_printable(view: View, source: str, leaf: Leaf) -> None:
    decoder = _decoder(leaf.charset)
    for piece in _QUOTED.finditer(source, leaf.start, leaf.end):
        token = piece[0]
        if piece["soft"]:
            continue
        if piece["bytes"]:
            _add(view, decoder.decode(bytes.fromhex(token.replace("=", ""))), piece.start(), piece.end())
        elif token.isascii():
            _add(view, decoder.decode(token.encode("ascii")), piece.start(), piece.end())
        else:
            _add(view, token, piece.start(), piece.end())
