"""`tallymark template`: what it prints, what it writes, and how it refuses."""

import json
import os
from pathlib import Path

import pypdfium2 as pdfium
import pytest

from flows import cli
from recognizer.template import find_template, shipped_templates


def words(path: Path) -> list[str]:
    """Return the text of every page of a PDF."""
    pdf = pdfium.PdfDocument(path)
    return [" ".join(pdf[page].get_textpage().get_text_range().split()) for page in range(len(pdf))]


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "roster.csv"
    path.write_text("id,name\n00000007,Ada Lovelace\n00000042,Ζωή Παπά\n", encoding="utf-8")
    return path


def test_list_names_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", "list"]) == 0
    output = capsys.readouterr().out
    for name in shipped_templates():
        assert name in output


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", "list", "--json"]) == 0
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert listed["cover_marks"] == {
        "name": "cover_marks",
        "version": 2,
        "title": "Answer book",
        "pages": 1,
        "fields": 16,
        "boxes": 23,
    }
    assert listed["booklet"]["pages"] == 2


def test_show_as_json_gives_every_box_in_millimetres(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", "show", "choice_answers", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["version"], shown["title"]) == ("choice_answers", 1, "Multiple choice answers")
    assert shown["paper"] == {"name": "a4", "width": 210.0, "height": 297.0, "unit": "mm"}
    assert len(shown["boxes"]) == len(find_template("choice_answers").all_boxes()) == 290
    assert shown["boxes"][0] == {
        "page": 1,
        "field": "candidate",
        "kind": "digits",
        "role": "id",
        "position": 1,
        "option": None,
        "x": 15.0,
        "y": 59.0,
        "width": 7.0,
        "height": 9.0,
    }
    last = shown["boxes"][-1]
    assert (last["field"], last["position"], last["option"]) == ("answer_40", 5, "E")


def test_show_is_a_table_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", "show", "cover_marks"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "cover_marks version 2: Answer book"
    (total,) = [line for line in lines if " total " in line]
    assert "a number from 0 to 120 in steps of 0.5, or AB for absent" in total


def test_show_takes_brackets_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'name = "own"\n[[page]]\n[[page.field]]\nname = "q"\nkind = "number"\nrole = "mark"\nquestion = "[bold]1[/x]"\n'
        "maximum = 5\nx = 20\ny = 50\nwidth = 18\nheight = 11\n"
    )
    assert cli.run(["template", "show", str(path)]) == 0
    assert "[bold]1[/x]" in capsys.readouterr().out


def test_check_says_ok_with_counts(capsys: pytest.CaptureFixture[str]) -> None:
    path = shipped_templates()["booklet"]
    assert cli.run(["template", "check", str(path)]) == 0
    assert capsys.readouterr().out == f"OK {path}: booklet version 1, 2 pages, 39 fields, 146 boxes\n"


def test_check_lists_every_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(
        'name = "bad"\n[[page]]\n[[page.field]]\nname = "q"\nkind = "numbr"\nrole = "mark"\n'
        'x = "20"\ny = 50\nwidth = 18\nheight = 11\n'
    )
    assert cli.run(["template", "check", str(path)]) == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == [
        f"Error: {path}:5: field q: kind: should be 'digits', 'number', 'choice' or 'image', is 'numbr'",
        f"{path}:7: field q: x: should be a number, is '20'",
    ]


@pytest.mark.parametrize("name", ["nope", "nope.toml"])
def test_unknown_templates_end_with_code_3(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["show", name], ["check", name], ["print", name, "-o", "x.pdf"]):
        assert cli.run(["template", *command]) == 3
        assert name in capsys.readouterr().err


