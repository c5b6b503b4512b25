"""Who may call: requests bring an API key where keys are set."""

import hmac

from fastapi import Request

from app.api.problems import ProblemError
from app.api.service import service_of


async def require_key(request: Request) -> None:
    """Let a request with a right key pass: `Authorization: Bearer KEY` or `X-API-Key: KEY`.

    Raises ProblemError 401 where keys are set and it has none of them.
    """
    keys = service_of(request).settings.keys
    if not keys:
        return
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    given = credentials if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
    # Every key is compared, each in constant time, so that the answer's time tells nothing of them.
    matches = [hmac.compare_digest(given.encode(), key.encode()) for key in keys]
    if not any(matches):
        raise ProblemError(
            "unauthorized",
            401,
            "A key is needed",
            "no or wrong API key: send Authorization: Bearer KEY or X-API-Key: KEY",
            {"WWW-Authenticate": "Bearer"},
        )
