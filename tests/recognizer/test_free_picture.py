from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from recognizer.classifier import load_model
from recognizer.colour_picture import load_colours
from recognizer.errors import PageError, ScanError
from recognizer.free_lines import text_lines
from recognizer.free_overlay import COLOURS, SMALLEST_SIDE, side_by_side
from recognizer.free_paper import DIGIT_PX, find_writing, pieces_of
from recognizer.free_picture import DigitStatus, FreeReading, read_picture
from recognizer.geometry import Rect
from recognizer.records import CLASSES
from tests.helpers.free_pages import BLACK, ORANGE, PENCIL, RED, Drawn, Look, draw_page
from tests.helpers.pdfs import jpeg_picture, picture_pdf
from tests.helpers.reading_model import WidthModel

TEXTS = ("120 4567", "89", "3301 25 76")

LOOKS = {
    "plain": Look(),
    "sloping": Look(slope=7.0, ink=BLACK, noise=3.0),
    "ruled": Look(paper="ruled", slope=-3.0, ink=RED, noise=3.0, blur=0.7),
    "squared": Look(paper="squared", perspective=0.04, shade=0.3, noise=3.0, blur=0.7),
    "dark squares": Look(paper="squared", rule=(180, 140, 120), size=64, noise=3.0),
    "hard shadow": Look(shadow=0.45, shade=0.2, ink=BLACK, noise=4.0),
    "orange on brown": Look(ink=ORANGE, paper_tone=(190, 215, 225), noise=2.0),
    "pencil": Look(ink=PENCIL, noise=4.0, blur=0.8),
    "on a table": Look(table=1.5, slope=3.0, perspective=0.04, noise=3.0),
    "small": Look(size=22, noise=2.0),
    "large": Look(size=150, noise=3.0, blur=2.0),
}


