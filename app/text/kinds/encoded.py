"""Base64 inside a text, such as a data URI or a pasted attachment. It carries nothing for a reader."""

import string
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from app.text.kinds.form import Kind, Part
from app.text.tokens import estimate_tokens

_LEAST = 200  # characters; a shorter run of letters and digits may be an API key or a hash
_BLOCK = regex.compile(
    r"""
    \s*+ (?: (?:!?\[[^\[\]\n]{0,200}\]\() | <img\b[^<>\n]{0,300}?\bsrc= | \w{1,20}[:=][ ] )?+ ["'(<]?+
    (?: -----BEGIN[ ][A-Z0-9 ]{1,60}-----\s++ (?: [A-Za-z\-]{1,40}:[^\n]{0,200}\n\s*+ )*+
      | (?P<uri> data:[\w.+\-]{1,60}/[\w.+\-]{1,80}(?:;[\w.+\-]{1,40}=[\w.+\-"]{1,80}){0,4};base64, ) )?+
    (?P<code> [A-Za-z0-9+/]++ (?: \r?\n[ \t]*+ [A-Za-z0-9+/]++ )*+ ={0,2} (?: \s*+=[A-Za-z0-9+/]{4} )?+ )
    (?: \s*+ -----END[ ][A-Z0-9 ]{1,60}----- )?+
    ["')>]?+ [^<>\n"']{0,300} [)>]{0,2} \s*+
    """,
    regex.VERBOSE,
)
_WORD = regex.compile(r"[a-z]{14}|[A-Z]{20}")  # does not occur by chance in 4,000 characters of base64
_SHORTEST_LINE = 40  # characters of all lines but the last
_BASE64 = frozenset((string.ascii_letters + string.digits + "+/").encode())
_MASK = bytes(b"x"[0] if byte in _BASE64 else b" "[0] for byte in range(256))
_RUN = b"x" * _SHORTEST_LINE  # in every masked base64 text; five times faster to search for than a pattern
_LOOK = 4000  # characters that are examined
_WORTH = -1.0


@dataclass(frozen=True, slots=True)
class EncodedForm:
    """A run of base64: one part, omitted by default."""

    start: int
    end: int
    text: str
    parts: Sequence[Part]
    kind: Kind = "base64"

    def render(self, chosen: Sequence[int]) -> str:
        """The run, verbatim."""
        return self.text if chosen else ""


def read(text: str, start: int, end: int) -> EncodedForm | None:
    """The form of a slice that is one run of base64; None if it is not. Linear time."""
    if end - start < _LEAST or _RUN not in text[start:end].encode(errors="replace").translate(_MASK):
        return None
    match = _BLOCK.fullmatch(text, start, end)
    if match is None or len(match["code"]) < _LEAST or not (match["uri"] or _is_code(match["code"])):
        return None
    encoded = text[start:end]
    return EncodedForm(start, end, encoded, (Part(start, end, (), _WORTH, estimate_tokens(encoded), False),))


def _is_code(code: str) -> bool:
    """Whether a run of letters and digits is base64 rather than words, hexadecimal digits or a list of names."""
    lines = code.split()
    look = code[:_LOOK]
    is_mixed = any(map(str.islower, look)) and any(map(str.isupper, look)) and any(map(str.isdigit, look))
    return is_mixed and all(len(line) >= _SHORTEST_LINE for line in lines[:-1]) and _WORD.search(look) is None
