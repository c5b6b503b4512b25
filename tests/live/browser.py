"""A page in a real Chromium, and what it did."""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, expect, sync_playwright

LIMIT_MS = 300_000  # for a compression on two cores that others use as well


@dataclass
class Visit:
    """A page that is open, the console's errors, and the hosts that it asked for anything."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def compress(self, text: str, length: str = "", method: str = "auto") -> dict[str, Any]:
        """Compress `text` with the mouse; what the API answered."""
        self.page.get_by_label("Text", exact=True).fill(text)
        self.page.get_by_label("Length").select_option(length)
        self.page.get_by_label("Sentences").select_option(method)
        with self.page.expect_response("**/compress", timeout=LIMIT_MS) as answered:
            self.page.get_by_role("button", name="Compress").click()
        return shown(self.page, answered.value)

    def reconstruct(self) -> str:
        """Have the source reconstructed; what the page says of it."""
        self.page.get_by_role("button", name="Reconstruct").click()
        expect(self.page.locator("#verdict")).not_to_be_empty()
        return self.page.locator("#verdict").inner_text()


def shown(page: Page, response: Response) -> dict[str, Any]:
    """The answer to a compression, once the page shows it."""
    assert response.ok, response.text()
    expect(page.locator("#result")).to_be_visible()
    answer: dict[str, Any] = response.json()
    return answer


@contextmanager
def chromium() -> Iterator[Browser]:
    """The Chromium on PATH, headless. Skips the test where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not on PATH; get it with: apt-get install chromium")
    # As root, which only containers and test machines are, Chromium does not start with its sandbox.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, url: str, **context: Any) -> Iterator[Visit]:
    """The status page of the service at `url`, opened in a context of its own with these options of Playwright's."""
    with browser.new_context(**context) as opened:
        page = opened.new_page()
        found = Visit(page, url)

        def note(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                found.errors.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        page.on("request", lambda request: found.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{url}/")
        yield found


def seen_runs(page: Page) -> list[tuple[int, int, str, dict[str, str]]]:
    """The runs of the source as they stand in the page: start and end in code points, tag, and data attributes."""
    runs = page.locator("#source").evaluate(
        "source => [...source.children].map(one => [one.textContent, one.localName, {...one.dataset}])"
    )
    found, reached = [], 0
    for text, tag, data in runs:
        found.append((reached, reached + len(text), tag, data))
        reached += len(text)
    return found


def marked(page: Page) -> set[int]:
    """The code points of the source that are marked as what stands behind a passage."""
    return {at for start, end, _, data in seen_runs(page) if "behind" in data for at in range(start, end)}


def colours(page: Page, selector: str) -> tuple[str, str]:
    """Text colour and background of an element."""
    text, ground = page.locator(selector).first.evaluate(
        "element => [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]"
    )
    assert re.match("rgb", text), text
    return text, ground
