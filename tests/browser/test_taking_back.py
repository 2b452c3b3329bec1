"""What the queue says of an answer that is changed and taken back, held against what the trail says."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import MARKS, key_shown, open_queue, press, said, wait_for_next, wait_saved


def hold(page: Page, address: str) -> Callable[[], None]:
    """Have the browser keep what is sent to an address to itself; what is returned lets all of it go."""
    kept: list[Route] = []

    def keep(route: Route) -> None:
        kept.append(route)

    page.route(address, keep)

    def let_go() -> None:
        # What is kept goes on by itself when nobody keeps it any more.
        page.unroute(address)

    return let_go


def answer(page: Page, *keys: str) -> str:
    """Decide the field on the screen; return its key."""
    key = key_shown(page)
    press(page, *keys)
    wait_for_next(page, key)
    return key


def test_a_change_that_was_never_sent_is_taken_back_and_the_answer_before_it_stands(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    wait_saved(page)
    let_go = hold(page, "**/queue/say")
    second = answer(page, "2", "Enter")
    press(page, "PageUp", "PageUp")
    assert key_shown(page) == first
    press(page, "4", "Enter")
    expect(page.locator("#saving")).to_have_text("Saving 2")
    press(page, "PageUp", "PageUp")
    assert key_shown(page) == first
    press(page, "Control+z")
    expect(page.locator("#wrong")).to_have_text("You took this answer back: 3 stands again.")
    expect(page.locator("#typed")).to_have_value("3")
    let_go()
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "2")]
    # Taken back once more, what the server knows goes too; then another answer is taken.
    assert key_shown(page) == first
    press(page, "Control+z")
    expect(page.locator("#wrong")).to_have_text("You took this answer back.")
    wait_saved(page)
    assert said(folder)[2:] == [("Kim", "undo", "")]
    page.locator("#typed").press("Control+a")
    answer(page, "1", "Enter")
    wait_saved(page)
    assert said(folder)[3:] == [("Kim", "say", "1")]
    assert first != second


@pytest.mark.parametrize("again", ["5", "3"])
def test_a_change_that_was_stored_is_taken_back_to_the_answer_before_it(
    kim: Watched, review: Review, folder: Path, again: str
) -> None:
    page = kim.page
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    press(page, "PageUp")
    answer(page, "4", "Enter")
    wait_saved(page)
    press(page, "Control+z")
    assert key_shown(page) == first
    expect(page.locator("#wrong")).to_have_text("You took this answer back: 3 stands again.")
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "4"), ("Kim", "undo", "3")]
    # The same answer as the one that stands is no new decision.
    answer(page, again, "Enter")
    wait_saved(page)
    assert said(folder)[3:] == ([] if again == "3" else [("Kim", "say", "5")])


def test_an_answer_taken_back_before_it_was_sent_was_never_said(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    open_queue(page, review, MARKS)
    let_go = hold(page, "**/queue/say")
    first = answer(page, "3", "Enter")
    second = answer(page, "2", "Enter")
    press(page, "Control+z")
    assert key_shown(page) == second
    press(page, "Control+z")
    assert key_shown(page) == first
    expect(page.locator("#wrong")).to_have_text("You took this answer back.")
    let_go()
    wait_saved(page)
    # The first was on its way, so it was said and taken back; the second never left the window.
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "undo", "")]
