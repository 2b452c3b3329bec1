"""What somebody who cannot see well, or uses no mouse, needs of every page; as far as a script can tell."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import flows.review
from tests.browser.conftest import Browsers, Standing

CSS = Path(flows.review.__file__).parent / "static" / "base.css"

PAGES = ("/", "/queue", "/wall", "/wall/check", "/sheets", "/sheets?sheet=cover_marks%2301066")

LEAST_CONTRAST = 4.5
"""WCAG 2.2, success criterion 1.4.3, level AA."""

PAIRS = [
    (ink, ground)
    for ground in ("ground", "panel", "mark")
    for ink in ("ink", "soft", "accent", "good", "bad", "warn")
    if (ink, ground) not in {("good", "mark"), ("bad", "mark"), ("warn", "mark"), ("accent", "mark")}
] + [
    ("on-accent", "accent"),
    ("bad", "bad-ground"),
    ("warn", "warn-ground"),
    ("good", "good-ground"),
    ("ink", "bad-ground"),
    ("ink", "warn-ground"),
    ("ink", "good-ground"),
]
"""Colours of text on colours of ground, as the pages pair them."""

HERE = Path(__file__).parent
FAULTS = (HERE / "faults.js").read_text(encoding="utf-8")
CONTRAST = (HERE / "contrast.js").read_text(encoding="utf-8")
FOCUS = (HERE / "focus.js").read_text(encoding="utf-8")


def themes() -> Mapping[str, Mapping[str, str]]:
    """Return the colours of both themes, by name, as they stand in the style sheet."""
    light, dark = (
        dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-fA-F]{6})", part))
        for part in CSS.read_text(encoding="utf-8").split("prefers-color-scheme: dark", 1)
    )
    return {"light": light, "dark": light | dark}


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG defines it."""
    channels = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def settled(page: Page, at: str) -> None:
    """Open a page, and wait until it shows more than that it loads."""
    page.goto(at)
    expect(page.locator("[aria-busy=true]:visible")).to_have_count(0)
    page.wait_for_load_state("networkidle")


def test_the_ratio_is_that_of_the_standard() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(theme: str) -> None:
    colours = themes()[theme]
    faint = {
        f"{ink} on {ground}": round(ratio, 2)
        for ink, ground in PAIRS
        if (ratio := contrast(colours[ink], colours[ground])) < LEAST_CONTRAST
    }
    assert faint == {}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("at", PAGES)
def test_every_text_as_it_is_drawn_stands_out_from_its_ground(
    browsers: Browsers, standing: Standing, at: str, dark: bool
) -> None:
    page = browsers.open(state=standing.state, dark=dark).page
    settled(page, standing.at + at)
    assert page.evaluate(CONTRAST) == []


def test_faint_text_is_found(browsers: Browsers, standing: Standing) -> None:
    page = browsers.open(state=standing.state).page
    settled(page, f"{standing.at}/")
    page.evaluate("document.querySelector('h1').style.color = '#999999'")
    page.evaluate("document.querySelector('h1').style.fontSize = '16px'")
    assert len(page.evaluate(CONTRAST)) == 1


@pytest.mark.parametrize("at", PAGES)
def test_everything_has_a_name_and_a_label(browsers: Browsers, standing: Standing, at: str) -> None:
    watched = browsers.open(state=standing.state)
    settled(watched.page, standing.at + at)
    assert watched.page.evaluate(FAULTS) == []


@pytest.mark.parametrize("at", PAGES)
def test_focus_is_seen_wherever_tab_leads(browsers: Browsers, standing: Standing, at: str) -> None:
    watched = browsers.open(state=standing.state)
    settled(watched.page, standing.at + at)
    seen = []
    for _ in range(25):
        watched.page.keyboard.press("Tab")
        if (found := watched.page.evaluate(FOCUS)) is not None:
            seen.append(found)
    assert len(seen) > 8
    assert [one["what"] for one in seen if not one["seen"]] == []


def test_the_first_tab_leads_past_the_menu(browsers: Browsers, standing: Standing) -> None:
    watched = browsers.open(state=standing.state)
    settled(watched.page, f"{standing.at}/")
    watched.page.keyboard.press("Tab")
    expect(watched.page.locator(".skip")).to_be_focused()
    watched.page.keyboard.press("Enter")
    expect(watched.page.locator("#main")).to_be_focused()
