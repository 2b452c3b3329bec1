"""No page of a damaged PDF is lost in silence: the file is refused, or the page fails, or it comes out as it is."""

import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pikepdf
import pytest

from recognizer import pdf_pages, scan
from recognizer.blank import is_blank
from recognizer.errors import PageError, ScanError
from recognizer.raster import Renderer, load_page, open_scan, page_count
from recognizer.records import Page, PageRef
from tests.helpers.pdfs import flat_picture, jpeg_picture, picture_pdf, readable_bytes, scanned_pdf


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[bytes], Path]:
    def store(data: bytes) -> Path:
        path = tmp_path / "scan.pdf"
        path.write_bytes(data)
        return path

    return store


def looked_at(path: Path) -> list[Page | str]:
    """Every page of a file, or why it failed."""
    with open_scan(path) as opened:
        opened.check_complete()
        return [page_or_reason(path, number) for number in range(1, opened.page_count + 1)]


def page_or_reason(path: Path, number: int) -> Page | str:
    try:
        return load_page(path, PageRef("x", number), Renderer.PDFIUM)
    except PageError as error:
        return str(error)


def changed(data: bytes, before: bytes, after: bytes) -> bytes:
    """Change a text of a PDF into another of the same length, as damage does."""
    assert len(before) == len(after) and data.count(before) == 1
    return data.replace(before, after)


WHOLE = scanned_pdf()


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"/Count 3", b"/Count 2", "says it has 2 pages, but its list of pages leads to 3"),
        (b"/Count 3", b"/Count 9", "says it has 9 pages, but its list of pages leads to 3"),
        (b"[5 0 R 8 0 R 11 0 R]", b"[5 0 R       11 0 R]", "leads to 2"),
        (b"/Count 3 /Kids [5 0 R 8 0 R 11 0 R]", b"/Count 2 /Kids [5 0 R       11 0 R]", "holds 1 page that its list"),
        (b"[5 0 R 8 0 R 11 0 R]", b"[5 0 R 1 0 R 11 0 R]", "page 2 of the PDF is missing"),
        (b"[5 0 R 8 0 R 11 0 R]", b"[5 0 R 7 0 R 11 0 R]", "page 2 of the PDF is missing"),
        (b"[5 0 R 8 0 R 11 0 R]", b"[5 0 R 5 0 R 11 0 R]", "names page 1 again as page 2"),
        (b"[5 0 R 8 0 R 11 0 R]", b"[5 0 R 2 0 R 11 0 R]", "goes round in circles at page 2"),
        (b"/Scan 6 0 R", b"/Scan 3 0 R", "pages 1 and 2 of the PDF show one picture"),
    ],
)
def test_a_list_of_pages_that_does_not_add_up_is_refused(
    stored: Callable[[bytes], Path], before: bytes, after: bytes, reason: str
) -> None:
    with pytest.raises(ScanError, match=reason):
        page_count(stored(changed(WHOLE, before, after)))


def test_two_files_joined_end_to_end_are_refused(stored: Callable[[bytes], Path]) -> None:
    assert page_count(stored(WHOLE)) == 3
    with pytest.raises(ScanError, match="table of objects is damaged, and 5 pages stand in the file of which 3"):
        page_count(stored(scanned_pdf(2) + WHOLE))


def test_a_damaged_table_of_objects_alone_costs_nothing(stored: Callable[[bytes], Path]) -> None:
    whole = looked_at(stored(WHOLE))
    damaged = looked_at(stored(re.sub(rb"startxref\n\d+", b"startxref\n7", WHOLE)))
    assert [page.picture_hash for page in damaged if isinstance(page, Page)] == [
        page.picture_hash for page in whole if isinstance(page, Page)
    ]


def test_an_addition_that_was_cut_off_is_noticed(stored: Callable[[bytes], Path]) -> None:
    assert page_count(stored(WHOLE + b"\0" * 99)) == 3
    with pytest.raises(ScanError, match="cut off"):
        page_count(stored(WHOLE + b"12 0 obj\n<< /Type /Page /Parent 2 0 R >>"))


