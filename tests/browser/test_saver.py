"""Decisions that wait in a window: for a server that hangs, for whoever made them, for the fields that they change."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.browsing import Review
from flows.review.people import UserRole
from tests.browser.conftest import Browsers, Watched
from tests.browser.steps import (
    MARKS,
    add_account,
    key_shown,
    log_in,
    open_queue,
    press,
    said,
    wait_for_next,
    wait_saved,
)

HURRY = """
  const within = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => within(ms / 10);
"""
"""A page does not wait as long for an answer as it would: a tenth."""

GONE = [
    "ERR_CONNECTION_REFUSED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
    "ERR_INTERNET_DISCONNECTED",
    "401",
    "403",
]


@pytest.fixture
def office(folder: Path) -> Iterator[Review]:
    """Serve an exam with accounts."""
    add_account(folder, "Lea", UserRole.LEAD)
    for name in ("Ada", "Bob"):
        add_account(folder, name, UserRole.REVIEWER)
    serving = Review(folder, ("--reviewer", "Lea")).start()
    yield serving
    serving.stop()


def answer(page: Page, *keys: str) -> str:
    """Decide the field on the screen; return its key."""
    key = key_shown(page)
    press(page, *keys)
    wait_for_next(page, key)
    return key


def pause(review: Review) -> int:
    """Stop the process of a review as a hung disk does: it listens, and answers nothing."""
    assert review._process is not None
    os.kill(review._process.pid, signal.SIGSTOP)
    return review._process.pid


def test_a_server_that_hangs_is_told_and_nothing_is_lost_or_stored_twice(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    page.add_init_script(HURRY)
    open_queue(page, review, MARKS, pictures=6)
    paused = pause(review)
    try:
        answer(page, "3", "Enter")
        answer(page, "2", "Enter")
        expect(page.locator("#saving")).to_have_text("2 not stored")
        expect(page.locator("#offline")).to_contain_text("2 decisions wait here, nothing is lost")
        # A value that only the server can judge: Enter is refused in words, and is not dead for the next.
        key = key_shown(page)
        press(page, *"99999", "Enter")
        expect(page.locator("#wrong")).to_contain_text("could not be checked")
        page.locator("#typed").press("Control+a")
        press(page, "1", "Enter")
        wait_for_next(page, key)
        expect(page.locator("#saving")).to_have_text("3 not stored")
    finally:
        os.kill(paused, signal.SIGCONT)
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "2"), ("Kim", "say", "1")]


def test_enter_works_for_the_next_field_while_another_is_being_checked(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    page.route("**/queue/check", lambda _: None)
    open_queue(page, review, MARKS)
    first = key_shown(page)
    press(page, *"99999", "Enter")
    press(page, "PageDown")
    wait_for_next(page, first)
    second = answer(page, *"99999", "Enter", "Control+a", "2", "Enter")
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "2")]
    assert first != second


def test_what_somebody_decided_is_never_sent_by_another_who_logs_in_in_the_same_window(
    browsers: Browsers, office: Review, folder: Path
) -> None:
    watched = browsers.open()
    watched.expected += [*GONE, "beforeunload"]
    page = watched.page
    page.on("dialog", lambda dialog: dialog.accept())
    log_in(page, office, "Ada")
    expect(page.locator(".who")).to_have_text("Ada")
    open_queue(page, office, MARKS)
    # What Ada says does not reach the server in her time.
    page.route("**/queue/say", lambda route: route.abort("internetdisconnected"))
    answer(page, "3", "Enter")
    expect(page.locator("#saving")).to_have_text("1 not stored")
    page.get_by_role("button", name="Log out").click()
    expect(page).to_have_url(f"{office.at}/login")
    page.unroute("**/queue/say")

    log_in(page, office, "Bob")
    expect(page.locator(".who")).to_have_text("Bob")
    open_queue(page, office, "?order=unsurest")
    expect(page.locator("#told")).to_contain_text("1 decisions of Ada wait in this window")
    answer(page, "Space")
    wait_saved(page)
    assert [who for who, _, _ in said(folder)] == ["Bob"]
    page.get_by_role("button", name="Log out").click()

    log_in(page, office, "Ada")
    expect(page.locator(".who")).to_have_text("Ada")
    open_queue(page, office, MARKS)
    wait_saved(page)
    assert [(who, what) for who, _, what in said(folder)][1:] == [("Ada", "3")]


def test_who_logs_in_with_a_lesser_role_is_told_so_and_not_that_nobody_is_logged_in(
    browsers: Browsers, office: Review, folder: Path
) -> None:
    add_account(folder, "Vic", UserRole.VIEWER)
    watched = browsers.open()
    watched.expected += [*GONE, "beforeunload"]
    page = watched.page
    log_in(page, office, "Ada")
    expect(page.locator(".who")).to_have_text("Ada")
    open_queue(page, office, MARKS)
    other = page.context.new_page()
    other.goto(office.at)
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(f"{office.at}/login")
    log_in(other, office, "Vic")
    expect(other.locator(".who")).to_have_text("Vic")
    answer(page, "3", "Enter")
    expect(page.locator("#offline")).to_contain_text("Whoever is logged in in this browser now may not say what fields")
    expect(page.locator("#offline")).to_contain_text("1 decision waits here, nothing is lost.")
    expect(page.locator("#offline")).not_to_contain_text("You are logged out")
    assert said(folder) == []
    other.get_by_role("button", name="Log out").click()
    expect(other).to_have_url(f"{office.at}/login")
    log_in(other, office, "Ada")
    expect(other.locator(".who")).to_have_text("Ada")
    wait_saved(page)
    expect(page.locator("#offline")).to_be_hidden()
    assert said(folder) == [("Ada", "say", "3")]


def test_an_answer_is_changed_and_taken_back_while_the_server_is_away(
    kim: Watched, review: Review, folder: Path
) -> None:
    page = kim.page
    kim.expected += GONE
    open_queue(page, review, MARKS, pictures=6)
    first = answer(page, "3", "Enter")
    wait_saved(page)
    page.context.set_offline(True)
    # The change is tried and waits: it may have arrived, so it is taken back by a decision of its own.
    press(page, "PageUp")
    assert key_shown(page) == first
    answer(page, "4", "Enter")
    expect(page.locator("#saving")).to_have_text("1 not stored")
    press(page, "Control+z")
    assert key_shown(page) == first
    expect(page.locator("#wrong")).to_have_text("You took this answer back: 3 stands again.")
    expect(page.locator("#saving")).to_have_text("2 not stored")
    # Changed again, with the revision that only the answers before it will tell.
    answer(page, "1", "Enter")
    expect(page.locator("#saving")).to_have_text("3 not stored")
    page.context.set_offline(False)
    wait_saved(page)
    assert said(folder) == [("Kim", "say", "3"), ("Kim", "say", "4"), ("Kim", "undo", "3"), ("Kim", "say", "1")]
    expect(page.locator("#told")).to_be_empty()
