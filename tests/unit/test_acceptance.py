"""The fidelity row of `condenser acceptance`: what is present, what is told as left out, and what passes."""

from typing import Any

import pytest

from app.ops.acceptance import Done, Row, _fidelity

TEXT = (
    "The ferry leaves Turku at 07:45. Tickets cost 24 euros. Nobody met Captain Lindqvist on 3 May. It rained a lot. "
    * 3
)


def done(compressed: str, omitted: list[tuple[int, int]], missing: tuple[str, ...] = (), ratio: float = 0.5) -> Done:
    fidelity: dict[str, Any] = {"kept": 1, "missing": list(missing), "missing_count": len(missing), "omitted": omitted}
    fidelity["summary"] = {"written": 0, "stood": 0, "taken": 0}
    return Done(TEXT, {"compressed": compressed, "fidelity": fidelity, "sizes": {"token_ratio": ratio}}, 0.1)


def fidelity(*answers: Done) -> Row:
    return _fidelity(answers)


HALF = "The ferry leaves Turku at 07:45. Tickets cost 24 euros."
REST = (TEXT.index("Nobody"), TEXT.index(" It rained"))


def test_a_result_with_most_figures_and_the_others_in_omitted_ranges_passes() -> None:
    row = fidelity(done(HALF, [REST]))
    assert row.is_met
    assert row.figures["accounted_for"] == row.figures["telling_words"]
    assert row.figures["present"] != row.figures["telling_words"]


def test_what_is_in_missing_is_accounted_for_as_well() -> None:
    assert fidelity(done(HALF, [], missing=("Captain Lindqvist", "3 May"))).is_met


def test_what_is_neither_present_nor_told_as_left_out_does_not_pass() -> None:
    assert not fidelity(done(HALF, [], missing=("3 May",))).is_met


@pytest.mark.parametrize("compressed", ["It rained a lot.", "Tickets cost 24 euros."])
def test_a_service_that_omits_nearly_all_does_not_pass_although_it_says_so(compressed: str) -> None:
    assert not fidelity(done(compressed, [(0, len(TEXT))])).is_met


def test_a_service_that_gives_the_text_back_does_not_pass() -> None:
    assert not fidelity(done(TEXT, [], ratio=1.0)).is_met
