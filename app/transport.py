"""The HTTP/1.1 connection: uvicorn's httptools protocol, with limits for clients that send or read slowly.

uvicorn 0.54 limits only idle connections after an answer, and its parser llhttp does not limit the size of headers
(uvicorn's `h11_max_incomplete_event_size` applies to its other parser).
"""

import asyncio
import json
from asyncio.events import TimerHandle

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

MAX_HEADER_BYTES = 65_536
MAX_HEADERS = 128
READ_TIMEOUT_S = 60.0
"""How long a client may stop reading an answer while the buffers are full, seconds."""


class BoundedHttpProtocol(HttpToolsProtocol):
    """Closes a connection if its request headers are too large or too slow, if the body continues long after its
    answer, or if the client does not read. Trailers are ignored: uvicorn would add them to headers that were already
    checked.
    """

    header_timeout_s = 10.0

    _deadline: TimerHandle | None = None
    _unread: TimerHandle | None = None
    _is_header = True
    _is_message = False
    _is_too_large = False
    _header_bytes = 0
    _data_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the deadline for the first request's headers."""
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel all deadlines."""
        self._disarm()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data. If it ends within the headers of a request, start the deadline for the rest of them."""
        if self._is_header:
            self._data_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._disarm()
        elif self._is_header and self._data_bytes:
            self._arm()
            if self._data_bytes > MAX_HEADER_BYTES:
                self._is_too_large = True
                self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins."""
        self._is_header = self._is_message = True
        self._header_bytes = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Record a header, unless it is a trailer. Raises ValueError, which ends the request, if there are too many."""
        if not self._is_header:
            return
        self._header_bytes += len(name) + len(value)
        if self._header_bytes > MAX_HEADER_BYTES or len(self.headers) >= MAX_HEADERS:
            self._is_too_large = True
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers arrived in time; the application limits the time for the body."""
        self._disarm()
        self._is_header = False
        self._data_bytes = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._disarm()
        self._is_message = False
        self._is_header = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the deadline for the rest of a request body that was answered early."""
        super().on_response_complete()
        if self._is_message and not self.transport.is_closing():
            self._arm()

    def pause_writing(self) -> None:
        """The buffers are full: start the deadline for the client to read."""
        super().pause_writing()
        if self._unread is None:
            self._unread = self.loop.call_later(READ_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read: cancel the deadline."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def send_400_response(self, msg: str) -> None:
        """Answer an invalid request with a problem, and close."""
        status, title = (
            (431, "The request headers are too large") if self._is_too_large else (400, "Not an HTTP request")
        )
        problem = {"type": "urn:condenser:problem:http", "title": title, "status": status, "detail": title}
        content = json.dumps({**problem, "request_id": ""}).encode()
        head = b"content-type: application/problem+json\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(
            content
        )
        self.transport.write(STATUS_LINE[status] + head + content)
        self.transport.close()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.header_timeout_s, self._expired)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        self._deadline = None
        self.transport.close()


def bounded_protocol(header_timeout_s: float) -> type[BoundedHttpProtocol]:
    """The protocol with this deadline for request headers, seconds."""
    return type("BoundedHttpProtocol", (BoundedHttpProtocol,), {"header_timeout_s": header_timeout_s})
