"""A model's completion, sentence by sentence: what cannot be part of a summary, what refers to what, what repeats."""

from collections.abc import Sequence

import pytest

from app.compression.prompts import INSTRUCTIONS
from app.summary.check import Claim, Dropped
from app.summary.draft import Draft, leans, repeats, split_draft, well_formed, without_repetitions
from app.summary.evidence import Evidence
from app.text.document import read
from app.text.language import Language

EN, DE = Language("en"), Language("de")
SOURCE = (
    "The pump failed at night. It was repaired by Erik Olsen for 4,120 euros. The plant runs again. Nobody was hurt in "
    "the hall."
)
FAILED, REPAIRED, RUNS = (
    SOURCE.split(". ")[0] + ".",
    "It was repaired by Erik Olsen for 4,120 euros.",
    "The plant runs again.",
)
FALSE = "The zeppelin left at noon."


def draft(min_support: float = 0.5) -> Draft:
    return Draft(Evidence(read(SOURCE)), min_support, INSTRUCTIONS)


def judged(completion: str, min_support: float = 0.5) -> tuple[list[str], list[tuple[str, str]]]:
    """The sentences that stand, and the others with their reasons."""
    whole = draft(min_support)
    for sentence in whole.unjudged(split_draft(completion)):
        whole.put(sentence, whole.judge(sentence))
    return [claim.text for claim in whole.claims], [(sentence.text, sentence.reason) for sentence in whole.dropped]


# Well-formed sentences


@pytest.mark.parametrize("sentence", ["The pump failed.", "Nobody was hurt.", "The failed pump was a Max"])
def test_three_words_two_of_them_with_content_make_a_sentence(sentence: str) -> None:
    assert well_formed(sentence, read(SOURCE), INSTRUCTIONS) is None


@pytest.mark.parametrize(
    "piece",
    ["Pump failed.", "It was what it was.", "> The pump failed at night.", "| The pump | failed | at night |"],
)
def test_two_words_words_without_content_quotations_and_table_rows_are_no_sentences(piece: str) -> None:
    assert well_formed(piece, read(SOURCE), INSTRUCTIONS) == "not_a_sentence"


@pytest.mark.parametrize("ending", [":", "：", ",", ";"])
def test_a_piece_that_ends_in_the_middle_is_no_sentence(ending: str) -> None:
    assert well_formed(f"The pump failed at night{ending}", read(SOURCE), INSTRUCTIONS) == "not_a_sentence"


@pytest.mark.parametrize(
    "sentence",
    [
        "The article describes how a pump failed.",
        "This text is about a pump.",
        "The author says that the pump failed at night.",
        "The main point is that the pump failed at night.",
    ],
)
def test_a_sentence_about_the_text_is_not_part_of_its_summary(sentence: str) -> None:
    assert well_formed(sentence, read(SOURCE), INSTRUCTIONS) == "about_the_text"


# Sentences that refer to the one before


@pytest.mark.parametrize(
    ("sentence", "language", "is_leaning"),
    [
        ("He repaired the pump.", EN, True),
        ("But the pump failed.", EN, True),
        ("The plant therefore runs again.", EN, True),
        ("The pump failed.", EN, False),
        ("Er hat die Pumpe repariert.", DE, True),
        ("Die Anlage läuft deshalb wieder.", DE, True),
        ("Die Pumpe fiel aus.", DE, False),
    ],
)
def test_a_pronoun_a_connective_or_a_consequence_refers_to_the_sentence_before(
    sentence: str, language: Language, is_leaning: bool
) -> None:
    assert leans(sentence, language) is is_leaning


def test_a_sentence_that_refers_to_one_that_stands_stands_as_well() -> None:
    assert judged(f"{FAILED} {REPAIRED} {RUNS}") == ([FAILED, REPAIRED, RUNS], [])


def test_a_sentence_that_refers_to_one_that_fell_falls_with_it() -> None:
    assert judged(f"{FALSE} {REPAIRED} {RUNS}") == ([RUNS], [(FALSE, "support"), (REPAIRED, "reference")])


def test_a_sentence_that_refers_to_a_piece_that_is_no_sentence_falls_too() -> None:
    assert judged(f"{FAILED}\n\nSummary:\n\n{REPAIRED}") == (
        [FAILED],
        [("Summary:", "not_a_sentence"), (REPAIRED, "reference")],
    )


def test_a_first_sentence_that_refers_to_nothing_falls() -> None:
    assert judged(f"{REPAIRED} {RUNS}") == ([RUNS], [(REPAIRED, "reference")])


