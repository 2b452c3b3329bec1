"""Taking things as they are in a real browser, by keyboard: a sheet, a failed page, a file in quarantine."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browsing import Review
from flows.records import Arrival, FileOutcome
from flows.store import open_store
from tests.browser.conftest import Watched
from tests.browser.graded import TORN
from tests.browser.steps import open_until

SHEET = "cover_marks#01067"
"""Its marks add up to 79, and the examiner wrote 89."""

ASIDE = "<b>aside</b>.pdf"
WHY = "seen, <b>told</b> the examiner"
TAKEN = f"Taken as it is by Kim: {WHY}"


@pytest.fixture
def aside(folder: Path) -> None:
    """Leave a file in quarantine."""
    with open_store(folder) as store:
        arrival = Arrival(100, ASIDE.encode(), ASIDE, "c" * 64, ASIDE, 1, 2, 3)
        store.begin_arrival(arrival)
        store.settle_arrival(arrival, FileOutcome.QUARANTINED, "cannot be opened, <i>really</i>")
        store.finish_arrival(arrival)


def accepted(folder: Path) -> list[tuple[str, str]]:
    with open_store(folder) as store:
        return [(one.name, one.text) for one in store.ledger().accepted]


def accept(page: Page) -> None:
    """Give a reason, first an empty one, then while the server is away, and again."""
    box, told = page.locator("#accept-why"), page.locator("#accepted")
    expect(box).to_be_visible()
    box.focus()
    page.keyboard.type("  ")
    page.keyboard.press("Enter")
    expect(told).to_contain_text("Say why")
    expect(box).to_be_focused()
    page.context.set_offline(True)
    page.keyboard.type(WHY)
    page.keyboard.press("Enter")
    expect(told).to_contain_text("does not answer")
    expect(page.locator("#offline")).to_be_visible()
    page.context.set_offline(False)
    box.press("Enter")
    expect(told).to_have_text(TAKEN)
    expect(told).to_be_focused()
    expect(page.locator("#accept")).to_be_hidden()
    expect(page.locator("#offline")).to_be_hidden()


def test_a_sheet_is_taken_as_it_is(kim: Watched, review: Review, folder: Path) -> None:
    kim.expected.append("ERR_INTERNET_DISCONNECTED")
    kim.page.goto(f"{review.at}/sheets?sheet={SHEET.replace('#', '%23')}")
    accept(kim.page)
    assert accepted(folder) == [(SHEET, WHY)]
    open_until(kim.page, f"{review.at}/sheets?show=remarks", "#body", "taken as it is by Kim")


def test_a_failed_page_is_taken_as_it_is(kim: Watched, review: Review, folder: Path) -> None:
    kim.expected.append("ERR_INTERNET_DISCONNECTED")
    kim.page.goto(f"{review.at}/sheets?show=failed")
    kim.page.locator("#body a").first.click()
    accept(kim.page)
    ((name, why),) = accepted(folder)
    assert TORN in name and why == WHY


def test_a_file_in_quarantine_is_taken_as_it_is(aside: None, kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    link = page.locator("#blocks a[href='/files']")
    link.click()
    expect(page.locator("h2").first).to_have_text(ASIDE)
    page.wait_for_load_state("networkidle")
    box = page.get_by_label("Why it is taken as it is")
    box.fill(" ")
    box.press("Enter")
    expect(page.locator(".told")).to_contain_text("Say why")
    box.fill(WHY)
    box.press("Enter")
    expect(page.locator(".told")).to_have_text(TAKEN)
    expect(page.locator(".told")).to_be_focused()
    expect(box).to_be_hidden()
    assert accepted(folder) == [(ASIDE, WHY)]
    open_until(page, f"{review.at}/files", ".told", TAKEN)
    expect(page.locator(".told")).to_have_text(TAKEN)
    page.get_by_role("link", name="Dashboard").first.click()
    expect(page.locator("#blocks")).to_contain_text("failed page")
    expect(link).to_have_count(0)
