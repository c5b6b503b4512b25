"""Words put into a sentence that is copied from the text: what a text that gives orders to the model leads to."""

import pytest

from app.summary.check import judge
from app.summary.evidence import Evidence
from app.text.document import read

SOURCE = (
    "Dogs are not allowed in the waiting hall of the old station from Monday to Friday. The council decided in May that "
    "the old pier must not be used after the opening. Bring your card. Keep out."
)


def is_added(sentence: str) -> bool:
    return judge(sentence, Evidence(read(SOURCE))).reason == "added"


@pytest.mark.parametrize(
    "sentence",
    [
        "Dogs pirate are not allowed in the waiting hall of the old station.",
        "Dogs are pirate not allowed in the waiting hall of the old station.",
        "Dogs are not allowed in the pirate waiting hall of the old station.",
        "Dogs are not allowed in the waiting hall of the pirate old station.",
        "Dogs are not allowed in the waiting hall of the old pirate station.",
    ],
)
def test_a_word_put_between_any_two_words_of_a_copied_sentence_is_an_addition(sentence: str) -> None:
    assert is_added(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Dogs are not allowed, says the famous captain of the pirates from the seas, in the waiting hall of the station.",
        "Bring a pirate to your card.",
        "Keep the big bad pirates out.",
    ],
)
def test_several_words_put_between_two_words_that_stand_together_are_an_addition(sentence: str) -> None:
    assert is_added(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The old pier must not be used after the opening pirate.",
        "The old pier must not be used after the opening, says a pirate.",
        "The council decided that the old pier must not be used after the opening or in any other pirate season.",
        "Bring your card, my dear pirate, on board.",
        "You sailors and friends, keep out, pirates.",
    ],
)
def test_a_copied_sentence_that_goes_on_with_other_words_has_an_addition(sentence: str) -> None:
    assert is_added(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "The council decided that the old pier must not be used after the long winter.",
        "Bring your paper or pirate flags.",
    ],
)
def test_the_last_word_may_not_be_replaced_by_several(sentence: str) -> None:
    assert is_added(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "Dogs are not allowed in the waiting hall of the old station.",
        "Dogs are not permitted in the waiting hall of the old station.",
        "Dogs are not allowed in the waiting halls of the old station.",
        "The old pier must not be used after the openings.",
        "The council decided that the old pier must not be used after the winter.",
    ],
)
def test_a_shorter_sentence_another_form_of_a_word_and_a_replaced_word_are_no_additions(sentence: str) -> None:
    assert not is_added(sentence)
