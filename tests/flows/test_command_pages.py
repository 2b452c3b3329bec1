"""`tallymark pages` from the command line, on make-believe scans and once on real pictures of paper."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.cli import run
from flows.grading import Workplace, grade_inbox, here
from flows.jobs import Job, carry_out, in_threads
from flows.records import Correction
from flows.settings import Exam, load_exam
from flows.store import open_store
from recognizer.geometry import apply_homography
from recognizer.placing import points_to_place
from recognizer.records import GreyImage, PageOutcomeKind, ValueState
from recognizer.scanfile import ScannedPicture, images_to_pdf
from recognizer.template import MARKS, QR_CODE, find_template
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet
from tests.helpers.paper import draw_page, erase, scan

Capture = pytest.CaptureFixture[str]


def drop(exam: Exam, name: str, *pages: dict[str, object]) -> None:
    (exam.inbox / name).write_text(fake_scan(*pages))
    reader = FakeReader()
    with open_store(exam.dir) as store, store.grading():
        grade_inbox(Workplace(exam, store, reader, here(reader)))


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    """Two sheets, and both scanned again, differently; and a page that failed."""
    exam = exam_folder(tmp_path / "exam")
    drop(exam, "first.pdf", sheet(1, values={"q1": "1"}), sheet(2, values={"q1": "2"}), {"outcome": "failed"})
    drop(exam, "again.pdf", sheet(1, values={"q1": "8"}), sheet(2, values={"q1": "9"}))
    return exam


def marks(exam: Exam) -> list[str]:
    with open_store(exam.dir) as store:
        return [row.value for row in store.fields() if row.field == "q1"]


def test_held_pages_are_listed_with_what_they_wait_for(exam: Exam, capsys: Capture) -> None:
    for words in (["pages", str(exam.dir)], ["pages", "list", str(exam.dir)]):
        assert run(words) == 4
        printed = capsys.readouterr().out
        assert "again.pdf:1: page 1 of sheet small#00001 was read from first.pdf page 1 already" in printed
        assert f"tallymark pages show {exam.dir} 'again.pdf:1'" in printed
    assert run(["pages", "list", str(exam.dir), "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert [one["counts_meanwhile"] for one in told] == [{"file": "first.pdf", "page": n} for n in (1, 2)]


def test_a_stack_is_settled_at_once_and_then_nothing_is_held(exam: Exam, capsys: Capture) -> None:
    assert run(["pages", "resolve", str(exam.dir), "replace", "--file", "again.pdf", "--by", "Kim"]) == 0
    printed = capsys.readouterr().out
    assert "2 decided, 4 pages changed" in printed
    assert "first.pdf page 1: duplicate: replaced by again.pdf page 1: decided by Kim" in printed
    assert marks(exam) == ["8", "9"]
    assert run(["pages", str(exam.dir)]) == 0
    assert "No page is held." in capsys.readouterr().out
    assert run(["pages", "resolve", str(exam.dir), "keep", "--page", "again.pdf:2", "--by", "Lee"]) == 0
    assert marks(exam) == ["2", "8"]


def test_holding_decides_nothing(exam: Exam, capsys: Capture) -> None:
    assert run(["pages", "resolve", str(exam.dir), "--all"]) == 4
    assert "2 pages stay as they are; nothing was decided. Decide with 'keep' or 'replace'" in capsys.readouterr().out
    assert marks(exam) == ["1", "2"]
    assert run(["pages", "resolve", str(exam.dir), "keep", "--all", "--by", "Kim"]) == 0
    capsys.readouterr()
    assert run(["pages", "resolve", str(exam.dir), "--all"]) == 0
    assert "no page is held; nothing was decided" in capsys.readouterr().out


def test_a_picture_is_written_under_the_name_of_a_png_only(exam: Exam, capsys: Capture) -> None:
    picture = exam.dir / "both.jpg"
    assert run(["pages", "show", str(exam.dir), "again.pdf:1", "-o", str(picture)]) == 2
    assert "'both.jpg' does not end in .png" in " ".join(capsys.readouterr().err.split())
    assert not picture.exists()


def test_corrections_on_a_page_that_is_replaced_are_named(exam: Exam, capsys: Capture) -> None:
    with open_store(exam.dir) as store:
        made_at = store.runs()[0].started_at
        for field in store.fields()[:2]:
            store.insert_corrections(
                [Correction(field.key, ValueState.VALUE, "3", "", "", "fake-1", "Kim", made_at, "workbook")]
            )
    assert run(["pages", "resolve", str(exam.dir), "replace", "--all", "--by", "Kim"]) == 4
    said = "2 corrections were made on first.pdf page 1, which was replaced; look at them again"
    assert said in capsys.readouterr().out
    assert run(["pages", "resolve", str(exam.dir), "keep", "--page", "again.pdf:1", "--by", "Kim", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["corrections_counted"] == [{"file": "first.pdf", "page": 1, "corrections": 2}]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["keep"], 2, "one of the three"),
        (["keep", "--all", "--file", "again.pdf"], 2, "one of the three"),
        (["keep", "--all", "--by", "\n"], 2, "say who decides"),
        (["perhaps", "--all"], 2, "perhaps"),
        (["keep", "--page", "first.pdf:3"], 6, "is not held for a decision: it is failed (said so)"),
        (["keep", "--page", "again.pdf:9"], 6, "there is no page 9"),
        (["keep", "--file", "first.pdf"], 6, "no page of first.pdf is held"),
        (["keep", "--file", "holiday.pdf"], 6, "no file 'holiday.pdf'"),
    ],
)
def test_what_cannot_be_decided_is_refused_and_nothing_stored(
    exam: Exam, capsys: Capture, words: list[str], code: int, said: str
) -> None:
    assert run(["pages", "resolve", str(exam.dir), *words]) == code
    assert said in capsys.readouterr().err
    with open_store(exam.dir) as store:
        assert store.page_decisions() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--template", "other", "--sheet-page", "1"], "no template of this exam (small)"),
        (["--template", "small", "--sheet-page", "3"], "'small' has 2 pages"),
        (["--template", "small", "--sheet-page", "1", "--serial", "0"], "--serial"),
    ],
)
def test_a_place_that_cannot_be_meant_is_a_wrong_command_line(
    exam: Exam, capsys: Capture, words: list[str], said: str
) -> None:
    corners = ["--corners", "1,1", "9,1", "9,9", "1,9"]
    assert run(["pages", "place", str(exam.dir), "first.pdf:3", *words, *corners]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("corner", ["1;1", "one,1", "1,2,3", "nan,1", "1,1e9", ""])
def test_a_corner_is_two_numbers(exam: Exam, capsys: Capture, corner: str) -> None:
    words = ["--template", "small", "--sheet-page", "1", "--corners", corner, "9,1", "9,9", "1,9"]
    assert run(["pages", "place", str(exam.dir), "first.pdf:3", *words]) == 2
    assert "corners" in capsys.readouterr().err


# ---- on paper --------------------------------------------------------------------------------------------------------

BOOKLET = find_template("booklet")
DPI = 150


def pdf(*pictures: GreyImage) -> bytes:
    buffer = io.BytesIO()
    jpegs = [cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures]
    images_to_pdf(
        [ScannedPicture(data, one.shape[1], one.shape[0], DPI) for data, one in zip(jpegs, pictures, strict=True)],
        buffer,
    )
    return buffer.getvalue()


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Exam, np.ndarray]]:
    """A booklet of two pages, the second with its marks torn off; and its first page scanned again, upside down.

    With it come the pixels at which the corners of the second page lie.
    """
    folder = tmp_path_factory.mktemp("paper") / "exam"
    assert run(["init", str(folder), "--template", "booklet"]) == 0
    exam = load_exam(folder)
    first, second = (draw_page(BOOKLET, number, "exam", 7, DPI) for number in (1, 2))
    for rect in (*MARKS.values(), QR_CODE):
        second = erase(second, rect, DPI)
    torn = scan(second, DPI, angle=3, noise=4)
    (exam.inbox / "a.pdf").write_bytes(pdf(scan(first, DPI, angle=1, noise=4).pixels, torn.pixels))
    (exam.inbox / "b.pdf").write_bytes(pdf(scan(first, DPI, angle=-2, quarter_turns=2, noise=4, seed=1).pixels))
    carry_out(Job("grade", folder, workers=1), in_threads)
    yield exam, apply_homography(torn.mm_to_px, points_to_place(BOOKLET, 2))


def test_a_failed_page_is_shown_placed_and_joins_its_sheet(paper: tuple[Exam, np.ndarray], capsys: Capture) -> None:
    exam, corners = paper
    with open_store(exam.dir) as store:
        assert [row.outcome.value for row in store.pages()] == ["read", "failed", "held"]
        first, failed, _ = store.pages()
    picture = exam.dir / "page.png"
    assert run(["pages", "show", str(exam.dir), "a.pdf:2", "-o", str(picture)]) == 0
    shown = cv2.imread(str(picture))
    assert f"{shown.shape[1]} x {shown.shape[0]} pixels" in capsys.readouterr().out
    # The ruler is drawn at round coordinates of the page's own pixels.
    assert shown[300, 100:900:7].mean() < shown[290, 100:900:7].mean() - 10

    def place(points: np.ndarray, *more: str) -> int:
        shown_at = [f"{x:.1f},{y:.1f}" for x, y in points]
        words = ["--template", "booklet", "--sheet-page", "2", "--serial", "7", "--by", "Kim", "--corners", *shown_at]
        return run(["pages", "place", str(exam.dir), "a.pdf:2", *words, *more])

    assert place(corners[[1, 2, 3, 0]]) == 6
    assert "does not fit there" in capsys.readouterr().err
    with open_store(exam.dir) as store:
        assert (store.pages()[1], store.placements()) == (failed, ())
    assert place(corners + 8, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["outcome"], told["sheet"]) == ("read", first.sheet) and told["error_mm"] < 0.2
    with open_store(exam.dir) as store:
        fields = [row for row in store.fields() if row.page_number == 2]
        assert {row.field for row in fields} == {
            field.name for field in BOOKLET.pages[1].fields if field.kind != "image"
        }
        assert [row.outcome for row in store.pages()][1] is PageOutcomeKind.READ
        before = store.pages()
    carry_out(Job("regrade", exam.dir, workers=1), in_threads)
    with open_store(exam.dir) as store:
        assert store.pages() == before

    assert run(["pages", "unplace", str(exam.dir), "a.pdf:2", "--by", "Kim"]) == 4
    assert run(["stacks", str(exam.dir), "--drop", "a.pdf:2", "--by", "Kim"]) == 0
    assert place(corners) == 0
    assert "It was dropped before; its serial says now where it belongs" in capsys.readouterr().err
    assert run(["pages", "unplace", str(exam.dir), "a.pdf:2", "--by", "Kim"]) == 4
    settings = (exam.dir / "exam.toml").read_text()
    assert "# photocopied = false" in settings
    (exam.dir / "exam.toml").write_text(settings.replace("# photocopied = false", "photocopied = true"))
    capsys.readouterr()
    assert place(corners) == 4
    told_so = capsys.readouterr()
    assert "a.pdf page 2: foreign: page 2 of a 'booklet', fits" in told_so.out and "says Kim" in told_so.out
    assert "--serial was ignored" in told_so.err
    assert f"tallymark stacks {exam.dir} --undo 'a.pdf:2'" in told_so.err


def test_both_pictures_of_a_held_page_are_shown_upright(paper: tuple[Exam, np.ndarray], capsys: Capture) -> None:
    exam, _ = paper
    folder = exam.dir / "both"
    assert run(["pages", "resolve", str(exam.dir), "hold", "--all", "--show", str(folder)]) == 4
    (path,) = folder.iterdir()
    both = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    half = both.shape[1] // 2
    # The second was scanned upside down: shown upright, its boxes lie where those of the first do.
    left, right = both[60:, 16 : half - 8], both[60:, half + 8 :][:, : half - 24]
    alike = np.corrcoef(cv2.blur(left, (9, 9)).ravel(), cv2.blur(right, (9, 9)).ravel())[0, 1]
    turned = np.corrcoef(cv2.blur(left, (9, 9)).ravel(), cv2.blur(right[::-1, ::-1], (9, 9)).ravel())[0, 1]
    assert alike > 0.9 > turned + 0.2
    capsys.readouterr()
    one = exam.dir / "one.png"
    assert run(["pages", "show", str(exam.dir), "b.pdf:1", "-o", str(one), "--alone"]) == 0
    assert cv2.imread(str(one)).shape[0] != both.shape[0]
