"""A key workbook says what a key.toml says, and every problem has its cell."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from openpyxl import Workbook

from flows.errors import ExamError, WorkbookError
from flows.key_files import load_key, parse_key
from recognizer.template import find_template

CHOICE, COVER = find_template("choice_answers"), find_template("cover_marks")
BOTH = (CHOICE, COVER)


def workbook(path: Path, sheets: Mapping[str, Sequence[Sequence[object]]]) -> Path:
    book = Workbook()
    book.remove(book.active)  # type: ignore[arg-type]
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    target = path / "key.xlsx"
    book.save(target)
    return target


QUESTIONS = [
    ["paper", "question", "answer", "points", "wrong", "void"],
    ["choice_answers", 1, "A | B = 0.5", 2, -0.25, None],
    ["choice_answers", 2, "C", None, "-1/3", None],
    ["choice_answers", 3, "D", None, None, "left_out"],
    ["cover_marks", "1", None, None, None, "nobody"],
]


def test_a_workbook_says_what_a_key_toml_says(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        {
            "Exam": [["blank", "missing"], ["forgotten", "zero"]],
            "Papers": [
                ["paper", "scale_to", "minimum_zero", "overall weight"],
                ["choice_answers", 100, True, 40],
                ["cover_marks", None, None, 60],
            ],
            "Questions": QUESTIONS,
            "Sections": [["paper", "name", "questions", "best"], ["cover_marks", "A", "1-6", 4]],
            "Versions": [["paper", "name", "options"], ["choice_answers", "B", "1: B A C D E"]],
            "Grades": [["paper", "grade", "from"], ["choice_answers", "P", "50%"], ["choice_answers", "F", 0]],
            "Rounding": [["paper", "stage", "step", "mode"], ["choice_answers", "total", 0.5, "half_even"]],
            "Notes": [],
        },
    )
    book = path.read_bytes()
    with pytest.raises(ExamError, match=r"sheet Grades, cell C3: from: some grades begin at points"):
        load_key(path, BOTH)
    path.write_bytes(book)
    from openpyxl import load_workbook

    loaded = load_workbook(path)
    loaded["Grades"]["C3"] = 0
    loaded["Grades"]["C3"].number_format = "0%"
    loaded["Grades"]["C2"] = 0.5
    loaded["Grades"]["C2"].number_format = "0%"
    loaded.save(path)
    text = """
