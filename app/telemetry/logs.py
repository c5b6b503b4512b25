"""Logs: one JSON object per line on standard output. They never contain the text of a request or an answer."""

import logging
import sys
import traceback
from contextvars import ContextVar
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter

from app.tracing import trace_id

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""Id of the request in progress."""

_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

logger = logging.getLogger("condenser")


class _IdFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id") and (current := request_id.get()):
            record.request_id = current
        if current_trace := trace_id():
            record.trace_id = current_trace
        return True


class _Formatter(JsonFormatter):
    """Logs the type and location of an error, not its message, which may quote a caller's text."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 (the name is logging's)
        error = ei[1]
        lines: list[str] = []
        while error is not None:
            lines += [*traceback.format_tb(error.__traceback__), type(error).__qualname__]
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(line.rstrip("\n") for line in lines)


def configure_logs(level: str, worker: int | None = None) -> None:
    """Send every log line of this process, including uvicorn's, to standard output as JSON; each has `worker`."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        _Formatter(
            "{levelname}{message}",
            style="{",
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
            json_ensure_ascii=False,
            static_fields={} if worker is None else {"worker": worker},
        )
    )
    handler.addFilter(_IdFilter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "httpx", "httpcore", "mcp"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
