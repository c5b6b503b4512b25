"""Fenced blocks of Markdown never lose a fence."""

from hypothesis import given
from hypothesis import strategies as st

from app.text.document import read
from app.text.kinds import fence
from tests.unit.kinds.forms import check_parts, choices, closed, whole

_SOURCE = "```\nfirst thing\n\nsecond thing\nthird thing\n```"


def test_a_line_comes_between_its_fences() -> None:
    form = fence.read(_SOURCE, 0, len(_SOURCE))
    assert form is not None
    assert form.render(closed(form, [2])) == "```\n... 1 more\nsecond thing\n... 1 more\n```"


def test_all_lines_are_the_block_itself() -> None:
    form = fence.read(_SOURCE, 0, len(_SOURCE))
    assert form is not None
    assert whole(form) == _SOURCE


def test_a_fence_that_is_open_in_the_source_is_closed() -> None:
    source = "~~~ text\nfirst thing\nsecond thing"
    form = fence.read(source, 0, len(source))
    assert form is not None
    assert form.render([0, 1, 2]).endswith("\n~~~")


def test_a_footnote_comes_with_what_refers_to_it() -> None:
    document = read("It is lost in part[^1]. It was found again.\n\n[^1]: Some 5 % of it are lost.\n")
    assert document.units[0].needs == (2,)
    assert document.units[1].needs != (2,)


def test_the_address_of_a_link_comes_with_what_refers_to_it() -> None:
    document = read("See [the guide][g] for it. Nothing else is here.\n\n[g]: https://x.org/guide\n")
    assert 2 in document.units[0].needs


@given(st.data(), st.lists(st.sampled_from(["", "x", "  y = 5", "~~", "z"]), max_size=8), st.booleans())
def test_any_choice_has_two_fences(data: st.DataObject, lines: list[str], is_closed: bool) -> None:
    source = "\n".join(["```text", *lines, "x", *(["```"] if is_closed else [])])
    form = fence.read(source, 0, len(source))
    assert form is not None
    check_parts(form, 0, len(source))
    assert form.render(data.draw(choices(form))).count("```") == 2
