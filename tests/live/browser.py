"""A page in a real Chromium, and what it did."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import APIResponse, Browser, ConsoleMessage, Page, Route, expect, sync_playwright

LIMIT_MS = 300_000  # for a compression on two cores that others use as well

# Runs in the page before its scripts: POST /compress is answered with a stream that the test feeds by `feed`.
_FED_STREAM = """
const fetched = window.fetch;
window.fetch = async (path, options) => {
  if (path !== "compress") return fetched(path, options);
  const body = new ReadableStream({ start(controller) {
    const encoder = new TextEncoder();
    window.feed = (text) => controller.enqueue(encoder.encode(text));
    window.end = () => controller.close();
    options.signal.addEventListener("abort", () => controller.error(options.signal.reason));
  }});
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
};
"""

Alter = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass
class Visit:
    """A page that is open, the console's errors, and the hosts that it asked for anything."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def compress(
        self, text: str, size: int | None = None, method: str = "extractive", alter: Alter = lambda answer: answer
    ) -> dict[str, Any]:
        """Compress `text`, to `size` per cent of its tokens where that is given; see `answer`."""
        self.write(text)
        self.choose(method)
        if size is not None:
            self.page.get_by_label("Length").fill(str(size))
        with self.answer(alter) as answers:
            self.page.get_by_role("button", name="Compress").click()
        return answers[0]

    @contextmanager
    def answer(self, alter: Alter = lambda answer: answer) -> Iterator[list[dict[str, Any]]]:
        """The service's answer to the compression that the block starts, once the page shows it as `alter` has it.

        Passed on by this process: Chromium does not keep the body of a stream.
        """
        answers: list[dict[str, Any]] = []

        def pass_on(route: Route) -> None:
            response = route.fetch(timeout=LIMIT_MS)
            assert response.ok, response.text()
            result = result_in(response)
            answers.append(alter(result))
            if answers[0] is result:
                route.fulfill(response=response)
            else:
                route.fulfill(json=answers[0])

        self.page.route("**/compress", pass_on, times=1)
        yield answers
        expect(self.page.locator("#about")).to_be_visible(timeout=LIMIT_MS)

    def write(self, text: str) -> None:
        """Have `text`, and nothing else, in the text field."""
        if self.page.locator("#edit").is_visible():
            self.page.locator("#edit").click()
        self.page.get_by_label("Text", exact=True).fill(text)

    def choose(self, method: str) -> None:
        """Choose whose sentences the result is made of."""
        self.page.wait_for_load_state("load")
        self.page.locator("#options").evaluate("options => (options.open = true)")
        self.page.get_by_label("Sentences").select_option(method)

    def drop(self, name: str, content: bytes) -> None:
        """Drop a file on the page."""
        transfer = self.page.evaluate_handle(
            """([name, bytes]) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(bytes)], name));
                return transfer;
            }""",
            [name, list(content)],
        )
        for event in ("dragover", "drop"):
            self.page.dispatch_event("#source-heading", event, {"dataTransfer": transfer})

    def stream_by_hand(self) -> None:
        """From now on a compression's answer is a stream, whose events come by `feed`."""
        self.page.add_init_script(_FED_STREAM)
        self.page.goto(f"{self.url}/")

    def feed(self, event: str, data: object) -> None:
        """Send an event of the stream, a comment before it."""
        text = f": ping\r\n\r\nevent: {event}\r\ndata: {json.dumps(data, ensure_ascii=False)}\r\n\r\n"
        self.page.evaluate("window.feed", text)


def result_in(response: APIResponse) -> dict[str, Any]:
    """The whole answer in a response, which may be a stream of events."""
    if not response.headers["content-type"].startswith("text/event-stream"):
        return dict(response.json())
    events = re.findall(r"^event: result\r?\ndata: (.*?)\r?$", response.text(), re.MULTILINE)
    return dict(json.loads(events[-1]))


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
    """The page of the service at `url`, opened in a context of its own with these options of Playwright's."""
    with browser.new_context(**context) as opened:
        page = opened.new_page()
        opened_page = Visit(page, url)

        def note(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                opened_page.errors.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: opened_page.errors.append(str(error)))
        page.on("request", lambda request: opened_page.hosts.add(urlsplit(request.url).netloc))
        page.goto(f"{url}/")
        yield opened_page


Run = tuple[int, int, str, dict[str, str]]


def seen_runs(page: Page) -> list[Run]:
    """The runs of the source as they stand in the page: start and end in code points, tag, and data attributes."""
    runs = page.locator("#source").evaluate(
        "source => [...source.children].map(one => [one.textContent, one.localName, {...one.dataset}])"
    )
    runs_in_page, reached = [], 0
    for text, tag, data in runs:
        runs_in_page.append((reached, reached + len(text), tag, data))
        reached += len(text)
    return runs_in_page


def marked(page: Page) -> set[int]:
    """The code points of the source that are marked as what belongs to a passage."""
    return {at for start, end, _, data in seen_runs(page) if "shown" in data for at in range(start, end)}


def marked_passages(page: Page) -> list[int]:
    """The passages of the result that are marked."""
    indexes: list[int] = page.locator("#compressed [data-shown]").evaluate_all(
        "passages => passages.map(one => Number(one.dataset.index))"
    )
    return indexes


def code_points(ranges: Iterable[Iterable[int]]) -> set[int]:
    """All code points of ranges [start, end)."""
    return {at for start, end in ranges for at in range(start, end)}


def colours(page: Page, selector: str) -> tuple[str, str]:
    """Text colour and background of an element."""
    text, ground = page.locator(selector).first.evaluate(
        "element => [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]"
    )
    assert re.match("rgb", text), text
    return text, ground
