"""Settings: whole entries under their parents, valid, nothing expanded."""

import configparser
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import find_forms, settings, yaml_lines
from app.text.kinds.form import Form
from tests.unit.kinds.forms import check_parts, choices, closed, whole

YAML = """# Owner: Team Tidewater
kind: Deployment
metadata:
  name: ingest
  labels: {app: ingest,
           tier: backend}
spec:
  # Exactly one
  replicas: 1
  script: |
    set -e

    run
  env:
  - name: A
    value: b
  - name: C
    value: d
"""

BOMB = "a: &a [x, x]\n" + "".join(f"k{at}: &k{at} [*{'a' if not at else f'k{at - 1}'}, *a]\n" for at in range(60))


def part_with(form: Form, text: str, words: str) -> int:
    return next(at for at, part in enumerate(form.parts) if words in text[part.start : part.end])


def kept(text: str, words: str, content_type: str | None = None) -> str:
    (form,) = find_forms(text, content_type)
    return form.render(closed(form, [part_with(form, text, words)]))


def test_all_parts_are_the_text() -> None:
    (form,) = find_forms(YAML)
    assert form.kind == "yaml"
    assert whole(form) == YAML.rstrip()


def test_an_entry_comes_under_its_parents() -> None:
    assert kept(YAML, "replicas").splitlines()[:2] == ["spec:", "  replicas: 1"]


def test_a_value_of_white_space_that_is_no_blank_of_yaml_stays() -> None:
    form = yaml_lines.read("a: \u00a0\nb: 1", 0, 8)
    assert form is not None
    assert yaml.safe_load(form.render([0])) == {"a": "\u00a0"}


def test_a_value_over_several_lines_is_whole() -> None:
    assert "  script: |\n    set -e\n\n    run" in kept(YAML, "script")
    assert "  labels: {app: ingest,\n           tier: backend}" in kept(YAML, "labels")


def test_a_short_item_of_a_list_is_whole_and_its_key_comes_along() -> None:
    rendered = yaml.safe_load(kept(YAML, "name: C"))
    assert rendered["spec"]["env"] == [{"name": "A", "value": "b"}, {"name": "C", "value": "d"}]


def test_a_key_is_never_without_its_content() -> None:
    assert yaml.safe_load(kept(YAML, "metadata:")) == {"metadata": {"name": "ingest"}}


def test_an_alias_brings_what_it_stands_for() -> None:
    text = "base: &base\n  size: 3\n  name: x\nother:\n  a: 1\n  <<: *base\nlast: 2\n"
    assert yaml.safe_load(kept(text, "<<: *base"))["other"]["size"] == 3


def test_aliases_that_explode_are_lines() -> None:
    (form,) = find_forms(BOMB)
    assert len(form.parts) == 61
    assert whole(form) == BOMB.rstrip()


@pytest.mark.parametrize(
    ("comment", "is_kept"),
    [
        ("# Do not scale up before\n# sessions are shared.\n", True),
        ("# Nicht erhöhen.\n", True),
        ("# The number of processes.\n", False),
        ("# Do not copy this file.\n\n", False),
    ],
    ids=["warning in two lines", "German", "description", "separate"],
)
def test_an_entry_comes_with_the_warning_above_it(comment: str, is_kept: bool) -> None:
    rendered = kept(f"name: web\n{comment}replicas: 1\nport: 80\n", "replicas")
    assert (comment.strip() in rendered, "replicas: 1" in rendered) == (is_kept, True)


def test_what_is_left_out_is_counted() -> None:
    assert kept("a: 1\nb: 2\nc: 3\nd: 4\n", "b: 2") == "b: 2\n# ... 3 more lines"


TOML = 'title = "x"\n\n[server]\nports = [\n  1,\n  2,\n]\nhost = "h"\n\n[[rule]]\nname = "one"\n[rule.when]\nday = 1\n'


def test_entries_of_toml_come_under_their_tables() -> None:
    assert tomllib.loads(kept(TOML, "host")) == {"server": {"ports": [1, 2], "host": "h"}}
    assert tomllib.loads(kept(TOML, "day")) == {"rule": [{"name": "one", "when": {"day": 1}}]}


def test_entries_of_ini_come_under_their_section_with_the_lines_they_go_on_over() -> None:
    text = "[a]\nx = 1\n  2\ny = 3\n[b]\nz = 4\n"
    (form,) = find_forms(text)
    assert form.kind == "ini"
    assert kept(text, "y = 3").startswith("[a]\nx = 1\n  2\ny = 3")


