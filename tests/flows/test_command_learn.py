"""`tallymark learn`: what it takes, what it says, and what it leaves behind. What is learned is tested elsewhere."""

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from flows.cli import run
from flows.settings import Exam
from recognizer.classifier import OUTPUTS, write_card
from recognizer.errors import ModelError
from recognizer.known_fields import Comparison, Count, KnownField, Part
from recognizer.promise import Thresholds
from recognizer.training import learn as learning
from recognizer.training.learn import Learned, Plan
from tests.helpers.reading_model import WidthModel, calibration
from tests.helpers.taught_exam import correct_flagged, taught_exam

UNSURE = Thresholds(0.9, 0.9, 0.9)

HELD_OUT = Comparison("3 writers of exam who were not learned from", Count(24, 12, 8, 1), Count(24, 16, 10, 1))
BASE = Comparison("digits of the sample writers", Count(100, 90, 50, 1), Count(100, 91, 52, 0))
REASON = "digits of the sample writers: 11 of 100 read wrong, 10 before"


class FakeLearning:
    """Stands in for what takes minutes: writes a folder, and finds what it is told to find."""

    def __init__(self) -> None:
        self.against: tuple[str, ...] = ()
        self.error: BaseException | None = None
        self.plan: Plan | None = None
        self.fields: Mapping[Part, Sequence[KnownField]] = {}

    def __call__(self, fields: Mapping[Part, Sequence[KnownField]], plan: Plan, say: Callable[[str], None]) -> Learned:
        self.fields, self.plan = fields, plan
        plan.folder.mkdir()
        (plan.folder / "model.json").write_text("{}")
        say("learned")
        if self.error is not None:
            raise self.error
        writers = {part.value: len({one.writer for one in some}) for part, some in fields.items()}
        card = {"name": plan.name, "learned": [{"writers": writers}]}
        return Learned(HELD_OUT, (BASE,), self.against, 60, {"blank": 2}, card)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Exam:
    exam, truth = taught_exam(tmp_path_factory.mktemp("made") / "exam", WidthModel(0.5), UNSURE, 9)
    correct_flagged(exam, truth)
    return exam


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeLearning:
    found = FakeLearning()
    monkeypatch.setattr(learning, "learn", found)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
    return found


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    return model_folder(tmp_path / "parent")


def model_folder(folder: Path, **more: Any) -> Path:
    folder.mkdir()
    networks = {
        name: {"file": f"{name}.tflite", "sha256": "0", "temperature": 1.0, "classes": list(classes)}
        for name, classes in OUTPUTS.items()
    }
    write_card(folder, {"name": "tallymark-2", "networks": networks, "calibration": calibration(), **more})
    return folder


def leftovers(exam: Exam) -> list[str]:
    return sorted(path.name for path in exam.dir.iterdir() if "model" in path.name or "learning" in path.name)