def test_a_page_deleted_by_a_program_that_keeps_it_is_told(stored: Callable[[bytes], Path]) -> None:
    table = len(WHOLE) - len(WHOLE[WHOLE.rindex(b"xref\n0") :])
    kept = b"2 0 obj\n<< /Type /Pages /Count 2 /Kids [5 0 R 8 0 R] >>\nendobj\n"
    at = len(WHOLE)
    update = (
        kept
        + f"xref\n2 1\n{at:010} 00000 n \ntrailer\n<< /Size 12 /Root 1 0 R /Prev {table} >>\n".encode()
        + f"startxref\n{at + len(kept)}\n%%EOF\n".encode()
    )
    with pytest.raises(ScanError, match="holds 1 page that its list of 2 pages leaves out"):
        page_count(stored(WHOLE + update))


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        (b"/Contents 7 0 R", b"/Contentz 7 0 R", "its contents are missing"),
        (b"/XObject << /Scan 6 0 R >>", b"/XObject << /Scam 6 0 R >>", "what it shows, Scan, is missing"),
        (b"/Contents 7 0 R", b"/Contents 1 0 R", "its contents are missing"),
    ],
)
def test_a_page_that_shows_nothing_by_damage_is_no_blank_page(
    stored: Callable[[bytes], Path], before: bytes, after: bytes, reason: str
) -> None:
    first, second, third = looked_at(stored(changed(WHOLE, before, after)))
    assert isinstance(first, Page) and isinstance(third, Page)
    assert isinstance(second, str) and reason in second


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (b"cm /Scan Dn Q", "they hold 'Dn'"),
        (b"cm /Scan_Do Q", "a number too many or too few"),
        (b"cm /Scan Do [", "end too early|cannot be drawn|damaged"),
    ],
)
def test_a_page_whose_contents_are_damaged_is_no_blank_page(
    stored: Callable[[bytes], Path], after: bytes, reason: str
) -> None:
    data = changed(scanned_pdf(1), b"cm /Scan Do Q", after)
    (only,) = looked_at(stored(data))
    assert isinstance(only, Page) or re.search(reason, only)
    if isinstance(only, Page):
        assert not is_blank(only.pixels)


@pytest.mark.parametrize(
    "contents",
    [b"", b"  \n", b"q Q", b"BT /F1 12 Tf ET", b"q 1 0 0 1 0 0 cm 0 0 9 9 re W n Q", b"1 g 0 0 600 900 re f"],
)
def test_an_empty_page_made_by_a_program_is_blank(stored: Callable[[bytes], Path], contents: bytes) -> None:
    pdf = pikepdf.new()
    for text in (contents, None):
        page = pdf.add_blank_page(page_size=(595, 842))
        if text is not None:
            page.obj.Contents = pikepdf.Stream(pdf, text)
    file = BytesIO()
    pdf.save(file)
    pages = looked_at(stored(file.getvalue()))
    assert all(isinstance(page, Page) and is_blank(page.pixels) for page in pages)


def test_what_a_page_inherits_is_known(stored: Callable[[bytes], Path]) -> None:
    """Programs give all pages one list of pictures, at the list of pages itself; some pages then show none of them."""
    pdf = pikepdf.new()
    picture = flat_picture(np.full((9, 9), 255, np.uint8)).stored_in(pdf)
    for text in (b"q 90 0 0 90 0 0 cm /A Do Q", b"q Q", b"q 90 0 0 90 0 0 cm /B Do Q"):
        page = pdf.add_blank_page(page_size=(595, 842))
        del page.obj["/Resources"]
        page.obj.Contents = pikepdf.Stream(pdf, text)
    pdf.Root.Pages.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(A=picture))
    file = BytesIO()
    pdf.save(file)
    first, second, third = looked_at(stored(file.getvalue()))
    assert isinstance(first, Page) and is_blank(first.pixels)
    assert isinstance(second, Page) and is_blank(second.pixels)
    assert isinstance(third, str) and "what it shows, B, is missing" in third