def test_each_claim_has_its_support_its_units_and_whether_it_refers_to_the_one_before() -> None:
    whole = draft()
    for sentence in (FAILED, REPAIRED):
        whole.put(sentence, whole.judge(sentence))
    assert whole.claims == [Claim(FAILED, 1.0, (0,), leans=False), Claim(REPAIRED, 1.0, (1,), leans=True)]


def test_a_piece_that_is_no_sentence_has_no_support() -> None:
    judgement = draft().judge("Summary:")
    assert (judgement.support, judgement.units, judgement.reason) == (0.0, (), "not_a_sentence")


def test_a_lower_minimum_of_support_lets_more_stand() -> None:
    reordered = "The plant runs again, Erik Olsen was hurt in the hall."
    assert judged(reordered, 0.0)[0] == [reordered]
    assert judged(reordered) == ([], [(reordered, "support")])


def test_an_instruction_that_the_model_repeats_is_dropped_as_an_echo() -> None:
    assert judged(INSTRUCTIONS[0])[1][0][1] == "echo"


# While the completion is streamed


def test_while_the_completion_is_written_all_sentences_but_the_last_are_judged() -> None:
    streamed = draft()
    streamed.read(f"{FAILED} {REPAIRED} The plant")
    assert [claim.text for claim in streamed.claims] == [FAILED, REPAIRED]


def test_a_sentence_is_judged_once_and_passed_on_as_soon_as_it_stands() -> None:
    passed_on: list[str] = []
    streamed = Draft(Evidence(read(SOURCE)), 0.5, INSTRUCTIONS, lambda claim: passed_on.append(claim.text))
    seen = []
    for text in (f"{FAILED} It", f"{FAILED} {FALSE} The", f"{FAILED} {FALSE} {RUNS} Nobody"):
        streamed.read(text)
        seen.append(list(passed_on))
    assert seen == [[FAILED], [FAILED], [FAILED, RUNS]]
    assert streamed.dropped == [Dropped(FALSE, "support")]


def test_a_retried_call_starts_over() -> None:
    streamed = draft()
    streamed.read(f"{FAILED} {FALSE} The")
    streamed.read(f"{RUNS} The")
    assert ([claim.text for claim in streamed.claims], streamed.dropped) == ([RUNS], [])


def test_in_a_retried_call_the_first_sentence_refers_to_nothing() -> None:
    streamed = draft()
    streamed.read(f"{FAILED} The")
    streamed.read(f"{REPAIRED} The")
    assert (streamed.claims, streamed.dropped) == ([], [Dropped(REPAIRED, "reference")])


# Repetitions


def claim(text: str) -> Claim:
    return Claim(text, 1.0, (0,), leans(text, EN))


def is_repeated(next_claim: Claim, kept: Sequence[Claim]) -> bool:
    return repeats(next_claim.text, [earlier.text for earlier in kept], EN)


def test_a_repeated_claim_is_dropped_and_the_first_one_kept() -> None:
    claims = [claim(FAILED), claim("At night the pump failed."), claim(RUNS)]
    assert without_repetitions(claims, is_repeated) == (
        (claims[0], claims[2]),
        (Dropped("At night the pump failed.", "repeated"),),
    )


def test_a_claim_that_refers_to_a_repeated_one_is_dropped_with_it() -> None:
    claims = [claim(RUNS), claim("Again the plant runs."), claim("But nobody was hurt.")]
    assert without_repetitions(claims, is_repeated) == (
        (claims[0],),
        (Dropped("Again the plant runs.", "repeated"), Dropped("But nobody was hurt.", "reference")),
    )


def test_a_claim_that_refers_to_a_kept_one_is_kept_even_after_an_earlier_repetition() -> None:
    claims = [claim(RUNS), claim("The plant runs again."), claim(FAILED), claim("But nobody was hurt.")]
    assert without_repetitions(claims, is_repeated)[0] == (claims[0], claims[2], claims[3])


def test_a_claim_that_refers_to_a_dropped_one_does_not_stand_in_for_it() -> None:
    claims = [claim(RUNS), claim(RUNS), claim("But nobody was hurt."), claim("They were glad at home.")]
    assert [dropped.reason for dropped in without_repetitions(claims, is_repeated)[1]] == [
        "repeated",
        "reference",
        "reference",
    ]


def test_a_first_claim_may_begin_with_a_pronoun() -> None:
    claims = [claim(REPAIRED)]
    assert without_repetitions(claims, is_repeated) == ((claims[0],), ())
