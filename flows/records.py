"""What the application remembers: the rows that travel between the store, the flow and the writers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from flows.results import Settler
from recognizer.bend import Bend
from recognizer.geometry import Homography
from recognizer.promise import Expectation
from recognizer.records import (
    Decision,
    FieldPicture,
    Flag,
    HandPlacement,
    PageOutcomeKind,
    RankedValue,
    Reading,
    ValueState,
)
from recognizer.template import Kind, Role

ABSENT_PAGE = "page {} of the sheet has not come"
"""What is said of a sheet some pages of which came, and this one has not."""


class FileOutcome(StrEnum):
    """What became of a file. The counts of these add up to the files that came in."""

    READ = "read"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


LEAST_HASH = 8
"""Digits of a content hash that name a file, at least; the sheet Pages shows twelve."""


@dataclass(frozen=True, slots=True)
class FileRow:
    """One arrival of a file in the inbox. The same bytes may arrive twice: two rows, one scan.

    `batch` names what it was taken as a part of, if its run was told.
    """

    name: str
    scan: str
    outcome: FileOutcome
    reason: str
    batch: str = ""


class Joining(StrEnum):
    """How a page finds the other pages of its sheet."""

    CODE = "code"
    """By its printed codes: exam, template and serial. A sheet of one page needs no other."""
    ID = "id"
    """By the candidate number on the page: it carries no serial, and every page of its template has a number."""
    ORDER = "order"
    """By its place in the file: it carries no serial, and not every page of its template says whose it is."""


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page that came in and what became of it.

    `file` is the name under which its scan first arrived; `sheet` names the candidate sheet it belongs to ("" unless it
    is read, held, or a duplicate by decision); `template_page` counts from 1, up to `template_pages`; `batch` is the
    name that a cover sheet prints.
    """

    scan: str
    number: int
    file: str
    outcome: PageOutcomeKind
    reason: str
    sheet: str
    template: str
    template_version: int | None
    template_page: int | None
    serial: int | None
    error_mm: float | None
    source: str
    identified_by: str
    joining: Joining = Joining.CODE
    template_pages: int = 1
    batch: str = ""

    @property
    def at(self) -> tuple[str, int]:
        """Scan and page number: what tells this page from every other."""
        return self.scan, self.number

    @property
    def place(self) -> str:
        """File and page as people find them."""
        return f"{self.file} page {self.number}"


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One scan by content. `arrival` orders the scans as they came; `archived` is its name in the archive."""

    scan: str
    arrival: int
    file: str
    pages: int
    archived: str


@dataclass(frozen=True, slots=True)
class FiledField:
    """One field of a page that is about to be stored: what the template says of it, what was read and decided."""

    kind: Kind
    role: Role
    reading: Reading
    decision: Decision


@dataclass(frozen=True, slots=True)
class FiledPage:
    """One page that is about to be stored. `fields` and `pictures` are empty unless the page was read, or is held."""

    row: PageRow
    picture_hash: str | None
    mm_to_px: Homography | None
    fields: tuple[FiledField, ...]
    pictures: tuple[FieldPicture, ...] = ()
    bend: Bend | None = None


@dataclass(frozen=True, slots=True)
class By:
    """Who looked or decided, when, and by what means."""

    reviewer: str
    made_at: datetime
    how: str


class PageChoice(StrEnum):
    """What is decided about another picture of a sheet's page that is there already."""

    KEEP = "keep"
    REPLACE = "replace"


