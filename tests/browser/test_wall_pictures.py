"""Pictures that do not come: nothing is said of a field that nobody can have seen."""

from pathlib import Path

from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from flows.store import open_store
from tests.browser.conftest import Watched
from tests.browser.steps import wait_saved

GROUP = "#wall-groups a.wall-group"
CROP = "#wall-grid button.crop"
LOST = "#wall-grid .cell.lost"
SEEN = "#wall-grid[data-seen]"
NOTE = "#wall-note"


class Crops:
    """Pictures of fields: while they are `lost`, all of them, or that of one field, never come."""

    def __init__(self, kim: Watched) -> None:
        kim.expected.append("ERR_FAILED")
        self.lost = True
        self.only = ""
        self.asked: list[str] = []
        kim.page.route("**/crop/**", self.answer)

    def answer(self, route: Route) -> None:
        key = route.request.url.split("/")[-1].split(".png")[0]
        self.asked.append(key)
        if self.lost and self.only in ("", key):
            route.abort()
        else:
            route.continue_()


def open_group(page: Page, review: Review) -> int:
    """Open the largest group; return how many fields it shows."""
    page.goto(f"{review.at}/wall")
    page.locator(GROUP).first.click()
    expect(page.locator(CROP).first).to_be_focused()
    return page.locator(CROP).count()


def keys_stored(folder: Path) -> list[str]:
    with open_store(folder) as store:
        return [row.correction.key for row in store.trail()]


def test_a_page_without_pictures_is_not_confirmed(kim: Watched, review: Review, folder: Path) -> None:
    page, crops = kim.page, Crops(kim)
    shown = open_group(page, review)
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("still coming")
    expect(page.locator(LOST)).to_have_count(shown)
    expect(page.locator(NOTE)).to_contain_text(f"{shown} pictures did not come")
    # Each was asked for more than once.
    assert len(crops.asked) >= 2 * shown
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("nothing was confirmed")
    crops.lost = False
    expect(page.locator(SEEN)).to_be_visible()
    expect(page.locator(LOST)).to_have_count(0)
    assert keys_stored(folder) == []
    page.keyboard.press("Enter")
    wait_saved(page)
    assert len(keys_stored(folder)) == shown


def test_a_field_without_a_picture_is_left_out_and_stays_open(kim: Watched, review: Review, folder: Path) -> None:
    page, crops = kim.page, Crops(kim)
    crops.lost = False
    shown = open_group(page, review)
    crops.only = crops.asked[0]
    crops.lost = True
    page.goto("about:blank")
    open_group(page, review)
    expect(page.locator(LOST)).to_have_count(1)
    expect(page.locator(NOTE)).to_contain_text("1 picture did not come")
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("1 left out")
    wait_saved(page)
    expect(page.locator("#wall-state h2")).to_have_text("Pictures did not come")
    assert len(keys_stored(folder)) == shown - 1
    assert crops.only not in keys_stored(folder)
    crops.lost = False
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(CROP)).to_have_count(1)
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#wall-state h2")).to_have_text("This group is done")
    wait_saved(page)
    assert len(keys_stored(folder)) == shown


def test_a_sample_check_is_not_confirmed_without_its_pictures(kim: Watched, review: Review) -> None:
    page, crops = kim.page, Crops(kim)
    page.goto(f"{review.at}/wall/check")
    page.locator(".check-offer").first.click()
    expect(page.locator(CROP).first).to_be_focused()
    shown = page.locator(CROP).count()
    expect(page.locator(LOST)).to_have_count(shown)
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("cannot be confirmed without")
    crops.lost = False
    page.get_by_role("button", name="Load them again").click()
    expect(page.locator(LOST)).to_have_count(0)
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(NOTE)).to_contain_text("Wall 1 confirmed")
