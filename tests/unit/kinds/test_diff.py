"""Diffs: hunks are whole, what comes out applies, and what was left out is named."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unidiff.patch import PatchSet

from app.text.kinds import find_forms
from app.text.kinds.diff import DiffForm, read
from tests.unit.kinds.forms import choices, default, whole

DIFF = """diff --git a/app/limit.py b/app/limit.py
index 3f1c2aa..9be0d17 100644
--- a/app/limit.py
+++ b/app/limit.py
@@ -12,4 +12,4 @@ class Limit:
     def allow(self, key):
-        return key > self.most
+        return key >= self.most
 
     def reset(self):
@@ -40,2 +40,2 @@ class Limit:
     def names(self):
-        return list(self.counts)
+        return sorted(self.counts)
diff --git a/logo.png b/logo.png
index 3f1c2aa..9be0d17 100644
Binary files a/logo.png and b/logo.png differ
"""


def form_of(text: str) -> DiffForm:
    form = read(text, 0, len(text))
    assert form is not None
    return form


def diff_of(old: list[str], new: list[str], context: int) -> str:
    return "\n".join(difflib.unified_diff(old, new, "a/x", "b/x", n=context, lineterm=""))


def applied(diff: str, old: list[str]) -> list[str]:
    """`old` with a diff applied to it. Each line that it takes away or leaves must stand where it says."""
    new: list[str] = []
    at = 0
    for file in PatchSet(diff.split("\n")):
        for hunk in file:
            start = hunk.source_start - (1 if hunk.source_length else 0)
            new += old[at:start]
            assert [line.value.rstrip("\n") for line in hunk.source_lines()] == old[start : start + hunk.source_length]
            new += [line.value.rstrip("\n") for line in hunk.target_lines()]
            at = start + hunk.source_length
    return new + old[at:]


def test_all_parts_are_the_diff_to_the_letter() -> None:
    assert whole(form_of(DIFF)) == DIFF.rstrip("\n")


def test_a_hunk_comes_with_the_header_of_its_file_and_the_number_of_the_others() -> None:
    form = form_of(DIFF)
    second = next(at for at, part in enumerate(form.parts) if "sorted" in DIFF[part.start : part.end])
    assert form.parts[second].needs == (0,)
    assert form.render([0, second]).split("\n") == [
        *DIFF.split("\n")[:4],
        *DIFF.split("\n")[10:14],
        "... 1 of 2 hunks of app/limit.py left out",
        "... 1 file left out: logo.png",
    ]


def test_the_header_of_a_file_never_comes_without_a_hunk() -> None:
    form = form_of(DIFF)
    assert form.parts[0].needs


def test_context_beyond_the_usual_is_left_out_with_a_header_that_is_true() -> None:
    old = [f"line {number}" for number in range(60)]
    new = [*old[:30], "another", *old[31:]]
    form = form_of(diff_of(old, new, context=20))
    assert "@@ -28,7 +28,7 @@" in default(form)
    assert applied(default(form), old) == new


def test_data_of_a_binary_file_is_named_and_left_out() -> None:
    data = "\n".join("z" + "c${)(#d0T~" * 6 for _ in range(30))
    text = f"diff --git a/a.png b/a.png\nindex 1..2 100644\nGIT binary patch\nliteral 900\n{data}\n\n{DIFF}"
    rendered = default(form_of(text))
    assert "literal 900" not in rendered
    assert "... 1 file left out: a.png" in rendered


def test_lock_files_matter_less() -> None:
    text = DIFF.replace("app/limit.py", "package-lock.json")
    assert form_of(text).parts[1].worth < form_of(DIFF).parts[1].worth


def test_the_messages_of_commits_stand_before_their_diff() -> None:
    text = f"commit 3f1c2aa9be0d\nAuthor: Ada\n\n    Sort the names\n\n{DIFF}"
    form = form_of(text)
    assert "Sort the names" in text[form.parts[0].start : form.parts[0].end]


def test_a_hunk_with_wrong_numbers_is_kept_whole() -> None:
    text = DIFF.replace("@@ -12,4 +12,4 @@", "@@ -12,9 +12,9 @@")
    assert whole(form_of(text)) == text.rstrip("\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "@@",
        "--- a\n+++ b\n",
        "- one\n- two\n",
        "diff --git a/x b/x\nhello\n",
        "@@ -1,3 +1,3 @@\nhello\n",
        "--- a\n" * 9,
    ],
)
def test_what_is_no_diff_has_no_form(text: str) -> None:
    assert read(text, 0, len(text)) is None


@given(st.data())
def test_any_choice_of_hunks_applies(data: st.DataObject) -> None:
    lines = st.lists(st.sampled_from(["a", "b", "", "  c", "- d", "+ e", "-- f"]), max_size=40)
    old, new = data.draw(lines), data.draw(lines)
    context = data.draw(st.integers(0, 12))
    text = diff_of(old, new, context)
    form = read(text, 0, len(text))
    if not text:
        assert form is None
        return
    assert form is not None
    assert whole(form) == text
    assert applied(whole(form), old) == new
    result = form.render(data.draw(choices(form)))
    source_lines = set(text.split("\n"))
    assert all(line in source_lines or line.startswith(("@@", "...")) for line in result.split("\n"))
    applied(result, old)


def test_blank_context_at_the_end_stays_in_the_last_hunk() -> None:
    text = "--- a/x\n+++ b/x\n@@ -1,4 +1,4 @@\n one\n-two\n+three\n four\n \n"
    form = find_forms(text)[0]
    assert whole(form) == text.removesuffix("\n")
    assert PatchSet(default(form))[0][0].source_length == 4
