"""`tallymark grade` and `regrade` from the command line: exit codes, what is printed, and what is left untouched."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import run
from flows.commands.grade import report_tally
from flows.grading import SetAside, Tally
from flows.jobs import Job
from flows.places import only_writer
from flows.records import FileOutcome, Note, RunPromise
from flows.settings import Exam, load_exam
from recognizer.promise import Expectation
from recognizer.records import PageOutcomeKind
from tests.helpers.fakes import exam_folder, fake_scan, sheet
from tests.helpers.filing import TWO_PAGES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    return exam_folder(tmp_path / "exam")


def drop(exam: Exam) -> None:
    (exam.inbox / "a.pdf").write_text(fake_scan(sheet(1)))


def test_an_empty_inbox_is_nothing_to_do(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", str(exam.dir)]) == 0
    assert "The inbox is empty" in capsys.readouterr().out


def test_the_model_that_exam_toml_names_is_the_one_that_reads(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    settings = exam.dir / "exam.toml"
    settings.write_text('model = "model-1"\n' + settings.read_text())
    drop(exam)
    assert run(["grade", str(exam.dir)]) == 3
    said = capsys.readouterr().err
    assert "exam.toml: model: " in said and str(exam.dir / "model-1" / "model.json") in said
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]


def test_json_is_one_object_even_when_there_is_nothing(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    (exam.inbox / "folder").mkdir()
    assert run(["grade", str(exam.dir), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["files"] == {"read": 0, "duplicate": 0, "quarantined": 0}
    assert [note["file"] for note in report["left_in_inbox"]] == ["folder"]


def test_nothing_heavy_is_loaded_for_an_empty_inbox(exam: Exam) -> None:
    code = (
        "import sys; from flows.cli import run; run(['grade', sys.argv[1]]);"
        "print(sorted({'prefect', 'ai_edge_litert', 'pypdfium2'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code, str(exam.dir)]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.splitlines()[-1] == "[]"


def test_a_folder_that_is_no_exam_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grade", str(tmp_path)]) == 3
    assert "tallymark init" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_roster_with_a_candidate_twice_is_refused_before_anything_is_taken(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(exam)
    exam.roster.write_text("id,name\n0042,Ada\n0042,Bob\n")
    assert run(["grade", str(exam.dir)]) == 3
    assert "0042" in capsys.readouterr().err
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]


def test_a_folder_that_cannot_be_written_is_a_problem_of_the_place(
    exam: Exam, capsys: pytest.CaptureFixture[str]
) -> None:
    drop(exam)
    exam.quarantine.rmdir()
    exam.quarantine.write_text("in the way")
    assert run(["grade", str(exam.dir)]) == 5
    assert "quarantine: cannot be written" in capsys.readouterr().err
    assert [path.name for path in exam.inbox.iterdir()] == ["a.pdf"]


def test_a_second_grading_of_one_folder_is_refused(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    drop(exam)
    with only_writer(exam.dir):
        assert run(["grade", str(exam.dir)]) == 5
    assert "another process" in capsys.readouterr().err


def tally() -> Tally:
    return Tally(
        files=Counter({FileOutcome.READ: 1, FileOutcome.QUARANTINED: 1}),
        pages=Counter({PageOutcomeKind.READ: 30, PageOutcomeKind.FOREIGN: 25}),
        fields=90,
        flagged=7,
        seconds=5.0,
        set_aside=[
            SetAside("[bold]x.pdf", None, "quarantined", "is empty"),
            *(SetAside("a.pdf", number, "foreign", "of exam bio") for number in range(1, 26)),
        ],
        run=1,
    )


def test_the_summary_says_what_became_of_everything_and_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_tally(Job("grade", Path("chem")), tally(), as_json=False) == 4
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines()]
    assert {"files read 1", "files quarantined 1", "pages read 30", "pages foreign 25", "fields flagged 7"} <= set(
        lines
    )
    assert "55 pages in 5.0 s: 11.0 pages a second" in lines
    assert "[bold]x.pdf: quarantined: is empty" in lines and "a.pdf page 1: foreign: of exam bio" in lines
    assert "and 6 more" in printed and "tallymark export chem" in printed


def test_json_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert report_tally(Job("grade", Path("chem")), tally(), as_json=True) == 4
    assert len(json.loads(capsys.readouterr().out)["set_aside"]) == 26


def test_a_clean_run_ends_with_zero_though_fields_are_flagged() -> None:
    clean = Tally(pages=Counter({PageOutcomeKind.READ: 1}), fields=3, flagged=3, seconds=1.0, run=1)
    assert report_tally(Job("grade", Path("chem")), clean, as_json=False) == 0


def test_a_file_that_nobody_may_read_needs_a_person() -> None:
    left = Tally(left=(Note("a.pdf", "cannot be read: Permission denied", needs_person=True),))
    assert report_tally(Job("grade", Path("chem")), left, as_json=False) == 4


# ---- regrade ----------------------------------------------------------------------------------------------------


def test_regrading_nothing_is_nothing_to_do(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["regrade", str(exam.dir)]) == 0
    assert "Nothing was graded yet" in capsys.readouterr().out


def test_a_corrected_template_takes_the_place_of_the_old_one(exam: Exam, tmp_path: Path) -> None:
    corrected = tmp_path / "corrected.toml"
    corrected.write_text(TWO_PAGES.replace('name = "small"', 'name = "small"\nversion = 2\nalso_reads = [1]'))
    assert run(["regrade", str(exam.dir), "--template", str(corrected)]) == 0
    assert load_exam(exam.dir).template_named("small").version == 2


def test_a_shipped_template_can_be_corrected_too(tmp_path: Path) -> None:
    folder = tmp_path / "e"
    run(["init", str(folder), "--template", "cover_marks"])
    before = load_exam(folder).template_named("cover_marks")
    corrected = tmp_path / "corrected.toml"
    corrected.write_text(TWO_PAGES.replace('name = "small"', 'name = "cover_marks"\nversion = 99'))
    assert run(["regrade", str(folder), "--template", str(corrected)]) == 0
    assert (before.version, load_exam(folder).template_named("cover_marks").version) == (2, 99)


def test_the_summary_says_what_is_promised(exam: Exam, capsys: pytest.CaptureFixture[str]) -> None:
    promise = RunPromise(1_000, 880, 0.002, True, Expectation(12.4, 5, 21), "", ("digits: proven, in long words",))
    tally = Tally(fields=1_000, flagged=120, run=1, promise=promise)
    assert report_tally(Job("grade", exam.dir), tally, as_json=False) == 0
    printed = capsys.readouterr().out
    assert "880 of 1,000 fields are accepted; 120 (12.0%) go to a person." in printed
    assert "Of the accepted ones 12 are expected to be wrong (5 to 21 at 95 %)." in printed
    assert "The target is at most 2 in 1,000, which is proven." in printed
    assert "in long words" not in printed

    tally.promise = replace(promise, proven=False, drift="9.0% of the number fields are doubtful")
    report_tally(Job("grade", exam.dir), tally, as_json=False)
    printed = capsys.readouterr().out
    assert "which is not proven." in printed and "  digits: proven, in long words" in printed
    assert "This batch is unlike the calibration data: 9.0% of the number fields are doubtful." in printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TWO_PAGES.replace("small", "other"), "no template of this exam"),
        (TWO_PAGES.replace("x = 20", "x = 205"), "printable area"),
        ("nonsense", "TOML"),
    ],
)
def test_a_template_that_cannot_replace_one_changes_nothing(
    exam: Exam, tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text)
    before = (exam.dir / "templates" / "small.toml").read_text()
    assert run(["regrade", str(exam.dir), "--template", str(wrong)]) == 3
    assert said in capsys.readouterr().err
    assert (exam.dir / "templates" / "small.toml").read_text() == before
