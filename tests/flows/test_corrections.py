"""A workbook that comes back: what is taken, what is refused and by which name, and what is no workbook at all."""

import io
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from flows.errors import CorrectionError, WorkbookError
from flows.export.corrections import Checked, check_filled, unread
from flows.export.reading_back import Filled, read_filled, typed_text
from flows.export.workbook import Contents, write_workbook
from flows.ledger import ledger_of
from flows.records import Correction, FieldRow, ScanRow
from flows.reviewer import check_reviewer
from flows.worth import MarkRule
from recognizer.records import ValueState
from recognizer.template import SheetSet
from tests.helpers.exam_rows import SCAN, crop_png, file_row, marks_fields, marks_template, page_row
from tests.helpers.results import results_of

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
PREFIX = "9f2c41d07ab3-1-"


def open_fields() -> list[FieldRow]:
    """One sheet on which everything is open."""
    return marks_fields(page_row("marks"), None, [None, None, None], None)


def workbook(path: Path, fields: list[FieldRow] | None = None) -> Path:
    fields = open_fields() if fields is None else fields
    page = page_row("marks")
    came = ledger_of((file_row(),), (ScanRow(SCAN, 1, "a.pdf", 1, "a.pdf"),), (page,))
    what = Contents(SheetSet("exam", (marks_template(),)), MarkRule(), came, results_of(tuple(fields), came.pages))
    write_workbook(what, crop_png, path)
    return path


