"""The status page at `/` and Swagger UI at `/docs`.

The page holds no data; it requests what it shows from the API, with a key if keys are set.
"""

from os import PathLike
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

_FOLDER = Path(__file__).parent / "static"

# Trusted types: no string can become markup, whatever the compressed text contains.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class _Assets(StaticFiles):
    """The page's style sheet and scripts, with HEADERS."""

    def file_response(self, full_path: str | PathLike[str], *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        response.headers.update(HEADERS)
        return response


async def _page() -> FileResponse:
    return FileResponse(_FOLDER / "index.html", media_type="text/html", headers=HEADERS)


async def _docs(request: Request) -> HTMLResponse:
    # Relative links work behind any reverse proxy, whatever the path.
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title=f"{request.app.title} API",
        swagger_js_url="swagger/swagger-ui-bundle.js",
        swagger_css_url="swagger/swagger-ui.css",
        swagger_favicon_url="static/icon.svg",
        swagger_ui_parameters={"tryItOutEnabled": True, "persistAuthorization": True, "displayRequestDuration": True},
    )


def install(app: FastAPI) -> None:
    """Serve the page at `/` of `app`, Swagger UI at `/docs`, and what they need under `/static` and `/swagger`.

    None of it is in the OpenAPI document.
    """
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False)
    app.add_api_route("/docs", _docs, methods=["GET", "HEAD"], include_in_schema=False)
    app.mount("/static", _Assets(directory=_FOLDER))
    app.mount("/swagger", StaticFiles(packages=[("fastapi_swagger", "resources")]))
