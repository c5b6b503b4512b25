"""Nothing invented, nothing lost unseen: what comes of a summary, whatever the model wrote."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capsule.analysis import Source
from app.capsule.facts import LiteralNotFoundError
from app.capsule.repair import repair
from app.capsule.report import Repaired
from app.capsule.scanner import find_facts
from app.capsule.tokens import estimate_tokens
from app.capsule.verification import Evidence, required
from tests.unit.strategies import ANY

TEXT = (
    "Fjord Holding AG, the Hamburg-based maker of ferries, said on Tuesday that it will open a new plant in Gdańsk "
    "by the end of 2026, creating around 1,200 jobs in the region. It was a bright day and everyone seemed to be in "
    "a good mood about what had been announced. Revenue rose 3.2% to EUR 1.9 billion in the third quarter. People "
    "enjoyed the coffee that had been served all morning long. The site must not be used by others, and no trees or "
    "2 old halls may be removed unless the city agrees."
)
SOURCE = Source(TEXT)


def repaired(summary: str, text: str = TEXT, must_keep: tuple[str, ...] = (), **wish: Any) -> Repaired:
    return repair(Source(text, must_keep), summary, **wish)


def test_a_sentence_with_an_invented_fact_is_dropped_and_counted() -> None:
    result = repaired("Fjord Holding AG opens a plant. Apple (AAPL) gained 4%.")
    assert "Apple" not in result.text
    assert result.report.invented_removed == 3


def test_a_misspelt_name_is_put_right() -> None:
    result = repaired("Fjord Holdings AG will open a new plant in Gdańsk.", keep_written=True)
    assert "Fjord Holding AG will open a new plant in Gdańsk." in result.text
    assert result.report.corrected == 1


def test_a_wrong_figure_is_put_right_where_the_source_has_just_one() -> None:
    result = repaired("Around 1,300 new jobs in the region, creating.", keep_written=True)
    assert "1,300" not in result.text


def test_a_wrong_figure_that_could_be_one_of_two_is_dropped() -> None:
    text = "The firm paid 5 euros for tea and 7 euros for coffee on that day. It was a good day for all of them there."
    result = repaired("The firm paid 6 euros for tea and coffee on that day.", text, keep_written=True)
    assert result.report.corrected == 0
    assert "6 euros" not in result.text


def test_missing_facts_come_back_as_words_of_the_source() -> None:
    result = repaired("A company opens a plant.")
    assert "Revenue rose 3.2% to EUR 1.9 billion" in result.text
    assert result.report.missing == ()
    assert result.report.kept + result.report.restored == result.report.facts


def test_sentences_without_a_fact_do_not_come_back() -> None:
    assert "coffee" not in repaired("A company opens a plant.").text


def test_a_negation_keeps_all_that_it_reaches() -> None:
    assert "no trees or 2 old halls may be removed unless the city agrees" in repaired("").text


def test_a_rule_without_a_figure_is_a_fact() -> None:
    assert "The site must not be used by others" in repaired("").text


def test_what_the_summary_keeps_is_told_from_what_is_restored() -> None:
    report = repaired("Revenue rose 3.2% to EUR 1.9 billion.", keep_written=True).report
    assert report.kept == 2
    assert report.kept + report.restored == report.facts


def test_without_a_target_the_shorter_way_to_state_the_facts_is_taken() -> None:
    text = (
        "The new harbour office that everybody had been waiting for since the storm of that winter was opened by the "
        "mayor in Turku on 5 May 2024 after many speeches had been held and a great deal of cake had been eaten there."
    )
    result = repaired("The harbour office was opened in Turku on 5 May 2024.", text)
    assert result.text == "The harbour office was opened in Turku on 5 May 2024."


def test_with_a_target_the_result_is_at_most_a_tenth_over_it() -> None:
    assert estimate_tokens(repaired("A company opens a plant.", target_tokens=40).text) <= 44


def test_what_does_not_fit_the_target_is_listed() -> None:
    report = repaired("A company opens a plant.", target_tokens=40).report
    assert report.missing
    assert report.kept + report.restored + len(report.missing) == report.facts


def test_what_a_text_is_about_is_kept_before_what_it_mentions() -> None:
    text = "\n".join(
        ["Fjord Holding met in Oslo with others.", "Brevik Bank met in Rome with others."]
        + [f"Fjord Holding did something that day, number {word}." for word in ("one", "of it", "or other")]
    )
    assert "Fjord Holding" in repaired("", text, target_tokens=14).text


def test_an_error_is_kept_before_routine() -> None:
    lines = [f"2025-05-12 08:{minute:02d}:00 INFO request {minute}17 served" for minute in range(10, 30)]
    lines[11] = "2025-05-12 08:21:00 ERROR pool exhausted, 400 connections"
    result = repaired("", "\n".join(lines), target_tokens=60)
    assert lines[11] in result.text
    assert result.report.structure == ("log",)


def test_a_row_of_a_table_comes_with_its_header() -> None:
    rows = ["| ship | port | tons |", "|---|---|---|", *(f"| MV Nr {n} | Turku | {n}00 |" for n in range(11, 30))]
    result = repaired("", "\n".join(rows), target_tokens=60)
    assert result.text.startswith("| ship | port | tons |")
    assert 1 < result.text.count("\n") < 12


def test_a_value_in_yaml_comes_with_the_keys_above_it() -> None:
    text = "server:\n  # its use is told elsewhere\n  limits:\n    memory: 512Mi\n    cpu: 250m\nnotes:\n  - nothing\n"
    assert "server:\n  limits:\n    memory: 512Mi" in repaired("", text).text.replace("\n\n", "\n")


def test_code_is_not_paraphrased() -> None:
    code = (
        "import os\n\n\ndef read(path):\n    # reads it\n    with open(path) as file:\n        return file.read(4096)\n"
    )
    result = repaired("The code reads 4096 bytes.", code * 2)
    assert all(line in code for line in result.text.splitlines() if "4096 bytes" not in line)


def test_a_must_keep_string_survives_though_no_fact_is_in_it() -> None:
    assert "bright day" in repaired("A plant.", must_keep=("bright day",), target_tokens=20).text


def test_a_must_keep_string_that_the_source_lacks_is_refused_by_name() -> None:
    with pytest.raises(LiteralNotFoundError, match="zeppelin"):
        Source(TEXT, ["zeppelin"])


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How much did revenue rise?", "3.2%"),
        ("When will the plant open?", "2026"),
        ("What was served in the morning?", "coffee"),
    ],
)
def test_what_answers_the_question_comes_before_other_facts(question: str, answer: str) -> None:
    assert answer in repaired("A plant.", question=question, target_tokens=30).text


def test_a_question_brings_its_answer_back_without_a_target_too() -> None:
    assert "coffee" in repaired("", question="Which drink was served in the morning?").text


def test_a_text_that_a_model_wrote_out_of_notes_keeps_its_sentences() -> None:
    said = "Revenue rose 3.2%. Revenue rose 3.2% in the third quarter to EUR 1.9 billion."
    assert said.split(". ")[0] in repaired(said, keep_written=True).text


def test_a_comparison_stays_with_its_figure() -> None:
    text = (
        "The head teacher of the school reported to the board on that evening in the old hall by the river, which is "
        "where it always meets, that 212 pupils have been registered for the coming year, which is 17 more than last "
        "year, to the surprise of those who had expected that the number would go on as it had been for a long time."
    )
    result = repaired("", text, target_tokens=20)
    assert "17 more" in result.text
    assert "17 more than last year, to the surprise" not in result.text


def test_a_comparison_without_a_basis_stays_with_its_figure() -> None:
    text = (
        "It was a bright day and everyone seemed to be in a good mood about what had been announced on the evening "
        "before, and there were 17 more than it had been said there would ever be, to the surprise of all those who "
        "had expected that the number would go on as it had been for a very long time in this part of the country."
    )
    assert "17 more" in repaired("", text, target_tokens=8).text


def test_what_is_not_told_whole_is_listed_as_left_out() -> None:
    listed = repaired("").report.left_out
    assert any("It was a bright day and everyone seemed to be in a good mood" in one for one in listed)
    assert not any("Revenue rose" in one for one in listed)


@given(text=ANY, summary=ANY, target=st.none() | st.integers(1, 200))
def test_whatever_the_model_writes_no_fact_of_the_result_is_invented(
    text: str, summary: str, target: int | None
) -> None:
    source = Source(text)
    result = repair(source, summary, target_tokens=target)
    evidence = Evidence(text, source.facts)
    assert all(
        evidence.supports(fact) or fact.text in text or _is_put_together(fact.text, text)
        for fact in find_facts(result.text, source.language)
    )


def _is_put_together(said: str, text: str) -> bool:
    """A quotation from one slice into the next: each line of it stands in the source."""
    return all(line.strip() in text for line in said.splitlines())


@given(text=ANY, summary=ANY, target=st.none() | st.integers(1, 200))
def test_whatever_the_model_writes_every_lost_fact_is_listed(text: str, summary: str, target: int | None) -> None:
    source = Source(text)
    result = repair(source, summary, target_tokens=target)
    evidence = Evidence(result.text, find_facts(result.text, source.language))
    lost = [fact.text for fact in required(source.facts) if not evidence.has(fact)]
    assert sorted(result.report.missing) == sorted(lost)
    assert result.report.kept + result.report.restored + len(lost) == result.report.facts


@given(text=ANY, summary=ANY)
def test_without_a_target_every_fact_of_the_source_is_in_the_result(text: str, summary: str) -> None:
    assert repair(Source(text), summary).report.missing == ()


@given(data=st.data(), text=ANY, target=st.none() | st.integers(1, 50))
def test_any_must_keep_strings_survive_to_the_letter(data: Any, text: str, target: int | None) -> None:
    literals = []
    for _ in range(3 if text else 0):
        start = data.draw(st.integers(0, len(text) - 1))
        literals.append(text[start : data.draw(st.integers(start + 1, len(text)))])
    result = repair(Source(text, literals), data.draw(ANY), target_tokens=target)
    assert all(literal in result.text for literal in literals)