@dataclass(frozen=True, slots=True)
class PageDecision:
    """What a person decided about one page that is held, or was. Only ever inserted; all of them hold, in order.

    Of the two pictures of one page of a sheet, `page` and `other`, the other counts (KEEP) or this one (REPLACE).
    `was` and `becomes` are outcomes of `page`. What was decided in one command shares one `act`, from 1.
    """

    act: int
    scan: str
    page: int
    choice: PageChoice
    other_scan: str
    other_page: int
    sheet: str
    template_page: int
    was: PageOutcomeKind
    becomes: PageOutcomeKind
    reviewer: str
    made_at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class PagePlacement:
    """A page that a person placed by hand. Only ever inserted; the latest of a page wins, whenever it is read again.

    `after` is (arrival of the scan, page number) of the last page that was stored at that moment: so late does the
    page claim its place on the sheet. `was` is what became of it before. A placement of no template takes the earlier
    ones back: the page is again what it is by itself.
    """

    placed: HandPlacement
    after: tuple[int, int]
    was: PageOutcomeKind
    reviewer: str
    made_at: datetime
    how: str

    @property
    def holds(self) -> bool:
        """Whether it places the page, rather than taking that back."""
        return bool(self.placed.template)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file that was taken from the inbox and is not yet done with: what a killed run leaves for the next.

    `number` orders arrivals. `inbox_name` is the name on disk, byte for byte; `name` is the one that people see.
    `size`, `mtime_ns` and `inode` say which file it was, so that another file of the same name is never removed.
    `quarantine_name` is set once the file is known to be unreadable.
    """

    number: int
    inbox_name: bytes
    name: str
    scan: str
    archived: str
    size: int
    mtime_ns: int
    inode: int
    quarantine_name: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A file of the inbox that was left there, and why. `needs_person` when waiting will not help."""

    name: str
    reason: str
    needs_person: bool = False


class Act(StrEnum):
    """What a row of the trail of corrections does."""

    SAY = "say"
    """A plain decision: the latest stands."""
    SECOND = "second"
    """A second answer by somebody who was not shown the first."""
    THIRD = "third"
    """Settles what two people disagree about."""
    UNDO = "undo"
    """Takes an earlier row of the same field back."""


CANCELLED = "cancelled"
"""The note of a field that was written and crossed out: nothing stands, it is blank."""

DISAGREE = "two people disagree"
COULD_NOT_READ = "{} could not read it"

UNREADABLE = "unreadable"
"""The note of a field that the person could not read: it stays unsettled."""

DISPUTED = "disputed"
"""The note of what stands when two people disagree. Never stored: it follows from their rows."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said about one field. Only ever inserted; `flows.trail.standing` tells what stands.

    `key` is the reading's key; `state` is VALUE, BLANK, or UNSETTLED where the person could not read it (`note`);
    `was` is what the export showed before; `machine` and `model` are what the machine had said and with which model.
    `undoes` is the number of the row that an UNDO takes back; its state and value are what a person's rows still say
    then, UNSETTLED when nothing. `token` is given by who sends it, so that sending twice stores once; `crop` is the
    SHA-256 of the field's picture as it was then, filled in by the store ("" where there was none).
    """

    key: str
    state: ValueState
    value: str
    was: str
    machine: str
    model: str
    reviewer: str
    made_at: datetime
    how: str
    act: Act = Act.SAY
    note: str = ""
    undoes: int | None = None
    token: str = ""
    crop: str = ""

    @property
    def settles(self) -> bool:
        """Whether the field is decided by it: not where nobody could read it, or two people disagree."""
        return self.state is not ValueState.UNSETTLED

    @property
    def in_words(self) -> str:
        """What was said, for people: the value, "blank", "blank (cancelled)", "unreadable" or "disputed"."""
        if self.state is ValueState.UNSETTLED:
            return self.note or "nothing"
        said = self.value or "blank"
        return f"{said} ({self.note})" if self.note else said


@dataclass(frozen=True, slots=True)
class TrailRow:
    """One row of the trail: `number` counts all of them from 1, `previous` is the hash of the row before."""

    number: int
    correction: Correction
    previous: str
    hash: str


