"""What a result consists of: the budget, what must be kept, the question, what needs what; nothing is said twice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compression.choice import chosen_for
from app.summary.check import Claim, judge
from app.summary.evidence import Evidence
from app.summary.report import compose
from app.summary.select import LEAST_FILLED, Selection, SelectionOptions, select
from app.text.blocks import PROSE
from app.text.document import Document, read
from app.text.language import stems
from app.text.tokens import estimate_tokens
from benchmarks.corpus import load
from tests.unit.strategies import ANY

TEXTS = [marked for marked in load() if estimate_tokens(marked.text) > 200]
PROSE_TEXTS = [marked for marked in TEXTS if set(read(marked.text).structure) <= PROSE | {"heading"}]
ALL = SelectionOptions(None, 1.0)

RULES = (
    "The rental agreement runs for twelve months from the first day of use. The deposit of 300 euros is paid back "
    "within 14 days of the return. Guests may cancel free of charge until 1 May 2026. This does not apply to groups of "
    "more than ten people. The key is handed over at the office in Harbour Street 4 between 9:00 and 17:00. Smoking is "
    "not allowed in any of the rooms or on the balconies. Breakfast costs 12 euros and is served in the hall on the "
    "ground floor. Pets are welcome in the rooms on the garden side. Parking is free behind the house, but places are "
    "few in summer. The house rules hang on the door of every room and hold for all visitors as well."
)


def chosen(text: str, options: SelectionOptions, claims: tuple[Claim, ...] = ()) -> list[str]:
    document = read(text)
    return [document.text_of(at) for at in sorted(select(document, claims, options).units)]


def tokens(document: Document, selection: Selection, claims: tuple[Claim, ...] = ()) -> int:
    slices: list[Claim | int] = [*(claims[at] for at in selection.claims), *sorted(selection.units)]
    return estimate_tokens(compose(document, slices)[0])


def claim(text: str, source: str) -> Claim:
    judged = judge(text, Evidence(read(source)))
    return Claim(text, judged.support, judged.units)


@pytest.mark.parametrize("ratio", [0.2, 0.3, 0.4, 0.5, 0.7, 0.9])
def test_the_budget_is_used_and_kept(ratio: float) -> None:
    shares = {}
    for marked in PROSE_TEXTS:
        document = read(marked.text)
        budget = int(estimate_tokens(marked.text) * ratio)
        selection = chosen_for(document, (), SelectionOptions(budget, 1.0))
        shares[marked.name] = tokens(document, selection) / budget
    within = [0.85 <= share <= 1.1 for share in shares.values()]
    assert sum(within) >= 0.95 * len(within), sorted(shares.items(), key=lambda item: item[1])
    assert max(shares.values()) <= 1.2, shares


@pytest.mark.parametrize("literal", ["balconies", "Harbour Street 4", "places are few in summer. The"])
def test_what_must_be_kept_is_kept_whatever_it_costs(literal: str) -> None:
    document = read(RULES)
    keep = tuple(document.units_of(literal))
    assert set(keep) <= select(document, (), SelectionOptions(10, 1.0, must_keep=keep)).units
    assert set(keep) <= select(document, (), SelectionOptions(None, 0.01, must_keep=keep)).units


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How much is the deposit?", "300 euros"),
        ("Where is the key handed over?", "Harbour Street 4"),
        ("What does breakfast cost?", "12 euros"),
        ("Are pets welcome?", "garden side"),
        ("Where can I park?", "behind the house"),
    ],
)
def test_with_a_question_the_answer_is_there_in_a_fifth_of_the_text(question: str, answer: str) -> None:
    budget = estimate_tokens(RULES) // 5
    assert any(answer in unit for unit in chosen(RULES, SelectionOptions(budget, 1.0, question=question)))


def test_a_rule_comes_with_its_exception_and_an_exception_with_its_rule() -> None:
    rule, exception = "Guests may cancel free of charge until 1 May 2026.", "This does not apply to groups"
    document = read(RULES)
    for budget in range(20, estimate_tokens(RULES), 10):
        units = [document.text_of(at) for at in select(document, (), SelectionOptions(budget, 1.0)).units]
        assert (rule in units) == any(unit.startswith(exception) for unit in units)


@given(st.sampled_from(TEXTS), st.floats(0.05, 1.0))
def test_whatever_a_unit_needs_is_there_too(marked: object, ratio: float) -> None:
    document = read(marked.text)  # type: ignore[attr-defined]
    units = select(document, (), SelectionOptions(int(estimate_tokens(document.text) * ratio), 1.0)).units
    assert all(needed in units for at in units for needed in document.units[at].needs)


HEADED = (
    "# Lease\n\nThe lease of the depot ends on 31 December 2027 and is not renewed, as the council decided.\n\n"
    "# Weather\n\nIt was nice all week.\n\n# Costs\n\nThe move costs 48,000 euros and must be paid by 1 March 2027.\n"
)


@pytest.mark.parametrize("budget", range(5, 90, 5))
def test_a_heading_stands_only_over_something_of_its_section(budget: int) -> None:
    document = read(HEADED)
    units = sorted(select(document, (), SelectionOptions(budget, 1.0)).units)
    for at in units:
        if document.units[at].kind == "heading":
            assert at + 1 in units


MAIL = (
    "Dear Maria,\n\nI hope you are well and enjoyed the holidays.\n\nThe pump arrives on 4 May. The workshop must test "
    "it before 9 May, because the plant starts again on 10 May. If the test fails, the old pump stays in place until "
    "June. The invoice of 4,120 euros was paid on 2 April.\n\nThank you and best regards,\nErik\n\n"
    "-----Original Message-----\nWhen does the pump arrive? Our plant starts again on 10 May, and we have 3 people "
    "here.\n"
)


def test_courtesies_and_quoted_mail_come_last() -> None:
    document = read(MAIL)
    for budget in range(20, 120, 10):
        units = select(document, (), SelectionOptions(budget, 1.0)).units
        major = [at for at in units if not document.units[at].is_minor]
        if len(major) < len(units):
            assert sum(document.costs[at] for at in major) < LEAST_FILLED * budget
    units = select(document, (), SelectionOptions(None, 0.9)).units
    assert [document.text_of(at) for at in units if document.units[at].is_minor] == []


def test_a_statement_without_a_figure_or_a_name_is_worth_something() -> None:
    text = (
        "The machine came on 3 May in a big box. The tank holds 1.5 litres, and the cable is 2 m long. It weighs 4.2 "
        "kg. The coffee was lukewarm from the first day on. After 3 weeks the pump began to leak. The shop in Turku "
        "offered a voucher of 20 euros. I can only advise against buying this machine."
    )
    for ratio in (0.7, 0.9):
        units = chosen(text, SelectionOptions(int(estimate_tokens(text) * ratio), 1.0))
        assert "I can only advise against buying this machine." in units


SAID = "Guests may cancel free of charge until 1 May 2026."


def test_what_a_claim_in_the_result_says_the_source_does_not_say_again() -> None:
    document = read(RULES)
    claims = (claim(SAID, RULES),)
    for budget in range(40, 200, 20):
        selection = select(document, claims, SelectionOptions(budget, 1.0))
        if selection.claims and budget < 150:
            assert SAID not in [document.text_of(at) for at in selection.units]


def test_a_claim_that_says_more_for_its_tokens_is_taken() -> None:
    sentence = "Deposit 300 euros, cancel until 1 May 2026, key at Harbour Street 4, breakfast 12 euros."
    document = read(RULES)
    claims = (Claim(sentence, 1.0, (1, 2, 4, 6)),)
    assert select(document, claims, SelectionOptions(60, 1.0)).claims == (0,)


def test_two_claims_that_say_the_same_are_not_both_taken() -> None:
    document = read(RULES)
    claims = (Claim(SAID, 1.0, (2,)), Claim("Guests may cancel free of charge until 1 May 2026 at all.", 1.0, (2,)))
    assert len(select(document, claims, SelectionOptions(60, 1.0)).claims) <= 1


@pytest.mark.parametrize("marked", TEXTS, ids=lambda marked: marked.name)
def test_a_larger_coverage_never_gives_fewer_units(marked: object) -> None:
    document = read(marked.text)  # type: ignore[attr-defined]
    sizes = [len(select(document, (), SelectionOptions(None, coverage / 10)).units) for coverage in range(1, 11)]
    assert sizes == sorted(sizes)


def test_full_coverage_keeps_every_fact() -> None:
    document = read(RULES)
    units = select(document, (), ALL).units
    kept_keys = {key for at in units for fact in document.facts[at] for key in fact.keys_stated}
    assert {fact.key for unit_facts in document.facts for fact in unit_facts} <= kept_keys


@given(ANY, st.none() | st.integers(0, 200), st.floats(0, 1), st.none() | st.just("What is it?"))
def test_only_units_of_the_text_are_selected(
    text: str, budget: int | None, coverage: float, question: str | None
) -> None:
    document = read(text)
    selection = select(document, (), SelectionOptions(budget, coverage, question))
    assert selection.units <= set(range(len(document.units)))


def test_the_texts_of_the_corpus_have_words_for_the_tests_above() -> None:
    assert len(TEXTS) >= 40
    assert len(PROSE_TEXTS) >= 25
    assert all(stems(marked.text, read(marked.text).language) for marked in TEXTS)


# What a unit brings with it


@pytest.mark.parametrize(
    ("text", "comes_with_the_next"),
    [
        ("Who pays for the crane? The city pays half of it. The rest is open.", True),
        ('"Who pays for the crane?" The city pays half of it. The rest is open.', True),
        ("Who pays for the crane? The city pays half of it.", True),
        ("谁付起重机的钱？城市付一半。其余的还没有决定。", True),
        ("من يدفع ثمن الرافعة؟ تدفع المدينة نصفها. الباقي مفتوح.", True),
        ("These are the rules:\n\nSmoking is not allowed. Parking is free.", True),
        ("规则如下：\n不准吸烟。其余的还没有决定。", True),
        ("Guests may cancel. Unless agreed otherwise, they pay 5 euros. Parking is free.", True),
        ("Guests may cancel.\n\nUnless agreed otherwise, parking costs 5 euros.", False),
        ("Who pays for the crane? Thank you very much. The city pays.", False),
        ("Who pays for the crane?\n\n# Costs\n\nThe city pays half of it.", False),
        ("The city pays for the crane. Nobody else was asked. The rest is open.", False),
    ],
)
def test_a_question_an_introduction_and_a_rule_bring_what_completes_them(text: str, comes_with_the_next: bool) -> None:
    units = select(read(text), (), SelectionOptions(1, 1.0, must_keep=(0,))).units
    assert units == ({0, 1} if comes_with_the_next else {0})


def test_a_question_in_the_middle_brings_the_sentence_after_it() -> None:
    document = read("It is open all day. Who pays for the crane? The city pays. Nobody else was asked.")
    assert select(document, (), SelectionOptions(1, 1.0, must_keep=(1,))).units == {1, 2}


def test_a_claim_that_refers_to_the_one_before_it_comes_with_that_one() -> None:
    rules = Claim("The house has rules.", 1.0, (9,))
    more = Claim("They name 300 euros, 17:00, Harbour Street 4 and 12 euros.", 1.0, (1, 4, 6), leans=True)
    other = Claim("It is so.", 1.0, ())
    selections = [select(read(RULES), (other, rules, more), SelectionOptions(budget, 1.0)) for budget in (40, 60, 80)]
    assert any(2 in selection.claims for selection in selections)
    assert all(1 in selection.claims for selection in selections if 2 in selection.claims)


def test_a_first_claim_that_refers_to_nothing_brings_no_unit() -> None:
    document = read(RULES)
    more = Claim("They name 300 euros, 17:00, Harbour Street 4 and 12 euros.", 1.0, (1, 4, 6), leans=True)
    selection = select(document, (more,), SelectionOptions(25, 1.0))
    assert (selection.claims, len(document.units) - 1 in selection.units) == ((0,), False)


# A claim in the place of what it restates

KEY = "The key is handed over at the office in Harbour Street 4 between 9:00 and 17:00."
SHORT_KEY = "Keys: office, Harbour Street 4, 9:00 to 17:00."


@pytest.mark.parametrize("budget", [60, 100, 200, 400])
def test_a_shorter_claim_with_the_same_facts_takes_the_place_of_its_unit_even_if_there_is_room(budget: int) -> None:
    document = read(RULES)
    selection = select(document, (Claim(SHORT_KEY, 1.0, (4,)),), SelectionOptions(budget, 1.0))
    assert selection.claims == (0,)
    assert KEY not in [document.text_of(at) for at in selection.units]


def test_a_claim_does_not_take_the_place_of_other_units() -> None:
    document = read(RULES)
    selection = select(document, (Claim(SHORT_KEY, 1.0, (4,)),), SelectionOptions(400, 1.0))
    assert selection.units == set(range(len(document.units))) - {4}


@pytest.mark.parametrize(
    "worse",
    [
        "The key is handed over at the office.",  # without its facts
        "The key is handed over to all the guests at the office in Harbour Street 4 between 9:00 and 17:00 each day.",
    ],
)
@pytest.mark.parametrize("budget", [60, 100, 400])
def test_a_claim_that_loses_facts_or_is_longer_does_not_take_the_place_of_its_unit(worse: str, budget: int) -> None:
    assert select(read(RULES), (Claim(worse, 1.0, (4,)),), SelectionOptions(budget, 1.0)).claims == ()


def test_a_unit_that_must_be_kept_leaves_no_room_for_the_claim_that_restates_it() -> None:
    options = SelectionOptions(400, 1.0, must_keep=(4,))
    assert select(read(RULES), (Claim(SHORT_KEY, 1.0, (4,)),), options).claims == ()


# The budget


def test_one_long_sentence_that_fits_goes_before_a_short_one_that_says_little() -> None:
    long = (
        "The council of Brevik approved the ferry terminal on 12 May 2025 by 14 votes to 9, for 48 million euros, after "
        "Maria Lindqvist had spoken with Olsen & Partners about 300 jobs."
    )
    text = f"We met. {long} It rained. {'It was late in the evening on that day, and people went home. ' * 2}"
    assert long in chosen(text, SelectionOptions(estimate_tokens(long), 1.0))


def test_a_budget_that_is_too_small_for_any_sentence_gives_the_best_one() -> None:
    assert chosen(RULES, SelectionOptions(1, 1.0)) == [
        "The deposit of 300 euros is paid back within 14 days of the return."
    ]


def test_courtesies_fill_a_budget_that_nothing_else_fills_and_do_not_exceed_it() -> None:
    text = (
        "The pump arrives on 4 May. Thank you very much for your help with the old one. Best wishes to your wife and "
        "the children at home. Have a nice day and see you soon at the plant."
    )
    assert [len(chosen(text, SelectionOptions(budget, 1.0))) for budget in (10, 30, 60)] == [1, 2, 4]


def test_every_heading_over_a_single_sentence_stays_at_full_coverage() -> None:
    document = read(HEADED)
    assert select(document, (), ALL).units == set(range(len(document.units)))


def test_a_heading_that_must_be_kept_stays_without_its_section() -> None:
    assert select(read(HEADED), (), SelectionOptions(3, 1.0, must_keep=(2,))).units >= {2}
    assert select(read(HEADED), (), SelectionOptions(3, 1.0)).units.isdisjoint({2})


# Without a budget


def log(lines: int) -> str:
    return "".join(f"2026-05-03 10:0{at // 60}:{at % 60:02d} INFO request {at} served in 3 ms\n" for at in range(lines))


def test_a_short_log_is_kept_whole_and_a_long_one_shortened_whatever_the_coverage() -> None:
    for coverage in (0.3, 1.0):
        assert len(select(read(log(8)), (), SelectionOptions(None, coverage)).units) == 8
        assert len(select(read(log(120)), (), SelectionOptions(None, coverage)).units) == 1


def test_what_is_kept_of_a_form_does_not_count_as_prose() -> None:
    form = "\n\n```\nx = 1\ny = 2\n```\n"
    for coverage in (0.2, 0.5):
        alone = chosen(RULES, SelectionOptions(None, coverage))
        assert chosen(RULES + form, SelectionOptions(None, coverage)) == [*alone, "x = 1", "y = 2"]


def test_a_claim_takes_the_place_of_its_unit_without_a_budget_too() -> None:
    document = read(RULES)
    claims = (Claim("Deposit: 300 euros within 14 days.", 1.0, (1,)),)
    selection = select(document, claims, SelectionOptions(None, 0.9))
    assert (selection.claims, 1 in selection.units) == ((0,), False)


def test_with_a_question_a_claim_is_taken_even_if_it_is_longer_than_its_unit() -> None:
    longer = Claim("Pets may live on the garden side with all the guests who bring them.", 1.0, (7,))
    asked = select(read(RULES), (longer,), SelectionOptions(60, 1.0, "How much is the deposit?"))
    assert (asked.claims, select(read(RULES), (longer,), SelectionOptions(60, 1.0)).claims) == ((0,), ())


def test_a_question_before_a_table_does_not_bring_its_first_row() -> None:
    document = read("Which ships came?\n\n| ship | tons |\n| --- | --- |\n| Anna | 3 |\n| Berta | 5 |\n")
    assert select(document, (), SelectionOptions(1, 1.0, must_keep=(0,))).units == {0}
