"""A text beside its result: what was left out of the text, and what the model wrote in the result."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import regex
from rich.console import Console
from rich.style import Style
from rich.text import Text

from app.ops.client import Answer
from app.ops.exits import USAGE, CommandError

Mark = Literal["", "left_out", "model"]

_STYLES: dict[Mark, Style] = {
    "": Style(),
    "left_out": Style(color="red", strike=True),
    "model": Style(color="green", bold=True),
}
_SIGNS: dict[Mark, tuple[str, str]] = {"": ("", ""), "left_out": ("[-", "-]"), "model": ("{+", "+}")}  # like wdiff's
_CONTROL = regex.compile(r"[\p{Cc}--\t\n]", regex.V1)
_PICTURES = 0x2400  # Unicode's pictures of the control characters


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a text and its mark."""

    text: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Difference:
    """The whole source and the whole result, in order."""

    source: Sequence[Segment]
    result: Sequence[Segment]

    def as_json(self) -> dict[str, Any]:
        """As JSON; the joined texts are the source and the result."""
        return {
            "source": [{"text": segment.text, "is_left_out": segment.mark == "left_out"} for segment in self.source],
            "result": [{"text": segment.text, "by": "model" if segment.mark else "source"} for segment in self.result],
        }


def difference(text: str, answer: Answer) -> Difference:
    """The segments of `text` and of the answer of `/compress` to it. Raises CommandError if it answers another text."""
    if answer["sizes"]["source_bytes"] != len(text.encode()):
        raise CommandError("the answer belongs to another text", USAGE)
    fidelity = answer["fidelity"]
    by_model = [(passage["start"], passage["end"]) for passage in fidelity["passages"] if passage["by"] == "model"]
    return Difference(
        tuple(_segments(text, fidelity["omitted"], "left_out")),
        tuple(_segments(answer["compressed"], by_model, "model")),
    )


def _segments(text: str, marked: Sequence[Sequence[int]], mark: Mark) -> Iterator[Segment]:
    at = 0
    for start, end in [*marked, (len(text), len(text))]:
        if at < start:
            yield Segment(text[at:start], "")
        if start < end:
            yield Segment(text[start:end], mark)
        at = end


def print_difference(difference: Difference, name: str, sizes: Answer) -> None:
    """Write both to standard output: in colours on a terminal; otherwise, or with NO_COLOR, with marks like wdiff's."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True, markup=False, emoji=False)
    in_colours = console.color_system is not None and not console.no_color
    heads: tuple[tuple[str, Mark, Sequence[Segment]], ...] = (
        (f"--- {name}, {sizes['source_tokens']} tokens", "left_out", difference.source),
        (f"+++ result, {sizes['compressed_tokens']} tokens", "model", difference.result),
    )
    for head, mark, segments in heads:
        signs = _SIGNS[mark]
        what = "left out" if mark == "left_out" else "written by the model"
        legend = Text(what, _STYLES[mark]) if in_colours else Text(f"{signs[0]}{what}{signs[1]}")
        console.print(Text(f"{head}; ") + legend)
        console.print(_rendered(segments, in_colours=in_colours), end="\n\n" if mark == "left_out" else "\n")


def _rendered(segments: Sequence[Segment], *, in_colours: bool) -> Text:
    rendered = Text()
    for segment in segments:
        # A text may contain control characters, which would affect the terminal.
        shown = _CONTROL.sub(
            lambda match: chr(_PICTURES + ord(match[0])) if ord(match[0]) < 32 else "\ufffd", segment.text
        )
        before, after = ("", "") if in_colours else _SIGNS[segment.mark]
        rendered.append(f"{before}{shown}{after}", _STYLES[segment.mark] if in_colours else Style())
    return rendered
