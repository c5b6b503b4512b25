"""The page in a real headless Chromium, in front of the real service."""

import json
import math
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.live.browser import (
    Visit,
    chromium,
    code_points,
    colours,
    marked,
    marked_passages,
    seen_runs,
    visit,
)
from tests.live.conftest import Service, start_service, wait_until_ready
from tests.live.texts import long_text

# The ship is one code point and two units of UTF-16: marks behind it are in the wrong place where these are mixed up.
FERRY = (
    "The ferry 🚢 Aurora sails from Turku to Stockholm every morning at 07:45. The crossing takes eleven hours. "
    "Tickets cost 24 euros for adults and 12 euros for children. The company says that the new engine, which was "
    "built in Rostock, saves 18 % of the fuel. Nobody was hurt when the ferry touched the pier on 3 May. The next "
    "inspection is planned for September 2026."
)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
HOSTILE = (
    "<script>document.title = 'owned'</script> <img src=x onerror=\"document.title = 'owned'\"> costs 24 euros. "
    '</div><b id="planted">The invoice 4711</b> was paid on 3 May 2024 & nobody complained about the <i>amount</i>.'
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def visited(browser: Browser, service: Service) -> Iterator[Visit]:
    """The page of the running service. At the end nothing has gone wrong in it, and nothing has left the origin."""
    with visit(browser, service.url) as opened:
        yield opened
        assert opened.errors == []
        assert opened.hosts == {service.url.removeprefix("http://")}


@pytest.fixture
def refused(browser: Browser, service: Service) -> Iterator[Visit]:
    """The same for answers that are problems, which Chromium writes to its console."""
    with visit(browser, service.url) as opened:
        yield opened
        assert all(error.startswith("Failed to load resource") for error in opened.errors)


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this id has the focus, which must be seen on the way."""
    for _ in range(25):
        page.keyboard.press("Tab")
        focused, outline = page.evaluate(
            "() => [document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", f"no focus to be seen on {focused or 'an element without id'}"
        if focused == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


def focused_text(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def test_by_keyboard_alone_a_text_is_compressed_its_passages_are_traced_and_it_comes_back(visited: Visit) -> None:
    page = visited.page
    visited.choose("extractive")
    tab_to(page, "text")
    page.keyboard.type(FERRY)
    tab_to(page, "size")
    page.keyboard.press("Home")
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    with page.expect_request("**/compress") as request, visited.answer() as answers:
        page.keyboard.press("Control+Enter")
    asked = request.value.post_data_json or {}
    assert (asked["target_ratio"], asked["method"], "coverage" in asked) == (0.5, "extractive", False)
    answer = answers[0]

    fidelity, sizes = answer["fidelity"], answer["sizes"]
    expect(page.locator("#outcome")).to_contain_text(
        f"{sizes['source_tokens']} tokens became {sizes['compressed_tokens']}"
    )
    expect(page.locator("#outcome")).to_contain_text(
        f"{fidelity['facts']} facts: {fidelity['kept']} kept, {fidelity['missing_count']} missing."
    )
    tab_to(page, "compressed")
    page.keyboard.press("Tab")
    assert fidelity["passages"]
    for passage in fidelity["passages"]:
        assert focused_text(page) == answer["compressed"][passage["start"] : passage["end"]]
        assert marked(page) == code_points(passage["source"])
        page.keyboard.press("ArrowRight")
    tab_to(page, "about-heading")
    assert marked(page) == set()

    page.keyboard.press("Enter")
    tab_to(page, "facts-heading")
    page.keyboard.press("Enter")
    facts = fidelity["explain"]["facts"]
    expect(page.locator("#facts-rows td:first-child")).to_have_text([fact["text"] for fact in facts])
    results = ["kept" if fact["kept"] else "missing" for fact in facts]
    expect(page.locator("#facts-rows td:last-child")).to_have_text(results)
    tab_to(page, "reconstruct")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text(f"Identical to the source, byte for byte: {len(FERRY.encode())}")


def test_the_source_is_joined_to_the_result_by_pointer_and_by_keyboard(visited: Visit) -> None:
    page = visited.page
    answer = visited.compress(FERRY, 50)
    passages = answer["fidelity"]["passages"]
    source = page.locator("#source [data-passages]")
    last = source.last
    last.hover()
    assert marked_passages(page) == [len(passages) - 1]
    assert marked(page) == code_points(passages[-1]["source"])
    page.mouse.move(0, 0)
    assert marked_passages(page) == []

    source.first.focus()
    assert marked_passages(page) == [0]
    page.keyboard.press("Enter")
    first = passages[0]
    assert focused_text(page) == answer["compressed"][first["start"] : first["end"]]
    page.keyboard.press("Enter")
    assert focused_text(page) == "".join(FERRY[start:end] for start, end in first["source"])


def test_what_belongs_to_a_passage_is_scrolled_into_view(visited: Visit) -> None:
    page = visited.page
    page.emulate_media(reduced_motion="reduce")
    text = " ".join(f"On day {day} the ferry carried {1000 + 7 * day} passengers to Turku." for day in range(1, 90))
    visited.compress(text, 90)
    expect(page.locator("#compressed [data-index]").last).not_to_be_in_viewport()
    page.locator("#compressed [data-index]").last.evaluate("passage => passage.focus({ preventScroll: true })")
    expect(page.locator("#source [data-shown]").first).to_be_in_viewport()
    assert page.evaluate("window.scrollY") == 0


def test_the_source_shows_what_is_left_out_and_which_facts_are_missing(visited: Visit) -> None:
    answer = visited.compress(FERRY, 30)
    page = visited.page
    assert page.locator("#source").evaluate("source => source.textContent") == FERRY
    deleted = code_points((start, end) for start, end, tag, _ in seen_runs(page) if tag == "del")
    assert deleted == code_points(answer["fidelity"]["omitted"])
    missing = [fact for fact in answer["fidelity"]["explain"]["facts"] if not fact["kept"]]
    places = sorted(tuple(place) for fact in missing for place in fact["places"])
    expect(page.locator("#source mark")).to_have_text([FERRY[start:end] for start, end in places])
    assert places

    line = "element => getComputedStyle(element).textDecorationLine"
    assert page.locator("#source del").first.evaluate(line) == "line-through"
    page.get_by_label("Strike out what is left out").uncheck()
    assert page.locator("#source del").first.evaluate(line) == "none"


MODELS = "The ferry Aurora needs eleven hours."
RESTS_ON = [FERRY.index("The ferry"), FERRY.index(" Tickets")]
KEPT = [FERRY.index("Nobody"), FERRY.index(" The next")]


def with_a_sentence_by_the_model(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer for FERRY in which the model's sentence MODELS stands, and one of its sentences was dropped."""
    first = {"start": 0, "end": len(MODELS), "by": "model", "source": [RESTS_ON], "support": 0.97}
    start = len(MODELS) + 2
    second = {"start": start, "end": start + KEPT[1] - KEPT[0], "by": "source", "source": [KEPT], "support": 1.0}
    fidelity = answer["fidelity"] | {
        "passages": [first, second],
        "omitted": [[0, KEPT[0] - 1], [KEPT[1] + 1, len(FERRY)]],
        "summary": {"written": 2, "stood": 1, "taken": 1},
        "explain": {"facts": [], "dropped": [{"text": "The ferry Aurora sank.", "reason": "support"}]},
    }
    compressed = f"{MODELS}\n\n{FERRY[slice(*KEPT)]}"
    return answer | {"fidelity": fidelity, "method": "abstractive", "compressed": compressed}


def test_a_sentence_by_the_model_is_marked_as_such_and_traced_to_what_it_rests_on(visited: Visit) -> None:
    page = visited.page
    visited.compress(FERRY, alter=with_a_sentence_by_the_model)
    by_model = page.locator("#compressed .passage[data-by=model]")
    expect(by_model).to_have_text(MODELS)
    badge = by_model.evaluate("passage => getComputedStyle(passage, '::after').content")
    assert "97 %" in badge
    by_model.hover(position={"x": 20, "y": 10})  # its first box is that of what is only heard
    assert marked(page) == set(range(*RESTS_ON))
    expect(page.locator("#behind")).to_have_text("By the model; rests on one part of the source, support 97 %.")
    page.locator("#compressed .passage[data-by=source]").hover()
    assert marked(page) == set(range(*KEPT))
    by_model.focus()
    page.keyboard.press("ArrowRight")
    page.mouse.move(0, 0)
    assert marked(page) == set(range(*KEPT))
    # What a sentence of the model's rests on is not struck through like what is in no sentence of the result.
    struck = code_points((start, end) for start, end, tag, _ in seen_runs(page) if tag == "del")
    assert struck == set(range(len(FERRY))) - set(range(*RESTS_ON)) - set(range(KEPT[0] - 1, KEPT[1] + 1))
    page.locator("#about-heading").click()
    page.locator("#dropped-heading").click()
    expect(page.locator("#dropped-rows td")).to_have_text(
        ["The ferry Aurora sank.", "Too little of it is in the source."]
    )


def test_a_stream_is_shown_as_it_comes_and_gives_way_to_the_whole_answer(visited: Visit, service: Service) -> None:
    page = visited.page
    with service.client() as client:
        asked = {"text": FERRY, "method": "extractive", "target_ratio": 0.5, "explain": True}
        answer = client.post("/compress", json=asked).json()
    visited.stream_by_hand()
    visited.write(FERRY)
    page.get_by_role("button", name="Compress").click()
    expect(page.locator("#elapsed")).to_have_text(re.compile(r"\d+\.\d s"))
    expect(page.locator("#outcome")).to_have_text("Compressing …")
    visited.feed("passage", {"text": FERRY[slice(*KEPT)], "by": "source", "source": [KEPT], "support": 1.0})
    expect(page.locator("#compressed .passage")).to_have_text([FERRY[slice(*KEPT)]])
    expect(page.locator("#outcome")).to_have_text("A preview from the text alone; the model is at work …")
    visited.feed("sentence", {"text": MODELS, "by": "model", "source": [RESTS_ON], "support": 0.97})
    expect(page.locator("#compressed .passage")).to_have_text([MODELS, FERRY[slice(*KEPT)]])
    page.locator("#compressed .passage").first.hover(position={"x": 20, "y": 10})
    assert marked(page) == set(range(*RESTS_ON))
    expect(page.locator("#about")).to_be_hidden()
    visited.feed("result", answer)
    page.evaluate("window.end()")
    expect(page.locator("#about")).to_be_visible()
    expect(page.locator("#elapsed")).to_be_hidden()
    assert page.locator("#compressed").evaluate("result => result.textContent") == answer["compressed"]


PROBLEM = {
    "type": "urn:condenser:problem:failed",
    "title": "The engine failed",
    "status": 502,
    "detail": "out of memory",
    "request_id": "4711",
}


def test_a_problem_in_the_middle_of_a_stream_and_its_early_end_are_shown_and_the_text_is_still_there(
    visited: Visit,
) -> None:
    page = visited.page
    visited.stream_by_hand()
    visited.write(FERRY)
    for is_problem, message in (
        (True, "The engine failed: out of memory (request 4711)"),
        (False, "The answer broke off before it was complete."),
    ):
        page.get_by_role("button", name="Compress").click()
        visited.feed("passage", {"text": FERRY[slice(*KEPT)], "by": "source", "source": [KEPT], "support": 1.0})
        expect(page.locator("#compressed .passage")).to_have_count(1)
        if is_problem:
            visited.feed("problem", PROBLEM)
        else:
            page.evaluate("window.end()")
        expect(page.locator("#error")).to_have_text(message)
        expect(page.locator("#compressed .passage")).to_have_count(0)
        expect(page.get_by_label("Text", exact=True)).to_have_value(FERRY)


def test_all_options_are_sent_as_they_are_chosen(visited: Visit) -> None:
    page = visited.page
    page.locator("#options > summary").click()
    page.get_by_label("Question").fill(" When does it sail? ")
    page.get_by_label("Must keep").fill("Rostock\n\n 24 euros \n")
    page.get_by_label("Auto keeps").select_option("0.6")
    with page.expect_request("**/compress") as asked:
        visited.compress(FERRY)
    chosen = {
        "question": "When does it sail?",
        "must_keep": ["Rostock", "24 euros"],
        "coverage": 0.6,
        "method": "extractive",
        "explain": True,
    }
    assert asked.value.post_data_json == {"text": FERRY, **chosen}


def test_the_models_of_the_engine_can_be_chosen_from(visited: Visit) -> None:
    def answer(route: Route) -> None:
        entries = [("own:1b", True, True), ("other:7b", False, False)]
        route.fulfill(json={"models": [{"name": n, "default": d, "loaded": m} for n, d, m in entries]})

    page = visited.page
    page.route("**/models", answer)
    page.locator("#options > summary").click()
    expect(page.get_by_label("Model").locator("option")).to_have_text(["own:1b (default)", "other:7b (not loaded)"])
    page.get_by_label("Model").select_option("other:7b")
    page.route("**/compress", lambda route: route.abort())
    visited.write(FERRY)
    with page.expect_request("**/compress") as asked:
        page.get_by_role("button", name="Compress").click()
    assert (asked.value.post_data_json or {})["model"] == "other:7b"
    expect(page.locator("#error")).to_have_text("The service does not answer.")
    visited.errors.clear()


def test_an_example_is_taken_with_its_question(visited: Visit) -> None:
    page = visited.page
    page.get_by_label("Example").select_option("1")
    expect(page.get_by_label("Question")).to_have_value(re.compile("jackets"))
    expect(page.get_by_label("Text", exact=True)).to_have_value(re.compile("Marchetti"))


@pytest.mark.parametrize(
    ("content", "text"),
    [
        pytest.param("Line one 🚢.\r\nLine two costs 24 euros.\r\n".encode(), None, id="utf-8, line ends kept"),
        pytest.param(b"\xff\xfe" + "Zwölf Boxkämpfer".encode("utf-16-le"), "Zwölf Boxkämpfer", id="utf-16"),
    ],
)
def test_a_file_that_is_dropped_is_sent_as_it_is(visited: Visit, content: bytes, text: str | None) -> None:
    visited.drop("notes.md", content)
    expect(visited.page.locator("#source-name")).to_have_text("notes.md")
    with visited.page.expect_request("**/compress") as asked:
        visited.page.get_by_role("button", name="Compress").click()
    assert (asked.value.post_data_json or {})["text"] == (text or content.decode())


def test_a_file_that_is_no_text_is_refused_in_words(visited: Visit) -> None:
    visited.drop("scan.pdf", b"%PDF-1.7\n\xe2\xe3\xcf\xd3")
    expect(visited.page.locator("#error")).to_contain_text("scan.pdf is not a text file")


def test_result_and_capsule_are_downloaded_and_the_capsule_gives_the_source_back_when_it_is_dropped(
    visited: Visit,
) -> None:
    page = visited.page
    visited.drop("ferry.txt", FERRY.encode())
    visited.choose("extractive")
    with visited.answer() as answers:
        page.get_by_role("button", name="Compress").click()
    (answer,) = answers
    saved = {}
    for button in ("Download", "Capsule"):
        with page.expect_download() as download:
            page.get_by_role("button", name=button, exact=True).click()
        saved[download.value.suggested_filename] = Path(download.value.path()).read_text(encoding="utf-8")
    assert saved["ferry.short.txt"] == answer["compressed"]
    assert json.loads(saved["ferry.capsule.json"]) == answer["capsule"]

    page.reload()
    visited.drop("ferry.capsule.json", saved["ferry.capsule.json"].encode())
    expect(page.locator("#outcome")).to_contain_text("The source is back, byte for byte")
    expect(page.get_by_label("Text", exact=True)).to_have_value(FERRY)
    expect(page.locator("#source-name")).to_have_text("ferry, from its capsule")


def test_a_capsule_that_is_damaged_is_refused_in_the_words_of_the_service(refused: Visit) -> None:
    refused.drop("ferry.capsule.json", b'{"version": 1, "payload": "bm9uZQ=="}')
    expect(refused.page.locator("#error")).to_contain_text("The capsule can't be opened")


def test_the_result_and_the_request_as_a_command_are_copied(browser: Browser, service: Service) -> None:
    with visit(browser, service.url, permissions=["clipboard-read", "clipboard-write"]) as visited:
        page = visited.page
        text = f"{FERRY} It's a fine ship."
        answer = visited.compress(text)
        page.get_by_role("button", name="Copy", exact=True).click()
        expect(page.locator("#copied")).to_have_text("Copied.")
        assert page.evaluate("navigator.clipboard.readText()") == answer["compressed"]
        page.get_by_role("button", name="Copy it as a command").click()
        page.wait_for_function("navigator.clipboard.readText().then(text => text.startsWith('curl'))")
        command = page.evaluate("navigator.clipboard.readText()")
    command_line = run_by_shell(command.replace("curl ", "printf '%s\\n' ", 1))
    assert command_line[0] == f"{service.url}/compress"
    assert json.loads(command_line[-1]) == {"text": text, "method": "extractive"}


def run_by_shell(command: str) -> list[str]:
    """The lines that a command prints."""
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_text_that_is_markup_stays_text(visited: Visit) -> None:
    visited.compress(HOSTILE)
    page = visited.page
    assert page.locator("#source").evaluate("source => source.textContent") == HOSTILE
    assert page.title() == "Condenser"
    assert page.locator("#planted, #source img, #source script").count() == 0


def test_a_reconstruction_that_differs_in_one_character_is_not_called_identical(visited: Visit) -> None:
    def damage(route: Route) -> None:
        response = route.fetch()
        answer = response.json()
        route.fulfill(response=response, json={**answer, "text": answer["text"].replace("24", "25")})

    visited.compress(FERRY)
    visited.page.route("**/reconstruct", damage)
    visited.page.locator("#about-heading").click()
    visited.page.get_by_role("button", name="Check the way back").click()
    expect(visited.page.locator("#verdict")).to_have_text("Not identical to the source.")


def test_a_compression_can_be_cancelled_and_another_one_made(visited: Visit) -> None:
    page = visited.page
    visited.write(long_text(60_000))
    visited.choose("abstractive")
    page.get_by_role("button", name="Compress").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#outcome")).to_have_text("Cancelled.")
    visited.compress(FERRY)


def test_a_text_that_is_edited_has_no_result_any_more(visited: Visit) -> None:
    visited.compress(FERRY)
    visited.page.get_by_role("button", name="Edit").click()
    expect(visited.page.locator("#compressed .passage").first).to_be_visible()
    visited.page.get_by_label("Text", exact=True).press("x")
    expect(visited.page.locator("#compressed .passage")).to_have_count(0)
    expect(visited.page.locator("#about")).to_be_hidden()


def test_no_text_is_no_error_of_the_service(visited: Visit) -> None:
    visited.page.get_by_role("button", name="Compress").click()
    expect(visited.page.locator("#error")).to_contain_text("There is no text yet")
    expect(visited.page.get_by_label("Text", exact=True)).to_be_focused()


def test_for_a_key_over_its_limit_the_page_says_when_to_try_again(refused: Visit) -> None:
    problem = {"title": "Too many requests", "status": 429, "detail": "the key is over its limit", "request_id": "1"}

    def limit(route: Route) -> None:
        headers = {"Retry-After": "7", "Content-Type": "application/problem+json"}
        route.fulfill(status=429, headers=headers, body=json.dumps(problem))

    page = refused.page
    page.clock.install()
    page.reload()
    page.route("**/compress", limit)
    refused.write(FERRY)
    page.get_by_role("button", name="Compress").click()
    expect(page.locator("#error")).to_have_text("Too many requests: the key is over its limit Try again in 7 seconds.")
    page.clock.run_for(8000)
    expect(page.locator("#wait")).to_have_text("You can try again now.")


def test_on_a_device_that_is_offline_the_page_says_so(refused: Visit) -> None:
    page = refused.page
    expect(page.locator("#state")).to_contain_text("Ready")
    page.context.set_offline(True)
    expect(page.locator("#trouble")).to_have_text("This device is offline.")
    refused.write(FERRY)
    page.get_by_role("button", name="Compress").click()
    expect(page.locator("#error")).to_have_text("This device is offline.")
    page.context.set_offline(False)
    expect(page.locator("#state")).to_contain_text("Ready")
    expect(page.locator("#trouble")).to_be_empty()


def test_the_status_is_shown_and_asked_for_again_only_while_the_page_is_seen(visited: Visit) -> None:
    page = visited.page
    page.goto("about:blank")
    page.clock.install()
    with page.expect_response("**/status") as answered:
        page.goto(visited.url)
    status = answered.value.json()
    expect(page.locator("#state")).to_contain_text(f"Ready: {status['model']['name']}")
    expect(page.locator("#queue")).to_contain_text(f"of {status['queue']['concurrency_limit']} calls in the engine")
    with page.expect_response("**/status"):
        page.clock.run_for(6000)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.clock.run_for(60_000)
    assert len(asked) <= 2  # those that were due when the page went out of sight
    page.evaluate("delete document.hidden")
    with page.expect_response("**/status"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def minute(ago: int, compressions: int, failed: int = 0, p50: float = 0.5) -> dict[str, Any]:
    succeeded = {"compress": compressions, "reconstruct": 1, "batch": 0}
    latency = {"p50": p50, "p95": 4 * p50} if compressions else None
    saved = 100 * compressions
    figures = {"succeeded": succeeded, "failed": failed, "latency_s": latency, "tokens_saved": saved, "engine_s": 2.5}
    return {"minutes_ago": ago, **figures}


def test_the_last_hour_is_drawn_and_described_in_words_and_in_a_table(visited: Visit) -> None:
    page = visited.page
    minutes = [minute(59, 3), minute(2, 7, failed=2, p50=0.25), minute(0, 0)]
    history = {"uptime_s": 7260.0, "succeeded": 13, "tokens_saved": 123456, "minutes": minutes}
    page.route("**/status/history", lambda route: route.fulfill(json=history))
    page.reload()
    charts = page.get_by_role("img")
    expect(charts.nth(0)).to_have_accessible_name("Operations in each minute of the last hour: 13 in all, 2 failed.")
    expect(charts.nth(1)).to_have_accessible_name(
        "Latency of compressions in each minute of the last hour: medians from 250 ms to 500 ms."
    )
    expect(charts.nth(2)).to_have_accessible_name("Tokens saved in each minute of the last hour: 1,000 in all.")
    expect(page.locator("#saved")).to_have_text("123,456")
    expect(page.locator("#saved-note")).to_contain_text("tokens in 2 hours")
    heights = page.locator("#latency-chart .layer-0").evaluate_all(
        "columns => columns.map(one => [Number(one.getAttribute('x')), Number(one.getAttribute('height'))])"
    )
    (oldest_x, oldest), (newest_x, newest) = heights
    assert oldest == pytest.approx(60)
    assert newest == pytest.approx(60 * math.log(1000) / math.log(2000))  # from 1 ms on, logarithmic
    assert newest_x - oldest_x == pytest.approx(57 * 6)
    page.locator("#minutes > summary").click()
    expect(page.locator("#minutes-rows tr").nth(1).locator("td")).to_have_text(
        ["2 minutes ago", "7", "1", "2", "250 ms", "1 s", "700", "2.5 s"]
    )


def test_the_result_that_is_shown_is_the_services_and_it_is_in_the_chart_of_the_last_hour(
    visited: Visit, service: Service
) -> None:
    page = visited.page
    with service.client() as client:
        asked = {"text": FERRY, "method": "extractive"}
        compressed = client.post("/compress", json=asked).json()["compressed"]
    visited.write(FERRY)
    visited.choose("extractive")
    page.get_by_role("button", name="Compress").click()
    expect(page.locator("#about")).to_be_visible()
    assert page.locator("#compressed").evaluate("result => result.textContent") == compressed
    expect(page.locator("#saved-chart .column").first).to_be_attached()


def test_the_dark_scheme_has_colours_of_its_own(visited: Visit) -> None:
    visited.compress(FERRY)
    seen = {}
    for scheme in SCHEMES:
        visited.page.emulate_media(color_scheme=scheme)
        seen[scheme] = [colours(visited.page, selector) for selector in ("html", "#question", ".legend mark")]
    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))