def test_a_better_model_is_kept_under_a_name_of_its_own(
    made: Exam, parent: Path, tmp_path: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "models" / "first"
    assert run(["learn", str(made.dir), "--model", str(parent), "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "Learned from 60 boxes and cells of 5 writers; 1 more said when to stop, 3 tested." in printed.out
    assert f"Kept as tallymark-2+exam-1 in {out}" in printed.out
    assert f'model = "{out.resolve()}"' in printed.out and f"tallymark regrade {made.dir}" in printed.out
    (row,) = (line.split() for line in printed.out.splitlines() if line.startswith(HELD_OUT.name))
    assert row[-7:] == ["24", "12", "16", "8", "10", "1", "1"]
    assert [path.name for path in out.iterdir()] == ["model.json"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["first"]
    plan = fake.plan
    assert plan is not None
    assert (plan.name, plan.exam, plan.parent, plan.data) == ("tallymark-2+exam-1", "exam", parent, None)
    counts = {part: len({one.writer for one in some}) for part, some in fake.fields.items()}
    assert counts == {Part.LEARN: 5, Part.STOP: 1, Part.TEST: 3}


def test_models_are_numbered_in_the_exam_folder(made: Exam, parent: Path, fake: FakeLearning) -> None:
    try:
        assert run(["learn", str(made.dir), "--model", str(parent)]) == 0
        assert run(["learn", str(made.dir), "--model", str(parent)]) == 0
        assert leftovers(made) == ["model-1", "model-2"]
        assert fake.plan is not None
        assert fake.plan.name == "tallymark-2+exam-2"
    finally:
        for name in leftovers(made):
            (made.dir / name / "model.json").unlink()
            (made.dir / name).rmdir()


def test_a_model_that_is_not_better_leaves_nothing_behind(
    made: Exam, parent: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.against = (REASON,)
    assert run(["learn", str(made.dir), "--model", str(parent)]) == 0
    printed = capsys.readouterr().out
    assert "Not kept; nothing was written:" in printed
    assert REASON in printed
    assert leftovers(made) == []


def test_an_error_half_way_leaves_nothing_behind(made: Exam, parent: Path, fake: FakeLearning) -> None:
    fake.error = ModelError("the weights do not fit")
    assert run(["learn", str(made.dir), "--model", str(parent)]) == 3
    fake.error = KeyboardInterrupt()
    assert run(["learn", str(made.dir), "--model", str(parent)]) == 130
    assert leftovers(made) == []


def test_json_holds_every_figure(
    made: Exam, parent: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.against = (REASON,)
    assert run(["learn", str(made.dir), "--model", str(parent), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["kept"] is False
    assert told["folder"] is None
    assert told["why_not"] == [REASON]
    assert told["learned_from"] == {"boxes_and_cells": 60, "learn": 5, "stop": 1, "test": 3}
    assert told["left_out"] == {"blank": 2}
    assert told["held_out"]["before"] == {"right": 12, "accepted": 8, "accepted_wrongly": 1}
    assert told["held_out"]["after"]["right"] == 16
    assert [one["name"] for one in told["base"]] == [BASE.name]
    assert told["problems"] == []


def test_without_tensorflow_it_says_how_to_get_it(
    made: Exam, fake: FakeLearning, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert run(["learn", str(made.dir)]) == 3
    assert "'make setup' leaves it out, 'make test' installs it" in capsys.readouterr().err
    assert fake.plan is None


def test_too_few_corrections_are_told(
    tmp_path: Path, parent: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    exam, truth = taught_exam(tmp_path / "exam", WidthModel(0.5), UNSURE, 1)
    correct_flagged(exam, truth)
    assert run(["learn", str(exam.dir), "--model", str(parent)]) == 3
    assert "of 1 writers, what stands there; at least 50 fields of 6 writers" in capsys.readouterr().err
    assert fake.plan is None


def test_a_model_that_saw_this_exam_may_not_begin(
    made: Exam, tmp_path: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    learned: list[dict[str, Any]] = [{"exam": "exam", "parent": {"name": "tallymark-2"}}]
    second = model_folder(tmp_path / "second", learned=learned)
    assert run(["learn", str(made.dir), "--model", str(second)]) == 3
    assert "learned from this exam already" in capsys.readouterr().err
    elsewhere = model_folder(tmp_path / "elsewhere", learned=[learned[0] | {"exam": "other"}])
    assert run(["learn", str(made.dir), "--model", str(elsewhere), "--out", str(tmp_path / "out")]) == 0


def test_a_folder_that_holds_something_is_not_written_to(
    made: Exam, parent: Path, tmp_path: Path, fake: FakeLearning, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("x")
    assert run(["learn", str(made.dir), "--model", str(parent), "--out", str(tmp_path / "out")]) == 5
    assert "not empty" in capsys.readouterr().err
    assert fake.plan is None


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["learn", "--help"]) == 0
    assert "tallymark learn chemistry" in capsys.readouterr().out
