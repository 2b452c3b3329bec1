"""`tallymark template from-blank`: from the PDF of a blank form to a template that registers filled scans."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from flows import cli
from recognizer.geometry import apply_homography
from recognizer.register import register
from recognizer.template import Kind, Role, SheetSet, load_template
from tests.helpers.forms import DPI, PX_PER_MM, Form, drawn_form
from tests.helpers.paper import as_page, scan

WRITTEN = ["form-1.check.png", "form-1.png", "form-2.check.png", "form-2.png", "form.toml"]


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drawn forms as one PDF."""
    path = tmp_path_factory.mktemp("blank") / "blank form.pdf"
    first, second = drawn_form("cover").picture, drawn_form("combs").picture
    first.save(path, resolution=DPI, save_all=True, append_images=[second])
    return path


@pytest.fixture(scope="module")
def written(blank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template that is proposed for them."""
    output = tmp_path_factory.mktemp("written") / "form.toml"
    assert cli.run(["template", "from-blank", str(blank), "-o", str(output), "--json"]) == 0
    return output


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_template_and_its_pictures_are_written(written: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert names_in(written.parent) == WRITTEN
    assert cli.run(["template", "check", str(written)]) == 0
    assert "form version 1, 2 pages, 25 fields, 62 boxes" in capsys.readouterr().out
    assert "tallymark template check form.toml --scan FILLED.pdf" in written.read_text(encoding="utf-8")
    fields = [field for page in load_template(written).pages for field in page.fields]
    assert {(field.kind, field.role) for field in fields} == {
        (Kind.DIGITS, Role.NONE),
        (Kind.NUMBER, Role.NONE),
        (Kind.IMAGE, Role.NONE),
    }


def test_the_drawn_pages_show_boxes_where_they_are(written: Path) -> None:
    drawn = cv2.imread(str(written.parent / "form-1.check.png"))
    scale = drawn.shape[1] / 210.0
    for field, colour in (("comb1", (200, 90, 20)), ("t1_r05_c1", (40, 140, 0)), ("area1", (0, 120, 255))):
        box = load_template(written).pages[0].field_named(field).boxes(1)[0].rect
        side = drawn[round((box.bottom) * scale - 0.5), round((box.x + box.width / 2) * scale)]
        assert tuple(side) == colour


def test_a_filled_scan_is_registered_with_what_was_written(written: Path) -> None:
    template = load_template(written)
    for number, name in ((1, "cover"), (2, "combs")):
        form = drawn_form(name)
        filled = form.pixels.copy()
        for index, box in enumerate(form.template().boxes(1)):
            if index % 3:
                x, y = (
                    (box.rect.x + 0.5 * box.rect.width) * PX_PER_MM,
                    (box.rect.y + 0.5 * box.rect.height) * PX_PER_MM,
                )
                cv2.putText(filled, str(index % 10), (round(x) - 25, round(y) + 25), 0, 2.4, 20, 6, cv2.LINE_AA)
        seen = scan(filled, DPI, angle=-1.3, scale=0.7, shift=(2.0, -1.5), blur=0.7, noise=5, quarter_turns=2 * number)
        found = register(as_page(seen.pixels), SheetSet("exam", (template,)))
        assert found.identity.page == number
        for field in template.pages[number - 1].fields:
            rects = [box.rect for box in field.boxes(number)]
            true = [
                min(
                    (box.rect for box in form.template().boxes(1)),
                    key=lambda one: abs(one.x - rect.x) + abs(one.y - rect.y),
                )
                for rect in rects
                if field.name != "area2"
            ]
            for rect, drawn in zip(rects, true, strict=False):
                back = apply_homography(np.linalg.inv(seen.mm_to_px), found.to_px(rect.corners()))
                assert np.hypot(*(back - drawn.corners()).T).max() < 0.5


def test_nothing_is_replaced_unless_forced(
    blank: Path, written: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "form-2.png").write_bytes(b"mine")
    command = ["template", "from-blank", str(blank), "-o", str(tmp_path / "form.toml")]
    assert cli.run(command) == 5
    assert "form-2.png already; nothing was written" in capsys.readouterr().err
    assert names_in(tmp_path) == ["form-2.png"]
    assert cli.run([*command, "--force", "--name", "cover-2026"]) == 0
    said = capsys.readouterr().out
    assert "form.toml: 25 fields, 62 boxes on 2 pages; look at" in said
    assert names_in(tmp_path) == WRITTEN
    assert load_template(tmp_path / "form.toml").name == "cover-2026"
    assert (tmp_path / "form-2.png").read_bytes() == (written.parent / "form-2.png").read_bytes()


def test_the_summary_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "survey.png"
    drawn_form("survey").picture.resize((1240, 1754), Image.Resampling.LANCZOS).save(picture)
    command = ["template", "from-blank", str(picture), "-o", str(tmp_path / "s.toml"), "--width", "210", "--json"]
    assert cli.run(command) == 0
    summary = json.loads(capsys.readouterr().out)
    (page,) = summary["pages"]
    assert (summary["name"], summary["fields"], summary["boxes"]) == ("s", 16, 64)
    assert (page["reference"], page["check"], page["width"], page["turned"]) == ("s-1.png", "s-1.check.png", 210.0, 0.0)
    assert page["fields"][0] == {"name": "tick1", "kind": "choice", "boxes": 4}


def test_a_page_of_text_is_refused_with_advice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    letter = Form("letter")
    letter.paragraph(20, 40, 160, 40)
    letter.picture.save(tmp_path / "letter.png", dpi=(DPI, DPI))
    assert cli.run(["template", "from-blank", str(tmp_path / "letter.png"), "-o", str(tmp_path / "out.toml")]) == 3
    assert "letter.png: no boxes were found" in capsys.readouterr().err
    assert names_in(tmp_path) == ["letter.png"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"name = 1", "holds text"),
        (b"%PDF-1.4\n%%EOF", "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
    ],
)
def test_a_file_that_is_no_scan_is_refused(
    content: bytes, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.pdf").write_bytes(content)
    assert cli.run(["template", "from-blank", str(tmp_path / "bad.pdf"), "-o", str(tmp_path / "out.toml")]) == 3
    error = capsys.readouterr().err
    assert error.startswith("Error: bad.pdf")
    assert said in error
    assert names_in(tmp_path) == ["bad.pdf"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "form.txt"], "and .toml"),
        (["-o", "Prüfung.toml"], "and .toml"),
        (["-o", "form.toml", "--name", "two words"], "cannot name a template"),
        (["-o", "form.toml", "--width", "5"], "--width"),
        ([], "--output"),
    ],
)
def test_a_wrong_command_line_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["template", "from-blank", "blank.pdf", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_told_and_nothing_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn_form("combs").picture.save(tmp_path / "blank.png", dpi=(DPI, DPI))
    output = tmp_path / "missing" / "form.toml"
    assert cli.run(["template", "from-blank", str(tmp_path / "blank.png"), "-o", str(output)]) == 5
    assert "cannot be written" in capsys.readouterr().err
    assert names_in(tmp_path) == ["blank.png"]
