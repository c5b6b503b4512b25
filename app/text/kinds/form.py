"""The interface of structured text: parts that are kept or omitted as a whole, and a renderer that joins them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeGuard

Kind = Literal[
    "json",
    "ndjson",
    "table",
    "code",
    "diff",
    "log",
    "lines",
    "yaml",
    "toml",
    "ini",
    "env",
    "xml",
    "html",
    "email",
    "subtitles",
    "latex",
    "base64",
]


@dataclass(frozen=True, slots=True)
class Part:
    """A row, a record, a line, a definition, a hunk: kept or omitted as a whole.

    `start`, `end`: its slice of the text, in code points; parts are in order and do not overlap. `needs`: numbers of
    other parts of the form that it needs to make sense (a header, a parent). `worth`: its importance besides its facts
    and words: below 0 for nearly nothing (a greeting, a signature, quoted mail), 0 for routine, about 1 for something
    notable, 3 for what must not be lost (an error, a total). `cost`: its tokens in the rendered form; None for those of
    its slice. `is_default`: it is in the result if the request gives no size.
    """

    start: int
    end: int
    needs: tuple[int, ...] = ()
    worth: float = 0.0
    cost: int | None = None
    is_default: bool = True


class Form(Protocol):
    """The slice `start` to `end` of a text, structured in parts."""

    @property
    def kind(self) -> Kind: ...

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...

    @property
    def parts(self) -> Sequence[Part]: ...

    def render(self, chosen: Sequence[int]) -> str:
        """The valid, shorter form of the chosen parts (numbers in ascending order, closed under `needs`, never empty).

        It states how much was omitted if the format allows it. With all parts chosen nothing is lost: numbers and
        strings stay verbatim, only white space and repeated keys may be dropped.
        """
        ...


class ExtractedForm(Form, Protocol):
    """A form whose parts have a text that differs from their slices: without markup, decoded, joined."""

    def part_text(self, part: int) -> str:
        """The text of a part as a reader sees it."""
        ...

    def place(self, part: int, start: int, end: int) -> tuple[int, int]:
        """The slice of the source from which `start` to `end` of a part's text was made."""
        ...


def is_extracted(form: Form | None) -> TypeGuard[ExtractedForm]:
    """Whether the parts of a form have a text that differs from their slices."""
    return hasattr(form, "part_text")
