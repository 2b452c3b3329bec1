"""What people do in the browser, and what the database says of it afterwards."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Request, Response, expect

from benchmarks.browsing import Review
from flows.passwords import hash_password
from flows.records import TrailRow
from flows.review.desk import Desk
from flows.settings import load_exam
from flows.store import open_store
from flows.trail import broken
from flows.users import UserRole, added

PASSWORD = "sample sheets 4711"
"""Of every account in these tests."""

MARKS = "?order=field&template=cover_marks&reason=blank_mark"
"""Of the queue: empty cells for a mark, which is typed. They are open however well everything else is read."""

CLOSED = "document.querySelector('#typed').readOnly"
"""In the page: whether the field on the screen needs no answer any more."""

ANOTHER = (
    "(document.querySelector('#queue').dataset.state !== 'one'"
    " || !document.querySelector('#crop img').src.includes(key))"
)
"""In the page: whether something else than the field with a `key` is on the screen."""


def trail(folder: Path) -> Sequence[TrailRow]:
    """Return what people said, after checking that its chain is whole."""
    with open_store(folder) as store:
        rows = store.trail()
    assert broken(rows) == ()
    return rows


def said(folder: Path) -> list[tuple[str, str, str]]:
    """Return who did what and what was said, a row each."""
    return [(row.correction.reviewer, row.correction.act.value, row.correction.value) for row in trail(folder)]


def open_keys(folder: Path) -> set[str]:
    """Return the fields that wait for a person, by a desk of its own that reads the whole exam anew."""
    desk = Desk(load_exam(folder), lambda: open_store(folder))
    desk.look()
    return set(desk.open_flags())


def add_account(folder: Path, name: str, role: UserRole) -> None:
    """Make an account."""
    with open_store(folder) as store:
        at, secret = datetime.now(UTC), hash_password(PASSWORD)
        store.change_user(lambda there: added(there, name, role, secret, at), "Kim", at)


def log_in(page: Page, review: Review, name: str, password: str = PASSWORD) -> None:
    """Log in on the page that asks for it."""
    page.goto(f"{review.at}/login")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def open_queue(page: Page, review: Review, query: str = "", pictures: int = 0) -> None:
    """Open the queue, and wait until a field is on the screen, and its picture has come or failed.

    `pictures` of fields are waited for besides, where they must be there before the server goes away.
    """
    page.goto(f"{review.at}/queue{query}")
    expect(page.locator("#queue")).to_have_attribute("data-state", "one")
    page.wait_for_function("() => document.querySelector('#crop img').complete")
    page.wait_for_function(
        "least => performance.getEntriesByType('resource').filter(one => one.name.includes('/crop/')).length >= least",
        arg=pictures,
    )


def key_shown(page: Page) -> str:
    """Return the key of the field on the screen, "" when there is none; its picture has come or failed by then."""
    page.wait_for_function(
        "() => document.querySelector('#queue').dataset.state !== 'one' || document.querySelector('#crop img').complete"
    )
    found = page.evaluate(
        "document.querySelector('#queue').dataset.state === 'one'"
        " ? document.querySelector('#crop img').getAttribute('src') : ''"
    )
    return str(found).split("/")[-1].split(".png")[0]


def press(page: Page, *keys: str) -> None:
    """Press keys, one after another, as fingers do: nothing is clicked, nothing is filled in."""
    for key in keys:
        page.keyboard.press(key)


def wait_for_next(page: Page, before: str) -> None:
    """Wait until another field is on the screen, and its picture has come or failed, or none is there."""
    page.wait_for_function(
        "before => ['finished', 'failed'].includes(document.querySelector('#queue').dataset.state)"
        " || (document.querySelector('#queue').dataset.state === 'one'"
        " && document.querySelector('#crop img').complete"
        " && !document.querySelector('#crop img').src.includes(before))",
        arg=before,
    )


def wait_saved(page: Page) -> None:
    """Wait until the server has confirmed every decision."""
    expect(page.locator("#saving")).to_have_text("Saved")


def answer(page: Page) -> None:
    """Answer the field on the screen by what is offered for it; where nothing is, nothing was awarded or is written."""
    if page.locator("#guesses button").count():
        press(page, "Space")
        return
    press(page, "/")
    if page.locator("#typed[aria-invalid=true]:not([readonly])").count():
        press(page, "0", "Enter")


def settle(page: Page, key: str) -> None:
    """Answer the field on the screen and wait for the next, whether it needed an answer still or not.

    What was answered just before can settle it while it is on the screen, also between two keys of an answer: then
    Enter goes on. Which fields were answered, `sent` tells.
    """
    answer(page)
    page.wait_for_function(f"key => {CLOSED} || {ANOTHER}", arg=key)
    if page.evaluate(f"key => {CLOSED} && !({ANOTHER})", key):
        press(page, "Enter")
    wait_for_next(page, key)


def body_of(request: Request) -> dict[str, Any]:
    """Return what a page sent."""
    return dict(request.post_data_json or {})


def sent(page: Page) -> dict[str, dict[str, Any]]:
    """Return what will hold every answer the page sends from now on, by its token, but those that are refused."""
    found: dict[str, dict[str, Any]] = {}

    def note(request: Request) -> None:
        if request.url.endswith("/queue/say"):
            body = body_of(request)
            found[body["token"]] = body

    def forget(response: Response) -> None:
        if response.url.endswith("/queue/say") and response.status >= HTTPStatus.BAD_REQUEST:
            found.pop(body_of(response.request)["token"], None)

    page.on("request", note)
    page.on("response", forget)
    return found


def open_until(page: Page, at: str, part: str, words: str) -> None:
    """Open a page anew until a part of it shows these words: the exam is decided in the background."""

    def is_there() -> bool:
        page.goto(at)
        page.wait_for_load_state("networkidle")
        return words in " ".join(page.locator(part).all_inner_texts())

    wait_until(page, is_there)


def wait_until(page: Page, holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds that the page does not show: what is in the database, what was sent.

    Meanwhile the page is listened to: what it sends is handled, and noted by whoever notes it.
    """
    until = time.monotonic() + seconds
    while not (there := holds()) and time.monotonic() < until:
        page.wait_for_timeout(50)
    assert there, f"this did not come about within {seconds:g} s"
