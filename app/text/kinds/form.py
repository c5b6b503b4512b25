"""What a structured part of a text is to the rest: parts that are taken or left as a whole, and how they are joined."""

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
    """A row, a record, a line, a definition, a hunk: what is taken or left as a whole.

    `start`, `end`: its slice of the text, in code points; parts are in order and do not overlap. `needs`: numbers of
    other parts of the form without which it means nothing (a header, a parent). `worth`: how much it matters beside its
    facts and words: below 0 for what is worth nearly nothing (a greeting, a signature, quoted mail), 0 for routine,
    about 1 for something notable, 3 for what must not be lost (an error, a total).
    `cost`: its tokens in the rendered form, None for those of its slice. `is_default`: it is in the result where the
    request asks for no size.
    """

    start: int
    end: int
    needs: tuple[int, ...] = ()
    worth: float = 0.0
    cost: int | None = None
    is_default: bool = True


class Form(Protocol):
    """A slice `start` to `end` of a text that has a form of its own."""

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

        It says how much was left out, where its form has a place for that. With all parts nothing is lost: numbers and
        strings are to the letter, only white space and repeated keys may go.
        """
        ...


class ExtractedForm(Form, Protocol):
    """A form whose parts say something else than their slices do: without markup, decoded, joined."""

    def part_text(self, part: int) -> str:
        """What a part says to a reader."""
        ...

    def place(self, part: int, start: int, end: int) -> tuple[int, int]:
        """The slice of the text that `start` to `end` of what a part says was made of."""
        ...


def is_extracted(form: Form | None) -> TypeGuard[ExtractedForm]:
    """Whether the parts of a form say something else than their slices do."""
    return hasattr(form, "part_text")
