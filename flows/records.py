"""What the application remembers: the rows that travel between the store, the flow and the writers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from recognizer.records import Decision, Flag, PageOutcomeKind, RankedValue, ValueState
from recognizer.template import Kind, Role


class FileOutcome(StrEnum):
    """What became of a file. The counts of these add up to the files that came in."""

    READ = "read"
    DUPLICATE = "duplicate"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class FileRow:
    """One arrival of a file in the inbox. The same bytes may arrive twice: two rows, one scan."""

    name: str
    scan: str
    outcome: FileOutcome
    reason: str


@dataclass(frozen=True, slots=True)
class PageRow:
    """One page that came in and what became of it.

    `file` is the name under which its scan first arrived; `sheet` names the candidate sheet it belongs to ("" unless
    read); `template_page` counts from 1.
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


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said about one field. Only ever inserted; the latest wins.

    `key` is the reading's key; `state` is VALUE or BLANK; `was` is what the export showed before; `machine` and `model`
    are what the machine had said and with which model.
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


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of one read page, with the machine's decision and the person's, if any.

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

    @property
    def state(self) -> ValueState:
        """The state after corrections."""
        return self.correction.state if self.correction else self.decision.state

    @property
    def value(self) -> str:
        """The settled value, "" unless the state is VALUE."""
        return self.correction.value if self.correction else self.decision.value

    @property
    def flag(self) -> Flag | None:
        """Why a person still has to look; None once somebody has."""
        return None if self.correction else self.decision.flag


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
