"""The measures of the benchmarks, on small data of which the figures are known."""

import json
import math
import xml.dom.minidom
from pathlib import Path

import pytest

from benchmarks import answers, coverage, factuality, fidelity, measures, prefix, work
from benchmarks.corpus import Marked
from benchmarks.factuality import Row
from benchmarks.sentences import Boundaries, first_sentences, firsts_of_paragraphs, pieces, share_of_fragments

TEXT = (
    "The mill burned down in 1908. Nobody was hurt, although twelve people worked there.\n\n"
    "The owner, Ada Krol, built a new one at the lake. It still stands."
)
SENTENCES = [
    "The mill burned down in 1908.",
    "Nobody was hurt, although twelve people worked there.",
    "The owner, Ada Krol, built a new one at the lake.",
    "It still stands.",
]
MARKED = Marked("mill", "prose", "en", TEXT, ("1908", "Ada Krol", "twelve people"), (("When?", "1908"),))


def kinds(text: str, result: str) -> list[str]:
    return [piece.kind for piece in pieces(Boundaries(text), result)]


def test_sentences_end_at_stops_and_at_the_end_of_lines() -> None:
    boundaries = Boundaries(TEXT)
    assert [boundaries.text_of(sentence) for sentence in boundaries.sentences] == SENTENCES


def test_a_stop_before_a_small_letter_ends_no_sentence() -> None:
    boundaries = Boundaries("The bacillus Y. pestis was found in e.g. rats. It spread.")
    assert [boundaries.text_of(sentence) for sentence in boundaries.sentences] == [
        "The bacillus Y. pestis was found in e.g. rats.",
        "It spread.",
    ]


def test_a_sentence_goes_on_over_the_end_of_a_wrapped_line() -> None:
    wrapped = "The board of the society met on Tuesday evening in the\nvillage hall and agreed on the budget."
    assert len(Boundaries(wrapped).sentences) == 1
    assert kinds(wrapped, wrapped) == ["whole", "whole"]
    assert kinds(wrapped, wrapped.split("\n")[0]) == ["fragment"]


@pytest.mark.parametrize("result", [TEXT, SENTENCES[2], f"{SENTENCES[0]} {SENTENCES[3]}", "it still stands"])
def test_whole_sentences_are_no_fragments(result: str) -> None:
    assert set(kinds(TEXT, result)) == {"whole"}


def test_a_sentence_that_lost_its_end_or_its_begin_is_a_fragment() -> None:
    assert kinds(TEXT, "Nobody was hurt.") == ["fragment"]
    assert kinds(TEXT, "Twelve people worked there.") == ["fragment"]


def test_what_the_source_does_not_say_is_nobodys_fragment() -> None:
    assert kinds(TEXT, "A fire destroyed the mill.") == ["own"]
    assert kinds(TEXT, "the lake") == ["short"]


def test_an_item_may_come_without_its_mark_and_a_turn_without_its_speaker() -> None:
    assert kinds("- two eggs and butter\n- one cup of flour", "one cup of flour") == ["whole"]
    assert kinds("Ann: We meet on Monday at nine.\nBob: Fine.", "We meet on Monday at nine.") == ["whole"]


def test_the_share_of_fragments_counts_lines() -> None:
    matched = pieces(Boundaries(TEXT), f"{SENTENCES[0]} Nobody was hurt.\n{SENTENCES[3]}")
    assert share_of_fragments(matched) == (1, 2)


def test_first_sentences_stop_at_the_first_one_that_does_not_fit() -> None:
    source = Boundaries(TEXT)
    assert first_sentences(source, 1000) == "\n".join(SENTENCES)
    assert first_sentences(source, 12) == SENTENCES[0]


def test_first_sentences_of_paragraphs_come_before_second_ones() -> None:
    assert firsts_of_paragraphs(Boundaries(TEXT), 30).split("\n") == [SENTENCES[0], SENTENCES[2]]


def test_rates_of_a_judge() -> None:
    rates = measures.rates([True, True, True, False, False], [True, True, False, True, False])
    assert rates.true_stand == pytest.approx(2 / 3)
    assert rates.false_dropped == 0.5
    assert rates.balanced_accuracy == pytest.approx(7 / 12)
    assert rates.precision == pytest.approx(2 / 3)
    assert math.isnan(measures.rates([True], [True]).false_dropped)


