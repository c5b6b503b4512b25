"""The status page in a real headless Chromium, in front of the real service."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from tests.live.browser import LIMIT_MS, Visit, chromium, colours, marked, seen_runs, shown, visit
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
    with visit(browser, service.url) as found:
        yield found
        assert found.errors == []
        assert found.hosts == {service.url.removeprefix("http://")}


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this id has the focus, which must be seen on the way."""
    for _ in range(20):
        page.keyboard.press("Tab")
        focused, outline = page.evaluate(
            "() => [document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"
        )
        assert outline == "solid", f"no focus to be seen on {focused or 'an element without id'}"
        if focused == name:
            return
    raise AssertionError(f"Tab does not lead to {name}")


@pytest.mark.embedded_only
def test_by_keyboard_alone_a_text_is_compressed_its_passages_are_traced_and_it_comes_back(visited: Visit) -> None:
    page = visited.page
    tab_to(page, "text")
    page.keyboard.type(FERRY)
    tab_to(page, "length")
    page.keyboard.type("50 %")
    page.keyboard.press("Tab")
    page.keyboard.type("of the text")
    with page.expect_response("**/compress", timeout=LIMIT_MS) as answered:
        page.keyboard.press("Control+Enter")
    asked = answered.value.request.post_data_json or {}
    assert (asked["target_ratio"], asked["method"], "coverage" in asked) == (0.5, "extractive", False)
    answer = shown(page, answered.value)

    fidelity, sizes = answer["fidelity"], answer["sizes"]
    expect(page.get_by_role("status").first).to_contain_text(
        f"{sizes['source_tokens']} tokens became {sizes['compressed_tokens']}"
    )
    expect(page.get_by_role("status").first).to_contain_text(
        f"{fidelity['facts']} facts: {fidelity['kept']} kept, {fidelity['missing_count']} missing."
    )
    assert page.locator("#compressed").evaluate("result => result.textContent") == answer["compressed"]

    tab_to(page, "compressed")
    page.keyboard.press("Tab")
    assert fidelity["passages"]
    for passage in fidelity["passages"]:
        assert (
            page.evaluate("document.activeElement.textContent")
            == answer["compressed"][passage["start"] : passage["end"]]
        )
        assert marked(page) == {at for start, end in passage["source"] for at in range(start, end)}
        page.keyboard.press("ArrowRight")
    tab_to(page, "facts-heading")
    assert marked(page) == set()

    page.keyboard.press("Enter")
    facts = fidelity["explain"]["facts"]
    expect(page.locator("#facts-rows td:first-child")).to_have_text([fact["text"] for fact in facts])
    told = ["kept" if fact["kept"] else "missing" for fact in facts]
    expect(page.locator("#facts-rows td:last-child")).to_have_text(told)
    tab_to(page, "reconstruct")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text(f"Identical to the source, byte for byte: {len(FERRY.encode())}")
    expect(page.locator("#hash")).to_have_text(f"SHA-256 {sha256(FERRY.encode()).hexdigest()}")


def test_the_source_shows_what_is_left_out_and_which_facts_are_missing(visited: Visit) -> None:
    answer = visited.compress(FERRY, "target_ratio=0.3", "extractive")
    assert visited.page.locator("#source").evaluate("source => source.textContent") == FERRY
    runs = seen_runs(visited.page)
    deleted = {at for start, end, tag, _ in runs if tag == "del" for at in range(start, end)}
    assert deleted == {at for start, end in answer["fidelity"]["omitted"] for at in range(start, end)}
    missing = [fact for fact in answer["fidelity"]["explain"]["facts"] if not fact["kept"]]
    places = sorted(tuple(place) for fact in missing for place in fact["places"])
    expect(visited.page.locator("#source mark")).to_have_text([FERRY[start:end] for start, end in places])
    assert places


MODELS = "The ferry Aurora needs eleven hours."


