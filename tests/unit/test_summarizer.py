"""How a summary is asked for: one call a part, its sentences checked, and a model too weak to write left out."""

import asyncio
import gc
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.compression.parts import parts
from app.compression.summarizer import Record
from app.summary.check import Judgement
from app.summary.draft import Draft
from app.summary.evidence import Evidence
from app.tasks import OFF_LOOP_CHARACTERS
from app.text.document import Document, read
from app.text.tokens import LARGEST_PIECE_TOKENS, estimate_tokens
from tests.unit.service import SUMMARY, TEXT, answer, is_warm_up, ollama, prompt_of, running, warmed_up
from tests.unit.strategies import ANY

FALSE = "The zeppelin to Reykjavik flies on Sundays at 23:59."
LONG = "\n\n".join(f"Chapter {number} of the report. {TEXT}" for number in range(12))


def sentences_of(text: str) -> list[str]:
    """The sentences of a text."""
    document = read(text)
    return [document.text_of(at) for at in range(len(document.units))]


class Model:
    """A model that writes what `writes` has for a prompt, and remembers what it was asked."""

    def __init__(self, writes: Callable[[str], str]) -> None:
        self.writes = writes
        self.prompts: list[str] = []

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.prompts.append(prompt_of(request))
        return httpx.Response(200, json=answer(self.writes(self.prompts[-1]), 100, 10))

    @property
    def texts(self) -> list[str]:
        """What of the text stood in each prompt."""
        return [prompt.partition("<text>\n")[2].partition("\n</text>")[0] for prompt in self.prompts]