def test_what_a_shell_adds_by_itself_is_worth_less_than_settings() -> None:
    text = "PATH=/usr/bin\nLS_COLORS=rs=0:di=01\nDATABASE_URL=postgres://db/x\nSHLVL=2\n"
    (form,) = find_forms(text)
    worths = [part.worth for part in form.parts]
    assert form.kind == "env"
    assert worths.index(max(worths)) == 2


def test_a_quoted_value_of_env_may_have_several_lines() -> None:
    assert kept('A=1\nexport KEY="one\ntwo"\nB=2\n', "KEY").startswith('export KEY="one\ntwo"')


@pytest.mark.parametrize(
    "text",
    [
        "Note: the meeting is moved to Friday.\nNote: bring the minutes.",
        "- milk\n- bread\n- eggs",
        "Anna: Hello!\nBert: Hello, how are you?\nAnna: Fine.",
        "a: [1, 2\nb: 3",
        "a: 1\n b: 2\n\tc: 3",
        "x = 1\nprint(x)",
    ],
)
def test_what_is_no_settings_has_no_form(text: str) -> None:
    assert find_forms(text) == ()


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=30)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=5),
)
DOCUMENTS = st.dictionaries(st.text(min_size=1, max_size=6), VALUES, min_size=2, max_size=6)


def is_part_of(part: Any, whole: Any) -> bool:
    """Whether each value of `part` stands in `whole` under the same keys."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and is_part_of(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(is_part_of(element, other) for other in whole) for element in part)
    return bool(part == whole)


@given(document=DOCUMENTS, width=st.sampled_from([20, 1000]), data=st.data())
def test_any_choice_of_entries_of_yaml_is_valid_and_has_no_other_value(
    document: dict[str, Any], width: int, data: st.DataObject
) -> None:
    text = yaml.safe_dump(document, width=width, allow_unicode=True, sort_keys=False).rstrip("\n")
    form = yaml_lines.read(text, 0, len(text))
    if form is None:
        assert (
            "? " in text
            or text.count("\n") == 0
            or any(sign in text for sign in ["\x85", "\u2028", "\u2029", "\r", "|", ">"])
        )
        return
    check_parts(form, 0, len(text))
    assert is_part_of(yaml.safe_load(form.render(data.draw(choices(form)))), document)


NAMES = st.text("abcdefgh_", min_size=1, max_size=6)
TOML_VALUES = st.sampled_from(
    ["1", '"a # b"', "'''x\n[y]\n'''", '"""q""q\n\\""" """', "[1,\n 2, # c ]\n [3]]", "{a = 1}", "1979-05-27"]
)


@given(
    tables=st.dictionaries(NAMES, st.dictionaries(NAMES, TOML_VALUES, min_size=1, max_size=4), min_size=1, max_size=5),
    data=st.data(),
)
def test_any_choice_of_entries_of_toml_is_valid_and_has_no_other_value(
    tables: dict[str, dict[str, str]], data: st.DataObject
) -> None:
    text = "\n\n".join(
        f"[{name}] # of {name}\n" + "\n".join(f"{key} = {value}" for key, value in table.items())
        for name, table in tables.items()
    )
    form = settings.read_toml(text, 0, len(text))
    assert form is not None
    assert is_part_of(tomllib.loads(form.render(data.draw(choices(form)))), tomllib.loads(text))


INI_VALUES = st.text("abc 123/%", max_size=12).map(str.strip)


@given(
    sections=st.dictionaries(NAMES, st.dictionaries(NAMES, INI_VALUES, min_size=1, max_size=4), min_size=1, max_size=5),
    data=st.data(),
)
def test_any_choice_of_entries_of_ini_is_valid_and_has_no_other_value(
    sections: dict[str, dict[str, str]], data: st.DataObject
) -> None:
    text = "\n".join(
        f"[{name}]\n" + "\n".join(f"{key} = {value}" for key, value in section.items())
        for name, section in sections.items()
    )
    form = settings.read_ini(text, 0, len(text))
    assert form is not None
    parser = configparser.RawConfigParser()
    parser.read_string(form.render(data.draw(choices(form))))
    assert is_part_of({name: dict(parser[name]) for name in parser.sections()}, sections)
