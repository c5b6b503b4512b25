"""The pages say what is there: their links lead somewhere, and settings, metrics and endpoints exist under these names."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api.schemas import CompressRequest
from app.main import create_app
from app.settings import Settings, describe
from tests.unit.service import SUMMARY, TEXT, answer, ollama, running
from tools.configuration_page import PAGE, page
from tools.licences_page import PAGE as LICENCES_PAGE
from tools.licences_page import locked

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.glob("*.md"))]
NOT_SETTINGS = {"CONDENSER_API_KEY", "CONDENSER_URL", "CONDENSER_TARGET", "CONDENSER_TEST_ENGINE"}
"""Variables of clients, of deploy/compose.yaml and of `make test-live`."""
NOT_IN_OPENAPI = {"GET /", "POST /mcp"}

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(path: Path) -> str:
    """A page without its code blocks."""
    return _FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def broken_links(path: Path) -> Iterator[str]:
    for link in _LINK.findall(prose(path)):
        if ":" in link:
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        leaves_the_docs = path.parent == DOCS and not target.resolve().is_relative_to(DOCS)
        if not target.exists() or leaves_the_docs or (anchor and anchor not in anchors(target)):
            yield link


@cache
def api_paths() -> dict[str, Any]:
    paths: dict[str, Any] = create_app(Settings(_env_file=None)).openapi()["paths"]  # type: ignore[call-arg]
    return paths


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_relative_link_leads_to_a_file_and_a_heading_that_exist(path: Path) -> None:
    assert list(broken_links(path)) == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert [path.name for path in DOCS.glob("*.md") if f" {path.name}\n" not in navigation] == []


def test_the_configuration_page_is_current() -> None:
    assert PAGE.read_text() == page(), "write it anew: .venv/bin/python -m tools.configuration_page"


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_settings_on_the_pages_exist(path: Path) -> None:
    known = {name for name, _, _ in describe()} | NOT_SETTINGS
    assert set(re.findall(r"CONDENSER_[A-Z0-9_]*[A-Z0-9]", path.read_text())) <= known


@pytest.mark.anyio
async def test_the_operations_page_lists_each_metric_and_no_other() -> None:
    async def chat(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answer(SUMMARY))

    with ollama(chat):
        async with running(api_keys="alice=key") as client:
            headers = {"X-API-Key": "key"}
            await client.post("/compress", json={"text": TEXT}, headers=headers)
            exposition = (await client.get("/metrics", headers=headers)).text
    exposed = set(re.findall(r"^# TYPE (condenser_\w+)", exposition, re.MULTILINE))
    section = (DOCS / "operations.md").read_text().partition("## Metrics\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(condenser_\w+)`", section, re.MULTILINE)) == exposed


@pytest.mark.parametrize("file", ["README.md", "docs/api.md"])
def test_the_tables_of_calls_have_each_endpoint_and_no_other(file: str) -> None:
    listed = set(re.findall(r"^\| `((?:GET|POST|DELETE) /[^` ]*)`", (ROOT / file).read_text(), re.MULTILINE))
    served = {
        f"{method.upper()} {re.sub('{.*}', '{id}', path)}"
        for path, methods in api_paths().items()
        for method in methods
    }
    assert listed == served | NOT_IN_OPENAPI


def test_the_api_page_lists_each_option_of_compress() -> None:
    section = (DOCS / "api.md").read_text().partition("## Options of /compress\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == set(CompressRequest.model_fields)


def test_the_licences_page_has_each_package_of_the_lock_file_in_its_version() -> None:
    rows = re.findall(r"^\| (\S+) \| (\d\S*) \| \S", LICENCES_PAGE.read_text(), re.MULTILINE)
    assert dict(rows) == locked(), "write it anew: .venv/bin/python -m tools.licences_page"
