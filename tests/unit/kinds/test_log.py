"""Logs: a line of each kind with its count, every kind of error, lines to the letter."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import find_forms
from app.text.kinds.log import LogForm, read
from app.text.tokens import estimate_tokens
from tests.unit.kinds.forms import choices, default, whole

ROUTINE = (
    "INFO [http] GET /api/orders/{} 200 {}ms",
    "DEBUG [cache] hit for key user:{} age {}s",
    "INFO [worker] job {} finished in {} s",
    "INFO [auth] user {} logged in from 10.0.{}.3",
)
RARE = (
    "ERROR [db] connection to replica db-{} lost after {} ms",
    "WARN [disk] volume /data at {} % of capacity, {} GB left",
    "ERROR [payment] charge for order {} declined: card expired ({})",
    "WARN [auth] too many attempts for user {} from 10.9.0.{}",
    "INFO [config] configuration reloaded, version {} by {}",
    "ERROR [http] upstream timed out for request {} after {} s",
    "INFO [leader] elected new leader node-{} in term {}",
    "WARN [tls] certificate of host-{} expires in {} days",
    "ERROR [worker] job {} crashed with exit code {}",
    "INFO [deploy] started version 4.{} of build {}",
    "WARN [queue] depth {} over limit {}",
    "FATAL [main] out of memory: cannot allocate {} bytes for shard {}",
)
TRACEBACK = """Traceback (most recent call last):
  File "/app/a.py", line 3, in <module>
    main()
