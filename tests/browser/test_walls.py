"""Walls in a real browser: confirmed by keyboard, taken back, kept while the server is away, a sample handed in."""

import re
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from flows.records import Act
from flows.store import open_store
from tests.browser.conftest import Watched

GROUP = "#wall-groups a.wall-group"
CROP = "#wall-grid button.crop"
COUNT = "#wall-count"
SEEN = "#wall-grid[data-seen]"
"""A page can be confirmed as soon as somebody can have looked at it."""


def open_group(page: Page, review: Review) -> int:
    """Open the largest group with the keyboard; return how many fields it shows."""
    page.goto(f"{review.at}/wall")
    expect(page.locator(GROUP).first).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(CROP).first).to_be_focused()
    expect(page.locator(SEEN)).to_be_visible()
    return page.locator(CROP).count()


def test_a_page_is_struck_confirmed_and_taken_back_by_keyboard(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    shown = open_group(page, review)
    page.keyboard.press("ArrowRight")
    expect(page.locator(CROP).nth(1)).to_be_focused()
    page.keyboard.press(" ")
    expect(page.locator(CROP).nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press(" ")
    expect(page.locator(".cell.struck")).to_have_count(0)
    page.keyboard.press(" ")
    expect(page.locator(COUNT)).to_contain_text("1 struck")
    page.keyboard.press("Enter")
    expect(page.locator("#saving")).to_have_text("Saved")
    with open_store(folder) as store:
        rows = store.trail()
    assert len(rows) == shown - 1
    assert {(row.correction.act, row.correction.how, row.correction.reviewer) for row in rows} == {
        (Act.SAY, "wall", "Kim")
    }
    page.keyboard.press("u")
    expect(page.locator(CROP)).to_have_count(shown)
    # What was struck is struck again, for the page to be put right and confirmed anew.
    expect(page.locator(".cell.struck")).to_have_count(1)
    with open_store(folder) as store:
        assert sum(row.correction.act is Act.UNDO for row in store.trail()) == shown - 1


def test_a_click_strikes_and_a_finished_group_leads_back(kim: Watched, review: Review) -> None:
    page = kim.page
    open_group(page, review)
    title = page.locator("#wall-title").inner_text()
    page.locator(CROP).first.click()
    expect(page.locator(".cell.struck")).to_have_count(1)
    page.locator("#wall-confirm").click()
    expect(page.locator("#wall-state h2")).to_have_text("This group is done")
    expect(page.locator("#saving")).to_have_text("Saved")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{review.at}/wall")
    expect(page.locator(GROUP).get_by_text(title, exact=True)).to_have_count(0)


def test_a_page_waits_while_the_server_is_away(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("ERR_INTERNET_DISCONNECTED")
    shown = open_group(page, review)
    page.context.set_offline(True)
    page.keyboard.press("Enter")
    expect(page.locator("#offline")).to_contain_text("nothing is lost")
    expect(page.locator("#saving")).to_have_text("1 not stored")
    with open_store(folder) as store:
        assert store.trail() == ()
    page.context.set_offline(False)
    expect(page.locator("#saving")).to_have_text("Saved")
    expect(page.locator("#offline")).to_be_hidden()
    with open_store(folder) as store:
        assert len(store.trail()) == shown


def test_a_sample_is_looked_at_and_handed_in_by_keyboard(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("422")
    page.goto(f"{review.at}/wall/check")
    page.locator(".check-offer").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(CROP).first).to_be_focused()
    read = page.locator(".cell .caption").all_inner_texts()
    at = next(at for at, value in enumerate(read) if len(value) == 1 and value.isdigit())
    for _ in range(at):
        page.keyboard.press("ArrowRight")
    page.keyboard.press(" ")
    written = page.locator(".cell.struck input.written")
    expect(written).to_be_focused()
    page.keyboard.type("<script>")
    page.keyboard.press("Enter")
    expect(page.locator("#wall-note")).to_contain_text("may hold")
    expect(written).to_have_attribute("aria-invalid", "true")
    written.fill("0" if read[at] != "0" else "1")
    page.keyboard.press("Enter")
    expect(page.locator(CROP).nth(at)).to_be_focused()
    # What is struck counts at once, typed or not; and no more once the strike is taken off.
    count = page.locator("#wall-count")
    expect(count).to_contain_text("1 wrong")
    other = page.locator(CROP).nth(at - 1 if at else 1)
    other.click()
    expect(count).to_contain_text("2 wrong")
    other.click()
    expect(count).to_contain_text("1 wrong")
    page.reload()
    expect(page.locator(".cell.struck input.written")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#wall-note")).to_contain_text("only just come")
    expect(page.locator(SEEN)).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#wall-state h2")).to_have_text("Every wall is confirmed")
    with open_store(folder) as store:
        assert store.sample_checks() == ()
    page.keyboard.press("Enter")
    # What follows is told and asked before anything is stored; whoever does not want it goes on with the sample.
    sure = page.locator("#check-sure")
    expect(sure).to_contain_text(
        re.compile(r"1 is wrong and would be corrected.*at 95 %.*would be reopened", re.DOTALL)
    )
    page.keyboard.press("Escape")
    expect(sure).to_be_hidden()
    with open_store(folder) as store:
        assert store.sample_checks() == ()
    expect(page.get_by_role("button", name="Hand in", exact=True)).to_have_count(1)
    page.get_by_role("button", name="Hand in", exact=True).click()
    expect(sure).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator(".check-result")).to_contain_text(re.compile(r"Measured error rate.* in 1,000"), timeout=60_000)
    with open_store(folder) as store:
        checks = store.sample_checks()
    assert (len(checks), sum(one.wrong for one in checks)) == (len(read), 1)


def test_a_page_waits_for_a_new_log_in_and_is_stored_once(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("401")
    shown = open_group(page, review)
    refused: list[Route] = []

    def refuse_once(route: Route) -> None:
        refused.append(route)
        if len(refused) == 1:
            route.fulfill(status=401, json={"problem": "Log in first."})
        else:
            route.continue_()

    page.route("**/wall/confirm", refuse_once)
    page.keyboard.press("Enter")
    expect(page.locator("#saving")).to_have_text("Saved")
    expect(page.locator("#offline")).to_be_hidden()
    assert len(refused) == 2
    with open_store(folder) as store:
        assert len(store.trail()) == shown
