"""What the sheet Run says of models: figures of the model that read, and of no other."""

import json
from pathlib import Path
from typing import Any

from flows.export.contents import model_facts
from recognizer.classifier import OUTPUTS

CARD: dict[str, Any] = {
    "name": "digits-7",
    "networks": {
        name: {"file": f"{name}.tflite", "sha256": "ab" * 32, "temperature": 1.3, "classes": list(classes)}
        for name, classes in OUTPUTS.items()
    },
    "calibration": {"digits": {"fields": 900, "curve": [[0.99, 800, 1]]}},
    "test": {"writers": 80, "error": 0.0071, "skipped": None, "by_class": [{"class": "7", "error": 0.01}]},
    "seed": 1,
    "deterministic": True,
}


def card(folder: Path, **changes: Any) -> Path:
    path = folder / "characters.json"
    path.write_text(json.dumps(CARD | changes), encoding="utf-8")
    return path


def test_the_card_is_told_entry_by_entry(tmp_path: Path) -> None:
    readers, told = model_facts({"digits-7": 120}, card(tmp_path))
    assert readers.facts == (("digits-7", "120 fields"),)
    facts = dict(told.facts)
    assert (facts["networks, marks, temperature"], facts["test, writers"], facts["test, error"]) == (1.3, 80, 0.0071)
    assert facts["test, by class"] == '[{"class": "7", "error": 0.01}]'
    assert facts["deterministic"] == "True"
    assert "test, skipped" not in facts
    # The points of a curve are for programs.
    assert facts["calibration, digits, fields"] == 900
    assert not any("curve" in name for name in facts)


def test_another_models_figures_are_not_told(tmp_path: Path) -> None:
    _, told = model_facts({"digits-6": 120}, card(tmp_path))
    assert told.facts == (("card", "the installed model is digits-7, which read nothing of this exam"),)


def test_a_missing_card_is_said(tmp_path: Path) -> None:
    _, told = model_facts({"digits-6": 120}, tmp_path / "no.json")
    assert str(told.facts[0][1]).startswith("not to be had: ")


def test_nothing_read_nothing_said(tmp_path: Path) -> None:
    assert model_facts({}, card(tmp_path)) == ()


def test_every_model_that_read_and_whose_card_is_here_is_told_of(tmp_path: Path) -> None:
    shipped, gone = card(tmp_path), tmp_path / "model-1" / "model.json"
    _, *told = model_facts({"digits-7": 120, "digits-7+exam-1": 3}, gone, shipped)
    assert [section.title for section in told] == ["Card of the model digits-7"]
    gone.parent.mkdir()
    gone.write_text(shipped.read_text().replace('"digits-7"', '"digits-7+exam-1"'))
    _, *told = model_facts({"digits-7": 120, "digits-7+exam-1": 3}, gone, shipped)
    assert len(told) == 2


def test_a_model_that_learned_has_not_the_card_of_its_parent(tmp_path: Path) -> None:
    _, told = model_facts({"digits-7+chem-1": 120}, card(tmp_path))
    assert told.facts == (("card", "the installed model is digits-7, which read nothing of this exam"),)
