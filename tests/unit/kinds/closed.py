"""Choices of parts that a selection may make: closed under what they need."""

from collections.abc import Sequence

from hypothesis import strategies as st

from app.text.kinds.form import Form, Part


def closed(form: Form, wanted: Sequence[int]) -> list[int]:
    """The wanted parts with all that they need, in order."""
    found: set[int] = set()
    open_parts = list(wanted)
    while open_parts:
        at = open_parts.pop()
        if at not in found:
            found.add(at)
            open_parts += form.parts[at].needs
    return sorted(found)


def choices(data: st.DataObject, form: Form) -> list[int]:
    """Any choice of parts, at least one."""
    return closed(form, data.draw(st.lists(st.integers(0, len(form.parts) - 1), min_size=1, max_size=12)))


def all_of(form: Form) -> str:
    return form.render(range(len(form.parts)))


def are_in_order(parts: Sequence[Part], start: int, end: int) -> bool:
    """Whether the slices of parts follow each other inside of their form."""
    reach = start
    for part in parts:
        if not reach <= part.start <= part.end <= end:
            return False
        reach = part.end
    return True
