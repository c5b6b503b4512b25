"""What a result says of itself: passages by offsets, what was left out, which facts are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.summary.check import Claim
from app.summary.report import MOST_MISSING, Excerpt, Report, arrange, compose, excerpt_of, excerpts, report
from app.text.document import Document, read
from app.text.span import Span
from tests.unit.strategies import ANY

TEXT = (
    "The pump P-17 failed at 14:35 on 3 May 2026. Nobody was hurt. The repair cost 4,120 euros. It was done by Erik "
    "Olsen on 5 May 2026.\n\nThe plant runs again. Maria Lindqvist pays the bill INV-2231 before 14 May 2026.\n\n"
    "- Buy a new valve V-9.\n- Ask the supplier for 3 offers."
)


def reported(text: str, units: list[int], claims: tuple[Claim, ...] = ()) -> tuple[Document, str, Report]:
    document = read(text)
    result, passages = compose(document, [*claims, *units])
    return document, result, report(document, result, passages, units)


def test_units_that_follow_each_other_are_one_passage_as_they_stand_in_the_source() -> None:
    _, result, report = reported(TEXT, [0, 1, 4, 6, 7])
    assert [result[passage.start : passage.end] for passage in report.passages] == [
        "The pump P-17 failed at 14:35 on 3 May 2026. Nobody was hurt.",
        "The plant runs again.",
        "- Buy a new valve V-9.\n- Ask the supplier for 3 offers.",
    ]
    for passage in report.passages:
        (source,) = passage.source
        assert (passage.by, passage.support) == ("source", 1.0)
        assert TEXT[source.start : source.end] == result[passage.start : passage.end]


def test_sentences_of_a_paragraph_stay_one_and_paragraphs_stay_apart() -> None:
    assert reported(TEXT, [0, 2, 4, 6])[1] == (
        "The pump P-17 failed at 14:35 on 3 May 2026. The repair cost 4,120 euros.\n\nThe plant runs again.\n\n"
        "- Buy a new valve V-9."
    )


def test_lines_stay_lines() -> None:
    text = "Shall I compare thee\nto a summer's day?\nThou art more lovely"
    assert reported(text, [0, 2])[1] == "Shall I compare thee\nThou art more lovely"


def test_no_space_comes_between_chinese_sentences() -> None:
    assert reported("今天下雨了。我们没有出门。会议十点开始。", [0, 2])[1] == "今天下雨了。会议十点开始。"


def test_a_passage_of_the_models_comes_first_and_tells_what_it_rests_on() -> None:
    claim = Claim("P-17 failed and was repaired for 4,120 euros.", 0.931, (0, 1, 3))
    document, result, report = reported(TEXT, [4], (claim,))
    first, second = report.passages
    assert result == "P-17 failed and was repaired for 4,120 euros.\n\nThe plant runs again."
    assert (first.by, first.support, second.by) == ("model", 0.931, "source")
    assert result[first.start : first.end] == claim.text
    units = document.units
    assert first.source == (Span(units[0].start, units[1].end), Span(units[3].start, units[3].end))
    assert report.is_by_model


def test_sentences_of_the_models_stand_in_one_paragraph() -> None:
    claims = (Claim("P-17 failed.", 1.0, (0,)), Claim("It costs 4,120 euros.", 1.0, (2,)))
    assert reported(TEXT, [], claims)[1] == "P-17 failed. It costs 4,120 euros."


def test_what_is_not_in_the_result_is_listed_by_offsets() -> None:
    document, _, report = reported(TEXT, [0, 1, 4])
    units = document.units
    assert report.omitted == (Span(units[2].start, units[3].end), Span(units[5].start, units[7].end))


def test_what_a_claim_rests_on_counts_as_omitted_where_it_is_not_in_the_result_itself() -> None:
    _, _, report = reported(TEXT, [1], (Claim("P-17 failed.", 1.0, (0,)),))
    assert report.omitted[0] == Span(0, TEXT.index(" Nobody"))


def test_a_fact_is_kept_by_its_value_in_whatever_spelling_and_by_whomever_it_is_said() -> None:
    source = "The repair cost 4,120 euros on 3 May 2026. We paid 4120 EUR. The weather was fine."
    document, _, report = reported(source, [1])
    assert {fact.text: fact.kept for fact in report.explained} == {"4,120 euros": True, "3 May 2026": False}
    _, _, by_model = reported(TEXT, [], (Claim("P-17 failed.", 1.0, (0,)),))
    assert [fact.text for fact in by_model.explained if fact.kept] == ["P-17"]
    assert document.text == source


def test_facts_are_counted_once_and_those_missing_are_named_in_order() -> None:
    _, _, report = reported(TEXT, [1, 4])
    assert report.kept + report.missing_count == report.facts == len(report.explained)
    assert report.kept == 0
    assert report.missing == tuple(fact.text for fact in report.explained if not fact.kept)
    assert {"P-17", "3 May 2026", "4,120 euros", "INV-2231", "Erik Olsen"} <= set(report.missing)


def test_at_most_twenty_missing_facts_are_named_dates_before_names() -> None:
    text = "They met " + ", ".join(f"Anna Berg{chr(97 + at)}" for at in range(26)) + f" on 3 May 2026. {'Well. ' * 3}"
    _, _, report = reported(text, [1])
    assert (len(report.missing), report.missing_count) == (MOST_MISSING, 27)
    assert "3 May 2026" in report.missing


def test_explained_has_each_fact_with_all_of_its_places() -> None:
    source = "The pump P-17 failed. P-17 was repaired on 3 May 2026. All was well on 2026-05-03 too."
    _, _, report = reported(source, [0])
    places = {fact.text: [source[span.start : span.end] for span in fact.places] for fact in report.explained}
    assert places == {"P-17": ["P-17", "P-17"], "3 May 2026": ["3 May 2026", "2026-05-03"]}


def test_a_result_of_nothing_has_no_passage_and_leaves_all_out() -> None:
    document, result, report = reported(TEXT, [])
    assert (result, report.passages, report.kept) == ("", (), 0)
    assert len(report.omitted) == 1
    assert report.omitted[0] == Span(0, document.units[-1].end)


@given(ANY, st.data())
def test_passages_of_the_source_are_the_source_to_the_letter(text: str, data: st.DataObject) -> None:
    document = read(text)
    units = data.draw(st.sets(st.sampled_from(range(len(document.units)))) if document.units else st.just(set()))
    result, passages = compose(document, sorted(units))
    fidelity = report(document, result, passages, units)
    assert all(
        text[passage.source[0].start : passage.source[0].end] == result[passage.start : passage.end]
        for passage in passages
    )
    spans = [*(passage.source[0] for passage in passages), *fidelity.omitted]
    for at, unit in enumerate(document.units):
        around = [span for span in spans if span.start <= unit.start and unit.end <= span.end]
        assert len(around) == 1
        assert (around[0] in fidelity.omitted) == (at not in units)


# Where the model's sentences stand

FAILED = Claim("P-17 failed.", 1.0, (0,))
FINE = Claim("The plant is fine.", 0.9, (4, 5))
NOTHING_ELSE = Claim("It needs nothing else.", 0.8, (0,), leans=True)


def arranged(claims: list[Claim], units: list[int]) -> str:
    return compose(read(TEXT), arrange(claims, units))[0]


def test_a_claim_stands_where_its_best_unit_is_or_would_be() -> None:
    assert arranged([FINE], [2, 5]) == (
        "The repair cost 4,120 euros.\n\nThe plant is fine. Maria Lindqvist pays the bill INV-2231 before 14 May 2026."
    )
    assert arranged([FAILED], [0]) == "P-17 failed. The pump P-17 failed at 14:35 on 3 May 2026."


def test_a_list_item_after_a_claim_begins_a_line() -> None:
    claim = Claim("Offers are needed.", 1.0, (7,))
    assert arranged([claim], [7]) == "Offers are needed.\n- Ask the supplier for 3 offers."
    assert arranged([claim], [6, 7]) == "- Buy a new valve V-9. Offers are needed.\n- Ask the supplier for 3 offers."


def test_an_item_of_a_wrapped_list_begins_a_line() -> None:
    items = [
        f"- The {name} of the pump in the old hall at the river costs 300\n  euros a year and is paid in May of each year.\n"
        for name in ("repair", "cleaning", "insurance")
    ]
    assert reported("".join(items), [0, 2])[1] == items[0] + items[2].rstrip()


def test_a_claim_does_not_move_before_the_unit_that_precedes_its_own() -> None:
    assert arranged([FINE], [3]) == "It was done by Erik Olsen on 5 May 2026.\n\nThe plant is fine."


def test_claims_with_the_same_best_unit_stay_in_the_models_order() -> None:
    assert arranged([FAILED, Claim("It was at 14:35.", 0.9, (0,))], []) == "P-17 failed. It was at 14:35."


def test_claims_stand_in_the_order_of_the_text_whatever_order_the_model_wrote_them_in() -> None:
    assert arranged([FINE, FAILED], [1]) == "P-17 failed. Nobody was hurt.\n\nThe plant is fine."


def test_a_claim_that_refers_to_another_stays_right_after_it() -> None:
    assert arranged([FAILED, FINE, NOTHING_ELSE], [1, 5]) == (
        "P-17 failed. Nobody was hurt.\n\nThe plant is fine. It needs nothing else. Maria Lindqvist pays the bill "
        "INV-2231 before 14 May 2026."
    )


def test_a_claim_that_refers_to_the_first_one_stays_with_it() -> None:
    assert arranged([FINE, NOTHING_ELSE], [1]) == "Nobody was hurt.\n\nThe plant is fine. It needs nothing else."


def test_a_first_claim_that_refers_to_nothing_stands_where_its_own_unit_is() -> None:
    assert arranged([NOTHING_ELSE], [1, 4]) == "It needs nothing else. Nobody was hurt.\n\nThe plant runs again."


def test_a_claim_without_units_stands_at_the_beginning() -> None:
    assert arranged([Claim("All is well.", 0.7, ())], [0]).startswith("All is well. The pump")


def test_support_has_three_decimals() -> None:
    _, passages = compose(read(TEXT), [Claim("P-17 failed.", 0.93149, (0,))])
    assert passages[0].support == 0.931


def test_an_excerpt_has_the_text_of_its_passage() -> None:
    document = read(TEXT)
    text, passages = compose(document, [FINE, 1])
    assert excerpts(text, passages) == [
        Excerpt("The plant is fine.", "model", (Span(document.units[4].start, document.units[5].end),), 0.9),
        Excerpt("Nobody was hurt.", "source", (Span(document.units[1].start, document.units[1].end),)),
    ]
    assert excerpt_of(document, FINE) == excerpts(text, passages)[0]


@pytest.mark.parametrize("blank", ["\n", "\n\n"])
def test_a_heading_stays_as_far_from_its_text_as_it_was(blank: str) -> None:
    text = f"# Costs{blank}The move costs 48,000 euros. It must be paid by 1 March 2027."
    assert reported(text, [0, 2])[1] == f"# Costs{blank}It must be paid by 1 March 2027."


# Markup

STYLE, SCRIPT = "<style>" + "p { color: red; } " * 20 + "</style>", "<script>" + "var a = 1; " * 30 + "</script>"
PAGE = (
    f"<html><head>{STYLE}</head><body><p>The pump failed at night.</p>{SCRIPT}<p>Nobody was hurt in the hall.</p>"
    f"<p>The plant runs again.</p>{SCRIPT}</body></html>"
)


def test_the_chosen_paragraphs_of_a_page_are_one_passage_with_the_place_of_each() -> None:
    _, result, report = reported(PAGE, [0, 2])
    (passage,) = report.passages
    assert result == "The pump failed at night.\n\nThe plant runs again."
    assert [PAGE[span.start : span.end] for span in passage.source] == result.split("\n\n")
    assert report.structure == ("html",)


def test_styles_and_scripts_of_a_page_are_reported_as_omitted() -> None:
    _, _, report = reported(PAGE, [0, 1, 2])
    omitted = [PAGE[span.start : span.end] for span in report.omitted]
    assert [STYLE in omitted[0], SCRIPT in omitted[1], SCRIPT in omitted[2], len(omitted)] == [True, True, True, 3]
    assert not any(words in part for part in omitted for words in ("The pump", "Nobody", "The plant"))


def test_an_omitted_paragraph_and_the_script_beside_it_are_one_slice() -> None:
    _, _, report = reported(PAGE, [0, 1])
    assert len(report.omitted) == 3
    assert PAGE[report.omitted[-1].start : report.omitted[-1].end] == PAGE[PAGE.index("The plant runs again.") :]


def test_omitted_paragraphs_with_a_script_between_them_are_one_slice() -> None:
    _, _, report = reported(PAGE, [2])
    assert [PAGE[span.start : span.end].count("<script>") for span in report.omitted] == [1, 1]


def test_a_few_tags_at_the_end_of_a_page_are_not_reported_as_omitted() -> None:
    page = f"<html><body><p>The pump failed at night.</p>{SCRIPT}<p>Nobody was hurt in the hall.</p></body></html>"
    _, _, report = reported(page, [0, 1])
    assert [SCRIPT in page[span.start : span.end] for span in report.omitted] == [True]


def test_a_page_that_comes_back_as_it_is_omits_nothing() -> None:
    document = read(PAGE)
    assert report(document, PAGE, (), [0, 1, 2]).omitted == ()


# Facts in the model's sentences


def kept_facts(source: str, sentence: str) -> list[str]:
    _, _, report = reported(source, [], (Claim(sentence, 1.0, (0,)),))
    return [fact.text for fact in report.explained if fact.kept]


def test_a_fact_of_several_words_is_kept_only_if_they_follow_each_other() -> None:
    source = "The pump failed at 14:35. Anna Berg was there."
    assert kept_facts(source, "It was 14:00, then 14:35, and Anna Berg came.") == ["14:35", "Anna Berg"]
    assert kept_facts(source, "At 14:00 there were 35 people, Anna Holm and Eva Berg.") == []


def test_a_chinese_name_or_figure_in_a_sentence_of_the_models_is_kept() -> None:
    assert "48" in kept_facts("新的渡轮码头耗资48万元。市长很高兴。", "码头花了48万元。")[0]


def test_of_the_missing_facts_those_that_the_text_has_more_often_are_named_first() -> None:
    names = [f"Anna Berg{chr(97 + at)}" for at in range(26)]
    text = "They met " + ", ".join(names) + f". They liked {names[-1]}. Well."
    _, _, report = reported(text, [2])
    assert names[-1] in report.missing
    assert names[-2] not in report.missing
