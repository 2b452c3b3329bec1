import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import recognizer.classifier
from flows.cli import run
from tests.helpers.reading_model import WidthModel
from tests.recognizer.test_free_picture import one, seven, strokes


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[Path | None]:
    """Read with a model that tells a 1 from a 7 by its width; return the folders from which one was asked for."""
    folders: list[Path | None] = []

    def load(folder: Path | None) -> WidthModel:
        folders.append(folder)
        return WidthModel()

    monkeypatch.setattr(recognizer.classifier, "load_model", load)
    return folders


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    page = strokes(one(60, 50), seven(90, 50), seven(300, 50), one(370, 50))
    cv2.imwrite(str(tmp_path / "photo.png"), page)
    return tmp_path / "photo.png"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str | Path, code: int = 0) -> Any:
    assert run(["read", *map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_text_is_printed_line_by_line(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["read", str(photo)]) == 0
    assert capsys.readouterr() == ("17 71\n", "")
    assert list(photo.parent.iterdir()) == [photo]


def test_json_tells_every_digit_and_its_place(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = printed(capsys, photo)
    assert list(found) == ["file", "width", "height", "lines", "picture"]
    assert (found["file"], found["width"], found["height"], found["picture"]) == (str(photo), 500, 200, None)
    (line,) = found["lines"]
    assert line["text"] == "17 71" and [digit["text"] for digit in line["digits"]] == ["1", "7", "7", "1"]
    first = line["digits"][0]
    assert list(first) == ["text", "status", "guess", "probability", "x", "y", "width", "height"]
    assert first["status"] == "read" and 0.9 < first["probability"] <= 1
    assert first["x"] == pytest.approx(57, abs=4) and first["height"] == pytest.approx(65, abs=6)


def test_the_drawing_is_written_only_when_asked_for(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = photo.parent / "new" / "drawn"
    for _ in range(2):
        (found,) = printed(capsys, photo, "--out", folder)
        assert found["picture"] == str(folder / "photo-read.png")
        assert [path.name for path in folder.iterdir()] == ["photo-read.png"]
    drawn = cv2.imread(found["picture"])
    assert drawn.shape == (200, 1012, 3)
    assert (drawn[:, :500] == cv2.imread(str(photo))).all()


def test_pictures_of_one_name_do_not_overwrite_each_other(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = photo.parent / "b" / "photo.png"
    other.parent.mkdir()
    other.write_bytes(photo.read_bytes())
    # One that is read already bears a name that would be given.
    read = photo.parent / "photo-read.png"
    read.write_bytes(photo.read_bytes())
    found = printed(capsys, photo, other, read, "--out", photo.parent)
    names = [Path(file["picture"]).name for file in found]
    assert names == ["photo-read-2.png", "photo-read-3.png", "photo-read-read.png"]
    assert read.read_bytes() == photo.read_bytes()


def test_a_faulty_picture_does_not_stop_the_others(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = photo.parent / "bad.png"
    bad.write_text("no picture")
    assert run(["read", str(bad), str(photo)]) == 3
    out, err = capsys.readouterr()
    assert out == f"{photo}:\n  17 71\n"
    assert err.startswith("Error: bad.png: ") and "Traceback" not in err and err.count("\n") == 1
    first, second = printed(capsys, bad, photo, code=3)
    assert list(first) == ["file", "error"] and second["lines"][0]["text"] == "17 71"


def test_empty_paper_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((200, 300, 3), 250, np.uint8))
    assert run(["read", str(tmp_path / "empty.png")]) == 0
    out, err = capsys.readouterr()
    assert out == "" and "nothing is written on it" in err
    assert printed(capsys, tmp_path / "empty.png")[0]["lines"] == []


def test_a_place_that_cannot_be_written_is_told(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["read", str(photo), "--out", str(photo / "drawn")]) == 5
    assert "cannot be made" in capsys.readouterr().err
    (photo.parent / "drawn" / "photo-read.png").mkdir(parents=True)
    assert run(["read", str(photo), "--out", str(photo.parent / "drawn")]) == 5
    assert "cannot be written" in capsys.readouterr().err


def test_another_model_can_be_named(photo: Path, loaded: list[Path | None]) -> None:
    assert run(["read", str(photo), "--model", "mine"]) == 0 == run(["read", str(photo)])
    assert loaded == [Path("mine"), None]


def test_no_picture_is_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["read", "--json"]) == 2
    assert "IMAGE" in capsys.readouterr().err
