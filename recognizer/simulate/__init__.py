"""Filled, scanned sheets with their truth: a template, real handwriting, and what happens to paper in an office.

`simulate` prints every sheet, lets two made-up people fill it in, scans it, and says what was written. A sheet depends
on the seed, the template and its serial number alone: five sheets are the first five of ten.
"""

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np

from recognizer.glyphs import GlyphSet
from recognizer.printing import Paper, SheetCopy, print_sheets
from recognizer.raster import rendered_pages
from recognizer.records import GreyImage
from recognizer.scanfile import ScannedPicture
from recognizer.simulate.answers import Candidate, candidate_for, choose_answers
from recognizer.simulate.attendance import USUAL, Attendance, Case, CaseKind, Cast, cast_of
from recognizer.simulate.filling import Writers, fill_page
from recognizer.simulate.hand import Habits, Hand, Pen, Sheet
from recognizer.simulate.letters import SPELLINGS
from recognizer.simulate.numbers import HALF_STYLES
from recognizer.simulate.scanner import PROFILES, Effects, Mode, Picture, Profile, scan
from recognizer.simulate.wrong_sums import with_swapped_id, wrong_total
from recognizer.template import SheetTemplate

__all__ = [
    "Attendance",
    "Candidate",
    "Case",
    "CaseKind",
    "Effects",
    "Extras",
    "Mode",
    "SimulatedPage",
    "SimulatedSheet",
    "Simulation",
    "filled_papers",
    "simulate",
]

SERIALS_PER_SEED = 1000
"""Serial numbers set apart for one seed, so that small runs with different seeds can share an exam."""

SEEDS_APART = 19
"""Seeds after which serial numbers begin again: 19,000 is the last thousand that the corner marks can tell."""

