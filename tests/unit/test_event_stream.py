"""`/compress` as a stream of events: which come, in which order, and what of it is as in the answer without."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import event_stream
from app.api.event_stream import EventStream
from app.api.record import RequestRecord
from app.compression.prompts import INSTRUCTIONS, completion_text
from app.summary.check import Claim
from app.summary.draft import Draft, split_draft
from app.summary.evidence import Evidence
from app.summary.report import Excerpt
from app.text.document import read
from app.text.span import Span
from tests.unit.events import EVENT_STREAM, Event, events_of, names, texts
from tests.unit.service import SUMMARY, TEXT, AppClient, Upstream, answer, is_warm_up, ollama, running, warmed_up
from tests.unit.test_cache import CACHE, HeldChat

pytestmark = pytest.mark.anyio

FALSE = "The zeppelin to Reykjavik flies on Sundays at 23:59."
DOGS = "Dogs must stay on the upper deck."
BICYCLES = "Bicycles are carried without extra charge as long as there is room for them."
REPHRASED = "On weekdays the ferry to Tallinn leaves at 07:45."


def writes(text: str, **last: Any) -> httpx.Response:
    """The stream of a model that writes this, a word a line."""
    pieces = [f"{word} " for word in text.split(" ")]
    pieces[-1] = pieces[-1][:-1]
    lines = [{**answer(piece), "done": False} for piece in pieces]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in (*lines, {**answer(""), **last}))
    return httpx.Response(200, content=body)


async def streamed(client: httpx.AsyncClient, text: str = TEXT, **wish: Any) -> list[Event]:
    response = await client.post("/compress", json={"text": text, **wish}, headers=EVENT_STREAM)
    assert response.status_code == 200, response.text
    return events_of(response.text)


async def events_about(chat: Any, **wish: Any) -> list[Event]:
    """The events of one request in front of a model."""
    with ollama(chat):
        async with running() as client:
            await warmed_up()
            return await streamed(client, **wish)


def asked(upstream: Upstream) -> list[dict[str, Any]]:
    """The bodies of the calls about a text."""
    chats = [call.request for call in upstream.calls if call.request.url.path == "/api/chat"]
    return [json.loads(request.content) for request in chats if not is_warm_up(request)]


async def test_passages_come_first_then_the_models_sentences_and_at_last_the_answer() -> None:
    events = await events_about(writes(f"{SUMMARY} {DOGS}"), target_ratio=0.5)
    assert names(events) == ["passage"] * names(events).count("passage") + ["sentence", "sentence", "result"]
    assert texts(events, "sentence") == [SUMMARY, DOGS]
    for name, data in events[:-1]:
        assert data.keys() == {"text", "by", "source", "support"}
        assert data["by"] == {"passage": "source", "sentence": "model"}[name]
        assert 0 < data["support"] <= 1


async def test_passages_are_those_of_the_best_result_without_the_model() -> None:
    events = await events_about(writes(SUMMARY), target_ratio=0.5)
    extractive = (await events_about(writes(SUMMARY), target_ratio=0.5, method="extractive"))[-1][1]
    slices = [(passage["start"], passage["end"], passage["source"]) for passage in extractive["fidelity"]["passages"]]
    previewed = [(data["text"], data["source"]) for name, data in events if name == "passage"]
    assert previewed == [(extractive["compressed"][start:end], source) for start, end, source in slices]
    assert all(text == "".join(TEXT[start:end] for start, end in source) for text, source in previewed)


async def test_the_result_is_the_answer_without_a_stream() -> None:
    draft = f"{SUMMARY} {FALSE} {DOGS} {SUMMARY}"
    with ollama(httpx.Response(200, json=answer(draft))):
        async with running() as client:
            await warmed_up()
            body = {"text": TEXT, "explain": True, "target_ratio": 0.6}
            whole = (await client.post("/compress", json=body)).json()
    (_, result) = (await events_about(writes(draft), explain=True, target_ratio=0.6))[-1]
    unlike = dict.fromkeys(("timing", "cost"), 0)
    assert list(result) == list(whole)
    assert {**result, **unlike} == {**whole, **unlike}


async def test_only_sentences_that_stand_come_and_each_once() -> None:
    events = await events_about(writes(f"{SUMMARY} {FALSE} {DOGS} {SUMMARY} Yes. {DOGS}"))
    assert texts(events, "sentence") == [SUMMARY, DOGS]


async def test_the_sentence_in_which_a_completion_breaks_off_does_not_come() -> None:
    events = await events_about(writes(f"{SUMMARY} Dogs must stay on the upper", done_reason="length"))
    assert texts(events, "sentence") == [SUMMARY]


async def test_the_engine_is_asked_to_stream_where_the_client_does_and_only_there() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as upstream:
        async with running() as client:
            await warmed_up()
            await streamed(client)
            await client.post("/compress", json={"text": TEXT})
            assert [body["stream"] for body in asked(upstream)] == [True, False]


async def test_without_a_call_of_the_model_the_passages_are_those_of_the_result() -> None:
    events = await events_about(writes(SUMMARY), method="extractive", target_ratio=0.4)
    *passages, (last, result) = events
    assert (names(passages), last) == (["passage"] * len(passages), "result")
    ends = [(passage["start"], passage["end"]) for passage in result["fidelity"]["passages"]]
    assert texts(events, "passage") == [result["compressed"][start:end] for start, end in ends]


@pytest.mark.parametrize("text", ["", " \n", "Hello."])
async def test_a_text_that_is_left_as_it_is_has_a_result_all_the_same(text: str) -> None:
    events = await events_about(writes(SUMMARY), text=text)
    assert names(events)[-1] == "result"
    assert events[-1][1]["compressed"] == text


async def test_line_ends_of_unicode_in_a_text_end_no_line_of_the_stream() -> None:
    text = f"Nell\u2028line\u2029end\x85s.\r{TEXT}\n\n{TEXT}"
    with ollama(writes(SUMMARY)):
        async with running() as client:
            body = {"text": text, "method": "extractive", "coverage": 1}
            response = await client.post("/compress", json=body, headers=EVENT_STREAM)
    assert response.text.splitlines() == response.text.split("\n")[:-1]
    assert events_of(response.text)[-1][1]["compressed"].startswith("Nell\u2028line\u2029end\x85s.")


async def test_no_proxy_or_cache_is_to_keep_the_events() -> None:
    with ollama(writes(SUMMARY)):
        async with running() as client:
            response = await client.post("/compress", json={"text": TEXT}, headers=EVENT_STREAM)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (response.headers["cache-control"], response.headers["x-accel-buffering"]) == ("no-store", "no")
    assert "content-length" not in response.headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"text": TEXT, "target_ratio": 2}, 422),
        ({"text": TEXT, "must_keep": ["zeppelin"]}, 422),
        ({"text": TEXT, "content_type": "nonsense/any"}, 422),
        ({"text": "x" * 3000}, 413),
    ],
)
async def test_what_fails_before_the_first_event_is_a_plain_problem(body: dict[str, Any], status: int) -> None:
    with ollama(writes(SUMMARY)):
        async with running(max_text_bytes=2000) as client:
            response = await client.post("/compress", json=body, headers=EVENT_STREAM)
            plain = await client.post("/compress", json=body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert {**response.json(), "request_id": ""} == {**plain.json(), "request_id": ""}


async def test_what_fails_later_is_a_problem_event_and_the_last() -> None:
    with ollama(httpx.Response(500, json={"error": "out of memory"})):
        async with running() as client:
            await warmed_up()
            response = await client.post("/compress", json={"text": TEXT}, headers=EVENT_STREAM)
    events = events_of(response.text)
    assert set(names(events[:-1])) == {"passage"}
    name, problem = events[-1]
    assert (name, problem["status"], problem["type"]) == ("problem", 502, "urn:condenser:problem:failed")
    assert "out of memory" in problem["detail"]
    assert problem["request_id"] == response.headers["x-request-id"]


async def test_where_the_text_is_to_do_without_a_failing_model_the_result_is_the_passages() -> None:
    chat = httpx.Response(500, json={"error": "out of memory"})
    events = await events_about(chat, on_engine_error="extractive", target_ratio=0.4)
    assert names(events)[-1] == "result"
    assert events[-1][1]["method"] == "extractive"
    assert all(text in events[-1][1]["compressed"] for text in texts(events, "passage"))


async def metrics(client: httpx.AsyncClient) -> str:
    return (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("chat", "outcome"), [(writes(SUMMARY), "ok"), (httpx.Response(500, json={"error": "no"}), "failed")]
)
async def test_a_stream_is_counted_once_by_how_it_ended(chat: httpx.Response, outcome: str) -> None:
    with ollama(chat):
        async with running() as client:
            await warmed_up()
            await client.post("/compress", json={"text": TEXT}, headers=EVENT_STREAM)
            exposed = await metrics(client)
    assert f'condenser_operations_total{{operation="compress",outcome="{outcome}"}} 1.0' in exposed
    counted = [
        line for line in exposed.splitlines() if line.startswith('condenser_operations_total{operation="compress"')
    ]
    assert sum(float(line.rsplit(" ", 1)[1]) for line in counted) == 1


async def test_a_kept_result_comes_at_once_by_its_passages_and_whole() -> None:
    with ollama(httpx.Response(200, json=answer(SUMMARY))) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            whole = (await client.post("/compress", json={"text": TEXT, "target_ratio": 0.5})).json()
            events = await streamed(client, target_ratio=0.5)
            assert len(asked(upstream)) == 1
    result = events[-1][1]
    assert (result["compressed"], result["usage"]["cached"]) == (whole["compressed"], True)
    by = {"source": "passage", "model": "sentence"}
    assert names(events[:-1]) == [by[passage["by"]] for passage in whole["fidelity"]["passages"]]


async def both_under_way(client: AppClient, chat: HeldChat, headers: list[dict[str, str]]) -> list[httpx.Response]:
    """The answers of two requests for TEXT, the second of which came while the first was in the engine."""
    calls = [asyncio.create_task(client.post("/compress", json={"text": TEXT}, headers=headers[0]))]
    await chat.came.wait()
    calls.append(asyncio.create_task(client.post("/compress", json={"text": TEXT}, headers=headers[1])))
    (flight,) = client.service.compressor._flights.values()
    for _ in range(1_000_000):
        if flight.waiting == 2:
            break
        await asyncio.sleep(0)
    chat.may_end.set()
    return list(await asyncio.gather(*calls))


async def test_identical_streams_share_one_call_and_each_has_all_events() -> None:
    chat = HeldChat()
    with ollama(chat) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            answers = await both_under_way(client, chat, [EVENT_STREAM, EVENT_STREAM])
            assert len(asked(upstream)) == 1
    first, second = (events_of(response.text) for response in answers)
    assert first[:-1] == second[:-1]
    assert "sentence" in names(first)
    assert [events[-1][1]["usage"]["cached"] for events in (first, second)] == [False, True]


async def test_a_stream_that_joins_a_call_without_one_has_its_passages_and_the_result() -> None:
    chat = HeldChat()
    with ollama(chat) as upstream:
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            whole, stream = await both_under_way(client, chat, [{}, EVENT_STREAM])
            assert len(asked(upstream)) == 1
    events = events_of(stream.text)
    assert set(names(events[:-1])) == {"passage"}
    assert events[-1][1]["compressed"] == whole.json()["compressed"]


async def test_a_stream_that_goes_on_when_the_time_of_the_first_is_up_has_each_passage_once() -> None:
    chat = HeldChat()
    with ollama(chat):
        async with running(cache_bytes=CACHE) as client:
            await warmed_up()
            body = {"text": TEXT, "timeout_s": 0.3}
            first = asyncio.create_task(client.post("/compress", json=body, headers=EVENT_STREAM))
            await chat.came.wait()
            second = asyncio.create_task(streamed(client))
            assert events_of((await first).text)[-1][1]["status"] == 504
            chat.may_end.set()
            passages = texts(await second, "passage")
            assert chat.calls == 2
    assert len(passages) == len(set(passages)) > 0


LOG_ODDS = {"yes": (-0.1, -3.0), "no": (-3.0, -0.1)}


def judges(says_yes: Callable[[str], bool], draft: str) -> Any:
    """A model that writes `draft` and answers whether a text states a claim."""

    async def chat(request: httpx.Request) -> httpx.Response:
        prompt = json.loads(request.content)["messages"][-1]["content"]
        if "Claim: " not in prompt:
            return httpx.Response(200, json=answer(draft))
        verdict = "yes" if says_yes(prompt.partition("Claim: ")[2]) else "no"
        candidates = [
            {"token": token, "logprob": logprob}
            for token, logprob in zip(("yes", "no"), LOG_ODDS[verdict], strict=True)
        ]
        scores = [{"token": verdict, "logprob": -0.1, "top_logprobs": candidates}]
        return httpx.Response(200, json={**answer(verdict), "logprobs": scores})

    return chat


async def streamed_with_check(chat: Any) -> list[tuple[str, Any]]:
    """The events of a stream by a model that judges its own sentences."""
    with ollama(chat):
        async with running(engine_check="on", cache_bytes=0) as client:
            await warmed_up()
            await client.post("/compress", json={"text": TEXT})
            calibrations = client.service.summarizer.calibrator.calibrations
            await asyncio.gather(*calibrations.values())
            return await streamed(client, method="abstractive", target_ratio=0.9)


async def test_with_the_engines_check_a_sentence_comes_when_it_has_passed_that_too() -> None:
    chat = judges(lambda claim: "Dogs" not in claim, f"{REPHRASED} Dogs have to stay on the upper deck.")
    events = await streamed_with_check(chat)
    assert texts(events, "sentence") == [REPHRASED]
    assert events[-1][1]["fidelity"]["summary"] == {"written": 2, "stood": 1, "taken": 1}
    assert events[-1][1]["usage"]["calls"] == 3


async def test_the_engine_is_not_asked_about_a_sentence_that_is_one_of_the_text_word_for_word() -> None:
    events = await streamed_with_check(judges(lambda claim: "Dogs" not in claim, f"{BICYCLES} {DOGS}"))
    assert texts(events, "sentence") == [BICYCLES, DOGS]
    assert events[-1][1]["usage"]["calls"] == 1


async def test_comments_come_while_there_is_nothing_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING_INTERVAL_S", 0.001)
    given, sent = asyncio.Event(), asyncio.Event()

    async def work(on_excerpt: Callable[[Excerpt], None]) -> Any:
        on_excerpt(Excerpt("A ferry.", "source", (Span(0, 8),)))
        await sent.wait()
        raise ValueError

    bodies: list[bytes] = []

    async def send(message: Any) -> None:
        bodies.append(message.get("body", b""))
        if message.get("body") == b": ping\n\n":
            sent.set()

    await EventStream(work, RequestRecord("compress"))({"type": "http"}, given.wait, send)  # type: ignore[arg-type]
    assert bodies.index(b": ping\n\n") == 2
    assert bodies[-1].startswith(b"event: problem\n")


async def test_the_work_of_a_reader_that_stalls_goes_on_and_ends_where_the_reader_leaves() -> None:
    done, leaves = asyncio.Event(), asyncio.Event()

    async def work(on_excerpt: Callable[[Excerpt], None]) -> Any:
        for number in range(1000):
            on_excerpt(Excerpt(f"Sentence {number}.", "source", (Span(number, number + 1),)))
            await asyncio.sleep(0)
        done.set()
        raise ValueError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()
        record.status = 200

    async def receive() -> dict[str, str]:
        await leaves.wait()
        return {"type": "http.disconnect"}

    record = RequestRecord("compress")
    answering = asyncio.create_task(EventStream(work, record)({"type": "http"}, receive, send))
    await done.wait()
    assert not answering.done()
    leaves.set()
    await answering
    assert record.stopped is not None


DRAFTS = st.lists(
    st.sampled_from(
        [SUMMARY, DOGS, FALSE, "Yes.", "- Tickets cost 24 euros.", "It costs no more.\n", "<think>Hm. No.</think>", "e.g. ",
         "**Main point:** Dogs", "Children under six travel for nothing", "on board they are dearer. next to it", "\n\n"]
    ),
    max_size=6,
).map(" ".join)  # fmt: skip


@given(DRAFTS, st.lists(st.integers(1, 40), min_size=1, max_size=5), st.booleans())
def test_a_draft_that_is_read_as_it_comes_ends_as_one_that_is_read_whole(
    completion: str, sizes: list[int], was_cut: bool
) -> None:
    evidence = Evidence(read(TEXT))
    given_early: list[Claim] = []
    drafts = [Draft(evidence, 0.5, INSTRUCTIONS), Draft(evidence, 0.5, INSTRUCTIONS, given_early.append)]
    at = 0
    while at < len(completion):
        at += sizes[at % len(sizes)]
        drafts[1].read(completion_text(completion[:at], was_cut=False))
    for draft in drafts:
        for sentence in draft.unjudged(split_draft(completion_text(completion, was_cut))):
            draft.put(sentence, draft.judge(sentence))
    assert (drafts[0].claims, drafts[0].dropped) == (drafts[1].claims, drafts[1].dropped)
    assert set(drafts[0].claims) <= set(given_early)
