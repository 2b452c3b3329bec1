"""What fails in the middle of a save: the decision is stored, or still on the screen, and the page says which."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import key_shown, open_queue, press, said, wait_for_next, wait_saved

LINE = "?order=field&template=cover_marks"
AT = "/sheets?sheet=cover_marks%2301066"
SAY = {"queue": "**/queue/say", "sheet": "**/sheets/say", "wall": "**/wall/confirm"}
FULL = "The database cannot be written: the disk is full"


def fail(page: Page, address: str, status: int, times: int, words: str = FULL) -> list[Route]:
    """Answer so many requests with a failure; return all that came."""
    came: list[Route] = []

    def handle(route: Route) -> None:
        came.append(route)
        if len(came) <= times:
            route.fulfill(status=status, json={"problem": words})
        else:
            route.continue_()

    page.route(address, handle)
    return came


def open_sheet(page: Page, review: Review) -> None:
    page.goto(review.at + AT)
    expect(page.locator("#paper .field.chosen")).to_be_focused()


@pytest.mark.parametrize("status", [503, 507])
def test_a_full_disk_is_told_and_the_queue_s_decision_waits_for_room(
    kim: Watched, review: Review, folder: Path, status: int
) -> None:
    page = kim.page
    kim.expected.append(str(status))
    open_queue(page, review, LINE)
    came = fail(page, SAY["queue"], status, 2)
    key = key_shown(page)
    press(page, "3", "Enter")
    wait_for_next(page, key)
    expect(page.locator("#offline")).to_have_text(
        f"{FULL}. 1 decision waits here, nothing is lost. Trying again.", use_inner_text=True
    )
    expect(page.locator("#saving")).to_have_text("1 not stored")
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
    assert len(came) == 3
    assert said(folder) == [("Kim", "say", "3")]


def test_an_answer_that_is_refused_comes_back_even_if_its_field_cannot_be_asked_for(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("500")
    open_queue(page, review, LINE)
    fail(page, SAY["queue"], 500, 1, "A fault of ours.")
    fail(page, "**/queue/field/*", 500, 1, "A fault of ours.")
    first = key_shown(page)
    press(page, "3", "Enter")
    wait_for_next(page, first)
    expect(page.locator("#told")).to_contain_text("was not stored, and comes back after this field: A fault of ours.")
    second = key_shown(page)
    press(page, "2", "Enter")
    wait_for_next(page, second)
    assert key_shown(page) == first
    expect(page.locator("#typed")).to_have_value("3")
    expect(page.locator("#wrong")).to_have_text("You said 3. A fault of ours.")
    press(page, "Enter")
    wait_for_next(page, first)
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "2"), ("Kim", "say", "3")]


@pytest.mark.parametrize("status", [503, 507])
def test_a_full_disk_is_told_and_the_sheet_s_decision_stays_on_the_screen(
    kim: Watched, review: Review, folder: Path, status: int
) -> None:
    page = kim.page
    kim.expected.append(str(status))
    open_sheet(page, review)
    came = fail(page, SAY["sheet"], status, 2)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#offline")).to_have_text(
        f"{FULL}. What you said is still here, and is sent again until it is stored.", use_inner_text=True
    )
    expect(page.locator("#saving")).to_have_text("1 not stored")
    expect(page.locator("#typed")).to_have_value("7.5")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    expect(page.locator("#offline")).to_be_hidden()
    assert len({one.request.post_data for one in came}) == 1
    assert len(came) == 3
    assert said(folder) == [("Kim", "say", "7.5")]


def test_of_two_windows_on_one_sheet_the_later_is_told_and_keeps_what_was_typed(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("409")
    open_sheet(page, review)
    other = page.context.new_page()
    open_sheet(other, review)
    press(other, "Enter", "Control+a", *"7", "Enter")
    expect(other.locator("#problem")).to_have_text("4 (max 10): 7, saved")
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_contain_text("in another window. This answer was not stored.")
    expect(page.locator("#typed")).to_have_value("7.5")
    expect(page.locator("#field-why")).to_contain_text("Said by Kim")
    assert said(folder) == [("Kim", "say", "7")]
    # Who has read that, and stays by it, saves again.
    press(page, "Enter")
    if page.locator("#typed").evaluate("one => one !== document.activeElement"):
        press(page, "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    assert said(folder) == [("Kim", "say", "7"), ("Kim", "say", "7.5")]


def test_what_was_typed_and_not_saved_is_there_when_one_comes_back_to_the_sheet(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_sheet(page, review)
    press(page, "Enter", "Control+a", *"6.5")
    page.locator("#next").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    page.locator("#previous").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01066")
    expect(page.locator("#field-name")).to_have_text("4 (max 10)")
    expect(page.locator("#typed")).to_have_value("6.5")
    assert said(folder) == []
    # Once it is saved nothing of it is left over.
    press(page, "Enter", "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 6.5, saved")
    page.locator('#paper .field[aria-label^="4 (max 10)"]').focus()
    expect(page.locator("#typed")).to_have_value("6.5")
    page.locator('#paper .field[aria-label^="2 (max 10)"]').focus()
    press(page, "Enter", "Control+a", "2", "Enter")
    expect(page.locator("#problem")).to_have_text("2 (max 10): 2, saved")
    page.locator('#paper .field[aria-label^="2 (max 10)"]').focus()
    expect(page.locator("#typed")).to_have_value("2")


def test_a_refusal_that_comes_when_another_sheet_is_on_the_screen_says_of_which_it_is(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("500")
    open_sheet(page, review)
    held: list[Route] = []

    def hold(route: Route) -> None:
        # Playwright notes on a handler what it wraps; the method of a list has no room for notes.
        held.append(route)

    page.route(SAY["sheet"], hold)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    page.locator("#next").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    held[0].fulfill(status=500, json={"problem": "A fault of ours."})
    expect(page.locator("#problem")).to_have_text("Not stored on cover_marks#01066: A fault of ours.")
    page.unroute(SAY["sheet"])
    page.locator("#previous").click()
    expect(page.locator("#typed")).to_have_value("7.5")
    assert said(folder) == []


def test_a_page_of_a_wall_waits_for_room_on_the_disk(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("507")
    page.goto(f"{review.at}/wall")
    page.locator("#wall-groups a.wall-group").first.click()
    expect(page.locator("#wall-grid[data-seen]")).to_be_visible()
    shown = page.locator("#wall-grid button.crop").count()
    came = fail(page, SAY["wall"], 507, 1)
    press(page, "Enter")
    expect(page.locator("#offline")).to_contain_text("One page waits here, nothing is lost.")
    wait_saved(page)
    assert len(came) == 2
    assert len(said(folder)) == shown
