"""Pictures that do not come: nothing is decided unseen, and they come by themselves once they can."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import MARKS, key_shown, open_queue, press, said, wait_for_next, wait_saved

SEEN = "(one => one.complete && one.naturalWidth > 0)"


def wait_seen(page: Page, place: str) -> None:
    """Wait until the picture in a place of the queue has come."""
    page.wait_for_function(f"place => {SEEN}(document.querySelector(place + ' img'))", arg=place)


@pytest.mark.parametrize("keys", [["Alt+u"], [" "], ["3", "Enter"]])
def test_nothing_is_said_of_a_field_whose_picture_did_not_come(
    kim: Watched, review: Review, folder: Path, keys: list[str]
) -> None:
    page = kim.page
    kim.expected.append("ERR_FAILED")
    page.route("**/crop/*", lambda route: route.abort())
    open_queue(page, review, MARKS)
    first = key_shown(page)
    press(page, *keys)
    expect(page.locator("#wrong")).to_contain_text("The picture has not come yet")
    assert key_shown(page) == first
    assert page.locator("#saving").inner_text() == ""
    press(page, "PageDown")
    wait_for_next(page, first)
    assert said(folder) == []


def test_a_picture_that_failed_comes_by_itself_and_then_the_field_is_decided(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("ERR_FAILED")
    page.route("**/crop/*", lambda route: route.abort())
    open_queue(page, review, MARKS)
    first = key_shown(page)
    press(page, "3", "Enter")
    expect(page.locator("#wrong")).to_contain_text("has not come yet")
    page.unroute("**/crop/*")
    expect(page.locator("#wrong")).to_be_empty()
    wait_seen(page, "#crop")
    press(page, "Enter")
    wait_for_next(page, first)
    # Those after it were asked for again meanwhile, or are when they are shown.
    wait_seen(page, "#crop")
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3")]


def test_surroundings_that_the_server_could_not_draw_at_once_come_a_little_later(kim: Watched, review: Review) -> None:
    page = kim.page
    kim.expected.append("503")
    refused: set[str] = set()

    def once(route: Route) -> None:
        if route.request.url in refused:
            route.continue_()
            return
        refused.add(route.request.url)
        route.fulfill(status=503, headers={"retry-after": "2"}, json={"problem": "Too many at once."})

    page.route("**/around/*", once)
    open_queue(page, review, MARKS)
    wait_seen(page, "#around")
    first = key_shown(page)
    press(page, "PageDown")
    wait_for_next(page, first)
    wait_seen(page, "#around")
    assert len(refused) > 1
