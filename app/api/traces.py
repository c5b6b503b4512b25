"""A span for each request, a child of the caller's if it sends `traceparent`."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.forwarded import route_path
from app.api.observe import QUIET_PATHS
from app.api.record import RequestRecord, record_of
from app.tracing import span

_PARENT_HEADERS = ("traceparent", "tracestate")
_FIRST_SERVER_ERROR = 500


class TraceMiddleware:
    """Wraps each request in a span, except those that monitors send all the time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or route_path(scope) in QUIET_PATHS:
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        given = Headers(scope=scope)
        headers = {name: given[name] for name in _PARENT_HEADERS if name in given}
        with span(method, {"http.request.method": method}, kind="server", headers=headers) as current:
            try:
                await self._app(scope, receive, send)
            finally:
                if current is not None:
                    route = getattr(scope.get("route"), "path", None)
                    if route is not None:
                        current.update_name(f"{method} {route}")
                        current.set_attribute("http.route", route)
                    record = record_of(HTTPConnection(scope))
                    current.set_attributes(_attributes(record))
                    if record.status >= _FIRST_SERVER_ERROR:
                        current.set_attribute("error.type", record.outcome)


def _attributes(record: RequestRecord) -> dict[str, str | int | float | bool]:
    """The fields of the log line: names and numbers, no texts."""
    fields = {f"condenser.{name}": value for name, value in record.fields.items()}
    if record.client is not None:
        fields["condenser.client"] = record.client
    if record.cost is not None:
        fields["condenser.served_from"] = record.cost.served_from
        fields["condenser.reader_tokens_saved"] = record.cost.reader_tokens_saved
    known = {name: value for name, value in fields.items() if isinstance(value, str | int | float | bool)}
    return {"http.response.status_code": record.status, "condenser.outcome": record.outcome, **known}
