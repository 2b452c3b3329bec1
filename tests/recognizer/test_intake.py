"""Whatever a page was scanned into, and whichever way it is read, what is on it lies at the same millimetre."""

from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest

from recognizer.geometry import MM_PER_INCH
from recognizer.raster import Renderer, available_renderer, load_page, open_scan, page_count
from recognizer.records import GreyImage, Page, PageRef, PageSource
from tests.helpers.pdfs import (
    A4_POINTS,
    Picture,
    drawn_pdf,
    fax_picture,
    flat_picture,
    jbig2_picture,
    jpeg2000_picture,
    jpeg_picture,
    picture_pdf,
    pieces_pdf,
)

FIRST = PageRef("x", 1)
A_DOT = b" 0 g 300 3 1 1 re f "
WIDTH_MM, HEIGHT_MM = (points * MM_PER_INCH / 72 for points in A4_POINTS)
SQUARE_MM = 5.0
CENTRES_MM = np.array([[x, y] for y in (20.3, 101.7, 188.2, 270.9) for x in (18.4, 77.1, 133.6, 190.2)])
"""Where squares stand on the page: at no round number of pixels."""

OFF_MM = 0.11
"""How far a square may be off: 1.3 pixels at 300 dpi, to which renderers round; decoded directly it is 0.01 mm."""

needs_poppler = pytest.mark.skipif(available_renderer() != "pdf2image", reason="poppler is not installed")
READERS = [Renderer.PDFIUM, pytest.param(Renderer.PDF2IMAGE, marks=needs_poppler)]


def squares(dpi: float = 203.2) -> GreyImage:
    """The page as pixels, its squares' edges grey where they fall between two."""
    fine, px_per_mm = 8, dpi / MM_PER_INCH
    width, height = round(WIDTH_MM * px_per_mm), round(HEIGHT_MM * px_per_mm)
    page = np.full((height, width), 255, np.uint8)
    for x, y in CENTRES_MM:
        first = np.array([x - SQUARE_MM, y - SQUARE_MM]) * [width / WIDTH_MM, height / HEIGHT_MM]
        left, top = (int(value) for value in first)
        side = int(2 * SQUARE_MM * px_per_mm)
        big = np.full((side * fine, side * fine), 255, np.uint8)
        scale = np.array([width / WIDTH_MM, height / HEIGHT_MM]) * fine
        start = (np.array([x, y]) - SQUARE_MM / 2) * scale - np.array([left, top]) * fine
        end = start + SQUARE_MM * scale
        big[round(start[1]) : round(end[1]), round(start[0]) : round(end[0])] = 0
        page[top : top + side, left : left + side] = cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA)
    return page


def drawn_squares() -> bytes:
    scale = 72 / MM_PER_INCH
    return b"0 g " + b" ".join(
        b"%.4f %.4f %.4f %.4f re f"
        % ((x - SQUARE_MM / 2) * scale, A4_POINTS[1] - (y + SQUARE_MM / 2) * scale, *(SQUARE_MM * scale,) * 2)
        for x, y in CENTRES_MM
    )


def found_mm(page: Page) -> np.ndarray:
    """Where the squares are, by the centre of their ink, in mm of the page as it is displayed; row by row."""
    height, width = page.pixels.shape
    ink = 255.0 - page.pixels
    count, _, about, _ = cv2.connectedComponentsWithStats((ink > 64).astype(np.uint8))
    centres = []
    for label in range(1, count):
        x, y, w, h = (int(value) for value in about[label, :4])
        if min(w, h) * page.width_mm / width < SQUARE_MM / 2:
            continue
        around = (slice(max(y - 3, 0), y + h + 3), slice(max(x - 3, 0), x + w + 3))
        weight = ink[around]
        rows, columns = np.mgrid[around]
        centres.append([(columns * weight).sum() / weight.sum() + 0.5, (rows * weight).sum() / weight.sum() + 0.5])
    found = np.array(centres) * [page.width_mm / width, page.height_mm / height]
    return np.array(sorted(found.tolist(), key=lambda one: (round(one[1] / 10), one[0])))


@pytest.fixture(scope="module")
def page_pixels() -> GreyImage:
    return squares()


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "scan.pdf"
        path.write_bytes(data)
        return path

    return store


PICTURES: dict[str, Callable[[GreyImage], Picture]] = {
    "JPEG": jpeg_picture,
    "colour JPEG": lambda page: jpeg_picture(cv2.cvtColor(page, cv2.COLOR_GRAY2BGR)),
    "JPEG 2000": jpeg2000_picture,
    "deflated": flat_picture,
    "fax": lambda page: fax_picture(np.where(page < 128, 0, 255).astype(np.uint8)),
    "JBIG2": jbig2_picture,
}


@pytest.mark.parametrize("kind", PICTURES)
def test_an_embedded_picture_lies_where_it_lay_on_the_paper(
    page_pixels: GreyImage, stored: Callable[[bytes], Path], kind: str
) -> None:
    path = stored(picture_pdf(PICTURES[kind](page_pixels)))
    assert page_count(path) == 1
    page = load_page(path, FIRST)
    assert page.source is PageSource.EMBEDDED
    assert np.abs(found_mm(page) - CENTRES_MM).max() < (0.02 if kind not in ("fax", "JBIG2") else 0.07)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", [*PICTURES, "strips", "tiles", "vector"])
