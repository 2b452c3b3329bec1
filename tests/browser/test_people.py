"""Several people: log-in with accounts, roles, and a blind second review in two browsers at once."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from benchmarks.browsing import Review
from flows.users import UserRole
from tests.browser.conftest import Browsers
from tests.browser.steps import (
    MARKS,
    add_account,
    key_shown,
    log_in,
    open_keys,
    open_queue,
    press,
    said,
    sent,
    settle,
    wait_for_next,
    wait_saved,
    wait_until,
)

ACCOUNTS = {"Ada": UserRole.REVIEWER, "Ben": UserRole.REVIEWER, "Lea": UserRole.LEAD, "Vic": UserRole.VIEWER}


@pytest.fixture
def office(folder: Path) -> Iterator[Review]:
    """Serve an exam with accounts, every field of which two people answer."""
    settings = folder / "exam.toml"
    lines = settings.read_text(encoding="utf-8")
    if re.search(r"^\[review\]", lines, re.MULTILINE):
        lines = re.sub(r"^\[review\]\n", '[review]\nsecond = "all"\n', lines, count=1, flags=re.MULTILINE)
    else:
        lines += '\n[review]\nsecond = "all"\n'
    settings.write_text(lines, encoding="utf-8")
    for name, role in ACCOUNTS.items():
        add_account(folder, name, role)
    serving = Review(folder, ("--reviewer", "Lea")).start()
    yield serving
    serving.stop()


def test_who_is_not_known_is_not_let_in(browsers: Browsers, office: Review) -> None:
    stranger = browsers.open()
    stranger.expected += ["401", "422"]
    stranger.page.goto(f"{office.at}/queue")
    expect(stranger.page).to_have_url(f"{office.at}/login")
    log_in(stranger.page, office, "Ada", "not the password")
    expect(stranger.page.get_by_role("alert")).to_contain_text("do not fit together")
    expect(stranger.page.get_by_label("Name")).to_have_value("Ada")
    log_in(stranger.page, office, "Ada")
    expect(stranger.page.locator(".who")).to_have_text("Ada")
    stranger.page.get_by_role("button", name="Log out").click()
    expect(stranger.page).to_have_url(f"{office.at}/login")
    stranger.page.goto(f"{office.at}/queue")
    expect(stranger.page).to_have_url(f"{office.at}/login")


def test_a_viewer_sees_the_dashboard_and_nothing_else(browsers: Browsers, office: Review) -> None:
    viewer = browsers.open()
    viewer.expected.append("403")
    log_in(viewer.page, office, "Vic")
    expect(viewer.page.locator("#final-heading")).to_contain_text("keep this exam from being final")
    expect(viewer.page.locator("nav a")).to_have_text(["Dashboard"])
    expect(viewer.page.locator("#candidates")).to_contain_text("shown to leads")
    expect(viewer.page.locator("#candidates")).not_to_contain_text("26161322")
    expect(viewer.page.locator("#board")).not_to_contain_text("Sample Candidate")
    for at in ("/queue", "/wall", "/sheets"):
        answer = viewer.page.goto(office.at + at)
        assert answer is not None and answer.status == 403
        expect(viewer.page.locator("h1")).to_have_text("Forbidden")


def test_a_second_reviewer_answers_unseen_and_a_third_settles_what_they_disagree_about(
    browsers: Browsers, office: Review, folder: Path
) -> None:
    ada, ben, lea = (browsers.open() for _ in range(3))
    for name, watched in (("Ada", ada), ("Ben", ben), ("Lea", lea)):
        log_in(watched.page, office, name)
        expect(watched.page.locator(".who")).to_have_text(name)

    open_queue(ada.page, office, MARKS)
    key = key_shown(ada.page)
    press(ada.page, "3", "Enter")
    wait_for_next(ada.page, key)
    wait_saved(ada.page)

    open_queue(ben.page, office, "?reason=second")
    assert key_shown(ben.page) == key
    expect(ben.page.locator("#reason")).to_have_text("Second look")
    expect(ben.page.locator("#one")).not_to_contain_text("Ada")
    assert ben.page.locator("#typed").input_value() == ""
    press(ben.page, "8", "Enter")
    wait_for_next(ben.page, key)
    wait_saved(ben.page)
    assert key in open_keys(folder)

    # Neither of the two settles what they disagree about.
    ada.page.goto(f"{office.at}/queue?reason=disputed")
    expect(ada.page.locator("#queue")).to_have_attribute("data-state", "finished")
    open_queue(lea.page, office, "?reason=disputed")
    assert key_shown(lea.page) == key
    press(lea.page, "8", "Enter")
    wait_for_next(lea.page, key)
    wait_saved(lea.page)
    assert said(folder) == [("Ada", "say", "3"), ("Ben", "second", "8"), ("Lea", "third", "8")]
    assert key not in open_keys(folder)

    lea.page.goto(office.at)
    expect(lea.page.get_by_role("row", name="Ada, then Ben")).to_contain_text("0 (0 %)")


def test_two_people_never_have_the_same_field_on_their_screens(
    browsers: Browsers, office: Review, folder: Path
) -> None:
    ada, ben = browsers.open(), browsers.open()
    for name, watched in (("Ada", ada), ("Ben", ben)):
        log_in(watched.page, office, name)
        expect(watched.page.locator(".who")).to_have_text(name)
        watched.expected.append("409")
        open_queue(watched.page, office)
    pages = {"Ada": ada.page, "Ben": ben.page}
    given = {name: sent(page) for name, page in pages.items()}
    for _ in range(8):
        if min(map(len, given.values())) >= 3:
            break
        shown = {name: key_shown(page) for name, page in pages.items()}
        assert all(shown.values()) and shown["Ada"] != shown["Ben"]
        for name, page in pages.items():
            settle(page, shown[name])
    for page in pages.values():
        wait_saved(page)
    found = [who for who, _, _ in said(folder)]
    for name, page in pages.items():
        # What is refused is told in words, and in the browser's console; the answers that were taken are all there.
        wait_until(page, lambda name=name: len(given[name]) == found.count(name))
    assert min(map(found.count, pages)) >= 3
