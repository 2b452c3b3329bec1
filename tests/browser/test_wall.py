"""The wall: strike what is wrong, confirm the rest with one key, take it back."""

from pathlib import Path

from playwright.sync_api import Page, expect

from benchmarks.browsing import Review
from tests.browser.conftest import Watched
from tests.browser.steps import open_keys, press, said, trail


def open_largest_group(page: Page, review: Review) -> list[str]:
    """Open the largest group of the wall, and return the keys of its fields."""
    page.goto(f"{review.at}/wall")
    page.locator(".wall-group").first.click()
    expect(page.locator("#wall-grid button.crop").first).to_be_focused()
    return list(
        page.evaluate(
            "[...document.querySelectorAll('#wall-grid img')].map(i => i.src.split('/').pop().split('.png')[0])"
        )
    )


def test_a_page_is_confirmed_with_one_key_without_what_was_struck(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    keys = open_largest_group(page, review)
    assert len(keys) > 1
    press(page, "ArrowRight", "Space")
    expect(page.locator("#wall-grid button.crop").nth(1)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#wall-count")).to_contain_text("1 struck")
    press(page, "Enter")
    expect(page.locator("#wall-note")).to_contain_text("confirmed")
    expect(page.locator("#saving")).not_to_contain_text("not stored")
    page.wait_for_function("() => !document.querySelector('#saving').textContent.startsWith('Saving')")
    rows = trail(folder)
    assert [row.correction.key for row in rows] == [key for key in keys if key != keys[1]]
    assert {row.correction.how for row in rows} == {"wall"}
    assert keys[1] in open_keys(folder)


def test_a_confirmed_page_is_taken_back_whole(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    before = open_keys(folder)
    keys = open_largest_group(page, review)
    press(page, "Enter")
    expect(page.locator("#wall-note")).to_contain_text("confirmed")
    press(page, "u")
    expect(page.locator("#wall-note")).to_contain_text("taken back")
    expect(page.locator("#wall-note")).to_contain_text("open again")
    assert [act for _, act, _ in said(folder)] == ["say"] * len(keys) + ["undo"] * len(keys)
    assert open_keys(folder) == before
