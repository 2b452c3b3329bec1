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


@pytest.mark.parametrize(
    ("shape", "marks"), [("box", ["tick", "cross", "fill"]), ("bubble", ["fill", "cross", "tick"])]
)
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
