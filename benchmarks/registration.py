"""How surely and how exactly sheets are found on scans and photos, against the truth of simulated pages.

    python -m benchmarks.registration [--pages N] [--seed S] [--rows ROW…] [--list]

    office   own sheets with office effects (`recognizer.simulate.scanner`): any way up, skew to 2 degrees, blur, noise,
             a fifth black and white, specks; 200 and 300 dpi
    rough    own sheets, half of them scanned badly (`recognizer.simulate.hard_scan`: any way up, skew to 15 degrees,
             100 to 600 dpi, prints of 85 to 110 %, moved and cut off by up to 15 mm, 1-bit, fax), half photographed
             (`recognizer.simulate.photo`: slant to 20 degrees, curl, shadow, blur, a cluttered table); all with coffee,
             creases, holes, staples, specks, smudged codes, a corner torn off or a mark written over
             (`recognizer.simulate.wear`)
    others   pages of four other templates of the exam, which differ from the shipped ones by 3 mm, worn and scanned
             like those of `rough`, and foreign pages: all have to be named right, or refused
    time     registration at 300 dpi A4 on one core beside a bare OpenCV decode of the same page (processor time)

All pages of the shipped templates are printed, filled in with real handwriting, and scanned many times. --pages 2000
(the default) is the whole: 2,000 office pages, 1,000 rough ones, 400 of other templates and 200 foreign ones; with
fewer all rows shrink alike. The same seed gives the same pages. A page that is accepted under a wrong name, or with a
corner of any box more than 0.8 mm from the truth, is an error of the product; how many are refused is printed with the
reasons.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from benchmarks.registration_pages import (
    PAPER_DPI,
    SCANNED_AT_DPI,
    Case,
    Paper,
    exam_sheets,
    farthest_mm,
    foreign,
    office,
    other_templates,
    papers,
    rough,
)
from recognizer.errors import RecognizerError
from recognizer.records import GreyImage, Page, PageRef, PageSource
from recognizer.register import register
from recognizer.template import A4_MM, SheetSet, find_template, shipped_templates

WRONG_MM = 0.8
ROWS = ("office", "rough", "others", "time")
TARGETS = {"office": 0.9995, "rough": 0.99}
TIME_TARGET_MS = 12.0
TIMED_PAGES = 40


@dataclass
class Tally:
    """What became of the pages of a row."""

    pages: int = 0
    right: int = 0
    wrong: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    true_mm: list[float] = field(default_factory=list)
    said_mm: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)


def main() -> None:
    """Measure the rows that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000, help="office pages; the other rows in proportion")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS)
    parser.add_argument("--list", action="store_true", help="name every page that was refused or wrong")
    arguments = parser.parse_args()
    measure_registration(arguments.pages, arguments.seed, arguments.rows, arguments.list)


