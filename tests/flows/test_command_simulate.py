import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows.cli import run
from flows.commands.simulate import Output, write_folder
from recognizer.raster import load_page, page_count
from recognizer.records import PageRef
from recognizer.scanfile import ScannedPicture
from recognizer.simulate import Candidate, SimulatedPage, SimulatedSheet

QUICK = ["--dpi", "100", "--effects", "clean"]


def simulated(folder: Path, *more: str, template: str = "cover_marks") -> int:
    return run(["simulate", template, "--sheets", "1", "--seed", "3", "--out", str(folder), *QUICK, *more])


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made_up(count: int) -> Iterator[SimulatedSheet]:
    """Sheets of one tiny page, with nothing on them but a value."""
    for number in range(1, count + 1):
        picture = ScannedPicture(np.ones((8, 8), np.bool_), 8, 8, 100)
        page = SimulatedPage(1, picture, {"mark": str(number)})
        yield SimulatedSheet(number, Candidate(f"{number:04d}", f"Sample Candidate {number}"), (page,))


def test_a_run_leaves_scans_truth_and_roster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulated(tmp_path / "new" / "folder", template="booklet") == 0
    folder = tmp_path / "new" / "folder"
    assert sorted(contents(folder)) == ["booklet-3-001.pdf", "roster.csv", "truth.csv"]
    assert page_count(folder / "booklet-3-001.pdf") == 2
    header, *truth = rows(folder / "truth.csv")
    assert header == ["file", "page", "field", "value"]
    assert {row[0] for row in truth} == {"booklet-3-001.pdf"}
    assert {row[1] for row in truth} == {"1", "2"}
    assert [["id", "name"], [truth[0][3], "Sample Candidate 03001"]] == rows(folder / "roster.csv")
    assert truth[0][2] == "candidate"
    printed = capsys.readouterr()
    assert printed.out.startswith("1 sheets, 2 pages,")
    assert printed.err == ""


def test_the_same_run_gives_the_same_bytes_but_replaces_nothing_unasked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert simulated(tmp_path) == 0
    before = contents(tmp_path)
    assert simulated(tmp_path, "--exam", "other") == 5
    assert "--force" in capsys.readouterr().err
    assert contents(tmp_path) == before
    assert simulated(tmp_path, "--force") == 0
    assert contents(tmp_path) == before


def test_runs_can_share_a_folder(tmp_path: Path) -> None:
    assert simulated(tmp_path) == 0
    assert simulated(tmp_path, "--append", template="numeric_answers") == 0
    assert simulated(tmp_path, "--append", "--first-serial", "3002", "--prefix", "more", "--mode", "1-bit") == 0
    before = contents(tmp_path)
    truth = rows(tmp_path / "truth.csv")[1:]
    assert list(dict.fromkeys(row[0] for row in truth)) == [
        "cover_marks-3-001.pdf",
        "numeric_answers-3-001.pdf",
        "more-001.pdf",
    ]
    assert len(rows(tmp_path / "roster.csv")) == 1 + 2
    assert simulated(tmp_path, "--append", template="numeric_answers") == 5
    assert simulated(tmp_path, "--append", "--force", template="numeric_answers") == 0
    assert sorted(rows(tmp_path / "truth.csv")) == sorted([["file", "page", "field", "value"], *truth])
    assert contents(tmp_path).keys() == before.keys()


def test_black_and_white_scans_read_back_as_black_on_white(tmp_path: Path) -> None:
    assert simulated(tmp_path, "--mode", "1-bit") == 0
    pixels = load_page(tmp_path / "cover_marks-3-001.pdf", PageRef("scan", 1)).pixels
    assert set(np.unique(pixels)) <= {0, 255}
    assert pixels.mean() > 200


def test_a_file_holds_as_many_sheets_as_a_feeder(tmp_path: Path) -> None:
    written = write_folder(made_up(51), Output(tmp_path, "scan", force=False, append=False))
    assert written.files == ("scan-001.pdf", "scan-002.pdf", "scan-003.pdf")
    assert [page_count(tmp_path / name) for name in written.files] == [25, 25, 1]
    assert rows(tmp_path / "truth.csv")[-1] == ["scan-003.pdf", "1", "mark", "51"]
    assert rows(tmp_path / "truth.csv")[26] == ["scan-002.pdf", "1", "mark", "26"]


def test_a_run_that_breaks_off_leaves_nothing_half_done(tmp_path: Path) -> None:
    def broken() -> Iterator[SimulatedSheet]:
        yield from made_up(30)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_folder(broken(), Output(tmp_path, "scan", force=False, append=False))
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--sheets", "0"], 2, "--sheets"),
        (["--dpi", "50"], 2, "--dpi"),
        (["--dpi", "601"], 2, "--dpi"),
        (["--exam", "a:b"], 2, "--exam"),
        (["--prefix", "../up"], 2, "--prefix"),
        (["--first-serial", "0"], 2, "--first-serial"),
        (["--first-serial", "999999999", "--sheets", "2"], 2, "--first-serial"),
        (["--effects", "none"], 2, "--effects"),
        (["--digits", "nowhere.npz"], 3, "nowhere.npz"),
    ],
)
def test_a_wrong_option_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: int, said: str
) -> None:
    assert simulated(tmp_path, *more) == code
    assert said in capsys.readouterr().err
    assert contents(tmp_path) == {}


def test_an_unknown_template_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulated(tmp_path, template="no_such") == 3
    assert "no_such" in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert simulated(tmp_path / "file" / "inside") == 5
    assert "cannot be written" in capsys.readouterr().err


def test_a_table_that_is_not_ours_is_not_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "truth.csv").write_text("name;mark\nsomebody;7\n")
    before = contents(tmp_path)
    assert simulated(tmp_path, "--append") == 5
    assert "truth.csv" in capsys.readouterr().err
    assert contents(tmp_path) == before
