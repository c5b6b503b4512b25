"""What a result leaves out is listed, sentence by sentence."""

from hypothesis import given
from hypothesis import strategies as st

from app.capsule.chunking import Span
from app.capsule.pieces import Piece
from app.capsule.remainder import left_out
from tests.unit.strategies import ANY

TEXT = "The bridge is closed. Buses leave from pier 7, which is new. It may rain.\n\nBring a coat."


def listed(*pieces: Piece, text: str = TEXT) -> list[str]:
    return [text[span.start : span.end] for span in left_out(text, pieces)]


def of(words: str) -> Span:
    return Span(TEXT.index(words), TEXT.index(words) + len(words))


def test_a_text_told_whole_leaves_nothing_out() -> None:
    assert listed(Span(0, len(TEXT))) == []


def test_sentences_that_follow_each_other_are_one_stretch_up_to_the_end_of_the_paragraph() -> None:
    assert listed(of("The bridge is closed.")) == [
        "Buses leave from pier 7, which is new. It may rain.",
        "Bring a coat.",
    ]


def test_a_sentence_of_which_a_part_is_told_is_left_out_whole() -> None:
    told = (of("The bridge is closed."), of("Buses leave from pier 7"), of("It may rain."), of("Bring a coat."))
    assert listed(*told) == ["Buses leave from pier 7, which is new."]


def test_marks_at_the_end_of_a_sentence_are_not_missed() -> None:
    told = (of("The bridge is closed"), of("Buses leave from pier 7, which is new"), of("It may rain"))
    assert listed(*told) == ["Bring a coat."]


def test_a_sentence_is_told_where_the_model_has_written_it_word_for_word() -> None:
    assert listed("However, the bridge is closed!", of("It may rain."))[0] == "Buses leave from pier 7, which is new."
    assert listed("The bridge was closed.", of("It may rain."))[0].startswith("The bridge is closed.")


@given(ANY, st.data())
def test_each_word_is_in_a_slice_or_listed(text: str, data: st.DataObject) -> None:
    offsets = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=2, max_size=6)))
    taken = [Span(one, two) for one, two in zip(offsets[::2], offsets[1::2], strict=False)]
    unsaid = left_out(text, taken)
    covered = {at for span in (*taken, *unsaid) for at in range(span.start, span.end)}
    assert not any(text[at].isalnum() for at in range(len(text)) if at not in covered)
