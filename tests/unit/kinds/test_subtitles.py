"""Subtitles and transcripts come back as turns with their speakers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.text.kinds import subtitles
from app.text.kinds.view import ViewForm
from tests.unit.kinds.forms import choices, closed, view_by, whole

_VTT = """WEBVTT

NOTE made by hand

1
00:00:01.000 --> 00:00:04.500 align:start
<v Ruth>Shall we ship on <i>Friday</i>?

00:00:04.500 --> 00:00:09.000
<v Dele>No. The test still

00:00:09.000 --> 00:00:13.200
<v Dele>fails for 3 cards &amp; more.
"""
_SRT = """1
00:00:01,000 --> 00:00:04,000
We met on 5 May and it was

2
00:00:04,000 --> 00:00:06,000
decided that Anna leads it.

3
00:00:07,000 --> 00:00:09,000
- Is that final?
- Yes, from Monday on.

4
00:00:10,000 --> 00:00:12,000
[music]
"""


def _form(source: str) -> ViewForm:
    return view_by(subtitles.read, source)


def _all(source: str) -> str:
    return whole(_form(source))


def test_cues_of_one_speaker_are_one_turn_without_times() -> None:
    assert _all(_VTT).splitlines() == [
        "<v Ruth> Shall we ship on Friday?",
        "<v Dele> No. The test still fails for 3 cards & more.",
    ]


def test_a_sentence_over_several_cues_is_one_part() -> None:
    form = _form(_SRT)
    assert form.part_text(0) == "We met on 5 May and it was decided that Anna leads it."


def test_an_answer_needs_its_question() -> None:
    form = _form(_SRT)
    answer = next(number for number in range(len(form.parts)) if "Yes" in form.part_text(number))
    assert form.render(closed(form, [answer])) == "- Is that final?\n- Yes, from Monday on."


def test_a_later_sentence_of_a_turn_needs_the_one_with_the_speaker() -> None:
    source = "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>It is done. We ship.\n\n00:03.000 --> 00:04.000\n<v Bo>Good of you.\n\n00:05.000 --> 00:06.000\n<v Ann>On Friday then.\n"
    form = _form(source)
    later = next(number for number in range(len(form.parts)) if form.part_text(number) == "We ship.")
    assert form.render(closed(form, [later])).startswith("<v Ann>")


def test_sounds_are_left_out() -> None:
    assert "music" not in _all(_SRT)


def test_a_promise_is_worth_more_than_small_talk() -> None:
    source = "0:01\nAnn: It was a long day here.\n0:05\nBo: We must ship the parts by Friday.\n0:09\nAnn: The weather is like it was.\n"
    form = _form(source)
    worths = {form.part_text(number): part.worth for number, part in enumerate(form.parts)}
    assert worths["Bo: We must ship the parts by Friday."] > worths["Ann: The weather is like it was."]


@pytest.mark.parametrize(
    "stamp", ["Anna Smith  0:12", "[00:00:12] Anna Smith", "0:12 Anna Smith", "Anna Smith (00:12)", "Anna Smith: 0:12"]
)
def test_a_speaker_above_a_turn_stands_before_it(stamp: str) -> None:
    source = (
        f"{stamp}\nWe ship on Friday.\n\n{stamp.replace('Anna Smith', 'Bo').replace('12', '44')}\nThat is too early.\n"
    )
    assert _all(source).splitlines() == ["Anna Smith: We ship on Friday.", "Bo: That is too early."]


def test_lines_between_times_are_joined_to_sentences() -> None:
    assert _all("0:00\nhello to the\n0:03\nshow of 12 things.\n") == "hello to the show of 12 things."


def test_captions_without_stops_are_parts_of_some_lines() -> None:
    source = "".join(f"0:{at:02}\nand so we went on for {at} miles or more\n" for at in range(10, 60))
    assert len(_form(source).parts) > 4


@pytest.mark.parametrize(
    "source",
    [
        "",
        "Text.\n",
        "It began at 12:30\nand ended.\n",
        "12:30\n",
        "a --> b\n",
        "00:00:01,000 --> 00:00:02,000\n",
        "WEBVTT\n",
    ],
)
def test_other_texts_are_no_subtitles(source: str) -> None:
    assert subtitles.read(source, 0, len(source)) is None


_LINES = st.lists(
    st.sampled_from(["It costs 5,000 EUR.", "and so", "- Why?", "<v Ann>Yes & no.", "Bo: Fine.", "<i>x</i> &lt;"]),
    min_size=1,
    max_size=4,
)


@given(st.data(), st.lists(_LINES, min_size=2, max_size=6))
def test_any_choice_is_made_of_whole_parts(data: st.DataObject, cues: list[list[str]]) -> None:
    form = _form(
        "".join(
            f"{at + 1}\n00:00:0{at},000 --> 00:00:0{at + 1},000\n" + "\n".join(cue) + "\n\n"
            for at, cue in enumerate(cues)
        )
    )
    chosen = data.draw(choices(form))
    rendered = form.render(chosen)
    assert all(form.part_text(number) in rendered for number in chosen)
    assert "-->" not in rendered


@given(st.text(alphabet="0123:.,->\n <v>AB", max_size=200))
def test_no_text_is_an_error(source: str) -> None:
    subtitles.read("WEBVTT\n" + source, 0, len(source) + 7)
