"""What fails in the middle of a save: the decision is stored, or still on the screen, and the page says which."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import MARKS, key_shown, open_queue, press, said, wait_for_next, wait_saved, wait_until

AT = "/sheets?sheet=cover_marks%2301066"
DATA = "**/sheets/data?sheet=cover_marks%2301066"
SAY = {"queue": "**/queue/say", "sheet": "**/sheets/say", "wall": "**/wall/confirm"}
MARK = '#paper .field[aria-label^="{} (max 10)"]'
"""The mark of a question, on the paper."""

MOST = 80
"""More fields than are open."""
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


def choose_mark(page: Page, review: Review, question: str) -> None:
    """Open the sheet anew, wherever it opens, and choose the mark of a question."""
    open_sheet(page, review)
    page.locator(MARK.format(question)).focus()


def save_mark_4(page: Page, review: Review, value: str) -> None:
    """Say on the sheet what the mark of question 4 is, and wait until that is stored."""
    choose_mark(page, review, "4")
    press(page, "Enter", "Control+a", *value, "Enter")
    expect(page.locator("#problem")).to_have_text(f"4 (max 10): {value}, saved")


def hold(page: Page, address: str) -> list[Route]:
    """Hold what is sent to an address next; return it once it is sent."""
    held: list[Route] = []

    def note(route: Route) -> None:
        # Playwright notes on a handler what it wraps; the method of a list has no room for notes.
        held.append(route)

    page.route(address, note, times=1)
    return held


@pytest.mark.parametrize("status", [503, 507])
def test_a_full_disk_is_told_and_the_queue_s_decision_waits_for_room(
    kim: Watched, review: Review, folder: Path, status: int
) -> None:
    page = kim.page
    kim.expected.append(str(status))
    open_queue(page, review, MARKS)
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
    open_queue(page, review, MARKS)
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


def test_a_field_that_is_handed_out_again_while_its_refused_answer_comes_back_is_shown_once(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("500")
    open_queue(page, review, MARKS)
    first = key_shown(page)
    held: dict[str, Route] = {}

    def hold(route: Route) -> None:
        held[route.request.url.rsplit("/", 2)[1]] = route

    page.route("**/queue/field/*", hold)
    page.route(SAY["queue"], lambda route: route.fulfill(status=500, json={"problem": "A fault of ours."}))
    press(page, "3", "Enter")
    wait_for_next(page, first)
    wait_until(page, lambda: "field" in held)
    page.unroute(SAY["queue"])
    # What is said now is on its way until the end: nothing that the server learns tidies up here.
    page.route(SAY["queue"], lambda _: None)
    with page.expect_response(lambda one: one.url.endswith("/queue/next") and first in one.text()):
        page.locator("#choice [name=order]").select_option("unsurest")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    with page.expect_response("**/queue/field/*"):
        held["field"].continue_()
    expect(page.locator("#told")).to_contain_text("A fault of ours.")
    # Skipped one after another, they come again once all have been there: the first that does is the one seen first.
    shown = [key_shown(page)]
    for _ in range(MOST):
        press(page, "PageDown")
        wait_for_next(page, shown[-1])
        shown.append(key_shown(page))
        if shown[-1] in shown[:-1]:
            break
    assert first in shown
    assert shown[-1] == shown[0]
    assert said(folder) == []


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


@pytest.mark.parametrize("stood", ["7.5", "6"])
def test_of_two_windows_on_one_sheet_the_later_is_told_and_keeps_what_was_typed(
    kim: Watched, review: Review, folder: Path, stood: str
) -> None:
    page = kim.page
    kim.expected.append("409")
    # Whatever the reader made of the field: what is typed below is what stood there, or is not.
    save_mark_4(page, review, stood)
    choose_mark(page, review, "4")
    save_mark_4(page.context.new_page(), review, "7")
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_contain_text("in another window. This answer was not stored.")
    expect(page.locator('#paper .field[aria-label^="4 (max 10): 7 "]')).to_be_attached()
    expect(page.locator("#typed")).to_have_value("7.5")
    expect(page.locator("#field-why")).to_contain_text("Said by Kim")
    assert said(folder) == [("Kim", "say", stood), ("Kim", "say", "7")]
    # Who has read that, and stays by it, saves again.
    press(page, "Enter")
    if page.locator("#typed").evaluate("one => one !== document.activeElement"):
        press(page, "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    assert said(folder) == [("Kim", "say", stood), ("Kim", "say", "7"), ("Kim", "say", "7.5")]


@pytest.mark.parametrize("stood", ["7.5", "6"])
@pytest.mark.parametrize("elsewhere", ["field", "sheet"])
def test_what_was_said_and_refused_after_one_has_gone_on_is_there_when_one_comes_back(
    kim: Watched, review: Review, folder: Path, stood: str, elsewhere: str
) -> None:
    page = kim.page
    kim.expected.append("409")
    save_mark_4(page, review, stood)
    choose_mark(page, review, "4")
    save_mark_4(page.context.new_page(), review, "7")
    held = hold(page, SAY["sheet"])
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    wait_until(page, lambda: bool(held))
    if elsewhere == "field":
        page.locator(MARK.format("2")).focus()
        press(page, "Enter", "Control+a", "3")
        words = "4 (max 10): You decided this field yourself"
    else:
        page.locator("#next").click()
        expect(page.locator("#name")).to_have_text("cover_marks#01067")
        words = "Not stored on cover_marks#01066: You decided this field yourself"
    held[0].continue_()
    expect(page.locator("#problem")).to_contain_text(words)
    if elsewhere == "field":
        expect(page.locator('#paper .field[aria-label^="4 (max 10): 7 "]')).to_be_attached()
        expect(page.locator("#field-name")).to_have_text("2 (max 10)")
        expect(page.locator("#typed")).to_have_value("3")
        expect(page.locator("#typed")).to_be_focused()
    else:
        page.locator("#previous").click()
        expect(page.locator("#name")).to_have_text("cover_marks#01066")
    page.locator(MARK.format("4")).focus()
    expect(page.locator("#typed")).to_have_value("7.5")
    assert said(folder) == [("Kim", "say", stood), ("Kim", "say", "7")]


@pytest.mark.parametrize("question", ["4", "2"])
def test_whoever_types_on_while_a_sheet_is_asked_for_again_is_not_disturbed(
    kim: Watched, review: Review, folder: Path, question: str
) -> None:
    page = kim.page
    kim.expected.append("409")
    choose_mark(page, review, "4")
    save_mark_4(page.context.new_page(), review, "7")
    held = hold(page, DATA)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    wait_until(page, lambda: bool(held))
    if question != "4":
        page.locator(MARK.format(question)).focus()
        press(page, "Enter")
    press(page, "Control+a", "2")
    held[0].continue_()
    expect(page.locator('#paper .field[aria-label^="4 (max 10): 7 "]')).to_be_attached()
    expect(page.locator("#field-name")).to_have_text(f"{question} (max 10)")
    expect(page.locator("#typed")).to_have_value("2")
    expect(page.locator("#typed")).to_be_focused()
    assert said(folder) == [("Kim", "say", "7")]


def test_a_sheet_that_is_asked_for_again_does_not_come_back_over_the_next_one(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected.append("409")
    save_mark_4(page, review, "7.5")
    choose_mark(page, review, "4")
    save_mark_4(page.context.new_page(), review, "7")
    held = hold(page, DATA)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    wait_until(page, lambda: bool(held))
    page.locator("#next").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    page.locator(MARK.format("2")).focus()
    press(page, "Enter", "Control+a", "2")
    with page.expect_response(DATA):
        held[0].continue_()
    # Whatever the page does with that answer is done once it is not saving any more.
    expect(page.locator("#view")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    expect(page.locator("#field-name")).to_have_text("2 (max 10)")
    expect(page.locator("#typed")).to_have_value("2")
    page.locator("#previous").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01066")
    page.locator(MARK.format("4")).focus()
    expect(page.locator("#typed")).to_have_value("7.5")
    assert said(folder) == [("Kim", "say", "7.5"), ("Kim", "say", "7")]


@pytest.mark.parametrize("elsewhere", ["field", "sheet"])
def test_what_was_typed_after_an_answer_is_not_lost_with_it_when_one_has_gone_on(
    kim: Watched, review: Review, folder: Path, elsewhere: str
) -> None:
    page = kim.page
    choose_mark(page, review, "4")
    held = hold(page, SAY["sheet"])
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    wait_until(page, lambda: bool(held))
    press(page, "Control+a", "8")
    if elsewhere == "field":
        page.locator(MARK.format("2")).focus()
    else:
        page.locator("#next").click()
        expect(page.locator("#name")).to_have_text("cover_marks#01067")
    with page.expect_response(SAY["sheet"]):
        held[0].continue_()
    expect(page.locator("#saving")).to_have_text("Saved")
    if elsewhere == "field":
        expect(page.locator("#problem")).to_contain_text("4 (max 10): 7.5, saved")
    else:
        page.locator("#previous").click()
        expect(page.locator("#name")).to_have_text("cover_marks#01066")
    page.locator(MARK.format("4")).focus()
    expect(page.locator("#typed")).to_have_value("8")
    assert said(folder) == [("Kim", "say", "7.5")]


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


@pytest.mark.parametrize("elsewhere", [True, False])
def test_what_is_typed_while_an_answer_is_being_saved_stays_where_it_is(
    kim: Watched, review: Review, folder: Path, elsewhere: bool
) -> None:
    page = kim.page
    open_sheet(page, review)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(SAY["sheet"], hold)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    if elsewhere:
        page.locator('#paper .field[aria-label^="2 (max 10)"]').focus()
        press(page, "Enter")
    press(page, "Control+a", "2", "Enter")
    expect(page.locator("#problem")).to_contain_text("The answer before is still being saved; this one waits here")
    held[0].continue_()
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved. What is typed here is not saved yet.")
    label = "2 (max 10)" if elsewhere else "4 (max 10)"
    expect(page.locator("#field-name")).to_have_text(label)
    expect(page.locator("#typed")).to_have_value("2")
    expect(page.locator("#typed")).to_be_focused()
    page.unroute(SAY["sheet"])
    press(page, "Enter")
    expect(page.locator("#problem")).to_have_text(f"{label}: 2, saved")
    assert said(folder) == [("Kim", "say", "7.5"), ("Kim", "say", "2")]


def test_what_is_typed_while_an_answer_is_being_taken_back_stays_where_it_is(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    open_sheet(page, review)
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#problem")).to_have_text("4 (max 10): 7.5, saved")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/sheets/undo", hold)
    press(page, "u")
    wait_until(page, lambda: bool(held))
    page.locator('#paper .field[aria-label^="2 (max 10)"]').focus()
    press(page, "Enter", "Control+a", "2")
    expect(page.locator("#typed")).to_have_value("2")
    held[0].continue_()
    expect(page.locator("#problem")).to_contain_text(
        "Taken back: 7.5, 4 (max 10). What is typed here is not saved yet."
    )
    expect(page.locator("#field-name")).to_have_text("2 (max 10)")
    expect(page.locator("#typed")).to_have_value("2")
    assert [act for _, act, _ in said(folder)] == ["say", "undo"]


def test_whom_one_looks_for_while_a_candidate_is_being_saved_is_still_looked_for(kim: Watched, review: Review) -> None:
    page = kim.page
    open_sheet(page, review)
    held = hold(page, "**/sheets/candidate")
    press(page, "c", *"14513195")
    expect(page.locator("#who-found [role=option]")).to_contain_text("14513195")
    press(page, "Enter")
    wait_until(page, lambda: bool(held))
    press(page, "Control+a", *"76316594")
    expect(page.locator("#who-found [role=option]")).to_contain_text("76316594")
    held[0].continue_()
    expect(page.locator("#problem")).to_have_text("The sheet is 14513195's")
    expect(page.locator("#who")).to_have_value("76316594")
    expect(page.locator("#who-found [role=option]")).to_contain_text("76316594")


def test_a_failure_that_goes_on_is_told_on_the_next_sheet_too(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    kim.expected.append("507")
    open_sheet(page, review)
    page.route(SAY["sheet"], lambda route: route.fulfill(status=507, json={"problem": FULL}))
    press(page, "Enter", "Control+a", *"7.5", "Enter")
    expect(page.locator("#offline")).to_contain_text(FULL)
    # No more is sent: the line below must stand by itself, not come again with the next attempt.
    page.route(SAY["sheet"], lambda _: None)
    page.locator("#next").click()
    expect(page.locator("#name")).to_have_text("cover_marks#01067")
    assert FULL in page.locator("#offline").inner_text()
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
