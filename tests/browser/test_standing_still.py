"""Nothing moves while somebody works: not from field to field, not when the server is gone, not when words are long."""

from typing import Any

import pytest
from playwright.sync_api import Page, Route, ViewportSize, expect

from benchmarks.browsing import Review
from tests.browser.conftest import DESK, TABLET, Browsers, Standing, Watched
from tests.browser.steps import key_shown, open_queue, press, wait_for_next, wait_saved

SMALL: ViewportSize = {"width": 1024, "height": 768}
SIZES = pytest.mark.parametrize("size", [DESK, SMALL, TABLET], ids=["desk", "small", "tablet"])

FIELDS = 30

SHEET = "/sheets?sheet=cover_marks%2301066"

LONG = "Words that go on and on, as those of an office do which has been asked to be exact about everything it says"

QUEUE_PARTS = (
    "header nav a",
    "#choice select, #choice input",
    "#left",
    "#progress",
    "#crop",
    "#asked",
    "#typed",
    "#answer button",
    "#guesses",
    "[data-word], #previous, #skip, #undo",
    "#around",
    ".facts div",
)
"""What stands on the queue for every field."""

EDITOR_PARTS = ("#paper", "#field-name", "#editor .crop", "#typed", "#save", "#words button", "#history summary")
"""What stands in the editor of a sheet for every field."""

BOXES = """parts => parts.map((part) => [part, [...document.querySelectorAll(part)].map((one) => {
  const { x, y, width, height } = one.getBoundingClientRect();
  return [x, y, width, height];
})])"""


def boxes(page: Page, parts: tuple[str, ...] = QUEUE_PARTS) -> dict[str, list[list[float]]]:
    """Return where everything stands, and how large it is."""
    return dict(page.evaluate(BOXES, list(parts)))


def moved(page: Page, before: dict[str, list[list[float]]]) -> list[str]:
    """Name the parts that do not stand where they stood."""
    return [part for part, where in boxes(page, tuple(before)).items() if where != before[part]]


def dressed(field: dict[str, Any], number: int) -> dict[str, Any]:
    """Return a field with as many words and guesses as another one might have."""
    guesses = [{"value": f"{at}.25", "label": f"{at}.25", "percent": 90.0 - at} for at in range(number % 6)]
    if number % 4 == 1:
        guesses.insert(0, {"value": "-", "label": "- nothing awarded", "percent": None})
    return field | {
        "reason_word": ["Not sure", "Sum", "Answers of two people differ"][number % 3],
        "sentence": " ".join([LONG] * (number % 4)),
        "why": " ".join([LONG] * (number % 5)),
        "may_hold": " ".join([LONG] * (number % 3)),
        "question": ["7", "", LONG, "سؤال ٧"][number % 4],
        "guesses": guesses,
        "sheet": field["sheet"] if number % 2 else LONG,
        "kind": ["digits", "choice"][number % 2],
        "said": None,
    }


def dress(page: Page) -> None:
    """Have the server's fields come dressed as others."""
    count = [0]

    def answer(route: Route) -> None:
        told = route.fetch()
        body = told.json()
        for at, field in enumerate(body.get("fields", [])):
            body["fields"][at] = dressed(field, count[0])
            count[0] += 1
        route.fulfill(response=told, json=body)

    page.route("**/queue/next", answer)


@SIZES
def test_nothing_on_the_queue_moves_over_thirty_fields(browsers: Browsers, review: Review, size: ViewportSize) -> None:
    watched = browsers.open(size)
    watched.expected.append("422")
    page = watched.page
    page.goto(review.link)
    dress(page)
    open_queue(page, review)
    before = boxes(page)
    assert len(before["#choice select, #choice input"]) == 5
    found: dict[int, list[str]] = {}
    for number in range(FIELDS):
        key = key_shown(page)
        if number % 5 == 1:
            press(page, *"##", "Enter")
            expect(page.locator("#wrong")).not_to_be_empty()
            found[-number] = moved(page, before)
        if number == 7:
            press(page, "Alt+u")
        else:
            press(page, "PageDown")
        wait_for_next(page, key)
        found[number] = moved(page, before)
        assert page.evaluate("scrollY") == 0
    press(page, "PageUp")
    expect(page.locator("#typed")).to_have_attribute("placeholder", "You said unreadable")
    found[FIELDS] = moved(page, before)
    assert {number: parts for number, parts in found.items() if parts} == {}


