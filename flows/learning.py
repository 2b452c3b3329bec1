"""What an exam knows of its own fields: settled rows of the database -> known fields, with crops from the archive.

    fields, corrections, sample checks ─settled─► rows ─split─► parts ─cut─► KnownField…

One sheet is one writer, and so are all sheets with one candidate number. The pages are taken from the archive and
registered anew, so that crops are those that the reader would see today.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.deciding import decide_exam
from flows.errors import FlowError
from flows.page_decisions import latest_placements
from flows.records import CANCELLED, FieldRow
from flows.settings import Exam
from flows.settling import SettledSheet
from flows.store import Store
from recognizer.boxes import crop_boxes
from recognizer.errors import RecognizerError
from recognizer.fields import FieldCrops
from recognizer.known_fields import KnownField, Part, Source, split_writers
from recognizer.placing import register_placed
from recognizer.raster import Renderer, open_scan
from recognizer.reading import HIDDEN_SIDES
from recognizer.records import BoxCrop, HandPlacement, Page, PageRef, ValueState
from recognizer.register import register
from recognizer.template import Kind

LEAST_FIELDS = 50
"""Fields that people looked at, below which nothing can be learned: from fewer, chance is learned."""

LEAST_WRITERS = 6
"""Writers of these fields, below which nothing is left to learn from and to test on: two of six test, one stops."""

MOST_PAGES = 900
"""Pages that are read again at most: some minutes, and 300 MB of crops."""

CHECKED = "sample check"
"""How corrections begin to say how they were made when a person was asked what is written."""

KINDS = (Kind.DIGITS, Kind.NUMBER)
"""What is learned. A box that is ticked or not says little of a hand, and a value not which box was cancelled."""

Done = Callable[[int], None]


class LearningError(FlowError):
    """An exam cannot be learned from; the message says what was found and what is needed."""


@dataclass(frozen=True, slots=True)
class KnownRow:
    """One field of the database whose value is settled, who wrote it, and how it is known."""

    row: FieldRow
    writer: str
    source: Source


@dataclass(slots=True)
class Cut:
    """What came of the archive: known fields, and the pages and fields that could not be cut, in words."""

    fields: list[KnownField] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def known_rows(exam: Exam, store: Store) -> tuple[KnownRow, ...]:
    """Return every settled field of an exam that is written by hand, in the order of the pages."""
    with store.snapshot():
        decided, checks = decide_exam(exam, store), store.sample_checks()
    fields, writers = decided.fields, writers_of_sheets(decided.sheets)
    checked = {(one.key, one.model) for one in checks}
    return tuple(
        KnownRow(row, writers.get(row.sheet, row.sheet), _source(row, checked))
        for row in fields
        if row.kind in KINDS and row.state is not ValueState.UNSETTLED and not _is_struck_out(row)
    )


def writers_of_sheets(sheets: Iterable[SettledSheet]) -> dict[str, str]:
    """Return who wrote each sheet: its candidate number where that is settled, or the sheet itself."""
    return {
        one.sheet: f"candidate {one.identity.value}" if one.identity.state is ValueState.VALUE else one.sheet
        for one in sheets
    }


def parts_of_writers(rows: Sequence[KnownRow], salt: str) -> dict[str, Part]:
    """Return what each writer's fields are for.

    Raises:
        LearningError: people said too little, or of too few writers.
    """
    told = [one for one in rows if one.source.is_person and one.row.state is ValueState.VALUE]
    people = {one.writer for one in told}
    if len(told) < LEAST_FIELDS or len(people) < LEAST_WRITERS:
        raise LearningError(
            f"there is too little to learn from: people said of {len(told)} written fields, of {len(people)} writers, "
            f"what stands there; at least {LEAST_FIELDS} fields of {LEAST_WRITERS} writers are needed. Correct flagged "
            "fields (tallymark correct), or look at accepted ones (tallymark check --draw)"
        )
    return split_writers(people, {one.writer for one in rows} - people, salt)


def rows_to_cut(rows: Sequence[KnownRow], parts: Mapping[str, Part]) -> tuple[KnownRow, ...]:
    """Return the rows that are needed: every page of who tests, and of the others those of which people said something.

    Of more than `MOST_PAGES` pages some writers are left out whole, with all they wrote; who tests has half the room.
    """
    told = {_page(one) for one in rows if one.source.is_person}
    pages: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for one in rows:
        part = parts.get(one.writer)
        if part is Part.TEST or (part and _page(one) in told):
            pages[one.writer].add(_page(one))
    kept: set[tuple[str, int]] = set()
    for some in ((Part.TEST,), (Part.LEARN, Part.STOP)):
        room = MOST_PAGES // 2 if some == (Part.TEST,) else MOST_PAGES - len(kept)
        for writer, his in pages.items():
            if parts[writer] in some and len(his) <= room:
                kept |= his
                room -= len(his)
    return tuple(one for one in rows if one.writer in parts and _page(one) in kept)


def cut_fields(exam: Exam, store: Store, rows: Sequence[KnownRow], done: Done = lambda _: None) -> Cut:
    """Cut fields out of the archived pages; a page that cannot be read again is named, and stops nothing.

    Args:
        exam: the exam.
        store: its database, which knows where scans lie.
        rows: the fields.
        done: is told how many more pages are done, now and then.
    """
    by_scan: dict[str, dict[int, list[KnownRow]]] = defaultdict(lambda: defaultdict(list))
    for one in rows:
        by_scan[one.row.scan][one.row.page_number].append(one)
    cut, placed = Cut(), latest_placements(store.placements())
    for scan, by_page in by_scan.items():
        file = next(iter(by_page.values()))[0].row.file
        try:
            with open_scan(_archived(exam, store, scan)) as opened:
                for number, known in by_page.items():
                    try:
                        page = opened.load(PageRef(scan, number), Renderer(exam.settings.render))
                        cut.fields += known_fields(page, known, exam, placed.get((scan, number)))
                    except (RecognizerError, LearningError) as error:
                        cut.problems.append(f"{file} page {number}: {error}")
                    done(1)
        except (RecognizerError, LearningError) as error:
            cut.problems.append(f"{file}: {error}")
            done(len(by_page))
    return cut


def known_fields(
    page: Page, known: Sequence[KnownRow], exam: Exam, placed: HandPlacement | None = None
) -> list[KnownField]:
    """Return the known fields of one page with their crops; those of which a box is covered are left out.

    `placed` is where a person placed the page, if anybody did.

    Raises:
        RecognizerError: the page cannot be registered.
        LearningError: it is another page than it was, or its template has another field now.
    """
    registered = register_placed(page, placed, exam.sheets) if placed else register(page, exam.sheets)
    fields = {one.name: one for one in registered.template.pages[registered.identity.page - 1].fields}
    crops: dict[str, list[BoxCrop]] = defaultdict(list)
    for crop in crop_boxes(registered):
        crops[crop.field].append(crop)
    found = []
    for one in known:
        here = registered.template.name, registered.identity.page
        if here != (one.row.template, one.row.template_page) or one.row.field not in fields:
            raise LearningError(
                f"has no field {one.row.field} of {one.row.template}, page {one.row.template_page}, any more; read the "
                "scans again: tallymark regrade"
            )
        boxes = tuple(crops[one.row.field])
        if all(box.sides_seen > HIDDEN_SIDES for box in boxes):
            shown = FieldCrops(fields[one.row.field], boxes)
            found.append(KnownField(shown, one.row.value, one.writer, one.source))
    return found


def _archived(exam: Exam, store: Store, scan: str) -> Path:
    row = store.scan(scan)
    if row is None:
        raise LearningError("the database does not know where the scan lies in the archive")
    return exam.archive / row.archived


def _is_struck_out(row: FieldRow) -> bool:
    """Tell whether a person said that nothing counts of what is written: blank, and yet no picture of a blank."""
    return row.correction is not None and row.correction.note == CANCELLED


def _source(row: FieldRow, checked: Collection[tuple[str, str]]) -> Source:
    asked = row.correction is not None and row.correction.how.startswith(CHECKED)
    if asked or (row.correction is None and (row.key, row.model) in checked):
        return Source.CHECKED
    return Source.ACCEPTED if row.correction is None else Source.CORRECTED


def _page(one: KnownRow) -> tuple[str, int]:
    return one.row.scan, one.row.page_number
