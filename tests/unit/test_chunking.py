"""Cutting a text into parts and units."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capsule.chunking import split, units
from app.capsule.tokens import _PIECE, LARGEST_PIECE_TOKENS, _cut, estimate_tokens, running_totals

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=2000)
PROSE = st.lists(
    st.sampled_from(
        ["A word. ", "Another sentence! ", "\n\n", "你好。", "e.g. ", "x" * 50, "👩‍👩‍👧 ", "é́́", "\r\n", "1,200 "]
    ),
    max_size=200,
).map("".join)
BUDGETS = st.integers(LARGEST_PIECE_TOKENS, 400)


@given(ANY_TEXT | PROSE, BUDGETS)
def test_joined_parts_are_the_text(text: str, budget: int) -> None:
    assert "".join(split(text, budget)) == text


@given(ANY_TEXT | PROSE, BUDGETS)
def test_no_part_exceeds_its_budget(text: str, budget: int) -> None:
    assert all(estimate_tokens(part) <= budget for part in split(text, budget))


def test_a_good_border_just_past_the_budget_is_not_taken() -> None:
    text = "word " * 22 + "\n\n" + "word " * 16
    assert all(estimate_tokens(part) <= 20 for part in split(text, 20))


@given(ANY_TEXT | PROSE)
def test_a_text_within_the_budget_is_one_part(text: str) -> None:
    budget = max(LARGEST_PIECE_TOKENS, estimate_tokens(text))
    assert split(text, budget) == [text]


@given(ANY_TEXT | PROSE, BUDGETS)
def test_there_are_at_most_twice_as_many_parts_as_needed_and_one(text: str, budget: int) -> None:
    needed = -(-estimate_tokens(text) // (budget - LARGEST_PIECE_TOKENS + 1)) or 1
    assert len(split(text, budget)) <= 2 * needed + 1


@given(ANY_TEXT | PROSE)
def test_joined_units_are_the_text(text: str) -> None:
    assert "".join(text[unit.start : unit.end] for unit in units(text)) == text


def pieces(text: str) -> list[tuple[int, int]]:
    """The end and the cost of each piece."""
    ends, totals = running_totals(text)
    return [(end, after - before) for end, (before, after) in zip(ends[1:], pairwise(totals), strict=True)]


@given(ANY_TEXT)
def test_pieces_cover_the_text_and_none_costs_more_than_the_largest(text: str) -> None:
    found = pieces(text)
    assert [end for end, _ in found] == sorted({end for end, _ in found})
    assert (found[-1][0] if found else 0) == len(text)
    assert all(0 <= cost <= LARGEST_PIECE_TOKENS for _, cost in found)


def test_cuts_come_at_paragraphs_where_there_are_any() -> None:
    text = "One sentence here. And another one.\n\n" * 20
    assert all(part.endswith("\n\n") for part in split(text, 60))


def test_cuts_come_between_sentences_where_there_is_no_paragraph() -> None:
    text = "One sentence stands here. " * 40
    assert all(part.endswith(". ") for part in split(text, 60))


def test_cuts_come_between_words_where_there_is_no_sentence() -> None:
    text = "words without an end " * 40
    assert all(part.endswith(" ") for part in split(text, 60))


def test_parts_are_of_similar_size() -> None:
    sizes = [estimate_tokens(part) for part in split("A sentence of some words. " * 300, 400)]
    assert min(sizes) > 0.7 * max(sizes)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("He came. She left.", ["He came. ", "She left."]),
        ("Dr. Kim met J. Smith. They spoke.", ["Dr. Kim met J. Smith. ", "They spoke."]),
        ("Take No. 5, e.g. this one. Good.", ["Take No. 5, e.g. this one. ", "Good."]),
        ("Am 30. September kam er. Dann ging er.", ["Am 30. September kam er. ", "Dann ging er."]),
        ('"Good." He said so.', ['"Good." ', "He said so."]),
        ("你好。再见。", ["你好。", "再见。"]),
        ("a\r\nb\nc", ["a\r\n", "b\n", "c"]),
    ],
)
def test_units_are_sentences_and_lines(text: str, sentences: list[str]) -> None:
    assert [text[unit.start : unit.end] for unit in units(text)] == sentences


def test_a_budget_that_no_piece_fits_is_refused() -> None:
    with pytest.raises(ValueError, match="budget"):
        split("text", LARGEST_PIECE_TOKENS - 1)


@given(st.text(st.characters(codec="ascii"), max_size=300) | st.text("= -_*#~.ab\n\t1", max_size=300))
def test_an_estimate_is_the_sum_of_the_costs_of_the_pieces(text: str) -> None:
    assert estimate_tokens(text) == sum(cost for _, cost in pieces(text))


@given(st.text(st.sampled_from("aZé9½µ° \t\n\u00a0\u2028=-.#“’—€Ж語😀\u0301\x1c")))
def test_common_texts_are_cut_as_all_others(text: str) -> None:
    assert _cut(text) == [match.group() for match in _PIECE.finditer(text)]
