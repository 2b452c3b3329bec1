"""The marks workbook: what stands in its cells, and what never may."""

import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from flows.errors import PlaceError
from flows.export.pages_sheet import SaidOfPages
from flows.export.run_sheet import Section
from flows.export.styles import GREY, ORANGE
from flows.export.table import clean
from flows.export.workbook import Contents, Written, write_workbook
from flows.ledger import ledger_of
from flows.records import (
    Correction,
    FieldRow,
    FileOutcome,
    FileRow,
    PageChoice,
    PageDecision,
    PagePlacement,
    PageRow,
    RunPromise,
    RunRow,
    ScanRow,
)
from flows.results import Absent, Unsettled
from flows.worth import MarkRule
from recognizer.promise import Expectation
from recognizer.records import Decision, HandPlacement, PageOutcomeKind, PageRef, ValueState
from recognizer.template import SheetSet, SheetTemplate
from recognizer.values import format_number
from tests.helpers.exam_rows import (
    OTHER_SCAN,
    SCAN,
    answers_template,
    crop_png,
    extra_template,
    failed_page,
    field_row,
    fields_of_page,
    file_row,
    marks_fields,
    marks_template,
    page_row,
)
from tests.helpers.formulas import computed
from tests.helpers.results import results_of
from tests.helpers.trails import trail

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)

AWKWARD = [
    "=1+1",
    '=HYPERLINK("http://example.com")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\tx",
    "#N/A",
    'O\'Neill "Bob"',
    "Zoë 😀 Ünal",
    "محمد علي",
    "x" * 300,
    "00123",
    "a\x00b\x1fc\ufffe",
    "bytes \udcff",
    "_x0041_.pdf",
    "<b>&amp;</b>",
]


def contents(
    pages: Sequence[PageRow],
    fields: Iterable[FieldRow],
    templates: Sequence[SheetTemplate] | None = None,
    files: Sequence[FileRow] | None = None,
    scan_pages: int | None = None,
    **changes: Any,
) -> Contents:
    came = len(pages) if scan_pages is None else scan_pages
    scans = (ScanRow(SCAN, 1, "a.pdf", came, "a.pdf"),) if came else ()
    usual = Contents(
        sheets=SheetSet("exam", used := tuple(templates or (marks_template(),))),
        rule=(rule := changes.pop("rule", MarkRule())),
        ledger=ledger_of((file_row(),) if files is None else files, scans, tuple(pages)),
        results=results_of(
            tuple(fields), pages, used, rule, names=changes.pop("names", None), key=changes.pop("key", None)
        ),
    )
    return replace(usual, **changes)


def written(path: Path, what: Contents) -> Workbook:
    write_workbook(what, crop_png, path)
    return load_workbook(path)


def rows(sheet: Worksheet, heading_row: int = 1) -> list[dict[str, Any]]:
    """The cells of every row by heading."""
    headings = [cell.value for cell in sheet[heading_row]]
    return [dict(zip(headings, row, strict=True)) for row in sheet.iter_rows(min_row=heading_row + 1)]


def one_sheet(marks: Sequence[str | None], total: str | None = "", candidate: str | None = "00123456") -> Contents:
    page = page_row("marks")
    return contents([page], marks_fields(page, candidate, marks, total))


def corrected(row: FieldRow, value: str) -> FieldRow:
    state = ValueState.VALUE if value else ValueState.BLANK
    return replace(row, correction=Correction(row.key, state, value, "", "7", "digits-1", "A. Clerk", NOON, "workbook"))


def colour(cell: Any) -> str:
    return str(cell.fill.fgColor.rgb)[2:] if cell.fill.fill_type == "solid" else ""


