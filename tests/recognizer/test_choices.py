"""Tick boxes and bubbles, read by the shipped network."""

import cv2
import numpy as np
import pytest

from recognizer.choices import MarkReading, read_marks
from recognizer.classifier import LiteRtModel, load_model
from recognizer.geometry import Rect
from recognizer.marks_view import VIEW, mark_crop_of_picture, mark_view
from recognizer.records import BoxCrop, GreyImage

PX_PER_MM = 8.0


@pytest.fixture(scope="module")
def model() -> LiteRtModel:
    return load_model()


def box(size_mm: float = 5.0) -> tuple[GreyImage, Rect]:
    side = round((size_mm + 3) * PX_PER_MM)
    pixels = np.full((side, side), 240, dtype=np.uint8)
    outline = Rect(1.5 * PX_PER_MM, 1.5 * PX_PER_MM, size_mm * PX_PER_MM, size_mm * PX_PER_MM)
    return pixels, outline


def crop(kind: str, shape: str, grey: int = 40) -> BoxCrop:
    """A printed box (or a bubble with a pale letter) holding what `kind` names."""
    pixels, outline = box()
    left, top = round(outline.x), round(outline.y)
    right, bottom = round(outline.right), round(outline.bottom)
    middle = ((left + right) // 2, (top + bottom) // 2)
    if shape == "bubble":
        cv2.circle(pixels, middle, (right - left) // 2, 76, 2, cv2.LINE_AA)
        cv2.putText(pixels, "A", (middle[0] - 8, middle[1] + 8), cv2.FONT_HERSHEY_SIMPLEX, 0.7, 175, 2, cv2.LINE_AA)
    else:
        cv2.rectangle(pixels, (left, top), (right, bottom), 76, 2, cv2.LINE_AA)
    if kind == "fill":
        cv2.circle(pixels, middle, (right - left) // 2 - 4, grey, cv2.FILLED, cv2.LINE_AA)
    elif kind == "tick":
        points = np.array([[left + 8, middle[1]], [middle[0] - 3, bottom - 8], [right - 3, top + 4]])
        cv2.polylines(pixels, [points], False, grey, 4, cv2.LINE_AA)
    elif kind == "cross":
        cv2.line(pixels, (left + 7, top + 7), (right - 7, bottom - 7), grey, 4, cv2.LINE_AA)
        cv2.line(pixels, (right - 7, top + 7), (left + 7, bottom - 7), grey, 4, cv2.LINE_AA)
    elif kind == "speck":
        cv2.circle(pixels, (left + 12, top + 14), 2, 60, cv2.FILLED)
    noise = np.random.default_rng(1).normal(0, 4, pixels.shape)
    return BoxCrop("f", 1, np.clip(pixels + noise, 0, 255).astype(np.uint8), PX_PER_MM, outline)


@pytest.mark.parametrize(("shape", "marks"), [("box", ["tick", "cross"]), ("bubble", ["fill", "cross", "tick"])])
def test_marks_stand_out_from_empty_boxes_and_specks(shape: str, marks: list[str], model: LiteRtModel) -> None:
    kinds = ["empty", "speck", *marks]
    for kind, mark in zip(kinds, read_marks([crop(kind, shape) for kind in kinds], model), strict=True):
        assert mark.marked > 0.95 if kind in marks else mark.empty > 0.8, (kind, mark)


def test_a_pencil_fill_counts_too(model: LiteRtModel) -> None:
    assert read_marks([crop("fill", "bubble", grey=150)], model)[0].marked > 0.95


def test_no_boxes_give_no_marks(model: LiteRtModel) -> None:
    assert read_marks([], model) == ()


def stroked(points_mm: list[tuple[float, float]], grey: int, pen_px: int) -> BoxCrop:
    """A tick box with one stroke, in mm from its top left corner."""
    empty = crop("empty", "box")
    points = (np.array(points_mm) * PX_PER_MM + (empty.outline.x, empty.outline.y)).round().astype(np.int32)
    drawn = cv2.polylines(np.full_like(empty.pixels, 255), [points], False, grey, pen_px, cv2.LINE_AA)
    return BoxCrop("f", 1, np.minimum(empty.pixels, drawn), PX_PER_MM, empty.outline)


@pytest.mark.parametrize(
    ("points", "grey", "pen"),
    [
        ([(1.0, 2.5), (2.2, 4.2), (4.2, 0.8)], 205, 3),
        ([(1.8, 2.6), (2.4, 3.4), (3.4, 1.9)], 150, 2),
        ([(3.0, 3.6), (3.9, 4.8), (7.5, -1.0)], 120, 2),
    ],
    ids=["light", "small and light", "mostly outside"],
)
def test_a_light_or_overflowing_tick_is_never_surely_empty(
    points: list[tuple[float, float]], grey: int, pen: int, model: LiteRtModel
) -> None:
    assert read_marks([stroked(points, grey, pen)], model)[0].empty < 0.5


def test_a_box_scribbled_over_beyond_its_outline_is_no_plain_mark(model: LiteRtModel) -> None:
    zigzag = [(-1.0 + 7.0 * at / 14, -1.0 if at % 2 else 6.0) for at in range(15)]
    assert read_marks([stroked(zigzag, 40, 5)], model)[0].marked < 0.5


def test_a_box_that_may_be_cancelled_but_hardly_is_does_not_surely_not_count() -> None:
    assert MarkReading(0.6, 0.3).unmarked == pytest.approx(0.1)
    assert MarkReading(0.1, 0.8).unmarked == pytest.approx(0.9) and MarkReading(0.1, 0.8).is_cancelled


def test_the_outline_is_always_at_one_place() -> None:
    small, large = mark_view(crop("tick", "box")), mark_view(crop("empty", "bubble"))
    assert small.shape == large.shape == (VIEW, VIEW)
    for view in (small, large):
        assert view[VIEW // 2, 5:8].max() > 0.4 and view.min() >= 0 and view.max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (3, 900), (2000, 2000)])
def test_a_picture_of_any_size_is_shown_whole(shape: tuple[int, int]) -> None:
    assert mark_view(mark_crop_of_picture(np.full(shape, 255, np.uint8))).max() == 0.0
    with pytest.raises(ValueError, match="uint8"):
        mark_crop_of_picture(np.zeros(shape, np.float32))  # type: ignore[arg-type]


def test_a_picture_cut_through_a_bubble_says_so() -> None:
    whole, halves = np.full((40, 40), 255, np.uint8), np.full((40, 40), 255, np.uint8)
    cv2.circle(whole, (20, 20), 9, 0, -1)
    cv2.circle(halves, (20, -2), 10, 0, -1)
    cv2.circle(halves, (20, 42), 10, 0, 2)
    assert not mark_crop_of_picture(whole).cut_through
    assert mark_crop_of_picture(halves).cut_through


def test_a_part_of_a_bubble_with_paper_put_around_it_is_cut_through() -> None:
    picture = np.full((40, 40), 255, np.uint8)
    cv2.circle(picture, (20, 2), 10, 0, -1)
    picture[:4] = 255
    assert mark_crop_of_picture(picture).cut_through


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_bubble_that_runs_into_a_shadow_is_cut_through(filled: bool, turns: int) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    cv2.circle(picture, (20, 34), 11, 0, -1 if filled else 2)
    picture[29:] = 20
    assert mark_crop_of_picture(np.rot90(picture, turns).copy()).cut_through
    # Dust far from the middle changes nothing.
    picture[20, 2] = 0
    assert mark_crop_of_picture(np.rot90(picture, turns).copy()).cut_through


@pytest.mark.parametrize("thick", [2, 5])
def test_a_mark_that_meets_the_rules_of_its_box_is_not_cut_through(thick: int) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    cv2.rectangle(picture, (1, 1), (38, 38), 0, thick)
    cv2.line(picture, (10, 36), (28, 3), 0, 2)
    assert not mark_crop_of_picture(picture).cut_through


@pytest.mark.parametrize("radius", [8, 14, 19, 22, 25])
def test_an_empty_bubble_is_not_cut_through_however_close_it_was_cut(radius: int) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    cv2.circle(picture, (20, 20), radius, 90, 2)
    assert not mark_crop_of_picture(picture).cut_through


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75])
def test_two_halves_of_bubbles_are_cut_through_even_if_pale(share: float) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    for y in (0, 40):
        cv2.circle(picture, (20, y), round(20 * share), 170, -1)
    assert mark_crop_of_picture(picture).cut_through


@pytest.mark.parametrize("inset", [0, 1, 4])
def test_an_empty_box_cut_at_its_rules_or_inside_them_is_not_cut_through(inset: int) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    cv2.rectangle(picture, (inset, inset), (39 - inset, 39 - inset), 0, 2)
    assert not mark_crop_of_picture(picture).cut_through
    cv2.line(picture, (10, 22), (16, 34), 0, 3)
    cv2.line(picture, (16, 34), (39, 0), 0, 3)
    assert not mark_crop_of_picture(picture).cut_through
