"""Answers of `/compress` as server-sent events: what is known early, and then the whole answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from app.api.answers import ranges
from app.api.message_schemas import CompressMessagesResponse
from app.api.operations import Done
from app.api.problems import found, problem_body
from app.api.record import RequestRecord
from app.api.schemas import CompressResponse, ExcerptBody
from app.asgi import ClientDisconnectedError, cancel_on_disconnect
from app.compression.compressor import OnExcerpt
from app.summary.report import Excerpt
from app.tasks import end

EVENT_STREAM = "text/event-stream"
PING_INTERVAL_S = 15.0
"""Between comments while there is nothing to send; proxies close a connection that is silent for a minute or so."""

EVENTS: Mapping[str, Any] = {
    "schema": {
        "description": "data of one event: of `passage` or `sentence`, of `result`, of `problem`",
        "anyOf": [
            ExcerptBody.model_json_schema(),
            {"$ref": "#/components/schemas/CompressResponse"},
            {"$ref": "#/components/schemas/Problem"},
        ],
    },
    "example": """\
event: passage
data: {"text":"The ferry leaves at 07:45.","by":"source","source":[[0,26]],"support":1.0}

event: sentence
data: {"text":"It costs 24 euros.","by":"model","source":[[27,58]],"support":0.87}

event: result
data: {"compressed":"The ferry leaves at 07:45. It costs 24 euros.","method":"abstractive"}

""",
}
"""The stream as OpenAPI has it; 3.1 knows no events, so the schema is that of their data."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx is not to collect events, whatever its configuration says
}

# Many a client splits lines there too (httpx and str.splitlines do); in JSON they only stand within strings.
_OTHER_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}

_NAMES = {"source": "passage", "model": "sentence"}

AnyDone = Done[CompressResponse] | Done[CompressMessagesResponse]
Work = Callable[[OnExcerpt], Awaitable[AnyDone]]
Event = Excerpt | AnyDone | Exception


class EventStream(Response):
    """The excerpts that `work` gives, each once, and at last its answer, or the problem in which it ends.

    The answer begins with the first of these events. A problem that comes before it is raised, and so answered as such.
    The work goes on whether the client reads or not, so that who reads slowly holds no place in the engine; what waits
    to be read is not more than the result and its preview. When the client leaves, the work ends.
    """

    def __init__(self, work: Work, record: RequestRecord) -> None:
        super().__init__(headers=_HEADERS, media_type=EVENT_STREAM)
        del self.headers["content-length"]
        self._work = work
        self._record = record
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._given: set[Excerpt] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        working = asyncio.ensure_future(self._run())
        try:
            await cancel_on_disconnect(receive, self._send_all(send))
        except ClientDisconnectedError:
            if not self._record.status:
                raise
        finally:
            await end([working])

    async def _run(self) -> None:
        try:
            ended: Event = await self._work(self._give)
        except Exception as error:
            ended = error
        self._record.stop()
        self._events.put_nowait(ended)

    def _give(self, excerpt: Excerpt) -> None:
        if excerpt not in self._given:
            self._given.add(excerpt)
            self._events.put_nowait(excerpt)

    async def _send_all(self, send: Send) -> None:
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        self._record.fields["first_event_ms"] = round(self._record.elapsed_s * 1000, 1)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while isinstance(event, Excerpt):
            await send(_body(_early(event)))
            event = await self._next(send)
        await send(_body(self._last(event), is_last=True))

    def _last(self, event: AnyDone | Exception) -> bytes:
        if isinstance(event, Done):
            return _event("result", event.answer.model_dump_json())
        problem = found(event)
        self._record.outcome = problem.kind
        # ASCII: a message may quote a lone surrogate, which has no UTF-8.
        return _event("problem", json.dumps(problem_body(problem).model_dump()))

    async def _next(self, send: Send) -> Event:
        """The next event; comments are sent until it comes."""
        while True:
            try:
                async with asyncio.timeout(PING_INTERVAL_S):
                    return await self._events.get()
            except TimeoutError:
                await send(_body(KEEPALIVE_COMMENT))


def single_line(text: str) -> str:
    """A JSON text without anything that a client may take for the end of a line."""
    return text.translate(_OTHER_LINE_ENDS)


def _event(name: str, data: str) -> bytes:
    return format_sse_event(event=name, data_str=single_line(data))


def _body(content: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": not is_last}


def _early(excerpt: Excerpt) -> bytes:
    body = ExcerptBody(text=excerpt.text, by=excerpt.by, source=ranges(excerpt.source), support=excerpt.support)
    return _event(_NAMES[excerpt.by], body.model_dump_json())
