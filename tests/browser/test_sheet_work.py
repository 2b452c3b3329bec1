"""Work on one sheet: where it opens, what a remark leads to, what undo takes back, how the page is zoomed and moved."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browsing import Review
from flows.records import Act
from tests.browser.conftest import Browsers, Standing, Watched
from tests.browser.steps import press, said, trail

AT = "/sheets?sheet=cover_marks%23"
CONTRADICTS = f"{AT}01066"
"""Its marks and its total do not agree: the examiner left one out."""
STRANGER = f"{AT}01070"
"""The number of its candidate is not on the roster."""
FORGOTTEN = f"{AT}01074"
"""A mark was left empty."""

FIELD = "#paper .field.chosen"


def open_sheet(page: Page, at: str) -> None:
    page.goto(at)
    expect(page.locator("#paper image")).to_be_visible()
    expect(page.locator("#marks tr").first).to_be_visible()


def key_of(page: Page, label: str) -> str:
    """Return the key of a field of the sheet, by how it is labelled."""
    return str(page.locator(f'#paper .field[aria-label^="{label}"]').get_attribute("data-key"))


def chosen(page: Page) -> str:
    """Return the label of the field that is chosen."""
    expect(page.locator(FIELD)).to_be_focused()
    return page.locator("#field-name").inner_text()


def shown(page: Page) -> list[float]:
    """Return the part of the page that is seen: left, top, width, height."""
    return [float(one) for one in (page.locator("#paper").get_attribute("viewBox") or "").split()]


# ---- where it opens --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "first"), [(CONTRADICTS, "4 (max 10)"), (STRANGER, "Candidate number")])
def test_a_sheet_opens_at_the_field_that_its_remark_names(
    browsers: Browsers, standing: Standing, at: str, first: str
) -> None:
    page = browsers.open(state=standing.state).page
    open_sheet(page, standing.at + at)
    assert chosen(page) == first
    press(page, "Enter")
    expect(page.locator("#typed")).to_be_focused()


def test_a_remark_is_a_link_to_its_field(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(state=standing.state).page
    open_sheet(page, standing.at + CONTRADICTS)
    press(page, "ArrowDown")
    assert chosen(page) != "4 (max 10)"
    remark = page.locator("#remarks a").first
    remark.focus()
    press(page, "Enter")
    assert chosen(page) == "4 (max 10)"
    # As an address of its own it leads there too.
    key = key_of(page, "4 (max 10)")
    assert f"field={key}" in (remark.get_attribute("href") or "").replace("%2F", "/")
    open_sheet(page, f"{standing.at}{remark.get_attribute('href')}")
    assert chosen(page) == "4 (max 10)"


# ---- saying, and taking back -----------------------------------------------------------------------------------------


def test_nothing_awarded_is_one_key_where_the_field_allows_it(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    open_sheet(page, review.at + FORGOTTEN)
    page.locator('#paper .field[aria-label^="2 (max 10)"]').focus()
    expect(page.locator("#nothing")).to_be_enabled()
    press(page, "a")
    expect(page.locator("#problem")).to_have_text("2 (max 10): -, saved")
    assert said(folder) == [("Kim", "say", "-")]
    page.locator('#paper .field[aria-label^="Candidate"]').first.focus()
    expect(page.locator("#nothing")).to_be_disabled()
    press(page, "a")
    expect(page.locator("#problem")).to_have_text("This field cannot say that nothing was awarded.")
    assert len(said(folder)) == 1


def test_undo_takes_back_what_was_said_last_and_not_what_stands_in_the_field_that_came_next(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_sheet(page, review.at + CONTRADICTS)
    second, first = key_of(page, "5 (max 10)"), key_of(page, "4 (max 10)")
    # What stands on the field after it was said before, in another window.
    page.locator(f'#paper [data-key="{second}"]').focus()
    press(page, "Enter", "Control+a", *"1.5", "Enter")
    expect(page.locator("#problem")).to_have_text("5 (max 10): 1.5, saved")
    open_sheet(page, review.at + CONTRADICTS)
    expect(page.locator("#undo")).to_be_disabled()
    page.locator(f'#paper [data-key="{first}"]').focus()
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    assert chosen(page) == "5 (max 10)"
    press(page, "u")
    expect(page.locator("#problem")).to_have_text("Taken back: 7.5, 4 (max 10)")
    assert chosen(page) == "4 (max 10)"
    assert [(row.correction.key, row.correction.act) for row in trail(folder)] == [
        (second, Act.SAY),
        (first, Act.SAY),
        (first, Act.UNDO),
    ]
    press(page, "u")
    expect(page.locator("#problem")).to_have_text("You have said nothing here yet.")
    assert len(trail(folder)) == 3


def test_undo_goes_back_to_the_sheet_on_which_the_last_was_said(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    open_sheet(page, review.at + CONTRADICTS)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    press(page, "n")
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    press(page, "u")
    expect(page.locator("#name")).to_have_text("cover_marks#01066")
    expect(page.locator("#problem")).to_have_text("Taken back: 7.5, 4 (max 10)")
    assert [act for _, act, _ in said(folder)] == ["say", "undo"]


def test_what_stands_in_the_chosen_field_is_taken_back_by_its_own_key(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_sheet(page, review.at + CONTRADICTS)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    open_sheet(page, review.at + CONTRADICTS)
    page.locator(f'#paper [data-key="{key_of(page, "4 (max 10)")}"]').focus()
    press(page, "U")
    expect(page.locator("#problem")).to_have_text("Taken back: what Kim said of 4 (max 10), 7.5")
    expect(page.locator("#take-back")).to_be_disabled()
    assert [act for _, act, _ in said(folder)] == ["say", "undo"]


# ---- zoom and pan ----------------------------------------------------------------------------------------------------


def test_the_page_is_zoomed_and_moved_by_keyboard(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(state=standing.state).page
    open_sheet(page, standing.at + CONTRADICTS)
    page.locator("#paper").focus()
    press(page, "0")
    whole = shown(page)
    press(page, "+", "+")
    left, top, width, height = near = shown(page)
    assert width == pytest.approx(whole[2] / 1.25**2, abs=0.01)
    # The middle stays in the middle.
    assert left + width / 2 == pytest.approx(whole[0] + whole[2] / 2, abs=0.01)
    assert top + height / 2 == pytest.approx(whole[1] + whole[3] / 2, abs=0.01)
    press(page, "ArrowRight", "ArrowDown")
    assert shown(page) == pytest.approx([left + 0.12 * width, top + 0.12 * height, width, height], abs=0.01)
    press(page, "ArrowLeft", "ArrowUp")
    assert shown(page) == pytest.approx(near, abs=0.01)
    press(page, "-", "-")
    assert shown(page) == pytest.approx(whole, abs=0.01)
    press(page, "w")
    assert shown(page)[2] < whole[2]
    press(page, "0")
    assert shown(page) == pytest.approx(whole, abs=0.01)
    # With a field chosen the arrows lead to other fields, with Shift they move the page.
    page.locator('#paper .field[aria-label^="4 (max 10)"]').focus()
    press(page, "ArrowDown")
    assert shown(page) == pytest.approx(whole, abs=0.01)
    assert chosen(page) == "5 (max 10)"
    press(page, "+", "Shift+ArrowRight")
    moved = shown(page)
    assert moved[0] > whole[0] + (whole[2] - moved[2]) / 2


def test_the_page_is_zoomed_and_moved_by_mouse(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(state=standing.state).page
    open_sheet(page, standing.at + CONTRADICTS)
    box = page.locator("#paper").bounding_box()
    assert box is not None
    x, y = round(box["x"] + box["width"] / 2 - 60), round(box["y"] + box["height"] / 2 + 40)
    under = """([x, y]) => {
      const svg = document.getElementById("paper");
      const at = new DOMPoint(x, y).matrixTransform(svg.getScreenCTM().inverse());
      return [at.x, at.y];
    }"""
    before = page.evaluate(under, [x, y])
    whole = shown(page)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -100)
    page.wait_for_function("wide => document.getElementById('paper').viewBox.baseVal.width < wide - 1", arg=whole[2])
    # What is under the pointer stays there.
    assert page.evaluate(under, [x, y]) == pytest.approx(before, abs=0.1)
    name = page.locator("#field-name").inner_text()
    page.mouse.down()
    page.mouse.move(x + 90, y - 50, steps=5)
    page.mouse.up()
    assert page.evaluate(under, [x + 90, y - 50]) == pytest.approx(before, abs=0.2)
    # A drag that ends on a field does not choose it.
    assert page.locator("#field-name").inner_text() == name
    page.mouse.wheel(0, 100)
    page.locator("#zoom-all").click()
    assert shown(page) == pytest.approx(whole, abs=0.01)
    for button, is_nearer in (("#zoom-in", True), ("#zoom-all", False), ("#zoom-wide", True), ("#zoom-all", False)):
        page.locator(button).click()
        assert (shown(page)[2] < whole[2] - 0.01) is is_nearer
    page.locator("#zoom-out").click()
    assert shown(page)[2] > whole[2]
    page.locator("#zoom-all").click()
    field = page.locator('#paper .field[aria-label^="7 (max 10)"] .box').first
    field.click()
    expect(page.locator("#field-name")).to_have_text("7 (max 10)")
    expect(page.locator("#typed")).to_be_focused()
