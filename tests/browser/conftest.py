"""What browser tests share: an exam graded once, a server for each test, pages that tell what is wrong with them."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, StorageState, ViewportSize, expect

from benchmarks.browsing import Review, chromium
from tests.browser.graded import DPI, graded_exam
from tests.browser.left_open import sheets_left_open

WAIT_MS = 30_000
"""Longer than anything takes here, also on a machine that has five times as much to do as it has cores."""

expect.set_options(timeout=WAIT_MS)

DESK: ViewportSize = {"width": 1280, "height": 800}
TABLET: ViewportSize = {"width": 820, "height": 1180}


@dataclass
class Watched:  # not slotted: Playwright leaves a note on whatever listens
    """A page, and everything it complained about: errors of scripts, what the security policy refused, failed answers.

    A test that provokes some of them says so in `expected`, by a part of their text.
    """

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(WAIT_MS)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", self._on_error)

    def _on_console(self, said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            self.complaints.append(f"{self.page.url}: {said.text} ({said.location.get('url', '')})")

    def _on_error(self, error: Error) -> None:
        self.complaints.append(f"{self.page.url}: {error.message}")

    @property
    def unexpected(self) -> list[str]:
        """What nobody provoked."""
        return [one for one in self.complaints if not any(part in one for part in self.expected)]


@dataclass(slots=True)
class Browsers:
    """Opens browsers that share nothing: each has cookies of its own, as on another machine."""

    browser: Browser
    opened: list[tuple[BrowserContext, Watched]] = field(default_factory=list)

    def open(self, size: ViewportSize = DESK, *, dark: bool = False, state: StorageState | None = None) -> Watched:
        """Return an empty page in a browser of its own; `state` holds cookies that it has already."""
        context = self.browser.new_context(
            viewport=size,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
            storage_state=state,
        )
        watched = Watched(context.new_page())
        self.opened.append((context, watched))
        return watched


@dataclass(frozen=True, slots=True)
class Graded:
    """The exam that every test starts from, never changed; where the corners of its torn page lie."""

    folder: Path
    corners: np.ndarray


@pytest.fixture(scope="session")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Graded:
    """Grade the exam, once a run."""
    folder = tmp_path_factory.mktemp("graded") / "exam"
    return Graded(folder, graded_exam(folder, drawn=sheets_left_open(DPI)))


@pytest.fixture
def folder(graded: Graded, tmp_path: Path) -> Path:
    """Return a graded exam folder of one's own."""
    shutil.copytree(graded.folder, tmp_path / "exam")
    return tmp_path / "exam"


@pytest.fixture
def review(folder: Path) -> Iterator[Review]:
    """Serve the review of an exam: whoever opens its link is the lead Kim."""
    serving = Review(folder, ("--reviewer", "Kim")).start()
    yield serving
    serving.stop()


@dataclass(frozen=True, slots=True)
class Standing:
    """A review that stands open for all tests, which only look at it; `state` is that of a lead who has logged in."""

    at: str
    state: StorageState


@pytest.fixture(scope="session")
def standing(graded: Graded, running_browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    """Serve a copy of the exam that no test changes, and log in."""
    folder = tmp_path_factory.mktemp("standing") / "exam"
    shutil.copytree(graded.folder, folder)
    serving = Review(folder, ("--reviewer", "Kim")).start()
    context = running_browser.new_context()
    context.new_page().goto(serving.link)
    yield Standing(serving.at, context.storage_state())
    context.close()
    serving.stop()


@pytest.fixture(scope="session")
def running_browser() -> Iterator[Browser]:
    """Run one Chromium for all tests."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def browsers(running_browser: Browser) -> Iterator[Browsers]:
    """Open browsers; afterwards no page of them may have complained of anything that its test did not provoke."""
    made = Browsers(running_browser)
    yield made
    complaints = [one for _, watched in made.opened for one in watched.unexpected]
    for context, _ in made.opened:
        context.close()
    assert complaints == []


@pytest.fixture
def kim(browsers: Browsers, review: Review) -> Watched:
    """Return the page of the lead, who opened the one-time link."""
    watched = browsers.open()
    watched.page.goto(review.link)
    return watched
