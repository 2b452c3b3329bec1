"""What a person does about pages: decide between two pictures of one, place one that failed. For commands and others.

Everything here takes the exam's lock: pages are neither read nor decided about by two at once. Reading happens before
anything is decided, so that a kill at any moment leaves either the pages as they were or the decision whole.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial

from flows.checking import calibrations, doubtful
from flows.errors import PageChoiceError
from flows.page_decisions import (
    Claim,
    PageKey,
    Place,
    arrange,
    claims_of,
    decide,
    decisions_by_place,
    key_of,
    latest_placements,
    place_of,
    where,
)
from flows.page_reading import Readers, read_archived, run_of
from flows.records import (
    LEAST_HASH,
    By,
    FieldRow,
    FileOutcome,
    PageChoice,
    PageDecision,
    PagePlacement,
    PageRow,
)
from flows.rows import reading_key
from flows.settings import Exam
from flows.store import Store
from flows.trail import standing_by_key
from recognizer.records import Decision, HandPlacement, PageOutcomeKind, PageRef

PLACEABLE = (PageOutcomeKind.FAILED, PageOutcomeKind.FOREIGN, PageOutcomeKind.BLANK)
"""Pages that a person may place: on none of them a sheet of this exam was found."""


@dataclass(frozen=True, slots=True)
class HeldPage:
    """A page that waits for a decision. `standing` is the page that counts meanwhile; None when it waits for more."""

    row: PageRow
    standing: PageRow | None


@dataclass(frozen=True, slots=True)
class Resolved:
    """What came of a decision.

    `changed` are the pages for which it changed what becomes of them, `left` held pages that this decision cannot
    settle. `unused` are corrections made on pages that no longer count, `used` those on pages that count again or from
    now on, by page. `read_again` counts pages of which nothing was kept.
    """

    made: tuple[PageDecision, ...] = ()
    changed: tuple[PageRow, ...] = ()
    left: tuple[PageRow, ...] = ()
    unused: Mapping[PageKey, int] = field(default_factory=dict)
    used: Mapping[PageKey, int] = field(default_factory=dict)
    read_again: int = 0


def held_pages(store: Store) -> tuple[HeldPage, ...]:
    """Return every page that is held, in order of arrival, with the one that counts meanwhile."""
    with store.snapshot():
        rows, claims = store.pages(), claims_now(store)
    counting = [claim.row for each in claims.values() for claim in each if claim.row.outcome is PageOutcomeKind.READ]
    standing = {place_of(row): row for row in counting}
    held = [row for row in rows if row.outcome is PageOutcomeKind.HELD]
    # A page that claims no place waits for something else; and no page that counts here claims none.
    return tuple(HeldPage(row, standing.get(place_of(row))) for row in held)


def claims_now(store: Store) -> dict[Place, list[Claim]]:
    """Return who claims each place, from the store."""
    arrivals = {scan.scan: scan.arrival for scan in store.scans()}
    return claims_of(store.pages(), arrivals, store.placements())


def find_page(store: Store, text: str) -> PageRow:
    """Return the page that a person names as FILE:N, by a name under which its file came or by its content's hash.

    Raises:
        PageChoiceError: there is none, or several files came under that name.
    """
    name, colon, number = text.rpartition(":")
    if not (colon and name and number.isascii() and number.isdigit()):
        raise PageChoiceError(f"'{text}' names no page; write FILE:N, such as scan.pdf:3")
    pages = pages_of_file(store, name)
    found = next((row for row in pages if row.number == int(number)), None)
    if found is None:
        raise PageChoiceError(f"{name} has {len(pages)} pages; there is no page {number}")
    return found


def pages_of_file(store: Store, name: str) -> tuple[PageRow, ...]:
    """Return the pages of a file.

    Raises:
        PageChoiceError: no such file was read, or several came under that name.
    """
    rows = store.pages()
    contents = {row.scan for row in rows}
    named = {file.scan for file in store.files() if file.name == name} | {row.scan for row in rows if row.file == name}
    scans = (named & contents) or {scan for scan in contents if len(name) >= LEAST_HASH and scan.startswith(name)}
    if not scans:
        _refuse_quarantined(store, name)
        raise PageChoiceError(f"no file '{name}' was read; 'tallymark ledger' lists those that were")
    if len(scans) > 1:
        first = ", ".join(sorted(scan[:12] for scan in scans))
        raise PageChoiceError(f"{len(scans)} files came as '{name}'; name one by the beginning of its hash: {first}")
    return tuple(row for row in rows if row.scan in scans)


def _refuse_quarantined(store: Store, name: str) -> None:
    """Raise PageChoiceError for a file that could not be read: it has no pages."""
    for file in store.files():
        named = file.name == name or (len(name) >= LEAST_HASH and file.scan.startswith(name))
        if named and file.outcome is FileOutcome.QUARANTINED:
            raise PageChoiceError(
                f"{file.name} lies in quarantine, and none of its pages was read: {file.reason}. Mend it and drop it "
                "in anew, or look at it with the program that made it"
            )


# ---- deciding --------------------------------------------------------------------------------------------------------


def resolve(
    store: Store,
    exam: Exam,
    chosen: Sequence[PageRow],
    choice: PageChoice,
    by: By,
    *,
    readers: Readers,
    lenient: bool = False,
) -> Resolved:
    """Decide about pages, all or none.

    Args:
        store: the exam's database.
        exam: the exam.
        chosen: the pages, as they were when the person looked.
        choice: whether the page that came first counts, or these do.
        by: who decides.
        readers: reads those that count from now on and of which nothing is kept, as older versions did not.
        lenient: leave out, and name, held pages that wait for something else.

    Raises:
        PageChoiceError: there is nothing to decide about one of the pages; nothing was stored.
        PlaceError: another process grades, or a scan is not in the archive.
    """
    with store.grading():
        now = {key_of(row): row for row in store.pages()}
        current = [now[key_of(row)] for row in chosen]
        left = tuple(row for row in current if lenient and place_of(row) is None)
        claims, said = claims_now(store), store.page_decisions()
        made = decide(claims, said, [row for row in current if row not in left], choice, by)
        if not made:
            return Resolved(left=left)
        rising = _rising(claims, (*said, *made), {(one.sheet, one.template_page) for one in made})
        unread = _unread(store, exam, rising)
        with _read_again(store, exam, unread, readers):
            changed = store.decide_pages(made, partial(doubts, store, exam))
        moved = [row for row in changed if row.outcome is not now[key_of(row)].outcome]
        counting = [row for row in moved if row.outcome is PageOutcomeKind.READ]
        lost = [row for row in moved if now[key_of(row)].outcome is PageOutcomeKind.READ]
        said_of = {key for key, (said, _) in standing_by_key(store.trail()).items() if said}
        return Resolved(made, changed, left, _said_on(lost, said_of), _said_on(counting, said_of), len(unread))


def _rising(
    claims: Mapping[Place, Sequence[Claim]], decisions: Sequence[PageDecision], places: Collection[Place]
) -> list[PageRow]:
    """Return the pages that will count and do not yet."""
    said = decisions_by_place(decisions)
    before = {key_of(claim.row): claim.row for place in places for claim in claims[place]}
    after = [row for place in sorted(places) for row in arrange(claims[place], said[place])]
    return [
        before[key_of(row)]
        for row in after
        if row.outcome is PageOutcomeKind.READ and before[key_of(row)].outcome is not PageOutcomeKind.READ
    ]


def _unread(store: Store, exam: Exam, rising: Sequence[PageRow]) -> list[PageRow]:
    """Return those of some pages of which nothing is kept though there is something to read."""
    kept = store.kept_pages()
    return [row for row in rising if key_of(row) not in kept and _has_fields(exam, row)]


def _has_fields(exam: Exam, row: PageRow) -> bool:
    template = next((one for one in exam.sheets.templates if one.name == row.template), None)
    at = row.template_page or 0
    # What is not known to be empty is read.
    return template is None or not 1 <= at <= len(template.pages) or bool(template.pages[at - 1].fields)


def doubts(store: Store, exam: Exam, fields: tuple[FieldRow, ...]) -> dict[str, Decision]:
    """Return the fields that were accepted when they were read, and would not be now: people found errors meanwhile."""
    share, models = exam.settings.accept_error, {row.model for row in fields}
    checks = store.sample_checks()
    return doubtful(fields, checks, calibrations(models, share, own=exam.models) if checks else {}, share)


def _said_on(pages: Sequence[PageRow], keys: Collection[str]) -> dict[PageKey, int]:
    """Return how many of some fields stand on each page, of those where any does."""
    counted: Counter[PageKey] = Counter()
    for row in pages:
        stem = reading_key(row.scan, row.number, "")
        counted[key_of(row)] = sum(key.startswith(stem) for key in keys)
    return {page: count for page, count in counted.items() if count}


@contextmanager
def _read_again(store: Store, exam: Exam, pages: Sequence[PageRow], readers: Readers) -> Iterator[None]:
    """Read and keep pages of which nothing is kept, then let the block decide about them; a run of its own.

    Raises:
        PageChoiceError: one of them is not read as the same page any more.
    """
    if not pages:
        yield
        return
    placements = latest_placements(store.placements())
    with readers() as reader:
        read = [read_archived(store, exam, reader, row, placements.get(key_of(row))) for row in pages]
        for row, filed in zip(pages, read, strict=True):
            if (filed.row.sheet, filed.row.template_page) != (row.sheet, row.template_page):
                raise PageChoiceError(
                    f"{where(row)}: nothing of it is kept, and read again it is {_as_told(filed.row)}, not page "
                    f"{row.template_page} of sheet {row.sheet}; have all scans read again: tallymark regrade {exam.dir}"
                )
        with run_of(store, exam, reader, "pages resolve") as keep:
            for filed in read:
                keep(filed, None)
            yield


def _as_told(row: PageRow) -> str:
    return f"page {row.template_page} of sheet {row.sheet}" if row.sheet else f"{row.outcome.value}: {row.reason}"


# ---- placing ---------------------------------------------------------------------------------------------------------


def place(store: Store, exam: Exam, row: PageRow, placed: HandPlacement, by: By, *, readers: Readers) -> PageRow:
    """Have a page read where a person saw the sheet; return what became of it: read, held like any other, or dropped.

    Raises:
        PageChoiceError: the page was read by itself, or the sheet does not fit there; nothing was stored.
        PlaceError: another process grades, or the scan is not in the archive.
    """
    with store.grading():
        (now,) = (each for each in store.pages() if key_of(each) == key_of(row))
        earlier = _placements_of(store, now)
        if now.outcome not in PLACEABLE and not earlier:
            because = f": {now.reason}" if now.reason else ""
            raise PageChoiceError(f"{where(now)} needs no placing, it is {now.outcome.value}{because}")
        with readers() as reader:
            filed = read_archived(store, exam, reader, now, placed)
            if filed.row.outcome is not PageOutcomeKind.READ:
                raise PageChoiceError(f"{where(now)}: {filed.row.reason}. Nothing was stored")
            after = earlier[-1].after if earlier and _same_sheet(earlier[-1].placed, placed) else store.last_stored()
            said = PagePlacement(placed, after, now.outcome, by.reviewer, by.made_at, by.how)
            with run_of(store, exam, reader, "pages place") as keep:
                keep(filed, said)
            return _as_it_stands(store, row)


def unplace(store: Store, exam: Exam, row: PageRow, by: By, *, readers: Readers) -> PageRow:
    """Take back that a page was placed by hand; return what it is by itself.

    Raises:
        PageChoiceError: nobody placed it.
        PlaceError: another process grades, or the scan is not in the archive.
    """
    with store.grading():
        (now,) = (each for each in store.pages() if key_of(each) == key_of(row))
        if not _placements_of(store, now):
            raise PageChoiceError(f"{where(now)} was not placed by hand; nothing was stored")
        ref = PageRef(now.scan, now.number)
        back = PagePlacement(_no_place(ref), store.last_stored(), now.outcome, by.reviewer, by.made_at, by.how)
        with readers() as reader:
            filed = read_archived(store, exam, reader, now, None)
            with run_of(store, exam, reader, "pages unplace") as keep:
                keep(filed, back)
            return _as_it_stands(store, row)


def _as_it_stands(store: Store, row: PageRow) -> PageRow:
    """Return what became of a page in view of the other pages of its file and of all that people said."""
    (now,) = (each for each in store.pages() if key_of(each) == key_of(row))
    return now


def _no_place(ref: PageRef) -> HandPlacement:
    return HandPlacement(ref, "", 0, 0, None, (), 0, 0)


def _placements_of(store: Store, row: PageRow) -> list[PagePlacement]:
    """Return how a page was placed since it was by itself last."""
    mine = [one for one in store.placements() if one.placed.ref == PageRef(row.scan, row.number)]
    taken_back = max((at for at, one in enumerate(mine, start=1) if not one.holds), default=0)
    return mine[taken_back:]


def _same_sheet(one: HandPlacement, other: HandPlacement) -> bool:
    """Tell whether two placements differ in nothing but the corners: a better one is not a later claim."""
    return replace(one, corners=(), width=0, height=0) == replace(other, corners=(), width=0, height=0)
