"""Parts of a form as a request may come to choose them."""

from hypothesis import strategies as st

from app.text.kinds.form import Form, Part


def closed(parts: list[Part] | tuple[Part, ...] | object, numbers: set[int]) -> list[int]:
    """The parts with those numbers and all that they need."""
    assert isinstance(parts, list | tuple)
    found: set[int] = set()
    open_parts = list(numbers)
    while open_parts:
        number = open_parts.pop()
        if number not in found:
            found.add(number)
            open_parts += parts[number].needs
    return sorted(found)


def default(form: Form) -> str:
    """What a form gives where no size is asked for."""
    return form.render([number for number, part in enumerate(form.parts) if part.is_default])


def whole(form: Form) -> str:
    """What a form gives with all parts."""
    return form.render(range(len(form.parts)))


@st.composite
def choices(draw: st.DrawFn, form: Form) -> list[int]:
    """Any choice of parts that is not empty and has what it needs."""
    numbers = draw(st.sets(st.integers(0, len(form.parts) - 1), min_size=1))
    return closed(list(form.parts), numbers)
