"""The one-time code goes from the terminal into the browser through a file of one's own, and stays nowhere."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path

import pytest

from flows.review import door
from flows.review.door import opened, places, write_page
from flows.review.sessions import LINK_SECONDS, Sessions
from tests.helpers.review_office import LEA, exam_copy

LINK = "http://127.0.0.1:20001/open?code=a-code_of-ours"

WITHIN = 30.0
"""Seconds after which what should happen does not happen."""


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a browser is started with."""
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    monkeypatch.setattr(door, "_reads_other_paths", lambda: False)
    return asked


def path_of(address: str) -> Path:
    assert address.startswith("file:///")
    return Path(address.removeprefix("file://"))


def until(done: Callable[[], bool]) -> bool:
    end = time.monotonic() + WITHIN
    while not done() and time.monotonic() < end:
        time.sleep(0.01)
    return done()


def test_no_command_line_holds_the_code_and_nobody_else_can_read_it(
    tmp_path: Path, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "exam").mkdir()
    with opened(LINK, tmp_path / "exam", lambda: True):
        assert until(lambda: bool(browser))
        (address,) = browser
        assert "code" not in address
        page = path_of(address)
        assert page.parent == tmp_path / "exam"
        assert page.stat().st_mode & 0o777 == 0o600
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]*)"', page.read_text(encoding="utf-8"))
        assert found is not None and unescape(found[1]) == LINK
    assert list((tmp_path / "exam").iterdir()) == []


def test_it_is_gone_as_soon_as_the_code_is_used_or_ran_out(
    tmp_path: Path, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    now = [0.0]
    sessions = Sessions(clock=lambda: now[0])

    def use(code: str) -> None:
        sessions.redeem(code)

    def wait(_: str) -> None:
        now[0] += LINK_SECONDS + 1

    for end in (use, wait):
        code = sessions.link_for(LEA)
        with opened(f"{LINK}", tmp_path, lambda code=code: sessions.waits_for(code)):  # type: ignore[misc]
            assert until(lambda: bool(browser))
            page = path_of(browser.pop())
            assert page.exists() and sessions.waits_for(code)
            end(code)
            assert until(lambda page=page: not page.exists())  # type: ignore[misc]


def test_a_browser_that_is_a_snap_can_read_it_where_there_is_such_a_place(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert places(home / "exams" / "one", home)[:2] == (home / "exams" / "one", home)
    for hidden in (home / ".local" / "exam", home / "exams" / ".one", tmp_path / "elsewhere"):
        assert places(hidden, home)[0] == home


def test_where_it_cannot_be_kept_from_others_it_is_not_written(
    tmp_path: Path, browser: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a stick, where every file is everybody's: then the browser is given the link, as before."""
    private, wide = tmp_path / "private", tmp_path / "wide"
    private.mkdir()
    wide.mkdir()
    assert write_page(LINK, (tmp_path / "not there", private)) is not None
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda file: os.stat_result((0o100644, *fstat(file)[1:])))
    assert write_page(LINK, (wide,)) is None
    assert list(wide.iterdir()) == []
    monkeypatch.setattr(door, "places", lambda _: (wide,))
    with opened(LINK, wide, lambda: True):
        assert until(lambda: browser == [LINK])


def test_what_a_killed_review_left_is_removed_and_a_link_without_a_code_needs_no_page(
    tmp_path: Path, browser: list[str]
) -> None:
    left, other = tmp_path / "open-review-12345678.html", tmp_path / "key.toml"
    for one in (left, other):
        one.write_text("x")
    with opened("http://127.0.0.1:20001/login", tmp_path, lambda: False):
        assert until(lambda: browser == ["http://127.0.0.1:20001/login"])
        assert [one.name for one in tmp_path.iterdir()] == ["key.toml"]


def test_the_command_starts_a_browser_without_the_code(tmp_path: Path) -> None:
    """A browser that writes down with what it was started, and what it was led to."""
    home = tmp_path / "home"
    home.mkdir()
    folder = exam_copy(home / "exam")
    told = tmp_path / "told"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{told}\ncat "${{1#file://}}" >>{told}\n')
    script.chmod(0o755)
    started = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "review", str(folder), "--reviewer", "Lea", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env=os.environ | {"HOME": str(home), "BROWSER": f"{script} %s"},
    )
    try:
        assert started.stdout is not None
        link = started.stdout.readline().strip().split(": ", 1)[1]
        code = link.partition("=")[2]
        assert code
        assert until(lambda: told.exists() and "</html>" in told.read_text(encoding="utf-8"))
        first, *page = told.read_text(encoding="utf-8").splitlines()
        assert first.startswith("file:///") and code not in first
        assert any(code in line for line in page)
        started.send_signal(signal.SIGINT)
        assert started.wait(WITHIN) == 0
        assert list(folder.glob("*.html")) == []
    finally:
        started.kill()
        started.wait()
        if started.stdout is not None:
            started.stdout.close()
