from pathlib import Path

import pytest

from flows.errors import ExamError
from flows.folder import make_exam_folder
from flows.settings import load_exam, parse_settings, replace_template
from recognizer.errors import TemplateError
from recognizer.template import shipped_templates
from tests.helpers.filing import TWO_PAGES


def exam_folder(folder: Path, text: str) -> Path:
    (folder / "exam.toml").write_text(text, encoding="utf-8")
    return folder


def test_what_is_not_said_has_the_documented_default() -> None:
    settings = parse_settings('templates = ["cover_marks"]')
    assert (settings.exam, settings.render, settings.workers) == ("exam", "auto", 2)
    assert settings.accept_error == 0.001
    assert settings.sums.misadded == 0.05
    assert (settings.review.blank_mark, settings.marks.blank, settings.marks.dash) == ("flag", "unsettled", "zero")
    assert settings.marks.absent == "no_total"
    assert not settings.sheets.photocopied


@pytest.mark.parametrize(("said", "share"), [('"off"', 0.0), ('"all"', 1.0), ("0.1", 0.1), ("1", 1.0)])
def test_a_share_of_the_fields_has_a_second_answer(said: str, share: float) -> None:
    assert parse_settings(f'templates = ["x"]\n[review]\nsecond = {said}').review.second_share == share
    assert parse_settings('templates = ["x"]').review.second_share == 0.0
    assert parse_settings('templates = ["x"]').review.names == "hidden"


def test_a_model_of_the_exams_own_is_a_folder_beside_exam_toml(tmp_path: Path) -> None:
    text = 'templates = ["cover_marks"]\n'
    assert load_exam(exam_folder(tmp_path, text)).model is None
    assert load_exam(exam_folder(tmp_path, text + 'model = "model-1"\n')).model == tmp_path / "model-1"


def test_an_exam_knows_shipped_templates_and_its_own(tmp_path: Path) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "small.toml").write_text(TWO_PAGES)
    folder = exam_folder(tmp_path, 'exam = "chem-2026"\ntemplates = ["cover_marks", "templates/small.toml"]')
    exam = load_exam(folder)
    assert exam.sheets.exam == "chem-2026"
    assert [template.name for template in exam.sheets.templates] == ["cover_marks", "small"]
    assert exam.template_named("small").pages[1].fields[0].name == "sum"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('templates = ["x"]\nworker = 3', 2, "worker: there is no such setting"),
        ('templates = ["x"]\n\n[review]\nblank_mark = "maybe"', 4, "review.blank_mark"),
        ('templates = ["x"]\n[review]\nsecond = 0', 3, 'review.second: is "off", "all", or the share'),
        ('templates = ["x"]\n[review]\nsecond = 1.5', 3, 'review.second: is "off"'),
        ('templates = ["x"]\n[review]\nsecond = nan', 3, 'review.second: is "off"'),
        ('templates = ["x"]\n[review]\nsecond = true', 3, 'review.second: is "off"'),
        ('templates = ["x"]\n[review]\nsecond = "some"', 3, 'review.second: is "off"'),
        ('templates = ["x"]\n[review]\nnames = true', 3, "'hidden' or 'shown'"),
        ('templates = ["x"]\n[marks]\ndash = 0', 3, "marks.dash"),
        ('templates = ["x"]\nmarks.dash = 0', 2, "marks.dash"),
        ('templates = ["x"]\n[marks]\nabsent = "AB"', 3, "'no_total', 'zero' or 'unsettled'"),
        ('templates = ["x"]\nexam = "Chemie 2026"', 2, "an exam code is"),
        (
            'templates = ["x"]\n[roster]\ncheck = "lun"',
            3,
            "is none of the schemes of check characters: luhn",
        ),
        ('templates = ["x"]\n[roster]\noff_roster = nan', 3, "roster.off_roster"),
        ("templates = []", 1, "templates"),
        ('exam = "a"', 1, "templates: this setting is missing"),
        ('templates = ["x"]\nworkers = 0', 2, "workers"),
        ('templates = ["x"]\n[sums]\nmisadded = 0', 3, "sums.misadded"),
        ('templates = ["x"]\n[sums]\nmisadded = 0.6', 3, "sums.misadded"),
        ('templates = ["x"]\n[sums]\nmisadded = nan', 3, "sums.misadded"),
        ('templates = ["x"]\n[sums]\nmisadded = "2 %"', 3, "sums.misadded"),
        ('templates = ["x"]\naccept_error = 0.06', 2, "from 0.0001 (1 in 10,000) to 0.05 (50 in 1,000)"),
        ('templates = ["x"]\naccept_error = 0', 2, "may be wrong"),
        ('templates = ["x"]\naccept_error = nan', 2, "may be wrong"),
        ('templates = ["x"]\n[inbox]\naccept_error = 0.001', 3, "belongs to the top of the file"),
        ('templates = ["x"]\n[marks]\nmodel = "model-1"', 3, "belongs to the top of the file"),
        ('templates = ["x"]\nmodel = ""', 2, "model"),
        ('templates = ["x"]\n[review]\naccept_confidence = 0.99', 3, "accept_error = 0.001"),
    ],
)
def test_an_error_names_file_line_and_setting(tmp_path: Path, text: str, line: int, said: str) -> None:
    with pytest.raises(ExamError) as caught:
        load_exam(exam_folder(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path / 'exam.toml'}:{line}: ")
    assert said in str(caught.value)


def test_every_error_is_named_at_once() -> None:
    with pytest.raises(ExamError) as caught:
        parse_settings('templates = ["x"]\nworkers = 0\nrender = "ghost"')
    assert len(str(caught.value).splitlines()) == 2


def test_text_that_is_no_toml_is_named_with_its_line() -> None:
    with pytest.raises(ExamError, match=r"no valid TOML.*line 2"):
        parse_settings('templates = ["x"]\nworkers = = 3')


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "exam.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ExamError, match="UTF-8"):
        load_exam(tmp_path)


def test_a_folder_without_exam_toml_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match="tallymark init"):
        load_exam(tmp_path)


