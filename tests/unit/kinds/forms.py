"""What all forms have in common, for the tests of each kind."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from hypothesis import strategies as st

from app.text.kinds.form import Form
from app.text.kinds.view import ViewForm

F = TypeVar("F", bound=Form)


def form_by(read: Callable[[str, int, int], F | None], source: str) -> F:
    """What a reader makes of a whole text, its parts checked."""
    form = read(source, 0, len(source))
    assert form is not None
    check_parts(form, 0, len(source))
    return form


def view_by(read: Callable[[str, int, int], Form | None], source: str) -> ViewForm:
    """As `form_by`, of a reader of what is read through a view."""
    form = form_by(read, source)
    assert isinstance(form, ViewForm)
    return form


def check_parts(form: Form, start: int, end: int) -> None:
    """Parts are in order, do not overlap, lie in the form's slice, and need only other parts."""
    reach = start
    for number, part in enumerate(form.parts):
        assert reach <= part.start < part.end <= end
        assert all(0 <= need < len(form.parts) and need != number for need in part.needs)
        reach = part.end


def closed(form: Form, numbers: Iterable[int]) -> list[int]:
    """The parts with all that they need, in order."""
    closure = set(numbers)
    open_parts = list(closure)
    while open_parts:
        for need in form.parts[open_parts.pop()].needs:
            if need not in closure:
                closure.add(need)
                open_parts.append(need)
    return sorted(closure)


def default(form: Form) -> str:
    """What a form gives where no size is asked for."""
    return form.render([number for number, part in enumerate(form.parts) if part.is_default])


def whole(form: Form) -> str:
    """What a form gives with all parts."""
    return form.render(range(len(form.parts)))


def choices(form: Form) -> st.SearchStrategy[list[int]]:
    """Any choice of parts, closed under needs, not empty."""
    numbers = st.sets(st.sampled_from(range(len(form.parts))), min_size=1)
    return numbers.map(lambda chosen: closed(form, chosen))
