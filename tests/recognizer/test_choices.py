import cv2
import numpy as np
import pytest

from recognizer.choices import read_marks
from recognizer.geometry import Rect
from recognizer.records import BoxCrop, GreyImage

PX_PER_MM = 8.0


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
def test_marks_stand_out_from_empty_boxes_and_specks(shape: str, marks: list[str]) -> None:
    kinds = ["empty", "speck", *marks, "empty", "empty", "empty"]
    read = read_marks([crop(kind, shape) for kind in kinds], shape)
    for kind, mark in zip(kinds, read, strict=True):
        if kind in marks:
            assert mark.marked > 0.9, kind
        else:
            assert mark.marked < 0.02, kind


def test_a_pencil_fill_counts_too() -> None:
    read = read_marks([crop("fill", "bubble", grey=150), *[crop("empty", "bubble")] * 4], "bubble")
    assert read[0].marked > 0.95 and max(mark.marked for mark in read[1:]) < 0.02


def test_a_page_on_which_every_box_is_ticked() -> None:
    read = read_marks([crop("tick", "box")] * 3, "box")
    assert min(mark.marked for mark in read) > 0.99


def test_no_boxes_give_no_marks() -> None:
    assert read_marks([], "box") == ()


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
    points: list[tuple[float, float]], grey: int, pen: int
) -> None:
    first, *others = read_marks([stroked(points, grey, pen), *[crop("empty", "box")] * 4], "box")
    assert first.marked >= 0.5
    assert max(mark.marked for mark in others) < 0.02


def test_a_box_blackened_all_over_is_in_doubt_and_a_filled_bubble_is_not() -> None:
    black = crop("empty", "box")
    black.pixels[14:52, 14:52] = 30
    assert read_marks([black, crop("empty", "box"), crop("empty", "box")], "box")[0].marked == 0.5
    assert read_marks([crop("fill", "bubble"), *[crop("empty", "bubble")] * 3], "bubble")[0].marked > 0.95
