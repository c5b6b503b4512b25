"""Files in base64 inside of a text: a picture as a data URI, an attachment pasted into a mail. Nobody reads them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import regex

from app.text.kinds.form import Kind, Part
from app.text.tokens import estimate_tokens

_LEAST = 200  # characters; a shorter run of letters and digits may be a key that somebody needs
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
_WORD = regex.compile(r"[a-z]{14}|[A-Z]{20}")  # what chance does not make in 4,000 characters of base64, words do
_SHORTEST_LINE = 40  # characters of all lines but the last
_RUN = re.compile(rf"[A-Za-z0-9+/]{{{_SHORTEST_LINE}}}")  # in all of them, and found in a tenth of the time
_LOOK = 4000  # characters that tell whether it is base64
_WORTH = -1.0


@dataclass(frozen=True, slots=True)
class EncodedForm:
    """A run of base64: one part, which is left out where no size is asked for."""

    start: int
    end: int
    text: str
    parts: Sequence[Part]
    kind: Kind = "base64"

    def render(self, chosen: Sequence[int]) -> str:
        """The run as it stands."""
        return self.text if chosen else ""


def read(text: str, start: int, end: int) -> EncodedForm | None:
    """The form of a slice that is one run of base64, None where it is anything else. Linear time."""
    if end - start < _LEAST or max(map(len, text[start:end].split()), default=0) < _SHORTEST_LINE:
        return None
    if not _RUN.search(text, start, end):
        return None
    match = _BLOCK.fullmatch(text, start, end)
    if match is None or len(match["code"]) < _LEAST or not (match["uri"] or _is_code(match["code"])):
        return None
    said = text[start:end]
    return EncodedForm(start, end, said, (Part(start, end, (), _WORTH, estimate_tokens(said), False),))


def _is_code(code: str) -> bool:
    """Whether a run of letters and digits is base64, and not words, hexadecimal digits or a list of names."""
    lines = code.split()
    look = code[:_LOOK]
    is_mixed = any(map(str.islower, look)) and any(map(str.isupper, look)) and any(map(str.isdigit, look))
    return is_mixed and all(len(line) >= _SHORTEST_LINE for line in lines[:-1]) and _WORD.search(look) is None
