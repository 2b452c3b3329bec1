"""A server that dies in the middle of work: shown clearly, nothing is lost, nothing is counted twice."""

from pathlib import Path

from playwright.sync_api import expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import answer, key_shown, open_queue, trail, wait_for_next, wait_saved, wait_until

CUT = (
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_CONNECTION_CLOSED",
    "ERR_EMPTY_RESPONSE",
    "ERR_CONTENT_LENGTH_MISMATCH",
    "ERR_INCOMPLETE_CHUNKED_ENCODING",
)
"""What Chromium says of a request whose server dies before it, during it, or while a picture is on its way."""


def test_decisions_wait_for_a_server_that_was_killed(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected += [*CUT, "401", "403"]
    open_queue(page, review)
    decided = [key_shown(page)]
    answer(page)
    wait_for_next(page, decided[-1])
    wait_saved(page)

    review.kill()
    for _ in range(3):
        decided.append(key_shown(page))
        answer(page)
        wait_for_next(page, decided[-1])
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("The server does not answer")
    expect(page.locator("#offline")).to_contain_text("3 decisions wait here, nothing is lost")
    expect(page.locator("#saving")).to_have_text("3 not stored")
    assert len(trail(folder)) == 1

    # A server that was started again knows nobody: the page says so, and waits for the log-in in another window.
    review.start()
    expect(page.locator("#offline")).to_contain_text("Log in again")
    assert len(trail(folder)) == 1
    other = page.context.new_page()
    other.goto(review.link)
    other.close()
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
    assert [row.correction.key for row in trail(folder)] == decided


def test_decisions_outlive_a_reload(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected += [*CUT, "401", "403"]
    page.on("dialog", lambda dialog: dialog.accept())
    open_queue(page, review)
    key = key_shown(page)
    review.kill()
    answer(page)
    expect(page.locator("#saving")).to_have_text("1 not stored")
    review.start()
    other = page.context.new_page()
    other.goto(review.link)
    other.close()
    page.goto(f"{review.at}/queue")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    page.wait_for_function('() => !sessionStorage.length || !Object.values(sessionStorage).join().includes("token")')
    wait_until(page, lambda: len(trail(folder)) == 1)
    assert [row.correction.key for row in trail(folder)] == [key]


def test_the_dashboard_says_that_the_server_is_gone_and_goes_on_by_itself(kim: Watched, review: Review) -> None:
    kim.expected += [*CUT, "401"]
    expect(kim.page.locator("#final-heading")).to_contain_text("final")
    review.kill()
    expect(kim.page.locator("#offline")).to_contain_text("The server does not answer")
    review.start()
    other = kim.page.context.new_page()
    other.goto(review.link)
    other.close()
    expect(kim.page.locator("#offline")).to_be_hidden()