def test_a_sentence_by_the_model_is_marked_as_such_and_traced_to_what_it_rests_on(visited: Visit) -> None:
    rests_on = [FERRY.index("The ferry"), FERRY.index(" Tickets")]
    kept = [FERRY.index("Nobody"), FERRY.index(" The next")]

    def answer(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        passages = [
            {"start": 0, "end": len(MODELS), "by": "model", "source": [rests_on], "support": 0.97},
            {"start": len(MODELS) + 2, "end": len(MODELS) + 2 + kept[1] - kept[0], "by": "source", "source": [kept],
             "support": 1.0},
        ]  # fmt: skip
        dropped = [{"text": "The ferry Aurora sank.", "reason": "support"}]
        body["fidelity"] |= {
            "passages": passages,
            "omitted": [[0, kept[0] - 1], [kept[1] + 1, len(FERRY)]],
            "summary": {"written": 2, "stood": 1, "taken": 1},
            "explain": {"facts": [], "dropped": dropped},
        }
        compressed = f"{MODELS}\n\n{FERRY[slice(*kept)]}"
        route.fulfill(response=response, json=body | {"method": "abstractive", "compressed": compressed})

    page = visited.page
    page.route("**/compress", answer)
    visited.compress(FERRY, method="extractive")
    by_model = page.locator("#compressed .passage[data-by=model]")
    expect(by_model).to_have_text(MODELS)
    by_model.hover(position={"x": 20, "y": 10})  # its first box is that of what is only heard
    assert marked(page) == set(range(*rests_on))
    expect(page.locator("#behind")).to_have_text("By the model; rests on one part of the source, support 97 %.")
    page.locator("#compressed .passage[data-by=source]").hover()
    assert marked(page) == set(range(*kept))
    by_model.focus()
    page.keyboard.press("ArrowRight")
    page.mouse.move(0, 0)
    assert marked(page) == set(range(*kept))
    # What a sentence of the model's rests on is not struck through like what is told by nobody.
    struck = {at for start, end, tag, _ in seen_runs(page) if tag == "del" for at in range(start, end)}
    assert struck == set(range(rests_on[1], kept[0] - 1)) | set(range(rests_on[0])) | set(
        range(kept[1] + 1, len(FERRY))
    )
    page.locator("#dropped > summary").click()
    expect(page.locator("#dropped-rows td")).to_have_text(
        ["The ferry Aurora sank.", "Too little of it is in the source."]
    )


def test_a_question_and_a_coverage_are_sent_as_they_are_chosen(visited: Visit) -> None:
    page = visited.page
    page.get_by_label("Question").fill(" When does it sail? ")
    with page.expect_request("**/compress") as asked:
        visited.compress(FERRY, "coverage=0.6", "extractive")
    wished = {"question": "When does it sail?", "coverage": 0.6, "method": "extractive", "explain": True}
    assert asked.value.post_data_json == {"text": FERRY, **wished}


def test_a_text_that_is_markup_stays_text(visited: Visit) -> None:
    visited.compress(HOSTILE, method="extractive")
    page = visited.page
    assert page.locator("#source").evaluate("source => source.textContent") == HOSTILE
    assert page.title() == "Condenser"
    assert page.locator("#planted, #result img, #result script").count() == 0


def test_a_reconstruction_that_differs_in_one_character_is_not_called_identical(visited: Visit) -> None:
    def damage(route: Route) -> None:
        response = route.fetch()
        answer = response.json()
        route.fulfill(response=response, json={**answer, "text": answer["text"].replace("24", "25")})

    visited.compress(FERRY, method="extractive")
    visited.page.route("**/reconstruct", damage)
    assert visited.reconstruct() == "Not identical to the source."


def test_a_compression_can_be_cancelled_and_another_one_made(visited: Visit) -> None:
    page = visited.page
    page.get_by_label("Text", exact=True).fill(long_text(60_000))
    page.get_by_label("Sentences").select_option("abstractive")
    page.get_by_role("button", name="Compress").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#outcome")).to_have_text("Cancelled.")
    visited.compress(FERRY, method="extractive")


def test_no_text_is_no_error_of_the_service(visited: Visit) -> None:
    visited.page.get_by_role("button", name="Compress").click()
    expect(visited.page.locator("#error")).to_have_text("There is no text yet: paste one.")
    expect(visited.page.get_by_label("Text", exact=True)).to_be_focused()


def test_the_status_is_shown_and_asked_for_again_only_while_the_page_is_seen(visited: Visit) -> None:
    page = visited.page
    page.goto("about:blank")
    page.clock.install()
    with page.expect_response("**/status") as answered:
        page.goto(visited.url)
    status = answered.value.json()
    expect(page.locator("#state")).to_contain_text(f"Ready: {status['model']['name']}")
    expect(page.locator("#queue")).to_contain_text(f"of {status['queue']['concurrency_limit']}")
    with page.expect_response("**/status"):
        page.clock.run_for(6000)
    expect(page.locator("#as-of")).to_contain_text("60 seconds")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.evaluate("Object.defineProperty(document, 'hidden', {get: () => true, configurable: true})")
    page.clock.run_for(60_000)
    assert len(asked) <= 1  # that which was due when the page went out of sight
    page.evaluate("delete document.hidden")
    with page.expect_response("**/status"):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_the_dark_scheme_has_colours_of_its_own(visited: Visit) -> None:
    visited.compress(FERRY, method="extractive")
    seen = {}
    for scheme in SCHEMES:
        visited.page.emulate_media(color_scheme=scheme)
        seen[scheme] = [colours(visited.page, selector) for selector in ("html", "textarea", ".legend mark")]
    assert all(light != dark for light, dark in zip(seen["light"], seen["dark"], strict=True))


def test_axe_finds_no_barrier_in_either_scheme_on_screen_or_phone_and_nothing_is_too_wide(visited: Visit) -> None:
    page = visited.page
    visited.compress(FERRY, "target_ratio=0.3", "extractive")
    visited.reconstruct()
    page.locator("#compressed .passage").first.focus()
    for name in ("facts", "reconstructed"):
        page.locator(f"#{name} > summary").click()
    for scheme, width in product(SCHEMES, (1280, 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 844})
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
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
        expect(page.locator("#trouble")).to_have_text("The service wants an API key.")
        page.get_by_label("API key").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#trouble")).to_have_text("The service does not accept this API key.")
        page.get_by_label("API key").fill("letmein")
        page.get_by_role("button", name="Use this key").click()
        expect(page.locator("#state")).to_contain_text("Ready")
        expect(page.locator("#trouble")).to_be_empty()
        visited.compress(FERRY, method="extractive")
        assert visited.reconstruct().startswith("Identical")
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
        for name in ("throughput", "latency", "savings", "queue"):
            expect(page.locator(f"#{name}")).to_have_text("–")
        page.get_by_label("Text", exact=True).fill(FERRY)
        page.get_by_role("button", name="Compress").click()
        expect(page.locator("#error")).to_have_text("The service does not answer.")
