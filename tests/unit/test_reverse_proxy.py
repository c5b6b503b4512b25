"""Behind a reverse proxy: links and paths under the prefix that it serves the service at."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from app.settings import Settings
from tests.unit.service import MODEL, URL, answer, ollama

PREFIX = "/condenser"
ANSWER = httpx.Response(200, json=answer(""))


@asynccontextmanager
async def proxied(peer: str = "127.0.0.1", **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service whose connections come from `peer`."""
    app = create_app(Settings(_env_file=None, ollama_url=URL, model=MODEL, engine_check="off", **settings))  # type: ignore[call-arg]
    with ollama(ANSWER):
        async with app.router.lifespan_context(app):
            transport = httpx.ASGITransport(app=app, client=(peer, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield client


async def prefix_in_document(client: httpx.AsyncClient, header: str | None = None) -> str | None:
    headers = {} if header is None else {"X-Forwarded-Prefix": header}
    servers = (await client.get("/openapi.json", headers=headers)).json().get("servers")
    return None if servers is None else str(servers[0]["url"])


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/status", "/", "/docs", "/openapi.json"])
async def test_head_is_answered_as_get_is(path: str) -> None:
    async with proxied(root_path="") as client:
        head, get = await client.head(path), await client.get(path)
    assert head.status_code == get.status_code == 200
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/docs", "/static/page.js", "/swagger/swagger-ui.css", "/healthz", "/metrics", "/"])
@pytest.mark.parametrize("passed_on", ["", PREFIX])
async def test_a_path_is_served_whether_or_not_the_proxy_cuts_the_prefix_off(path: str, passed_on: str) -> None:
    async with proxied(root_path=PREFIX) as client:
        assert (await client.get(passed_on + path)).status_code == 200


@pytest.mark.anyio
async def test_a_path_under_the_prefix_needs_its_key_too() -> None:
    async with proxied(root_path=PREFIX, api_keys="secret") as client:
        statuses = [(await client.get(path)).status_code for path in (f"{PREFIX}/metrics", "/metrics")]
        assert (await client.get(f"{PREFIX}/healthz")).status_code == 200
    assert statuses == [401, 401]


@pytest.mark.anyio
async def test_an_operation_under_the_prefix_is_counted_as_that_operation() -> None:
    async with proxied(root_path=PREFIX) as client:
        await client.post(f"{PREFIX}/compress", json={"text": "A short one."})
        exposition = (await client.get("/metrics")).text
    assert 'condenser_operations_total{operation="compress",outcome="ok"} 1.0' in exposition


@pytest.mark.anyio
async def test_the_docs_ask_for_the_document_relative_to_themselves() -> None:
    async with proxied() as client:
        page = (await client.get("/docs")).text
    assert "url: 'openapi.json'" in page
    assert 'src="/' not in page
    assert 'href="/' not in page


@pytest.mark.anyio
async def test_links_to_a_batch_that_is_answered_later_have_the_prefix(tmp_path: Path) -> None:
    body = {"operation": "compress", "items": [{"text": "One."}, {"text": "Two."}]}
    async with proxied(root_path=PREFIX, jobs_database=f"sqlite:///{tmp_path / 'jobs.sqlite'}") as client:
        accepted = await client.post("/batch", json=body, headers={"Prefer": "respond-async"})
        location = accepted.headers["location"]
        page = (await client.get(location, params={"limit": 1})).json()
    assert location.startswith(f"{PREFIX}/batch/")
    assert json.dumps(page["next"]).startswith(f'"{location}?offset=')


@pytest.mark.anyio
async def test_the_document_names_the_prefix_as_its_server() -> None:
    async with proxied(root_path=PREFIX) as client:
        assert await prefix_in_document(client) == PREFIX
    async with proxied() as client:
        assert await prefix_in_document(client) is None
        assert await prefix_in_document(client, "/from/header/") == "/from/header"


@pytest.mark.anyio
async def test_the_setting_wins_over_the_header() -> None:
    async with proxied(root_path=PREFIX) as client:
        assert await prefix_in_document(client, "/other") == PREFIX


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("peer", "trusted", "is_taken"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("10.1.2.3", "127.0.0.1", False),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "*", True),
    ],
)
async def test_the_header_counts_from_trusted_proxies_only(peer: str, trusted: str, is_taken: bool) -> None:
    async with proxied(peer, trusted_proxies=trusted) as client:
        assert await prefix_in_document(client, PREFIX) == (PREFIX if is_taken else None)


@pytest.mark.anyio
async def test_a_header_that_is_no_path_is_ignored() -> None:
    headers = ("//evil.example", "https://evil.example", "/a/../b", "/%2e%2e", "a", "", "/" + 999 * "a")
    async with proxied() as client:
        prefixes = {header: await prefix_in_document(client, header) for header in headers}
    assert prefixes == dict.fromkeys(headers)