def measure_registration(pages: int, seed: int = 1, rows: Sequence[str] = ROWS, every: bool = False) -> None:
    """Measure and print rows; `every` lists all pages that were refused or wrong."""
    cv2.setNumThreads(1)
    sheets = exam_sheets()
    shipped = [find_template(name) for name in shipped_templates()]
    if "office" in rows:
        own = [paper for dpi in SCANNED_AT_DPI for paper in papers(shipped, dpi)]
        tell("office", measured(scanned(own, office, pages, seed), sheets), every)
    if {"rough", "others", "time"} & set(rows):
        own = papers(shipped, PAPER_DPI)
        if "rough" in rows:
            tell("rough", measured(scanned(own, rough, max(pages // 2, 1), seed + 1), sheets), every)
        if "others" in rows:
            others = papers(other_templates(), PAPER_DPI, sheets=1)
            tell("others", measured(scanned(others, rough, max(pages // 5, 1), seed + 2), sheets), every)
            strange = [*papers(shipped, PAPER_DPI, exam="biology", sheets=1), *papers(unknown(), PAPER_DPI, sheets=1)]
            tell("foreign", measured(foreign(own, strange, max(pages // 10, 1), seed + 3), sheets), every)
        if "time" in rows:
            measure_time(own, sheets, seed + 4)


def unknown() -> list:
    """Return templates that the exam does not have: one by name, one by version."""
    one, two = (find_template(name) for name in list(shipped_templates())[:2])
    return [one.model_copy(update={"name": "unknown"}), two.model_copy(update={"version": two.version + 7})]


def scanned(
    own: Sequence[Paper], how: Callable[[Paper, np.random.Generator], Case], count: int, seed: int
) -> Iterator[Case]:
    """Yield papers in turn, each scanned anew; a page depends on the seed and its place alone."""
    for index in range(count):
        yield how(own[index % len(own)], np.random.default_rng([seed, index]))


def measured(cases: Iterator[Case], sheets: SheetSet) -> Tally:
    """Register pages and hold them against the truth."""
    tally = Tally()
    for index, case in enumerate(cases):
        tally.pages += 1
        began = time.process_time()
        try:
            found = register(as_page(case.shot.pixels), sheets)
        except RecognizerError as error:
            tally.refused[str(error)[:70]] += 1
            tally.lines.append(f"{index} {', '.join(case.shot.what)}: {error}")
            continue
        tally.took.append(time.process_time() - began)
        said = f"{index} {', '.join(case.shot.what)}: error_mm {found.error_mm:.2f}, {found.marks_found} marks"
        if case.paper is None:
            tally.wrong.append(f"{said}: taken for {found.identity}")
            continue
        paper, true_mm = case.paper, farthest_mm(found.to_px, case)
        named = (found.template.name, found.identity.page, found.identity.serial)
        if named != (paper.template.name, paper.number, paper.serial):
            tally.wrong.append(f"{said}: {paper.template.name} page {paper.number} taken for {found.identity}")
            continue
        tally.true_mm.append(true_mm)
        tally.said_mm.append(found.error_mm)
        if true_mm > WRONG_MM:
            tally.wrong.append(f"{said}: {true_mm:.2f} mm off")
        else:
            tally.right += 1
    return tally


def tell(row: str, tally: Tally, every: bool) -> None:
    """Print a row."""
    target = f" (target >= {TARGETS[row]:.2%})" if row in TARGETS else ""
    share = f"{tally.right / tally.pages:.2%} registered{target}, " if row != "foreign" else ""
    refused = sum(tally.refused.values())
    print(f"{row:8}{tally.pages} pages: {share}{refused} refused, {len(tally.wrong)} WRONG (target 0)")
    if tally.true_mm:
        true, said = np.array(tally.true_mm), np.array(tally.said_mm)
        middle, high = np.percentile(true, (50, 99))
        print(
            f"        worst box of a page: median {middle:.3f} mm, 99th percentile {high:.3f}, largest {true.max():.3f}"
        )
        print(
            f"        error_mm: correlation {np.corrcoef(true, said)[0, 1]:.2f} with the truth, too small by "
            f"{(true - said).max():.2f} mm at most; register {np.median(tally.took) * 1e3:.1f} ms (median)"
        )
    for reason, count in tally.refused.most_common(8):
        print(f"        {count:4} refused: {reason}")
    for line in [*tally.wrong, *(tally.lines if every else ())]:
        print(f"        - {line}")


def measure_time(own: Sequence[Paper], sheets: SheetSet, seed: int) -> None:
    """Time registration beside decoding, page by page, so that what else the machine does hits both."""
    registering, decoding = [], []
    for index in range(TIMED_PAGES):
        case = office(own[index % len(own)], np.random.default_rng([seed, index]))
        _, encoded = cv2.imencode(".jpg", case.shot.pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])
        pixels = fastest(lambda data=encoded: cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), decoding)
        page = as_page(np.asarray(pixels, dtype=np.uint8))
        fastest(lambda page=page: register(page, sheets), registering)
    register_ms, decode_ms = np.median(registering) * 1e3, np.median(decoding) * 1e3
    print(
        f"time    register {register_ms:.1f} ms a page at {PAPER_DPI} dpi A4 (target <= {TIME_TARGET_MS:g} ms; 90th "
        f"percentile {np.percentile(registering, 90) * 1e3:.1f}); {register_ms / decode_ms:.2f} x a bare OpenCV decode "
        f"({decode_ms:.1f} ms)"
    )


def fastest(action: Callable[[], object], into: list[float], times: int = 3) -> object:
    """Do something some times, note the time of the fastest, the one least disturbed, and return what came out."""
    took, result = [], None
    for _ in range(times):
        began = time.process_time()
        result = action()
        took.append(time.process_time() - began)
    into.append(min(took))
    return result


def as_page(pixels: GreyImage) -> Page:
    """Return pixels as a page record."""
    return Page(PageRef("0" * 64, 1), pixels, *A4_MM, PageSource.IMAGE, "0" * 64)


if __name__ == "__main__":
    main()
