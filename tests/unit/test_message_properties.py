"""What holds for any conversation and any options."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.capsule.format import unseal
from app.compression.cache import Caching, SharedCompressor
from app.compression.compressor import Compressed, CompressOptions, OnExcerpt, compress_extractive
from app.compression.conversation import CompressedConversation, ConversationOptions, compress_conversation
from app.compression.messages import with_texts
from app.engine.engine import CallOptions
from app.text.tokens import estimate_tokens
from tests.unit.service import TEXT
from tests.unit.transcripts import GREP, ORDERS, PYTEST, Messages, agent, calling, result

PIECES = [
    "",
    " ",
    "Yes.",
    "What does it cost?",
    TEXT,
    PYTEST,
    GREP,
    ORDERS,
    f"{TEXT}\n\n{ORDERS}\n\nWhy?",
    "公司在2025年5月开业。" * 20,
]
WORDS = st.sampled_from(PIECES) | st.lists(st.sampled_from(PIECES[2:5]), max_size=4).map("\n".join)


@st.composite
def messages(draw: st.DrawFn) -> Messages:
    """Messages of all roles, calls with and without results, results with and without calls."""
    messages: Messages = []
    for number in range(draw(st.integers(0, 8))):
        role = draw(st.sampled_from(["system", "user", "assistant", "call", "lonely", "parts"]))
        content = draw(WORDS)
        if role == "call":
            ids = [f"call_{number}_{at}" for at in range(draw(st.integers(1, 2)))]
            messages.append(calling(draw(st.none() | WORDS), *((call_id, "tool") for call_id in ids)))
            messages += [result(call_id, draw(WORDS)) for call_id in ids]
        elif role == "lonely":
            messages.append(result(f"nobody_{number}", content))
        elif role == "parts":
            image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
            messages.append({"role": "user", "content": [{"type": "text", "text": content}, image]})
        else:
            messages.append({"role": role, "content": content, "name": f"n{number}"})
    return messages


async def _extractive(options: CompressOptions, call_options: CallOptions, on_excerpt: OnExcerpt | None) -> Compressed:
    return compress_extractive(options)


class _Unobserved:
    def cache_asked(self, result: str) -> None: ...


def compressed(source: Messages, keep_last: int, **wish: Any) -> CompressedConversation:
    """The conversation, compressed without a model."""
    shared = SharedCompressor(_extractive, 0, 60, _Unobserved())
    each = CompressOptions("", method="extractive", **wish)
    options = ConversationOptions(source, keep_last, each, not wish)
    return asyncio.run(compress_conversation(shared, options, CallOptions("m", 1e9), Caching(), 4))


WISHES = st.sampled_from(
    [{}, {"target_ratio": 0.05}, {"target_ratio": 0.5}, {"coverage": 0.3}, {"question": "What does it cost?"}]
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)
@given(messages(), st.integers(0, 6), WISHES)
def test_a_conversation_stays_one_and_all_that_changed_comes_back(
    source: Messages, keep_last: int, wish: dict[str, Any]
) -> None:
    result = compressed(source, keep_last, **wish)
    texts = {(content.message, content.part): made.text for content, made in result.changed}
    after = with_texts(source, texts)

    assert [bare(message) for message in after] == [bare(message) for message in source]
    counted = [at for at, message in enumerate(source) if message["role"] != "system"]
    untouched = {at for at, message in enumerate(source) if message["role"] == "system"}
    untouched |= set(counted[len(counted) - keep_last :] if keep_last <= len(counted) else counted)
    untouched |= {at for at, message in enumerate(source) if message.get("tool_call_id", "").startswith("nobody")}
    assert not untouched & {at for at, _ in texts}

    for content, made in result.changed:
        assert unseal(made.capsule, 10**6).source == content.text
        assert made.text.strip()
        assert estimate_tokens(made.text) < estimate_tokens(content.text)
    before, afterwards = result.older_tokens
    assert afterwards <= before


def bare(message: dict[str, Any]) -> dict[str, Any]:
    """A message without its texts."""
    content = message["content"]
    if isinstance(content, list):
        return {**message, "content": [{**part, "text": ""} if part["type"] == "text" else part for part in content]}
    return {**message, "content": content and "said"}


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=30)
@given(messages(), messages())
def test_without_a_target_no_later_message_changes_what_became_of_an_earlier_one(
    first: Messages, more: Messages
) -> None:
    alone = compressed(first, 0)
    followed = compressed([*first, *more], 0)
    assert {place: made.text for place, made in alone.changed} == {
        place: made.text for place, made in followed.changed if place.message < len(first)
    }


def test_the_agent_of_the_other_tests_is_shortened_by_every_wish() -> None:
    for wish in ({}, {"target_ratio": 0.05}, {"coverage": 0.3}):
        assert compressed(agent(), 0, **wish).changed
