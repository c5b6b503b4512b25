"""Tables: whole rows with all their fields under their header; totals and what is unlike the others first."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import find_forms, table
from app.text.kinds.table import TableForm
from tests.unit.kinds.forms import check_parts, choices, closed, whole

PODS = """NAME            STATUS      RESTARTS   AGE     NODE
web-6c9f-a1     Running     0          12d     node-3
web-6c9f-b7     Running     4          12d     node-1
pay-77d0-k2     CrashLoop   61         3h      node-2
mail-51ee-x9    Running     0          41d     node-3
db-0            Running     1          90d     node-2"""

MARKDOWN = """| Name   | Owner |  SLA |
|:-------|-------|-----:|
| login  | Ada   | 99.9 |
| a \\| b | Ben   |      |
| total  |       | 12   |"""


def form_of(text: str) -> TableForm:
    form = table.read(text, 0, len(text))
    assert form is not None
    return form


def best(form: TableForm) -> int:
    return max(range(len(form.parts)), key=lambda at: form.parts[at].worth)


def test_rows_of_csv_stay_as_they_are_under_their_header() -> None:
    text = 'id,name,note\n1,"Smith, J","two\nlines"\n2,Bo,\n3,"",""\n'
    form = form_of(text)
    assert whole(form) == text.rstrip("\n")
    assert form.render(closed(form, [1])) == 'id,name,note\n1,"Smith, J","two\nlines"\n... 2 more rows'
    assert form.render(closed(form, [2, 3])) == 'id,name,note\n2,Bo,\n3,"",""\n... 1 more row'


def test_empty_fields_at_the_end_of_a_text_belong_to_its_last_row() -> None:
    (form,) = find_forms("a\tb\tc\n1\t2\t3\n4\t\t\n")
    assert whole(form) == "a\tb\tc\n1\t2\t3\n4\t\t"


def test_rows_without_a_header_need_none() -> None:
    form = form_of("1;2;x\n3;4;y\n5;6;z")
    assert form.render([1]) == "3;4;y\n... 2 more rows"


def test_padding_of_markdown_goes_and_cells_stay() -> None:
    form = form_of(MARKDOWN)
    assert whole(form) == (
        "| Name | Owner | SLA |\n| :--- | --- | ---: |\n| login | Ada | 99.9 |\n| a \\| b | Ben |  |\n| total |  | 12 |"
    )
    assert form.render(closed(form, [2])).splitlines()[2:] == ["| a \\| b | Ben |  |", "| ... 2 more rows |"]


def test_lines_of_aligned_columns_stay_as_they_are() -> None:
    form = form_of(PODS)
    lines = PODS.splitlines()
    assert form.render([0, 3]) == f"{lines[0]}\n{lines[3]}\n... 4 more rows"
    assert best(form) == 3


def test_totals_and_extremes_are_worth_most() -> None:
    rows = [f"shop {at},{100 + at % 9},{3 + at % 5}" for at in range(60)]
    rows[40] = "shop 40,99000,4"
    form = form_of("\n".join(["shop,sales,staff", *rows, "Total,6300,300"]))
    worths = [part.worth for part in form.parts]
    assert set(sorted(range(len(worths)), key=lambda at: -worths[at])[:2]) == {41, 61}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "one line",
        "He came, saw, won.\nShe went, too, then.\nThey, for once, agreed.",
        "a,b\n1,2,3\n4",
        'a,b,c\n1,"2,3\n4,5,6',
        "| a | b |\n| 1 | 2 |",
        "Dear all,\n\nthe sums are below.\n",
    ],
)
def test_what_is_no_table_has_no_form(text: str) -> None:
    assert table.read(text, 0, len(text)) is None


def test_a_table_between_paragraphs_is_found() -> None:
    text = f"Here they are:\n{MARKDOWN}\n\nThat is all, as of today."
    (form,) = find_forms(text)
    assert (form.kind, text[form.start : form.end]) == ("table", MARKDOWN)


CELL = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=10) | st.sampled_from(['a"b', "x\ny", ",", "7"])


@given(
    rows=st.integers(2, 6).flatmap(
        lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=2, max_size=12)
    ),
    delimiter=st.sampled_from(",;\t"),
    data=st.data(),
)
def test_any_choice_of_rows_reads_as_rows_of_the_source(
    rows: list[list[str]], delimiter: str, data: st.DataObject
) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    text = out.getvalue()
    form = table.read_csv(text, 0, len(text))
    assert form is not None
    check_parts(form, 0, len(text))
    taken = data.draw(choices(form))
    rendered = list(csv.reader(io.StringIO(form.render(taken)), delimiter=delimiter, strict=True))
    assert rendered[: len(taken)] == [rows[at] for at in taken]
    assert [len(row) for row in rendered[len(taken) :]] == [1] * (len(taken) < len(rows))


PLAIN_CELL = st.text(st.characters(exclude_categories=["Cs", "C", "Z"], exclude_characters="|\\"), max_size=8)


@given(
    rows=st.integers(2, 5).flatmap(
        lambda width: st.lists(st.lists(PLAIN_CELL, min_size=width, max_size=width), min_size=2, max_size=9)
    ),
    padding=st.integers(1, 4),
    data=st.data(),
)
def test_any_choice_of_rows_of_markdown_has_their_cells(
    rows: list[list[str]], padding: int, data: st.DataObject
) -> None:
    lines = ["| " + " | ".join(cell + " " * padding for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    text = "\n".join(lines)
    form = table.read_markdown(text, 0, len(text))
    assert form is not None
    taken = data.draw(choices(form))
    rendered = [[cell.strip() for cell in line[1:-1].split("|")] for line in form.render(taken).splitlines()]
    assert rendered[:1] + rendered[2 : len(taken) + 1] == [rows[at] for at in taken]
    assert set("".join(rendered[1])) <= {"-"}
