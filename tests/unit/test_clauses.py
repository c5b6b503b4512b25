"""Where prose is cut: never in a fact, within a negation's reach, or between a condition and what hangs on it."""

from itertools import pairwise

import pytest
from hypothesis import given

from app.capsule.clauses import clauses
from app.capsule.language import Language, guess_language
from app.capsule.scanner import find_facts
from tests.unit.strategies import ANY


def cut(text: str, language: Language | None = None) -> list[str]:
    found = clauses(text, find_facts(text), language or guess_language(text))
    return [text[clause.span.start : clause.span.end] for clause in found]


def test_a_sentence_is_cut_at_commas_between_long_enough_parts() -> None:
    assert cut("The old harbour was closed years ago, the new one opened in the spring of that year.") == [
        "The old harbour was closed years ago,",
        "the new one opened in the spring of that year.",
    ]


def test_what_hangs_on_a_clause_can_be_left_out() -> None:
    assert "around 1,200 jobs" in cut("It is creating around 1,200 jobs in a region that has struggled for long.")[0]


def test_a_short_part_stays_with_its_neighbour() -> None:
    assert cut("In Turku, it was said, nobody was hurt.") == ["In Turku, it was said, nobody was hurt."]


@pytest.mark.parametrize(
    "text",
    [
        "It did not raise the prices of its many products or cut 500 jobs in the city of Hamburg.",
        "There were no deaths among the passengers of the ship, injuries or losses of 200 containers.",
        "Er hat keine Preise in den Filialen der Stadt erhöht und auch die 500 Stellen nicht gestrichen.",
    ],
)
def test_a_negation_is_not_parted_from_what_it_reaches(text: str) -> None:
    assert cut(text) == [text]


def test_a_negation_ends_where_a_sentence_turns() -> None:
    parts = cut("The company did not cut any jobs in Hamburg, but it closed 12 offices in the south of Spain.")
    assert parts[1] == "but it closed 12 offices"


@pytest.mark.parametrize(
    "text",
    [
        "The deposit of the tenant is paid back in full, unless there is a dispute about the deductions.",
        "If the grant is refused by the county, the matter comes back to the board of the school.",
        "Die Kaution wird in voller Höhe zurückgezahlt, sofern die Miete des letzten Monats bezahlt ist.",
    ],
)
def test_a_condition_stays_with_what_depends_on_it(text: str) -> None:
    assert cut(text) == [text]


@pytest.mark.parametrize(
    ("text", "together"),
    [
        (
            "The members of the society were told that no work may begin before a licence has been granted.",
            "no work may begin before a licence has been granted",
        ),
        (
            "The lamps of the whole town were dimmed between midnight and the early hours of the next morning of May.",
            "between midnight and the early hours",
        ),
        (
            "The head of the office did sign the paper and the annex to it just after midday in the town hall.",
            "just after midday",
        ),
    ],
)
def test_what_a_limit_or_a_pair_needs_is_not_cut_off(text: str, together: str) -> None:
    assert any(together in part for part in cut(text))


def test_a_contrast_leans_on_what_it_is_a_contrast_to() -> None:
    text = "That mistake of last week was ours, not the forwarder's, and I would like to apologise for it."
    found = clauses(text, find_facts(text), guess_language(text))
    assert [clause.leans for clause in found] == [False, True]


def test_chinese_is_cut_at_its_own_commas() -> None:
    text = "该线路全长三十一点六公里，共设车站二十四座，全程走完大约需要五十二分钟的时间。"
    assert len(cut(text, Language("zh", False))) == 3


@given(ANY)
def test_clauses_are_in_order_and_hold_every_fact_whole(text: str) -> None:
    facts = [fact for fact in find_facts(text) if fact.required]
    found = clauses(text, facts, guess_language(text))
    assert all(one.span.end <= two.span.start for one, two in pairwise(found))
    for fact in facts:
        assert any(one.span.start <= fact.start and fact.end <= one.span.end for one in found)


@given(ANY)
def test_clauses_leave_out_spaces_only(text: str) -> None:
    kept = "".join(text[one.span.start : one.span.end] for one in clauses(text, find_facts(text), guess_language(text)))
    assert "".join(kept.split()) == "".join(text.split())