def test_print_writes_numbered_copies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "sheets.pdf"
    arguments = ["template", "print", "booklet", "-o", str(output), "--copies", "2", "--first-serial", "31"]
    assert cli.run([*arguments, "--exam", "bio-1"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{output}: booklet version 1 for exam bio-1, copies 00031 to 00032, 4 pages, A4.")
    pages = words(output)
    assert [("page 1 of 2" in page, "copy 00031" in page) for page in pages] == [
        (True, True),
        (False, True),
        (True, False),
        (False, False),
    ]
    assert all("bio-1" in page for page in pages)


def test_print_on_letter_paper(tmp_path: Path) -> None:
    output = tmp_path / "sheets.pdf"
    assert cli.run(["template", "print", "cover_marks", "-o", str(output), "--paper", "letter"]) == 0
    assert pdfium.PdfDocument(output)[0].get_size() == pytest.approx((612, 792), abs=0.1)


def test_print_for_a_roster_fills_in_numbers_and_names(tmp_path: Path, roster: Path) -> None:
    output = tmp_path / "sheets.pdf"
    assert cli.run(["template", "print", "cover_marks", "-o", str(output), "--roster", str(roster)]) == 0
    first, second = words(output)
    assert "Ada Lovelace" in first
    assert "copy 00001 · candidate 00000007" in first
    assert "Ζωή Παπά" in second
    assert "copy 00002 · candidate 00000042" in second


def test_anonymous_sheets_carry_no_names(tmp_path: Path, roster: Path) -> None:
    output = tmp_path / "sheets.pdf"
    arguments = ["template", "print", "cover_marks", "-o", str(output), "--roster", str(roster), "--anonymous"]
    assert cli.run(arguments) == 0
    first, second = words(output)
    assert "Ada" not in first
    assert "Ζωή" not in second
    assert "candidate 00000042" in second


def test_numbers_that_do_not_fit_name_the_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("id,name\n7,Ada\n00000042,Grace\n123456789,Mary\n")
    output = tmp_path / "sheets.pdf"
    output.write_text("an older file")
    assert cli.run(["template", "print", "cover_marks", "-o", str(output), "--roster", str(roster)]) == 3
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"Error: {roster}:2: the candidate number '7' has 1 characters, field candidate has 8")
    assert second.startswith(f"{roster}:4: the candidate number '123456789' has 9 characters")
    assert output.read_text() == "an older file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["roster.csv", "sheets.pdf"]


def test_an_empty_roster_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    roster = tmp_path / "roster.csv"
    roster.write_text("id,name\n")
    assert cli.run(["template", "print", "cover_marks", "-o", str(tmp_path / "x.pdf"), "--roster", str(roster)]) == 3
    assert "names no candidates" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--exam", "a/b"], "an exam code is 1 to 32 letters"),
        (["--exam", ""], "an exam code is 1 to 32 letters"),
        (["--copies", "0"], "not in the range"),
        (["--copies", "1000000000"], "not in the range"),
        (["--first-serial", "0"], "not in the range"),
        (["--paper", "a5"], "is not one of 'a4', 'letter'"),
        (["--anonymous"], "--anonymous leaves names out"),
        (["--roster", "roster.csv", "--copies", "3"], "--copies and --roster exclude one another"),
    ],
)
def test_wrong_command_lines_end_with_code_2(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "x.pdf"
    assert cli.run(["template", "print", "cover_marks", "-o", str(output), *options]) == 2
    assert said in capsys.readouterr().err
    assert not output.exists()


def test_serials_beyond_the_marks_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "x.pdf")
    assert cli.run(["template", "print", "cover_marks", "-o", output, "--first-serial", "19320"]) == 0
    assert capsys.readouterr().err == ""
    assert cli.run(["template", "print", "cover_marks", "-o", output, "--first-serial", "19321"]) == 0
    assert "copies above 19320 are told apart by their QR code alone" in capsys.readouterr().err


def test_the_largest_serial_still_fits_the_qr_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "x.pdf")
    arguments = ["template", "print", "cover_marks", "-o", output, "--first-serial", "999999999", "--copies", "2"]
    assert cli.run(arguments) == 2
    assert "999999999" in capsys.readouterr().err


def test_places_that_cannot_be_written_end_with_code_5(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for output in (tmp_path / "none" / "x.pdf", tmp_path, tmp_path / "file" / "x.pdf"):
        assert cli.run(["template", "print", "cover_marks", "-o", str(output)]) == 5
        assert f"{output}: cannot be written" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


def test_printed_files_have_ordinary_rights(tmp_path: Path) -> None:
    output = tmp_path / "x.pdf"
    before = os.umask(0o027)
    try:
        assert cli.run(["template", "print", "cover_marks", "-o", str(output)]) == 0
    finally:
        os.umask(before)
    assert output.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("command", [[], ["list"], ["show"], ["check"], ["print"]])
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", *command, "--help"]) == 0
    output = capsys.readouterr().out
    assert "Example" in output
    assert f"tallymark template {' '.join(command)}" in output
