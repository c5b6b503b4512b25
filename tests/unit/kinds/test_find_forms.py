"""Where structured parts stand in a text, and what a caller may say it is."""

import pytest
from hypothesis import given

from app.text.kinds import ContentTypeError, find_forms, known_types
from app.text.kinds.code import CodeForm
from tests.unit.kinds.forms import whole
from tests.unit.strategies import ANY

JSON = '[{"id": 1,\n\n"name": "a"},\n {"id": 2, "name": "b"}]'


def test_parts_of_several_kinds_are_found_in_order() -> None:
    text = f"The answer was:\n{JSON}\nand the table:\n\na,b,c\n1,2,3\n4,5,6\n\nThat is all."
    forms = find_forms(text)
    assert [(form.kind, text[form.start : form.end]) for form in forms] == [
        ("json", JSON),
        ("table", "a,b,c\n1,2,3\n4,5,6"),
    ]


def test_a_fenced_block_keeps_its_fences() -> None:
    text = '# Page\n\n```json\n{"a": [1,\n 2]}\n```\n\nMore text.'
    (form,) = find_forms(text)
    assert form.kind == "json"
    assert whole(form) == '```json\n{"a":[1,2]}\n```'


def test_lines_of_json_that_are_a_log_are_one() -> None:
    record = '{{"time": "2026-01-01T10:00:{:02d}Z", "level": "info", "msg": "request {} done"}}'
    assert [form.kind for form in find_forms("\n".join(record.format(at, at) for at in range(40)))] == ["log"]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("name,ms,state\nerror,1,ok\nwarning,2,failed\n", "table"),
        ("[warn]\nlevel = error\nfile = x\n", "ini"),
        ("error:\n  level: 3\n  file: x\n", "yaml"),
        ("LOG_LEVEL=error\nLOG_FILE=x\nDEBUG=0\n", "env"),
    ],
)
def test_what_only_names_errors_is_no_log(text: str, kind: str) -> None:
    assert [form.kind for form in find_forms(text)] == [kind]


def test_json_that_is_broken_off_is_no_form() -> None:
    assert find_forms('It said\n{"a": 1,\nand then nothing.') == ()


@pytest.mark.parametrize("name", ["json", "application/json", "Application/Problem+JSON; charset=utf-8"])
def test_the_content_type_is_a_name_or_a_media_type(name: str) -> None:
    assert [form.kind for form in find_forms('{"a": 1}', name)] == ["json"]


def test_a_text_that_is_not_of_its_content_type_is_refused() -> None:
    with pytest.raises(ContentTypeError, match="not valid json"):
        find_forms("a,b\n1,2", "json")


def test_an_unknown_content_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ContentTypeError, match=r"'klingon' is not known; known are .*json"):
        find_forms("a", "klingon")


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("python", "x = 1\n\n\ndef f():\n    return x\n", "python"),
        ("text/x-python; charset=utf-8", "def f():\n    return 1\n", "python"),
        ("application/javascript", "function f() {\n  return 1;\n}\n", "javascript"),
        ("go", "package a\n\nfunc F() int {\n\treturn 1\n}\n", "go"),
        ("c++", "int f() {\n  return 1;\n}\n", "cpp"),
        ("c#", "class A {\n  int F() { return 1; }\n}\n", "csharp"),
        ("sh", "f() {\n  echo 1\n}\n", "bash"),
        ("sql", "CREATE TABLE a (b int);\nINSERT INTO a VALUES (1);\n", "sql"),
    ],
)
def test_a_programming_language_is_a_content_type(name: str, text: str, language: str) -> None:
    (form,) = find_forms(text, name)
    assert isinstance(form, CodeForm)
    assert form.language.name == language


def test_code_that_is_not_in_the_language_of_its_content_type_is_refused() -> None:
    with pytest.raises(ContentTypeError, match="not valid python"):
        find_forms("function f() {\n  return 1;\n}\n", "python")


@pytest.mark.parametrize("name", known_types())
def test_a_type_that_is_listed_as_known_is_not_refused_as_unknown(name: str) -> None:
    message = ""
    try:
        find_forms("Nothing but words.", name)
    except ContentTypeError as error:
        message = str(error)
    assert "not known" not in message


def test_a_text_with_the_content_type_of_prose_has_no_form() -> None:
    assert find_forms(JSON, "text/plain") == ()


def test_two_columns_are_csv_where_the_caller_says_so() -> None:
    text = "name,said\nA,Hello you\nB,Well yes"
    assert [form.kind for form in find_forms(text, "text/csv")] == ["table"]


@given(text=ANY)
def test_forms_of_any_text_are_in_order_and_render(text: str) -> None:
    reach = 0
    for form in find_forms(text):
        assert reach <= form.start < form.end <= len(text)
        assert whole(form)
        reach = form.end
