"""A fault in the finding of facts never fails a request; it is told."""

from typing import Any

import pytest

from app.capsule import analysis, repair
from app.compression.safety import check, rewritten, summarized

TEXT = "The pump P-17 failed at 14:35. Nobody was hurt. It took three hours to mend it. Then everybody went home again."


def broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("a fault of ours")


def test_a_fault_in_reading_gives_the_text_itself_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "find_facts", broken)
    result = summarized(check(TEXT, ()), "A pump failed.", question=None, target=None)
    assert result.text == TEXT
    assert "ZeroDivisionError" in (result.report.degraded or "")


def test_a_fault_in_reading_gives_the_first_sentences_within_a_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "find_facts", broken)
    result = summarized(check(TEXT, ("hours",)), "A pump failed.", question=None, target=20)
    assert result.text == "The pump P-17 failed at 14:35.\nNobody was hurt.\nhours"
    assert result.report.degraded


def test_a_fault_in_checking_leaves_out_what_the_model_wrote(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "choose", broken)
    result = summarized(check(TEXT, ()), "Pirates came.", question=None, target=20)
    assert "Pirates" not in result.text
    assert "checking the summary" in (result.report.degraded or "")


def test_a_fault_in_checking_a_rewritten_text_gives_the_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "choose", broken)
    result = rewritten(TEXT, "Pirates came.")
    assert (result.text, bool(result.report.degraded)) == (TEXT, True)


def test_a_result_that_is_no_shorter_is_the_text_itself() -> None:
    text = "Ann Li paid €5. Bo Ek paid €6."
    result = summarized(check(text, ()), "Zorro came.", question=None, target=None)
    assert (result.text, result.report.facts, result.report.missing) == (text, 4, ())
    assert result.report.invented_removed == 1
