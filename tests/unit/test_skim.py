"""What of a text the model reads."""

from hypothesis import given
from hypothesis import strategies as st

from app.capsule.chunking import units
from app.capsule.skim import LEAST_TOKENS, skim
from app.capsule.tokens import estimate_tokens

TEXTS = st.lists(
    st.sampled_from(
        ["The ferry leaves at nine. ", "Tickets cost 24 euros. ", "\n\n", "- a line of a list\n", "船は九時に出る。"]
    ),
    max_size=200,
).map("".join)


def test_a_short_text_is_read_whole() -> None:
    assert skim("The ferry leaves at nine. Tickets cost 24 euros.", 0.1) == (
        "The ferry leaves at nine. Tickets cost 24 euros."
    )


def test_first_sentences_come_before_second_ones_and_all_in_order() -> None:
    paragraphs = [f"Head {number} of a paragraph here. " + "Some more of it follows now. " * 9 for number in range(6)]
    read = skim("\n\n".join(paragraphs), 0.3)
    places = [read.index(f"Head {number}") for number in range(6)]
    assert places == sorted(places)
    assert read.count("Some more") < 6 * 9 / 2


@given(TEXTS, st.floats(0.05, 1.0))
def test_it_is_within_its_share(text: str, share: float) -> None:
    assert estimate_tokens(skim(text, share)) <= max(LEAST_TOKENS, share * estimate_tokens(text)) + 1


@given(TEXTS, st.floats(0.05, 1.0))
def test_it_says_whole_sentences_of_the_text_and_nothing_else(text: str, share: float) -> None:
    said = {text[unit.start : unit.end].strip() for unit in units(text)}
    read = skim(text, share)
    assert read == text or {read[unit.start : unit.end].strip() for unit in units(read)} <= said