blank = "forgotten"
[overall]
weights = { choice_answers = 40, cover_marks = 60 }
missing = "zero"
[[paper]]
template = "choice_answers"
scale_to = 100
minimum_zero = true
question = [
  { question = "1", answer = "A | B = 0.5", points = 2, wrong = -0.25 },
  { question = "2", answer = "C", wrong = "-1/3" },
  { question = "3", answer = "D", void = "left_out" },
]
version = [{ name = "B", options = "1: B A C D E" }]
grade = [{ grade = "P", from = "50%" }, { grade = "F", from = "0%" }]
rounding = [{ stage = "total", step = 0.5, mode = "half_even" }]
[[paper]]
template = "cover_marks"
question = [{ question = "1", void = "nobody" }]
section = [{ name = "A", questions = "1-6", best = 4 }]
"""
    found, expected = load_key(path, BOTH), parse_key(text, BOTH, "key.xlsx")
    assert found == expected


def test_every_problem_has_its_cell(tmp_path: Path) -> None:
    path = workbook(
        tmp_path,
        {
            "Questions": [
                ["question", "answer", "points", "weigth"],
                ["1", "F", None, None],
                ["99", "A", None, None],
                ["3", "A", "=1+1", None],
                ["4", "A", None, 2],
            ],
            "Quesions": [["question"], ["1"]],
        },
    )
    with pytest.raises(ExamError) as error:
        load_key(path, (CHOICE,))
    told = str(error.value).split("\n")
    assert told == [
        f"{path}: sheet Questions, cell C4: a formula stands there; type the value itself",
        f"{path}: a key has no sheet 'Quesions'; did you mean questions?",
    ]
    path = workbook(
        tmp_path,
        {
            "Questions": [
                ["question", "answer", "points", "weigth"],
                ["1", "F", None, None],
                ["99", "A", None, None],
                ["4", "A", "nan", 2],
            ]
        },
    )
    with pytest.raises(ExamError) as error:
        load_key(path, (CHOICE,))
    told = str(error.value).split("\n")
    assert [line.removeprefix(f"{path}: ").split(";")[0] for line in told[:3]] == [
        "sheet Questions, cell B2: answer: 'F' is no answer of answer_01",
        "sheet Questions, cell A3: question: there is no question '99'",
        "sheet Questions, cell C4: points: 'nan' is no number",
    ]
    assert "sheet Questions, cell D4: weigth: there is no such setting; did you mean weight?" in told[3]


def test_merged_cells_are_refused_since_they_hide_values(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    path = workbook(tmp_path, {"Questions": [["question", "answer", "points"], ["1", "A", 2], ["2", "B", None]]})
    book = load_workbook(path)
    book["Questions"].merge_cells("C2:C3")
    book.save(path)
    with pytest.raises(ExamError, match=r"sheet Questions, cells C2:C3: are merged"):
        load_key(path, (CHOICE,))


def test_what_is_far_out_or_no_workbook_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"Questions": [["question", "answer"], ["1", "A"]]})
    from openpyxl import load_workbook

    book = load_workbook(path)
    book["Questions"]["A1048576"] = "1"
    book.save(path)
    with pytest.raises(ExamError, match="reaches to row 1,048,576"):
        load_key(path, (CHOICE,))
    path.write_bytes(b"question,answer\n1,A\n")
    with pytest.raises(WorkbookError, match=r"is no \.xlsx workbook"):
        load_key(path, (CHOICE,))


def test_two_sheets_of_one_name_are_refused_by_both_titles(tmp_path: Path) -> None:
    rows = [["question", "answer"], ["1", "A"]]
    path = workbook(tmp_path, {"Questions": rows, "questions ": [["question", "answer"], ["1", "B"]]})
    with pytest.raises(ExamError, match="the sheets 'Questions' and 'questions ' are both the sheet questions"):
        load_key(path, (CHOICE,))
    path = workbook(tmp_path, {"Questions": rows, "questions ": []})
    assert len(load_key(path, (CHOICE,)).papers[0].questions) == 1, "an empty sheet does no harm"


def test_what_is_hidden_and_says_something_is_named(tmp_path: Path) -> None:
    from openpyxl import load_workbook

    path = workbook(
        tmp_path,
        {
            "Questions": [["question", "answer", "points", "void"], ["1", "A", 2, None], ["2", "B", None, None], []],
            "Sections": [["name", "questions"], ["S", "1-2"]],
        },
    )
    book = load_workbook(path)
    book["Questions"].row_dimensions[3].hidden = True
    book["Questions"].row_dimensions[4].hidden = True
    book["Questions"].column_dimensions["C"].hidden = True
    book["Questions"].column_dimensions["F"].hidden = True
    book["Sections"].sheet_state = "hidden"
    book.save(path)
    with pytest.raises(ExamError) as error:
        load_key(path, (CHOICE,))
    hidden = ": is hidden, and says something; show it or delete it"
    assert str(error.value).split("\n") == [
        f"{path}: sheet Questions, column C{hidden}",
        f"{path}: sheet Questions, row 3{hidden}",
        f"{path}: sheet Sections{hidden}",
    ]


def test_a_third_that_a_spreadsheet_cut_off_is_to_be_typed_as_text(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"Questions": [["question", "answer", "points"], ["1", "A", 1 / 3], ["2", "A", 0.25]]})
    with pytest.raises(ExamError) as error:
        load_key(path, (CHOICE,))
    (told,) = str(error.value).split("\n")
    assert told.startswith(f"{path}: sheet Questions, cell C2: the spreadsheet holds 0.333333333333333,")
    assert told.endswith("format the cell as text and type what is meant, such as 1/3")


@pytest.mark.parametrize("title", ["Overall", "defaults"])
def test_what_only_a_key_toml_can_say_is_told(tmp_path: Path, title: str) -> None:
    path = workbook(tmp_path, {"Questions": [["question", "answer"], ["1", "A"]], title: [["grade"], ["P"]]})
    with pytest.raises(ExamError, match=rf"a key workbook has no sheet '{title}'; .* can be said in key.toml only"):
        load_key(path, (CHOICE,))
