"""Bodies of chat completions: texts are replaced in them, and every other byte stays."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.chat_body import messages_of, with_texts

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
PARTS = st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXTS, "n": VALUES}), min_size=1, max_size=3)
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.just("user"), "a": VALUES, "content": TEXTS | PARTS, "b": VALUES}),
    min_size=1,
    max_size=4,
)


@given(
    before=VALUES, messages=MESSAGES, after=VALUES, indent=st.sampled_from([None, 1]), new=TEXTS, is_ascii=st.booleans()
)
def test_texts_are_replaced_wherever_they_stand(
    before: Any, messages: list[dict[str, Any]], after: Any, indent: int | None, new: str, is_ascii: bool
) -> None:
    body = {"before": before, "messages": messages, "after": after}
    text = json.dumps(body, indent=indent, ensure_ascii=is_ascii)
    texts: dict[tuple[int, int | None], str] = {}
    for number, message in enumerate(messages):
        if isinstance(message["content"], str):
            texts[number, None] = message["content"] = new
        else:
            last = len(message["content"]) - 1
            texts[number, last] = message["content"][last]["text"] = new
    assert json.loads(with_texts(text, texts)) == body


@given(messages=MESSAGES)
def test_without_new_texts_the_body_is_as_it_was(messages: list[dict[str, Any]]) -> None:
    text = json.dumps({"messages": messages})
    assert with_texts(text, {}) == text
    assert len(messages_of(text)) == len(messages)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("[]", "no messages"),
        ('{"messages": 1}', "no messages"),
        ('{"messages": [], "messages": []}', "occurs twice"),
        ('{"messages": [{"content": "a", "content": "b"}]}', "occurs twice"),
        ('{"messages": ["\\ud800"]}', "lone surrogate"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_can_not_be_read_beyond_doubt_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        messages_of(text)
