"""Pages of PDFs and picture files become the pixels that are displayed, whichever way they are read."""

import os
import stat
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pikepdf
import pytest
from PIL import Image

from recognizer import pdf_scan
from recognizer.errors import PageError, ScanError
from recognizer.geometry import apply_homography
from recognizer.raster import Renderer, available_renderer, load_page, open_scan, page_count, scan_digest
from recognizer.records import GreyImage, Page, PageRef, PageSource
from recognizer.register import register
from recognizer.template import SheetSet
from tests.helpers.paper import draw_page, plain_template
from tests.helpers.pdfs import (
    A4_POINTS,
    FULL_PAGE,
    Picture,
    empty_pdf,
    fax_picture,
    flat_picture,
    jpeg,
    jpeg_picture,
    picture_pdf,
)

FIRST = PageRef("0" * 64, 1)
A_DOT = b" 0 g 300 3 1 1 re f "
"""Something else on the page, so small that it changes nothing: the page must be rendered."""

RENDERERS = [Renderer.PDFIUM] + [Renderer.PDF2IMAGE] * (available_renderer() == "pdf2image")
WIDTH, HEIGHT = A4_POINTS


@pytest.fixture(scope="module")
def sheet() -> GreyImage:
    return draw_page(plain_template(), dpi=150)


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes, str], Path]:
    def store(data: bytes, name: str = "scan.pdf") -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return store


def read(path: Path, renderer: Renderer = Renderer.PDFIUM) -> Page:
    return load_page(path, FIRST, renderer)


def places_mm(page: Page) -> np.ndarray:
    """Where the corners of the boxes are on the page as displayed, in mm of the page's claimed size."""
    registered = register(page, SheetSet("exam", (plain_template(),)))
    corners = np.vstack([box.rect.corners() for box in registered.template.boxes(1)])
    size_px = np.array(page.pixels.shape[::-1])
    return (apply_homography(registered.mm_to_px, corners) + 0.5) / size_px * [page.width_mm, page.height_mm]


