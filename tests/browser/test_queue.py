"""The queue, cleared by keyboard alone."""

from pathlib import Path

from playwright.sync_api import Route, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Browsers, Watched
from tests.browser.steps import (
    MARKS,
    answer,
    key_shown,
    open_keys,
    open_queue,
    press,
    said,
    sent,
    settle,
    trail,
    wait_for_next,
    wait_saved,
)

MOST_FIELDS = 200
"""Far more than are open: a queue that never ends fails the test instead of hanging it."""


def test_a_queue_is_cleared_by_keyboard_alone(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    page.goto(f"{review.at}/")
    # From the top of the page by Tab alone, as somebody without a mouse comes to the queue.
    for _ in range(10):
        press(page, "Tab")
        if page.evaluate("document.activeElement.getAttribute('href')") == "/queue":
            break
    press(page, "Enter")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    press(page, "Control+z")
    expect(page.locator("#told")).to_contain_text("nothing to take back")
    shown: list[str] = []
    given = sent(page)
    for _ in range(MOST_FIELDS):
        key = key_shown(page)
        if not key:
            # The last answer may bring a field back that a sum had settled.
            wait_saved(page)
            page.wait_for_load_state("networkidle")
            key = key_shown(page)
        if not key:
            break
        shown.append(key)
        settle(page, key)
    expect(page.locator("#finished-heading")).to_have_text("Nothing waits for you")
    expect(page.locator("#finished-heading")).to_be_focused()
    wait_saved(page)
    rows = trail(folder)
    decided = [one["key"] for one in given.values()]
    assert set(decided) <= set(shown)
    assert [row.correction.key for row in rows] == decided
    assert {(row.correction.reviewer, row.correction.how) for row in rows} == {("Kim", "queue")}
    assert len(decided) == len(set(decided)) > 15
    assert open_keys(folder) == set()


def test_a_field_that_is_settled_while_it_is_on_the_screen_takes_no_answer(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_queue(page, review, MARKS)
    key = key_shown(page)

    def changed(route: Route, **what: object) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), **what})

    # As if a sum had settled it: which fields it does depends on what was read of a sheet.
    page.route("**/queue/next", lambda route: changed(route, lost=[key]))
    page.route("**/queue/field/*", lambda route: changed(route, closed="The sum says what is written here."))
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(page.locator("#wrong")).to_have_text("The sum says what is written here. Press Enter to go on.")
    page.unroute_all()
    press(page, "7", "Space", "/", "Alt+1")
    expect(page.locator("#typed")).to_have_value("")
    assert key_shown(page) == key
    settle(page, key)
    assert said(folder) == []


def test_a_typed_value_is_what_is_stored(kim: Watched, review: Review, folder: Path) -> None:
    open_queue(kim.page, review, MARKS)
    key = key_shown(kim.page)
    press(kim.page, "4", ".", "5", "Enter")
    wait_for_next(kim.page, key)
    wait_saved(kim.page)
    assert [(row.correction.key, row.correction.value) for row in trail(folder)] == [(key, "4.5")]


def test_what_a_field_cannot_hold_is_refused_at_once_and_stays_on_the_screen(
    kim: Watched, review: Review, folder: Path
) -> None:
    kim.expected.append("422")
    open_queue(kim.page, review, MARKS)
    key = key_shown(kim.page)
    press(kim.page, *"99999", "Enter")
    expect(kim.page.locator("#wrong")).not_to_be_empty()
    expect(kim.page.locator("#typed")).to_have_value("99999")
    expect(kim.page.locator("#typed")).to_be_focused()
    expect(kim.page.locator("#typed")).to_have_attribute("aria-invalid", "true")
    assert key_shown(kim.page) == key
    assert said(folder) == []


def test_undo_brings_the_field_back_and_is_a_row_of_its_own(kim: Watched, review: Review, folder: Path) -> None:
    open_queue(kim.page, review)
    key = key_shown(kim.page)
    before = open_keys(folder)
    answer(kim.page)
    wait_for_next(kim.page, key)
    wait_saved(kim.page)
    press(kim.page, "Control+z")
    expect(kim.page.locator("#wrong")).to_have_text("You took this answer back.")
    assert key_shown(kim.page) == key
    wait_saved(kim.page)
    assert [act for _, act, _ in said(folder)] == ["say", "undo"]
    assert open_keys(folder) == before


def test_a_skipped_field_comes_again_and_previous_goes_back(kim: Watched, review: Review, folder: Path) -> None:
    open_queue(kim.page, review, "?order=sheet")
    first = key_shown(kim.page)
    press(kim.page, "PageDown")
    wait_for_next(kim.page, first)
    second = key_shown(kim.page)
    answer(kim.page)
    wait_for_next(kim.page, second)
    third = key_shown(kim.page)
    press(kim.page, "PageUp")
    wait_for_next(kim.page, third)
    assert key_shown(kim.page) == second
    wait_saved(kim.page)
    assert [row.correction.key for row in trail(folder)] == [second]


def test_two_windows_of_one_person_never_show_the_same_field(
    browsers: Browsers, kim: Watched, review: Review, folder: Path
) -> None:
    other = Watched(kim.page.context.new_page())
    open_queue(kim.page, review)
    open_queue(other.page, review)
    seen: set[str] = set()
    for _ in range(4):
        mine, others = key_shown(kim.page), key_shown(other.page)
        assert mine != others and not {mine, others} & seen
        seen |= {mine, others}
        for page, key in ((kim.page, mine), (other.page, others)):
            answer(page)
            wait_for_next(page, key)
    for page in (kim.page, other.page):
        wait_saved(page)
    assert {row.correction.key for row in trail(folder)} == seen
    assert other.unexpected == []


def test_the_question_mark_shows_every_key(kim: Watched, review: Review) -> None:
    open_queue(kim.page, review)
    press(kim.page, "?")
    expect(kim.page.locator("#keys")).to_be_visible()
    expect(kim.page.locator("#keys-list")).to_contain_text("Take the best guess")
    press(kim.page, "Escape")
    expect(kim.page.locator("#keys")).to_be_hidden()
    expect(kim.page.locator("#typed")).to_be_focused()


def test_an_empty_mark_that_the_exam_leaves_open_is_answered_with_space_and_no_blank(
    kim: Watched, review: Review, folder: Path
) -> None:
    open_queue(kim.page, review, MARKS)
    key = key_shown(kim.page)
    for word in ("/", "*"):
        press(kim.page, word)
        expect(kim.page.locator("#wrong")).to_contain_text("type - if nothing was awarded, or the mark")
        assert key_shown(kim.page) == key
    offered = kim.page.locator("#guesses button").first
    expect(offered).to_have_text("- nothing awardedSpace")
    expect(kim.page.locator("#guesses")).not_to_contain_text("blank")
    press(kim.page, "Space")
    wait_for_next(kim.page, key)
    wait_saved(kim.page)
    assert [(row.correction.key, row.correction.value) for row in trail(folder)] == [(key, "-")]
    assert key not in open_keys(folder)
