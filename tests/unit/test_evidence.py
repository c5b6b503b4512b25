"""What the check reads of the source: its words without markup."""

import pytest

from app.summary.check import judge
from app.summary.evidence import Evidence
from app.text.document import read


@pytest.mark.parametrize(
    "source",
    [
        "The <b>pump</b> failed at <em>night</em> in the hall.",
        'The <b class="strong">pump</b> failed at <a href="night.html">night</a> in the hall.',
        "The pump failed at night<br/>in the hall.",
    ],
)
def test_tags_between_the_words_of_a_sentence_do_not_count(source: str) -> None:
    judged = judge("The pump failed at night in the hall.", Evidence(read(source)))
    assert (judged.reason, judged.overlap) == (None, 1.0)


def test_a_negation_inside_tags_must_not_be_lost() -> None:
    source = "The pump is <i>not</i> safe in the hall."
    assert judge("The pump is safe in the hall.", Evidence(read(source))).reason == "polarity"
    assert judge("The pump is not safe in the hall.", Evidence(read(source))).reason is None


def test_the_angle_brackets_of_a_comparison_are_no_tags() -> None:
    source = "The pump is safe if 3 < 5 and 7 > 2 in all halls."
    assert judge(source, Evidence(read(source))).overlap == 1.0
