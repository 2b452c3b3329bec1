"""The Sheet view: a field edited on its page, a page placed by hand, one of two pictures chosen."""

import re
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import expect

from benchmarks.browsing import Review
from flows.records import PageRow
from flows.store import open_store
from recognizer.records import PageOutcomeKind
from tests.browser.conftest import Graded, Watched
from tests.browser.graded import AGAIN, TORN, TORN_SERIAL
from tests.browser.steps import open_keys, press, trail

READING_MS = 60_000
"""A page is read by a process that is started for it, beside everything else that runs here."""


def pages_of(folder: Path) -> Sequence[PageRow]:
    with open_store(folder) as store:
        return store.pages()


def outcome_of(folder: Path, file: str, number: int) -> PageOutcomeKind:
    with open_store(folder) as store:
        return next(row.outcome for row in store.pages() if (row.file, row.number) == (file, number))


def test_a_field_is_edited_on_its_page_by_keyboard(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    page.goto(f"{review.at}/sheets?show=open&q=cover_marks")
    expect(page.locator("#body tr").first).to_be_visible()
    press(page, "j", "Enter")
    expect(page.locator("#paper image")).to_be_visible()
    press(page, "o")
    expect(page.locator("#field-name")).not_to_have_text("No field chosen")
    crop = page.locator("#crop")
    expect(crop).to_be_visible()
    assert crop.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    key = (crop.get_attribute("src") or "").split("/")[-1].split(".png")[0]
    assert key in open_keys(folder)
    press(page, "Enter")
    expect(page.locator("#typed")).to_be_focused()
    page.locator("#typed").press("Control+a")
    press(page, *"1", "Enter")
    expect(page.locator("#undo")).to_be_enabled()
    page.locator("#history summary").press("Enter")
    expect(page.locator("#history-list li")).to_have_count(1)
    assert [(row.correction.key, row.correction.value, row.correction.how) for row in trail(folder)] == [
        (key, "1", "sheet")
    ]


def test_a_page_is_placed_by_hand(kim: Watched, review: Review, folder: Path, graded: Graded) -> None:
    page = kim.page
    # With one corner shown and three to come, the four make no page yet.
    kim.expected.append("422")
    assert outcome_of(folder, TORN, 2) is PageOutcomeKind.FAILED
    page.goto(f"{review.at}/sheets?show=failed")
    page.locator("#body a.row-link").click()
    expect(page.locator("#no-picture")).to_be_hidden(timeout=READING_MS)
    page.locator("#template").select_option("booklet")
    page.locator("#page").select_option("2")
    for part in ("#steps li:last-child", "#confirm"):
        expect(page.locator(part)).to_be_in_viewport(ratio=1)
    shown = page.locator("#paper image").bounding_box()
    assert shown is not None

    def click(number: int) -> None:
        across, down = graded.corners[number]
        page.mouse.click(shown["x"] + across * shown["width"], shown["y"] + down * shown["height"])

    click(0)
    # Nothing is read where nobody showed it; and a click on what is there already is told.
    expect(page.locator("#problem")).to_contain_text("3 are missing")
    click(0)
    expect(page.locator("#problem")).to_contain_text("Corner 1 is here already")
    for number in (1, 2):
        click(number)
    expect(page.locator("#problem")).to_contain_text("one is missing")
    expect(page.locator("#confirm")).to_be_disabled()
    click(3)
    expect(page.locator("#steps li.done")).to_have_count(4)
    expect(page.locator("polygon.landing").nth(5)).to_be_attached()
    expect(page.locator("#problem")).to_be_empty()
    expect(page.locator("#confirm")).to_be_enabled()
    page.locator("#confirm").click()
    # Without its number nothing tells which sheet it belongs to: what is told leads on.
    expect(page.locator("#after code")).to_contain_text("--join", timeout=READING_MS)
    expect(page.locator("#after a")).to_have_count(0)
    page.locator("#after button").click()
    expect(page.locator("#serial")).to_be_focused()
    page.locator("#serial").fill(str(TORN_SERIAL))
    expect(page.locator("#confirm")).to_be_enabled()
    page.locator("#confirm").click()
    expect(page.locator("#after a")).to_contain_text(f"booklet#{TORN_SERIAL:05}", timeout=READING_MS)
    assert outcome_of(folder, TORN, 2) is PageOutcomeKind.READ
    with open_store(folder) as store:
        assert [(one.placed.template, one.placed.serial, one.reviewer) for one in store.placements()] == [
            ("booklet", None, "Kim"),
            ("booklet", TORN_SERIAL, "Kim"),
        ]


def test_corners_that_cannot_be_meant_are_refused_before_anything_is_read(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("422")
    page.goto(f"{review.at}/sheets?show=failed")
    page.locator("#body a.row-link").click()
    expect(page.locator("#no-picture")).to_be_hidden(timeout=READING_MS)
    shown = page.locator("#paper image").bounding_box()
    assert shown is not None
    for share in (0.5, 0.505, 0.51, 0.515):
        page.mouse.click(shown["x"] + share * shown["width"], shown["y"] + share * shown["height"])
    expect(page.locator("#problem")).not_to_be_empty()
    expect(page.locator("#confirm")).to_be_disabled()
    assert outcome_of(folder, TORN, 2) is PageOutcomeKind.FAILED


def test_where_the_server_has_forgotten_what_it_did_that_is_said(kim: Watched, review: Review) -> None:
    page = kim.page
    page.goto(f"{review.at}/sheets?show=held")
    page.locator("#body a.row-link").click()
    expect(page.locator("svg.viewer image")).to_have_count(2)
    # What is sent never arrives, so nothing is known of it there, as after a restart.
    page.route("**/*", lambda route: route.fulfill(json={}) if route.request.method == "POST" else route.continue_())
    press(page, "r", "Enter")
    expect(page.locator("#outcome")).to_contain_text("It is not known what became of this")
    expect(page.get_by_role("link", name="Load this page again")).to_be_visible()
    expect(page.locator("#progress")).to_be_hidden()


def test_of_two_pictures_of_a_page_one_is_chosen_after_asking_and_otherwise_again(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    with open_store(folder) as store:
        held = next(row for row in store.pages() if row.outcome is PageOutcomeKind.HELD)
    other = AGAIN if held.file == TORN else TORN
    page.goto(f"{review.at}/sheets?show=held")
    page.locator("#body a.row-link").click()
    expect(page.locator("svg.viewer image")).to_have_count(2)
    sides = {
        one.file: page.locator(f'figure[data-page="{one.scan}/{one.number}"]')
        for one in pages_of(folder)
        if one.file in (TORN, AGAIN) and one.number == 1
    }
    expect(sides[held.file].locator("figcaption")).to_contain_text("Held")
    # One letter alone decides nothing: it asks, and Escape leaves everything as it was.
    press(page, "r")
    expect(page.locator("#sure")).to_be_visible()
    expect(page.locator("#sure-words")).to_contain_text(f"{held.file} page 1 counts from now on")
    press(page, "Escape")
    expect(page.locator("#sure")).to_be_hidden()
    assert outcome_of(folder, held.file, held.number) is PageOutcomeKind.HELD
    press(page, "r")
    expect(page.locator("#sure-yes")).to_be_focused()
    press(page, "Enter")
    expect(page.locator("#outcome")).to_contain_text("To the held pages", timeout=READING_MS)
    assert outcome_of(folder, held.file, held.number) is PageOutcomeKind.READ
    assert outcome_of(folder, other, 1) is PageOutcomeKind.DUPLICATE
    # The two sides say what is true now, and it can be decided otherwise right there.
    expect(sides[held.file].locator("figcaption")).to_contain_text("Counts")
    expect(sides[other].locator("figcaption")).to_contain_text("Set aside")
    expect(sides[other].locator(".words")).to_contain_text("decided by Kim")
    expect(page.locator("#replace")).to_be_disabled()
    expect(page.locator("#keep")).to_have_text(re.compile("Go back to the first"))
    press(page, "k", "Enter")
    expect(sides[other].locator("figcaption")).to_contain_text("Counts", timeout=READING_MS)
    expect(page.locator("#keep")).to_be_disabled()
    expect(page.locator("#replace")).to_be_enabled()
    assert outcome_of(folder, other, 1) is PageOutcomeKind.READ