PRINTED_AT_ONCE = 25
"""Sheets printed into one PDF in memory: cutting the fonts costs as much as printing ten sheets."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What few sheets have and none has unasked: shares from 0 to 1.

    `absent`: sheets of absent candidates, with AB in every mark that allows it. Its letters are drawn, not real.
    `cancelled`: written fields in which a wrong digit is struck out, with the right one beside it, above it or next.
    `decimals`: people who write a half with a point or a comma.
    `misadded`: sheets whose examiner adds wrongly. `miswritten`: those whose candidate swaps two digits of the number.
    """

    absent: float = 0.0
    cancelled: float = 0.0
    decimals: float = 0.0
    misadded: float = 0.0
    miswritten: float = 0.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What to simulate. `first_serial` None leaves the serial numbers to the seed."""

    template: SheetTemplate
    sheets: int
    seed: int
    dpi: int = 300
    effects: Effects = Effects.OFFICE
    mode: Mode = Mode.AUTO
    exam: str = "exam"
    first_serial: int | None = None
    extras: Extras = Extras()
    attendance: Attendance = USUAL

    @property
    def serials(self) -> range:
        """The serial numbers of the sheets, second ones included."""
        return self.cast.sheets

    @property
    def cast(self) -> Cast:
        """Who hands in what."""
        first = self.first_serial or 1 + self.seed % SEEDS_APART * SERIALS_PER_SEED
        return cast_of(range(first, first + self.sheets), self.attendance, self.seed)

    @property
    def missing(self) -> tuple[Candidate, ...]:
        """The candidates who are on the list and hand in no sheet."""
        return tuple(candidate_for(self.template, self.seed, serial) for serial in self.cast.missing)


@dataclass(frozen=True, slots=True)
class SimulatedPage:
    """One scanned page and what is written on it.

    `number` counts the template's pages from 1; `values` has every field of the page but the images, in template
    order, "" where nothing is written. `cancelled` names the fields in which something is struck out: their value is
    what a person makes of them, and a reader has to send them to one.
    """

    number: int
    picture: ScannedPicture
    values: Mapping[str, str]
    cancelled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SimulatedSheet:
    """One sheet as it comes out of the scanner. `cases` say what is out of the ordinary with it."""

    serial: int
    candidate: Candidate
    pages: tuple[SimulatedPage, ...]
    cases: tuple[Case, ...] = ()

    @property
    def is_off_roster(self) -> bool:
        """Whether the list leaves its candidate out."""
        return any(case.kind is CaseKind.OFF_ROSTER for case in self.cases)


def simulate(simulation: Simulation, glyphs: GlyphSet) -> Iterator[SimulatedSheet]:
    """Yield filled and scanned sheets one by one. The same simulation and glyphs give the same pixels."""
    cast = simulation.cast
    for start in range(0, len(cast.sheets), PRINTED_AT_ONCE):
        batch = cast.sheets[start : start + PRINTED_AT_ONCE]
        papers = _printed(simulation, batch)
        for serial in batch:
            yield _filled_and_scanned(simulation, glyphs, (serial, cast), papers)


def filled_papers(simulation: Simulation, glyphs: GlyphSet) -> Iterator[tuple[int, int, GreyImage]]:
    """Yield the filled pages of sheets before they are scanned: serial number, page number (from 1), pixels."""
    papers = _printed(simulation, simulation.serials)
    for serial in simulation.serials:
        choosing, writing, *_ = _sources(simulation, serial)
        profile, template = PROFILES[simulation.effects], simulation.template
        candidate = candidate_for(template, simulation.seed, serial)
        values = choose_answers(template, candidate, choosing, profile.doubles)
        writers = _writers(glyphs, profile, writing)
        for number, page in enumerate(template.pages, start=1):
            sheet = Sheet(next(papers), simulation.dpi)
            fill_page(sheet, page, values, writers)
            yield serial, number, sheet.pixels


def _sources(simulation: Simulation, serial: int) -> list[np.random.Generator]:
    """Return what decides about the answers, the writing, the scan, the extras, and the errors made on a sheet."""
    source = np.random.SeedSequence([simulation.seed, serial, zlib.crc32(simulation.template.name.encode())])
    return [np.random.default_rng(child) for child in source.spawn(5)]


def _printed(simulation: Simulation, serials: range) -> Iterator[GreyImage]:
    """Return the empty pages of the sheets with these serial numbers, in order."""
    pdf = io.BytesIO()
    print_sheets(simulation.template, [SheetCopy(serial) for serial in serials], simulation.exam, Paper.A4, pdf)
    return rendered_pages(pdf.getvalue(), simulation.dpi)


def _filled_and_scanned(
    simulation: Simulation, glyphs: GlyphSet, handed_in: tuple[int, Cast], papers: Iterator[GreyImage]
) -> SimulatedSheet:
    profile = PROFILES[simulation.effects]
    template = simulation.template
    serial, cast = handed_in
    choosing, writing, scanning, extra, erring = _sources(simulation, serial)
    first = cast.second_of.get(serial, serial)
    candidate = candidate_for(template, simulation.seed, first)
    absent = bool(extra.random() < simulation.extras.absent)
    right = choose_answers(template, candidate, choosing, profile.doubles, absent=absent)
    values, errors = _with_errors(template, right, simulation.extras, erring)
    writers = _writers(glyphs, profile, writing)
    if first != serial:
        # The same person with the same pen, and not the same strokes once more.
        again = _writers(glyphs, profile, _sources(simulation, first)[1]).candidate
        again.rng = writers.candidate.rng
        writers = replace(writers, candidate=again)
    writers = _with_extras(writers, simulation.extras, extra)
    pages = []
    for number, page in enumerate(template.pages, start=1):
        sheet = Sheet(next(papers), simulation.dpi)
        cancelled = fill_page(sheet, page, values, writers)
        picture = scan(sheet.pixels, simulation.dpi, profile, simulation.mode, scanning)
        written = {field.name: values[field.name] for field in page.fields if field.name in values}
        pages.append(SimulatedPage(number, _delivered(picture, simulation.dpi), written, cancelled))
    return SimulatedSheet(serial, candidate, tuple(pages), (*errors, *_cases(serial, cast)))


def _with_errors(
    template: SheetTemplate, values: Mapping[str, str], extras: Extras, rng: np.random.Generator
) -> tuple[Mapping[str, str], list[Case]]:
    """Return what is written where people make the errors that are asked for, and which they make."""
    written, cases = dict(values), []
    misadded, miswritten = rng.random(2)
    if misadded < extras.misadded:
        name, value, why = wrong_total(template, values, rng)
        if name:
            written[name] = value
            cases.append(Case(CaseKind.MISADDED, why))
    if miswritten < extras.miswritten:
        wrong, why = with_swapped_id(template, values, rng)
        if wrong:
            written |= wrong
            cases.append(Case(CaseKind.MISWRITTEN, why))
    return written, cases


def _cases(serial: int, cast: Cast) -> Iterator[Case]:
    if serial in cast.second_of:
        first = cast.second_of[serial]
        yield Case(CaseKind.DOUBLED, f"serial {serial}; the first sheet of this candidate is serial {first}")
    if serial in cast.off_roster:
        yield Case(CaseKind.OFF_ROSTER, "roster.csv leaves this candidate out")


def _writers(glyphs: GlyphSet, profile: Profile, rng: np.random.Generator) -> Writers:
    """Pick two people: two different writers, where the glyphs have two."""
    names = [str(name) for name in rng.permutation(glyphs.writers)[:2]]
    candidate, examiner = (
        Hand(glyphs, name, _pen(profile, rng), _habits(rng), np.random.default_rng(rng.integers(2**63)))
        for name in (names[0], names[-1])
    )
    return Writers(candidate, examiner, profile.corrections)


def _with_extras(writers: Writers, extras: Extras, rng: np.random.Generator) -> Writers:
    """Give both writers the habits that only sheets with extras show."""
    for hand in (writers.candidate, writers.examiner):
        style = "decimal" if rng.random() < extras.decimals else hand.habits.half_style
        hand.habits = replace(hand.habits, half_style=style, absent=str(rng.choice(SPELLINGS)))
    return replace(writers, slip_share=extras.cancelled)


def _pen(profile: Profile, rng: np.random.Generator) -> Pen:
    """Pick a ball pen or fibre pen (blue, black, red in grey), or a pencil where the profile has them."""
    if rng.random() < profile.pencil:
        return Pen(float(rng.uniform(0.35, 0.6)), float(rng.uniform(0.35, 0.55)), 0.2)
    return Pen(float(rng.uniform(0.32, 0.62)), float(rng.uniform(0.05, 0.38)), 0.1)


def _habits(rng: np.random.Generator) -> Habits:
    return Habits(
        height_mm=float(rng.uniform(4.8, 6.6)),
        slant=float(rng.normal(0.0, 0.06)),
        stray=float(rng.uniform(0.04, 0.1)),
        half_style=str(rng.choice(HALF_STYLES, p=(0.45, 0.25, 0.15, 0.15))),
        point=str(rng.choice((".", ","))),
        box_style=str(rng.choice(("tick", "cross"))),
        bubble_style="fill",
    )


def _delivered(picture: Picture, dpi: int) -> ScannedPicture:
    """Return the page as the scanner stores it: JPEG, or black and white."""
    height, width = picture.pixels.shape
    if picture.one_bit:
        return ScannedPicture(picture.pixels > 127, width, height, dpi)
    _, encoded = cv2.imencode(".jpg", picture.pixels, [cv2.IMWRITE_JPEG_QUALITY, picture.jpeg_quality])
    return ScannedPicture(encoded.tobytes(), width, height, dpi)
