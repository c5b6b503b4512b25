"""Answers of `/compress` as server-sent events: early excerpts, and then the whole answer."""

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
from app.api.problems import details_of, problem_body
from app.api.record import RequestRecord
from app.api.schemas import CompressResponse, ExcerptBody
from app.asgi import ClientDisconnectedError, cancel_on_disconnect
from app.compression.compressor import OnExcerpt
from app.summary.report import Excerpt
from app.tasks import end

EVENT_STREAM = "text/event-stream"
PING_INTERVAL_S = 15.0
"""Seconds between comments while there is nothing to send: proxies close a connection that is silent for a minute."""

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
"""The stream in the OpenAPI document. OpenAPI 3.1 has no events, so the schema is that of their data."""

_HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx must not buffer events, whatever its configuration says
}

# Many clients split lines at these too (httpx and str.splitlines do). In JSON they occur only within strings.
_OTHER_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}

_NAMES = {"source": "passage", "model": "sentence"}

AnyDone = Done[CompressResponse] | Done[CompressMessagesResponse]
Work = Callable[[OnExcerpt], Awaitable[AnyDone]]
Event = Excerpt | AnyDone | Exception


class EventStream(Response):
    """Sends each excerpt that `work` reports once, and then its answer, or the problem in which it ended.

    The response starts with the first of these events. A problem before that is raised, and so gets its own status.
    `work` continues while the client does not read, so that a slow reader holds no place in the engine; at most the
    result and its preview are buffered. When the client disconnects, `work` is cancelled.
    """

    def __init__(self, work: Work, record: RequestRecord) -> None:
        super().__init__(headers=_HEADERS, media_type=EVENT_STREAM)
        del self.headers["content-length"]
        self._work = work
        self._record = record
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._sent: set[Excerpt] = set()

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
            ended: Event = await self._work(self._report)
        except Exception as error:
            ended = error
        self._record.stop()
        self._events.put_nowait(ended)

    def _report(self, excerpt: Excerpt) -> None:
        if excerpt not in self._sent:
            self._sent.add(excerpt)
            self._events.put_nowait(excerpt)

    async def _send_all(self, send: Send) -> None:
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        self._record.fields["first_event_ms"] = round(self._record.elapsed_s * 1000, 1)
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        while isinstance(event, Excerpt):
            await send(_body(_excerpt_event(event)))
            event = await self._next(send)
        await send(_body(self._last(event), is_last=True))

    def _last(self, event: AnyDone | Exception) -> bytes:
        if isinstance(event, Done):
            return _event("result", event.answer.model_dump_json())
        problem = details_of(event)
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
    """A JSON text without characters that a client may take for the end of a line."""
    return text.translate(_OTHER_LINE_ENDS)


def _event(name: str, data: str) -> bytes:
    return format_sse_event(event=name, data_str=single_line(data))


def _body(content: bytes, *, is_last: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": not is_last}


def _excerpt_event(excerpt: Excerpt) -> bytes:
    body = ExcerptBody(text=excerpt.text, by=excerpt.by, source=ranges(excerpt.source), support=excerpt.support)
    return _event(_NAMES[excerpt.by], body.model_dump_json())
