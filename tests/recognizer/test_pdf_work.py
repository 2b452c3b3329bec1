"""Pages that ask for endless work are refused before anybody opens them; pages that people made are read."""

import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pikepdf
import pytest

from recognizer import pdf_scan
from recognizer.errors import PageError
from recognizer.pdf_work import LEAST_TILE, MOST_WORDS, PICTURE_WORDS, PageWork
from recognizer.raster import Renderer, load_page, open_scan, rendered_pages
from recognizer.records import PageRef
from tests.helpers.pdf_mutations import BOMBS, a_million_strokes, page_of, stream_of
from tests.helpers.pdfs import scanned_pdf

FLATE = b"/Filter /FlateDecode"
FORM = b"/Type /XObject /Subtype /Form /BBox [0 0 600 850]"
TILE = b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /Resources << >>"
PICTURE = b"/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceGray /BitsPerComponent 8"
STROKE = b"9 9 m 90 900 l S\n"


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "scan.pdf"
        path.write_bytes(data)
        return path

    return store


def contents(data: bytes) -> bytes:
    return stream_of(zlib.compress(data), FLATE)


def refuse(path: Path, number: int = 1) -> None:
    work = PageWork(path)
    try:
        work.refuse_much(number)
    finally:
        work.close()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("laughing forms", "takes 922,222 million numbers and commands to draw, at most 2 million are read; print"),
        ("form in itself", "is drawn within itself without end; print"),
        ("tiny tiles", "tiles of 0.001 x 0.001 points, the smallest that are drawn measure 0.06 x 0.06; print"),
        ("a million strokes", "takes 14 million numbers and commands to draw, at most 2 million are read; print"),
        ("deep states", "takes 5 million numbers and commands to draw"),
        ("huge contents", "unpacks to more than 50 million bytes"),
    ],
)
def test_a_page_made_to_never_end_is_refused_with_what_was_seen(
    stored: Callable[[bytes], Path], name: str, reason: str
) -> None:
    with pytest.raises(PageError, match=f"^page 1: .*{reason}"):
        load_page(stored(BOMBS[name]()), PageRef("x", 1))


def test_the_other_pages_of_the_file_are_read(stored: Callable[[bytes], Path]) -> None:
    file = BytesIO()
    with pikepdf.open(BytesIO(scanned_pdf())) as pdf, pikepdf.open(BytesIO(a_million_strokes())) as bomb:
        pdf.pages.insert(1, bomb.pages[0])
        pdf.save(file)
    with open_scan(stored(file.getvalue())) as scan:
        assert scan.load(PageRef("x", 1)).pixels.size
        with pytest.raises(PageError, match=r"^page 2: takes 14 million"):
            scan.load(PageRef("x", 2))
        assert scan.load(PageRef("x", 3)).pixels.size


def test_a_form_drawn_in_vectors_is_read(stored: Callable[[bytes], Path]) -> None:
    """20,160 boxes, a logo drawn on and on, and a hatched area."""
    boxes = b"".join(b"%d %d 4 4 re S\n" % (x, y) for x in range(0, 600, 5) for y in range(0, 840, 5))
    hatched = b"/Pattern cs /P scn 0 0 595 842 re f\n"
    data = page_of(
        contents(hatched + boxes + b"/Logo Do\n" * 500),
        stream_of(b"7 7 m 9 9 l S\n" * 100, FORM),
        stream_of(b"0 0 .5 1 re f", TILE + b" /BBox [0 0 1 1] /XStep 1 /YStep 1"),
        resources=b"/XObject << /Logo 5 0 R >> /Pattern << /P 6 0 R >>",
    )
    page = load_page(stored(data), PageRef("x", 1), Renderer.PDFIUM)
    assert 0.1 < (page.pixels < 200).mean() < 0.9


