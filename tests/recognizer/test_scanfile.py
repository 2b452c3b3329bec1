"""PDFs of scanned pictures: what goes in comes out, pixel for pixel, whatever reads it."""

import io
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pypdfium2 as pdfium
import pytest

from recognizer.printing import ScannedPicture, images_to_pdf


def picture(height: int = 220, width: int = 150) -> np.ndarray:
    """Return a grey picture with a dark top left corner, so that a flipped or inverted one is not taken for it."""
    grey = np.full((height, width), 230, np.uint8)
    grey[:60, :40] = 20
    return grey


def jpeg(grey: np.ndarray) -> bytes:
    return cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


def rendered(pdf: bytes, page: int, dpi: float) -> np.ndarray:
    bitmap = pdfium.PdfDocument(pdf)[page].render(scale=dpi / 72, grayscale=True)
    pixels = bitmap.to_numpy()
    return np.array(pixels.reshape(*pixels.shape[:2], -1)[..., 0])


def stored(pdf: bytes) -> tuple[bytes, str, str]:
    """Return the first page's picture as it lies in the file: its data, its filter and its colours."""
    with pikepdf.open(io.BytesIO(pdf)) as file:
        picture = file.pages[0].Resources.XObject["/Scan"]
        return picture.read_raw_bytes(), str(picture.Filter), str(picture.ColorSpace)


def written(*pages: ScannedPicture) -> bytes:
    file = io.BytesIO()
    images_to_pdf(pages, file)
    return file.getvalue()


def test_jpegs_are_stored_as_they_are() -> None:
    data = jpeg(picture())
    pdf = written(ScannedPicture(data, 150, 220, 100))
    assert stored(pdf) == (data, "/DCTDecode", "/DeviceGray")


def test_colour_jpegs_keep_their_colour() -> None:
    colour = np.zeros((80, 60, 3), np.uint8)
    colour[:, :, 2] = 200
    pdf = written(ScannedPicture(jpeg(colour), 60, 80, 72))
    assert stored(pdf)[2] == "/DeviceRGB"
    red, green, _ = pdfium.PdfDocument(pdf)[0].render(scale=1, rev_byteorder=True).to_numpy()[40, 30][:3]
    assert red > 150
    assert green < 50


def test_black_and_white_pages_come_back_exactly() -> None:
    white = np.random.default_rng(1).random((220, 152)) > 0.3
    white[:60, :40] = False
    pdf = written(ScannedPicture(white, 152, 220, 72))
    assert stored(pdf)[1] == "/CCITTFaxDecode"
    assert np.array_equal(rendered(pdf, 0, 72) > 127, white)


@pytest.mark.parametrize("width", [1, 7, 8, 9, 150])
def test_black_and_white_pages_may_have_any_width(width: int) -> None:
    white = np.zeros((30, width), bool)
    white[::2] = True
    pdf = written(ScannedPicture(white, width, 30, 72))
    assert np.array_equal(rendered(pdf, 0, 72) > 127, white)


def test_pages_have_the_size_of_their_paper() -> None:
    pdf = written(ScannedPicture(jpeg(picture(2339, 1654)), 1654, 2339, 200))
    width, height = pdfium.PdfDocument(pdf)[0].get_size()
    assert (width / 72 * 25.4, height / 72 * 25.4) == pytest.approx((210, 297), abs=0.1)


def test_pages_stand_in_order_and_the_file_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    grey = picture()
    levels = (40, 90, 140, 190)
    images_to_pdf((ScannedPicture(jpeg(np.full_like(grey, level)), 150, 220, 72) for level in levels), path)
    data = path.read_bytes()
    assert [round(float(rendered(data, page, 72).mean()), -1) for page in range(4)] == [40, 90, 140, 190]
    with pikepdf.open(path) as pdf:
        assert pdf.check_pdf_syntax() == []


def test_the_same_pages_give_the_same_bytes() -> None:
    page = ScannedPicture(jpeg(picture()), 150, 220, 100)
    assert written(page, page) == written(page, page)


def test_a_file_has_at_least_one_page() -> None:
    with pytest.raises(ValueError, match="at least one page"):
        written()