def test_result_and_source_stand_side_by_side_above_the_fold_of_a_laptop(visited: Visit) -> None:
    page = visited.page
    page.set_viewport_size({"width": 1280, "height": 900})
    visited.compress(FERRY, 50)
    page.locator("#options").evaluate("options => (options.open = false)")
    source, result, outcome = (page.locator(name).bounding_box() for name in ("#source", "#compressed", "#outcome"))
    assert source is not None
    assert result is not None
    assert outcome is not None
    assert source["y"] == result["y"]
    assert source["x"] + source["width"] <= result["x"]
    assert outcome["y"] + outcome["height"] < 900


def test_axe_finds_no_barrier_in_either_scheme_on_screen_or_phone_and_nothing_is_too_wide(visited: Visit) -> None:
    page = visited.page
    visited.compress(FERRY, 30)
    page.locator("#compressed .passage").first.focus()
    for name in ("about", "facts", "minutes"):
        page.locator(f"#{name} > summary").click()
    for scheme, width in product(SCHEMES, (1280, 375)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 812})
        violations = Axe().run(page)
        assert violations.violations_count == 0, violations.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == width


@contextmanager
def service_of_its_own(folder: Path, **settings: str) -> Iterator[Service]:
    running = start_service(folder, **settings)
    try:
        wait_until_ready(running)
        yield running
    finally:
        running.process.terminate()
        running.process.wait(timeout=30)