def test_the_area_under_the_curve_counts_equal_scores_half() -> None:
    assert measures.area_under_curve([True, True, False, False], [0.9, 0.8, 0.2, 0.1]) == 1.0
    assert measures.area_under_curve([True, False], [0.3, 0.7]) == 0.0
    assert measures.area_under_curve([True, False, True, False], [0.5, 0.5, 0.9, 0.1]) == 0.875


def test_the_best_threshold_has_the_best_balanced_accuracy() -> None:
    assert measures.best_threshold([True, True, False, False], [0.9, 0.7, 0.6, 0.1]) == 0.7


@pytest.mark.parametrize(
    ("given", "answer", "f1"),
    [
        ("The 12 apostles!", "12 apostles", 1.0),
        ("in Berlin in May", "Berlin", 0.4),
        ("Rome", "Paris", 0.0),
        ("", "x", 0),
    ],
)
def test_f1_as_of_squad(given: str, answer: str, f1: float) -> None:
    assert measures.token_f1(given, answer) == pytest.approx(f1)


def test_a_figure_is_invented_where_the_source_has_not_its_digits() -> None:
    source = "It cost 1,200 euros on 2024-05-14."
    assert measures.invented_figures(source, "1200 euros, 14 May 2024") == []
    assert measures.invented_figures(source, "1300 euros") == ["1300"]


def test_rows_without_a_source_have_that_of_the_row_before() -> None:
    lines = [
        '{"source": "A.", "sentence": "B.", "label": 1}',
        "",
        '{"sentence": "C.", "label": 0}',
        '{"sentence": "D."}',
    ]
    assert list(factuality.load(lines)) == [Row("A.", "B.", True), Row("A.", "C.", False), Row("A.", "D.", None)]


def test_of_qags_the_majority_of_readers_counts_and_tokenizers_spaces_go() -> None:
    votes = [{"response": "yes"}, {"response": "no"}, {"response": "yes"}]
    row = {
        "article": "It paid $ 1, 200 .",
        "summary_sentences": [
            {"sentence": "It paid $ 1, 200 .", "responses": votes},
            {"sentence": "It paid nothing .", "responses": votes[1:2] * 2},
        ],
    }
    assert list(factuality.load([json.dumps(row)])) == [
        Row("It paid $1,200.", "It paid $1,200.", True),
        Row("It paid $1,200.", "It paid nothing.", False),
    ]


def test_figures_and_names_but_the_first_word_must_be_there() -> None:
    assert factuality.has_figures_and_names("Then Ada Krol built in 1908.", TEXT)
    assert not factuality.has_figures_and_names("Then Ada Kroll built in 1908.", TEXT)
    assert not factuality.has_figures_and_names("Then she built in 1909.", TEXT)


def test_rouge_2_is_that_of_the_worst_sentence() -> None:
    assert factuality.rouge2_precision("The mill burned down.", TEXT) == 1.0
    assert factuality.rouge2_precision("The mill burned down. The mill blew up.", TEXT) == pytest.approx(1 / 3)


def test_halves_have_no_source_in_common() -> None:
    rows = [Row(source, "s", True) for source in "aabbcd"]
    first, second = factuality.half(rows, "first"), factuality.half(rows, "second")
    assert {text.source for text in first} == {"a", "c"}
    assert {text.source for text in second} == {"b", "d"}
    assert factuality.half(rows, None) == rows


def squad(tmp_path: Path) -> list[answers.Text]:
    paragraphs = [
        {
            "context": TEXT.split("\n\n")[0],
            "qas": [
                {"question": "When?", "answers": [{"text": "1908", "answer_start": 24}]},
                {"question": "What is wrongly marked?", "answers": [{"text": "1908", "answer_start": 3}]},
                {"question": "What is not answered?", "answers": []},
            ],
        },
        {
            "context": TEXT.split("\n\n")[1],
            "qas": [{"question": "Where?", "answers": [{"text": "at the lake", "answer_start": 37}]}],
        },
    ]
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": paragraphs}]}))
    return answers.load(path)