@SIZES
def test_the_words_that_the_server_is_gone_lie_over_the_page_and_away_from_the_answer(
    browsers: Browsers, review: Review, size: ViewportSize
) -> None:
    watched = browsers.open(size)
    watched.expected += ["ERR_INTERNET_DISCONNECTED"]
    page = watched.page
    page.goto(review.link)
    open_queue(page, review)
    before = boxes(page)
    key = key_shown(page)
    page.context.set_offline(True)
    press(page, "Alt+u")
    wait_for_next(page, key)
    banner = page.locator("#offline")
    expect(banner).to_have_text("The server does not answer. 1 decision waits here, nothing is lost. Trying again.")
    assert moved(page, before) == []
    covers, words = banner.bounding_box(), page.locator(".words").bounding_box()
    assert covers is not None and words is not None
    assert covers["y"] >= words["y"] + words["height"]
    page.context.set_offline(False)
    wait_saved(page)
    expect(banner).to_be_hidden()
    assert moved(page, before) == []


@SIZES
def test_to_ask_for_some_fields_moves_nothing(browsers: Browsers, review: Review, size: ViewportSize) -> None:
    page = browsers.open(size).page
    page.goto(review.link)
    open_queue(page, review)
    before = boxes(page)
    expect(page.locator("#clear")).to_be_hidden()
    page.locator("#choice [name=template]").select_option("cover_marks")
    expect(page.locator("#clear")).to_be_visible()
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    assert moved(page, before) == []


@SIZES
def test_nothing_in_the_editor_of_a_sheet_moves_from_field_to_field(
    browsers: Browsers, standing: Standing, size: ViewportSize
) -> None:
    page = browsers.open(size, state=standing.state).page
    page.goto(standing.at + SHEET)
    expect(page.locator("#paper image")).to_be_visible()
    fields = page.locator("#paper .field[data-key]")
    fields.first.focus()
    expect(page.locator("#typed")).to_be_enabled()
    before = boxes(page, EDITOR_PARTS)
    found = {}
    for number in range(fields.count()):
        found[number] = moved(page, before)
        press(page, "ArrowDown")
    assert len(found) > 10
    assert {number: parts for number, parts in found.items() if parts} == {}


def test_each_sentence_of_the_line_ends_as_one(kim: Watched, review: Review) -> None:
    page = kim.page
    kim.expected.append("503")
    words = "the database is in use"
    page.route("**/queue/say", lambda route: route.fulfill(status=503, json={"problem": words}))
    open_queue(page, review)
    key = key_shown(page)
    press(page, "Alt+u")
    wait_for_next(page, key)
    expect(page.locator("#offline")).to_have_text(
        f"{words}. 1 decision waits here, nothing is lost. Trying again.", use_inner_text=True
    )
    page.unroute("**/queue/say")
    wait_saved(page)
    page.context.clear_cookies()
    kim.expected.append("401")
    key = key_shown(page)
    press(page, "Alt+u")
    wait_for_next(page, key)
    expect(page.locator("#offline")).to_contain_text(
        "You are logged out. 1 decision waits here, nothing is lost. Log in again in another window."
    )
    expect(page.locator("#offline")).to_contain_text("one-time link")
    # A new link, opened in this browser, is all it takes.
    review.kill()
    kim.expected.append("ERR_")
    review.start()
    other = page.context.new_page()
    other.goto(review.link)
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