@pytest.mark.usefixtures("model")
def test_where_keys_are_set_the_page_asks_for_one_and_keeps_it_in_this_tab_only(
    browser: Browser, tmp_path: Path
) -> None:
    with (
        service_of_its_own(tmp_path, CONDENSER_API_KEYS="letmein") as guarded,
        visit(browser, guarded.url) as visited,
    ):
        page = visited.page
        expect(page.locator("#trouble")).to_have_text("This service needs an API key.")
        page.get_by_label("API key").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#trouble")).to_have_text("The service does not accept this API key.")
        page.get_by_label("API key").fill("letmein")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#state")).to_contain_text("Ready")
        expect(page.locator("#trouble")).to_be_empty()
        visited.compress(FERRY)
        assert "letmein" in page.evaluate("JSON.stringify(sessionStorage)")
        assert page.evaluate("JSON.stringify(localStorage) + document.cookie") == "{}"


@pytest.mark.usefixtures("model")
def test_when_the_service_is_gone_the_page_says_so_since_when_and_shows_no_old_figure(
    browser: Browser, tmp_path: Path
) -> None:
    with service_of_its_own(tmp_path) as leaving, visit(browser, leaving.url) as visited:
        page = visited.page
        expect(page.locator("#queue")).to_contain_text("of")
        leaving.process.terminate()
        leaving.process.wait(timeout=30)
        expect(page.locator("#trouble")).to_have_text(
            re.compile(r"The service has not answered since \d\d:\d\d:\d\d\."), timeout=60_000
        )
        expect(page.locator("#state")).to_have_text("Status unknown")
        for name in ("throughput", "latency", "saved"):
            expect(page.locator(f"#{name}")).to_have_text("–")
        visited.write(FERRY)
        page.get_by_role("button", name="Compress").click()
        expect(page.locator("#error")).to_have_text("The service does not answer.")
