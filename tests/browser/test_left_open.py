"""What other browser tests rest on: these sheets leave fields open, also where an office lets the most be wrong."""

from collections import Counter
from pathlib import Path

import pytest

from flows.review.desk import Desk
from flows.review.wall_groups import WORTH_A_WALL
from flows.settings import HIGHEST_ERROR, load_exam
from flows.store import open_store
from recognizer.promise import ACCEPT_ERROR
from recognizer.records import Flag
from recognizer.template import Role, find_template
from tests.browser.left_open import MISADDED, MISADDED_TOTALS, TEMPLATE, UNMARKED, UNMARKED_SERIALS


@pytest.fixture
def desk(folder: Path) -> Desk:
    """Look at the exam as an office does that lets one field in twenty be wrong."""
    settings = folder / "exam.toml"
    lines = settings.read_text(encoding="utf-8")
    generous = lines.replace(f"accept_error = {ACCEPT_ERROR:g}", f"accept_error = {HIGHEST_ERROR:g}")
    assert generous != lines
    settings.write_text(generous, encoding="utf-8")
    desk = Desk(load_exam(folder), lambda: open_store(folder))
    desk.look()
    return desk


def test_what_nobody_marked_is_open_field_by_field(desk: Desk) -> None:
    waits = Counter(flag.row.flag for flag in desk.open_flags().values() if flag.row.file == UNMARKED)
    marks = sum(field.role is Role.MARK for field in find_template(TEMPLATE).pages[0].fields)
    assert waits[Flag.BLANK_MARK] == len(UNMARKED_SERIALS) * marks


def test_totals_that_were_added_wrongly_are_open_and_fill_walls(desk: Desk) -> None:
    open_ = [flag.row for flag in desk.open_flags().values() if flag.row.file == MISADDED]
    totals = Counter(row.decision.guess for row in open_ if row.role is Role.TOTAL and row.flag is Flag.SUM)
    for written in set(MISADDED_TOTALS.values()):
        assert totals[str(written)] >= WORTH_A_WALL
