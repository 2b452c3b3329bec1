"""The dashboard, as it is seen: it fills by itself, stays fresh by itself, and nothing on it jumps."""

import re

from playwright.sync_api import expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import MARKS, key_shown, open_queue, press, wait_for_next, wait_saved


def test_it_stays_fresh_while_somebody_decides(kim: Watched, review: Review) -> None:
    board = kim.page
    expect(board.locator("#final-heading")).to_have_text(re.compile("things keep this exam from being final"))
    expect(board.locator("#people")).to_contain_text("Nobody has decided anything yet")
    waiting = int(board.locator("#progress b").inner_text())
    places = "[...document.querySelectorAll('.board .panel')].map(one => Math.round(one.getBoundingClientRect().top))"
    before = board.evaluate(places)

    queue = Watched(board.context.new_page())
    open_queue(queue.page, review, MARKS)
    key = key_shown(queue.page)
    press(queue.page, "Space")
    wait_for_next(queue.page, key)
    wait_saved(queue.page)
    queue.page.close()

    expect(board.locator("#people")).to_contain_text("Kim", timeout=20_000)
    expect(board.locator("#progress b")).to_have_text(str(waiting - 1))
    assert board.evaluate(places) == before


def test_each_thing_that_blocks_links_to_where_it_is_settled(kim: Watched, review: Review) -> None:
    board = kim.page
    expect(board.locator("#blocks a").first).to_be_visible()
    links = [link.get_attribute("href") for link in board.locator("#blocks a").all()]
    assert {"/queue", "/sheets?show=held", "/sheets?show=failed"} <= set(links)
    for link in links:
        assert link is not None
        board.goto(review.at + link)
        expect(board.locator("nav [aria-current=page]")).to_have_count(1)
    board.goto(f"{review.at}/sheets?show=failed")
    expect(board.locator("#body tr")).to_have_count(1)
    expect(board.locator("#body")).to_contain_text("torn.pdf")
