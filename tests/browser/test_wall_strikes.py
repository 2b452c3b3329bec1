"""Strikes on a wall: kept over a reload, in the window where they were made, until their page is confirmed."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from flows.store import open_store
from tests.browser.conftest import Watched
from tests.browser.steps import wait_saved

GROUP = "#wall-groups a.wall-group"
CROP = "#wall-grid button.crop"
STRUCK = "#wall-grid .cell.struck"
SEEN = "#wall-grid[data-seen]"


def open_group(page: Page, review: Review, at: int = 0) -> int:
    """Open a group; return how many fields it shows."""
    page.goto(f"{review.at}/wall")
    page.locator(GROUP).nth(at).click()
    expect(page.locator(SEEN)).to_be_visible()
    return page.locator(CROP).count()


def strike(page: Page) -> str:
    """Strike the second field of the page; return what it is called."""
    expect(page.locator(CROP).first).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    expect(page.locator(STRUCK)).to_have_count(1)
    return page.locator(f"{STRUCK} button.crop").get_attribute("aria-label") or ""


def again(page: Page) -> None:
    page.reload()
    expect(page.locator(SEEN)).to_be_visible()


def test_strikes_outlive_a_reload_and_the_way_back(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    shown = open_group(page, review)
    struck = strike(page)
    again(page)
    assert page.locator(f"{STRUCK} button.crop").get_attribute("aria-label") == struck
    expect(page.locator("#wall-count")).to_contain_text("1 struck")
    # Another group knows nothing of them; back in this one they are there.
    open_group(page, review, 1)
    expect(page.locator(STRUCK)).to_have_count(0)
    open_group(page, review)
    expect(page.locator(STRUCK)).to_have_count(1)
    page.keyboard.press("Enter")
    wait_saved(page)
    with open_store(folder) as store:
        assert len(store.trail()) == shown - 1


def test_a_strike_that_was_taken_off_stays_off(kim: Watched, review: Review) -> None:
    page = kim.page
    open_group(page, review)
    strike(page)
    page.keyboard.press(" ")
    expect(page.locator(STRUCK)).to_have_count(0)
    again(page)
    expect(page.locator(STRUCK)).to_have_count(0)


def test_two_windows_share_no_strikes(kim: Watched, review: Review) -> None:
    page = kim.page
    open_group(page, review)
    struck = strike(page)
    # A window that is opened from another one begins with a copy of what that has stored.
    with page.context.expect_page() as opened:
        page.evaluate("() => { window.open(location.href); }")
    other = opened.value
    # All fields of this small group stand in the first window; the second one gets none of them.
    expect(other.get_by_role("heading", name="In another window")).to_be_visible()
    assert other.evaluate("sessionStorage.getItem('tallymark.strikes')") is not None
    other.close()
    again(page)
    assert page.locator(f"{STRUCK} button.crop").get_attribute("aria-label") == struck
    expect(page.locator(STRUCK)).to_have_count(1)


def test_a_page_that_was_refused_comes_again_with_its_strikes(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("409")
    open_group(page, review)
    strike(page)
    tried: list[Route] = []

    def refuse(route: Route) -> None:
        tried.append(route)
        route.fulfill(status=409, json={"problem": "This cannot be."})

    page.route("**/wall/confirm", refuse)
    page.keyboard.press("Enter")
    expect(page.locator("#wall-note")).to_contain_text("A page was not stored")
    page.unroute("**/wall/confirm")
    open_group(page, review)
    expect(page.locator(STRUCK)).to_have_count(1)
    assert len(tried) == 1
    with open_store(folder) as store:
        assert store.trail() == ()


def test_a_page_that_comes_too_early_waits_and_is_stored_whole(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("503")
    shown = open_group(page, review)
    tried: list[Route] = []

    def too_early(route: Route) -> None:
        tried.append(route)
        if len(tried) == 1:
            route.fulfill(status=503, json={"problem": "The exam is being read"})
        else:
            route.continue_()

    page.route("**/wall/confirm", too_early)
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_have_text(
        "The exam is being read. One page waits here, nothing is lost. Trying again."
    )
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
    assert len(tried) == 2
    with open_store(folder) as store:
        assert len(store.trail()) == shown


class Answers:
    """What the server says of a page that is confirmed: that its disk is full, until `now` is told otherwise."""

    def __init__(self, kim: Watched) -> None:
        self.status, self.told = 507, dict[str, Any]({"problem": "The disk is full."})
        kim.expected += ["507", "409"]
        kim.page.on("dialog", lambda dialog: dialog.accept())  # leaving is warned of while something waits
        kim.page.route("**/wall/confirm", self.answer)

    def answer(self, route: Route) -> None:
        route.fulfill(status=self.status, json=self.told)

    def now(self, status: int, **told: Any) -> None:
        self.status, self.told = status, told


def leave_waiting(page: Page, review: Review) -> str:
    """Confirm a page with a strike that does not get through; return what its group is called."""
    open_group(page, review)
    title = page.locator("#wall-title").inner_text()
    strike(page)
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_contain_text("One page waits here")
    return title


def test_a_page_refused_on_the_list_is_told_there_and_its_strikes_are_back(kim: Watched, review: Review) -> None:
    page, answers = kim.page, Answers(kim)
    title = leave_waiting(page, review)
    page.goto(f"{review.at}/wall")
    expect(page.locator("#offline")).to_contain_text("One page waits here")
    answers.now(409, problem="This cannot be.")
    note = page.locator("#wall-note")
    expect(note).to_contain_text(f"“{title}”: A page was not stored")
    expect(note).to_contain_text("This cannot be.")
    open_group(page, review)
    expect(page.locator(STRUCK)).to_have_count(1)


def test_what_came_too_late_is_told_on_the_list(kim: Watched, review: Review) -> None:
    page, answers = kim.page, Answers(kim)
    title = leave_waiting(page, review)
    page.goto(f"{review.at}/wall")
    expect(page.locator("#offline")).to_contain_text("One page waits here")
    late = {"key": "any", "place": "a sheet, q1", "words": "Ben has answered it."}
    answers.now(200, stored=[], struck=1, late=[late])
    expect(page.locator("#wall-note")).to_have_text(
        f"“{title}”: 0 fields stored; 1 field not taken: a sheet, q1: Ben has answered it."
    )


def test_a_refused_page_gives_its_strikes_to_its_own_group(kim: Watched, review: Review) -> None:
    page, answers = kim.page, Answers(kim)
    title = leave_waiting(page, review)
    open_group(page, review, 1)
    answers.now(409, problem="This cannot be.")
    expect(page.locator("#wall-note")).to_contain_text(f"“{title}”: A page was not stored")
    kept = page.evaluate("JSON.parse(sessionStorage.getItem('tallymark.strikes')).groups")
    assert [len(struck) for group, struck in kept.items() if group.endswith(title.rpartition(" ")[2])] == [1]
    assert sum(len(struck) for struck in kept.values()) == 1
    again(page)
    expect(page.locator(STRUCK)).to_have_count(0)
    open_group(page, review)
    expect(page.locator(STRUCK)).to_have_count(1)
