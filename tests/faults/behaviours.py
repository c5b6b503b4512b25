"""What can go wrong with a chat, one behaviour each."""

import json
import zlib
from collections.abc import Callable
from typing import Any

from tests.faults.faulty_ollama import Behaviour, Chat
from tests.unit.service import SUMMARY, answer

CHUNK = b"x" * 65_536
GIGABYTE = 1 << 30


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(bytes(len(CHUNK))) for _ in range(1024)) + packer.flush()


def replies(content: bytes | dict[str, Any], status: int = 200, kind: str = "application/json") -> Behaviour:
    """One that answers with this."""

    async def behaviour(chat: Chat) -> None:
        await chat.reply(content, status, kind)

    return behaviour


def says(text: str, **fields: Any) -> Behaviour:
    """One whose model writes this; `fields` of the answer over the usual ones, None to leave one out."""
    whole = {**answer(text), **fields}
    return replies({name: value for name, value in whole.items() if value is not None})


def line(text: str, **fields: Any) -> bytes:
    """A line of a stream of Ollama's."""
    return json.dumps({**answer(text), "done": False, **fields}).encode() + b"\n"


def fails(status: int, message: str) -> Behaviour:
    """One that answers with Ollama's error."""
    return replies({"error": message}, status)


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first for the first chat, and so on; the last for all others."""
    left = list(behaviours)

    async def behaviour(chat: Chat) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(chat)

    return behaviour


def when(is_so: Callable[[Chat], bool], then: Behaviour, otherwise: Behaviour) -> Behaviour:
    """`then` for a chat of which `is_so` is true, else `otherwise`."""

    async def behaviour(chat: Chat) -> None:
        await (then if is_so(chat) else otherwise)(chat)

    return behaviour


async def resets_at_once(chat: Chat) -> None:
    """Read the call and break off."""
    chat.reset()


async def resets_mid_body(chat: Chat) -> None:
    """Break off in the middle of an answer."""
    await chat.head(200, "Content-Length: 1000")
    await chat.send(b'{"message": {"role": "assistant", "content": "A fer')
    chat.reset()


async def closes_mid_body(chat: Chat) -> None:
    """End the connection in good order in the middle of an answer."""
    await chat.head(200, "Content-Length: 1000")
    await chat.send(b'{"message": {"role": "assistant", "content": "A fer')
    chat.writer.close()


async def hangs_before_headers(chat: Chat) -> None:
    """Never answer."""
    await chat.until_left()


async def hangs_mid_body(chat: Chat) -> None:
    """Begin to answer, and stop."""
    await chat.head(200, "Content-Length: 1000")
    await chat.send(b'{"message": {"role": "assistant", "content": "A fer')
    await chat.until_left()


async def drips(chat: Chat) -> None:
    """Send a byte a second of a whole answer."""
    body = json.dumps(answer(SUMMARY)).encode()
    await chat.head(200, f"Content-Length: {len(body)}")
    for byte in body:
        await chat.send(bytes([byte]))
        if await chat.is_left_within(1):
            return


async def speaks_no_http(chat: Chat) -> None:
    """Answer in another protocol."""
    await chat.send(b"220 mail.test ESMTP ready\r\n" * 10)
    chat.writer.close()


async def sends_a_gigabyte(chat: Chat) -> None:
    """Send a completion of a gigabyte."""
    await chat.head(200, f"Content-Length: {GIGABYTE}")
    await chat.send(b'{"done": true, "message": {"role": "assistant", "content": "')
    for _ in range(GIGABYTE // len(CHUNK)):
        await chat.send(CHUNK)


async def sends_a_gigabyte_of_head(chat: Chat) -> None:
    """Send headers without end."""
    await chat.send(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(GIGABYTE // len(CHUNK)):
        await chat.send(CHUNK)


async def sends_a_gzip_bomb(chat: Chat) -> None:
    """Send 64 MB of zeros in 64 kB, though nobody asked for gzip."""
    bomb = _gzip_bomb()
    await chat.head(200, "Content-Encoding: gzip", f"Content-Length: {len(bomb)}")
    await chat.send(bomb)
