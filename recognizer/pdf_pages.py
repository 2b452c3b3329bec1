"""The list of pages of a PDF, followed by a second reader, so that no page of a damaged file is lost in silence.

PDFium, which draws the pages, repairs what it can and says nothing. It believes the number of pages that the file
claims, takes any object for a page that the list names, and shows white paper where the contents of a page are
damaged. So a file in which a few bytes changed may look like a shorter one, or one with blank pages. Here qpdf
(through pikepdf) follows the list of pages and looks for pages that stand in the file but not in the list. A file that
does not add up is refused: printing it to a new PDF, or scanning it again, takes a minute.
"""

import mmap
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pikepdf

from recognizer.errors import ScanError
from recognizer.pdf_contents import count_words
from recognizer.scan import MAX_PAGES, RESCAN, first_line, refuse_many

MAX_OBJECTS = 2_000_000
"""Objects a PDF may claim to hold. A scanned page has three, a printed one some dozens; to visit a million takes ten
seconds."""

MAX_LEVELS = 64
"""How deep the list of pages may be nested. A balanced list of ten thousand pages has five levels."""

_OPERATORS = """b B b* B* BDC BMC BT BX c cm CS cs d d0 d1 Do DP EMC ET EX f F f* G g gs h i j J K k l m M MP n q Q re
RG rg ri s S SC sc SCN scn sh T* Tc Td TD Tf Tj TJ TL Tm Tr Ts Tw Tz v w W W* y ' \""""
OPERATORS = frozenset(_OPERATORS.split()) | {"INLINE IMAGE"}
"""What the contents of a page may hold (PDF 32000-1, Annex A), and what pikepdf calls a picture amid them."""

OPERANDS = {"cm": 6, "Do": 1, "re": 4, "l": 2, "m": 2} | dict.fromkeys(("q", "Q", "BT", "ET", "n", "f", "S", "W"), 0)
"""How much stands before some of them, always."""

MOST_UNSEEN_WORDS = 100_000
"""Numbers and commands that a page may hold of which nothing is seen: to look at these takes half a second. A blank
page has a dozen."""

MASKED = ("/SMask", "/Mask", "/ImageMask", "/OC")
"""Entries of a picture with which it may honestly show nothing."""

RAW_PAGE = re.compile(rb"/Type\s*/Page(?![A-Za-z0-9])")
"""A page as it stands readable in a file."""

PRINT_ANEW = "open it in another program, see that all pages are there, and print it to a new PDF"


def check_pages(path: Path, found: int) -> None:
    """Check that a PDF has the pages that it seems to have: none missing, none twice, and nothing else in their place.

    Args:
        path: the PDF.
        found: how many pages the reader that will draw them counts.

    Raises:
        ScanError: the pages do not add up, or cannot be followed.
    """
    with opened(path) as pdf:
        claimed = int(pdf.trailer.get("/Size", 0))
        if claimed > MAX_OBJECTS:
            raise ScanError(
                f"{path.name}: the PDF claims {claimed} objects, at most {MAX_OBJECTS} are read; {PRINT_ANEW}"
            )
        listed = _listed(pdf, path)
        if len(listed) != found:
            raise ScanError(
                f"{path.name}: the PDF says it has {found} pages, but its list of pages leads to {len(listed)}; "
                f"{PRINT_ANEW}"
            )
        left_out = sum(
            one.objgen not in listed
            for one in pdf.objects
            if isinstance(one, pikepdf.Dictionary) and one.get("/Type") == pikepdf.Name.Page
        )
        if left_out:
            raise ScanError(
                f"{path.name}: the PDF holds {_pages(left_out)} that its list of {found} pages leaves out (damaged, or "
                f"deleted in a program that keeps what it deletes); {PRINT_ANEW}"
            )
        if twice := _shown_twice(pdf, listed):
            raise ScanError(
                f"{path.name}: pages {twice[0]} and {twice[1]} of the PDF show one picture, and no page shows another "
                f"that it holds; {PRINT_ANEW}"
            )
        if any("reconstruct" in str(warning) for warning in pdf.get_warnings()):
            _check_repaired(path, found)


