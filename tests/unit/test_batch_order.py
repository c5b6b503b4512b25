"""The order in which the items of a batch are begun."""

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.api.batch import begin_order

ITEMS = st.lists(
    st.fixed_dictionaries(
        {"text": st.text(max_size=40)}, optional={"question": st.sampled_from(["who?", "when?"]), "model": st.just("m")}
    )
)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["text", "question", "capsule"]), inner)
    ),
)


def test_long_ones_come_first() -> None:
    assert begin_order([{"text": "a"}, {"text": "abc"}, {"text": "ab"}]) == [1, 2, 0]


def test_items_of_one_size_keep_their_order() -> None:
    assert begin_order([{"text": "a"}, {"text": "b"}, {"text": "c"}]) == [0, 1, 2]


def test_items_with_the_same_question_are_neighbours() -> None:
    items = [{"text": "a", "question": "who?"}, {"text": "ab"}, {"text": "abc", "question": "who?"}]
    assert begin_order(items) == [2, 0, 1]


def test_capsules_count_by_their_payload() -> None:
    assert begin_order([{"capsule": {"payload": "a"}}, {"capsule": {"payload": "abc"}}]) == [1, 0]


@given(ITEMS)
def test_all_that_share_a_front_are_neighbours_with_the_longest_first(items: list[dict[str, Any]]) -> None:
    begun = [items[at] for at in begin_order(items)]
    fronts = [(item.get("model"), item.get("question")) for item in begun]
    assert sum(front != after for front, after in pairwise(fronts)) == len(set(fronts)) - bool(fronts)
    for first, after in pairwise(begun):
        same_front = (first.get("model"), first.get("question")) == (after.get("model"), after.get("question"))
        assert not same_front or len(first["text"]) >= len(after["text"])


@given(st.lists(ANYTHING, max_size=8))
def test_items_that_are_not_what_they_should_be_have_a_place_too(items: list[object]) -> None:
    assert sorted(begin_order(items)) == list(range(len(items)))
