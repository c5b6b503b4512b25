"""The ledger says of each fact what became of it, and where in the source it stands."""

from collections import Counter

from hypothesis import given

from app.capsule.analysis import Source
from app.capsule.ledger import LedgerEntry
from app.capsule.repair import repair
from app.capsule.report import verbatim
from tests.unit.strategies import ANY

TEXT = (
    "🚢 The ferry Aurora sails from Turku at 07:45. Tickets cost 1,200 kronor for adults. Nobody knows why it is so "
    "dear, but the harbour of Turku is far from everything. In all 1200 kronor are paid for 3 days."
)


def entry(entries: tuple[LedgerEntry, ...], text: str) -> LedgerEntry:
    (found,) = [one for one in entries if one.text == text]
    return found


def test_a_fact_is_kept_by_a_sentence_restored_by_the_source_or_missing() -> None:
    report = repair(Source(TEXT), "The ferry Aurora sails from Turku at 07:45.", target_tokens=20).report
    results = {one.text: one.result for one in report.ledger}
    assert results["07:45"] == "kept"
    assert results["3 days"] == "missing"
    assert repair(Source(TEXT), "").report.ledger[0].result == "restored"


def test_every_place_of_a_fact_is_in_its_entry_in_whatever_spelling() -> None:
    amount = entry(repair(Source(TEXT), "").report.ledger, "1,200 kronor")
    assert [TEXT[place.start : place.end] for place in amount.places] == ["1,200 kronor", "1200 kronor"]


def test_a_string_that_must_be_kept_has_an_entry() -> None:
    literal = entry(repair(Source(TEXT, ("so dear",)), "").report.ledger, "so dear")
    assert (literal.kind, literal.result) == ("must_keep", "restored")
    assert TEXT[literal.places[0].start : literal.places[0].end] == "so dear"


def test_a_text_that_is_its_own_summary_has_all_its_facts_in_it() -> None:
    report = verbatim(Source(TEXT)).report
    assert len(report.ledger) == report.facts == report.restored


@given(ANY)
def test_the_ledger_adds_up_to_the_report_and_is_in_the_order_of_the_source(text: str) -> None:
    source = Source(text)
    report = repair(source, text[:200], target_tokens=source.tokens // 3).report
    count = Counter(one.result for one in report.ledger)
    assert (count["kept"], count["restored"], count["missing"]) == (report.kept, report.restored, len(report.missing))
    assert report.kept + report.restored + len(report.missing) == report.facts
    starts = [one.places[0].start for one in report.ledger]
    assert starts == sorted(starts)
    assert all(text[one.places[0].start : one.places[0].end] == one.text for one in report.ledger)
