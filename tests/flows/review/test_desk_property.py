"""Whatever people and machines do in whatever order: a desk that was patched shows what one shows that looks anew."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.export.flags_sheet import FlagRow
from flows.ledger import Ledger
from flows.records import Correction, FieldRow
from flows.review.desk import Desk
from flows.review.office import Office
from flows.review.queue_order import Choice, Lines, Order
from flows.review.refusals import Refused
from flows.review.saying import Said, Word, say, undo
from flows.review.shown_flags import ShownFlags
from flows.review.untold import Sight
from flows.store import Store, open_store
from recognizer.records import ValueState
from recognizer.template import Role
from tests.helpers.exam_folder import SETTINGS, remember
from tests.helpers.exam_rows import SCAN, marks_fields, page_row
from tests.helpers.review_office import ADA, BEN, CAM, LEA, SECOND, exam_copy, office_of
from tests.helpers.trails import said

STEM = SCAN[:12]
KEYS = (f"{STEM}-2-q2", f"{STEM}-3-q1", f"{STEM}-2-q1", f"{STEM}-3-candidate", f"{STEM}-2-total")
"""A mark that may be 7 or 1, one that is blank, one that was read well beside the first, a number, and a total."""

PEOPLE = (ADA, BEN, CAM, LEA)
ORDERS = (Order.SHEET, Order.FIELD, Order.SUREST)

Step = tuple[str, str, int, str]
"""What is done, about which field, by whom, and with which value."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("say",) * 6 + ("undo", "undo", "by other means", "read again", "said while looking")),
        st.sampled_from((KEYS[0], KEYS[0], *KEYS)),
        st.integers(0, len(PEOPLE) - 1),
        st.sampled_from(("7", "1", "7", "", "?")),
    ),
    min_size=3,
    max_size=7,
)

Shown = tuple[object, ...]


@pytest.fixture(scope="module", params=[SECOND, SETTINGS], ids=["blind", "open"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield exam_copy(tmp_path_factory.mktemp("property") / "exam", request.param)


@settings(max_examples=6, deadline=None)
@given(steps=STEPS)
def test_a_desk_that_was_patched_shows_what_one_shows_that_looks_anew(made: Path, steps: Sequence[Step]) -> None:
    with TemporaryDirectory() as place, office_of(Path(copytree(made, Path(place) / "exam"))) as office:
        # Asked for at the beginning, they are mended from then on.
        shown(office.desk, office.lines)
        for number, step in enumerate(steps):
            take(office, step, number)
            in_lines(office.desk, office.lines)
            for person in PEOPLE:
                kept = {flag.row.key: flag for flag in Sight(office, person).open_flags()}
                again = replace(office, shown_flags=ShownFlags())
                assert kept == {flag.row.key: flag for flag in Sight(again, person).open_flags()}
        anew = Desk(office.exam, office.desk.opener)
        anew.look()
        assert shown(office.desk, office.lines) == shown(anew, Lines(anew))


def shown(desk: Desk, lines: Lines) -> Shown:
    """What a desk shows, but for what all sheets together say, which it does not say before it looks again."""
    rows = {row.key: row for row in desk.rows() if row.role is not Role.ID}
    trails = {key: tuple(desk.trail_of(key)) for key in KEYS}
    looks = {key for key in desk.second_looks() if key in rows}
    return rows, desk_raw(desk), open_flags(desk, rows), looks, trails, in_lines(desk, lines)


def desk_raw(desk: Desk) -> list[tuple[FieldRow, ...]]:
    return [desk.fields_of_sheet(f"marks#0000{number}") for number in (1, 2, 3)]


def open_flags(desk: Desk, rows: dict[str, FieldRow]) -> dict[str, FlagRow]:
    """The open fields, but for those that were read well and wait since their sheet contradicts itself."""
    flags = desk.open_flags()
    return {key: flags[key] for key, row in rows.items() if row.state is ValueState.UNSETTLED}


def in_lines(desk: Desk, lines: Lines) -> list[list[str]]:
    wanted = {row.key for row in desk.rows() if row.role is not Role.ID and row.state is ValueState.UNSETTLED}
    wanted |= set(desk.second_looks())
    lines.keys((ADA, Order.SHEET, Choice()), 0, bool)
    if lines._sorter is not None:
        lines._sorter.join()
    found = [lines.keys((who, order, Choice()), 99, lambda _: True)[0] for who in PEOPLE for order in ORDERS]
    return [[key for key in keys if key in wanted and key not in KEYS[3]] for keys in found]


def take(office: Office, step: Step, number: int) -> None:
    """Do one step; what is refused changes nothing."""
    what, key, who, value = step
    if what == "say":
        answer(office, step, number)
    elif what == "undo":
        stored = office.store.trail(key)
        try:
            undo(office, PEOPLE[who], key, f"{number:032x}", stored[-1].number if stored else None)
        except Refused:
            return
    elif what == "by other means":
        # As the command line does, which tells the desk of nothing: it looks, since the database changed.
        with open_store(office.exam.dir) as other:
            other.insert_corrections([by_other_means(key, value)])
        office.desk.look()
    elif what == "read again":
        page = page_row("marks", 2)
        marks = ["1", None if value == "?" else value, "3"]
        remember(office.exam.dir, [page], marks_fields(page, "00123457", marks, "11"), again=True)
        office.desk.look()
    else:
        real = Store.ledger

        def slow(self: Store) -> Ledger:
            found = real(self)
            # Everything was read from the store by now, and nothing of this is in it.
            answer(office, step, number)
            return found

        with patch.object(Store, "ledger", slow):
            office.desk.look()


def answer(office: Office, step: Step, number: int) -> None:
    _, key, who, value = step
    row = office.store.field(key)
    assert row is not None
    word = {"": Word.BLANK, "?": Word.UNREADABLE}.get(value, Word.VALUE)
    text = "00123456" if key == KEYS[3] and word is Word.VALUE else value.strip("?")
    try:
        say(office, PEOPLE[who], Said(key, row.revision, word, text, f"{number:032x}", "queue"))
    except Refused:
        return


def by_other_means(key: str, value: str) -> Correction:
    return said("00123456" if key == KEYS[3] and value.isdecimal() else value, "Dee", key=key, how="workbook")