def test_two_templates_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ExamError, match="cover_marks"):
        load_exam(exam_folder(tmp_path, 'templates = ["cover_marks", "cover_marks"]'))


def test_extra_paper_belongs_to_a_template_of_the_exam(tmp_path: Path) -> None:
    number = "kind = 'digits'\nrole = 'id'\nx = 20\ny = 50\nwidth = 8\nheight = 10"
    extra = tmp_path / "extra.toml"
    extra.write_text(f"name = 'extra'\nextra_to = 'booklet'\n[[page]]\n[[page.field]]\nname = 'candidate'\n{number}\n")
    exam = exam_folder(tmp_path, 'templates = ["booklet", "extra.toml"]')
    assert load_exam(exam).template_named("extra").extra_to == "booklet"
    with pytest.raises(ExamError, match="'extra' is extra to 'booklet', which is none of the exam's templates"):
        load_exam(exam_folder(tmp_path, 'templates = ["cover_marks", "extra.toml"]'))


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match=r"gone.toml"):
        load_exam(exam_folder(tmp_path, 'templates = ["templates/gone.toml"]'))


def test_a_template_that_would_throw_read_sheets_out_is_refused(tmp_path: Path) -> None:
    exam = make_exam_folder(tmp_path / "exam", ["cover_marks"], None, None)
    bumped = tmp_path / "bumped.toml"
    shipped = shipped_templates()["cover_marks"].read_text(encoding="utf-8")
    text = shipped.replace("version = 2\nalso_reads = [1]", "version = 3", 1)
    bumped.write_text(text, encoding="utf-8")
    with pytest.raises(ExamError, match=r"printed from version 2; .* also_reads = \[2\]"):
        replace_template(exam, bumped, [("cover_marks", 2), ("booklet", 7)])
    assert load_exam(exam.dir).template_named("cover_marks").version == 2

    bumped.write_text(text.replace("version = 3", "version = 3\nalso_reads = [2]", 1), encoding="utf-8")
    replace_template(exam, bumped, [("cover_marks", 2)])
    assert load_exam(exam.dir).template_named("cover_marks").also_reads == (2,)
