"""Has respx answer for the engine's transport too: a router `using=EVERY_TRANSPORT` mocks httpx's own and aiohttp's."""

from typing import Any

import httpx
from httpx_aiohttp import AiohttpTransport
from respx.mocks import HTTPCoreMocker

EVERY_TRANSPORT = "every transport"


class _EveryTransport(HTTPCoreMocker):
    name = EVERY_TRANSPORT
    targets = [*HTTPCoreMocker.targets, "httpx_aiohttp.AiohttpTransport"]  # noqa: RUF012  # as respx has it

    @classmethod
    def to_httpx_request(cls, **kwargs: Any) -> httpx.Request:
        request = kwargs["request"]
        if not isinstance(request, httpx.Request):
            request = super().to_httpx_request(**kwargs)  # type: ignore[no-untyped-call]
        assert isinstance(request, httpx.Request)
        return request

    @classmethod
    async def from_async_httpx_response(cls, httpx_response: httpx.Response, target: object, **kwargs: Any) -> Any:
        if not isinstance(target, AiohttpTransport):
            return await super().from_async_httpx_response(httpx_response, target, **kwargs)  # type: ignore[no-untyped-call]
        return httpx.Response(
            httpx_response.status_code,
            headers=httpx_response.headers.raw,
            stream=httpx_response.stream,
            extensions=httpx_response.extensions,
        )
