"""What a model makes of "up to", "at least", "more than" before a figure."""

import pytest

from app.summary.check import judge
from app.summary.evidence import Evidence
from app.text.document import read

BUS = "{} 40 people were hurt when the bus left the road near Bergen on Sunday."


def reason(source: str, claim: str) -> str | None:
    return judge(claim, Evidence(read(source))).reason


@pytest.mark.parametrize("bound", ["At least", "Up to", "More than", "Fewer than", "No more than", "As many as"])
def test_a_sentence_that_loses_a_bound_is_dropped(bound: str) -> None:
    assert reason(BUS.format(bound), "40 people were hurt when the bus left the road near Bergen.") == "figure"


@pytest.mark.parametrize("bound", ["At least", "Up to", "More than", "Fewer than", "No more than", "As many as"])
def test_a_sentence_that_keeps_the_bound_stands(bound: str) -> None:
    assert reason(BUS.format(bound), f"{bound} 40 people were hurt when the bus left the road near Bergen.") is None


@pytest.mark.parametrize(
    ("source", "claim"),
    [("At least", "At most"), ("Up to", "More than"), ("No more than", "More than"), ("", "More than")],
)
def test_a_sentence_that_turns_a_bound_round_or_makes_one_up_is_dropped(source: str, claim: str) -> None:
    assert reason(BUS.format(source), BUS.format(claim)) == "figure"


@pytest.mark.parametrize(("source", "claim"), [("More than", "At least"), ("Fewer than", "At most")])
def test_a_weaker_bound_follows_from_a_stronger_one(source: str, claim: str) -> None:
    assert reason(BUS.format(source), BUS.format(claim)) is None


@pytest.mark.parametrize(
    ("source", "claim"),
    [
        ("Bis zu 300 Stellen werden im Werk Essen gestrichen.", "300 Stellen werden im Werk Essen gestrichen."),
        ("Au moins 12 personnes sont mortes à Lyon.", "12 personnes sont mortes à Lyon."),
        ("Más de 90 familias perdieron su casa en Toledo.", "90 familias perdieron su casa en Toledo."),
    ],
)
def test_bounds_are_known_in_german_french_and_spanish(source: str, claim: str) -> None:
    assert reason(source, claim) == "figure"
    assert reason(source, source) is None


def test_in_a_language_whose_bounds_are_not_known_figures_are_compared_without_them() -> None:
    source = "Almeno 40 persone sono rimaste ferite quando il pullman è uscito di strada vicino a Bergen."
    assert reason(source, source) is None
    assert reason(source, source.replace("40", "50")) == "figure"
