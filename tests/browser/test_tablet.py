"""What has to fit on a tablet, and stay in sight there; and lists of keys and candidates that have room to be read."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from benchmarks.browsing import Review
from tests.browser.conftest import TABLET, Browsers, Standing

SHEET = "/sheets?sheet=cover_marks%2301066"


def box_of(found: Locator) -> dict[str, float]:
    """Return where something stands in the window."""
    box = found.bounding_box()
    assert box is not None
    return dict(box)


def is_within(page: Page, found: Locator) -> bool:
    """Tell whether all of something can be seen without scrolling."""
    box, size = box_of(found), page.viewport_size
    assert size is not None
    return box["y"] >= 0 and box["y"] + box["height"] <= size["height"] + 1


def test_the_queue_fits_with_the_surroundings_of_the_field(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(TABLET, state=standing.state).page
    page.goto(f"{standing.at}/queue")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    expect(page.locator("#around img")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollHeight") <= TABLET["height"]
    assert is_within(page, page.locator(".facts"))


@pytest.mark.parametrize("tablet", [False, True])
def test_nothing_is_cut_through_that_is_told_of_a_field(browsers: Browsers, standing: Standing, tablet: bool) -> None:
    watched = browsers.open(TABLET, state=standing.state) if tablet else browsers.open(state=standing.state)
    page = watched.page
    page.goto(f"{standing.at}/queue")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    page.locator("#why").evaluate("one => { one.textContent = 'words about the sums of this sheet '.repeat(20) }")
    lines = page.locator(".reason").evaluate("""one => {
      const why = one.querySelector("#why");
      const room = one.getBoundingClientRect().bottom - why.getBoundingClientRect().top;
      return room / parseFloat(getComputedStyle(why).lineHeight);
    }""")
    assert lines >= 2 and abs(lines - round(lines)) < 0.1
    # A long name gives way in its middle: its end, the page and the template can be read.
    page.locator("#scan span").first.evaluate(
        "one => { one.textContent = 'a long name of an office scanner '.repeat(3) }"
    )
    page.locator("#field span").first.evaluate("one => { one.textContent = 'a_long_name_'.repeat(5) }")
    place, last, template = (box_of(page.locator(each)) for each in ("#scan", "#scan span:last-child", "#field"))
    assert last["width"] > 50 and last["x"] + last["width"] <= place["x"] + place["width"] + 1
    end = box_of(page.locator("#field span:last-child"))
    assert end["width"] > 40 and end["x"] + end["width"] <= template["x"] + template["width"] + 1


def test_while_the_surroundings_are_drawn_that_is_what_stands_in_their_place(
    browsers: Browsers, standing: Standing
) -> None:
    page = browsers.open(state=standing.state).page
    page.goto(f"{standing.at}/queue")
    expect(page.locator("#around img")).to_be_visible()
    placeholder = page.locator("#around").evaluate("one => getComputedStyle(one, '::before').content")
    assert "being drawn" in placeholder
    page.wait_for_function("() => document.querySelector('#around img').naturalWidth > 0")


def test_one_s_own_name_can_be_read_in_the_header(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(TABLET, state=standing.state).page
    page.goto(f"{standing.at}/sheets")
    who = page.locator(".who")
    expect(who).to_have_text("Kim")
    assert who.evaluate("one => one.scrollWidth <= one.clientWidth")
    who.evaluate("one => { one.textContent = 'Somebody with a long name' }")
    page.locator("#saving").evaluate("one => { one.textContent = '12 not stored' }")
    assert box_of(who)["width"] > 70
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_rows_of_the_list_of_sheets_stay_low(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(TABLET, state=standing.state).page
    page.goto(f"{standing.at}/sheets")
    expect(page.locator("#body tr").first).to_be_visible()
    heights = page.evaluate("[...document.querySelectorAll('#body tr')].map((one) => one.offsetHeight)")
    assert max(heights) <= 160
    assert page.locator("#body .file").first.evaluate("one => one.offsetWidth") > 150


@pytest.mark.parametrize("tablet", [False, True])
def test_the_field_that_is_edited_stays_in_sight(browsers: Browsers, standing: Standing, tablet: bool) -> None:
    watched = browsers.open(TABLET, state=standing.state) if tablet else browsers.open(state=standing.state)
    page = watched.page
    page.goto(standing.at + SHEET)
    expect(page.locator("#paper image")).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator(".field.chosen")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#typed")).to_be_focused()
    assert is_within(page, page.locator(".field.chosen .box").first)
    assert is_within(page, page.locator("#typed"))


def test_the_head_of_a_sheet_takes_one_line_each(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(TABLET, state=standing.state).page
    page.goto(standing.at + SHEET)
    expect(page.locator("#paper image")).to_be_visible()
    for line in (("#name", "#previous", "#next"), ("#pages", "#zoom-out", "#zoom-in")):
        boxes = [box_of(page.locator(one)) for one in line]
        middles = [one["y"] + one["height"] / 2 for one in boxes]
        assert max(middles) - min(middles) <= 6


def test_candidates_that_were_found_can_be_seen(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(state=standing.state).page
    page.goto(standing.at + SHEET)
    expect(page.locator("#paper image")).to_be_visible()
    page.keyboard.press("c")
    expect(page.locator("#who")).to_be_focused()
    page.keyboard.type("sample")
    expect(page.locator("#who-found [role=option]").nth(4)).to_be_visible()
    for at in range(4):
        assert is_within(page, page.locator("#who-found [role=option]").nth(at))
    assert is_within(page, page.locator("#who"))


def test_the_list_of_keys_opens_at_its_beginning_and_leaves_room_for_words(
    browsers: Browsers, standing: Standing
) -> None:
    page = browsers.open(state=standing.state).page
    page.goto(standing.at + SHEET)
    expect(page.locator("#paper image")).to_be_visible()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    assert page.locator("#keys-list").evaluate("one => one.scrollTop") == 0
    assert is_within(page, page.locator("#keys-list dt").first)
    assert box_of(page.locator("#keys-list dt").first)["width"] < box_of(page.locator("#keys-list dd").first)["width"]
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_hidden()


def test_on_the_wall_words_stand_below_the_crops_and_buttons_in_one_line(browsers: Browsers, review: Review) -> None:
    # On a server of its own: windows of other tests may still have these fields.
    page = browsers.open(TABLET).page
    page.goto(review.link)
    page.goto(f"{review.at}/wall")
    page.locator(".wall-group").last.click()
    expect(page.locator("#wall-grid button.crop").first).to_be_focused()
    expect(page.locator("#wall-about")).to_have_text(re.compile(r"\w"))
    grid, about = box_of(page.locator("#wall-grid")), box_of(page.locator("#wall-about"))
    last = box_of(page.locator("#wall-grid .cell").last)
    assert about["y"] - (last["y"] + last["height"]) < 30 and about["y"] >= grid["y"]
    tops = {round(box_of(page.locator(one))["y"]) for one in ("#wall-back", "#wall-undo", "#wall-confirm")}
    assert max(tops) - min(tops) <= 4
