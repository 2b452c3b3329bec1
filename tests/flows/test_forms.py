"""An exam of forms without corner marks, from the template's files to what is stored; and `template check --scan`."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.cli import run
from flows.errors import ExamError
from flows.folder import make_exam_folder
from flows.grading import Workplace, grade_inbox, here
from flows.settings import Exam, replace_template, template_file
from flows.store import open_store
from recognizer.errors import TemplateError
from recognizer.records import GreyImage, PageOutcomeKind
from recognizer.simulate.photo import photograph
from recognizer.template import find_template
from tests.helpers.forms import blank_png, drawn_form
from tests.helpers.paper import scan
from tests.helpers.reading_here import ReadingHere


def write_form(folder: Path, name: str) -> Path:
    """Write the two files of a form's template and return the TOML."""
    form = drawn_form(name)
    (folder / f"{name}-1.png").write_bytes(blank_png(form.pixels))
    path = folder / f"{name}.toml"
    path.write_text(form.toml())
    return path


@pytest.fixture
def exam(tmp_path: Path) -> Exam:
    template = write_form(tmp_path, "combs")
    return make_exam_folder(tmp_path / "exam", [str(template)], None, None)


def put(exam: Exam, name: str, pixels: GreyImage) -> None:
    cv2.imwrite(str(exam.inbox / name), pixels)


def test_init_says_nothing_of_printing_forms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, folder = write_form(tmp_path, "combs"), tmp_path / "e"
    assert run(["init", str(folder), "--template", str(template)]) == 0
    said = capsys.readouterr().out
    assert "template print" not in said and "Nothing is to be printed" in said
    own = folder / "templates" / "combs.toml"
    assert own.is_file()
    assert f"tallymark template check {own} --scan FILLED.pdf -o look.png" in said
    assert "Next: try 'combs' with    tallymark" in said and "tallymark grade" in said
    assert run(["init", str(tmp_path / "f"), "--template", str(template), "--template", "booklet"]) == 0
    said = capsys.readouterr().out
    assert "template print booklet" in said and "template check" in said and "Nothing is" not in said


def test_an_exam_of_forms_is_graded(exam: Exam) -> None:
    photo = photograph(drawn_form("combs").pixels.copy(), 300, np.random.default_rng(11))
    put(exam, "a.png", scan(drawn_form("combs").pixels, angle=1, noise=4, scale=0.6, quarter_turns=1).pixels)
    put(exam, "b.jpg", photo.pixels)
    put(exam, "c.png", np.full((1200, 850), 252, np.uint8))
    put(exam, "d.png", scan(drawn_form("table").pixels, scale=0.5).pixels)
    with open_store(exam.dir) as store, store.grading():
        reader = ReadingHere(exam)
        tally = grade_inbox(Workplace(exam, store, reader, here(reader)))
        rows = {row.file: row for row in store.pages()}
        photographed, _ = store.page_view(rows["b.jpg"].scan, 1)
    assert tally.pages[PageOutcomeKind.READ] == 2
    assert tally.pages[PageOutcomeKind.BLANK] == 1
    assert tally.pages[PageOutcomeKind.FAILED] == 1
    # No serial tells two copies apart: each page is a sheet of its own.
    assert rows["a.png"].sheet != rows["b.jpg"].sheet
    assert rows["a.png"].identified_by == "form"
    assert rows["a.png"].error_mm is not None
    assert rows["a.png"].error_mm <= 0.3
    # What was stored says where the boxes are on the curled page.
    assert photographed is not None
    corners = np.vstack([box.rect.corners() for box in exam.sheets.templates[0].boxes(1)])
    away = np.hypot(*(photographed.to_px(corners) - photo.mm_to_px(corners)).T)
    assert (
        away.max() <= 0.5 * np.hypot(*(photo.mm_to_px(np.eye(2) * 10) - photo.mm_to_px(np.zeros((1, 2)))).T).max() / 10
    )


