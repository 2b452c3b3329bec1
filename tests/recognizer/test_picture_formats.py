"""Pictures in every format that scanners and phones write; a cut or crooked TIFF loses no page in silence."""

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recognizer import scan
from recognizer.errors import ScanError
from recognizer.file_ends import has_valid_end
from recognizer.raster import load_page, open_scan, page_count
from recognizer.records import GreyImage, PageRef, PageSource
from recognizer.tiff_pages import check_tiff
from tests.helpers.paper import draw_page, plain_template

GOLDEN = Path(__file__).parents[1] / "golden"
FIRST = PageRef("x", 1)


@pytest.fixture(scope="module")
def sheet() -> GreyImage:
    return draw_page(plain_template(), dpi=40)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "picture"
        path.write_bytes(data)
        return path

    return store


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def heic() -> bytes:
    """The sheet as a phone would store it; made once with pillow-heif, since what we install only reads."""
    pytest.importorskip("pi_heif")
    return (GOLDEN / "page.heic").read_bytes()


MODERN = {
    "WebP": lambda sheet: encoded(Image.fromarray(sheet), "WEBP"),
    "lossless WebP": lambda sheet: encoded(Image.fromarray(sheet), "WEBP", lossless=True),
    "AVIF": lambda sheet: encoded(Image.fromarray(sheet), "AVIF"),
    "HEIC": lambda _: heic(),
}


@pytest.mark.parametrize("kind", MODERN)
def test_what_phones_write_is_read(sheet: GreyImage, stored: Callable[[bytes], Path], kind: str) -> None:
    path = stored(MODERN[kind](sheet))
    assert has_valid_end(path) and page_count(path) == 1
    page = load_page(path, FIRST)
    assert page.source is PageSource.IMAGE and page.pixels.shape == sheet.shape
    assert np.abs(page.pixels.astype(int) - sheet).mean() < 1.5


@pytest.mark.parametrize("kind", MODERN)
@pytest.mark.parametrize("share", [0.05, 0.5, 0.98])
def test_what_phones_write_is_refused_when_it_is_cut_off(
    sheet: GreyImage, stored: Callable[[bytes], Path], kind: str, share: float
) -> None:
    whole = MODERN[kind](sheet)
    path = stored(whole[: int(len(whole) * share)])
    assert not has_valid_end(path)
    with pytest.raises(ScanError, match="the picture is damaged"):
        page_count(path)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_a_photograph_is_turned_as_its_camera_says(
    sheet: GreyImage, stored: Callable[[bytes], Path], kind: str, orientation: int, turns: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    page = load_page(stored(encoded(Image.fromarray(sheet), kind, exif=exif)), FIRST)
    shown = np.rot90(sheet, turns)
    assert page.pixels.shape == shown.shape
    assert np.abs(page.pixels.astype(int) - shown).mean() < 3


PAGES = 4


def tiff(sheet: GreyImage, **options: object) -> bytes:
    """A TIFF of four pages, each with some dots of its own that do not pack well."""
    random = np.random.default_rng(1)
    noisy = [sheet - random.integers(0, 30, sheet.shape, dtype=np.uint8) // 2 for _ in range(PAGES)]
    pages = [Image.fromarray(page) for page in noisy]
    if options.get("compression") == "group4":
        pages = [page.convert("1") for page in pages]
    return encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:], **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "group4"},
        {"compression": "jpeg"},
        {"compression": "tiff_lzw"},
        {"compression": "tiff_deflate"},
        {"big_tiff": True},
        {"tiffinfo": {278: 16}},
    ],
    ids=str,
)
def test_every_kind_of_tiff_adds_up(
    sheet: GreyImage, stored: Callable[[bytes], Path], options: dict[str, object]
) -> None:
    path = stored(tiff(sheet, **options))
    assert has_valid_end(path) and page_count(path) == PAGES
    with open_scan(path) as opened:
        for number in range(1, PAGES + 1):
            assert opened.load(PageRef("x", number)).pixels.shape == sheet.shape


def test_a_long_tiff_adds_up_and_each_missing_page_is_noticed(stored: Callable[[bytes], Path]) -> None:
    noise = np.random.default_rng(0).random((100, 300)) > 0.5
    page = Image.fromarray(noise)
    data = bytearray(
        encoded(page, "TIFF", save_all=True, append_images=[page] * 299, compression="group4", dpi=(50, 50))
    )
    assert page_count(stored(bytes(data))) == 300
    for last in (299, 150, 1):
        cut = bytearray(data)
        struct.pack_into("<I", cut, links(bytes(data))[last], 0)
        with pytest.raises(ScanError, match=f"none of its {last} pages shows"):
            page_count(stored(bytes(cut)))


