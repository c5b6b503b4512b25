"""What a text is made of is found by looking at it."""

import json
from itertools import pairwise

import pytest
from hypothesis import given

from app.capsule.analysis import Source
from app.capsule.structure import blocks
from tests.unit.strategies import ANY

CODE = "def read(path):\n    with open(path) as file:\n        return file.read()\n\n\nx = read('a')\n"
LOG = "2025-05-12 08:52:00 INFO started\n2025-05-12 08:52:01 ERROR failed\n"
DIFF = "diff --git a/x.py b/x.py\nindex 1111111..2222222 100644\n--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a = 1\n+a = 2\n"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("One sentence. Another one.\n\nA third one here.", ["prose"]),
        ("| a | b |\n|---|---|\n| 1 | 2 |\n", ["table"]),
        ("ship,port,tons\nA,Turku,1\nB,Oslo,2\n", ["table"]),
        (LOG, ["log"]),
        ('{"a": 1}\n{"a": 2}\n', ["log"]),
        (json.dumps({"a": [1, {"b": "c"}]}, indent=2), ["json"]),
        ("server:\n  port: 80\n  hosts:\n    - a\n    - b\n", ["yaml"]),
        (CODE, ["code"]),
        (DIFF, ["diff"]),
        ("Ann: Hi, it is broken\nBob: What is?\nAnn: The router\nBob: I see\n", ["chat"]),
        ("- one thing\n- another thing\n- a third\n", ["list"]),
        ("> so it was said\n> in the mail before\n", ["quoted"]),
        (f"What follows is a log of that day, in which much happened.\n\n{LOG}", ["prose", "log"]),
        (f"Run this:\n\n```\n{CODE}```\n\nThen wait for a while, as one does.", ["prose", "code"]),
    ],
)
def test_blocks_are_told_by_their_looks(text: str, kinds: list[str]) -> None:
    assert Source(text).kinds == kinds


def test_prose_that_is_broken_at_a_width_is_read_across_its_lines() -> None:
    text = (
        "The meeting of the board was opened by its chair Maria\n"
        "Lindqvist in the library of the school, and it went on\n"
        "for longer than anybody had hoped for on that evening.\n"
    )
    assert "Maria\nLindqvist" in [fact.text for fact in Source(text).facts]


@given(ANY)
def test_blocks_hold_every_line_that_is_not_blank_in_order(text: str) -> None:
    lines = [line for block in blocks(text) for line in block.lines]
    assert all(one.end <= two.start for one, two in pairwise(lines))
    assert "".join("".join(text[line.start : line.end].split()) for line in lines) == "".join(text.split())


@given(ANY)
def test_every_required_fact_lies_in_a_segment(text: str) -> None:
    source = Source(text)
    for fact in source.facts:
        if fact.required:
            assert any(one.span.start <= fact.start and fact.end <= one.span.end for one in source.segments)
