"""Who wrote which sheet, as an office reads it: on the terminal and on the sheets Candidates and Questions."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from flows.candidate_list import CandidateLine, Group, candidate_lines
from flows.cli import run
from flows.deciding import Decided
from flows.exam_results import ExamResults
from flows.export.candidates_sheet import write_candidates
from flows.export.questions_sheet import write_questions
from flows.export.styles import Style, named_styles
from flows.key import Key
from flows.key_files import load_key
from flows.results import Match, MatchStatus, RankedCandidate
from flows.roster import Candidate
from flows.statistics import question_statistics
from flows.worth import MarkRule
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import (
    answers_template,
    extra_template,
    fields_of_page,
    marks_fields,
    marks_template,
    page_row,
)
from tests.helpers.results import results_of

NAMES = {
    "00000001": "=1+1",
    "00000002": "Zoë 😀 Ünal",
    "00000003": "محمد علي",
    "00000004": "x" * 200,
    "00000005": "Plain Sample",
}
FIVE = tuple(
    RankedCandidate(id, name, probability)
    for (id, name), probability in zip(NAMES.items(), (0.02, 0.03, 0.05, 0.1, 0.8), strict=True)
)[::-1]
SHEETS = {
    "00000001": ["1", "2", "3"],
    "00000002": ["1", "2", "4"],
    "00000003": ["AB", "", "-"],
    None: ["1", None, "3"],
    "99999999": ["5", "5", "5"],
    "": ["0", "0", "0"],
}


def results(key: Key | None = None) -> ExamResults:
    """Six sheets; of the second candidate two; of the fourth and the fifth none. Sheets of nobody have five guesses."""
    written = [*SHEETS.items(), ("00000002", ["9", "9", "9"])]
    pages = [page_row("marks", number) for number in range(1, len(written) + 1)]
    fields = [
        row for page, (id, marks) in zip(pages, written, strict=True) for row in marks_fields(page, id, marks, "")
    ]
    found = results_of(fields, pages, rule=MarkRule("zero"), names=NAMES, key=key)
    matches = tuple(
        match if match.id in NAMES else replace(match, ranked=FIVE) for match in found.decided.matching.matches
    )
    matching = replace(found.decided.matching, matches=matches)
    return replace(found, decided=replace(found.decided, matching=matching))


def lines() -> dict[str, CandidateLine]:
    """Candidates by their number, sheets of nobody by their own."""
    found = candidate_lines(results(), (marks_template(),))
    return {line.id if line.on_roster else line.sheets[0]: line for line in found}


def sheet_rows(path: Path, name: str) -> list[dict[str, Any]]:
    sheet = load_workbook(path)[name]
    headings = [cell.value for cell in sheet[1]]
    return [dict(zip(headings, row, strict=True)) for row in sheet.iter_rows(min_row=2)]


def new_book() -> Workbook:
    book = Workbook(write_only=True)
    for style in named_styles():
        book.add_named_style(style)
    return book


def test_candidates_come_first_and_then_the_sheets_of_nobody() -> None:
    assert [(key, line.group) for key, line in lines().items()] == [
        ("00000001", Group.MATCHED),
        ("00000002", Group.DOUBLED),
        ("00000003", Group.MATCHED),
        ("00000004", Group.MISSING),
        ("00000005", Group.MISSING),
        ("marks#00004", Group.UNSURE),
        ("marks#00005", Group.OFF_ROSTER),
        ("marks#00006", Group.UNSURE),
    ]


def test_every_sheet_stands_with_somebody_or_by_itself() -> None:
    assert sorted(sheet for line in lines().values() for sheet in line.sheets) == [
        f"marks#{n:05d}" for n in range(1, 8)
    ]


def test_who_is_fine_has_a_total_and_nothing_open() -> None:
    line = lines()["00000001"]
    assert (line.total, line.maximum, line.reasons, line.is_open) == (Decimal(6), Decimal(30), (), False)


def test_two_sheets_of_one_candidate_give_no_total_and_both_are_named() -> None:
    line = lines()["00000002"]
    assert not isinstance(line.total, Decimal)
    assert line.sheets == ("marks#00002", "marks#00007")
    assert any("marks#00002, marks#00007" in reason for reason in line.reasons)


def test_who_has_no_sheet_is_told_which_may_be_his() -> None:
    found = lines()
    assert found["00000005"].reasons[0] == "no sheet has come"
    assert found["00000005"].reasons[1].startswith("sheet marks#00004 may be by this candidate (80%)")
    assert (found["00000005"].total, found["00000005"].maximum) == (None, None)


def test_what_is_unsettled_is_said_with_its_reason() -> None:
    line = lines()["marks#00004"]
    assert any(reason.startswith("2 (max 10): ") for reason in line.reasons)
    assert line.reasons[-1] == "2 fields wait for a person, see Flags"
    assert line.ranked == FIVE


def test_extra_paper_is_nobodys_problem() -> None:
    page = page_row("extra")
    fields = fields_of_page(page, extra_template(), {"candidate": "00000001"})
    templates = (marks_template(), extra_template())
    found = results_of(fields, [page], templates, names={"00000001": "Ada"})
    assert [line.group for line in candidate_lines(found, templates)] == [Group.MISSING]


def test_a_paper_of_which_a_candidate_has_no_sheet_is_named_and_keeps_nothing_open(tmp_path: Path) -> None:
    one, other = page_row("marks"), page_row("answers", 2)
    fields = [
        *marks_fields(one, "00000001", ["1", "2", "3"], "6"),
        *fields_of_page(other, answers_template(), {"candidate": "00000002", "grid": "00000002"}),
    ]
    templates = (marks_template(), answers_template())
    found = candidate_lines(results_of(fields, [one, other], templates, names=NAMES), templates)
    assert (found[0].not_come, found[0].reasons, found[0].is_open) == (("answers",), (), False)
    assert found[1].not_come == ("marks",)
    book = new_book()
    write_candidates(book, results_of(fields, [one, other], templates, names=NAMES), templates, "")
    book.save(path := tmp_path / "c.xlsx")
    row = sheet_rows(path, "Candidates")[0]
    assert row["papers that have not come"].value == "answers"
    assert row["what is open or missing, and why"].value is None


def test_without_a_roster_every_sheet_has_its_own_row() -> None:
    page = page_row("marks")
    found = results_of(marks_fields(page, "00000001", ["1", "2", "3"], "6"), [page])
    (line,) = candidate_lines(found, (marks_template(),))
    assert (line.id, line.on_roster, line.group, line.is_open) == ("00000001", False, Group.MATCHED, False)


def test_the_sheet_candidates_shows_it_all(tmp_path: Path) -> None:
    book = new_book()
    write_candidates(book, results(), (marks_template(),), "")
    book.save(path := tmp_path / "c.xlsx")
    rows = sheet_rows(path, "Candidates")
    assert [row["name"].value for row in rows[:5]] == list(NAMES.values())
    assert all(cell.data_type != "f" for row in rows for cell in row.values())
    assert [row["status"].value for row in rows] == [
        "matched", "doubled", "matched", "missing", "missing", "unsure", "not on the roster", "no id",
    ]  # fmt: skip
    assert [row["total"].value for row in rows] == [6, None, "AB", None, None, None, 15, 0]
    assert rows[1]["total"].style == rows[5]["total"].style == Style.UNSETTLED.title
    assert [rows[5][f"guess {n}"].value for n in (1, 5)] == ["00000005 Plain Sample", "00000001 =1+1"]
    assert rows[5]["guess 1\nprobability"].value == 0.8
    assert rows[6]["id"].value == "99999999"
    assert "99999999 is not on the roster" in rows[6]["what is open or missing, and why"].value


def test_groups_and_columns_of_the_roster_are_kept(tmp_path: Path) -> None:
    roster = (Candidate("1", "Ada", 2, "Red", (("status", "=A1"), ("seat", "12"))), Candidate("2", "Bob", 3))
    found = results_of([], [])
    named = tuple(replace(each, candidate=one) for one, each in zip(roster, results().candidates[3:], strict=True))
    book = new_book()
    write_candidates(book, replace(found, decided=Decided(candidates=roster), candidates=named), (), "")
    book.save(path := tmp_path / "c.xlsx")
    ada, bob = sheet_rows(path, "Candidates")
    # A column of the roster that is called as one of ours stays apart from it.
    assert (ada["group"].value, ada["status\n(roster)"].value, ada["status"].value) == ("Red", "=A1", "missing")
    assert ada["status\n(roster)"].data_type != "f"
    assert (bob["group"].value, bob["seat\n(roster)"].value) == (None, None)


def test_the_sheet_questions_counts_options_and_leaves_out_what_is_unsettled(tmp_path: Path) -> None:
    key_file = tmp_path / "key.toml"
    key_file.write_text(
        '[[paper]]\ntemplate = "answers"\n[[paper.question]]\nquestion = "1"\nanswer = "B"\npoints = 2\n'
        '[[paper.question]]\nquestion = "2"\nanswer = "12.5"\n'
    )
    key = load_key(key_file, (answers_template(),))
    pages, fields = [], []
    for number, answer in enumerate(("A", "B", "B", "", None), start=1):
        for half in (1, 2):
            pages.append(page := replace(page_row("answers", number), number=2 * number + half, template_page=half))
            written = {"candidate": f"0000000{number}", "grid": f"0000000{number}", "a1": answer, "n2": "12.5"}
            fields += fields_of_page(page, answers_template(), written)
    found = results_of(fields, pages, (answers_template(),), key=key)
    book = new_book()
    write_questions(book, question_statistics(found.sheets, key), key, "")
    book.save(path := tmp_path / "q.xlsx")
    first, second = sheet_rows(path, "Questions")
    counted = ("question", "maximum", "sheets settled", "attempted", "unsettled")
    assert [first[name].value for name in counted] == ["1", 2, 4, 3, 1]
    assert (first["mean"].value, first["facility"].value) == (1, 0.5)
    assert [first[f"marked\n{option}"].value for option in "ABC"] == [1, 2, 0]
    assert first["marked\nB"].style == Style.WHOLE_GOOD.title
    assert second["marked\nA"].style == Style.ABSENT.title


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["candidates", *arguments]) == 0
    return capsys.readouterr().out


def test_the_command_lists_and_filters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exam = exam_folder(tmp_path / "exam")
    (exam / "roster.csv").write_text("id,name\n00123456,[bold]Ada\n00123458,Bob\n", encoding="utf-8")
    every = told(capsys, str(exam))
    assert "[bold]Ada" in every and every.splitlines()[-1].startswith("1 matched, 1 missing")
    assert "missing" not in told(capsys, str(exam), "--only", "off-roster").splitlines()[1]
    found = json.loads(told(capsys, str(exam), "--json", "--only", "off-roster"))
    assert [(line["id"], line["on_roster"]) for line in found["lines"]] == [("00123457", False)]
    assert found["counts"] == {"matched": 1, "missing": 1, "doubled": 0, "off-roster": 1, "unsure": 1}


def test_a_person_who_said_whose_it_is_settles_the_candidate() -> None:
    found = results()
    said = tuple(
        replace(match, status=MatchStatus.BY_PERSON) if match.id == "00000001" else match
        for match in found.decided.matching.matches
    )
    matching = replace(found.decided.matching, matches=said)
    line = candidate_lines(replace(found, decided=replace(found.decided, matching=matching)), (marks_template(),))[0]
    assert (line.status, line.group) == ("said by a person", Group.MATCHED)


def test_a_status_is_never_forgotten() -> None:
    for status in MatchStatus:
        match = Match("marks#00001", "marks", status, why="look")
        found = results_of([], [])
        matching = replace(found.decided.matching, matches=(match,))
        (line,) = candidate_lines(replace(found, decided=replace(found.decided, matching=matching)), ())
        assert (line.status, line.reasons) == (status.value, ("look",))
