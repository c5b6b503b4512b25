"""What a model's "yes" to a claim is worth: learnt from claims known to be true or false."""

import pytest

from app.summary.calibration import EXAMPLES, calibrated, engine_support
from app.summary.check import MIN_SUPPORT, Judgement, judge
from app.summary.evidence import Evidence
from app.text.document import read

GOOD = calibrated([4.0, 5.0, 6.0], [-2.0, -1.0, 0.0])
assert GOOD is not None


def support(log_odds: float, overlap: float = 1.0) -> float:
    assert GOOD is not None
    return engine_support(Judgement(0.0, (0,), None, overlap, is_open=True), log_odds, GOOD)


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ([4.0, 5.0, 6.0], [-2.0, -1.0, 0.0]),
        ([-4.0, -5.0], [-9.0, -8.0]),  # a model that mostly says no
        ([9.0, 8.0], [5.0, 4.0]),  # a model that mostly says yes
        ([3.0, 3.0, 3.0, 1.0], [2.0, 2.0, 2.0, 2.0]),  # three of four pairs in order
        ([2.0, 1.0], [1.0, 0.0]),  # an equal pair counts half
        ([3.0, 3.0], [1.0, 1.0]),
    ],
)
def test_a_model_that_mostly_prefers_the_true_claims_is_used_as_a_judge(true: list[float], false: list[float]) -> None:
    assert calibrated(true, false) is not None


@pytest.mark.parametrize(
    ("true", "false"),
    [
        ([1.0, 2.0], [1.0, 2.0]),
        ([2.0, 2.0, 2.0], [2.0, 2.0, 2.0]),  # the same answer to everything
        ([-2.0, -1.0], [4.0, 5.0]),  # the wrong way round
        ([3.0, 1.0], [2.0, 2.0]),
        ([3.0, 3.0, 1.0, 1.0, 1.0, 1.0], [2.0]),
    ],
)
def test_a_model_that_does_not_tell_true_from_false_is_not_used(true: list[float], false: list[float]) -> None:
    assert calibrated(true, false) is None


@pytest.mark.parametrize(("true", "false"), [([], []), ([1.0], []), ([], [1.0])])
def test_a_model_that_did_not_answer_is_not_used(true: list[float], false: list[float]) -> None:
    assert calibrated(true, false) is None


def test_the_middle_is_halfway_between_the_true_and_the_false_claims() -> None:
    assert GOOD is not None
    assert GOOD.middle == 2.0


@pytest.mark.parametrize("shift", [-7.0, 3.0])
def test_a_model_that_says_yes_more_often_needs_a_clearer_yes(shift: float) -> None:
    shifted = calibrated([4.0 + shift, 5.0 + shift, 6.0 + shift], [-2.0 + shift, -1.0 + shift, 0.0 + shift])
    assert GOOD is not None
    assert shifted is not None
    assert shifted.middle == GOOD.middle + shift
    assert shifted.slope == pytest.approx(GOOD.slope)


def test_answers_that_scatter_more_say_less() -> None:
    scattered = calibrated([1.0, 5.0, 9.0], [-2.0, -1.0, 0.0]), calibrated([4.0, 5.0, 6.0], [-5.0, -1.0, 3.0])
    assert GOOD is not None
    for calibration in scattered:
        assert calibration is not None
        assert 0 < calibration.slope < GOOD.slope


def test_answers_that_lie_farther_apart_say_more() -> None:
    apart = calibrated([5.0, 6.0, 7.0], [-3.0, -2.0, -1.0])
    assert GOOD is not None
    assert apart is not None
    assert apart.slope > GOOD.slope


def test_answers_without_any_scatter_have_a_finite_slope() -> None:
    exact = calibrated([3.0, 3.0], [1.0, 1.0])
    assert exact is not None
    assert 0 < exact.slope < 1000


def test_a_clear_yes_lets_a_sentence_stand_and_a_clear_no_does_not() -> None:
    assert support(6.0) > MIN_SUPPORT > support(-2.0)


def test_the_answer_in_the_middle_is_not_enough() -> None:
    assert support(2.0) < MIN_SUPPORT


def test_the_clearer_the_yes_the_more_support() -> None:
    supports = [support(odds) for odds in (-2.0, 0.0, 2.0, 3.0, 4.0)]
    assert supports == sorted(set(supports))


def test_the_more_of_the_texts_words_in_their_order_the_more_support() -> None:
    supports = [support(3.0, overlap) for overlap in (0.4, 0.6, 0.8, 1.0)]
    assert supports == sorted(set(supports))


@pytest.mark.parametrize("log_odds", [-1e6, -100.0, 0.0, 100.0, 1e6])
@pytest.mark.parametrize("overlap", [0.0, 1.0])
def test_support_is_between_0_and_1_whatever_the_model_answers(log_odds: float, overlap: float) -> None:
    assert 0 <= support(log_odds, overlap) <= 1


def test_the_surest_answers_give_nearly_all_and_nearly_no_support() -> None:
    assert support(1e6) == pytest.approx(1)
    assert support(-1e6) == pytest.approx(0)


@pytest.mark.parametrize("example", EXAMPLES, ids=["harbour", "heating"])
def test_the_rules_alone_do_not_tell_the_examples_apart(example: object) -> None:
    # Otherwise a model would be tested with claims of which it is never asked.
    evidence = Evidence(read(example.text))  # type: ignore[attr-defined]
    assert any(judge(claim, evidence).is_open for claim in example.false)  # type: ignore[attr-defined]
    assert any(judge(claim, evidence).is_open for claim in example.true)  # type: ignore[attr-defined]
