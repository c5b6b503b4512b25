"""The whole of a compression in front of a mocked Ollama: how much, by what method, and what the answer tells."""

import json
from typing import Any

import httpx
import pytest

from app.compression.compressor import CompressOptions, compress_extractive
from app.text.kinds import find_forms
from app.text.kinds.form import Form
from app.text.tokens import estimate_tokens
from benchmarks.corpus import load
from tests.unit.service import SUMMARY, TEXT, answer, ollama, running, warmed_up

pytestmark = pytest.mark.anyio

CORPUS = [marked.text for marked in load()]
NEWS = next(marked.text for marked in load() if marked.name == "news_library_roof")


async def compressed(text: str, writes: str = SUMMARY, **wish: Any) -> dict[str, Any]:
    with ollama(httpx.Response(200, json=answer(writes))):
        async with running() as client:
            await warmed_up()
            response = await client.post("/compress", json={"text": text, **wish})
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_target_is_reached_by_whole_sentences_of_the_text() -> None:
    for ratio in (0.3, 0.5, 0.8):
        answered = await compressed(NEWS, target_ratio=ratio, method="extractive")
        assert 0.85 * ratio <= answered["sizes"]["token_ratio"] <= 1.1 * ratio
        for passage in answered["fidelity"]["passages"]:
            ((start, end),) = passage["source"]
            assert NEWS[start:end] == answered["compressed"][passage["start"] : passage["end"]]


async def test_more_coverage_is_more_text() -> None:
    sizes = [(await compressed(NEWS, coverage=share))["sizes"]["compressed_tokens"] for share in (0.2, 0.5, 0.8, 1.0)]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[-1]


async def test_without_a_measure_the_setting_holds() -> None:
    with ollama(httpx.Response(200, json=answer(""))):
        async with running(coverage=0.3) as client:
            body = {"text": NEWS, "method": "extractive"}
            left_out = (await client.post("/compress", json=body)).json()["compressed"]
            compressed_text = (await client.post("/compress", json={**body, "coverage": 0.3})).json()["compressed"]
            more = (await client.post("/compress", json={**body, "coverage": 0.9})).json()["compressed"]
    assert left_out == compressed_text
    assert len(more) > len(compressed_text)


async def test_abstractive_is_the_models_sentences_alone() -> None:
    answered = await compressed(TEXT, method="abstractive")
    assert (answered["compressed"], answered["method"]) == (SUMMARY, "abstractive")
    (passage,) = answered["fidelity"]["passages"]
    assert (passage["by"], passage["start"], passage["end"]) == ("model", 0, len(SUMMARY))


async def test_abstractive_keeps_what_must_be_kept_beside_the_models_sentences() -> None:
    answered = await compressed(TEXT, method="abstractive", must_keep=["upper deck"])
    assert answered["compressed"] == f"{SUMMARY} Dogs must stay on the upper deck."


async def test_where_no_sentence_of_the_models_stands_the_texts_own_are_taken() -> None:
    answered = await compressed(TEXT, "The zeppelin to Reykjavik flies on Sundays.", target_ratio=0.4)
    assert answered["method"] == "extractive"
    assert {passage["by"] for passage in answered["fidelity"]["passages"]} == {"source"}
    assert answered["usage"]["calls"] == 1


async def test_what_must_be_kept_is_kept_to_the_letter() -> None:
    literal = "room for them. The captain"
    answered = await compressed(TEXT, target_ratio=0.05, must_keep=[literal, "24 euros"])
    assert literal in answered["compressed"]
    assert "24 euros" in answered["compressed"]


async def test_what_is_not_in_the_text_cannot_be_kept() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))):
        async with running() as client:
            response = await client.post("/compress", json={"text": TEXT, "must_keep": ["zeppelin"]})
    assert response.status_code == 422
    assert "zeppelin" in response.json()["detail"]


@pytest.mark.parametrize(
    "text", ["", " \n\t ", "x", "Hello.", "a" * 3000, "\n" * 500, "أعلنت الشركة نتائجها اليوم.", "{}", "🏳️‍🌈"]
)
async def test_a_text_that_gets_no_shorter_comes_back_as_it_is(text: str) -> None:
    answered = await compressed(text)
    assert (answered["compressed"], answered["method"]) == (text, "verbatim")
    assert answered["fidelity"]["omitted"] == []
    assert answered["fidelity"]["missing_count"] == 0


async def test_a_target_of_all_leaves_hardly_anything_out() -> None:
    answered = await compressed(TEXT, target_ratio=1.0, method="extractive")
    assert answered["sizes"]["token_ratio"] >= 0.85


async def test_the_sizes_are_those_of_the_answer() -> None:
    answered = await compressed(NEWS, target_ratio=0.4)
    sizes = answered["sizes"]
    assert sizes["source_tokens"] == estimate_tokens(NEWS)
    assert sizes["compressed_tokens"] == estimate_tokens(answered["compressed"])
    assert sizes["source_bytes"] == len(NEWS.encode())
    compact = json.dumps(answered["capsule"], separators=(",", ":"), ensure_ascii=False)
    assert sizes["capsule_bytes"] == len(compact.encode())


async def test_facts_and_dropped_sentences_are_explained_only_where_that_is_asked_for() -> None:
    plain, explained = await compressed(TEXT), await compressed(TEXT, explain=True)
    assert "explain" not in plain["fidelity"]
    rows = explained["fidelity"]["explain"]["facts"]
    assert [row["text"] for row in rows] == [TEXT[slice(*row["places"][0])] for row in rows]
    assert sum(row["kept"] for row in rows) == explained["fidelity"]["kept"] > 0


async def test_with_a_question_the_answer_is_in_the_result() -> None:
    answered = await compressed(TEXT, "", question="What does a ticket cost?", target_ratio=0.3)
    assert "Tickets cost 24 euros." in answered["compressed"]


@pytest.mark.parametrize("text", CORPUS, ids=[marked.name for marked in load()])
def test_each_result_of_the_corpus_is_made_of_its_own_units(text: str) -> None:
    result = compress_extractive(CompressOptions(text, target_ratio=0.4))
    assert result.text
    for passage in result.report.passages:
        if form_at(text, passage.source[0].start) is None:
            (source,) = passage.source
            assert text[source.start : source.end] == result.text[passage.start : passage.end]


def form_at(text: str, place: int) -> Form | None:
    """The form that has this place of the text."""
    return next((form for form in find_forms(text) if form.start <= place < form.end), None)