def test_the_blank_page_comes_along_into_the_exam(exam: Exam, tmp_path: Path) -> None:
    folder = template_file(exam.dir, exam.settings.templates[0]).parent  # type: ignore[union-attr]
    assert (folder / "combs-1.png").read_bytes() == (tmp_path / "combs-1.png").read_bytes()
    (folder / "combs-1.png").unlink()
    with pytest.raises(TemplateError, match=r"combs-1\.png, cannot be read beside the template"):
        find_template(str(folder / "combs.toml"))


def test_another_version_of_a_form_brings_its_blank_page(exam: Exam, tmp_path: Path) -> None:
    newer = write_form(tmp_path, "combs")
    newer.write_text(newer.read_text().replace('name = "combs"', 'name = "combs"\nversion = 2\nalso_reads = [1]', 1))
    (tmp_path / "combs-1.png").write_bytes(blank_png(drawn_form("combs").pixels, 150))
    replace_template(exam, newer)
    folder = template_file(exam.dir, exam.settings.templates[0]).parent  # type: ignore[union-attr]
    assert (folder / "combs-1.png").read_bytes() == (tmp_path / "combs-1.png").read_bytes()


def test_two_forms_may_not_share_a_picture_of_their_blank_page(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, two = write_form(tmp_path, "combs"), write_form(tmp_path / "other", "table")
    two.write_text(two.read_text().replace("table-1.png", "combs-1.png"))
    (tmp_path / "other" / "table-1.png").rename(tmp_path / "other" / "combs-1.png")
    with pytest.raises(ExamError, match=r"combs-1\.png"):
        make_exam_folder(tmp_path / "exam", [str(one), str(two)], None, None)
    assert not (tmp_path / "exam").exists()


def test_a_template_is_checked_on_a_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, filled, drawn = write_form(tmp_path, "combs"), tmp_path / "filled.png", tmp_path / "look.png"
    cv2.imwrite(str(filled), scan(drawn_form("combs").pixels, angle=1, noise=3, scale=0.6).pixels)
    assert run(["template", "check", str(template), "--scan", str(filled), "-o", str(drawn)]) == 0
    assert "page 1: page 1 of combs, off by 0." in capsys.readouterr().out
    picture = cv2.imread(str(drawn))
    assert picture is not None
    # Green outlines: 41 boxes of 8.5 x 10.5 mm, a few pixels wide.
    blue, green, red = (picture[..., channel].astype(int) for channel in range(3))
    assert ((green - red > 60) & (green - blue > 60)).sum() > 10_000
    assert run(["template", "check", str(template), "--scan", str(filled), "--json"]) == 0
    (page,) = json.loads(capsys.readouterr().out)
    assert page["found"]
    assert len(page["boxes"]) == 41
    assert max(box["off_mm"] for box in page["boxes"] if box["off_mm"] is not None) <= 0.3


def test_a_scan_of_something_else_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template, filled = write_form(tmp_path, "combs"), tmp_path / "filled.png"
    cv2.imwrite(str(filled), scan(drawn_form("survey").pixels, scale=0.4).pixels)
    assert run(["template", "check", str(template), "--scan", str(filled)]) == 4
    assert "page 1: not found: " in capsys.readouterr().out


def test_a_form_is_not_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = write_form(tmp_path, "combs")
    assert run(["template", "print", str(template), "-o", str(tmp_path / "out.pdf")]) == 3
    assert "is a form that was printed elsewhere" in capsys.readouterr().err
    assert not (tmp_path / "out.pdf").exists()


def test_the_picture_of_a_blank_page_is_an_ordinary_file(tmp_path: Path) -> None:
    template = write_form(tmp_path, "combs")
    (tmp_path / "combs-1.png").unlink()
    (tmp_path / "combs-1.png").symlink_to("/dev/zero")
    with pytest.raises(TemplateError, match="no ordinary file"):
        find_template(str(template))


def test_a_white_blank_page_is_told_when_the_template_is_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = write_form(tmp_path, "combs")
    (tmp_path / "combs-1.png").write_bytes(blank_png(np.full((3508, 2480), 255, np.uint8)))
    assert run(["template", "check", str(template)]) == 3
    assert "shows too little to be found" in capsys.readouterr().err
    assert run(["init", str(tmp_path / "exam"), "--template", str(template)]) == 3
    assert not (tmp_path / "exam").exists()
