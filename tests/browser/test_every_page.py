"""What holds for every page: it opens without a complaint, fits its window, is legible, and can be used by keyboard."""

import re

import pytest
from playwright.sync_api import ViewportSize, expect

from benchmarks.browsing import Review
from tests.browser.conftest import DESK, TABLET, Browsers, Standing, Watched

PAGES = (
    *("/", "/queue", "/wall", "/wall/check", "/sheets", "/sheets?sheet=cover_marks%2301066", "/sheets?show=failed"),
    "/files",
)
BELONGS = {"/files": "/"}
"""Views that stand in no menu, and from which of the menu they are reached."""


@pytest.mark.parametrize("at", PAGES)
@pytest.mark.parametrize("size", [DESK, TABLET], ids=["1280", "820"])
def test_a_page_opens_and_fits_its_window(browsers: Browsers, standing: Standing, at: str, size: ViewportSize) -> None:
    watched = browsers.open(size, state=standing.state)
    watched.page.goto(standing.at + at)
    view = BELONGS.get(at, re.sub(r"(?<=.)[?/].*", "", at))
    expect(watched.page.locator("nav [aria-current=page]")).to_have_attribute("href", view)
    watched.page.wait_for_load_state("networkidle")
    expect(watched.page.locator("h1")).to_be_visible()
    wide = watched.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide[0] <= wide[1]


def test_the_link_logs_in_once(browsers: Browsers, kim: Watched, review: Review) -> None:
    expect(kim.page.locator(".who")).to_have_text("Kim")
    other = browsers.open()
    other.expected.append("403")
    answer = other.page.goto(review.link)
    assert answer is not None and answer.status == 403
    expect(other.page.locator("h1")).to_contain_text("This link")
    other.page.goto(review.at)
    expect(other.page).to_have_url(f"{review.at}/login")
