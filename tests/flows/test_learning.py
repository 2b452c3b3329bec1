"""What an exam knows of its own fields, and how it is cut out of the archive again."""

from pathlib import Path

import pytest

from flows.checking import Answer, By, weigh
from flows.learning import LearningError, cut_fields, known_rows, parts_of_writers, rows_to_cut
from flows.settings import Exam, load_exam
from flows.store import open_store
from recognizer.known_fields import Part, Source, by_part
from recognizer.promise import Thresholds
from recognizer.records import ValueState
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import marks_fields, page_row
from tests.helpers.reading_model import WidthModel
from tests.helpers.taught_exam import Truth, correct_flagged, correction, taught_exam

UNSURE = Thresholds(0.9, 0.9, 0.9)
SHEETS = 9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Exam, Truth]:
    """Nine sheets read by a model that is sure of nothing, every field of which a person then typed."""
    exam, truth = taught_exam(tmp_path_factory.mktemp("made") / "exam", WidthModel(0.5), UNSURE, SHEETS)
    correct_flagged(exam, truth)
    return exam, truth


def test_what_people_said_is_cut_out_of_the_archive_with_its_value(made: tuple[Exam, Truth]) -> None:
    exam, truth = made
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
        cut = cut_fields(exam, store, rows)
    assert cut.problems == []
    assert {one.source for one in rows} == {Source.CORRECTED}
    assert {one.row.field for one in rows} == {"candidate", *(f"q{n}" for n in range(1, 8))}
    assert len(rows) == 8 * SHEETS == len(cut.fields)
    for row, known in zip(rows, cut.fields, strict=True):
        assert known.truth == truth[row.row.page_number, row.row.field]
        assert known.shown.field.name == row.row.field
        assert len(known.shown.crops) == (4 if row.row.field == "candidate" else 1)
        # The crop shows what is written: a blank cell is white inside.
        inside = known.shown.crops[0]
        outline = inside.outline
        middle = inside.pixels[round(outline.y) + 12 : round(outline.bottom) - 12, round(outline.x) + 12 :][:, :110]
        assert (middle.min() < 150) == (known.truth != ""), known.truth


def test_a_candidate_is_one_writer_on_however_many_sheets(made: tuple[Exam, Truth]) -> None:
    exam, truth = made
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
    assert {one.writer for one in rows} == {f"candidate {truth[page, 'candidate']}" for page in range(1, SHEETS + 1)}


def test_writers_are_split_whole_and_every_part_gets_some(made: tuple[Exam, Truth]) -> None:
    exam, _ = made
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
        parts = parts_of_writers(rows, "exam")
        cut = cut_fields(exam, store, rows_to_cut(rows, parts))
    fields = by_part(cut.fields, parts)
    writers = {part: {one.writer for one in some} for part, some in fields.items()}
    assert [len(writers[part]) for part in Part] == [5, 1, 3]
    assert len(set.union(*writers.values())) == SHEETS
    assert sum(map(len, fields.values())) == len(rows)


def test_a_faulty_page_and_a_lost_scan_are_named_and_stop_nothing(made: tuple[Exam, Truth], tmp_path: Path) -> None:
    exam, _ = made
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
        (scan,) = store.scans()
        archived = exam.archive / scan.archived
        whole = archived.read_bytes()
        try:
            archived.write_bytes(whole[:200])
            damaged = cut_fields(exam, store, rows)
            archived.unlink()
            lost = cut_fields(exam, store, rows)
        finally:
            archived.write_bytes(whole)
    assert damaged.fields == lost.fields == []
    assert len(damaged.problems) == len(lost.problems) == 1
    assert damaged.problems[0].startswith("stack.pdf: ")
    assert "cannot be read" in lost.problems[0]


def test_a_page_whose_template_lost_a_field_is_named(made: tuple[Exam, Truth]) -> None:
    exam, _ = made
    path = exam.dir / "templates" / "taught.toml"
    text = path.read_text()
    with open_store(exam.dir) as store:
        rows = known_rows(exam, store)
        try:
            path.write_text(text.replace("count = 7, rows = 7", "count = 6, rows = 6"))
            cut = cut_fields(load_exam(exam.dir), store, rows)
        finally:
            path.write_text(text)
    assert cut.fields == []
    assert len(cut.problems) == SHEETS
    assert "stack.pdf page 1: has no field q7 of taught, page 1, any more" in cut.problems[0]


def test_too_little_is_said_with_what_is_needed(tmp_path: Path) -> None:
    exam, truth = taught_exam(tmp_path / "exam", WidthModel(0.5), UNSURE, 2)
    correct_flagged(exam, truth)
    with open_store(exam.dir) as store, pytest.raises(LearningError, match=r"of 2 writers.*at least 50 fields of 6"):
        parts_of_writers(known_rows(exam, store), "exam")


def test_how_a_value_is_known_is_told_apart(tmp_path: Path) -> None:
    exam, truth = taught_exam(tmp_path / "exam", WidthModel(0.999), Thresholds(0.5, 0.5, 0.5), 1)
    with open_store(exam.dir) as store:
        rows = {row.field: row for row in store.fields() if row.flag is None}
        first, second, third, *_ = (rows[name] for name in rows if name.startswith("q") and rows[name].value)
        store.insert_corrections([correction(first, "3"), correction(second, "4", "sample check, command")])
        with store.grading():
            answer = Answer(third, third.state, third.value)
            by = By("A. Clerk", correction(first, "3").made_at, "sample check, command")

            store.check(lambda fields, checks: weigh([answer], fields, checks, {}, accept_error=0.01, by=by))
        known = {one.row.key: one for one in known_rows(exam, store)}
    assert known[first.key].source is Source.CORRECTED
    assert known[second.key].source is known[third.key].source is Source.CHECKED
    others = [one for key, one in known.items() if key not in {first.key, second.key, third.key}]
    assert all(one.source is Source.ACCEPTED and one.row.state is not ValueState.UNSETTLED for one in others)
    assert truth


def test_what_a_sum_contradicts_is_not_known(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "exam")
    page = page_row("marks", 5, sheet="marks#00005")
    remember(folder, [page], marks_fields(page, "00123456", ["5", "5", "5"], "9"), again=True)
    with open_store(folder) as store:
        known = {one.row.field for one in known_rows(load_exam(folder), store) if one.row.sheet == "marks#00005"}
        read = {row.field for row in store.fields() if row.sheet == "marks#00005" and row.decision.flag is None}
    assert read >= {"q1", "q2", "q3", "total"}
    assert "total" not in known
