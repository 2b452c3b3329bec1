"""What an exam's readings are worth by its key, and which of them a person is still asked about."""

from pathlib import Path

import pytest

from flows.exam_results import exam_results
from flows.settings import load_exam
from flows.store import open_store
from tests.helpers.exam_folder import exam_folder

BLANK_CELL = "9f2c41d07ab3-3-q1"
"""The one mark cell of the folder in which nothing is written."""


@pytest.mark.parametrize("void", ["left_out", "everybody", "nobody"])
def test_nobody_is_asked_about_the_blank_cell_of_a_void_question(tmp_path: Path, void: str) -> None:
    exam = load_exam(exam_folder(tmp_path / "exam"))
    with open_store(exam.dir) as store:
        before = exam_results(exam, store).decided.sheets[2]
        (exam.dir / "key.toml").write_text(
            f'paper = [{{ question = [{{ question = "1", void = "{void}" }}] }}]', encoding="utf-8"
        )
        after = exam_results(exam, store).decided.sheets[2]
    assert BLANK_CELL in before.open_keys
    assert BLANK_CELL in before.doubts
    assert after.open_keys == tuple(key for key in before.open_keys if key != BLANK_CELL)
    assert BLANK_CELL not in after.doubts
