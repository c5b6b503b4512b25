"""A file as agents' tools show it: each line after its number, as in the output of `cat -n`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import regex

from app.text.kinds.form import Form
from app.text.kinds.spans import line_spans
from app.text.kinds.view import Section, View, form_of

_NUMBERED = regex.compile(r"[ ]{0,10}(?P<number>\d{1,7})(?:\t|→| ?[|│](?: |$)|$)")  # a blank line has nothing after it
_FEWEST = 5  # lines
_FOLLOWING = 0.9  # of the lines must have the number after that of the line before


def read(text: str, start: int, end: int) -> Form | None:
    """The form of the lines without their numbers; None if they have none."""
    if not _NUMBERED.match(text, start, end):
        return None
    lines = list(line_spans(text, start, end))
    heads = [_NUMBERED.match(text, *line) for line in lines]
    if len(lines) < _FEWEST or not _count_on([int(head["number"]) if head else None for head in heads]):
        return None
    view = View()
    for (begin, stop), head in zip(lines, heads, strict=True):
        first = head.end() if head else begin
        view.add(text[first:stop], first, stop)
        view.put("\n")
    form = form_of("lines", start, end, [Section(view)])
    inner = form.pieces[0].form if form else None
    return replace(form, kind=inner.kind) if form and inner else form


def _count_on(numbers: Sequence[int | None]) -> bool:
    following = sum(
        first is not None and second is not None and second == first + 1 for first, second in pairwise(numbers)
    )
    return following >= _FOLLOWING * (len(numbers) - 1)
