"""The way back: byte for byte, or as a text that the model writes from the summary, in order and each thing once."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.capsule.format import seal, unseal
from app.compression.compressor import CompressOptions, compress_extractive
from tests.unit.service import SUMMARY, TEXT, answer, ollama, prompt_of, running, warmed_up
from tests.unit.strategies import ANY

AWKWARD = ["", " ", "a\0b\r\nc\r", "e\u0301 ≠ é", "\ufeff\u202eabc", "🏳️‍🌈 " * 50, TEXT, "\n" * 99, '{"version": 1}']
NOTES = (
    "The council of Brevik approved the new terminal on 12 May 2025. It will cost 48 million euros.\n\n"
    "Dogs are not allowed in the waiting hall. Maria Lindqvist opens the terminal in March 2028."
)


@pytest.mark.anyio
@pytest.mark.parametrize("text", AWKWARD)
async def test_an_exact_capsule_gives_the_text_back_byte_for_byte(text: str) -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            capsule = (await client.post("/compress", json={"text": text})).json()["capsule"]
            for mode in ("exact", "auto"):
                answered = (await client.post("/reconstruct", json={"capsule": capsule, "mode": mode})).json()
                assert answered["text"].encode() == text.encode()
                assert (answered["mode"], answered["verified"], answered["fidelity"]) == ("exact", True, None)
                assert answered["usage"]["calls"] == 0


@given(ANY, st.sampled_from(["exact", "semantic"]), st.floats(0.01, 1.0))
def test_any_text_comes_back_from_its_capsule(text: str, fidelity: Any, ratio: float) -> None:
    compressed = compress_extractive(CompressOptions(text, fidelity=fidelity, target_ratio=ratio))
    content = unseal(compressed.capsule, 10_000)
    assert content.summary == compressed.text
    assert content.source == (text if fidelity == "exact" or compressed.text == text else None)


async def rewritten(notes: str, writes: str) -> dict[str, Any]:
    """What `/reconstruct` makes of notes with a model that writes this."""
    capsule = seal(
        f"{notes} And more that is gone. " * 3, notes, fidelity="semantic", tokens=300, model="m", prompt_version="3"
    )
    prompts = []

    async def chat(request: httpx.Request) -> httpx.Response:
        prompts.append(prompt_of(request))
        return httpx.Response(200, json=answer(writes))

    with ollama(chat):
        async with running() as client:
            await warmed_up()
            response = await client.post("/reconstruct", json={"capsule": capsule.model_dump()})
    assert response.status_code == 200, response.text
    assert [notes in prompt for prompt in prompts] == [True]
    body: dict[str, Any] = response.json()
    return body


@pytest.mark.anyio
async def test_a_semantic_reconstruction_is_the_models_text_where_it_says_all() -> None:
    answered = await rewritten(NOTES, NOTES.replace("\n\n", " "))
    assert (answered["mode"], answered["verified"]) == ("semantic", False)
    assert {passage["by"] for passage in answered["fidelity"]["passages"]} == {"model"}
    for sentence in NOTES.replace("\n\n", " ").split(". "):
        assert answered["text"].count(sentence.rstrip(".")) == 1


@pytest.mark.anyio
async def test_what_the_model_leaves_out_is_added_at_its_place_and_nothing_stands_twice() -> None:
    answered = await rewritten(NOTES, "Dogs are not allowed in the waiting hall.")
    phrases = ["12 May 2025", "48 million euros", "Dogs are not allowed", "March 2028"]
    places = [answered["text"].index(phrase) for phrase in phrases]
    assert places == sorted(places)
    assert [answered["text"].count(phrase) for phrase in phrases] == [1, 1, 1, 1]
    assert answered["fidelity"]["missing_count"] == 0


@pytest.mark.anyio
async def test_a_sentence_that_says_less_than_the_one_it_rests_on_gives_way_to_it() -> None:
    answered = await rewritten(NOTES, "The council of Brevik approved the new terminal. It will cost 48 million euros.")
    assert answered["text"] == NOTES
    assert [passage["by"] for passage in answered["fidelity"]["passages"]] == ["source"]


@pytest.mark.anyio
async def test_what_the_model_makes_up_is_not_in_the_text() -> None:
    answered = await rewritten(
        NOTES, "The zeppelin to Reykjavik costs 99 million euros. Dogs are allowed in the waiting hall."
    )
    assert "zeppelin" not in answered["text"]
    assert "Dogs are allowed" not in answered["text"]
    assert answered["text"] == NOTES
    assert answered["fidelity"]["summary"]["stood"] == 0


@pytest.mark.anyio
async def test_an_exact_text_cannot_be_had_from_a_semantic_capsule() -> None:
    capsule = seal(TEXT, SUMMARY, fidelity="semantic", tokens=100, model="m", prompt_version="3").model_dump()
    async with running() as client:
        response = await client.post("/reconstruct", json={"capsule": capsule, "mode": "exact"})
    assert response.status_code == 422
    assert "semantic" in response.json()["detail"]


@pytest.mark.anyio
async def test_an_exact_capsule_can_be_rewritten_too() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            capsule = (await client.post("/compress", json={"text": TEXT, "method": "abstractive"})).json()["capsule"]
            answered = (await client.post("/reconstruct", json={"capsule": capsule, "mode": "semantic"})).json()
    assert (answered["mode"], answered["text"]) == ("semantic", SUMMARY)
