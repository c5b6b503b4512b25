"""JSON: the result parses, values are to the letter, records are whole, what is left out is counted."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import find_forms, json_records
from app.text.kinds.json_records import JsonForm
from tests.unit.kinds.forms import check_parts, choices, closed, whole


def form_of(text: str) -> JsonForm:
    form = json_records.read(text, 0, len(text))
    assert form is not None
    return form


def lines_of(text: str) -> JsonForm:
    form = json_records.read_lines(text, 0, len(text))
    assert form is not None
    return form


def part_with(form: JsonForm, text: str, words: str) -> int:
    return next(at for at, part in enumerate(form.parts) if words in text[part.start : part.end])


def untabled(value: Any) -> Any:
    """A rendered value with its tables as the records that they were made of."""
    if isinstance(value, list):
        return [untabled(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "columns" in value and "rows" in value:
        return [record(value, row) for row in value["rows"]]
    return {key: untabled(item) for key, item in value.items()}


def record(table: dict[str, Any], row: list[Any]) -> dict[str, Any]:
    columns = table["columns"]
    entries: dict[str, Any] = dict(table.get("defaults", {}))
    entries |= {
        name.removesuffix("?"): cell
        for name, cell in zip(columns, row, strict=False)
        if not (name.endswith("?") and cell is None)
    }
    if len(row) > len(columns):
        entries |= row[-1]
    whole: dict[str, Any] = {}
    for name, cell in entries.items():
        *path, last = name.split(".")
        inner = whole
        for key in path:
            inner = inner.setdefault(key, {})
        inner[last] = untabled(cell)
    return whole


SERVICES = [
    {"service": f"service {at}", "owner": {"name": "Ada", "team": f"t{at}"}, "load": at * 10, "note": None}
    for at in range(30)
]


def test_like_objects_become_column_names_and_rows() -> None:
    rendered = json.loads(whole(form_of(json.dumps(SERVICES[:3], indent=2))))
    assert rendered == {
        "columns": ["service", "owner.name", "owner.team", "load", "note"],
        "rows": [
            ["service 0", "Ada", "t0", 0, None],
            ["service 1", "Ada", "t1", 10, None],
            ["service 2", "Ada", "t2", 20, None],
        ],
    }


def test_a_value_that_nearly_all_records_have_stands_once_and_exceptions_at_the_end_of_their_row() -> None:
    records = [{"id": at, "state": "failed" if at == 7 else "ok"} for at in range(20)]
    rendered = json.loads(whole(form_of(json.dumps(records))))
    assert rendered["defaults"] == {"state": "ok"}
    assert rendered["rows"][6:8] == [[6], [7, {"state": "failed"}]]


def test_a_missing_key_is_distinguished_from_null() -> None:
    records: list[dict[str, int | None]] = [{"id": at, "end": at} if at % 4 else {"id": at} for at in range(8)]
    rendered = json.loads(whole(form_of(json.dumps(records))))
    assert rendered["columns"] == ["id", "end?"]
    assert untabled(rendered) == records
    records[1]["end"] = None
    assert untabled(json.loads(whole(form_of(json.dumps(records))))) == records


@pytest.mark.parametrize(
    "number", ["1.10", "1e400", "0.1000000000000000055511151231257827", "-0", "12345678901234567890123"]
)
def test_a_number_stays_as_it_is_written(number: str) -> None:
    assert whole(form_of(f'{{"a": [ {number} ],\n"b": {number}}}')) == f'{{"a":[{number}],"b":{number}}}'


def test_a_string_stays_as_it_is_written() -> None:
    assert whole(form_of('["\\u00e4 \\/ b", "a  b"]')) == '["\\u00e4 \\/ b","a  b"]'


def test_pretty_and_in_one_line_are_the_same() -> None:
    assert whole(form_of(json.dumps(SERVICES, indent=4))) == whole(form_of(json.dumps(SERVICES)))


def test_rows_left_out_are_counted() -> None:
    text = json.dumps(SERVICES)
    form = form_of(text)
    rendered = json.loads(form.render(closed(form, [part_with(form, text, '"service 12"')])))
    assert [row[0] for row in rendered["rows"]] == ["service 12"]
    assert rendered["left_out"] == 29


def test_entries_and_elements_left_out_are_counted() -> None:
    text = json.dumps({"name": "x", "...": 1, "numbers": list(range(100, 200))})
    form = form_of(text)
    rendered = json.loads(form.render(closed(form, [part_with(form, text, "150")])))
    assert rendered == {"numbers": [150, "... 99 more"], "....": "2 more"}


def test_elements_of_a_nested_array_are_parts() -> None:
    text = json.dumps({"status": "ok", "data": {"items": SERVICES}}, indent=1)
    form = form_of(text)
    rendered = json.loads(form.render(closed(form, [part_with(form, text, '"service 5"')])))
    assert rendered["data"]["items"]["rows"] == [["service 5", "t5", 50]]
    assert rendered["data"]["items"]["left_out"] == 29


def test_a_record_with_a_long_array_in_it_keeps_its_other_entries() -> None:
    records = [{"id": f"r{at}", "points": list(range(1000, 1050)), "state": f"s{at}"} for at in range(4)]
    text = json.dumps(records)
    form = form_of(text)
    rendered = json.loads(form.render(closed(form, [part_with(form, text, '"s2"')])))
    assert rendered["rows"] == [["r2", ["... 50 more"], "s2"]]


def test_what_is_unlike_the_others_is_worth_most() -> None:
    records = [{"id": at, "state": "ok", "ms": 20 + at % 7} for at in range(200)]
    records[90]["state"] = "disk failure"
    records[120]["ms"] = 90_000
    records[150]["hint"] = "x"
    text = json.dumps(records)
    worths = [part.worth for part in form_of(text).parts[1:]]
    best = sorted(range(200), key=lambda at: -worths[at])[:3]
    assert set(best) == {90, 120, 150}


def test_lines_of_json_are_lines_that_parse() -> None:
    text = "\n".join(map(json.dumps, SERVICES))
    form = lines_of(text)
    lines = [json.loads(line) for line in form.render(closed(form, [3, 9])).splitlines()]
    assert lines == [
        {"columns": ["service", "owner.team", "load"], "defaults": {"owner.name": "Ada", "note": None}},
        ["service 2", "t2", 20],
        ["service 8", "t8", 80],
        {"left_out": 28},
    ]


@pytest.mark.parametrize(
    "text", ["", "7", '"a"', "[1, 2", '{"a": 1}}', "{'a': 1}", "[1,]", "[" * 100_000, '{"a":' * 50_000, "[x]", "{}{}"]
)
def test_what_does_not_parse_has_no_form(text: str) -> None:
    assert json_records.read(text, 0, len(text)) is None
    assert find_forms(text) == ()


def test_deep_nesting_is_read() -> None:
    text = "[" * 400 + "1" + "]" * 400
    assert whole(form_of(text)) == text


LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
KEYS = st.sampled_from(["id", "name", "a.b", "x?", "", "columnless", "ä"])
RECORDS = st.lists(
    st.dictionaries(
        KEYS, LEAVES | st.lists(st.integers(), max_size=40) | st.dictionaries(KEYS, LEAVES, max_size=3), max_size=5
    ),
    max_size=20,
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=12) | st.dictionaries(st.text(max_size=8), inner, max_size=8)
)
DOCUMENTS = (
    st.lists(VALUES, min_size=1)
    | RECORDS.filter(bool)
    | st.dictionaries(st.text(max_size=6), VALUES | RECORDS, min_size=1)
)


@given(document=DOCUMENTS, indent=st.sampled_from([None, 2]), ascii_only=st.booleans(), data=st.data())
def test_any_choice_of_parts_of_any_document_parses_and_has_no_other_value(
    document: Any, indent: int | None, ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=ascii_only)
    form = form_of(text)
    check_parts(form, 0, len(text))
    rendered = json.loads(form.render(data.draw(choices(form))), parse_float=str, parse_int=str)
    source = set(leaves(json.loads(text, parse_float=str, parse_int=str)))
    added = set(leaves(rendered)) - source
    assert all("more" in leaf or leaf.isdigit() or leaf in names(document) for leaf in added)


@given(records=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), LEAVES, min_size=1), min_size=2, max_size=20))
def test_all_records_of_a_table_come_back(records: list[dict[str, Any]]) -> None:
    assert untabled(json.loads(whole(form_of(json.dumps(records))))) == records


def leaves(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [leaf for inner in value.values() for leaf in leaves(inner)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner)]
    return [value if isinstance(value, str) else json.dumps(value)]


def names(value: Any) -> set[str]:
    """The keys of a document, as columns may be named by them."""
    text = json.dumps(value, ensure_ascii=False)
    return {*_all_keys(value), *(f"{key}?" for key in _all_keys(value)), *_dotted(value)} if text else set()


def _all_keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for inner in value.values() for key in _all_keys(inner)}
    return {key for inner in value for key in _all_keys(inner)} if isinstance(value, list) else set()


def _dotted(value: Any) -> set[str]:
    keys = _all_keys(value)
    return {f"{first}.{second}{mark}" for first in keys for second in keys for mark in ("", "?")}
