"""An upstream with OpenAI's API on a real socket, which answers as it is told to and keeps what it was sent."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

Answer = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]

COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1764000000,
    "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Yes."}}],
}


def event(word: str) -> bytes:
    """A chunk of a streamed completion."""
    choice = {"index": 0, "delta": {"content": word}, "finish_reason": None}
    chunk = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [choice]})}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came; `has_left` is set when the caller has closed the connection."""

    line: str
    headers: Mapping[str, str]
    content: bytes
    has_left: asyncio.Event = field(default_factory=asyncio.Event)


async def completes(received: Received, writer: asyncio.StreamWriter) -> None:
    await respond(writer, 200, json.dumps(COMPLETION).encode(), b"x-request-id: upstream-1\r\n")


async def respond(writer: asyncio.StreamWriter, status: int, content: bytes, headers: bytes = b"") -> None:
    """Write an answer with a JSON body."""
    head = b"HTTP/1.1 %d Told\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % (status, len(content))
    writer.write(head + headers + b"\r\n" + content)
    await writer.drain()


async def begin_stream(writer: asyncio.StreamWriter) -> None:
    """Write the head of a stream of events."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    await writer.drain()


async def write_chunk(writer: asyncio.StreamWriter, content: bytes) -> None:
    """Write a piece of a stream; an empty one ends it."""
    writer.write(b"%x\r\n%b\r\n" % (len(content), content))
    await writer.drain()


class OpenAIUpstream:
    """Listens on loopback for the block; `answer` says how."""

    def __init__(self) -> None:
        self.answer: Answer = completes
        self.received: list[Received] = []
        self._came = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def nth(self, number: int) -> Received:
        """The request of this number, from 1, as soon as it is there."""
        async with self._came:
            await self._came.wait_for(lambda: len(self.received) >= number)
        return self.received[number - 1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._served(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
        headers = dict(_header(line) for line in head[1:] if line)
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        received = Received(head[0], headers, content)
        async with self._came:
            self.received.append(received)
            self._came.notify_all()
        watching = asyncio.create_task(_set_at_end(reader, received.has_left))
        try:
            await self.answer(received, writer)
        finally:
            watching.cancel()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.lower(), value.strip()


async def _set_at_end(reader: asyncio.StreamReader, has_left: asyncio.Event) -> None:
    with suppress(ConnectionError):
        await reader.read()
    has_left.set()