class SureModel:
    """Says the same of every glyph."""

    name = "sure"

    def __init__(self, said: str, confidence: float) -> None:
        self._row = np.full(len(CLASSES), (1 - confidence) / (len(CLASSES) - 1), np.float32)
        self._row[CLASSES.index(said)] = confidence
        self.card = WidthModel().card

    def probabilities(self, glyphs: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.tile(self._row, (len(glyphs), 1))

    def sequences(self, _: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("not asked for")

    def marks(self, _: NDArray[np.float32]) -> NDArray[np.float32]:
        raise AssertionError("not asked for")


def overlap(one: Rect, other: Rect) -> float:
    """Return the shared area over the joint area."""
    across = min(one.right, other.right) - max(one.x, other.x)
    down = min(one.bottom, other.bottom) - max(one.y, other.y)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one.width * one.height + other.width * other.height - shared)


def found_share(drawn: Drawn, found: Sequence[Rect]) -> float:
    hits = [max((overlap(rect, other) for other in found), default=0.0) >= 0.5 for _, rect in drawn.digits]
    return sum(hits) / len(hits)


def strokes(*lines: Sequence[tuple[float, float]], size: tuple[int, int] = (500, 200)) -> NDArray[np.uint8]:
    """Draw pen strokes on white paper."""
    page = np.full((size[1], size[0], 3), 250, np.uint8)
    for line in lines:
        cv2.polylines(page, [np.array(line, np.int32)], False, (40, 30, 30), 5, cv2.LINE_AA)
    return page


def seven(x: float, y: float, size: float = 60) -> list[tuple[float, float]]:
    return [(x, y), (x + 0.6 * size, y), (x + 0.2 * size, y + size)]


def one(x: float, y: float, size: float = 60) -> list[tuple[float, float]]:
    return [(x, y), (x, y + size)]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_digits_are_found_where_they_were_written(look: Look) -> None:
    drawn = draw_page(TEXTS, look, seed=2)
    writing = find_writing(drawn.pixels)
    assert writing is not None and writing.digit_px == pytest.approx(DIGIT_PX, rel=0.25)
    _, pieces = pieces_of(writing.ink, writing.digit_px)
    boxes = [writing.in_picture(Rect(*map(float, row[:4]))) for row in pieces]
    assert found_share(drawn, boxes) >= 0.8
    assert len(boxes) <= 1.5 * len(drawn.digits)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_lines_are_in_reading_order(look: Look) -> None:
    drawn = draw_page(TEXTS, look, seed=3)
    writing = find_writing(drawn.pixels)
    assert writing is not None
    _, pieces = pieces_of(writing.ink, writing.digit_px)
    lines = [members for members in text_lines(pieces, writing.digit_px) if len(members) > 1]
    assert len(lines) == len(TEXTS)
    for members, written in zip(lines, drawn.lines, strict=True):
        boxes = [writing.in_picture(Rect(*map(float, pieces[member, :4]))) for member in members]
        middles = [box.x + box.width / 2 for box in boxes]
        assert middles == sorted(middles)
        assert found_share(Drawn(drawn.pixels, [written]), boxes) >= 0.5


def test_numbers_that_stand_apart_get_a_space() -> None:
    page = strokes(one(60, 50), seven(90, 50), one(150, 50), seven(300, 50), one(370, 50))
    (line,) = read_picture(page, WidthModel()).lines
    assert line.text == "171 71"
    assert [digit.line for digit in line.digits] == [1] * 5


def test_a_bar_that_stands_apart_belongs_to_its_digit() -> None:
    stem, bar = [(100, 60), (90, 120)], [(106, 52), (140, 52)]
    (line,) = read_picture(strokes(stem, bar, one(250, 55)), WidthModel()).lines
    assert line.text == "7 1"
    assert line.digits[0].bounds.right > 135


def test_touching_digits_are_cut_when_both_parts_are_read() -> None:
    class Pair(WidthModel):
        """Whatever is wide is no digit."""

        def probabilities(self, glyphs: NDArray[np.float32]) -> NDArray[np.float32]:
            found = super().probabilities(glyphs)
            wide = np.array([np.ptp(np.flatnonzero((glyph[..., 0] > 0.3).any(axis=0))) > 9 for glyph in glyphs])
            found[wide] = np.eye(len(CLASSES), dtype=np.float32)[CLASSES.index("other")]
            return found

    page = strokes(one(100, 60), [(100, 90), (142, 90)], one(142, 60), one(270, 60), one(400, 60))
    (line,) = read_picture(page, Pair()).lines
    assert len(line.digits) == 4 and "?" not in line.text
    (line,) = read_picture(page, SureModel("other", 0.99)).lines
    assert line.text == "? ? ?"


def test_what_is_no_digit_is_reported_and_never_forced() -> None:
    page = strokes(one(100, 60), seven(200, 60), one(340, 60))
    other = read_picture(page, SureModel("other", 0.97))
    assert [line.text for line in other.lines] == ["? ? ?"]
    assert {digit.status for digit in other.digits} == {DigitStatus.NOT_A_DIGIT}
    unsure = read_picture(page, SureModel("4", 0.8))
    assert [(digit.text, digit.digit, digit.status) for digit in unsure.digits] == [("?", "4", DigitStatus.UNSURE)] * 3


def test_flat_remains_that_nobody_wrote_are_left_out() -> None:
    page = strokes(one(100, 60), [(150, 90), (195, 92)], one(340, 60))
    assert [line.text for line in read_picture(page, SureModel("blank", 0.97)).lines] == ["? ?"]
    assert [line.text for line in read_picture(page, SureModel("-", 0.97)).lines] == ["?? ?"]


def test_what_is_struck_out_is_one_thing_that_is_no_digit() -> None:
    page = strokes(one(100, 60), seven(140, 60), one(220, 60), [(80, 90), (240, 92)], one(380, 60))
    (line,) = read_picture(page, SureModel("cancelled", 0.97)).lines
    assert line.text == "? ?"


def test_drawings_do_not_hide_writing() -> None:
    page = strokes(one(100, 60), seven(200, 60), one(340, 60), size=(900, 600))
    cv2.circle(page, (650, 380), 110, (40, 30, 30), 6)
    assert read_picture(page, WidthModel()).lines[0].text == "1 7 1"


def test_specks_are_left_out() -> None:
    page = strokes(one(100, 60), seven(200, 60), one(340, 60))
    rng = np.random.default_rng(1)
    for x, y in rng.integers((5, 5), (490, 190), (60, 2)).tolist():
        cv2.circle(page, (x, y), 2, (60, 60, 60), -1)
    assert [line.text for line in read_picture(page, WidthModel()).lines] == ["1 7 1"]


@pytest.mark.parametrize(
    "page",
    [
        np.full((300, 400, 3), 250, np.uint8),
        np.zeros((300, 400, 3), np.uint8),
        np.full((1, 1, 3), 200, np.uint8),
        np.full((3, 900, 3), 128, np.uint8),
        draw_page(["", ""], Look(paper="squared", noise=3.0, shade=0.3)).pixels,
        draw_page(["", ""], Look(paper="ruled", slope=4.0, noise=3.0)).pixels,
    ],
    ids=["white", "black", "one pixel", "a strip", "squared", "ruled"],
)
def test_empty_paper_has_no_lines(page: NDArray[np.uint8]) -> None:
    reading = read_picture(page, SureModel("other", 0.99))
    assert reading == FreeReading(page.shape[1], page.shape[0], ())


def test_noise_alone_is_not_read() -> None:
    page = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    assert all(digit.status is not DigitStatus.READ for digit in read_picture(page, SureModel("other", 0.99)).digits)


def test_chalk_on_a_board_is_seen() -> None:
    page = np.asarray(255 - strokes(one(100, 60), seven(200, 60), one(340, 60)), np.uint8)
    assert [line.text for line in read_picture(page, WidthModel()).lines] == ["1 7 1"]


def test_the_shipped_model_reads_four_of_five_and_forces_almost_nothing() -> None:
    model = load_model()
    right = wrong = total = 0
    for number, look in enumerate((LOOKS["ruled"], LOOKS["squared"], LOOKS["hard shadow"])):
        drawn = draw_page(("0123456789", "48 516", "7032 9"), look, seed=number)
        found = [digit for digit in read_picture(drawn.pixels, model).digits if digit.status is DigitStatus.READ]
        for digit, rect in drawn.digits:
            there = [one.digit for one in found if overlap(one.bounds, rect) >= 0.4]
            right += there == [digit]
            wrong += bool(there) and there != [digit]
        total += len(drawn.digits)
    assert total == 60
    assert right >= 0.8 * total and wrong <= 0.04 * total


def test_the_drawing_shows_the_original_left_and_outlines_right() -> None:
    page = strokes(one(100, 60), seven(200, 60), one(340, 60))
    drawn = side_by_side(page, read_picture(page, WidthModel()))
    assert (drawn[:, :500] == page).all() and drawn.shape[0] == 200 and drawn.shape[1] > 1000
    green = np.array(COLOURS[DigitStatus.READ])
    assert (drawn[:, 512:] == green).all(axis=2).sum() > 200
    assert not (drawn[:, :500] == green).all(axis=2).any()


def test_tiny_and_huge_pictures_are_drawn_at_a_size_to_look_at() -> None:
    tiny = np.full((20, 30, 3), 255, np.uint8)
    assert side_by_side(tiny, FreeReading(30, 20, ())).shape[1] > 2 * SMALLEST_SIDE
    huge = np.full((6000, 8000, 3), 255, np.uint8)
    assert side_by_side(huge, FreeReading(8000, 6000, ())).shape[1] < 5000


def test_a_huge_photo_is_read_like_a_small_one() -> None:
    page = cv2.resize(strokes(one(100, 60), seven(200, 60), one(340, 60)), None, fx=14, fy=14)
    reading = read_picture(np.asarray(page, np.uint8), WidthModel())
    assert [line.text for line in reading.lines] == ["1 7 1"]
    assert reading.digits[1].bounds.x == pytest.approx(14 * 197, abs=40)


def saved(path: Path, image: Image.Image, **more: Any) -> Path:
    image.save(path, **more)
    return path


def test_every_kind_of_picture_file_is_opened(tmp_path: Path) -> None:
    red = Image.new("RGB", (40, 30), (200, 30, 20))
    grey16 = Image.fromarray(np.full((30, 40), 40000, np.uint16))
    files = {
        "png": (saved(tmp_path / "a.png", red), (20, 30, 200)),
        "jpeg": (saved(tmp_path / "a.jpg", red, quality=95), (20, 30, 200)),
        "tiff": (saved(tmp_path / "a.tif", red), (20, 30, 200)),
        "cmyk": (saved(tmp_path / "c.jpg", red.convert("CMYK"), quality=95), (20, 30, 200)),
        "16 bit": (saved(tmp_path / "d.png", grey16), (155, 155, 155)),
        "palette": (saved(tmp_path / "p.png", red.convert("P", palette=Image.Palette.ADAPTIVE)), (20, 30, 200)),
        "transparent": (saved(tmp_path / "t.png", Image.new("RGBA", (40, 30), (0, 0, 0, 0))), (255, 255, 255)),
        "1 bit": (saved(tmp_path / "b.png", Image.new("1", (40, 30), 1)), (255, 255, 255)),
    }
    for name, (path, colour) in files.items():
        pixels = load_colours(path)
        assert pixels.shape == (30, 40, 3) and pixels.dtype == np.uint8, name
        assert np.abs(pixels.reshape(-1, 3).mean(axis=0) - colour).max() < 6, name


def test_a_page_of_a_pdf_is_opened(tmp_path: Path) -> None:
    (tmp_path / "page.pdf").write_bytes(picture_pdf(jpeg_picture(np.full((300, 200), 250, np.uint8))))
    pixels = load_colours(tmp_path / "page.pdf")
    assert pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.mean() > 240


def test_a_photo_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "turned.jpg", Image.new("RGB", (40, 30), "white"), exif=exif)
    assert load_colours(path).shape == (40, 30, 3)


