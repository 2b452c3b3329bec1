"""Rosters in workbooks: what a spreadsheet keeps of a number, and everything in one that is no table."""

import zipfile
from pathlib import Path

import pytest
from openpyxl import Workbook

from flows.errors import ExamError
from flows.roster import Candidate, load_roster, parse_roster
from flows.settings import ROSTER_FILE, ROSTER_WORKBOOK, load_exam


def workbook(*rows: tuple[object, ...]) -> Workbook:
    """A workbook with these rows under the headings, not yet saved."""
    book = Workbook()
    assert book.active is not None
    for row in (("id", "name"), *rows):
        book.active.append(row)
    return book


def saved(path: Path, book: Workbook) -> Path:
    book.save(path)
    return path


def faults(path: Path, check: str = "") -> list[str]:
    with pytest.raises(ExamError) as caught:
        load_roster(path, check)
    return str(caught.value).replace(f"{path}", "roster.xlsx").splitlines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "roster.xlsx"


def test_a_row_is_a_candidate_with_whatever_else_it_says(path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["Group", "Name", "ID", "Room", "Seat"])
    sheet.append(["4A", '=Ada "L" Sample', "00123456", "R 1", 7])
    sheet.append(["4A", "عينة 🎓", 42, None, 1.5])
    sheet["C3"].number_format = "00000000"
    sheet["B2"].data_type = "s"
    assert load_roster(saved(path, book)) == (
        Candidate("00123456", '=Ada "L" Sample', 2, "4A", (("Room", "R 1"), ("Seat", "7"))),
        Candidate("00000042", "عينة 🎓", 3, "4A", (("Room", ""), ("Seat", "1.5"))),
    )


def test_a_csv_roster_keeps_its_other_columns_too() -> None:
    assert parse_roster("id,name,group,room\n01,Ada,4A,R 1\n") == (Candidate("01", "Ada", 2, "4A", (("room", "R 1"),)),)


def test_all_faulty_cells_are_named_at_once(path: Path) -> None:
    book = workbook(
        (12345678, "A number"),
        ("=1+1", "A formula"),
        (1.5, "A half"),
        ("0001", "x" * 300),
        ("0001", "Twice"),
        (None, "Without"),
        (True, "A truth"),
        ("0002", "=A2"),
        ("0003", "Fine"),
        (10**17, "Too long"),
    )
    assert faults(saved(path, book)) == [
        "roster.xlsx:A2: the id holds the number 12345678, whose leading zeros are lost, if it had any; format the "
        "column as text and type the id again",
        "roster.xlsx:A3: holds a formula (=1+1); put the value itself there",
        "roster.xlsx:A4: the id holds the number 1.5, whose leading zeros are lost, if it had any; format the column "
        "as text and type the id again",
        "roster.xlsx:B5: the name of 0001 is longer than 200 characters",
        "roster.xlsx:A6: the id 0001 stands on line 5 already",
        "roster.xlsx:A7: the candidate Without has no id",
        "roster.xlsx:A8: the id holds the truth value TRUE; format the column as text and type the id again",
        "roster.xlsx:B9: holds a formula (=A2); put the value itself there",
        "roster.xlsx:A11: the id holds a number of which the spreadsheet has kept 15 digits only; format the column as "
        "text and type the id again",
    ]


def test_merged_cells_are_named(path: Path) -> None:
    book = workbook(("01", "Ada"), ("02", "Grace"))
    assert book.active is not None
    book.active.merge_cells("B2:B3")
    assert faults(saved(path, book))[0].startswith("roster.xlsx:B2:B3: these cells are merged")


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_hidden_sheets_and_several_are_refused_and_empty_ones_are_not(path: Path, state: str) -> None:
    book = workbook(("01", "Ada"))
    other = book.create_sheet("Other")
    assert [each.id for each in load_roster(saved(path, book))] == ["01"]
    other.append(["something"])
    assert faults(saved(path, book)) == [
        "roster.xlsx: 2 sheets hold something ('Sheet', 'Other'); keep the one with the roster only"
    ]
    other.sheet_state = state
    assert faults(saved(path, book)) == ["roster.xlsx: the sheet 'Other' is hidden; show it or delete it"]


def test_numbers_that_are_none_are_refused(path: Path) -> None:
    book = saved(path, workbook(("01", "Ada"), (77, "Grace")))
    with zipfile.ZipFile(book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for written in (b"NaN", b"inf", b"1e999"):
        with zipfile.ZipFile(book, "w") as archive:
            for name, data in parts.items():
                archive.writestr(name, data.replace(b"<v>77</v>", b"<v>" + written + b"</v>"))
        (said,) = faults(book)
        assert said.startswith("roster.xlsx:A3: ")
        assert "no number" in said or "digits only" in said


def test_files_that_are_no_workbooks_and_bombs_are_refused(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"id,name\n1,Ada\n")
    assert "is no .xlsx workbook" in faults(path)[0]
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 100)
    assert "old .xls format" in faults(path)[0]
    path.write_bytes(b"PK" + b"\0" * 100)
    assert "cannot be read as a workbook" in faults(path)[0]
    good = saved(path, workbook(("01", "Ada")))
    with zipfile.ZipFile(good, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/bomb", b"\0" * 70_000_000)
    assert "unpacks to 70 MB" in faults(path)[0]
    named = tmp_path / "roster.csv"
    named.write_bytes(path.read_bytes())
    with pytest.raises(ExamError, match="is a workbook, not CSV"):
        load_roster(named)


def test_a_row_far_below_is_not_waited_for(path: Path) -> None:
    good = saved(path, workbook(("01", "Ada")))
    with zipfile.ZipFile(good) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(good, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data.replace(b'r="2"', b'r="999999999"').replace(b'"A2"', b'"A999999999"'))
    assert load_roster(path) == () or "rows" in faults(path)[0]


@pytest.mark.parametrize(
    ("scheme", "right", "wrong"),
    [
        ("luhn", "79927398713", "79927398710"),
        ("verhoeff", "2363", "2364"),
        ("damm", "5724", "5727"),
        ("mod11_2", "07940", "07941"),
        ("mod97_10", "79444", "79445"),
    ],
)
def test_ids_have_to_pass_their_check(scheme: str, right: str, wrong: str) -> None:
    assert parse_roster(f"id,name\n{right},Ada\n", check=scheme)[0].id == right
    with pytest.raises(ExamError, match=f"roster.csv:3: the id {wrong} fails its check character"):
        parse_roster(f"id,name\n{right},Ada\n{wrong},Grace\n", check=scheme)


def test_control_characters_are_named() -> None:
    with pytest.raises(ExamError, match=r"roster.csv:2: the name of 1 holds the control character U\+0007"):
        parse_roster("id,name\n1,Ada\a\n")


def test_an_exam_folder_has_one_roster(tmp_path: Path) -> None:
    (tmp_path / "exam.toml").write_text('templates = ["cover_marks"]\n', encoding="utf-8")
    exam = load_exam(tmp_path)
    assert exam.roster.name == ROSTER_FILE
    saved(tmp_path / ROSTER_WORKBOOK, workbook(("01", "Ada")))
    assert exam.roster.name == ROSTER_WORKBOOK
    (tmp_path / ROSTER_FILE).write_text("id,name\n", encoding="utf-8")
    with pytest.raises(ExamError, match="nobody can say which one counts"):
        print(exam.roster)
