import tomllib
from pathlib import Path

import pytest
from openpyxl import Workbook

from flows.cli import run
from flows.errors import ExamError
from flows.folder import EXAM_TOML, make_exam_folder
from flows.key_files import exam_key
from flows.roster import load_roster
from flows.settings import load_exam, parse_settings
from recognizer.template import shipped_templates
from tests.helpers.filing import TWO_PAGES


def test_init_makes_a_folder_that_grade_can_work_with(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "chemistry"
    assert run(["init", str(folder), "--template", "cover_marks", "--template", "booklet", "--exam", "chem-2026"]) == 0
    kept = {"inbox", "archive", "quarantine", "exports", "exam.toml", "roster.csv", "tallymark.db"}
    assert {path.name for path in folder.iterdir()} == kept
    exam = load_exam(folder)
    assert exam.settings.exam == "chem-2026"
    assert [template.name for template in exam.sheets.templates] == ["cover_marks", "booklet"]
    assert (folder / "roster.csv").read_text() == "id,name\n"
    assert "tallymark grade" in capsys.readouterr().out


def test_without_a_code_there_is_a_default_and_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init", str(tmp_path / "e"), "--template", "cover_marks"]) == 0
    assert load_exam(tmp_path / "e").settings.exam == "exam"
    assert "--exam CODE" in capsys.readouterr().out


def test_a_template_of_ones_own_and_a_roster_are_copied(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(TWO_PAGES)
    (tmp_path / "class.csv").write_text("id,name\n0042,Ada\n")
    folder = tmp_path / "e"
    own, roster = str(tmp_path / "mine.toml"), str(tmp_path / "class.csv")
    assert run(["init", str(folder), "--template", own, "--roster", roster]) == 0
    (tmp_path / "mine.toml").unlink()
    assert load_exam(folder).template_named("small").pages[0].fields[0].name == "candidate"
    assert (folder / "roster.csv").read_text() == "id,name\n0042,Ada\n"


GRADES = (("pass", 40), ("fail", 0))


def write_key(path: Path) -> None:
    """Write the grades of an exam as a key, in a file or in a workbook."""
    if path.suffix == ".toml":
        lines = "".join(f'grade = "{name}"\nfrom = {points}\n[[paper.grade]]\n' for name, points in GRADES)
        path.write_text("[[paper]]\n[[paper.grade]]\n" + lines.removesuffix("[[paper.grade]]\n"))
        return
    book = Workbook()
    sheet = book.create_sheet("grades")
    for row in (("grade", "from"), *GRADES):
        sheet.append(row)
    book.save(path)


@pytest.mark.parametrize("name", ["answers.toml", "answers.XLSX"])
def test_a_key_is_copied_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "e"
    write_key(tmp_path / name)
    assert run(["init", str(folder), "--template", "cover_marks", "--key", str(tmp_path / name)]) == 0
    key = exam_key(folder, load_exam(folder).sheets.templates)
    assert key is not None
    assert key.source == f"key{Path(name).suffix.lower()}"
    assert [(grade.name, grade.boundary) for grade in key.papers[0].grades] == list(GRADES)


def test_every_setting_is_explained_and_the_defaults_shown_are_the_defaults() -> None:
    said = EXAM_TOML.format(exam="exam", templates='"cover_marks"')
    uncommented = "\n".join(
        line.removeprefix("# ") if line.startswith("# ") and " = " in line and line.split()[2] == "=" else line
        for line in said.splitlines()
    )
    explained = tomllib.loads(uncommented)
    shown = parse_settings(uncommented).model_dump()
    default = parse_settings('templates = ["cover_marks"]').model_dump()
    # Which model reads has no default that could be written down.
    assert shown.pop("model") == "model-1" and default.pop("model") is None
    assert shown == default
    assert set(explained) == {*default, "model"}
    assert all(set(explained[table]) == set(default[table]) for table in ("review", "marks", "inbox"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--template", "no_such"], 3, "no template 'no_such'"),
        (["--template", "cover_marks", "--exam", "Chemie 2026"], 3, "exam code"),
        (["--template", "cover_marks", "--roster", "gone.csv"], 3, "gone.csv"),
        (["--template", "cover_marks", "--key", "gone.toml"], 3, "gone.toml: the key cannot be read"),
        ([], 2, "--template"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    assert run(["init", str(tmp_path / "e"), *arguments]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "e").exists()


def test_an_exam_folder_is_never_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["init", str(tmp_path / "e"), "--template", "cover_marks"]
    run(command)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "e").iterdir()}
    assert run(command) == ExamError.exit_code
    assert "exam folder already" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "e").iterdir()} == before


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.docx").write_text("")
    assert run(["init", str(tmp_path), "--template", "cover_marks"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.docx"]


def test_a_folder_that_cannot_be_made_is_a_problem_of_the_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert run(["init", str(tmp_path / "file" / "e"), "--template", "cover_marks"]) == 5
    assert "cannot be made" in capsys.readouterr().err


def test_two_templates_of_one_name_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    twin = tmp_path / "mine.toml"
    twin.write_bytes(shipped_templates()["booklet"].read_bytes())
    with pytest.raises(ExamError, match="both named 'booklet'"):
        make_exam_folder(tmp_path / "exam", ["booklet", str(twin)], None, None)
    assert not (tmp_path / "exam").exists()


def test_a_roster_may_be_a_workbook(tmp_path: Path) -> None:
    book = Workbook()
    assert book.active is not None
    for row in (["id", "name"], ["00120034", "Ada Sample"]):
        book.active.append(row)
    book.save(tmp_path / "class.xlsx")
    exam = make_exam_folder(tmp_path / "exam", ["cover_marks"], None, tmp_path / "class.xlsx")
    assert exam.roster == tmp_path / "exam" / "roster.xlsx"
    assert [each.id for each in load_roster(exam.roster)] == ["00120034"]
    assert not (tmp_path / "exam" / "roster.csv").exists()


def test_ids_that_no_sheet_can_hold_are_named_before_anything_is_made(tmp_path: Path) -> None:
    roster = tmp_path / "class.csv"
    roster.write_text("id,name\n00120034,Ada Sample\n120034,Lost Zeros\nABCDEFGH,Letters\n", encoding="utf-8")
    with pytest.raises(ExamError) as problem:
        make_exam_folder(tmp_path / "exam", ["cover_marks"], None, roster)
    lines = str(problem.value).splitlines()
    assert [line.partition(": ")[0] for line in lines] == [f"{roster}:3", f"{roster}:4"]
    assert "120034 has 6 characters" in lines[0] and "which hold 8" in lines[0]
    assert not (tmp_path / "exam").exists()