def test_paragraphs_of_squad_are_one_text_with_the_answers_at_their_places(tmp_path: Path) -> None:
    (text,) = squad(tmp_path)
    assert text.text == TEXT
    assert [TEXT[question.start :].startswith(question.answer) for question in text.questions] == [True, True]
    assert [text.sentence_of(question) for question in text.questions] == [SENTENCES[0], SENTENCES[2]]
    assert [question.is_plain for question in text.questions] == [False, True]


def test_an_answer_may_be_kept_without_its_sentence(tmp_path: Path) -> None:
    (text,) = squad(tmp_path)
    sums = answers.Sums()
    sums.add(text, "It was in 1908.\nThe owner, Ada Krol, built a new one at the lake.", text.questions)
    assert sums.present == [True, True]
    assert sums.whole == [False, True]
    assert sums.plain == [True]
    assert (sums.fragments, sums.lines) == (0, 2)


def test_bm25_takes_the_sentence_with_the_words_of_the_question(tmp_path: Path) -> None:
    (text,) = squad(tmp_path)
    assert answers.bm25(text, 16, "What did Ada Krol build at the lake?") == SENTENCES[2]


def test_textrank_takes_the_sentence_that_is_like_the_others() -> None:
    text = answers.Text("Cats chase mice at night. Mice fear cats at night. Bread is baked early. Cats and mice.", ())
    assert "Bread" not in answers.textrank(text, 22)


def test_a_fact_in_a_cut_sentence_does_not_count_as_in_a_sentence() -> None:
    made = fidelity.Shortened(
        f"{SENTENCES[0]}\nAlthough twelve people worked there.", "In 1908, or 1910, Xerxes came.", True
    )
    row = fidelity.scored("way", MARKED, 0.5, made, 0.1)
    assert (row.facts_present, row.facts_in_sentences, row.facts) == (2, 1, 3)
    assert (row.answered, row.fragments, row.lines) == (1, 1, 2)
    assert row.invented == ("1910", "Xerxes")
    assert row.used is None  # of a short text


def test_the_table_of_fidelity_has_a_line_for_each_way_and_target() -> None:
    rows = list(fidelity.measured([MARKED], fidelity.in_process, None, [0.5]))
    assert len(fidelity.table(rows).splitlines()) == 2 + 2 * 2
    assert all(row.is_exact for row in rows if row.way == "Condenser")


def test_all_of_a_texts_worth_is_kept_at_full_coverage_and_less_below() -> None:
    whole, part = coverage.kept(MARKED, 1.0), coverage.kept(MARKED, 0.3)
    assert whole.worth == 1.0
    assert part.worth < 1.0
    assert part.size < whole.size


def test_the_plot_of_coverage_is_well_formed() -> None:
    rows = [coverage.kept(MARKED, wish) for wish in coverage.COVERAGES]
    drawn = xml.dom.minidom.parseString(coverage.svg(rows))  # noqa: S318
    assert len(drawn.getElementsByTagName("polyline")) == 3


def test_work_is_measured_for_every_stage() -> None:
    times = work.worked(TEXT, work.draft_of(TEXT))
    assert tuple(times) == work.STAGES
    assert all(seconds >= 0 for seconds in times.values())


def test_a_draft_has_four_sentences_and_one_of_them_is_false() -> None:
    draft = work.draft_of(TEXT)
    assert draft.startswith(" ".join(SENTENCES[:3]))
    assert "98765" in draft


def test_engine_time_of_a_checked_summary_is_put_beside_a_plain_ones() -> None:
    calls = [
        prefix.Call(prefix.PLAIN, tokens=500, written=100, seconds=4.0),
        prefix.Call(prefix.SUMMARY, tokens=600, written=100, seconds=5.0),
        *[prefix.Call(prefix.SHARED, tokens=500, written=1, seconds=0.25)] * 4,
        *[prefix.Call(prefix.UNLIKE, tokens=500, written=1, seconds=2.5)] * 4,
    ]
    *_, shared, unlike, _, ratios = prefix.table(calls).split("\n")
    assert shared == "| check, shared prefix | 4 | 500 | 1 | 250 | 50 |"
    assert unlike == "| check, own prefix | 4 | 500 | 1 | 2500 | 500 |"
    assert ratios == (
        "a summary and its 4 checks: 1.50 of a plain summary's time, 1.20 of the summary's alone, "
        "0.40 of the time without a shared prefix; 200 tokens a second are read"
    )
