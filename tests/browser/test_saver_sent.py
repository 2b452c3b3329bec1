"""What exactly is sent of a decision that waits: its own token, the revision that was seen, the row that is meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from benchmarks.browsing import Review
from flows.store import open_store
from tests.browser.conftest import Watched
from tests.browser.steps import (
    MARKS,
    body_of,
    key_shown,
    open_queue,
    press,
    said,
    trail,
    wait_for_next,
    wait_saved,
    wait_until,
)

SAY, UNDO = "**/queue/say", "**/queue/undo"
LOST = "ERR_CONNECTION_RESET"


@pytest.fixture
def page(kim: Watched) -> Page:
    """Return Kim's page: it loses answers, and is loaded again with decisions waiting, as its tests want it."""
    kim.expected += [LOST, "409", "beforeunload"]
    kim.page.on("dialog", lambda dialog: dialog.accept())
    return kim.page


def answer(page: Page, *keys: str) -> str:
    """Decide the field on the screen; return its key."""
    key = key_shown(page)
    press(page, *keys)
    wait_for_next(page, key)
    return key


def lose_answers(page: Page, address: str, number: int) -> list[dict[str, Any]]:
    """Have so many requests arrive whose answers are lost on their way back; return what is sent, as it is sent."""
    sent: list[dict[str, Any]] = []

    def lose(route: Route) -> None:
        sent.append(body_of(route.request))
        if len(sent) <= number:
            route.fetch()
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(address, lose)
    return sent


def block(page: Page, address: str) -> Callable[[], None]:
    """Let nothing arrive at an address; what is returned lets it through again."""
    page.route(address, lambda route: route.abort("connectionreset"))
    return lambda: page.unroute(address)


def row_of(folder: Path, key: str) -> int:
    """Return the number of the last row about a field."""
    return [row.number for row in trail(folder) if row.correction.key == key][-1]


def revision_of(folder: Path, key: str) -> str:
    with open_store(folder) as store:
        row = store.field(key)
    assert row is not None
    return row.revision


def say_on_sheet(page: Page, review: Review, key: str, *keys: str) -> None:
    """Say something of a field in another window, on its sheet."""
    other = page.context.new_page()
    with open_store(review.folder) as store:
        row = store.field(key)
    assert row is not None
    other.goto(f"{review.at}/sheets?sheet={row.sheet.replace('#', '%23')}&field={key}")
    expect(other.locator("#paper .field.chosen")).to_be_focused()
    press(other, *keys)
    expect(other.locator("#saving")).to_have_text("Saved")
    other.close()


# ---- the token -------------------------------------------------------------------------------------------------------


def test_what_was_sent_is_sent_again_as_it_was(page: Page, review: Review, folder: Path) -> None:
    open_queue(page, review, MARKS)
    sent = lose_answers(page, SAY, 2)
    answer(page, "3", "Enter")
    wait_saved(page)
    assert len(sent) == 3
    assert sent[0] == sent[1] == sent[2]
    assert said(folder) == [("Kim", "say", "3")]


def test_what_was_sent_before_a_reload_is_sent_after_it_as_it_was(page: Page, review: Review, folder: Path) -> None:
    open_queue(page, review, MARKS)
    sent = lose_answers(page, SAY, 1)
    answer(page, "3", "Enter")
    wait_until(page, lambda: bool(sent) and bool(said(folder)))
    page.reload()
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    wait_until(page, lambda: len(sent) > 1)
    wait_saved(page)
    assert {one["token"] for one in sent} == {sent[0]["token"]}
    assert {one["revision"] for one in sent} == {sent[0]["revision"]}
    assert said(folder) == [("Kim", "say", "3")]


def test_what_may_have_arrived_is_taken_back_by_a_decision_and_not_in_memory(
    page: Page, review: Review, folder: Path
) -> None:
    open_queue(page, review, MARKS)
    sent = lose_answers(page, SAY, 1)
    first = answer(page, "3", "Enter")
    # The server has it, and this window does not know that.
    wait_until(page, lambda: bool(said(folder)))
    assert len(sent) == 1
    press(page, "Control+z")
    assert key_shown(page) == first
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "undo", "")]


