"""Nothing invented, nothing lost unseen: facts, verification and repair."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capsule.facts import find_facts
from app.capsule.repair import repair
from app.capsule.tokens import estimate_tokens
from app.capsule.verification import Evidence, invented_facts

SOURCE = (
    "Fjord Holding AG, the Hamburg-based maker of ferries, said on Tuesday that it will open a new plant in Gdańsk "
    "by the end of 2026, creating around 1,200 jobs in the region. It was a bright day and everyone seemed to be in "
    "a good mood about what had been announced. Revenue rose 3.2% to EUR 1.9 billion in the third quarter. People "
    "enjoyed the coffee that had been served all morning long."
)
VOCABULARY = """
    Berlin 1,200 3.2% 13.2% the plant 2026-09-30 Jane_O'Neil "quoted_words" INV-17 not ._ , €5 192.168.0.1
    https://a.example/b 你好 2025年3月 x@y.example Fjord
"""
WORDS = st.lists(st.sampled_from(["\n", *(word.replace("_", " ") for word in VOCABULARY.split())]), max_size=60).map(
    " ".join
)
ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=300) | WORDS


@pytest.mark.parametrize(
    ("text", "kind", "found"),
    [
        ("It rose 3.2% then", "number", "3.2%"),
        ("It cost EUR 312.5 million then", "number", "EUR 312.5 million"),
        ("It cost €1,200.50 then", "number", "€1,200.50"),
        ("It weighs 15 kg now", "number", "15 kg"),
        ("On 2025-09-30 it", "date", "2025-09-30"),
        ("東京都は2026年3月5日に", "date", "2026年3月5日"),
        ("at 14:35 it", "time", "14:35"),
        ("at 9:05 p.m. it", "time", "9:05 p.m."),
        ("see https://example.com/a?b=1.", "url", "https://example.com/a?b=1"),
        ("mail ir@fjord.example now", "email", "ir@fjord.example"),
        ("host 192.168.1.10 is", "ip", "192.168.1.10"),
        ("order INV-2024-00317 is", "identifier", "INV-2024-00317"),
        ("version v2.3.1 is", "identifier", "v2.3.1"),
        ("she met Jane O'Neil there", "name", "Jane O'Neil"),
        ("they said “we need no debt” then", "quote", "“we need no debt”"),
        ("数字２０２５個", "number", "２０２５"),
    ],
)
def test_facts_are_found_with_their_kind(text: str, kind: str, found: str) -> None:
    assert (kind, found) in [(fact.kind, fact.text) for fact in find_facts(text)]


@given(ANY)
def test_facts_stand_where_their_offsets_say_and_do_not_overlap(text: str) -> None:
    reach = 0
    for fact in find_facts(text):
        assert text[fact.start : fact.end] == fact.text
        assert fact.start >= reach
        reach = fact.end


@pytest.mark.parametrize(
    "hostile", ["1.1", "a@", "A of ", "1:", "www.", '"', "A-", "1 ", ":", "年1", "EUR ", "1,000"]
)
def test_the_work_of_finding_facts_grows_with_the_length_only(hostile: str) -> None:
    # 200 kB: a pattern that backtracks over the whole text would not come back within the test run.
    assert find_facts(hostile * (200_000 // len(hostile))) is not None


@pytest.mark.parametrize(
    ("one", "other"), [("1,200", "1200"), ("3.20%", "3.20 %"), ("Jane O'Neil", "Jane O’Neil"), ("２０２５", "2025")]
)
def test_spellings_of_one_fact_count_as_one(one: str, other: str) -> None:
    assert not invented_facts(f"He saw {one} there", Evidence.of(f"He saw {other} there"))


@pytest.mark.parametrize(
    ("claim", "source"),
    [("3.2%", "13.2%"), ("3.2%", "3.2 times"), ("Jane Smith", "Jane O'Neil"), ("v2.3.1", "v2.3.0")],
)
def test_a_fact_that_only_resembles_one_of_the_source_is_invented(claim: str, source: str) -> None:
    assert invented_facts(f"He saw {claim} there", Evidence.of(f"He saw {source} there"))


def test_a_sentence_with_an_invented_fact_is_dropped_and_counted() -> None:
    repaired = repair(SOURCE, "Fjord Holding AG opens a plant. Apple (AAPL) gained 4%.")
    assert "Apple" not in repaired.text
    assert repaired.report.invented_removed == 3


def test_missing_facts_come_back_as_words_of_the_source() -> None:
    repaired = repair(SOURCE, "A company opens a plant.")
    assert "Revenue rose 3.2% to EUR 1.9 billion in the third quarter." in repaired.text
    assert repaired.report.missing == ()
    assert repaired.report.restored == repaired.report.facts


def test_sentences_without_a_fact_do_not_come_back() -> None:
    assert "coffee" not in repair(SOURCE, "A company opens a plant.").text


def test_what_the_summary_keeps_is_told_from_what_is_restored() -> None:
    report = repair(SOURCE, "Revenue rose 3.2% to EUR 1.9 billion.").report
    assert report.kept == 2
    assert report.kept + report.restored == report.facts


def test_with_a_target_the_result_is_at_most_a_tenth_over_it() -> None:
    repaired = repair(SOURCE, "A company opens a plant.", target_tokens=40)
    assert estimate_tokens(repaired.text) <= 44


def test_what_does_not_fit_the_target_is_listed() -> None:
    report = repair(SOURCE, "A company opens a plant.", target_tokens=40).report
    assert report.missing
    assert report.kept + report.restored + len(report.missing) == report.facts


def test_a_must_keep_string_survives_though_no_fact_is_in_it() -> None:
    assert "bright day" in repair(SOURCE, "A plant.", must_keep=["bright day"], target_tokens=20).text


def test_a_must_keep_string_that_the_source_lacks_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="zeppelin"):
        repair(SOURCE, "A plant.", must_keep=["zeppelin"])


def test_a_question_brings_its_answer_back_first() -> None:
    repaired = repair(SOURCE, "A plant.", question="How much did revenue rise?", target_tokens=30)
    assert "3.2%" in repaired.text


@given(source=ANY, summary=ANY)
def test_whatever_the_model_writes_every_fact_of_the_result_stands_in_the_source(source: str, summary: str) -> None:
    repaired = repair(source, summary)
    evidence = Evidence.of(source)
    assert all(evidence.has(fact) or fact.text in source for fact in find_facts(repaired.text))


@given(source=ANY, summary=ANY, target=st.none() | st.integers(1, 200))
def test_whatever_the_model_writes_every_lost_fact_is_listed(source: str, summary: str, target: int | None) -> None:
    repaired = repair(source, summary, target_tokens=target)
    result = Evidence.of(repaired.text)
    listed = set(repaired.report.missing)
    lost = {fact.key for fact in find_facts(source) if not result.has(fact)}
    assert lost == {fact.key for fact in find_facts(source) if fact.text in listed and not result.has(fact)}
    assert len(repaired.report.missing) == len(lost)


@given(data=st.data(), source=ANY)
def test_any_must_keep_strings_survive_to_the_letter(data: Any, source: str) -> None:
    literals = []
    for _ in range(3 if source else 0):
        start = data.draw(st.integers(0, len(source) - 1))
        literals.append(source[start : data.draw(st.integers(start + 1, len(source)))])
    repaired = repair(source, data.draw(ANY), must_keep=literals)
    assert all(literal in repaired.text for literal in literals)
