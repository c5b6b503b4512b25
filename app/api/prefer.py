"""The client's preference to be answered later (RFC 7240, section 4.1)."""

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

RESPOND_ASYNC = "respond-async"


def prefers_async(connection: HTTPConnection) -> bool:
    """Whether the request has `Prefer: respond-async`, among other preferences or alone."""
    given = Headers(scope=connection.scope).getlist("prefer")
    return any(
        preference.partition(";")[0].strip().lower() == RESPOND_ASYNC
        for header in given
        for preference in header.split(",")
    )
