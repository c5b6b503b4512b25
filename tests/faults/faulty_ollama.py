"""An Ollama on a real socket whose chats go wrong as they are told to."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Self

from tests.unit.service import MODEL, SUMMARY, answer

_STATUS_ANSWERS: dict[str, dict[str, Any]] = {
    "/api/version": {"version": "0.16.1"},
    "/api/tags": {"models": [{"name": MODEL}]},
    "/api/ps": {"models": [{"name": MODEL, "size": 100, "size_vram": 100}]},
    "/api/show": {"capabilities": ["completion"]},
}
_NO_TEXT = "<text>\n\n</text>"


class Chat:
    """One `POST /api/chat` as the server sees it: what it asks, a way to answer, and whether its client has left."""

    def __init__(self, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.body = body
        self.reader = reader
        self.writer = writer
        self.left = asyncio.Event()
        self.bytes_sent = 0

    @property
    def prompt(self) -> str:
        """The message with the text; empty for a preload."""
        messages = self.body.get("messages") or [{"content": ""}]
        return str(messages[-1]["content"])

    @property
    def is_warm_up(self) -> bool:
        """Whether the service makes it for itself, about no text."""
        return not self.prompt or self.prompt.startswith(_NO_TEXT)

    async def send(self, content: bytes) -> None:
        """Send bytes as they are. Raises ConnectionError where the client has left."""
        self.writer.write(content)
        await self.writer.drain()
        self.bytes_sent += len(content)

    async def head(self, status: int = 200, *headers: str) -> None:
        """Send the head of an answer whose body ends with the connection."""
        lines = [f"HTTP/1.1 {status} Any", "Content-Type: application/json", *headers]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def reply(self, content: bytes | dict[str, Any], status: int = 200, kind: str = "application/json") -> None:
        """Send a whole answer."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = f"HTTP/1.1 {status} Any\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        await self.send(head.encode() + body)

    async def until_left(self) -> None:
        """Return when the client has closed its end."""
        await self.reader.read()

    async def is_left_within(self, seconds: float) -> bool:
        """Wait for so long, or until the client has closed its end; whether it has."""
        try:
            await asyncio.wait_for(self.until_left(), seconds)
        except TimeoutError:
            return False
        return True

    def reset(self) -> None:
        """Break the connection off with a TCP reset."""
        connection: socket.socket = self.writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Chat], Awaitable[None]]


async def answers_well(chat: Chat) -> None:
    """Answer as Ollama does."""
    await chat.reply(answer(SUMMARY))


class FaultyOllama:
    """Serves on a loopback port that it keeps over `stop` and `start`; chats about a text go by `behaviour`.

    `status` has the other answers by their path; there are none at all while it `is_silent`. `under_way` counts the
    requests that it has not answered and whose client has not left.
    """

    def __init__(self) -> None:
        self.behaviour: Behaviour = answers_well
        self.status: dict[str, dict[str, Any]] = dict(_STATUS_ANSWERS)
        self.is_silent = False
        self.under_way = 0
        self.chats: list[Chat] = []
        self.loaded = asyncio.Event()
        self.tasks: set[asyncio.Task[Any]] = set()
        self._port = 0
        self._server: asyncio.Server | None = None
        self._came = asyncio.Condition()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Listen; connections are refused before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and break all connections off."""
        assert self._server is not None
        self._server.close()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    async def nth_chat(self, number: int) -> Chat:
        """The chat about a text that comes as the `number`th, from 1 on; waits for it."""
        await self.chats_are(lambda: len(self.chats) >= number)
        return self.chats[number - 1]

    async def chats_are(self, as_wished: Callable[[], bool]) -> None:
        """Return when the chats about texts that have come are as wished."""
        async with self._came, asyncio.timeout(120):
            await self._came.wait_for(as_wished)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            while head := await _head(reader):
                await self._answer(*head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.tasks.discard(task)
            writer.close()

    async def _answer(
        self, path: str, body: dict[str, Any], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.under_way += 1
        try:
            await self._answered(path, Chat(body, reader, writer))
        finally:
            self.under_way -= 1

    async def _answered(self, path: str, chat: Chat) -> None:
        if self.is_silent:
            await chat.until_left()
        elif path != "/api/chat":
            await chat.reply(self.status[path])
        elif chat.is_warm_up:
            self.loaded.set()
            await chat.reply(answer("", 50, 1))
        else:
            async with self._came:
                self.chats.append(chat)
                self._came.notify_all()
            async with _told_when_left(chat):
                await self.behaviour(chat)


@asynccontextmanager
async def _told_when_left(chat: Chat) -> AsyncIterator[None]:
    """Set `chat.left` where the block ends because the client has gone."""
    try:
        yield
    except (ConnectionError, asyncio.IncompleteReadError):
        chat.left.set()
        raise
    if chat.reader.at_eof():
        chat.left.set()


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, Any]] | None:
    """Path and JSON body of the next request, None at the end of the connection."""
    first = await reader.readline()
    if not first:
        return None
    length = 0
    while (line := await reader.readline()).strip():
        name, _, value = line.decode().partition(":")
        length = int(value) if name.lower() == "content-length" else length
    body = await reader.readexactly(length)
    return first.split()[1].decode(), json.loads(body) if body else {}