@pytest.mark.parametrize(
    ("drawn", "form"),
    [
        pytest.param(STROKE * (MOST_WORDS // 7 + 1), b"", id="strokes"),
        pytest.param(b"/A Do " * (MOST_WORDS // 702 + 1), stream_of(STROKE * 100, FORM), id="forms"),
        pytest.param(b"/A Do " * (MOST_WORDS // (PICTURE_WORDS + 2) + 1), stream_of(b"a", PICTURE), id="pictures"),
    ],
)
def test_words_are_counted_as_often_as_they_are_drawn(
    stored: Callable[[bytes], Path], drawn: bytes, form: bytes
) -> None:
    resources = b"/XObject << /A 5 0 R >>"
    with pytest.raises(PageError, match="numbers and commands"):
        refuse(stored(page_of(contents(drawn), form, resources=resources)))
    refuse(stored(page_of(contents(drawn[: len(drawn) * 9 // 10]), form, resources=resources)))


def test_contents_in_parts_and_resources_of_a_node_above_count_too(stored: Callable[[bytes], Path]) -> None:
    form = stream_of(STROKE * 100_000, FORM)
    data = page_of(stream_of(b"/A Do"), form, stream_of(b"/A Do /A Do"))
    above = data.replace(b"/Contents 4 0 R /Resources <<  >>", b"/Contents [4 0 R 6 0 R]").replace(
        b"/Count 1", b"/Count 1 /Resources << /XObject << /A 5 0 R >> >>"
    )
    assert above.count(b"/Resources") == 1
    with pytest.raises(PageError, match="takes 2 million"):
        refuse(stored(above))
    refuse(stored(above.replace(b"/A Do /A Do", b"/B Do /B Do")))


@pytest.mark.parametrize(("scale", "refused"), [(1.0, False), (0.5, True)])
def test_a_tile_is_as_large_as_its_matrix_says(stored: Callable[[bytes], Path], *, scale: float, refused: bool) -> None:
    step = 10 * LEAST_TILE**0.5
    entries = b" /BBox [0 0 9 9] /XStep %g /YStep %g /Matrix [0 %g -.1 0 7 7]" % (-step, step, scale * 0.101)
    tile = stream_of(b"0 0 1 1 re f", TILE + entries)
    path = stored(page_of(stream_of(b"/P scn 0 0 9 9 re f"), tile, resources=b"/Pattern << /P 5 0 R >>"))
    if refused:
        with pytest.raises(PageError, match="is filled with tiles"):
            refuse(path)
    else:
        refuse(path)


def test_what_cannot_be_followed_is_left_to_who_draws_it(stored: Callable[[bytes], Path]) -> None:
    path = stored(page_of(b"(no stream)", resources=b"/XObject 7"))
    refuse(path)
    refuse(path, 9)
    refuse(stored(b"no PDF"))


def test_pdfium_is_stopped_between_objects(stored: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = stored(page_of(contents(STROKE * 1000)))
    assert load_page(path, PageRef("x", 1), Renderer.PDFIUM).pixels.min() == 0
    monkeypatch.setattr(pdf_scan, "PDFIUM_SECONDS", 0.0)
    with pytest.raises(PageError, match=r"takes PDFium too long to draw \(at most 0 s\); print"):
        load_page(path, PageRef("x", 1), Renderer.PDFIUM)


def test_pages_that_we_printed_have_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_scan, "PDFIUM_SECONDS", 0.0)
    (pixels,) = rendered_pages(page_of(contents(STROKE * 1000)), 72)
    assert np.asarray(pixels).shape == (842, 595)


@pytest.mark.parametrize(("load", "factor"), [(0.0, 1.0), (2.0, 1.0), (5.0, 2.5), (99.0, 3.0)])
def test_a_crowded_machine_gives_poppler_more_time(monkeypatch: pytest.MonkeyPatch, load: float, factor: float) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, 0.0, 0.0))
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert pdf_scan._crowded() == factor


def test_of_much_that_shows_nothing_nobody_says_that_it_is_blank(stored: Callable[[bytes], Path]) -> None:
    reason = "nothing is seen of the 120,000 numbers and commands in its contents"
    with pytest.raises(PageError, match=f"is damaged: {reason}"):
        load_page(stored(page_of(contents(b"q Q " * 60_000))), PageRef("x", 1), Renderer.PDFIUM)
    assert load_page(stored(page_of(contents(b"q Q " * 6_000))), PageRef("x", 1), Renderer.PDFIUM).pixels.min() == 255
