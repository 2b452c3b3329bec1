import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from flows.cli import run
from flows.simulated_folder import Output, write_folder
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
        (["--misadded", "1.5"], 2, "--misadded"),
        (["--doubled", "-1"], 2, "--doubled"),
        (["--off-roster", "1", "--doubled", "1"], 2, "nobody is both"),
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


def test_what_is_out_of_the_ordinary_stands_in_a_table_of_its_own(tmp_path: Path) -> None:
    asked = ["--absent-candidates", "2", "--off-roster", "1", "--doubled", "1", "--misadded", "1", "--wrong-ids", "1"]
    assert simulated(tmp_path, *asked, "--sheets", "2", "--groups") == 0
    assert sorted(contents(tmp_path)) == ["cases.csv", "cover_marks-3-001.pdf", "roster.csv", "truth.csv"]
    assert page_count(tmp_path / "cover_marks-3-001.pdf") == 3
    header, *cases = rows(tmp_path / "cases.csv")
    assert header == ["case", "file", "page", "id", "detail"]
    assert sorted(case[0] for case in cases) == [
        "doubled",
        *["mis-added"] * 3,
        *["missing"] * 2,
        "off roster",
        *["wrong id"] * 3,
    ]
    ids = {kind: [case[3] for case in cases if case[0] == kind] for kind in ("doubled", "missing", "off roster")}
    columns, *roster = rows(tmp_path / "roster.csv")
    assert columns == ["id", "name", "group", "room"]
    assert sorted(row[0] for row in roster) == sorted([*ids["doubled"], *ids["missing"]])
    assert ids["off roster"][0] not in [row[0] for row in roster]
    assert all(row[2] in "ABC" and row[3] in ("012", "104") for row in roster)
    (doubled,) = [case for case in cases if case[0] == "doubled"]
    assert doubled[1:3] == ["cover_marks-3-001.pdf", "3"]
    totals = {(row[0], row[1]): row[3] for row in rows(tmp_path / "truth.csv") if row[2] == "total"}
    for case in cases:
        if case[0] == "mis-added":
            assert f"the sum is {totals[case[1], case[2]]}:" not in case[4]
    before = contents(tmp_path)
    assert simulated(tmp_path, *asked, "--sheets", "2", "--groups") == 5
    assert simulated(tmp_path, *asked, "--sheets", "2", "--groups", "--append", "--force") == 0
    assert contents(tmp_path) == before


def test_a_table_of_what_was_out_of_the_ordinary_never_outlives_its_sheets(tmp_path: Path) -> None:
    assert simulated(tmp_path, "--misadded", "1") == 0
    assert len(rows(tmp_path / "cases.csv")) == 2
    assert simulated(tmp_path, "--append", template="numeric_answers") == 0
    assert len(rows(tmp_path / "cases.csv")) == 2
    assert simulated(tmp_path, "--force") == 0
    assert rows(tmp_path / "cases.csv") == [["case", "file", "page", "id", "detail"]]


def test_a_roster_of_other_columns_is_not_added_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert simulated(tmp_path) == 0
    before = contents(tmp_path)
    assert simulated(tmp_path, "--append", "--groups", template="numeric_answers") == 5
    assert "id, name, group, room" in capsys.readouterr().err
    assert contents(tmp_path) == before