def fill(path: Path, typed: Mapping[str, Any], change: Callable[[Any], None] | None = None) -> Path:
    """Type corrections, by field, as a person would; `change` may do more to the sheet."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        book = load_workbook(path)
    sheet = book["Flags"]
    headings = [cell.value for cell in sheet[1]]
    for row in sheet.iter_rows(min_row=2):
        cells = dict(zip(headings, row, strict=True))
        if cells["field"].value in typed:
            cells["correction"].value = typed[cells["field"].value]
    if change:
        change(sheet)
    book.save(path)
    return path


def check(filled: tuple[Filled, ...], fields: list[FieldRow] | None = None) -> Checked:
    return check_filled(filled, open_fields() if fields is None else fields, (marks_template(),), "A. Clerk", NOON)


def values(checked: Checked) -> dict[str, str]:
    return {each.key.removeprefix(PREFIX): each.value for each in checked.taken}


def reasons(checked: Checked) -> dict[str, str]:
    return {each.filled.field: each.reason for each in checked.refused}


def test_nothing_filled_is_nothing(tmp_path: Path) -> None:
    assert read_filled(workbook(tmp_path / "m.xlsx")) == ()


def test_what_people_type_becomes_corrections(tmp_path: Path) -> None:
    path = workbook(tmp_path / "m.xlsx")
    typed = {"candidate": "00123456", "q1": 2.5, "q2": "2½", "q3": " - ", "total": "blank"}
    checked = check(read_filled(fill(path, typed)))
    assert values(checked) == {"candidate": "00123456", "q1": "2.5", "q2": "2.5", "q3": "-", "total": ""}
    blank = checked.taken[-1]
    assert blank == Correction(
        f"{PREFIX}total", ValueState.BLANK, "", "", "7", "digits-1", "A. Clerk", NOON, "workbook"
    )
    assert checked.refused == checked.already == ()


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        (7, "7"),
        (7.0, "7"),
        (0.1 + 0.2 + 2.2, "2.5"),
        ("2,5", "2.5"),
        ("7.50", "7.5"),
        ("\xa07 ", "7"),
        ("abs", "AB"),
        ("BLANK", ""),
    ],
)
def test_one_value_has_many_ways_of_being_typed(tmp_path: Path, typed: object, value: str) -> None:
    path = fill(workbook(tmp_path / "m.xlsx"), {"q1": typed})
    assert values(check(read_filled(path))) == {"q1": value}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        (11, "from 0 to 10"),
        ("2.25", "in steps of 0.5"),
        ("seven", "'seven' is not allowed"),
        (datetime(2026, 2, 1), "made a date"),
        (date(2026, 2, 1), "made a date"),
        (time(2, 5), "made a date"),
        (timedelta(hours=2), "made a date"),
        (True, "TRUE"),
        ("=1+1", "a formula"),
        ("#N/A", "#N/A"),
        (1e300, "first 15 digits"),
        (12345678, "from 0 to 10"),
    ],
)
def test_what_cannot_stand_in_the_field_is_refused_by_name(tmp_path: Path, typed: object, reason: str) -> None:
    checked = check(read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": typed, "q2": "3"})))
    assert values(checked) == {"q2": "3"}
    assert reason in reasons(checked)["q1"]
    assert str(checked.refused[0]).startswith("row 3 (marks#00001, a.pdf page 1, q1): ")


def test_lost_leading_zeros_are_not_made_up(tmp_path: Path) -> None:
    checked = check(read_filled(fill(workbook(tmp_path / "m.xlsx"), {"candidate": 123456})))
    assert "leading zeros" in reasons(checked)["candidate"]


@pytest.mark.parametrize("number", [1234567890123456, 1234567890123456.0, 12345678901234567890, -(10**15)])
def test_a_number_too_long_for_a_spreadsheet_is_never_rounded(number: float) -> None:
    text, trouble = typed_text(number, "n")
    assert text == ""
    assert "format the cell as text" in trouble


def test_the_longest_number_that_a_spreadsheet_keeps_is_taken_digit_by_digit() -> None:
    assert typed_text(999999999999999, "n") == ("999999999999999", "")


def test_sorting_rows_and_moving_columns_changes_nothing(tmp_path: Path) -> None:
    def turn_round(sheet: Any) -> None:
        cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
        turned = [cells[0], *reversed(cells[1:])]
        sheet.delete_rows(1, sheet.max_row)
        sheet.append(["Please fill in by Friday"])
        for row in turned:
            sheet.append(["", *reversed(row)])

    typed = {"candidate": "00123456", "q1": 1, "q2": 2, "q3": 3}
    checked = check(read_filled(fill(workbook(tmp_path / "m.xlsx"), typed, turn_round)))
    assert values(checked) == {"candidate": "00123456", "q1": "1", "q2": "2", "q3": "3"}


def said(key: str, value: str, reviewer: str = "B. Other") -> Correction:
    return Correction(key, ValueState.VALUE, value, "", "7", "digits-1", reviewer, NOON, "workbook")


def with_q1(fields: list[FieldRow], **changes: Any) -> list[FieldRow]:
    return [replace(row, **changes) if row.field == "q1" else row for row in fields]


def test_the_same_workbook_a_second_time_changes_nothing(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}))
    (taken,) = check(filled).taken
    later = with_q1(open_fields(), correction=taken, revision="r1.1")
    assert check(filled, later) == Checked((), filled, ())


def test_a_field_that_was_decided_since_is_refused_with_who_decided(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4, "q2": 5}))
    later = with_q1(open_fields(), correction=said(f"{PREFIX}q1", "8"), revision="r1.1")
    checked = check(filled, later)
    assert values(checked) == {"q2": "5"}
    assert "decided by B. Other (8, 2026-01-02 12:00) after this workbook was written" in reasons(checked)["q1"]


def test_a_field_that_was_read_again_since_is_refused(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}))
    checked = check(filled, with_q1(open_fields(), revision="r2.0"))
    assert checked.taken == ()
    assert "read again after this workbook was written" in reasons(checked)["q1"]


def test_a_reading_of_another_exam_is_refused(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}))
    assert "another exam folder" in reasons(check(filled, []))["q1"]


def test_a_field_that_the_template_lost_is_refused(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}))
    refused = check_filled(filled, open_fields(), (), "A. Clerk", NOON).refused
    assert "no field q1 any more" in refused[0].reason


def copied(field: str, value: object) -> Callable[[Any], None]:
    def change(sheet: Any) -> None:
        for row in list(sheet.iter_rows(min_row=2, values_only=True)):
            if row[3] == field:
                sheet.append([*row[:10], value, *row[11:]])

    return change


def test_two_rows_that_contradict_each_other_are_both_refused(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4, "q2": 5}, copied("q1", 6)))
    checked = check(filled)
    assert values(checked) == {"q2": "5"}
    assert [each.filled.number for each in checked.refused] == [3, 7]
    assert "row 3: 4, row 7: 6" in checked.refused[0].reason


def test_two_rows_that_agree_are_one_correction(tmp_path: Path) -> None:
    checked = check(read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}, copied("q1", 4))))
    assert values(checked) == {"q1": "4"}
    assert len(checked.already) == 1


def test_a_row_without_a_key_is_refused(tmp_path: Path) -> None:
    def lose_keys(sheet: Any) -> None:
        for row in sheet.iter_rows(min_row=2):
            row[12].value = None

    checked = check(read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4, "q2": 5}, lose_keys)))
    assert [each.reason for each in checked.refused] == [
        "its key is missing; export again and fill in the new workbook"
    ] * 2


def test_what_was_never_taken_is_known_and_what_was_once_taken_is_not_asked_for_again(tmp_path: Path) -> None:
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4, "q2": 99}))
    templates = (marks_template(),)
    assert unread(filled, open_fields(), (), templates) == filled
    history = (said(f"{PREFIX}q1", "4"), said(f"{PREFIX}q1", "8"))
    now = with_q1(open_fields(), correction=history[-1], revision="r1.2")
    assert [each.field for each in unread(filled, now, history, templates)] == ["q2"]


def test_a_value_said_before_waits_when_it_is_typed_over_another_one(tmp_path: Path) -> None:
    history = (said(f"{PREFIX}q1", "4"), said(f"{PREFIX}q1", "8"))
    now = with_q1(open_fields(), correction=history[-1], revision="r1.2")
    templates = (marks_template(),)
    filled = read_filled(fill(workbook(tmp_path / "m.xlsx", now), {"q1": 4}))
    assert [each.value for each in check(filled, now).taken] == ["4"]
    assert unread(filled, now, history, templates) == filled
    same = read_filled(fill(workbook(tmp_path / "n.xlsx", now), {"q1": 8}))
    assert unread(same, now, history, templates) == ()


@given(st.text(max_size=60))
def test_any_text_is_taken_or_refused_with_a_reason(text: str) -> None:
    typed, trouble = typed_text(text, "s")
    assert trouble == ""
    filled = Filled(2, f"{PREFIX}q1", "r1.0", typed, "", "marks#00001", "a.pdf", "1", "q1")
    checked = check((filled,) if typed else ())
    assert len(checked.taken) + len(checked.refused) == bool(typed)
    assert all(each.reason.isprintable() for each in checked.refused)


def test_unprintable_cells_do_not_reach_messages(tmp_path: Path) -> None:
    filled = Filled(2, *(["x"] * 3), "", "s", "f", "1", "q")
    assert filled.place == "row 2 (s, f page 1, q)"
    assert typed_text("a\x1b[2Jb\nc", "s") == ("a [2Jb c", "")


# ---- no workbook of ours ----------------------------------------------------------------------------------------


def no_workbooks() -> dict[str, tuple[bytes, str]]:
    whole = io.BytesIO()
    Workbook().save(whole)
    ods = io.BytesIO()
    with zipfile.ZipFile(ods, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", "<x/>")
    broken = io.BytesIO()
    with zipfile.ZipFile(broken, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
        archive.writestr("[Content_Types].xml", "<Types")
    return {
        "empty": (b"", "is no .xlsx workbook"),
        "text": (b"id,name\n1,2\n", "is no .xlsx workbook"),
        "old or encrypted": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "protected by a password"),
        "truncated": (whole.getvalue()[:1500], "cannot be read as a workbook"),
        "no zip": (b"PK\x03\x04" + bytes(100), "cannot be read as a workbook"),
        "OpenDocument": (ods.getvalue(), "OpenDocument"),
        "damaged": (broken.getvalue(), "cannot be read as a workbook"),
        "without Flags": (whole.getvalue(), "has no sheet 'Flags' (it has Sheet)"),
    }


@pytest.mark.parametrize("kind", sorted(no_workbooks()))
def test_what_is_no_workbook_of_ours_says_what_it_is(tmp_path: Path, kind: str) -> None:
    data, reason = no_workbooks()[kind]
    path = tmp_path / "m.xlsx"
    path.write_bytes(data)
    with pytest.raises(WorkbookError) as caught:
        read_filled(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "no.xlsx", tmp_path):
        with pytest.raises(WorkbookError, match="cannot be read"):
            read_filled(path)


@pytest.mark.parametrize("lost", ["correction", "key", "revision"])
def test_a_missing_column_is_asked_for(tmp_path: Path, lost: str) -> None:
    def rename(sheet: Any) -> None:
        for cell in sheet[1]:
            if cell.value == lost:
                cell.value = "notes"

    with pytest.raises(WorkbookError, match="lacks its headings"):
        read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}, rename))


def test_a_doubled_column_is_refused(tmp_path: Path) -> None:
    def double(sheet: Any) -> None:
        sheet["A1"].value = "Correction "

    with pytest.raises(WorkbookError, match="2 columns named 'correction'"):
        read_filled(fill(workbook(tmp_path / "m.xlsx"), {"q1": 4}, double))


def with_part(path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    with zipfile.ZipFile(path) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    parts[name] = change(parts[name])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return path


FLAGS_XML = "xl/worksheets/sheet2.xml"


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    path = with_part(workbook(tmp_path / "m.xlsx"), FLAGS_XML, lambda data: data + b" " * (60 * 1024**2))
    with pytest.raises(WorkbookError, match="unpacks to"):
        read_filled(path)


def test_a_size_that_lies_is_found_out(tmp_path: Path) -> None:
    """The directory of the archive says that a part is small; unpacking stops there or fails, and never runs away."""
    path = workbook(tmp_path / "m.xlsx")
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo(FLAGS_XML).file_size
    data = path.read_bytes()
    at = data.rindex(FLAGS_XML.encode()) - 46 + 24
    assert struct.unpack_from("<I", data, at)[0] == size
    path.write_bytes(data[:at] + struct.pack("<I", 10) + data[at + 4 :])
    with pytest.raises(WorkbookError, match="cannot be read as a workbook"):
        read_filled(path)


def test_damaged_compression_is_found_out(tmp_path: Path) -> None:
    path = workbook(tmp_path / "m.xlsx")
    with zipfile.ZipFile(path) as archive:
        part = archive.getinfo(FLAGS_XML)
    data = bytearray(path.read_bytes())
    start = part.header_offset + 30 + len(FLAGS_XML)
    data[start : start + part.compress_size] = b"\xff" * part.compress_size
    path.write_bytes(data)
    with pytest.raises(WorkbookError, match="cannot be read as a workbook") as caught:
        read_filled(path)
    assert isinstance(caught.value.__cause__, zlib.error | zipfile.BadZipFile)


def test_entities_are_not_expanded(tmp_path: Path) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    path = with_part(workbook(tmp_path / "m.xlsx"), FLAGS_XML, lambda data: bomb + data)
    with pytest.raises(WorkbookError, match="cannot be read as a workbook") as caught:
        read_filled(path)
    assert "EntitiesForbidden" in repr(caught.value.__cause__.__cause__)


def test_a_row_number_beyond_every_worksheet_ends_the_reading(tmp_path: Path) -> None:
    path = fill(workbook(tmp_path / "m.xlsx"), {"candidate": "00123456"})
    far = with_part(path, FLAGS_XML, lambda data: data.replace(b'<row r="3"', b'<row r="99999999999"'))
    assert [each.field for each in read_filled(far)] == ["candidate"]


# ---- who -------------------------------------------------------------------------------------------------------


def test_a_reviewer_has_a_name() -> None:
    assert check_reviewer("  Zoë   Ünal ") == "Zoë Ünal"


@pytest.mark.parametrize("name", ["", "  ", "x" * 81, "a\x1b[2Jb", "a\x00b"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(CorrectionError, match="cannot be kept as a name"):
        check_reviewer(name)