async def compressed(model: Model, text: str = TEXT, settings: dict[str, Any] | None = None, **wish: Any) -> Any:
    """The answer of `/compress` in front of a model."""
    with ollama(model):
        async with running(**(settings or {})) as client:
            await warmed_up()
            response = await client.post("/compress", json={"text": text, **wish})
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.anyio
@pytest.mark.parametrize("text", [TEXT, LONG * (OFF_LOOP_CHARACTERS // len(LONG) + 1)], ids=["short", "long"])
async def test_what_the_check_needs_of_the_text_is_computed_before_the_engine_answers(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = asyncio.Event()
    loop = asyncio.get_running_loop()
    prepare = Evidence.prepare

    def noted(evidence: Evidence) -> None:
        prepare(evidence)
        loop.call_soon_threadsafe(prepared.set)

    async def answers(request: httpx.Request) -> httpx.Response:
        await prepared.wait()
        return httpx.Response(200, json=answer(SUMMARY, 100, 10))

    monkeypatch.setattr(Evidence, "prepare", noted)
    with ollama(answers):
        async with running() as client:
            await warmed_up()
            response = await client.post("/compress", json={"text": text})
    assert response.json()["usage"]["calls"] > 0


@pytest.mark.anyio
async def test_a_document_is_freed_with_its_request_without_garbage_collection(monkeypatch: pytest.MonkeyPatch) -> None:
    documents: list[weakref.ref[Document]] = []
    created = Evidence.__init__

    def noted(evidence: Evidence, document: Document) -> None:
        created(evidence, document)
        documents.append(weakref.ref(document))

    monkeypatch.setattr(Evidence, "__init__", noted)
    gc.disable()
    try:
        await compressed(Model(lambda text: SUMMARY))
        assert [document() for document in documents] == [None]
    finally:
        gc.enable()


@pytest.mark.anyio
async def test_a_waiting_call_is_sent_before_the_answer_of_the_last_one_is_checked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    events: list[str] = []
    first_may_end, others_may_end = asyncio.Event(), asyncio.Event()
    judge = Draft.judge

    def noted(draft: Draft, sentence: str) -> Judgement:
        events.append("checked")
        others_may_end.set()
        return judge(draft, sentence)

    async def answers(request: httpx.Request) -> httpx.Response:
        if not is_warm_up(request):
            events.append("sent")
            await (first_may_end if len(events) == 1 else others_may_end).wait()
        return httpx.Response(200, json=answer(SUMMARY, 100, 10))

    monkeypatch.setattr(Draft, "judge", noted)
    with ollama(answers):
        async with running(max_concurrency=2) as client:
            await warmed_up()
            calls = [asyncio.create_task(client.post("/compress", json={"text": f"{at} {TEXT}"})) for at in range(3)]
            while (await client.get("/status")).json()["queue"]["depth"] == 0:  # noqa: ASYNC110
                await asyncio.sleep(0)
            first_may_end.set()
            await asyncio.gather(*calls)
    assert events[:4] == ["sent", "sent", "sent", "checked"]


@pytest.mark.anyio
async def test_a_text_that_fits_is_one_call_about_all_of_it() -> None:
    model = Model(lambda prompt: SUMMARY)
    answered = await compressed(model)
    assert (model.texts, answered["usage"]["calls"]) == ([TEXT], 1)
    assert (answered["usage"]["prompt_tokens"], answered["usage"]["completion_tokens"]) == (100, 10)


@pytest.mark.anyio
async def test_a_long_text_is_one_call_a_part_and_the_parts_are_the_text() -> None:
    model = Model(lambda prompt: SUMMARY)
    answered = await compressed(model, LONG, {"num_ctx": 1024})
    assert len(model.texts) > 2
    assert Counter(sentence for part in model.texts for sentence in sentences_of(part)) == Counter(sentences_of(LONG))
    assert answered["usage"]["calls"] == len(model.texts)
    assert answered["usage"]["prompt_tokens"] == 100 * len(model.texts)
    assert answered["usage"]["completion_tokens"] == 10 * len(model.texts)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("text", "wish"),
    [
        (TEXT, {"method": "extractive"}),
        ("A short one.", {}),
        ("", {}),
        ('{"ferry": {"leaves": "07:45", "days": ["Mon", "Tue"], "note": "' + TEXT + '"}}', {}),
        ("name,port,price\n" + "ferry,Tallinn,24\n" * 60, {}),
    ],
    ids=["extractive", "short", "empty", "JSON", "table"],
)
async def test_no_call_is_made_where_a_summary_is_of_no_use(text: str, wish: dict[str, Any]) -> None:
    model = Model(lambda prompt: SUMMARY)
    answered = await compressed(model, text, **wish)
    assert model.prompts == []
    assert answered["usage"]["calls"] == 0


@pytest.mark.anyio
async def test_the_language_and_the_question_are_in_the_prompt() -> None:
    model = Model(lambda prompt: SUMMARY)
    await compressed(model, question="When does it leave?")
    await compressed(
        model, "Der Rat hat am 3. Mai beschlossen, dass die Brücke nicht gebaut wird und es so bleibt. " * 9
    )
    assert "When does it leave?" in model.prompts[0]
    assert "English" in model.prompts[0]
    assert "German" in model.prompts[1]


@pytest.mark.anyio
async def test_a_part_that_the_engine_refuses_as_too_long_is_halved() -> None:
    sizes: list[int] = []

    async def short_sighted(request: httpx.Request) -> httpx.Response:
        sizes.append(len(prompt_of(request)))
        if sizes[-1] > 2500:
            return httpx.Response(400, json={"error": "the input length exceeds the context length"})
        return httpx.Response(200, json=answer(SUMMARY, 100, 10))

    with ollama(short_sighted):
        async with running() as client:
            await warmed_up()
            answered = (await client.post("/compress", json={"text": LONG})).json()
    served = sum(size <= 2500 for size in sizes)
    assert served > 2
    assert answered["usage"]["calls"] == served
    assert answered["usage"]["prompt_tokens"] == 100 * served


@pytest.mark.anyio
async def test_an_engine_that_refuses_every_prompt_as_too_long_is_a_problem() -> None:
    refusal = httpx.Response(400, json={"error": "the input length exceeds the context length"})
    with ollama(refusal):
        async with running() as client:
            response = await client.post("/compress", json={"text": LONG})
    assert (response.status_code, response.json()["type"]) == (502, "urn:condenser:problem:failed")
    assert "exceeds the context length" in response.json()["detail"]


@pytest.mark.anyio
async def test_sentences_that_stand_are_counted_and_those_that_fall_are_listed_with_their_rule() -> None:
    model = Model(lambda prompt: f"{SUMMARY} {FALSE} Yes.")
    answered = await compressed(model, explain=True, method="abstractive", target_ratio=0.9)
    assert answered["fidelity"]["summary"] == {"written": 3, "stood": 1, "taken": 1}
    dropped = {claim["text"]: claim["reason"] for claim in answered["fidelity"]["explain"]["dropped"]}
    assert dropped.keys() == {FALSE, "Yes."}
    assert dropped["Yes."] == "not_a_sentence"
    assert dropped[FALSE] in ("figure", "name")
    assert answered["compressed"] == SUMMARY
    assert answered["method"] == "abstractive"


@pytest.mark.anyio
async def test_a_sentence_that_is_written_again_is_dropped() -> None:
    model = Model(lambda prompt: f"{SUMMARY} Dogs must stay on the upper deck. {SUMMARY}")
    answered = await compressed(model, explain=True, method="abstractive", target_ratio=0.9)
    assert answered["compressed"].count(SUMMARY) == 1
    assert {"text": SUMMARY, "reason": "repeated"} in answered["fidelity"]["explain"]["dropped"]


@pytest.mark.anyio
async def test_a_sentence_of_every_part_stands_once() -> None:
    model = Model(lambda prompt: SUMMARY)
    answered = await compressed(model, LONG, {"num_ctx": 1024}, method="abstractive")
    assert answered["fidelity"]["summary"]["written"] == len(model.texts) > 1
    assert answered["fidelity"]["summary"]["stood"] == 1


async def calls_of(writes: str, requests: int, method: str) -> list[int]:
    """How many calls each of so many requests in a row has made, of a model that always writes this."""
    model = Model(lambda prompt: writes)
    with ollama(model):
        async with running() as client:
            await warmed_up()
            answers = [await client.post("/compress", json={"text": TEXT, "method": method}) for _ in range(requests)]
    return [answered.json()["usage"]["calls"] for answered in answers]


FALLING = " ".join(f"The zeppelin number {number} flies to Reykjavik on Sundays." for number in range(1000, 1025))


@pytest.mark.anyio
async def test_a_model_whose_sentences_mostly_fall_is_left_out_by_auto_and_probed_now_and_then() -> None:
    calls = await calls_of(FALLING, 30, "auto")
    left_out = calls.index(0)
    assert left_out < 10
    assert 1 <= sum(calls[left_out:]) <= 3


@pytest.mark.anyio
async def test_who_asks_for_the_models_sentences_gets_them_whatever_its_record() -> None:
    assert set(await calls_of(FALLING, 12, "abstractive")) == {1}


@pytest.mark.anyio
async def test_a_model_whose_sentences_stand_is_always_asked() -> None:
    assert set(await calls_of(SUMMARY, 12, "auto")) == {1}


def test_a_record_says_nothing_before_it_is_full_and_forgets_what_is_old() -> None:
    record = Record()
    record.results.extend([False] * 99)
    assert (record.standing, record.is_too_weak) == (None, False)
    record.results.append(False)
    assert (record.standing, record.is_too_weak) == (0.0, True)
    record.results.extend([True] * 60)
    assert (record.standing, record.is_too_weak) == (0.6, False)


@given(ANY, st.integers(LARGEST_PIECE_TOKENS, 200))
def test_parts_join_to_the_text_and_none_is_over_the_budget(text: str, budget: int) -> None:
    pieces = parts(read(text), budget)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(estimate_tokens(part) <= budget + 1 for part in pieces)


def test_parts_are_of_similar_size_and_cut_between_units() -> None:
    document = read(LONG)
    pieces = parts(document, 600)
    sizes = [estimate_tokens(part) for part in pieces]
    assert min(sizes) > 0.5 * max(sizes)
    assert all(any(part.startswith(document.text_of(at)) for at in range(len(document.units))) for part in pieces)