def why_nothing_is_drawn(path: Path, number: int, pictures: int, dark: int) -> str | None:
    """Return why a page on which nothing is seen is no blank paper, or None when it may well be.

    Args:
        path: the PDF.
        number: the page, from 1.
        pictures: how many pictures the reader that drew it found on it.
        dark: how many of them are not white.
    """
    with opened(path) as pdf:
        try:
            item, generation = list(_listed(pdf, path))[number - 1]
            return _why_nothing(pdf.get_object(item, generation), pictures, dark)
        except QPDF_ERRORS as error:
            return f"its contents are damaged ({_said(error, path)})"


QPDF_ERRORS = (pikepdf.PdfError, pikepdf.DataDecodingError, ValueError, TypeError, LookupError, AttributeError)
"""What pikepdf raises on damaged files; the last four where an object is of another type than it should be."""


@contextmanager
def opened(path: Path, access: pikepdf.AccessMode = pikepdf.AccessMode.default) -> Iterator[pikepdf.Pdf]:
    """Open a PDF as it is, its list of pages not repaired, and translate qpdf's errors about it."""
    try:
        with pikepdf.open(path, suppress_warnings=True, inherit_page_attributes=False, access_mode=access) as pdf:
            yield pdf
    except pikepdf.PasswordError as error:
        raise ScanError(f"{path.name}: the PDF needs a password; save it without one") from error
    except OSError as error:
        raise ScanError(f"{path.name}: cannot be read: {error.strerror or error}") from error
    except (*QPDF_ERRORS, RuntimeError, RecursionError, MemoryError) as error:
        raise ScanError(
            f"{path.name}: the PDF is damaged: its list of pages cannot be followed ({_said(error, path)}); {RESCAN}"
        ) from error


def _said(error: BaseException, path: Path) -> str:
    """Return what qpdf says, without the path that it begins with."""
    return first_line(error).removeprefix(str(path)).lstrip(" :,") or "no reason was given"


