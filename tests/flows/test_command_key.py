"""`tallymark key`: a first key, and what a key says."""

from pathlib import Path

import pytest

from flows.cli import run

SETTINGS = 'exam = "exam"\ntemplates = ["choice_answers", "cover_marks"]\n'


def folder(path: Path) -> Path:
    path.mkdir(exist_ok=True)
    (path / "exam.toml").write_text(SETTINGS, encoding="utf-8")
    return path


def test_a_first_key_is_written_filled_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exam = folder(tmp_path)
    assert run(["key", str(exam), "--check"]) == 3
    assert "has no key" in capsys.readouterr().err
    assert run(["key", str(exam)]) == 0
    key = exam / "key.toml"
    assert "Next:" in capsys.readouterr().out
    assert run(["key", str(exam), "--check"]) == 3
    assert "40 of 40 right answers are still to be filled in" in capsys.readouterr().err
    filled = key.read_text(encoding="utf-8").replace('questions = "1-40"', 'questions = "1-3"')
    key.write_text(filled.replace(" ".join("?" * 40), "A B C"), encoding="utf-8")
    assert run(["key", str(exam), "--check"]) == 0
    said = capsys.readouterr().out.split("\n")
    assert said[0].endswith("key.toml: can be used.")
    assert said[1] == "choice_answers: 3 questions, maximum 3"
    assert said[2].endswith("4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 and 25 more")
    assert said[3] == "cover_marks: 12 questions, maximum 120"


def test_a_key_is_replaced_only_by_force(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exam = folder(tmp_path)
    (exam / "key.toml").write_text("# mine\n", encoding="utf-8")
    assert run(["key", str(exam)]) == 3
    assert "--force replaces it" in capsys.readouterr().err
    assert (exam / "key.toml").read_text(encoding="utf-8") == "# mine\n"
    assert run(["key", str(exam), "--force"]) == 0
    assert "[[paper]]" in (exam / "key.toml").read_text(encoding="utf-8")


def test_a_first_key_does_not_join_a_workbook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exam = folder(tmp_path)
    (exam / "key.xlsx").write_bytes(b"PK")
    assert run(["key", str(exam), "--force"]) == 3
    assert "key.xlsx: is there already" in capsys.readouterr().err
    assert not (exam / "key.toml").exists()