ValueError: no"""


def form_of(text: str) -> LogForm:
    form = read(text, 0, len(text))
    assert form is not None
    return form


def log_of(lines: int, rare: int) -> list[str]:
    """A log with each rare kind of line `rare` times."""
    random_ = random.Random(7)
    templates = [template for template in RARE for _ in range(rare)]
    templates += [random_.choice(ROUTINE) for _ in range(lines - len(templates))]
    random_.shuffle(templates)
    filled = (template.format(random_.randrange(1000, 99999), random_.randrange(400)) for template in templates)
    return [f"2026-03-05 10:{at // 60 % 60:02d}:{at % 60:02d},123 {message}" for at, message in enumerate(filled)]


def shown_of(result: str, template: str) -> int:
    """How many lines of a kind a result shows or counts."""
    lines = result.split("\n")
    pattern = re.escape(template).replace(r"\{\}", r"\d+")
    count = 0
    for at, line in enumerate(lines):
        if re.search(pattern, line):
            mark = re.match(r"\.\.\. (\d+) more", lines[at + 1]) if at + 1 < len(lines) else None
            count += 1 + (int(mark[1]) if mark else 0)
    return count


@pytest.mark.parametrize("rare", [1, 3, 7])
def test_5000_lines_become_a_fiftieth_with_every_rare_kind_and_its_count(rare: int) -> None:
    text = "\n".join(log_of(5000, rare))
    result = default(form_of(text))
    assert estimate_tokens(result) <= 0.02 * estimate_tokens(text)
    assert {template: shown_of(result, template) for template in RARE} == dict.fromkeys(RARE, rare)
    assert sum(shown_of(result, template) for template in (*ROUTINE, *RARE)) == 5000


@pytest.mark.parametrize("header", ["", "date,order,state\n"], ids=["without names", "with names"])
@pytest.mark.parametrize("gap", ["\n", "\n\n"], ids=["directly above", "paragraph"])
def test_rows_with_dates_below_a_sentence_are_a_table_and_no_log(gap: str, header: str) -> None:
    rows = [f"2024-05-{1 + at % 28:02},{1000 + at},{'open' if at % 5 else 'paid'}" for at in range(150)]
    forms = find_forms(f"Please check these orders.{gap}{header}" + "\n".join(rows) + "\n\nThanks, Anna")
    assert [form.kind for form in forms] == ["table"]
    assert [part.worth for part in forms[0].parts if part.worth < 0] == []


def test_lines_of_json_stay_json() -> None:
    lines = [
        json.dumps({"ts": line[:19], "level": line.split()[2].lower(), "msg": line.split("] ")[1]})
        for line in log_of(500, 1)
    ]
    result = default(form_of("\n".join(lines))).split("\n")
    assert all(isinstance(json.loads(line), dict) for line in result)
    assert any("out of memory" in line for line in result)


def test_requests_are_kinds_by_their_status() -> None:
    line = '10.1.2.{n} - - [14/Nov/2023:22:13:{s:02d} +0000] "GET /p/{n} HTTP/1.1" {status} 1390 "-" "curl/8.1"'
    lines = [line.format(n=n, s=n % 60, status=503 if n == 150 else 404 if n % 50 == 7 else 200) for n in range(300)]
    form = form_of("\n".join(lines))
    assert len(form.groups) == 3
    assert lines[150] in default(form)
    assert form.parts[150].worth > form.parts[7].worth > form.parts[0].worth


def test_the_first_and_the_last_of_a_burst_of_errors_stay() -> None:
    lines = log_of(300, 0)
    lines[100:100] = [f"2026-03-05 11:00:{at:02d},000 ERROR [db] query {at} failed" for at in range(40)]
    result = default(form_of("\n".join(lines)))
    assert "query 0 failed" in result
    assert "query 39 failed" in result
    assert "... 38 more like this until 2026-03-05 11:00:38,000" in result


def test_a_rare_word_among_lines_of_one_kind_is_shown() -> None:
    lines = [f"10:00:{at % 60:02d} INFO door {at} is now closed" for at in range(200)]
    lines[77] = "10:01:17 INFO door 77 is now ajar"
    assert lines[77] in default(form_of("\n".join(lines)))


def test_a_number_far_above_the_others_is_shown() -> None:
    lines = [f"10:00:{at % 60:02d} INFO query took {at % 37}ms" for at in range(200)]
    lines[77] = "10:01:17 INFO query took 90000ms"
    assert lines[77] in default(form_of("\n".join(lines)))


def test_a_stack_trace_is_one_part_with_the_line_before_it() -> None:
    lines = log_of(40, 0)
    lines[20] = f"2026-03-05 10:00:20,123 INFO [http] request done\n{TRACEBACK}"
    form = form_of("\n".join(lines))
    assert len(form.parts) == 40
    assert form.parts[20].worth >= 3
    assert TRACEBACK in default(form)


def test_a_stack_trace_alone_is_one_part() -> None:
    form = form_of(TRACEBACK)
    assert len(form.parts) == 1
    assert whole(form) == TRACEBACK


def test_output_without_times_is_read_where_its_lines_look_alike() -> None:
    lines = [f"[{at:3d}%] Building CXX object src/x.dir/file{at}.cpp.o" for at in range(50)]
    assert default(form_of("\n".join([*lines, "src/a.cpp:3:1: error: expected ;"]))).split("\n") == [
        lines[0],
        "... 49 more like this",
        "src/a.cpp:3:1: error: expected ;",
    ]


def test_a_transcript_is_no_log() -> None:
    text = "\n".join(f"[00:00:{at:02d}] {'Anna' if at % 2 else 'Raj'}: I said {at} things" for at in range(30))
    assert read(text, 0, len(text)) is None


@pytest.mark.parametrize(
    "text", ["", "\n\n", "2026-03-05 10:00:00 INFO " + "x" * 1000, "One.\nTwo.\nThree.", "{\n}\n[\n]"]
)
def test_what_is_no_log_has_no_form(text: str) -> None:
    assert read(text, 0, len(text)) is None


@given(st.data())
def test_any_choice_has_whole_lines_in_order_and_a_true_count(data: st.DataObject) -> None:
    templates = st.sampled_from(
        ["INFO started {}", "INFO done in {} ms", "ERROR cannot read {}", "DEBUG x={}", f"WARN {{}}\n{TRACEBACK}"]
    )
    numbers = st.integers(0, 10**6)
    messages = data.draw(st.lists(st.tuples(templates, numbers), min_size=2, max_size=60))
    lines = [f"2026-03-05 10:00:{at:02d} {template.format(number)}" for at, (template, number) in enumerate(messages)]
    form = form_of("\n".join(lines))
    assert whole(form) == "\n".join(lines)
    chosen = data.draw(choices(form))
    result = form.render(chosen)
    marks = re.findall(r"^\.\.\. (\d+) .*\n?", result, re.MULTILINE)
    assert re.sub(r"^\.\.\. .*\n?", "", result, flags=re.MULTILINE).rstrip("\n") == "\n".join(
        lines[at] for at in chosen
    )
    assert len(chosen) + sum(map(int, marks)) == len(lines)


def test_stack_traces_of_different_errors_are_of_different_kinds() -> None:
    trace = 'Traceback (most recent call last):\n  File "a.py", line 8, in run\n    run()\n'
    names = ["TimeoutError"] * 30 + ["KeyError"] + ["TimeoutError"] * 9
    lines = [f"2026-03-02T08:00:{at:02d}Z ERROR job failed\n{trace}{name}: x" for at, name in enumerate(names)]
    text = "\n".join(lines)
    form = read(text, 0, len(text))
    assert form is not None
    assert lines[30] in default(form)