def test_files_that_are_no_single_picture_are_refused(tmp_path: Path) -> None:
    page = Image.new("RGB", (40, 30), "white")
    whole = saved(tmp_path / "whole.png", page.resize((300, 300))).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cut.jpg").write_bytes(saved(tmp_path / "w.jpg", page).read_bytes()[:200])
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("no picture")
    saved(tmp_path / "two.tif", page, save_all=True, append_images=[page])
    for name, said in (
        ("cut.png", "damaged"),
        ("cut.jpg", "damaged"),
        ("empty.png", "empty"),
        ("text.png", "expected a PDF, TIFF, JPEG, PNG, WebP, HEIC or AVIF"),
        ("two.tif", "holds 2 pages"),
        ("missing.png", "cannot be read"),
        (".", "cannot be read"),
    ):
        with pytest.raises(ScanError, match=said):
            load_colours(tmp_path / name)


def test_pictures_beyond_the_limit_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    path = saved(tmp_path / "huge.png", Image.new("1", (12000, 9000)))
    with pytest.raises(PageError, match=r"huge.png: .*108 million"):
        load_colours(path)


def test_a_picture_full_of_specks_is_refused_not_read_for_ever() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 1)).astype(np.uint8).repeat(3, axis=2)
    with pytest.raises(ScanError, match="separate strokes and specks, expected at most"):
        read_picture(noise, WidthModel())
