"""`tallymark audit`: the history of a cell, the proof of the chain, the figures of pairs."""

import csv
import io
import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import flows.audit
from flows.audit import Known, NoSuchCellError, Picture, changes_of, entries, histories, named_keys
from flows.cli import run
from flows.commands.audit import audit
from flows.commands.audit_print import SHOWN_ROWS
from flows.errors import EXIT_BROKEN_CHAIN
from flows.records import Act, Correction
from flows.results import MarkChange, Remark, Settler
from flows.settings import Exam
from flows.trail import FIRST_PREVIOUS
from recognizer.records import Flag
from recognizer.template import Kind, SheetTemplate, load_template, shipped_templates
from tests.flows.test_deciding import ADA, decided, sheet, unsure
from tests.flows.test_final import grade
from tests.flows.test_left_open import key_of, say
from tests.helpers.exam_rows import answers_template, field_row, marks_fields, marks_template, page_row
from tests.helpers.fakes import exam_folder, fake_scan
from tests.helpers.fakes import sheet as fake_sheet
from tests.helpers.trails import KEY, NOON, said, trail

FIELDS = (
    *marks_fields(page_row("marks", 1), "00123456", ["1", "2", "3"], "6"),
    *marks_fields(page_row("marks", 2), "00123457", ["1", "2", "3"], "6"),
    *(field_row(page_row("answers", 3), field, "1") for field in answers_template().pages[0].fields),
)
TEMPLATES = (marks_template(), answers_template())


def cover_template() -> SheetTemplate:
    """The shipped cover sheet."""
    return load_template(shipped_templates()["cover_marks"])


COVER = tuple(
    field_row(replace(page_row("marks", 1), sheet="cover_marks#00001", template="cover_marks"), field, "1")
    for field in cover_template().pages[0].fields
    if field.kind is not Kind.IMAGE
)


def fields_named(name: str, said_of: Sequence[str] = ()) -> list[str]:
    """What a name means, as sheet and field."""
    by_key = {row.key: f"{row.sheet} {row.field}" for row in FIELDS}
    return [by_key.get(key, key) for key in named_keys(name, FIELDS, TEMPLATES, said_of)]


@pytest.mark.parametrize("name", ["q2", "2", "2 (max 10)", " 2  (MAX 10)", "marks\n2 (max 10)"])
def test_a_field_is_named_as_the_sheet_marks_shows_it(name: str) -> None:
    assert fields_named(f"marks#00002:{name}") == ["marks#00002 q2"]


def test_a_field_is_named_as_remarks_name_its_question() -> None:
    assert fields_named("marks#00002:Q2") == ["marks#00002 q2"]
    (key,) = named_keys("cover_marks#00001:Q10", COVER, [cover_template()], ())
    assert key.endswith("-mark_10")


def test_a_field_called_as_another_question_is_named_in_remarks_is_meant_alone() -> None:
    """Its fields are called q1, q2 and q3; here q1 is question 2, and q2 is question 1."""
    page = marks_template().pages[0]
    swapped = {"q1": "2", "q2": "1"}
    fields = tuple(one.model_copy(update={"question": swapped.get(one.name, one.question)}) for one in page.fields)
    template = marks_template().model_copy(update={"pages": (page.model_copy(update={"fields": fields}),)})
    (key,) = named_keys("marks#00001:q1", FIELDS, [template], ())
    assert key.endswith("-q1")


def test_what_is_named_as_an_example_is_a_field_of_the_shipped_sheet() -> None:
    """In the README, in docs/, on the help page and in what is said of a name that is none."""
    root = Path(flows.audit.__file__).parent.parent
    with pytest.raises(NoSuchCellError) as refused:
        fields_named("nothing")
    told = [str(refused.value), audit.help or ""]
    told += [(root / name).read_text(encoding="utf-8") for name in ("README.md", "docs/trail.md")]
    for text in told:
        examples = set(re.findall(r"cover_marks#00017:(\w+)", text.replace(":computed total", "")))
        assert examples
        for name in examples:
            assert named_keys(f"cover_marks#00001:{name}", COVER, [cover_template()], ()), name


