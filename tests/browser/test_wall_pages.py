"""A group of several pages: each is followed by the next, however long the server takes to store one."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from flows.review.leases import MOST_AHEAD
from flows.review.wall_groups import WALL
from flows.store import open_store
from tests.browser.conftest import Watched
from tests.browser.steps import wait_saved
from tests.helpers.walls import walled

SEVENS = "/wall/group?name=mark.number.7"
CROP = "#wall-grid button.crop"
SEEN = "#wall-grid[data-seen]"
HEADING = "#wall-state h2"
LAST = 31
"""Fields on the third page."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an exam folder with three pages of one group."""
    return walled(tmp_path / "exam", 2 * WALL + LAST - 1)


class Gate:
    """Keeps pages that are confirmed from the server until it is opened."""

    def __init__(self, page: Page) -> None:
        self.held: list[Route] | None = []
        page.route("**/wall/confirm", self.pass_on)

    def pass_on(self, route: Route) -> None:
        if self.held is None:
            route.continue_()
        else:
            self.held.append(route)

    def open(self) -> None:
        held, self.held = self.held or [], None
        for route in held:
            route.continue_()


def wait_for_page(page: Page, fields: int) -> None:
    """Wait until somebody can have looked at a page of so many fields."""
    expect(page.locator(CROP)).to_have_count(fields)
    expect(page.locator(SEEN)).to_be_visible()


def stored(folder: Path) -> int:
    with open_store(folder) as store:
        return len(store.trail())


def test_the_next_page_comes_whole_while_the_last_is_being_stored(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    gate = Gate(page)
    page.goto(f"{review.at}{SEVENS}")
    wait_for_page(page, WALL)
    page.keyboard.press("Enter")
    wait_for_page(page, WALL)
    with page.expect_response("**/wall/page"):
        gate.open()
    page.keyboard.press("Enter")
    wait_for_page(page, LAST)
    page.keyboard.press("Enter")
    wait_saved(page)
    expect(page.locator(HEADING)).to_have_text("This group is done")
    assert stored(folder) == 2 * WALL + LAST


def test_who_is_faster_than_the_server_goes_on_by_himself(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    gate = Gate(page)
    page.goto(f"{review.at}{SEVENS}")
    for shown in (WALL, WALL, MOST_AHEAD):
        wait_for_page(page, shown)
        page.keyboard.press("Enter")
    expect(page.locator(HEADING)).to_have_text("One moment")
    assert stored(folder) == 0
    gate.open()
    wait_for_page(page, LAST - MOST_AHEAD)
    page.keyboard.press("Enter")
    expect(page.locator(HEADING)).to_have_text("This group is done")
    wait_saved(page)
    assert stored(folder) == 2 * WALL + LAST