def test_a_rendered_page_lies_where_the_embedded_picture_lies(
    page_pixels: GreyImage, stored: Callable[[bytes], Path], kind: str, reader: Renderer
) -> None:
    if kind == "JBIG2" and reader is Renderer.PDF2IMAGE:
        pytest.skip(
            "poppler 22 draws streaks into JBIG2 that is coded like a fax, the only JBIG2 that we can make here"
        )
    made = {
        "strips": lambda: pieces_pdf(page_pixels, 11, 1),
        "tiles": lambda: pieces_pdf(page_pixels, 4, 3),
        "vector": lambda: drawn_pdf(drawn_squares()),
    }
    path = stored(made[kind]() if kind in made else picture_pdf(PICTURES[kind](page_pixels), after=A_DOT))
    assert page_count(path) == 1
    page = load_page(path, FIRST, reader)
    assert page.source is PageSource(reader.value)
    # In black and white, half a stored pixel may be missing on a side.
    off = OFF_MM if kind not in ("fax", "JBIG2") else 0.15
    assert np.abs(found_mm(page) - CENTRES_MM).max() < off


def turned(centres: np.ndarray, rotate: int) -> np.ndarray:
    """The squares of a page that is displayed turned clockwise."""
    x, y = centres[:, 0], centres[:, 1]
    shown = {90: (HEIGHT_MM - y, x), 180: (WIDTH_MM - x, HEIGHT_MM - y), 270: (y, WIDTH_MM - x)}[rotate]
    return np.array(sorted(np.column_stack(shown).tolist(), key=lambda one: (round(one[1] / 10), one[0])))


@pytest.mark.parametrize("rotate", [90, 180, 270])
@pytest.mark.parametrize("reader", READERS)
def test_a_page_turned_by_its_attribute_is_the_same_page_on_every_way(
    page_pixels: GreyImage, stored: Callable[[bytes], Path], rotate: int, reader: Renderer
) -> None:
    for data in (picture_pdf(jpeg_picture(page_pixels), rotate=rotate), pieces_pdf(page_pixels, 4, 3, rotate)):
        page = load_page(stored(data), FIRST, reader)
        assert np.abs(found_mm(page) - turned(CENTRES_MM, rotate)).max() < OFF_MM


@pytest.mark.parametrize("reader", READERS)
def test_a_picture_smaller_than_its_page_lies_where_it_is_laid(
    page_pixels: GreyImage, stored: Callable[[bytes], Path], reader: Renderer
) -> None:
    share, x, y = 0.8, 50.0, 30.0
    matrix = (A4_POINTS[0] * share, 0, 0, A4_POINTS[1] * share, x, y)
    expected = CENTRES_MM * share + np.array([x, A4_POINTS[1] * (1 - share) - y]) * MM_PER_INCH / 72
    direct = load_page(stored(picture_pdf(jpeg_picture(page_pixels), matrix=matrix)), FIRST)
    drawn = load_page(stored(picture_pdf(jpeg_picture(page_pixels), matrix=matrix, after=A_DOT)), FIRST, reader)
    assert direct.source is PageSource.EMBEDDED and drawn.source is PageSource(reader.value)
    assert np.abs(found_mm(direct) - expected).max() < OFF_MM
    assert np.abs(found_mm(drawn) - expected).max() < OFF_MM


def joined(files: Sequence[bytes]) -> bytes:
    whole = pikepdf.new()
    for data in files:
        with pikepdf.open(BytesIO(data)) as part:
            whole.pages.extend(part.pages)
    file = BytesIO()
    whole.save(file)
    return file.getvalue()


@pytest.mark.parametrize("reader", READERS)
def test_pages_of_any_size_and_kind_share_a_file(
    page_pixels: GreyImage, stored: Callable[[bytes], Path], reader: Renderer
) -> None:
    a3 = (A4_POINTS[1], A4_POINTS[0] * 2)
    path = stored(
        joined(
            [
                picture_pdf(jpeg_picture(page_pixels)),
                drawn_pdf(drawn_squares(), a3),
                picture_pdf(PICTURES["fax"](page_pixels), after=b"BT /F1 20 Tf 3 Tr 50 700 Td (recognised) Tj ET"),
                drawn_pdf(b"0 g 100 100 200 200 re f", (612.0, 792.0)),
                pieces_pdf(page_pixels, 7, 1, rotate=180),
            ]
        )
    )
    with open_scan(path) as scan:
        scan.check_complete()
        pages = [scan.load(PageRef("x", number), reader) for number in range(1, scan.page_count + 1)]
    sizes = [(round(page.width_mm), round(page.height_mm)) for page in pages]
    assert sizes == [(210, 297), (297, 420), (210, 297), (216, 279), (210, 297)]
    rendered = PageSource(reader.value)
    assert [page.source for page in pages] == [
        PageSource.EMBEDDED,
        rendered,
        PageSource.EMBEDDED,
        rendered,
        rendered,
    ]
    assert np.abs(found_mm(pages[4]) - turned(CENTRES_MM, 180)).max() < OFF_MM
