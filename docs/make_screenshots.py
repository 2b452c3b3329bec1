"""Takes docs/review/*.png: every view of the review, on a desk and on a tablet, of the sample sheets.

    python -m docs.make_screenshots

Each view is taken at 1280 x 800 in light colours and at 820 x 1180 in dark ones. The torn page is no sample: it is
drawn, so that there is one to place by hand.
"""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize

from benchmarks.browsing import Review, chromium
from tests.browser.graded import SAMPLES, graded_exam

OUT = Path(__file__).parent / "review"
TEMPLATES = ("cover_marks", "booklet", "numeric_answers", "choice_answers")
COLOURS = 128
"""Enough for flat colours and grey writing; a third of the bytes."""

DECIDED = 14
"""Fields that are decided first, so that the dashboard has something to tell."""

STILL_MS = 700
READ_MS = 60_000


@dataclass(frozen=True, slots=True)
class Shot:
    """One view: where it is, when it is there, and what is done on it before it is taken."""

    name: str
    at: str
    there: str
    then: Callable[[Page], None] = lambda _: None


def main() -> None:
    """Take all of them."""
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "exam"
        scans = [path.name for path in sorted(SAMPLES.glob("*.pdf"))]
        corners = graded_exam(folder, scans, TEMPLATES, "--key", str(SAMPLES / "key.toml"))
        review = Review(folder, ("--reviewer", "Kim")).start()
        try:
            with chromium() as browser:
                first = browser.new_context(viewport={"width": 1280, "height": 800})
                page = first.new_page()
                page.goto(review.link)
                _decide(page, review)
                for size, word, scheme in (
                    (ViewportSize(width=1280, height=800), "desk", "light"),
                    (ViewportSize(width=820, height=1180), "tablet", "dark"),
                ):
                    context = browser.new_context(
                        viewport=size,
                        color_scheme="dark" if scheme == "dark" else "light",
                        reduced_motion="reduce",
                        storage_state=first.storage_state(),
                    )
                    for shot in _shots(corners.tolist()):
                        _take(context.new_page(), review, shot, OUT / f"{shot.name}-{word}.png")
                    context.close()
        finally:
            review.stop()


def _decide(page: Page, review: Review) -> None:
    page.goto(f"{review.at}/queue?reason=unsure")
    page.wait_for_selector("#queue[data-state=one]", timeout=READ_MS)
    for _ in range(DECIDED):
        page.wait_for_timeout(STILL_MS)
        page.keyboard.press("Space")
    page.wait_for_timeout(2 * STILL_MS)


def _shots(corners: list[list[float]]) -> tuple[Shot, ...]:
    def strike(page: Page) -> None:
        for key in ("ArrowRight", "ArrowRight", "Space"):
            page.keyboard.press(key)

    def placed(page: Page) -> None:
        page.wait_for_selector("#paper image")
        page.locator("#template").select_option("booklet")
        page.locator("#page").select_option("2")
        shown = page.locator("#paper image").bounding_box()
        if shown is None:
            raise RuntimeError("the torn page is not shown")
        for across, down in corners:
            page.mouse.click(shown["x"] + across * shown["width"], shown["y"] + down * shown["height"])
        page.wait_for_selector("polygon.landing", state="attached")

    def opened(page: Page) -> None:
        page.locator("a.row-link").first.click()
        page.wait_for_load_state("networkidle")

    def first_group(page: Page) -> None:
        page.locator(".wall-group").first.click()
        page.wait_for_selector("#wall-grid button.crop")
        strike(page)

    def placing(page: Page) -> None:
        opened(page)
        placed(page)

    return (
        Shot("queue", "/queue", "#queue[data-state=one]"),
        Shot("keys", "/queue", "#queue[data-state=one]", lambda page: page.keyboard.press("?")),
        Shot("walls", "/wall", ".wall-group"),
        Shot("wall", "/wall", ".wall-group", first_group),
        Shot("check", "/wall/check", "#check-start"),
        Shot("sheets", "/sheets", "#body tr"),
        Shot("sheet", "/sheets?sheet=cover_marks%2301066", "#paper image", lambda page: page.keyboard.press("o")),
        Shot("place", "/sheets?show=failed", "a.row-link", placing),
        Shot("keep", "/sheets?show=held", "a.row-link", opened),
        Shot("dashboard", "/", "#board[aria-busy=false]"),
    )


def _take(page: Page, review: Review, shot: Shot, path: Path) -> None:
    page.goto(review.at + shot.at)
    page.wait_for_selector(shot.there, timeout=READ_MS)
    shot.then(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(STILL_MS)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=shot.name == "dashboard"))).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(path.name)
    page.close()


if __name__ == "__main__":
    main()