# ---- the revision ----------------------------------------------------------------------------------------------------


def test_an_answer_is_given_to_the_revision_that_was_seen_whatever_this_window_knew_before(
    page: Page, review: Review, folder: Path
) -> None:
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    wait_saved(page)
    # Taken back elsewhere, it is open again, and comes here as it is now.
    say_on_sheet(page, review, first, "U")
    now = revision_of(folder, first)
    sent: list[dict[str, Any]] = []
    page.on("request", lambda one: sent.append(body_of(one)) if one.url.endswith("/queue/say") else None)
    open_line_again(page, first)
    answer(page, "1", "Enter")
    wait_saved(page)
    assert [(one["key"], one["revision"]) for one in sent] == [(first, now)]
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "undo", ""), ("Kim", "say", "1")]


def open_line_again(page: Page, key: str) -> None:
    """Ask for the fields anew in this window, without loading the page again, until a field is there."""

    def is_there() -> bool:
        page.locator("#choice [name=order]").select_option("sheets")
        page.locator("#choice [name=order]").select_option("field")
        expect(page.locator("#queue")).to_have_attribute("data-state", "one")
        page.wait_for_timeout(200)
        return key_shown(page) == key

    wait_until(page, is_there)
    assert key_shown(page) == key
    page.locator("#typed").focus()


def test_a_second_person_s_answer_is_never_overwritten_by_one_that_is_sent_again(
    page: Page, review: Review, folder: Path
) -> None:
    open_queue(page, review, MARKS)
    key = key_shown(page)
    seen = revision_of(folder, key)
    sent: list[dict[str, Any]] = []
    page.on("request", lambda one: sent.append(body_of(one)) if one.url.endswith("/queue/say") else None)
    let_go = block(page, SAY)
    answer(page, "3", "Enter")
    expect(page.locator("#saving")).to_have_text("1 not stored")
    say_on_sheet(page, review, key, "Enter", "Control+a", "1", "Enter")
    let_go()
    expect(page.locator("#told")).to_contain_text("was not stored")
    assert {one["revision"] for one in sent} == {seen}
    assert said(folder) == [("Kim", "say", "1")]


def test_a_change_that_waits_over_a_reload_knows_what_it_changes(page: Page, review: Review, folder: Path) -> None:
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    wait_saved(page)
    let_go = block(page, SAY)
    press(page, "PageUp")
    assert key_shown(page) == first
    answer(page, "4", "Enter")
    expect(page.locator("#saving")).to_have_text("1 not stored")
    page.reload()
    let_go()
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "4")]


# ---- the row ---------------------------------------------------------------------------------------------------------


def test_undo_names_the_row_of_the_field_that_it_takes_back(page: Page, review: Review, folder: Path) -> None:
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    answer(page, "2", "Enter")
    wait_saved(page)
    sent = lose_answers(page, UNDO, 1)
    press(page, "PageUp", "PageUp")
    assert key_shown(page) == first
    press(page, "Control+z")
    wait_saved(page)
    assert [(one["key"], one["row"]) for one in sent] == [(first, row_of(folder, first) - 2)] * 2
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "2"), ("Kim", "undo", "")]


@pytest.mark.parametrize("over_a_reload", [False, True])
def test_undo_never_takes_back_what_was_said_since(
    page: Page, review: Review, folder: Path, over_a_reload: bool
) -> None:
    open_queue(page, review, MARKS)
    first = answer(page, "3", "Enter")
    wait_saved(page)
    let_go = block(page, UNDO)
    press(page, "Control+z")
    assert key_shown(page) == first
    expect(page.locator("#saving")).to_have_text("1 not stored")
    say_on_sheet(page, review, first, "Enter", "Control+a", "1", "Enter")
    if over_a_reload:
        page.reload()
    let_go()
    expect(page.locator("#saving")).to_have_text("Saved")
    expect(page.locator("#told")).to_contain_text("was not taken back")
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "1")]
