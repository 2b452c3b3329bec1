"""What somebody who cannot see well, or uses no mouse, needs of every page; as far as a script can tell."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

import flows.review
from benchmarks.browsing import Review
from tests.browser.conftest import DESK, Browsers, Standing, Watched
from tests.browser.steps import MARKS, key_shown, open_queue, trail, wait_for_next

CSS = Path(flows.review.__file__).parent / "static" / "base.css"

UNDISTURBED_MS = 500
"""Long enough for what a page does by itself to have begun."""

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


@pytest.mark.parametrize("at", PAGES)
def test_the_first_tab_leads_past_the_menu(browsers: Browsers, standing: Standing, at: str) -> None:
    page = browsers.open(state=standing.state).page
    settled(page, standing.at + at)
    # Where a view has put the focus already, the link is the first of the page all the same.
    page.evaluate("document.activeElement.blur(); getSelection().removeAllRanges()")
    assert page.evaluate("document.querySelector('a, button, input, select').className") == "skip"
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    # It is a place on the page that is shown, not another page: nothing is asked for anew, and the focus stays.
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(UNDISTURBED_MS)
    expect(page.locator("#main")).to_be_focused()


def test_a_link_to_a_part_of_the_page_keeps_the_field_and_what_is_typed(kim: Watched, review: Review) -> None:
    page = kim.page
    open_queue(page, review, MARKS)
    key = key_shown(page)
    page.keyboard.type("3")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(UNDISTURBED_MS)
    assert key_shown(page) == key
    expect(page.locator("#typed")).to_have_value("3")


@pytest.mark.parametrize("at", PAGES)
def test_a_question_mark_shows_the_keys_of_every_view_and_gives_the_focus_back(
    browsers: Browsers, standing: Standing, at: str
) -> None:
    page = browsers.open(state=standing.state).page
    settled(page, standing.at + at)
    page.locator("#show-keys").focus()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    expect(page.locator("#keys-list")).to_be_focused()
    assert page.locator("#keys-list dt").count() == page.locator("#keys-list dd").count() > 0
    assert page.evaluate(CONTRAST) == []
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    assert page.evaluate("document.activeElement.id") in ("show-keys", "typed")


@pytest.mark.parametrize("at", PAGES)
def test_an_enlarged_page_is_scrolled_one_way_only(browsers: Browsers, standing: Standing, at: str) -> None:
    # 1280 pixels, enlarged twice: WCAG 2.2, success criterion 1.4.10, for what is no picture of a page.
    page = browsers.open({"width": 640, "height": 400}, state=standing.state).page
    settled(page, standing.at + at)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


@pytest.mark.parametrize("at", PAGES)
def test_nothing_moves_by_itself_for_those_who_do_not_want_it(browsers: Browsers, standing: Standing, at: str) -> None:
    page = browsers.open(state=standing.state).page
    settled(page, standing.at + at)
    moving = """[...document.querySelectorAll('*')].filter((one) => {
      const { animationName, transitionDuration } = getComputedStyle(one);
      return animationName !== 'none' || transitionDuration.split(',').some((each) => parseFloat(each) > 0);
    }).map((one) => one.outerHTML.slice(0, 80))"""
    assert page.evaluate(moving) == []


@pytest.mark.parametrize("at", ["/queue", "/sheets?sheet=cover_marks%2301066"])
def test_enter_follows_the_link_that_has_the_focus(browsers: Browsers, standing: Standing, at: str) -> None:
    page = browsers.open(state=standing.state).page
    settled(page, standing.at + at)
    page.locator('nav a[href="/wall"]').focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{standing.at}/wall")


def test_enter_on_a_button_of_the_header_confirms_no_page_of_a_wall(kim: Watched, review: Review, folder: Path) -> None:
    page = kim.page
    page.goto(f"{review.at}/wall")
    page.locator("#wall-groups a.wall-group").first.click()
    expect(page.locator("#wall-grid[data-seen]")).to_be_visible()
    page.get_by_role("button", name="Log out").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{review.at}/login")
    assert trail(folder) == ()


def test_what_was_said_and_what_comes_next_is_heard_and_what_was_refused(kim: Watched, review: Review) -> None:
    page = kim.page
    kim.expected += ["409", "503"]
    open_queue(page, review, MARKS)
    spoken = page.locator("#spoken")
    expect(spoken).to_have_attribute("aria-live", "polite")
    name = page.locator("#question").inner_text()
    key = key_shown(page)
    answers = iter([(503, "The exam is being read."), (409, "Somebody was first.")])

    def refuse(route: Route) -> None:
        found = next(answers, None)
        if found is None:
            route.continue_()
        else:
            route.fulfill(status=found[0], json={"problem": found[1]})

    page.route("**/queue/say", refuse)
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    wait_for_next(page, key)
    expect(spoken).to_contain_text(f"{name}: 3. ")
    expect(spoken).to_contain_text(page.locator("#reason").inner_text())
    expect(page.locator("#offline[role=alert]")).to_contain_text("The exam is being read.")
    expect(page.locator("#told[role=status]")).to_contain_text("was not stored")
    expect(spoken).to_have_text("Every decision is stored now.")


def test_scans_keep_their_paper_where_the_browser_chooses_the_colours(
    running_browser: Browser, standing: Standing
) -> None:
    context = running_browser.new_context(
        storage_state=standing.state, forced_colors="active", color_scheme="dark", viewport=DESK
    )
    page = context.new_page()
    page.goto(f"{standing.at}/queue")
    paper = page.locator("#crop")
    expect(paper).to_be_visible()
    # On black, a scan that darkens what is below it could not be seen at all.
    assert paper.evaluate("one => getComputedStyle(one).backgroundColor") == "rgb(255, 255, 255)"
    here = page.locator("nav a[aria-current]")
    assert here.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    context.close()