def test_a_key_a_sheet_and_columns_of_several_fields_are_named_too() -> None:
    assert fields_named(FIELDS[1].key) == ["marks#00001 q1"]
    assert fields_named("gone-1-q1", ["gone-1-q1"]) == ["gone-1-q1"]
    assert fields_named("marks#00001:id") == ["marks#00001 candidate"]
    assert fields_named("answers#00003:id") == ["answers#00003 candidate", "answers#00003 grid"]
    assert fields_named("marks#00001:Computed total") == [f"marks#00001 q{n}" for n in (1, 2, 3)]
    assert fields_named("marks#00001:written total") == ["marks#00001 total"]
    assert len(fields_named("marks#00001")) == 5


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("marks#00009:q1", "no field and no sheet 'marks#00009:q1'"),
        ("marks#00001:q9", "sheet marks#00001 has no field 'q9'; it has candidate, q1, q2, q3, total"),
        ("answers#00003:written total", "it has candidate, grid"),
        ("marks#00001:", "has no field ''"),
        ("'; DROP TABLE corrections; --", "no field and no sheet"),
        ("", "no field and no sheet"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(name: str, reason: str) -> None:
    with pytest.raises(NoSuchCellError, match=reason.replace("(", r"\(")):
        fields_named(name)


def test_a_row_knows_its_picture_and_who_took_it_back() -> None:
    with_crop = replace(said("8"), crop="aa")
    rows = trail(with_crop, said("9"), said("8", act=Act.UNDO, undoes=2))
    assert [(entry.picture, entry.undone_by) for entry in entries(rows, {KEY: "aa"})] == [
        (Picture.SAME, None),
        (Picture.UNKNOWN, 3),
        (Picture.UNKNOWN, None),
    ]
    assert entries(rows, {KEY: "bb"})[0].picture is Picture.OTHER
    assert entries(rows, {})[0].picture is Picture.GONE


def test_the_history_tells_what_a_sum_made_of_a_field_though_a_person_has_spoken() -> None:
    page, rows = sheet(1, ADA.id, ["1", "7", "3"], "11")
    rows["q2"] = unsure(rows["q2"], v1=0.58, v7=0.41)
    key, plain = rows["q2"].key, list(rows.values())
    spoken = [replace(row, correction=said("8", key=key)) if row.key == key else row for row in plain]
    without = decided([page], plain).fields
    known = Known(spoken, decided([page], spoken).fields, without, trail(said("8", key=key)), (), {})
    q2, q1 = histories([key, rows["q1"].key], TEMPLATES, known)
    assert q2.now is not None and q2.alone is not None and q2.together is not None
    assert (q2.heading, q2.now.value, q2.alone.flag) == ("2 (max 10)", "8", Flag.UNSURE)
    assert (q2.together.settled_by, q2.together.value) == (Settler.SUM, "7")
    assert (q1.together, q1.entries) == (None, ())
    assert [entry.row.correction.value for entry in q2.entries] == ["8"]


def test_what_re_marks_changed_of_a_cell_is_told_with_it() -> None:
    told = [
        MarkChange("marks#00001", "1", what, "1", "2")
        for what in ("candidate", "question 2", "question 3", "total", "section A")
    ]
    remark = Remark(1, NOON, "Kim", "", (*told, MarkChange("marks#00002", "2", "question 2", "1", "2")))

    def changed(name: str) -> list[str]:
        keys = named_keys(name, FIELDS, TEMPLATES, ())
        return [f"{one.sheet} {one.what}" for _, one in changes_of(name, keys, FIELDS, TEMPLATES, [remark])]

    assert changed("marks#00001:q2") == ["marks#00001 question 2"]
    assert changed("marks#00001:id") == ["marks#00001 candidate"]
    assert changed("marks#00001:computed total") == changed("marks#00001") == [f"marks#00001 {c.what}" for c in told]
    assert changed(FIELDS[2].key) == ["marks#00001 question 2"]


# ---- the command ------------------------------------------------------------------------------------------------

SHEET = fake_sheet(1, values={"candidate": "0042", "q1": "7", "q2": "2"})


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    folder = exam_folder(tmp_path / "exam")
    grade(folder, a=fake_scan(SHEET, fake_sheet(1, 2, values={"sum": "9"})))
    return folder


def printed(capsys: pytest.CaptureFixture[str], exam: Exam, *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(["audit", str(exam.dir), *words]) == code
    out = capsys.readouterr()
    return out.out if code in (0, EXIT_BROKEN_CHAIN) else out.err


def as_json(capsys: pytest.CaptureFixture[str], exam: Exam, *words: str, code: int = 0) -> Any:
    return json.loads(printed(capsys, exam, *words, "--json", code=code))


def test_the_history_of_a_cell_tells_what_the_machine_and_people_said(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", "Ada", key=q1))
    say(exam, said("8", "Ada", Act.UNDO, q1, undoes=2))
    told = as_json(capsys, exam, "--field", "small#00001:q1")
    (cell,) = told["cells"]
    assert told["remarks"] == []
    assert (cell["now"]["value"], cell["now"]["settled_by"], cell["machine"]["value"]) == ("8", "person", "7")
    assert cell["machine"]["model"] == "fake-1"
    rows = [(row["row"], row["who"], row["act"], row["to"], row["undone_by"]) for row in cell["people"]]
    assert rows == [(1, "Kim", "say", "8", None), (2, "Ada", "say", "9", 3), (3, "Ada", "undo", "8", None)]
    assert {row["picture"] for row in cell["people"]} == {"same"}
    shown = printed(capsys, exam, "--field", "small#00001:1 (max 10)")
    assert "8, said by Kim" in shown
    assert "7 accepted" in shown
    assert "taken back by row 3" in shown
    assert "nobody said anything" in printed(capsys, exam, "--field", "small#00001:q2")


def test_a_page_read_again_with_another_picture_is_told_and_is_no_error(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", key="gone-1-q1"))
    by_hand = sqlite3.connect(exam.dir / "tallymark.db")
    with by_hand:
        by_hand.execute("UPDATE readings SET crop = x'00' WHERE key = ?", (q1,))
    by_hand.close()
    told = as_json(capsys, exam, "--verify")
    assert (told["whole"], told["rows"], told["pictures"]) == (
        *(True, 2),
        {"same": 0, "another since": 1, "gone": 0, "not known": 1},
    )
    assert "1 rows were about another picture" in printed(capsys, exam, "--verify").replace("row was", "rows were")
    (cell,) = as_json(capsys, exam, "--field", "gone-1-q1")["cells"]
    assert (cell["now"], cell["people"][0]["to"]) == (None, "9")
    assert "no page that counts has this field now" in printed(capsys, exam, "--field", "gone-1-q1")


def test_the_proof_tells_length_and_head_and_since_when_it_grew(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    empty = as_json(capsys, exam, "--verify")
    assert (empty["whole"], empty["rows"], empty["head"]) == (True, 0, FIRST_PREVIOUS)
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", key=q1))
    head = as_json(capsys, exam, "--verify")["head"]
    say(exam, said("7", key=q1))
    assert as_json(capsys, exam, "--head", head[:12].upper())["noted_at"] == 2
    assert "that of row 2; 1 came since" in printed(capsys, exam, "--head", head)
    assert "an empty trail; 3 came since" in printed(capsys, exam, "--head", FIRST_PREVIOUS)
    told = as_json(capsys, exam, "--head", "f" * 64, code=EXIT_BROKEN_CHAIN)
    assert (told["whole"], told["noted_at"]) == (False, None)


def test_the_proof_needs_no_tallymark(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    """The few lines in docs/trail.md say the same as the command, and find the same."""
    text = (Path(__file__).parents[2] / "docs" / "trail.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    database = exam.dir / "tallymark.db"

    def by_anybody() -> str:
        done = subprocess.run([sys.executable, "-c", code, database], capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip()

    q1 = key_of(exam, "q1")
    say(exam, said("8 ½ “x”", "Zoë", key=q1), said("?", "Ada", key=q1))
    say(exam, said("8", "Ada", Act.UNDO, q1, undoes=2))
    head = as_json(capsys, exam, "--verify")["head"]
    assert by_anybody() == f"whole: 3 rows, hash of the last row {head}"
    by_hand = sqlite3.connect(database)
    with by_hand:
        by_hand.execute("DROP TRIGGER corrections_are_never_changed")
        by_hand.execute("UPDATE corrections SET value = '9' WHERE number = 2")
    by_hand.close()
    assert by_anybody() == "broken at row 2"


def test_a_broken_chain_has_an_exit_code_of_its_own(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    say(exam, *(said("8", key=f"k{n}") for n in range(30)))
    by_hand = sqlite3.connect(exam.dir / "tallymark.db")
    with by_hand:
        named = "SELECT sql FROM sqlite_master WHERE name = 'corrections_are_never_changed'"
        (sql,) = by_hand.execute(named).fetchone()
        by_hand.execute("DROP TRIGGER corrections_are_never_changed")
        by_hand.execute("UPDATE corrections SET reviewer = 'Ada'")
        by_hand.execute(sql)
    by_hand.close()
    shown = printed(capsys, exam, "--verify", code=EXIT_BROKEN_CHAIN)
    assert "BROKEN: 30 rows" in shown
    assert "row 1 is not as it was stored" in shown
    assert "and 10 more" in shown
    assert len(as_json(capsys, exam, "--verify", code=EXIT_BROKEN_CHAIN)["findings"]) == 30


def test_the_whole_trail_is_listed(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[Correction] = [said("8", "=1+1 [b]", key=f"k{n}") for n in range(SHOWN_ROWS + 1)]
    say(exam, *rows)
    shown = printed(capsys, exam)
    assert "=1+1 [b]" in shown
    assert f"the last {SHOWN_ROWS} of {SHOWN_ROWS + 1} rows" in shown
    listed = as_json(capsys, exam)
    lines = list(csv.DictReader(io.StringIO(printed(capsys, exam, "--csv"))))
    assert [row["key"] for row in listed["trail"]] == [row["key"] for row in lines] == [row.key for row in rows]
    assert listed["head"] == lines[-1]["hash"]


def test_pairs_are_told_or_that_there_are_none(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No field was answered by two people" in printed(capsys, exam, "--pairs")
    q1 = key_of(exam, "q1")
    say(exam, said("8", key=q1), said("9", "Ada", Act.SECOND, q1))
    (pair,) = as_json(capsys, exam, "--pairs")
    assert (pair["first"], pair["second"], pair["answered"], pair["disagreed"], pair["waiting"]) == (
        "Kim",
        "Ada",
        1,
        1,
        1,
    )
    (line,) = csv.DictReader(io.StringIO(printed(capsys, exam, "--pairs", "--csv")))
    assert line == {name: str(value) for name, value in pair.items()}
    assert "Kim" in printed(capsys, exam, "--pairs")
    say(exam, said("8", "Lea", Act.UNDO, q1, undoes=2))
    (pair,) = as_json(capsys, exam, "--pairs")
    assert (pair["disagreed"], pair["taken_back"], pair["waiting"]) == (1, 1, 0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--field", "nothing:q1"], "no field and no sheet"),
        (["--field", "x", "--verify"], "one at a time"),
        (["--pairs", "--head", "0" * 64], "one at a time"),
        (["--json", "--csv"], "exclude each other"),
        (["--verify", "--csv"], "no CSV"),
        (["--head", "abc"], "is no hash of a row"),
        (["--head", "g" * 64], "is no hash of a row"),
        (["--head", "0" * 65], "is no hash of a row"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    exam: Exam, capsys: pytest.CaptureFixture[str], words: list[str], reason: str
) -> None:
    assert reason in " ".join(printed(capsys, exam, *words, code=2).split())