def test_the_sheets_stand_in_order_and_keep_their_headings(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", one_sheet(["1", "2", "3"]))
    assert book.sheetnames == ["Marks", "Candidates", "Flags", "Questions", "Changes", "Pages", "Run"]
    for name, frozen in (("Marks", "B2"), ("Flags", "A2"), ("Pages", "C10")):
        sheet = book[name]
        assert sheet.freeze_panes == frozen
        assert sheet.auto_filter.ref
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows


def test_a_sheet_is_a_row_with_its_marks_and_both_totals(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", one_sheet(["1", "2.5", "-"], "3.5"))
    (row,) = rows(book["Marks"])
    assert (row["id"].value, row["id"].data_type, row["id"].number_format) == ("00123456", "s", "@")
    assert [row[f"{n} (max 10)"].value for n in (1, 2, 3)] == [1, 2.5, "-"]
    assert row["2 (max 10)"].number_format == "General"
    assert row["computed total"].data_type == "f"
    assert computed(book["Marks"], row["computed total"].coordinate) == 3.5
    assert row["stored total"].value == 3.5
    assert row["written total"].value == 3.5
    assert computed(book["Marks"], row["totals"].coordinate) == "agrees"
    assert (row["flags open"].value, row["file"].value, row["page"].value) == (0, "a.pdf", 1)


def test_an_unsettled_mark_is_empty_and_coloured_and_so_is_the_total(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", one_sheet(["1", None, "3"], None, candidate=None))
    (row,) = rows(book["Marks"])
    for heading in ("2 (max 10)", "written total", "id"):
        assert row[heading].value is None
        assert colour(row[heading]) == ORANGE
    assert computed(book["Marks"], row["computed total"].coordinate) == ""
    assert colour(row["computed total"]) == ORANGE
    assert row["stored total"].value is None
    assert computed(book["Marks"], row["totals"].coordinate) == ""
    assert row["flags open"].value == 3


def test_blank_is_told_from_unsettled(tmp_path: Path) -> None:
    (row,) = rows(written(tmp_path / "m.xlsx", one_sheet(["1", "", "3"]))["Marks"])
    assert row["2 (max 10)"].value is None
    assert colour(row["2 (max 10)"]) == GREY
    assert row["flags open"].value == 1


def test_a_wrongly_added_total_says_so(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", one_sheet(["1", "2", "3"], "7"))
    (row,) = rows(book["Marks"])
    assert row["remarks"].value == "the marks add up to 6, the examiner wrote 7"
    assert (row["stored total"].value, row["written total"].value) == (6, None)
    (flag,) = [flag for flag in rows(book["Flags"]) if flag["status"].value == "open"]
    assert (flag["field"].value, flag["guess"].value) == ("total", "7")


mark = st.one_of(
    st.sampled_from([None, "", "-", "AB", "AB", "0.1", "0.7", "3.005"]),
    st.integers(0, 20).map(lambda n: format_number(Decimal(n) / 2)),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(mark, mark, mark), min_size=1, max_size=6),
    st.sampled_from(["9", "", "AB", None]),
    st.builds(
        MarkRule,
        st.sampled_from(["unsettled", "zero"]),
        st.sampled_from(["unsettled", "zero"]),
        st.sampled_from(["no_total", "zero", "unsettled"]),
    ),
)
def test_the_formula_gives_the_stored_total_whatever_the_rule(
    tmp_path: Path, sheets: list[tuple[str | None, ...]], total: str | None, rule: MarkRule
) -> None:
    pages = [page_row("marks", number) for number in range(1, len(sheets) + 1)]
    fields = [
        row for page, marks in zip(pages, sheets, strict=True) for row in marks_fields(page, "00123456", marks, total)
    ]
    what = contents(pages, fields, rule=rule)
    book = written(tmp_path / "m.xlsx", what)
    for row, sheet in zip(rows(book["Marks"]), what.settled, strict=True):
        stored = row["stored total"].value
        assert computed(book["Marks"], row["computed total"].coordinate) == ("" if stored is None else stored)
        assert (stored is None) == isinstance(sheet.total, Unsettled)
        assert (stored == "AB") == isinstance(sheet.total, Absent)
        assert not isinstance(sheet.total, Decimal) or Decimal(str(stored)) == sheet.total


def absent_row(tmp_path: Path, marks: list[str | None], total: str | None) -> tuple[Worksheet, dict[str, Any]]:
    sheet = written(tmp_path / "m.xlsx", one_sheet(marks, total))["Marks"]
    (row,) = rows(sheet)
    return sheet, row


def test_an_absent_candidate_has_ab_for_a_total_and_nobody_has_to_look(tmp_path: Path) -> None:
    sheet, row = absent_row(tmp_path, ["AB", "AB", "AB"], "AB")
    assert computed(sheet, row["computed total"].coordinate) == row["stored total"].value == "AB"
    assert (row["1 (max 10)"].value, row["written total"].value) == ("AB", "AB")
    assert computed(sheet, row["totals"].coordinate) == "agrees"
    assert (row["flags open"].value, row["remarks"].value or "") == (0, "")


def test_a_total_beside_an_absent_mark_differs(tmp_path: Path) -> None:
    sheet, row = absent_row(tmp_path, ["AB", "-", "AB"], "0")
    assert computed(sheet, row["computed total"].coordinate) == "AB"
    assert computed(sheet, row["totals"].coordinate) == "differs"


def test_marks_beside_an_ab_leave_the_total_empty_until_they_are_taken_away(tmp_path: Path) -> None:
    sheet, row = absent_row(tmp_path, ["AB", "4", "-"], "4")
    assert (computed(sheet, row["computed total"].coordinate), row["stored total"].value) == ("", None)
    assert row["flags open"].value == 1
    row["1 (max 10)"].value = 3
    assert computed(sheet, row["computed total"].coordinate) == 7


def test_a_blank_worth_zero_counts_once_somebody_fills_it(tmp_path: Path) -> None:
    page = page_row("marks")
    what = contents([page], marks_fields(page, "00123456", ["1", "", "3"], "4"), rule=MarkRule(blank="zero"))
    sheet = written(tmp_path / "m.xlsx", what)["Marks"]
    (row,) = rows(sheet)
    assert computed(sheet, row["computed total"].coordinate) == 4
    row["2 (max 10)"].value = 5
    assert computed(sheet, row["computed total"].coordinate) == 9


def test_several_templates_stand_side_by_side(tmp_path: Path) -> None:
    marks, answers = page_row("marks", 1), page_row("answers", 2)
    second = page_row("answers", 3, sheet="answers#00002", template_page=2)
    fields = [
        *marks_fields(marks, "00000001", ["1", "2", "3"], "6"),
        *fields_of_page(answers, answers_template(), {"candidate": "00000002", "grid": "00000002"}),
        *fields_of_page(second, answers_template(), {"a1": "B", "n2": "-2.5"}),
    ]
    book = written(
        tmp_path / "m.xlsx", contents([marks, answers, second], fields, (marks_template(), answers_template()))
    )
    first, other = rows(book["Marks"])
    headings = [heading for heading in first if heading]
    assert headings[3:6] == ["marks\n1 (max 10)", "marks\n2 (max 10)", "marks\n3 (max 10)"]
    assert first["answers\n1"].fill.fill_type == other["marks\n1 (max 10)"].fill.fill_type == "lightUp"
    assert (other["answers\n1"].value, other["answers\n2"].value) == ("B", -2.5)
    assert (other["id"].value, other["answers\ngrid"].value) == ("00000002", "00000002")
    assert (other["computed total"].value, other["stored total"].value) == (None, None)
    assert other["page"].value == "2, 3"


def test_extra_paper_stands_below_its_sheet_and_both_name_the_other(tmp_path: Path) -> None:
    pages = [page_row("marks", 1), page_row("marks", 2), page_row("extra", 3)]
    fields = [
        *marks_fields(pages[0], "00000001", ["1", "2", "3"], "6"),
        *marks_fields(pages[1], "00000002", ["1", "2", "3"], "6"),
        *fields_of_page(pages[2], extra_template(), {"candidate": "00000001"}),
    ]
    book = written(tmp_path / "m.xlsx", contents(pages, fields, [marks_template(), extra_template()]))
    ada, paper, bob = rows(book["Marks"])
    assert [row["sheet"].value for row in (ada, paper, bob)] == ["marks#00001", "extra#00003", "marks#00002"]
    assert [row["extra paper"].value for row in (ada, paper, bob)] == ["extra#00003", "belongs to marks#00001", None]
    assert [row["page"].value for row in (ada, paper, bob)] == [1, 3, 2]


def test_an_exam_without_marks_has_no_totals(tmp_path: Path) -> None:
    page = page_row("answers", sheet="answers#00001", template_page=2)
    fields = fields_of_page(page, answers_template(), {"a1": "A", "n2": "3"})
    book = written(tmp_path / "m.xlsx", contents([page], fields, (answers_template(),)))
    (row,) = rows(book["Marks"])
    assert "computed total" not in row
    assert (row["1"].value, row["2"].value) == ("A", 3)


def test_a_correction_is_shown_as_what_a_person_said_and_its_flag_is_settled(tmp_path: Path) -> None:
    page = page_row("marks")
    fields = [
        corrected(row, "2.5") if row.field == "q2" else row
        for row in marks_fields(page, "1" * 8, ["1", None, "3"], "6.5")
    ]
    book = written(tmp_path / "m.xlsx", contents([page], fields))
    (row,) = rows(book["Marks"])
    assert row["2 (max 10)"].value == 2.5
    assert row["2 (max 10)"].font.italic
    assert row["corrected by a person"].value == "2 (max 10): 2.5 by A. Clerk (read as 7)"
    assert computed(book["Marks"], row["computed total"].coordinate) == 6.5
    assert row["flags open"].value == 0
    assert [flag["status"].value for flag in rows(book["Flags"])] == ["corrected"]
    assert book["Flags"].sheet_properties.tabColor is None


def test_what_a_person_settled_stands_muted_below_the_open_flags_with_room_for_another_correction(
    tmp_path: Path,
) -> None:
    page = page_row("marks")
    fields = [
        replace(corrected(row, "1"), revision="r1.1") if row.field == "q1" else row
        for row in marks_fields(page, "1" * 8, [None, None, "3"], "11")
    ]
    what = contents([page], fields)
    assert write_workbook(what, crop_png, tmp_path / "m.xlsx").flags == 1
    still_open, settled = rows(load_workbook(tmp_path / "m.xlsx")["Flags"])
    assert (still_open["field"].value, still_open["status"].value) == ("q2", "open")
    assert (settled["field"].value, settled["status"].value) == ("q1", "corrected")
    assert settled["why"].value.startswith("said 1 by A. Clerk on 2026-01-02")
    assert (settled["key"].value, settled["revision"].value) == ("9f2c41d07ab3-1-q1", "r1.1")
    assert (settled["guess"].value, settled["correction"].value) == ("7", None)
    assert settled["correction"].number_format == "@"
    assert (colour(settled["why"]), colour(still_open["why"])) == (GREY, "")


def test_names_come_from_the_roster_once_the_id_is_settled(tmp_path: Path) -> None:
    pages = [page_row("marks", number) for number in (1, 2, 3)]
    fields = [
        row
        for page, candidate in zip(pages, ["00000001", "00000002", None], strict=True)
        for row in marks_fields(page, candidate, ["1", "2", "3"], "6")
    ]
    book = written(tmp_path / "m.xlsx", contents(pages, fields, names={"00000001": "=cmd|' /C calc'!A0"}))
    named = [row["name"] for row in rows(book["Marks"])]
    assert [cell.value for cell in named] == ["=cmd|' /C calc'!A0", "not on the roster", None]
    assert named[0].data_type == "s"


def test_a_flag_has_its_picture_its_guess_and_room_for_a_correction(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", one_sheet(["1", None, None], ""))
    sheet = book["Flags"]
    first, second = rows(sheet)
    assert (first["sheet"].value, first["file"].value, first["page"].value) == ("marks#00001", "a.pdf", 1)
    assert (first["field"].value, first["question"].value, second["field"].value) == ("q2", "2 (max 10)", "q3")
    assert (first["guess"].value, first["confidence"].value, first["why"].value) == ("7", 0.62, "it may be 7 or 1")
    assert first["confidence"].number_format == "0.0%"
    assert "from 0 to 10" in first["may hold"].value
    assert (first["key"].value, first["revision"].value) == ("9f2c41d07ab3-1-q2", "r1.0")
    assert first["correction"].value is None
    assert first["correction"].number_format == "@"
    assert not sheet.protection.sheet


def test_what_contradicts_itself_is_in_question_and_counts_as_open_but_as_no_flag(tmp_path: Path) -> None:
    pages = [page_row("marks", number) for number in (1, 2, 3)]
    fields = [
        *marks_fields(pages[0], "00000001", ["5", "5", "5"], "9"),
        *marks_fields(pages[1], "00000002", ["1", "2", "3"], "6"),
        *marks_fields(pages[2], "00000003", ["1", "2", "3"], "6"),
    ]
    what = contents(pages, fields, names={"00000001": "Ada", "00000002": "Bob"})
    assert write_workbook(what, crop_png, tmp_path / "m.xlsx") == Written(tmp_path / "m.xlsx", 3, 2, 1)
    book = load_workbook(tmp_path / "m.xlsx")
    first, second, third = rows(book["Marks"])
    assert first["remarks"].value.startswith("the marks add up to 15, ")
    assert (first["stored total"].value, first["written total"].value) == (15, None)
    assert second["remarks"].value in (None, "")
    assert third["remarks"].value.startswith("00000003 is not on the roster")
    total, *questioned = rows(book["Flags"])
    assert (total["field"].value, total["status"].value, total["guess"].value) == ("total", "open", "9")
    assert {(flag["sheet"].value[-1], flag["field"].value) for flag in questioned} >= {
        ("1", "q1"), ("1", "q2"), ("1", "q3"), ("3", "candidate"),
    }  # fmt: skip
    assert {flag["status"].value for flag in questioned} == {"in question"}


def test_every_picture_lies_inside_its_row_and_bears_its_key(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    book = written(path, one_sheet([None, None, "3"], None))
    sheet = book["Flags"]
    pictures = {}
    for picture in sheet._images:
        anchor = picture.anchor
        assert anchor.editAs == "twoCell"
        assert (anchor._from.row, anchor._from.col) == (anchor.to.row, anchor.to.col)
        height_emu = sheet.row_dimensions[anchor.to.row + 1].height / 72 * 914_400
        assert anchor.to.rowOff < height_emu
        pictures[anchor._from.row + 1] = picture
    flags = rows(sheet)
    assert sorted(pictures) == [2, 3, 4]
    for number, flag in enumerate(flags, start=2):
        assert pictures[number]._data() == crop_png(flag["key"].value)
    with zipfile.ZipFile(path) as archive:
        drawing = archive.read("xl/drawings/drawing1.xml").decode()
    assert all(f'name="{flag["key"].value}"' in drawing for flag in flags)


def test_texts_of_digits_are_meant_and_the_file_says_so_where_the_format_wants_it(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    written(path, one_sheet([None, "2", "3"]))
    with zipfile.ZipFile(path) as archive:
        marks, flags = (archive.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (1, 3))
    assert '<ignoredErrors><ignoredError sqref="A1:A3" numberStoredAsText="1"' in marks
    order = ["<sheetData", "<autoFilter", "<conditionalFormatting", "<pageMargins", "<pageSetup", "<headerFooter"]
    places = [flags.index(element) for element in (*order, "<ignoredErrors", "<drawing")]
    assert places == sorted(places)


def test_a_crop_that_is_no_picture_leaves_a_word(tmp_path: Path) -> None:
    write_workbook(one_sheet([None, "2", "3"]), lambda _: b"no png", tmp_path / "m.xlsx")
    (flag,) = rows(load_workbook(tmp_path / "m.xlsx")["Flags"])
    assert flag["picture"].value == "no picture"


def test_what_the_exam_leaves_open_has_a_place_to_be_settled(tmp_path: Path) -> None:
    (flag,) = rows(written(tmp_path / "m.xlsx", one_sheet(["1", "", "3"]))["Flags"])
    assert (flag["field"].value, flag["guess"].value) == ("q2", "blank")
    assert "marks.blank" in flag["why"].value


def test_ids_that_disagree_are_flagged_with_the_reason(tmp_path: Path) -> None:
    page = page_row("answers", sheet="answers#00001")
    fields = fields_of_page(page, answers_template(), {"candidate": "00123456", "grid": "00123457"})
    flags = rows(written(tmp_path / "m.xlsx", contents([page], fields, (answers_template(),)))["Flags"])
    assert [(flag["field"].value, flag["guess"].value) for flag in flags] == [
        ("candidate", "00123456"),
        ("grid", "00123457"),
    ]
    assert all("disagree" in flag["why"].value for flag in flags)


@pytest.mark.parametrize("text", AWKWARD)
def test_text_from_people_and_files_stays_text(tmp_path: Path, text: str) -> None:
    page = page_row("marks", file=text, reason=text)
    field = marks_template().pages[0].fields[2]
    flag = field_row(page, field, None)
    flag = replace(flag, decision=replace(flag.decision, why=text, guess=text))
    mine = Correction(flag.key, ValueState.VALUE, "2", text, text, text, text, NOON, "workbook")
    other = replace(field_row(page, marks_template().pages[0].fields[3], None), correction=mine)
    what = contents(
        [page],
        [flag, other],
        files=(file_row(text, reason=text),),
        names={"1": text},
        trail=trail(mine),
        facts=(Section(text, ((text, text),)),),
    )
    book = written(tmp_path / "m.xlsx", what)
    ours = {"Marks": {"computed total", "totals"}, "Flags": set(), "Run": set()}
    for name, formulas in ours.items():
        for row in rows(book[name]):
            assert {heading for heading, cell in row.items() if cell.data_type in ("f", "e")} <= formulas
    shown, _ = rows(book["Flags"])
    assert (shown["file"].value, shown["file"].data_type) == (clean(text), "s")
    assert (shown["why"].value, shown["guess"].value) == (clean(text), clean(text))
    ledger = book["Pages"]["A10"]
    assert (ledger.value, ledger.data_type) == (clean(text), "s")


def test_ordinary_text_is_kept_as_it_is_and_endless_text_is_cut() -> None:
    assert clean("O'Neill 😀 محمد =1+1") == "O'Neill 😀 محمد =1+1"
    assert clean("a\x00b") == "a\ufffdb"
    assert len(clean("x" * 40_000)) == 32_767


def ledger(came: int | None = None) -> Contents:
    pages = [page_row("marks", 1), page_row("marks", 2)]
    others = [
        failed_page(number, kind, f"because of {kind}")
        for number, kind in enumerate((kind for kind in PageOutcomeKind if kind is not PageOutcomeKind.READ), start=3)
    ]
    files = (
        file_row(),
        file_row("again.pdf", outcome=FileOutcome.DUPLICATE, reason="the same bytes"),
        file_row("notes.pdf", OTHER_SCAN, FileOutcome.QUARANTINED, "is no PDF"),
    )
    return contents([*pages, *others], [], files=files, scan_pages=came)


def test_the_sums_of_the_ledger_close(tmp_path: Path) -> None:
    sheet = written(tmp_path / "m.xlsx", ledger())["Pages"]
    assert [cell.value for cell in sheet[2]][1:9] == [
        "pages in", "read", "blank", "failed", "duplicate", "held", "foreign", "left over",
    ]  # fmt: skip
    stored = [cell.value for cell in sheet[4]][1:9]
    assert stored == [7, 2, 1, 1, 1, 1, 1, 0]
    assert [computed(sheet, f"{letter}3") for letter in "BCDEFGHI"] == stored
    assert [cell.value for cell in sheet[5]][1:6] == ["files in", "read", "duplicate", "quarantined", "left over"]
    stored = [cell.value for cell in sheet[7]][1:6]
    assert stored == [3, 1, 1, 1, 0]
    assert [computed(sheet, f"{letter}6") for letter in "BCDEF"] == stored


def test_a_page_that_was_lost_would_show(tmp_path: Path) -> None:
    sheet = written(tmp_path / "m.xlsx", ledger(8))["Pages"]
    assert (sheet["I4"].value, computed(sheet, "I3")) == (1, 1)


def test_every_page_says_what_became_of_it(tmp_path: Path) -> None:
    sheet = written(tmp_path / "m.xlsx", ledger())["Pages"]
    pages = rows(sheet, heading_row=9)[:7]
    assert [page["outcome"].value for page in pages] == [
        "read", "read", "blank", "failed", "duplicate", "held", "foreign",
    ]  # fmt: skip
    assert pages[3]["reason"].value == "because of failed"
    assert pages[0]["fit error (mm)"].value == 0.123
    headings, *files = [[cell.value for cell in row[:11]] for row in sheet.iter_rows(min_row=19)]
    assert headings[2:] == ["outcome", *(kind.value for kind in PageOutcomeKind), "reason", "left over"]
    assert files == [
        ["a.pdf", 7, "read", 2, 1, 1, 1, 1, 1, None, 0],
        ["again.pdf", 0, "duplicate", 0, 0, 0, 0, 0, 0, "the same bytes", 0],
        ["notes.pdf", 0, "quarantined", 0, 0, 0, 0, 0, 0, "is no PDF", 0],
    ]


def test_what_people_decided_about_pages_stands_below(tmp_path: Path) -> None:
    first = page_row("marks", 1)
    second = page_row("marks", 2, outcome=PageOutcomeKind.DUPLICATE, reason="is kept from a.pdf page 1", serial=1)
    decision = PageDecision(
        1, SCAN, 2, PageChoice.KEEP, SCAN, 1, "marks#00001", 1,
        PageOutcomeKind.HELD, PageOutcomeKind.DUPLICATE, "=Kim", NOON, "command",
    )  # fmt: skip
    corners = ((1.0, 2.5), (90.0, 2.0), (90.0, 95.0), (1.0, 95.0))
    placed = HandPlacement(PageRef(SCAN, 1), "marks", 1, 1, None, corners, 100, 120)
    placement = PagePlacement(placed, (1, 2), PageOutcomeKind.FAILED, "Lee", NOON - timedelta(1), "command")
    said = SaidOfPages((decision,), (placement,))
    sheet = written(tmp_path / "m.xlsx", contents([first, second], [], said=said))["Pages"]
    told = [[cell.value for cell in row[:10]] for row in sheet.iter_rows(min_row=17)]
    assert told[0][0] == "What people decided about pages"
    assert told[2][:4] == ["a.pdf", 1, "placed", "marks#00001"] and told[2][6] == "Lee"
    assert told[2][9] == "was failed; without a serial; corners at (1, 2.5), (90, 2), (90, 95), (1, 95) of 100 x 120"
    assert told[3][:3] == ["a.pdf", 2, "keep"] and told[3][6] == "=Kim"
    assert told[3][9] == "a.pdf page 1 counts, and this page does not"
    assert len(told) == 4


def test_tabs_are_coloured_where_somebody_has_to_look(tmp_path: Path) -> None:
    def coloured(what: Contents) -> list[str]:
        book = written(tmp_path / "m.xlsx", what)
        return [sheet.title for sheet in book if sheet.sheet_properties.tabColor]

    assert coloured(one_sheet(["1", "2", "3"], "6")) == []
    assert coloured(one_sheet(["1", "2", "3"], "9")) == ["Marks", "Candidates", "Flags"]
    assert coloured(one_sheet(["1", None, "3"])) == ["Marks", "Candidates", "Flags"]
    assert coloured(ledger()) == ["Marks", "Pages"]


def test_an_empty_exam_gives_a_workbook_too(tmp_path: Path) -> None:
    book = written(tmp_path / "m.xlsx", contents([], [], files=()))
    assert rows(book["Marks"]) == rows(book["Flags"]) == []
    assert [computed(book["Pages"], f"{letter}3") for letter in "BCDEFGHI"] == [0] * 8
    assert [computed(book["Pages"], f"{letter}6") for letter in "BCDEF"] == [0] * 5


def test_the_run_sheet_tells_facts_runs_and_corrections(tmp_path: Path) -> None:
    run = RunRow(1, "grade", NOON, None, "0.1.0", "digits-1", "pdfium", "{}", 1, 2, 3, 4, 5.67)
    mine = Correction("k", ValueState.BLANK, "", "7", "1", "digits-1", "A. Clerk", NOON, "workbook")
    facts = (Section("Model", (("accuracy", 0.99), ("trained", NOON), ("name", "digits-1"))),)
    book = written(
        tmp_path / "m.xlsx", replace(one_sheet(["1", "2", "3"]), runs=(run,), trail=trail(mine), facts=facts)
    )
    cells = [[cell.value for cell in row if cell.value is not None] for row in book["Run"].iter_rows()]
    assert ["accuracy", 0.99] in cells
    assert ["trained", datetime(2026, 1, 2, 12)] in cells
    assert any(row[:1] == ["1 grade"] and row[-1] == 5.7 and "stopped, or still going on" in row for row in cells)
    assert ["k", "7 → blank", datetime(2026, 1, 2, 12), "A. Clerk", "workbook", "1, digits-1", 1] in cells


def test_the_run_sheet_tells_what_the_runs_promise(tmp_path: Path) -> None:
    old = RunRow(1, "grade", NOON, NOON, "0.1.0", "digits-1", "pdfium", "{}", 1, 2, 3, 4, 5.67)
    promise = RunPromise(1_000, 880, 0.002, True, Expectation(0.31, 0, 2), "", ("number: at most so many",))
    runs = (old, replace(old, number=2, promise=promise))
    book = written(tmp_path / "m.xlsx", replace(one_sheet(["1", "2", "3"]), runs=runs))
    cells = [[cell.value for cell in row] for row in book["Run"].iter_rows()]
    assert len([row for row in cells if row[0] == "1 grade"]) == 1
    (told,) = (row for row in cells if row[0] == "2 grade" and row[2] == 1_000)
    assert told[2:10] == [1_000, 880, 0.12, 2, "yes", 0.31, 0, 2]
    assert "Of the accepted ones 0.31 are expected to be wrong (0 to 2 at 95 %)" in str(told[1])
    assert str(told[1]).endswith("number: at most so many.")


def test_exporting_twice_gives_the_same_cells_and_pictures(tmp_path: Path) -> None:
    what = one_sheet(["1", None, ""], None)
    books = [written(tmp_path / name, what) for name in ("one.xlsx", "two.xlsx")]
    for name in ("Marks", "Flags", "Pages"):
        first, second = ([[(cell.value, cell.style) for cell in row] for row in book[name]] for book in books)
        assert first == second
    with zipfile.ZipFile(tmp_path / "one.xlsx") as one, zipfile.ZipFile(tmp_path / "two.xlsx") as two:
        media = [part for part in one.namelist() if part.startswith("xl/media")]
        assert len(media) == 4
        assert [one.read(part) for part in media] == [two.read(part) for part in media]


def test_it_says_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    assert write_workbook(one_sheet(["1", None, "3"]), crop_png, path) == Written(path, 1, 1, 1)


@pytest.mark.parametrize("lock", [".~lock.m.xlsx#", "~$m.xlsx"])
def test_a_workbook_that_is_open_elsewhere_is_left_alone(tmp_path: Path, lock: str) -> None:
    path = tmp_path / "m.xlsx"
    path.write_bytes(b"what they are looking at")
    (tmp_path / lock).write_text("someone")
    with pytest.raises(PlaceError, match="open in another program"):
        write_workbook(one_sheet(["1", "2", "3"]), crop_png, path)
    assert path.read_bytes() == b"what they are looking at"
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([path.name, lock])


def test_a_failure_in_the_middle_leaves_the_older_workbook_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    path.write_bytes(b"older")
    calls = []

    def crops(key: str) -> bytes:
        calls.append(key)
        if len(calls) > 1:
            raise OSError(28, "No space left on device")
        return crop_png(key)

    with pytest.raises(PlaceError, match="No space left on device"):
        write_workbook(one_sheet([None, "2", "3"]), crops, path)
    assert path.read_bytes() == b"older"
    assert [each.name for each in tmp_path.iterdir()] == ["m.xlsx"]


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlaceError, match="cannot be written"):
        write_workbook(one_sheet(["1", "2", "3"]), crop_png, tmp_path / "nowhere" / "m.xlsx")


def test_a_new_workbook_can_be_read_by_colleagues_and_a_replaced_one_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "m.xlsx"
    write_workbook(one_sheet(["1", "2", "3"]), crop_png, path)
    plain = tmp_path / "plain"
    plain.write_text("")
    assert path.stat().st_mode == plain.stat().st_mode
    path.chmod(0o660)
    write_workbook(one_sheet(["1", "2", "3"]), crop_png, path)
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_guess_of_nothing_is_called_blank(tmp_path: Path) -> None:
    page = page_row("marks")
    row = field_row(page, marks_template().pages[0].fields[2], None)
    unsure = Decision("q1", ValueState.UNSETTLED, "", "", 0.5, row.decision.flag, "it may be blank")
    (flag,) = rows(written(tmp_path / "m.xlsx", contents([page], [replace(row, decision=unsure)]))["Flags"])
    assert flag["guess"].value == "blank"