def test_a_page_whose_picture_is_hidden_on_purpose_is_blank(stored: Callable[[bytes], Path]) -> None:
    ink = np.zeros((300, 212), np.uint8)
    (page,) = looked_at(stored(picture_pdf(jpeg_picture(ink, SMask=flat_picture(np.zeros_like(ink))))))
    assert isinstance(page, Page) and is_blank(page.pixels)


def test_a_picture_beside_its_page_is_no_blank_page(stored: Callable[[bytes], Path]) -> None:
    ink = jpeg_picture(np.zeros((300, 212), np.uint8))
    (page,) = looked_at(stored(picture_pdf(ink, matrix=(595.0, 0, 0, 842.0, 700, 0))))
    assert isinstance(page, str) and "lies outside of what is seen" in page


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"q 600.945 0 0 850.394", b"q 600.945 0 0 050.394"), (b"[0 0 600.945 850.394]", b"[0 0 600.945 00050.4]")],
)
def test_a_page_that_squeezes_or_crops_its_picture_away_fails(
    stored: Callable[[bytes], Path], before: bytes, after: bytes
) -> None:
    (page,) = looked_at(stored(changed(scanned_pdf(1), before, after)))
    assert isinstance(page, str) and "is damaged: its picture of 212 x 300 pixels" in page


def test_a_jpeg_of_another_size_than_the_pdf_says_fails(stored: Callable[[bytes], Path]) -> None:
    (page,) = looked_at(stored(changed(scanned_pdf(1), b"\x08\x01\x2c\x00\xd4", b"\x08\x41\x2c\x00\xd4")))
    assert isinstance(page, str) and "its picture has 212 x 16684 pixels where the PDF says 212 x 300" in page


@pytest.mark.parametrize("fax", [False, True])
def test_one_changed_byte_never_hides_or_swaps_a_page(stored: Callable[[bytes], Path], fax: bool) -> None:
    data = scanned_pdf(fax=fax)
    known = [page.picture_hash for page in looked_at(stored(data)) if isinstance(page, Page)]
    assert len(set(known)) == 3
    random, refused, failed = np.random.default_rng(4), 0, 0
    for at in random.choice(readable_bytes(data), 250, replace=False):
        damaged = bytearray(data)
        damaged[at] = random.choice(np.frombuffer(b"0123456789 /<>[]R\0\xf6z", np.uint8))
        try:
            pages = looked_at(stored(bytes(damaged)))
        except ScanError:
            refused += 1
            continue
        assert len(pages) == 3
        for page, own in zip(pages, known, strict=True):
            if isinstance(page, str):
                failed += 1
            else:
                assert page.picture_hash not in set(known) - {own}
                assert not is_blank(page.pixels)
    assert refused > 5 and failed > 10


def test_more_pages_or_objects_than_anybody_scans_are_refused(
    stored: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "MAX_PAGES", 2)
    with pytest.raises(ScanError, match="holds 3 pages or more, at most 2 are read; split the file"):
        page_count(stored(WHOLE))
    monkeypatch.undo()
    monkeypatch.setattr(pdf_pages, "MAX_OBJECTS", 11)
    with pytest.raises(ScanError, match="claims 12 objects, at most 11 are read"):
        page_count(stored(WHOLE))


def test_a_claim_of_millions_of_pages_is_refused_at_once(stored: Callable[[bytes], Path]) -> None:
    with pytest.raises(ScanError, match="holds 999999 pages or more"):
        page_count(stored(WHOLE.replace(b"/Count 3 ", b"/Count 999999 ")))


def test_a_list_of_pages_nested_a_thousand_deep_is_refused(stored: Callable[[bytes], Path]) -> None:
    pdf = pikepdf.new()
    node = pdf.add_blank_page().obj
    for _ in range(1000):
        node = pdf.make_indirect(pikepdf.Dictionary(Type=pikepdf.Name.Pages, Count=1, Kids=[node]))
    pdf.Root.Pages = node
    file = BytesIO()
    pdf.save(file)
    with pytest.raises(ScanError, match=r"goes round in circles|has no pages|damaged"):
        page_count(stored(file.getvalue()))