def _listed(pdf: pikepdf.Pdf, path: Path) -> dict[tuple[int, int], int]:
    """Return the objects of all pages in order, with their numbers."""
    pages: dict[tuple[int, int], int] = {}
    nodes: set[tuple[int, int]] = set()
    waiting: list[tuple[Any, int]] = [(pdf.Root.get("/Pages"), 0)]
    while waiting:
        node, level = waiting.pop()
        number = len(pages) + 1
        if not isinstance(node, pikepdf.Dictionary):
            raise ScanError(
                f"{path.name}: page {number} of the PDF is missing (its list of pages names something else)"
            )
        if node.objgen in nodes or level > MAX_LEVELS:
            raise ScanError(
                f"{path.name}: the PDF's list of pages goes round in circles at page {number}; {PRINT_ANEW}"
            )
        if "/Kids" in node:
            nodes.add(node.objgen)
            waiting += [(kid, level + 1) for kid in reversed(list(node.Kids))]
        elif not _is_page(node):
            raise ScanError(
                f"{path.name}: page {number} of the PDF is missing (its list of pages names something else)"
            )
        elif node.objgen in pages:
            before = pages[node.objgen]
            raise ScanError(
                f"{path.name}: the PDF's list of pages names page {before} again as page {number}; {PRINT_ANEW}"
            )
        else:
            pages[node.objgen] = number
        refuse_many(path.name, max(len(pages), min(len(waiting), MAX_PAGES * 2) // 2))
    return pages


def _shown_twice(pdf: pikepdf.Pdf, listed: Iterable[tuple[int, int]]) -> tuple[int, int] | None:
    """Return two pages that consist of one and the same picture, when there also is a picture that no page shows."""
    named: set[tuple[int, int]] = set()
    alone: dict[tuple[int, int], int] = {}
    twice = None
    for number, (item, generation) in enumerate(listed, 1):
        things = _named(pdf.get_object(item, generation))
        shown = [thing.objgen for _, thing in things.items() if isinstance(thing, pikepdf.Stream)]
        named.update(shown)
        if len(shown) == 1 and alone.setdefault(shown[0], number) != number:
            twice = twice or (alone[shown[0]], number)
    if twice is None:
        return None
    pictures = [one for one in pdf.objects if isinstance(one, pikepdf.Stream) and one.get("/Subtype") == "/Image"]
    named.update(mask.objgen for one in pictures for key in ("/SMask", "/Mask") if (mask := one.get(key)) is not None)
    return twice if any(one.objgen not in named for one in pictures) else None


def _is_page(node: Any) -> bool:  # noqa: ANN401 - a pikepdf object
    """Tell whether an object is a page: it says so, or says nothing and has what a page has."""
    kind = node.get("/Type")
    return bool(kind == pikepdf.Name.Page or (kind is None and "/Contents" in node))


def _check_repaired(path: Path, found: int) -> None:
    """Check a file whose table of objects is damaged, so that both readers searched it for objects.

    Where two objects have one number, which happens when two files were joined end to end, such a search keeps the
    last and loses the other.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        standing = sum(1 for _ in RAW_PAGE.finditer(content))
    if standing > found:
        raise ScanError(
            f"{path.name}: the PDF's table of objects is damaged, and {_pages(standing)} stand in the file of which "
            f"{found} can be found; {PRINT_ANEW}"
        )


def _why_nothing(page: Any, pictures: int, dark: int) -> str | None:  # noqa: ANN401 - a pikepdf object
    contents = page.get("/Contents")
    streams: list[Any] = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
    if contents is None or not streams:
        return "its contents are missing" if len(_named(page)) else None
    if not all(isinstance(stream, pikepdf.Stream) for stream in streams):
        return "its contents are missing"
    data = b"\n".join(stream.read_bytes() for stream in streams)
    if (words := count_words(data)) > MOST_UNSEEN_WORDS:
        return f"nothing is seen of the {words:,} numbers and commands in its contents"
    parts = list(pikepdf.parse_content_stream(pikepdf.Page(page)))
    empty = not data.strip()
    wrong = _what_is_wrong(parts) if parts or empty else "nothing in them can be understood"
    if wrong:
        return f"its contents are damaged ({wrong})"
    shown = [str(part.operands[0]) for part in parts if str(part.operator) == "Do"]
    return _why_unseen({name: _found(page, name) for name in shown}, pictures, dark)


def _what_is_wrong(parts: Sequence[Any]) -> str:
    """Return what no honest program writes into the contents of a page, "" where all is well."""
    words = [str(part.operator) for part in parts]
    if strange := [word for word in words if word not in OPERATORS]:
        return f"they hold {strange[0][:20]!r}"
    if any(
        len(part.operands) != OPERANDS.get(word, len(part.operands)) for word, part in zip(words, parts, strict=True)
    ):
        return "a number too many or too few"
    return "they end too early" if words.count("q") != words.count("Q") else ""


def _why_unseen(shown: dict[str, Any], pictures: int, dark: int) -> str | None:
    """Return why nothing is seen of what a page shows by name."""
    if missing := [name for name, thing in shown.items() if not isinstance(thing, pikepdf.Stream)]:
        return f"what it shows, {missing[0][1:21]}, is missing"
    forms = sum(thing.get("/Subtype") == pikepdf.Name.Form for thing in shown.values())
    if (lost := len(shown) - forms - pictures) > 0:
        return f"{lost} of its pictures cannot be drawn"
    masked = any(name in thing for name in MASKED for thing in shown.values())
    return "its picture is not white, but lies outside of what is seen" if dark and not forms and not masked else None


def _named(node: Any) -> Any:  # noqa: ANN401 - pikepdf objects
    """Return the pictures and forms that a page, or a node above it, gives a name."""
    resources = node.get("/Resources")
    named = resources.get("/XObject") if isinstance(resources, pikepdf.Dictionary) else None
    return named if isinstance(named, pikepdf.Dictionary) else pikepdf.Dictionary()


def _found(page: Any, name: str) -> Any:  # noqa: ANN401 - pikepdf objects
    """Return what a page calls by a name, given by itself or by a node above it."""
    node = page
    for _ in range(MAX_LEVELS):
        if "/Resources" in node or "/Parent" not in node:
            return _named(node).get(name)
        node = node.Parent
    return None


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
