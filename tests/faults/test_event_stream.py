"""Streams of events on real connections: what comes while the engine is busy, writes, breaks off, or is left."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.faults import behaviours as faults
from tests.faults.conftest import Running, Start, running
from tests.faults.faulty_ollama import Behaviour, Chat, FaultyOllama
from tests.unit.events import EVENT_STREAM, Event, event_of, names, texts
from tests.unit.service import SUMMARY, TEXT

pytestmark = pytest.mark.anyio

DOGS = "Dogs must stay on the upper deck."


class Writer:
    """A model that streams lines, and the rest of them when it may go on."""

    def __init__(self, first: Sequence[bytes], rest: Sequence[bytes]) -> None:
        self.first = first
        self.rest = rest
        self.may_go_on = asyncio.Event()

    async def __call__(self, chat: Chat) -> None:
        assert chat.body["stream"] is True
        await chat.head()
        for content in self.first:
            await chat.send(content)
        await self.may_go_on.wait()
        for content in self.rest:
            await chat.send(content)
        chat.writer.close()


class Events:
    """The events of an answer, one after the other."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> Event:
        """The next event."""
        block: list[str] = []
        async for line in self._lines:
            if line:
                block.append(line)
            elif event := event_of("\n".join(block)):
                return event
            else:
                block = []
        raise EOFError

    async def rest(self) -> list[Event]:
        """All events that are left."""
        events = []
        try:
            while True:
                events.append(await self.next())
        except EOFError:
            return events


@asynccontextmanager
async def streaming(service: Running, text: str = TEXT, **wish: Any) -> AsyncIterator[Events]:
    """The events of a request."""
    body = {"text": text, **wish}
    async with service.client.stream("POST", "/compress", json=body, headers=EVENT_STREAM) as response:
        assert response.status_code == 200
        yield Events(response)


async def test_passages_come_while_a_call_waits_for_its_place_in_the_engine(
    start: Start, upstream: FaultyOllama
) -> None:
    may_end = asyncio.Event()

    async def held(chat: Chat) -> None:
        await may_end.wait()
        await faults.says(SUMMARY)(chat)

    upstream.behaviour = held
    async with start(max_concurrency=1) as service:
        before = asyncio.create_task(service.compress())
        await upstream.nth_chat(1)
        async with streaming(service) as events:
            name, _ = await events.next()
            assert name == "passage"
            await service.waits_for(1)
            assert len(upstream.chats) == 1
            may_end.set()
            assert names(await events.rest())[-1] == "result"
        assert (await before).status_code == 200


async def test_a_sentence_comes_while_the_model_writes_the_next_one(start: Start, upstream: FaultyOllama) -> None:
    writer = Writer(
        [faults.line(SUMMARY), faults.line(" Dogs must")],
        [faults.line(" stay on the upper deck."), faults.line("", done=True)],
    )
    upstream.behaviour = writer
    async with start() as service, streaming(service) as events:
        name, data = await events.next()
        while name == "passage":
            name, data = await events.next()
        assert (name, data["text"]) == ("sentence", SUMMARY)
        writer.may_go_on.set()
        rest = await events.rest()
        assert (texts(rest, "sentence"), names(rest)[-1]) == ([DOGS], "result")


BREAKS: list[tuple[str, Behaviour, str, str]] = [
    (
        "an error in the stream",
        faults.replies(faults.line(SUMMARY) + b'{"error": "CUDA error"}\n'),
        "failed",
        "CUDA error",
    ),
    ("its end", faults.replies(faults.line(SUMMARY)), "failed", "incomplete"),
    ("nonsense", faults.replies(faults.line(SUMMARY) + b"<html>"), "failed", "<html>"),
    ("a reset", faults.resets_mid_body, "unreachable", "broke"),
    ("the end of the connection", faults.closes_mid_body, "unreachable", "broke"),
]


@pytest.mark.parametrize(("behaviour", "kind", "words"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
async def test_an_engine_that_breaks_off_ends_the_stream_with_a_problem_and_is_not_asked_twice(
    start: Start, upstream: FaultyOllama, behaviour: Behaviour, kind: str, words: str
) -> None:
    upstream.behaviour = behaviour
    async with start() as service:
        async with streaming(service) as events:
            *early, (name, problem) = await events.rest()
        assert (name, problem["type"]) == ("problem", f"urn:condenser:problem:{kind}")
        assert words in problem["detail"]
        assert "passage" in names(early)
        assert len(upstream.chats) == 1


async def test_an_engine_that_stops_writing_is_a_problem_at_the_deadline_and_its_call_is_cut(
    start: Start, upstream: FaultyOllama
) -> None:
    async def stops(chat: Chat) -> None:
        await chat.head()
        await chat.send(faults.line(SUMMARY))
        await chat.until_left()

    upstream.behaviour = stops
    async with start() as service:
        async with streaming(service, timeout_s=0.5) as events:
            name, problem = (await events.rest())[-1]
        assert (name, problem["status"]) == ("problem", 504)
        async with asyncio.timeout(20):
            await upstream.chats[0].left.wait()


async def test_who_leaves_in_the_middle_of_a_stream_has_the_call_cut(start: Start, upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with start() as service:
        async with streaming(service) as events:
            assert (await events.next())[0] == "passage"
            chat = await upstream.nth_chat(1)
        async with asyncio.timeout(20):
            await chat.left.wait()


async def test_a_stream_ends_with_a_problem_when_the_service_can_wait_no_longer(upstream: FaultyOllama) -> None:
    upstream.behaviour = faults.hangs_before_headers
    async with running(upstream) as service, streaming(service) as events:
        await upstream.nth_chat(1)
        service.service.engine.close()
        name, problem = (await events.rest())[-1]
    assert (name, problem["type"]) == ("problem", "urn:condenser:problem:shutting_down")
