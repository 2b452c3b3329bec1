"""Whatever scanners and phones do to a page picture, the truth that comes with the picture says where things went."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from recognizer.geometry import MM_PER_INCH, Points, Rect
from recognizer.records import GreyImage
from recognizer.simulate import wear
from recognizer.simulate.hard_scan import ScanRange, scan_badly
from recognizer.simulate.photo import PhotoRange, photograph
from recognizer.simulate.scanner import PROFILES, Effects, Mode, millimetres_to_pixels, scan
from recognizer.simulate.taking import Shot

DPI = 120
PX_PER_MM = DPI / MM_PER_INCH
SPOT_MM = 2.5
PLACES = np.array([[x, y] for x in (35, 80, 125, 170) for y in (40, 95, 150, 205, 255)], dtype=np.float64)


def spotted() -> tuple[GreyImage, Points]:
    """Return a page with black spots, and where exactly (mm) they are."""
    page = np.full((round(297 * PX_PER_MM), round(210 * PX_PER_MM)), 255, np.uint8)
    centres = np.rint(PLACES * PX_PER_MM - 0.5).astype(int)
    for x, y in centres.tolist():
        cv2.circle(page, (x, y), round(SPOT_MM * PX_PER_MM), 0, -1, cv2.LINE_AA)
    return page, (centres + 0.5) / PX_PER_MM


def farthest_spot_mm(shot: Shot) -> float:
    """Return how far the spots of a page are from where the truth has them, at most; those that are cut off apart."""
    _, places = spotted()
    height, width = shot.pixels.shape
    beside = np.hypot(*(shot.mm_to_px(places + np.array([1.0, 0.0])) - shot.mm_to_px(places)).T)
    away = []
    for (x, y), scale in zip(shot.mm_to_px(places), beside, strict=True):
        reach, left, top = round(4 * scale), round(x), round(y)
        if min(left, top) < reach or left + reach >= width or top + reach >= height:
            continue
        window = shot.pixels[top - reach : top + reach + 1, left - reach : left + reach + 1].astype(float)
        dark = np.maximum(0.7 * np.percentile(window, 85) - window, 0)
        down, across = np.mgrid[: window.shape[0], : window.shape[1]]
        middle = np.array([(dark * across).sum(), (dark * down).sum()]) / dark.sum()
        away.append(np.hypot(middle[0] + left - reach - x, middle[1] + top - reach - y) / scale)
    assert len(away) >= len(places) / 2
    return float(max(away))


@pytest.mark.parametrize("seed", range(4))
def test_a_photograph_knows_where_everything_went(seed: int) -> None:
    shot = photograph(spotted()[0], DPI, np.random.default_rng(seed), PhotoRange(noise=2, shadow=0, curled=1))
    assert 7.5e6 < shot.pixels.size < 14.5e6
    assert farthest_spot_mm(shot) < 0.15


@pytest.mark.parametrize("seed", range(8))
def test_a_bad_scan_knows_where_everything_went(seed: int) -> None:
    shot = scan_badly(spotted()[0], DPI, np.random.default_rng(seed), ScanRange(noise=2, resolutions=(100, 150, 200)))
    assert farthest_spot_mm(shot) < 0.15


@pytest.mark.parametrize("effects", list(Effects))
def test_an_office_scan_knows_where_everything_went(effects: Effects) -> None:
    truth = scan(spotted()[0], DPI, PROFILES[effects], Mode.GREY, np.random.default_rng(3))
    shot = Shot(truth.pixels, lambda points: homogeneous(truth.mm_to_px, points))
    assert farthest_spot_mm(shot) < 0.15


def homogeneous(transform: np.ndarray, points: Points) -> Points:
    mapped = np.column_stack([points, np.ones(len(points))]) @ transform.T
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def test_a_curled_page_is_not_flat() -> None:
    """No homography maps it: that is what makes curl hard."""
    reach = PhotoRange(curled=1, slope=0.12, distortion=0)
    shot = photograph(spotted()[0], DPI, np.random.default_rng(5), reach)
    seen = shot.mm_to_px(PLACES)
    transform, _ = cv2.findHomography(PLACES, seen, 0)
    assert np.hypot(*(homogeneous(transform, PLACES) - seen).T).max() > 3


def test_the_same_seed_gives_the_same_picture() -> None:
    one, two = (scan_badly(spotted()[0], DPI, np.random.default_rng(7)) for _ in range(2))
    assert (one.pixels == two.pixels).all()


@pytest.mark.parametrize(
    "effect", [wear.stain, wear.crease, wear.holes, wear.staple, wear.tear_off, wear.scribble_over(Rect(9, 16, 9, 9))]
)
def test_wear_shows_on_the_paper(effect: Callable[[GreyImage, float, np.random.Generator], None]) -> None:
    page = np.full((round(297 * PX_PER_MM), round(210 * PX_PER_MM)), 200, np.uint8)
    effect(page, PX_PER_MM, np.random.default_rng(1))
    assert 20 < (page != 200).sum() < page.size / 4


def test_a_drawn_millimetre_is_between_its_pixels() -> None:
    assert millimetres_to_pixels(254)[:2].tolist() == [[10, 0, -0.5], [0, 10, -0.5]]