def links(data: bytes) -> list[int]:
    """Where in a TIFF the offset of each directory stands, the last of them 0."""
    places, at = [], 4
    while offset := struct.unpack_from("<I", data, at)[0]:
        places.append(at)
        at = offset + 2 + 12 * struct.unpack_from("<H", data, offset)[0]
    return [*places, at]


@pytest.mark.parametrize(
    ("of", "to", "reason"),
    [
        (2, lambda _: 0, "holds .* kB that none of its 2 pages shows"),
        (3, lambda _: 0, "holds .* kB that none of its 3 pages shows"),
        (2, lambda data: struct.unpack_from("<I", data, 4)[0], "after page 2 it leads back to one before"),
        (2, lambda data: len(data) + 8, "leads out of the file|damaged"),
        (2, lambda _: 9, "damaged"),
    ],
)
def test_a_tiff_whose_pages_cannot_all_be_reached_is_refused(
    sheet: GreyImage, stored: Callable[[bytes], Path], of: int, to: Callable[[bytes], int], reason: str
) -> None:
    data = bytearray(tiff(sheet))
    struct.pack_into("<I", data, links(bytes(data))[of], to(bytes(data)))
    with pytest.raises(ScanError, match=reason):
        page_count(stored(bytes(data)))


def test_a_tiff_cut_off_is_unfinished_and_refused(sheet: GreyImage, stored: Callable[[bytes], Path]) -> None:
    data = tiff(sheet)
    for share in (0.3, 0.7, 0.99):
        path = stored(data[: int(len(data) * share)])
        assert not has_valid_end(path)
        with pytest.raises(ScanError):
            page_count(path)


def test_one_changed_byte_in_the_tables_of_a_tiff_never_hides_a_page(
    sheet: GreyImage, stored: Callable[[bytes], Path]
) -> None:
    data, random = tiff(sheet, compression="group4"), np.random.default_rng(3)
    tables = [at for link in links(data)[1:] for at in range(link - 130, link + 4)] + [4, 5, 6, 7]
    refused = 0
    for at in random.choice(tables, 150, replace=False):
        damaged = bytearray(data)
        damaged[at] ^= 1 << random.integers(8)
        try:
            assert page_count(stored(bytes(damaged))) == PAGES
        except ScanError:
            refused += 1
    assert refused > 20


def test_a_tiff_of_too_many_pages_is_refused(
    sheet: GreyImage, stored: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stored(tiff(sheet))
    monkeypatch.setattr(scan, "MAX_PAGES", 3)
    with pytest.raises(ScanError, match="holds 4 pages or more, at most 3 are read"):
        page_count(path)
    with pytest.raises(ScanError, match="holds 4 pages or more"):
        check_tiff(path, 4)


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"", False),
        (b"anything else", True),
        (b"%PDF-1.7 %%EOF", True),
        (b"%PDF-1.7 %%EOF\r\n\0\0\0", True),
        (b"%PDF-1.7", False),
        (b"%PDF-1.7 %%EOF\n7 0 obj\n<< /Type /Page", False),
        (b"\xff\xd8\xff\xe0 \xff\xd9", True),
        (b"\xff\xd8\xff\xe0", False),
        (b"\x89PNG\r\n\x1a\n IEND\xae\x42\x60\x82", True),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"RIFF\x0c\0\0\0WEBPVP8 \0\0\0\0", True),
        (b"RIFF\x0d\0\0\0WEBPVP8 \0\0\0\0", False),
        (b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x08mdat", True),
        (b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x09mdat", False),
        (b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x01mdat\0\0\0\0\0\0\0\x10", True),
        (b"\0\0\0\x10ftypheic\0\0\0\0\0\0\0\x02mdat", False),
        (b"II*\0\x08\0\0\0", False),
        (b"II*\0", False),
        (b"II*\0\x08\0\0\0\0\0\0\0\0\0", True),
    ],
)
def test_the_end_of_a_file_is_known_by_its_beginning(
    stored: Callable[[bytes], Path], content: bytes, whole: bool
) -> None:
    assert has_valid_end(stored(content)) is whole