def test_an_embedded_jpeg_is_decoded_as_it_is(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    page = read(stored(picture_pdf(jpeg_picture(sheet))))
    assert page.source is PageSource.EMBEDDED
    assert np.array_equal(page.pixels, cv2.imdecode(np.frombuffer(jpeg(sheet), np.uint8), cv2.IMREAD_GRAYSCALE))
    assert (page.width_mm, page.height_mm) == (pytest.approx(210, abs=0.01), pytest.approx(297, abs=0.01))


PLACEMENTS = {
    "upright": {},
    "turned right": {"rotate": 90},
    "upside down": {"rotate": 180},
    "turned left": {"rotate": 270},
    "stored sideways": {"matrix": (0, HEIGHT, -WIDTH, 0, WIDTH, 0), "stored": 1},
    "stored sideways, turned": {"matrix": (0, -WIDTH, HEIGHT, 0, 0, WIDTH), "rotate": 90, "wide": True},
    "stored upside down": {"matrix": (-WIDTH, 0, 0, -HEIGHT, WIDTH, HEIGHT), "stored": 2},
    "smaller than the page": {"matrix": (WIDTH * 0.9, 0, 0, HEIGHT * 0.9, 40, 20)},
    "smaller, turned": {"matrix": (WIDTH * 0.9, 0, 0, HEIGHT * 0.9, 40, 20), "rotate": 270},
    "larger than the page": {"matrix": (WIDTH * 1.03, 0, 0, HEIGHT * 1.02, -5, -8)},
    "cropped": {"crop": (10, 12, WIDTH - 3, HEIGHT - 20), "rotate": 90},
    "page not at the origin": {"box": (-100, 50, WIDTH - 100, HEIGHT + 50), "matrix": (WIDTH, 0, 0, HEIGHT, -100, 50)},
    "pixels not square": {"squeezed": True},
}


@pytest.mark.parametrize("name", PLACEMENTS)
@pytest.mark.parametrize("renderer", RENDERERS)
def test_embedded_and_rendered_pages_have_the_same_coordinates(
    sheet: GreyImage, stored: Callable[..., Path], name: str, renderer: Renderer
) -> None:
    options = dict(PLACEMENTS[name])
    pixels = np.ascontiguousarray(np.rot90(sheet, options.pop("stored", 0)))
    if options.pop("squeezed", False):
        pixels = cv2.resize(sheet, (sheet.shape[1], sheet.shape[0] // 2 + 100), interpolation=cv2.INTER_AREA)
    if options.pop("wide", False):
        options["box"] = (0, 0, HEIGHT, WIDTH)
    direct = read(stored(picture_pdf(jpeg_picture(pixels), **options), "direct.pdf"))
    drawn = read(stored(picture_pdf(jpeg_picture(pixels), after=A_DOT, **options), "drawn.pdf"), renderer)
    assert direct.source is PageSource.EMBEDDED
    assert drawn.source is PageSource(renderer.value)
    assert (direct.width_mm, direct.height_mm) == (drawn.width_mm, drawn.height_mm)
    assert np.abs(places_mm(direct) - places_mm(drawn)).max() < 0.2


@pytest.mark.parametrize("invisible", [b"BT /F1 20 Tf 3 Tr 50 700 Td (recognised) Tj ET", b"0 0 m 9 9 l n"])
def test_what_nobody_sees_does_not_slow_a_page(sheet: GreyImage, stored: Callable[..., Path], invisible: bytes) -> None:
    assert read(stored(picture_pdf(jpeg_picture(sheet), after=invisible))).source is PageSource.EMBEDDED


def test_a_clip_around_the_whole_page_does_not_slow_a_page(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    whole = b"0 0 596 842 re W n"
    half = b"0 0 300 842 re W n"
    assert read(stored(picture_pdf(jpeg_picture(sheet), before=whole))).source is PageSource.EMBEDDED
    page = read(stored(picture_pdf(jpeg_picture(sheet), before=half)))
    assert page.source is PageSource.PDFIUM
    assert page.pixels[:, -500:].min() == 255


@pytest.mark.parametrize("renderer", RENDERERS)
def test_what_is_written_over_a_picture_is_seen(
    sheet: GreyImage, stored: Callable[..., Path], renderer: Renderer
) -> None:
    page = read(stored(picture_pdf(jpeg_picture(sheet), after=b"0 g 0 0 595 400 re f")), renderer)
    assert page.source is PageSource(renderer.value)
    assert page.pixels[-1000:, :-9].max() == 0


def test_a_page_askew_is_rendered(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    askew = (WIDTH, 20.0, -28.0, HEIGHT, 0.0, 0.0)
    assert read(stored(picture_pdf(jpeg_picture(sheet), matrix=askew))).source is PageSource.PDFIUM


def black_and_white(sheet: GreyImage) -> GreyImage:
    return np.where(sheet < 140, 0, 255).astype(np.uint8)


def one_bit(sheet: GreyImage, **entries: object) -> Picture:
    packed = np.packbits(sheet >= 140, axis=1).tobytes()
    standard = {"BitsPerComponent": 1, "ColorSpace": "/DeviceGray"}
    return Picture(packed, sheet.shape[1], sheet.shape[0], {**standard, **entries})


@pytest.mark.parametrize(
    "picture",
    [
        lambda sheet: fax_picture(black_and_white(sheet)),
        one_bit,
        lambda sheet: one_bit(np.where(sheet < 140, 255, 0), Decode=[1, 0]),
        lambda sheet: one_bit(
            sheet, ColorSpace=pikepdf.Array([pikepdf.Name.Indexed, pikepdf.Name.DeviceGray, 1, b"\x00\xff"])
        ),
        lambda sheet: flat_picture(black_and_white(sheet)),
        lambda sheet: flat_picture(255 - black_and_white(sheet), Decode=[1, 0]),
    ],
    ids=["fax", "one bit", "one bit inverted", "palette", "grey", "grey inverted"],
)
def test_pictures_that_are_no_jpeg_keep_their_polarity(
    sheet: GreyImage, stored: Callable[..., Path], picture: Callable[[GreyImage], Picture]
) -> None:
    page = read(stored(picture_pdf(picture(sheet))))
    assert page.source is PageSource.EMBEDDED
    assert np.array_equal(page.pixels, black_and_white(sheet))


@pytest.mark.parametrize(
    ("picture", "grey"),
    [
        (lambda sheet: jpeg_picture(255 - sheet, Decode=[1, 0]), 255),
        (lambda sheet: one_bit(sheet, ImageMask=True, ColorSpace=None), 255),
        (lambda sheet: jpeg_picture(sheet, SMask=flat_picture(np.full_like(sheet, 128))), 255),
        (lambda sheet: jpeg_picture(sheet, Mask=one_bit(np.full_like(sheet, 0), ImageMask=True)), 255),
    ],
    ids=["inverted JPEG", "stencil", "soft mask", "mask"],
)
def test_pictures_not_shown_as_they_are_stored_are_rendered(
    sheet: GreyImage, stored: Callable[..., Path], picture: Callable[[GreyImage], Picture], grey: int
) -> None:
    made = picture(sheet)
    made.entries = {key: value for key, value in made.entries.items() if value is not None}
    page = read(stored(picture_pdf(made)))
    assert page.source is PageSource.PDFIUM
    assert np.median(page.pixels) == grey


def test_a_cmyk_picture_is_rendered(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    file = BytesIO()
    Image.fromarray(sheet).convert("CMYK").save(file, "JPEG")
    entries = {"Filter": "/DCTDecode", "ColorSpace": "/DeviceCMYK", "Decode": [1, 0] * 4}
    page = read(stored(picture_pdf(Picture(file.getvalue(), sheet.shape[1], sheet.shape[0], entries))))
    assert page.source is PageSource.PDFIUM
    assert np.median(page.pixels) > 200


def test_a_colour_scan_is_read_as_grey(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    page = read(stored(picture_pdf(jpeg_picture(cv2.cvtColor(sheet, cv2.COLOR_GRAY2BGR)))))
    assert page.source is PageSource.EMBEDDED
    assert np.abs(page.pixels.astype(int) - sheet).mean() < 2


@pytest.mark.parametrize("picture", [jpeg_picture, fax_picture])
def test_a_600_dpi_scan_is_halved(stored: Callable[..., Path], picture: Callable[[GreyImage], Picture]) -> None:
    large = np.full((7016, 4961), 255, dtype=np.uint8)
    large[3000:3600, 1000:2000] = 0
    page = read(stored(picture_pdf(picture(large))))
    assert page.pixels.shape in ((3508, 2480), (3508, 2481))
    assert page.pixels[1520:1780, 520:980].max() < 10
    assert page.pixels[1400:1490, 500:1000].min() > 245


def test_the_same_picture_has_the_same_hash_in_any_file(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    other = np.ascontiguousarray(sheet[::-1])
    alone = stored(picture_pdf(jpeg_picture(sheet)), "alone.pdf")
    among = stored(picture_pdf(jpeg_picture(other), jpeg_picture(sheet)), "among.pdf")
    turned = stored(picture_pdf(jpeg_picture(sheet), rotate=180), "turned.pdf")
    with open_scan(among) as scan:
        first, second = (scan.load(PageRef("x", number)) for number in (1, 2))
    assert read(alone).picture_hash == second.picture_hash
    assert len({first.picture_hash, second.picture_hash, read(turned).picture_hash}) == 3
    assert np.array_equal(read(alone).pixels, second.pixels)


def test_a_scan_is_known_by_its_bytes(stored: Callable[..., Path]) -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert scan_digest(stored(b"", "a.pdf")) == empty
    with pytest.raises(ScanError, match="cannot be read"):
        scan_digest(Path("nowhere.pdf"))


def test_a_pdf_locked_without_a_password_is_read(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    path = stored(picture_pdf(jpeg_picture(sheet), encryption=pikepdf.Encryption(owner="secret", user="")))
    page = read(path)
    assert np.abs(places_mm(page) - places_mm(read(stored(picture_pdf(jpeg_picture(sheet)), "open.pdf")))).max() < 0.2


def test_an_unusual_name_is_no_trouble(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    assert page_count(stored(picture_pdf(jpeg_picture(sheet)), "Prüfung №5 考试 ;$(x).pdf")) == 1


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size; its picture is never reached."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


def encoded(sheet: GreyImage, kind: str) -> bytes:
    file = BytesIO()
    Image.fromarray(sheet).save(file, kind)
    return file.getvalue()


BAD_FILES: dict[str, tuple[Callable[[GreyImage], bytes], str]] = {
    "empty": (lambda _: b"", "is empty"),
    "text.pdf": (lambda _: "Prüfung, 3 Seiten\n".encode() * 99, "is named .pdf but holds text; expected a PDF"),
    "table.pdf": (lambda _: b"PK\x03\x04" + bytes(99), "is named .pdf but holds something else"),
    "cut.pdf": (lambda sheet: picture_pdf(jpeg_picture(sheet), jpeg_picture(sheet))[:-9000], "cut off"),
    "start.pdf": (lambda _: b"%PDF-1.7\n", "cut off"),
    "hollow.pdf": (lambda _: b"%PDF-1.7\nnothing here\n%%EOF\n", "damaged"),
    "no pages.pdf": (lambda _: empty_pdf(), "no pages"),
    "locked.pdf": (
        lambda sheet: picture_pdf(jpeg_picture(sheet), encryption=pikepdf.Encryption(owner="o", user="u")),
        "needs a password",
    ),
    "cut.jpg": (lambda sheet: jpeg(sheet)[:-9000], "damaged"),
    "cut.png": (lambda sheet: encoded(sheet, "PNG")[:-9000], "damaged"),
    "cut.tif": (lambda sheet: encoded(sheet, "TIFF")[:5000], "damaged"),
    "start.jpg": (lambda _: b"\xff\xd8\xff\xe0", "damaged"),
    "start.png": (lambda _: b"\x89PNG\r\n\x1a\n", "damaged"),
    "start.tif": (lambda _: b"II*\0", "damaged"),
    "loop.tif": (lambda _: b"II*\0\x08\0\0\0\0\0\x08\0\0\0" + bytes(99), "damaged"),
    "noise.jpg": (lambda _: b"\xff\xd8\xff" + bytes(range(256)) * 9 + b"\xff\xd9", "damaged"),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_bad_file_is_refused_with_a_reason(sheet: GreyImage, stored: Callable[..., Path], name: str) -> None:
    make, reason = BAD_FILES[name]
    path = stored(make(sheet), name)
    with pytest.raises(ScanError, match=reason) as refusal:
        page_count(path)
    assert str(refusal.value).startswith(f"{name}: ")


def test_a_folder_or_a_missing_file_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.pdf"):
        with pytest.raises(ScanError, match="cannot be read"):
            open_scan(path)


@pytest.mark.parametrize("name", ["huge.png", "huge.pdf", "huge form.pdf"])
def test_a_20000_pixel_page_is_refused_before_it_is_decoded(stored: Callable[..., Path], name: str) -> None:
    huge = Picture(b"", 20000, 20000, {"ColorSpace": "/DeviceGray"})
    makers = {
        "huge.png": lambda: png_header(20000, 20000),
        "huge.pdf": lambda: picture_pdf(huge),
        "huge form.pdf": lambda: picture_pdf(huge, after=A_DOT),
    }
    path = stored(makers[name](), name)
    assert page_count(path) == 1
    with pytest.raises(PageError, match="20000 x 20000 pixels are 400 million, at most 80 million"):
        read(path)


def test_a_page_of_huge_paper_is_rendered_small(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    huge = (14000.0, 0, 0, 14400.0, 0, 0)
    page = read(stored(picture_pdf(jpeg_picture(sheet), matrix=huge, box=(0, 0, 14000, 14400), after=A_DOT)))
    assert max(page.pixels.shape) <= 6301


def test_a_damaged_picture_in_a_whole_pdf_fails_its_page_only(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    cut, noise = jpeg_picture(sheet), jpeg_picture(sheet)
    cut.data, noise.data = cut.data[:-5000], bytes(range(256)) * 40
    with open_scan(stored(picture_pdf(cut, noise, jpeg_picture(sheet)))) as scan:
        for number in (1, 2):
            with pytest.raises(PageError, match=f"page {number}: .*(cut off|damaged)"):
                scan.load(PageRef("x", number))
        assert scan.load(PageRef("x", 3)).source is PageSource.EMBEDDED


@pytest.mark.parametrize("renderer", RENDERERS)
def test_a_damaged_picture_on_a_rendered_page_is_not_taken_for_a_blank_page(
    sheet: GreyImage, stored: Callable[..., Path], renderer: Renderer
) -> None:
    noise = jpeg_picture(sheet, Decode=[1, 0])
    noise.data = bytes(range(256)) * 40
    with pytest.raises(PageError, match="page 1: is damaged"):
        read(stored(picture_pdf(noise)), renderer)


@pytest.mark.parametrize("size", [(0, 100), (100, 0)])
def test_a_picture_without_pixels_fails_its_page(stored: Callable[..., Path], size: tuple[int, int]) -> None:
    with pytest.raises(PageError, match="page 1: is damaged"):
        read(stored(picture_pdf(Picture(b"", *size, {"ColorSpace": "/DeviceGray"}))))


def mutated(data: bytes, seed: int) -> bytes:
    """Damage a file: cut off, random bytes anywhere, or random bytes where its structure stands."""
    random, changed = np.random.default_rng(seed), bytearray(data)
    if seed % 3 == 0:
        return data[: random.integers(len(data))]
    reach = len(data) if seed % 3 == 1 else min(len(data), 3000)
    for at in random.integers(reach, size=random.integers(1, 40)):
        changed[at if seed % 2 else len(data) - 1 - at] = random.integers(256)
    return bytes(changed)


@pytest.mark.parametrize("kind", ["pdf", "fax.pdf", "jpg", "png", "tif"])
def test_damaged_files_are_read_or_refused_and_nothing_else(kind: str, stored: Callable[..., Path]) -> None:
    small = draw_page(plain_template(), dpi=40)
    whole = {
        "pdf": lambda: picture_pdf(jpeg_picture(small), jpeg_picture(small)),
        "fax.pdf": lambda: picture_pdf(fax_picture(black_and_white(small))),
        "jpg": lambda: encoded(small, "JPEG"),
        "png": lambda: encoded(small, "PNG"),
        "tif": lambda: encoded(small, "TIFF"),
    }[kind]()
    read_pages = refused = 0
    for seed in range(60):
        try:
            with open_scan(stored(mutated(whole, seed), f"damaged.{kind}")) as scan:
                read_pages += scan.load(FIRST, Renderer.PDFIUM).pixels.size > 0
        except (ScanError, PageError):
            refused += 1
    assert read_pages + refused == 60
    assert refused >= 20


def test_a_page_that_is_not_there_is_an_error(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    for path in (stored(picture_pdf(jpeg_picture(sheet))), stored(jpeg(sheet), "page.jpg")):
        with pytest.raises(PageError, match="page 2: the scan has 1 pages"):
            load_page(path, PageRef("x", 2))


def test_every_page_of_a_tiff_is_read(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    pages = [sheet, np.ascontiguousarray(sheet[::-1]), black_and_white(sheet)]
    pictures = [Image.fromarray(page) for page in pages]
    pictures[2] = pictures[2].convert("1")
    file = BytesIO()
    pictures[0].save(file, "TIFF", save_all=True, append_images=pictures[1:], dpi=(150, 150))
    with open_scan(stored(file.getvalue(), "scan.tif")) as scan:
        assert scan.page_count == 3
        for number in (3, 1, 2):
            page = scan.load(PageRef("x", number))
            assert np.array_equal(page.pixels, pages[number - 1])
            assert page.source is PageSource.IMAGE
        assert scan.load(PageRef("x", 1)).width_mm == pytest.approx(210, abs=0.1)


def test_a_fax_has_square_pixels_again(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    squeezed = Image.fromarray(cv2.resize(sheet, (sheet.shape[1], sheet.shape[0] // 2), interpolation=cv2.INTER_AREA))
    file = BytesIO()
    squeezed.save(file, "TIFF", dpi=(150, 75))
    page = read(stored(file.getvalue(), "fax.tif"))
    assert page.pixels.shape == pytest.approx(sheet.shape, abs=2)
    assert (page.width_mm, page.height_mm) == (pytest.approx(210, abs=0.2), pytest.approx(297, abs=0.4))


def test_a_photograph_is_turned_as_its_camera_says(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    picture, exif = Image.fromarray(sheet), Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    picture.save(file, "PNG", exif=exif)
    assert np.array_equal(read(stored(file.getvalue(), "photo.png")).pixels, np.rot90(sheet, -1))


def test_transparent_is_paper_and_deep_grey_keeps_its_tones(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    clear = np.dstack([np.zeros_like(sheet)] * 3 + [255 - sheet])
    assert np.array_equal(read(stored(encoded(clear, "PNG"), "clear.png")).pixels, sheet)
    deep = sheet.astype(np.uint16) * 257
    assert np.array_equal(read(stored(cv2.imencode(".png", deep)[1].tobytes(), "deep.png")).pixels, sheet)


def test_without_poppler_pdfium_renders(
    sheet: GreyImage, stored: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    path = stored(picture_pdf(jpeg_picture(sheet), after=A_DOT))
    assert available_renderer() == "pdfium"
    assert read(path, Renderer.AUTO).source is PageSource.PDFIUM
    with pytest.raises(ScanError, match="install poppler"):
        read(path, Renderer.PDF2IMAGE)


@pytest.mark.parametrize(
    ("info", "draw", "reason"),
    [
        ("echo 'Syntax Error: no luck' >&2; exit 1", "true", "poppler cannot draw it"),
        ("echo 'Pages: 1'", "exit 1", "poppler drew nothing"),
        ("echo 'Pages: 1'", "echo P5", "poppler cannot draw it"),
    ],
)
def test_trouble_with_poppler_fails_the_page(
    sheet: GreyImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, info: str, draw: str, reason: str
) -> None:
    for name, script in (("pdfinfo", info), ("pdftoppm", draw)):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    path = tmp_path / "scan.pdf"
    path.write_bytes(picture_pdf(jpeg_picture(sheet), after=A_DOT))
    with pytest.raises(PageError, match=reason):
        read(path, Renderer.PDF2IMAGE)


def test_poppler_is_stopped_and_the_page_fails(
    sheet: GreyImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, script in (("pdfinfo", "echo 'Pages: 1'"), ("pdftoppm", '[ "$1" = -v ] || exec sleep 60')):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin")
    monkeypatch.setattr(pdf_scan, "RENDER_TIMEOUT_S", 0.1)
    path = tmp_path / "scan.pdf"
    path.write_bytes(picture_pdf(jpeg_picture(sheet), after=A_DOT))
    with pytest.raises(PageError, match=r"takes poppler too long to draw \(at most 0\.1 s\); print the page"):
        read(path, Renderer.PDF2IMAGE)


def test_a_document_is_opened_once_for_many_pages(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    path = stored(picture_pdf(*[jpeg_picture(np.roll(sheet, 10 * step, axis=0)) for step in range(4)]))
    with open_scan(path) as scan:
        path.unlink()
        assert scan.page_count == 4


def test_full_page_matrix_is_the_default() -> None:
    assert FULL_PAGE[:4] == (WIDTH, 0.0, 0.0, HEIGHT)


def test_threads_read_as_one(sheet: GreyImage, stored: Callable[..., Path]) -> None:
    """PDFium is no friend of threads; whoever reads in several must not notice."""
    pages = [np.roll(sheet, 30 * step, axis=0) for step in range(6)]
    path = stored(picture_pdf(*[jpeg_picture(page) for page in pages[:5]], fax_picture(black_and_white(pages[5]))))
    drawn = stored(picture_pdf(*[jpeg_picture(page) for page in pages], after=A_DOT), "drawn.pdf")

    def hashes(_: int) -> list[str]:
        with open_scan(path) as first, open_scan(drawn) as second:
            refs = [PageRef("x", number) for number in range(1, 7)]
            return [scan.load(ref, Renderer.PDFIUM).picture_hash for ref in refs for scan in (first, second)]

    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(hashes, range(4)))
    assert len(set(seen[0])) == 12
    assert all(other == seen[0] for other in seen)


def test_a_pdf_without_pages_is_called_that_whatever_pdfium_says(tmp_path: Path) -> None:
    text = empty_pdf().decode("latin-1")
    assert "/Count 0" in text
    for number, form in enumerate(
        (text, text.replace("/Size 3", "/Size 1"), text.replace("startxref\n", "startxref\n9"))
    ):
        path = tmp_path / f"{number}.pdf"
        path.write_text(form, encoding="latin-1")
        with pytest.raises(ScanError, match="has no pages"):
            open_scan(path)