@dataclass(frozen=True, slots=True)
class CheckedField:
    """One accepted field that a person looked at in a sample check. Only ever inserted; a field counts once a model.

    `round` counts the answers that were handed in together, from 1. `score` and `machine` are what the machine had
    accepted ("" is blank), and how surely; `state` and `value` are what the person says is written there.
    """

    round: int
    key: str
    revision: str
    kind: Kind
    score: float
    machine: str
    model: str
    wrong: bool
    state: ValueState
    value: str
    reviewer: str
    made_at: datetime
    how: str


@dataclass(frozen=True, slots=True)
class Tightening:
    """Thresholds that a sample check raised: those of one model, why, and how many fields it reopened."""

    round: int
    model: str
    accept_error: float
    digits: float
    number: float
    choice: float
    reopened: int
    why: str
    reviewer: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What becomes of the answers of one round: all of it is stored, or none.

    `doubted` holds the new decisions of accepted fields that are looked at again, by key.
    """

    checked: tuple[CheckedField, ...] = ()
    corrections: tuple[Correction, ...] = ()
    tightenings: tuple[Tightening, ...] = ()
    doubted: Mapping[str, Decision] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of one read page, with the machine's decision and what stands of people's words, if anything.

    `key` is `<first 12 of scan>-<page>-<field>`: stable over re-reading. `revision` changes whenever a new reading or a
    new correction of this field is stored: a workbook that carries another one is out of date for this row.
    """

    key: str
    revision: str
    scan: str
    page_number: int
    file: str
    sheet: str
    template: str
    template_page: int
    field: str
    kind: Kind
    role: Role
    decision: Decision
    values: tuple[RankedValue, ...]
    correction: Correction | None
    model: str = ""
    """Which model read it."""
    counts: bool = True
    """False for a field of a page that is held, or replaced by another picture."""
    settled_by: Settler = Settler.READING
    """What made the decision: the picture alone, or what is known of other fields too."""

    @property
    def state(self) -> ValueState:
        """The state after corrections."""
        return self.correction.state if self.correction else self.decision.state

    @property
    def value(self) -> str:
        """The settled value, "" unless the state is VALUE."""
        return self.correction.value if self.correction else self.decision.value

    @property
    def settled_by_person(self) -> bool:
        """Whether a person's word settles it; not where nobody could read it, or two people disagree."""
        return self.correction is not None and self.correction.settles

    @property
    def flag(self) -> Flag | None:
        """Why a person still has to look; None once somebody has settled it."""
        if self.correction is None:
            return self.decision.flag
        if self.correction.settles:
            return None
        return Flag.DISPUTED if self.correction.note == DISPUTED else Flag.UNREADABLE

    @property
    def why(self) -> str:
        """Why a person still has to look, in words; of what the machine settled by other fields too, how."""
        if self.correction is None:
            return self.decision.why
        if self.correction.settles:
            return ""
        if self.correction.note == DISPUTED:
            return DISAGREE
        return COULD_NOT_READ.format(self.correction.reviewer)


@dataclass(frozen=True, slots=True)
class RunPromise:
    """What a run promises of the fields that it accepted.

    It speaks of the fields of its batch: those that it read, and those of a stopped run with which it went on.
    `accept_error` is the share of accepted ones that may be wrong, and `proven` whether the calibration data prove that
    at 95 % for every kind of field that was accepted. `expected` is None where nothing is known. `drift` says in what
    the batch was unlike the calibration data, "" when in nothing. `thresholds` tells, kind by kind, what the promise
    rests on.
    """

    fields: int
    accepted: int
    accept_error: float
    proven: bool
    expected: Expectation | None
    drift: str
    thresholds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run ends: what it promises, and the new decisions of fields that it no longer accepts, by key."""

    promise: RunPromise
    doubted: Mapping[str, Decision]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run that took at least one file, or read pages again."""

    number: int
    command: str
    started_at: datetime
    finished_at: datetime | None
    tallymark: str
    model: str
    renderer: str
    settings: str
    files: int
    pages: int
    fields: int
    flagged: int
    seconds: float
    promise: RunPromise | None = None
    """None until the run is finished, and for runs of versions that promised nothing."""
