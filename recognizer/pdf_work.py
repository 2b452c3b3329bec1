"""How much work the pages of a PDF ask for, counted before anybody opens them: some are made to never end.

A page is a program. PDFium runs it when it opens a page, again when it draws it, and nothing in it can be trusted to
stop: a form that draws ten forms that draw ten forms has a few hundred bytes and keeps a renderer busy for years.
Here its words are counted without running them, those of a form as often as it is drawn.
"""

import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pikepdf

from recognizer.errors import PageError, ScanError
from recognizer.pdf_contents import MOST_UNPACKED, count_words, names_before, unpack
from recognizer.pdf_pages import MAX_LEVELS, QPDF_ERRORS, opened

MOST_WORDS = 2_000_000
"""Numbers, names and commands that drawing a page may take: 280,000 strokes, which take poppler two seconds. A scanned
page has a dozen, a printed form some ten thousand, a detailed map some hundred thousand."""

PICTURE_WORDS = 20
"""What drawing a picture counts for: it takes a renderer as long as a few strokes, even a tiny one."""

LEAST_TILE = 0.0035
"""Square points that a tile of a pattern must have: of the dots of a printer of 1200 dpi, of which drivers make
patterns, each has a little more. To fill A4 with these takes poppler eight seconds."""

AS_PICTURE = "print the page to a new PDF as a picture of 300 dpi, or scan the paper"
"""What to try when a page is too much to draw."""


class PageWork:
    """What the pages of one PDF ask for. The file is opened when the first page is looked at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open = ExitStack()
        self._pdf: pikepdf.Pdf | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._open.close()
            self._pdf = None

    def refuse_much(self, number: int) -> None:
        """Check that a page can be opened and drawn in reasonable time; damaged pages are left to who draws them.

        Args:
            number: the page, from 1.

        Raises:
            PageError: it asks for far more than any page that people write on.
        """
        with self._lock:
            try:
                if self._pdf is None:
                    # As a stream: a file mapped into memory ends the process should its disk go away.
                    self._pdf = self._open.enter_context(opened(self._path, pikepdf.AccessMode.stream))
                words = _PageCount(number).words(self._pdf.pages[number - 1].obj)
            except (ScanError, *QPDF_ERRORS, RuntimeError):
                return
        if words > MOST_WORDS:
            raise PageError(
                f"page {number}: takes {_amount(words)} numbers and commands to draw, at most {_amount(MOST_WORDS)} "
                f"are read; {AS_PICTURE}"
            )


class _PageCount:
    """The words of one page, each form counted once and added as often as it is drawn."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._unpacked = 0
        self._words: dict[tuple[int, int], int] = {}
        self._above: list[tuple[int, int]] = []

    def words(self, page: Any) -> int:  # noqa: ANN401 - a pikepdf object
        contents = page.get("/Contents")
        parts = list(contents) if isinstance(contents, pikepdf.Array) else [contents]
        data = b"\n".join(self._read(part) for part in parts if isinstance(part, pikepdf.Stream))
        return self._executed(data, _resources(page))

    def _executed(self, data: bytes, resources: Any) -> int:  # noqa: ANN401
        words = count_words(data)
        forms, patterns = _part(resources, "/XObject"), _part(resources, "/Pattern")
        if forms:
            drawn = names_before(data, b"Do")
            words += sum(drawn[name] * self._within(forms[name], resources) for name in drawn if name in forms)
        if patterns:
            filled = names_before(data, b"scn", b"SCN")
            words += sum(filled[name] * self._within(patterns[name], resources) for name in filled if name in patterns)
        return words

    def _within(self, thing: Any, resources: Any) -> int:  # noqa: ANN401
        """Return the words of a form or of the tile of a pattern, and what a picture counts for."""
        if not isinstance(thing, pikepdf.Stream):
            return 0
        if thing.get("/Subtype") == "/Image":
            return PICTURE_WORDS
        key = thing.objgen
        if key in self._above or len(self._above) > MAX_LEVELS:
            raise PageError(
                f"page {self._number}: is damaged: something on it is drawn within itself without end; {AS_PICTURE}"
            )
        if key not in self._words:
            self._refuse_tiny(thing)
            self._above.append(key)
            self._words[key] = self._executed(self._read(thing), thing.get("/Resources", resources))
            self._above.pop()
        return self._words[key]

    def _read(self, stream: Any) -> bytes:  # noqa: ANN401
        filters = stream.get("/Filter", [])
        names = [str(one) for one in (filters if isinstance(filters, pikepdf.Array | list) else [filters])]
        own = set(names) <= {"/FlateDecode"} and "/DecodeParms" not in stream
        data = unpack(stream.read_raw_bytes(), names) if own else stream.read_bytes()
        self._unpacked += len(data)
        if self._unpacked > MOST_UNPACKED:
            raise PageError(
                f"page {self._number}: what draws it unpacks to more than {_amount(MOST_UNPACKED)} bytes, and no more "
                f"are read; {AS_PICTURE}"
            )
        return data

    def _refuse_tiny(self, tile: Any) -> None:  # noqa: ANN401
        if tile.get("/PatternType") != 1:
            return
        a, b, c, d = (float(value) for value in list(tile.get("/Matrix", [1, 0, 0, 1]))[:4])
        across, down = (abs(float(tile.get(step, 1))) for step in ("/XStep", "/YStep"))
        if across * down * abs(a * d - b * c) < LEAST_TILE:
            raise PageError(
                f"page {self._number}: is filled with tiles of {across:g} x {down:g} points, the smallest that are "
                f"drawn measure {LEAST_TILE**0.5:.1g} x {LEAST_TILE**0.5:.1g}; {AS_PICTURE}"
            )


def _resources(page: Any) -> Any:  # noqa: ANN401 - pikepdf objects
    """Return what a page gives names, by itself or by a node above it."""
    for _ in range(MAX_LEVELS):
        if "/Resources" in page or "/Parent" not in page:
            break
        page = page.Parent
    return page.get("/Resources")


def _part(resources: Any, kind: str) -> Any:  # noqa: ANN401
    part = resources.get(kind) if isinstance(resources, pikepdf.Dictionary) else None
    return part if isinstance(part, pikepdf.Dictionary) else {}


def _amount(number: int) -> str:
    return f"{number / 1e6:,.0f} million"
