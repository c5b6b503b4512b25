"""Tools' output in lines: whole lines come out, the ones that tell something first, and a count of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compression.compressor import CompressOptions, compress_extractive
from app.text.kinds.lines import LinesForm, read
from tests.unit.kinds.forms import choices, default, whole

PODS = """NAME            STATUS      RESTARTS   AGE     NODE
web-6c9f-a1     Running     0          12d     node-3
web-6c9f-b7     Running     4          12d     node-1
pay-77d0-k2     CrashLoop   61         3h      node-2
mail-51ee-x9    Running     0          41d     node-3
db-0            Running     1          90d     node-2
"""
MATCHES = """src/settings.py:476:    retry_policy = Policy(attempts=3)
src/settings.py:497:    # retry_policy is overridden
src/client.py:556:            raise ValueError("retry_policy must be set")
docs/changes.md:12:- retry_policy replaces max_retries
"""


def form_of(text: str) -> LinesForm:
    form = read(text, 0, len(text))
    assert form is not None
    return form


def test_a_row_needs_the_header_and_the_rest_is_counted() -> None:
    form = form_of(PODS)
    assert all(part.needs == (0,) for part in form.parts[1:])
    assert form.render([0, 3]).split("\n") == [*PODS.split("\n")[:1], PODS.split("\n")[3], "... 4 more rows"]


def test_a_row_with_a_rare_word_and_a_high_number_matters_most() -> None:
    rows = form_of(PODS).parts[1:]
    assert max(range(len(rows)), key=lambda at: rows[at].worth) == 2


def test_a_match_stands_with_its_own_place() -> None:
    assert form_of(MATCHES).render([0, 2]).split("\n") == [
        MATCHES.split("\n")[0],
        MATCHES.split("\n")[2],
        "... 2 more lines in 2 files",
    ]


def test_few_lines_are_all_shown() -> None:
    assert default(form_of(PODS)) == PODS.rstrip("\n")
    assert default(form_of(MATCHES)) == MATCHES.rstrip("\n")


def test_of_many_matches_the_first_of_a_file_are_shown() -> None:
    text = "\n".join(f"src/a.py:{number}: x = {number}" for number in range(100))
    assert default(form_of(text)).split("\n")[-1] == "... 95 more lines in src/a.py"


def test_of_many_rows_the_failed_one_is_shown() -> None:
    text = "\n".join(["NAME   STATUS", *(f"a{n}   {'Failed' if n == 777 else 'Running'}" for n in range(1000))])
    assert "a777   Failed" in default(form_of(text))


@pytest.mark.parametrize(
    "text", ["", "a:1:b", "12:30:45 one\n12:30:46 two\n12:30:47 three", "One two.\nThree four.\nFive.\n"]
)
def test_other_lines_have_no_form(text: str) -> None:
    assert read(text, 0, len(text)) is None


@given(st.data())
def test_any_choice_has_whole_lines_in_order_and_a_true_count(data: st.DataObject) -> None:
    paths = st.sampled_from(["src/a.py", "b.c", "docs/x y.md"])
    texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), max_size=20)
    matches = data.draw(st.lists(st.tuples(paths, st.integers(1, 999), texts), min_size=3, max_size=30))
    lines = [f"{path}:{number}:{text}" for path, number, text in matches]
    form = form_of("\n".join(lines))
    assert whole(form).split("\n") == lines
    chosen = data.draw(choices(form))
    result = form.render(chosen).split("\n")
    marks = [line for line in result if line.startswith("... ")]
    assert [line for line in result if line not in marks] == [lines[number] for number in chosen]
    assert len(chosen) + sum(int(mark.split()[1]) for mark in marks) == len(lines)


@pytest.mark.parametrize("stamp", ["2026-03-02T08:00:01Z", "host [02/Mar/2026:08:00:01 +0000]", "Mar  2 08:00:01 host"])
def test_lines_that_begin_with_a_time_are_no_matches(stamp: str) -> None:
    text = f"{stamp} job 1 done\n" * 5
    assert read(text, 0, len(text)) is None


def test_a_listing_of_files_says_how_many_are_left_out() -> None:
    paths = [f"src/shop/module_{at:02}/views.py" for at in range(60)]
    text = "\n".join(paths)
    result = compress_extractive(CompressOptions(text, target_ratio=0.2))
    *shown, mark = result.text.splitlines()
    assert set(shown) <= set(paths)
    assert mark == f"... {60 - len(shown)} more lines"
    assert compress_extractive(CompressOptions(text)).text == text


def test_a_file_of_a_listing_stands_under_its_folder() -> None:
    folders = [f"app/part{at}:" for at in range(6)]
    file = "-rw-r--r--  1 root root  {} Nov 26 17:53 module_{}.py"
    lines = [
        line for at, path in enumerate(folders) for line in (path, *(file.format(at * 900 + n, n) for n in range(8)))
    ]
    result = compress_extractive(CompressOptions("\n".join(lines), target_ratio=0.1))
    folder = ""
    for line in result.text.splitlines()[:-1]:
        folder = line if line in folders else folder
        assert line == folder or lines.index(line) > lines.index(folder)
        assert line == folder or line in lines[lines.index(folder) : lines.index(folder) + 9]
