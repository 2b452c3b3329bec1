"""Templates: what the shipped ones hold, and that every fault is named with its line, all at once."""

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from recognizer.errors import TemplateError
from recognizer.geometry import Rect
from recognizer.template import (
    A4_MM,
    CONTENT,
    LETTER_MM,
    MARKS,
    QR_CODE,
    Kind,
    Role,
    SheetTemplate,
    find_template,
    load_template,
    parse_template,
    shipped_templates,
)

HEAD = 'name = "sheet"\n[[page]]\n'
FIELD = """[[page.field]]
name = "q1"
kind = "number"
role = "none"
x = 20
y = 50
width = 18
height = 11
"""
"""Line 3 to 10 of a template that begins with HEAD: `x` stands on line 7."""


def errors(text: str) -> list[str]:
    """Return what is wrong with a template, one sentence a line, without the file's name."""
    with pytest.raises(TemplateError) as caught:
        parse_template(text, "my.toml")
    lines = str(caught.value).splitlines()
    assert all(line.startswith("my.toml:") for line in lines)
    return [line.removeprefix("my.toml:") for line in lines]


def field_with(line: str = "", **replaced: str) -> str:
    """Return a one-field template; `x="30"` replaces that key's value, `line` is added at the end (line 11)."""
    text = FIELD
    for key, value in replaced.items():
        start = text.index(f"\n{key} = ") + 1
        text = text[:start] + f"{key} = {value}\n" + text[text.index("\n", start) + 1 :]
    return HEAD + text + line


# --- what is shipped


def test_four_templates_are_shipped() -> None:
    assert list(shipped_templates()) == ["booklet", "choice_answers", "cover_marks", "numeric_answers"]
    assert all(find_template(name).name == name for name in shipped_templates())


def test_cover_marks_has_an_id_twelve_half_marks_and_their_total() -> None:
    page = find_template("cover_marks").pages[0]
    marks = [field for field in page.fields if field.role is Role.MARK]
    total = page.field_named("total")
    assert page.field_named("candidate").characters == 8
    assert [mark.question for mark in marks] == [str(number) for number in range(1, 13)]
    assert all(mark.absent for mark in (*marks, total))
    assert find_template("cover_marks").reads(1), "sheets printed before AB was allowed"
    assert all(mark.kind is Kind.NUMBER and mark.dash and mark.step == Decimal("0.5") for mark in marks)
    assert total.maximum == sum(mark.maximum or 0 for mark in marks) == 120
    assert total.step == Decimal("0.5")


def test_numeric_answers_have_a_sign_three_digits_and_two_decimals() -> None:
    page = find_template("numeric_answers").pages[0]
    answers = [field for field in page.fields if field.role is Role.ANSWER]
    assert len(answers) == 20
    for answer in answers:
        boxes = [box.rect for box in answer.boxes(1)]
        gaps = [round(after.x - before.right, 6) for before, after in pairwise(boxes)]
        assert gaps == [0, 0, 0, 3.5, 0], "sign and three digits adjoin, then the point, then two decimals"
        assert (answer.minimum, answer.maximum) == (Decimal("-999.99"), Decimal("999.99"))


def test_choice_answers_hold_the_id_twice_and_forty_questions() -> None:
    page = find_template("choice_answers").pages[0]
    grid = page.field_named("candidate_grid")
    comb = page.field_named("candidate")
    answers = [field for field in page.fields if field.role is Role.ANSWER]
    assert [answer.options for answer in answers] == [("A", "B", "C", "D", "E")] * 40
    assert grid.options == tuple("0123456789")
    for position, box in enumerate(comb.boxes(1)):
        column = grid.boxes(1)[10 * position : 10 * position + 10]
        middle = box.rect.x + box.rect.width / 2
        assert all(bubble.rect.x + bubble.rect.width / 2 == pytest.approx(middle) for bubble in column)
        assert [bubble.option for bubble in column] == list("0123456789")
        tops = [bubble.rect.y for bubble in column]
        assert tops == sorted(tops)


def test_the_booklet_mixes_every_kind_on_two_pages() -> None:
    booklet = find_template("booklet")
    assert len(booklet.pages) == 2
    assert {field.kind for page in booklet.pages for field in page.fields} == set(Kind)
    assert {field.role for page in booklet.pages for field in page.fields} == set(Role)
    assert booklet.pages[1].field_named("remarks").multiple


@pytest.mark.parametrize("name", list(shipped_templates()))
def test_boxes_keep_clear_of_marks_and_codes(name: str) -> None:
    for box in find_template(name).all_boxes():
        assert CONTENT.contains(box.rect)
        assert not any(box.rect.grown(3).overlaps(printed) for printed in (*MARKS.values(), QR_CODE))


@pytest.mark.parametrize(("paper", "margin"), [(A4_MM, 9.0), (LETTER_MM, 6.0)])
def test_the_sheet_fits_both_papers(paper: tuple[float, float], margin: float) -> None:
    dx, dy = (paper[0] - A4_MM[0]) / 2, (paper[1] - A4_MM[1]) / 2
    printable = Rect(0, 0, *paper).grown(-margin)
    for area in (*MARKS.values(), QR_CODE, CONTENT):
        assert printable.contains(area.shifted(dx, dy))


# --- what a template of one's own may say


def test_repeat_goes_down_then_across_and_numbers_names_and_texts() -> None:
    text = field_with(
        'label = "Q{n}"\nrepeat = { count = 5, rows = 3, dx = 40, dy = 20, start = 8 }\n', name='"q{n:02}"'
    )
    fields = parse_template(text).pages[0].fields
    assert [(field.name, field.label, field.x, field.y) for field in fields] == [
        ("q08", "Q8", 20, 50),
        ("q09", "Q9", 20, 70),
        ("q10", "Q10", 20, 90),
        ("q11", "Q11", 60, 50),
        ("q12", "Q12", 60, 70),
    ]


def test_pages_carry_texts_lines_panels_and_example_bubbles() -> None:
    text = (
        HEAD
        + FIELD
        + '[[page.text]]\nx = 20\ny = 80\nwidth = 60\ntext = "Part {n}"\nsize = 9\nrepeat = { count = 2, dy = 50 }\n'
        + "[[page.line]]\nx = 20\ny = 90\nwidth = 100\n"
        + "[[page.panel]]\nx = 20\ny = 70\nwidth = 100\nheight = 15\n"
        + '[[page.bubble]]\nx = 100\ny = 75\nmark = "cross"\n'
    )
    page = parse_template(text).pages[0]
    assert [(printed.text, printed.y) for printed in page.texts] == [("Part 1", 80), ("Part 2", 130)]
    assert (page.lines[0].width, page.panels[0].height, page.bubbles[0].mark) == (100, 15, "cross")


def test_a_template_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        find_template("cover_marks").version = 2  # type: ignore[misc]


def test_older_versions_are_read_only_when_the_template_says_so() -> None:
    template = parse_template("version = 3\nalso_reads = [2]\n" + HEAD + FIELD)
    assert [template.reads(version) for version in (1, 2, 3, 4)] == [False, True, True, False]


# --- what is refused


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1: name: is missing", "1: page: is missing"]),
        ('name = "t"\nx = = 3', ["2: is no valid TOML: Invalid value (at line 2, column 5)"]),
        ('name = "sheet"\npage = []\n', ["1: the template has no field"]),
        (HEAD, ["1: the template has no field"]),
        ('name = "a b"\n[[page]]\n' + FIELD, ["1: name: a template name is 1 to 32 letters, digits, '.', '_' or '-'"]),
        (field_with("hight = 3\n"), ["11: field q1: hight: is no key that belongs here; did you mean height?"]),
        ((HEAD + FIELD).replace("x = 20\n", ""), ["3: field q1: x: is missing"]),
        ((HEAD + FIELD).replace("y = 50\n", "repeat = { count = 3 }\n"), ["3: field q1: y: is missing"]),
        (
            field_with(x='"20"', y="true"),
            ["7: field q1: x: should be a number, is '20'", "8: field q1: y: should be a number, is true"],
        ),
        (field_with(x="nan", y="inf", width="-inf"), None),
        (field_with(width="2"), ["9: field q1: width: should be greater than or equal to 3, is 2"]),
        (
            field_with(kind='"digit"'),
            ["5: field q1: kind: should be 'digits', 'number', 'choice' or 'image', is 'digit'"],
        ),
        (field_with("sign = 1\n", kind='"digits"'), ["11: field q1: sign: should be true or false, is 1"]),
        (field_with("maximum = true\n"), ["11: field q1: maximum: should be a number"]),
        (field_with("maximum = nan\n"), None),
        (field_with("step = 0\n"), ["11: field q1: step: should be greater than 0, is 0"]),
        (field_with('label = "two\\nlines"\n'), ["11: field q1: label: a text is one line without control characters"]),
        (field_with(name='"1a"'), None),
        (
            field_with("repeat = { count = true, dz = 3 }\n"),
            [
                "11: field q1: repeat.count: should be a whole number, is true",
                "11: field q1: repeat.dz: is no key that belongs here; known here: count, dx, dy, rows, start",
            ],
        ),
        (
            field_with("repeat = { count = 1000000 }\n"),
            ["11: field q1: repeat.count: should be less than or equal to 500, is 1000000"],
        ),
        (field_with("repeat = 4\n"), ["11: field q1: repeat: should be a table, is 4"]),
        (field_with("repeat = { count = 3, dy = 20 }\n"), ["4: field q1: name: the name q1 is used twice"]),
        (HEAD + "field = 3\n", ["3: page 1: field: should be a list in [ ], is 3"]),
        (HEAD + "field = [1]\n", ["3: field 1 of page 1: should be a table, is 1"]),
        ("page = 3\n" + 'name = "t"\n', ["1: page: should be a list in [ ], is 3"]),
        (
            "version = 1.5\ncolour = 3\n" + HEAD + FIELD,
            [
                "1: version: should be a whole number, is 1.5",
                "2: colour: is no key that belongs here; known here: "
                "also_reads, extra_to, instruction, name, page, title, version",
            ],
        ),
    ],
)
def test_faults_are_named_with_their_lines(text: str, expected: list[str] | None) -> None:
    found = errors(text)
    if expected is not None:
        assert found == expected
    else:
        assert all(sentence.split(":")[1].strip() in ("field q1", "field 1a") for sentence in found)


@pytest.mark.parametrize(
    ("lines", "replaced", "said"),
    [
        ("", {"kind": '"choice"'}, "a choice field needs options"),
        ('options = ["A"]\n', {}, "options, captions, multiple and positions belong to"),
        ('options = ["A", "A"]\n', {"kind": '"choice"'}, "the same option stands twice"),
        ('options = ["A+B"]\n', {"kind": '"choice"'}, "an option is 1 to 12 characters without spaces or '+'"),
        (
            'options = ["A", "B"]\ncaptions = ["only one"]\npitch = 20\n',
            {"kind": '"choice"'},
            "1 captions for 2 options",
        ),
        (
            'options = ["A"]\nmultiple = true\npositions = 2\n',
            {"kind": '"choice"'},
            "a grid (positions > 1) holds one option",
        ),
        ('shape = "bubble"\n', {}, 'shape = "bubble" belongs to'),
        ("sign = true\n", {}, 'characters, sign and decimals belong to kind = "digits" only'),
        ("absent = true\n", {"kind": '"digits"', "role": '"answer"'}, 'absent belongs to kind = "number" only'),
        ("characters = 2\ndecimals = 2\n", {"kind": '"digits"'}, "decimals = 2 leaves no box before the point"),
        ("", {"role": '"id"'}, "an id is written in boxes"),
        ("", {"role": '"mark"', "kind": '"image"'}, "a mark or total cannot be an image"),
        ("", {"role": '"mark"'}, "a mark says its question and its maximum"),
        ("minimum = 4\nmaximum = 3\n", {}, "minimum 4 is above maximum 3"),
        ("minimum = -1\n", {"kind": '"digits"', "role": '"answer"'}, "minimum -1 needs a box for the sign"),
        (
            "maximum = 10\n",
            {"kind": '"digits"', "role": '"answer"'},
            "maximum 10 cannot be written: the boxes hold at most 9",
        ),
    ],
)
def test_fields_that_contradict_themselves_are_refused(lines: str, replaced: dict[str, str], said: str) -> None:
    (found,) = errors(field_with(lines, **replaced))
    assert "field q1: " in found
    assert said in found


def second(**keys: str) -> str:
    """Return another field, to follow a first one (its table begins on line 11)."""
    values = {"name": '"q2"', "kind": '"number"', "role": '"none"', "x": "60", "y": "50", "width": "18", "height": "11"}
    return "[[page.field]]\n" + "".join(f"{key} = {value}\n" for key, value in (values | keys).items())


def test_overlapping_boxes_are_named_with_both_fields() -> None:
    assert errors(HEAD + FIELD + second(x="37.9")) == [
        "11: field q2: field q2, box 1, at x 37.9 to 55.9, y 50 to 61 mm lies on field q1, box 1"
    ]


def test_boxes_may_share_an_edge() -> None:
    assert len(parse_template(HEAD + FIELD + second(x="38")).all_boxes()) == 2


def test_boxes_of_one_field_must_not_overlap_either() -> None:
    (found,) = errors(field_with("characters = 3\npitch = 17\n", kind='"digits"'))
    assert "field q1, box 2, at x 37 to 55" in found
    assert found.endswith("lies on field q1, box 1")


@pytest.mark.parametrize(("x", "y"), [("8.9", "50"), ("183.1", "50"), ("20", "37.9"), ("20", "258.1")])
def test_boxes_that_leave_the_printable_area_are_named(x: str, y: str) -> None:
    (found,) = errors(field_with(x=x, y=y))
    assert found.startswith("3: field q1: field q1, box 1, at x ")
    assert found.endswith("leaves the printable area (x 9 to 201, y 38 to 269 mm)")


@pytest.mark.parametrize(
    "printed",
    [
        '[[page.text]]\nx = 10\ny = 55\nwidth = 30\ntext = "over the box"\n',
        "[[page.line]]\nx = 10\ny = 55\nwidth = 30\n",
        "[[page.panel]]\nx = 10\ny = 40\nwidth = 30\nheight = 20\n",
        "[[page.bubble]]\nx = 20\ny = 50\n",
    ],
)
def test_nothing_is_printed_into_a_box(printed: str) -> None:
    (found,) = errors(HEAD + FIELD + printed)
    assert found.startswith("11: ")
    assert found.endswith("lies on field q1, box 1")


def test_labels_keep_on_the_page_and_clear_of_boxes() -> None:
    label = {"label": '"Q"', "label_at": '"left"', "label_width": "30"}
    assert errors(HEAD + second(**label, x="38")) == [
        "13: field q2: label_width: the label of q2 at x 8 to 36, y 53.5 to 57.5 mm leaves the printable area "
        "(x 9 to 201, y 38 to 269 mm)"
    ]
    (found,) = errors(HEAD + FIELD + second(**label))
    assert found == (
        "21: field q2: label_width: the label of q2 at x 30 to 58, y 53.5 to 57.5 mm lies on field q1, box 1"
    )


def test_all_faults_are_listed_at_once_in_the_order_of_the_file() -> None:
    found = errors(field_with("maximum = 1\nminimum = 2\n") + second(x="nan", colour='"red"'))
    assert [sentence.split(":")[0] for sentence in found] == ["3", "17", "21"]


def test_faults_between_fields_are_listed_at_once() -> None:
    text = HEAD + FIELD + second(x="30") + second(x="900e-1", y="265") + second(name='"q4"', y="20")
    found = errors(text)
    assert [sentence.split(":")[0] for sentence in found] == ["11", "19", "20", "27"]


def test_a_fault_of_every_copy_is_said_once() -> None:
    text = field_with("repeat = { count = 12, dy = 2 }\n", name='"a{n}"')
    assert errors(text) == ["3: field a{n}: field a2, box 1, at x 20 to 38, y 52 to 63 mm lies on field a1, box 1"]


def test_names_questions_and_totals_are_unlike() -> None:
    mark = {"role": '"mark"', "question": '"1"', "maximum": "10"}
    total = {"role": '"total"', "maximum": "19"}
    text = (
        HEAD
        + second(**mark, name='"m1"')
        + second(**mark, name='"m2"', x="80")
        + second(role='"total"', name='"t1"', x="100")
        + second(**total, name='"t2"', x="120")
    )
    found = errors(text)
    assert [sentence.split(": ", 1)[1] for sentence in found] == [
        "field m2: question: question 1 has a mark already",
        "field t2: role: t1 is the total already; of several totals, each but the last says what it adds, "
        'such as adds = ["q1", "q2"]',
        "field t2: maximum: 19 is less than the marks add up to (20)",
    ]


# --- hostile files


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 900 + "]" * 900,
        "a = " + "[\n" * 20_000 + "]\n" * 20_000,
        ".".join("a" * 30_000) + " = 1",
        "name = " + "9" * 1_500 + "\nversion = 1" + "0" * 1_900,
        "x" * 300_000,
        "\x00",
        HEAD + "".join(second(name=f'"f{index}_{{n}}"', repeat="{ count = 500 }") for index in range(100)),
        HEAD
        + second(kind='"choice"', name='"g{n}"', options='["a", "b"]', positions="40", repeat="{ count = 500 }")
        + "[[page.field]]\n",
    ],
    ids=["nested", "nested-deeply", "dotted-key", "numbers", "large", "nul", "copies", "boxes"],
)
def test_hostile_files_are_refused(text: str) -> None:
    assert errors(text)


def test_a_page_has_room_for_so_many_boxes() -> None:
    text = HEAD + second(kind='"choice"', name='"g{n}"', options='["a", "b"]', positions="40", repeat="{ count = 400 }")
    assert errors(text) == ["2: page 1: has 32,000 boxes; a page has room for 4,000"]


def test_no_more_than_a_screenful_of_faults_is_listed() -> None:
    found = errors(HEAD + "".join(second(name=f'"f{index}"', kind='"none"') for index in range(60)))
    assert len(found) == 41
    assert "and 20 more problems" in found[-1]


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('name = "é"'.encode("latin-1"))
    large = tmp_path / "large.toml"
    large.write_text("#" * 300_000)
    for path, said in [
        (tmp_path / "none.toml", "No such file"),
        (tmp_path, "cannot be read"),
        (latin, "is no UTF-8 text"),
        (large, "is 300,000 bytes long"),
    ]:
        with pytest.raises(TemplateError, match=said) as caught:
            load_template(path)
        assert str(path) in str(caught.value)


def test_an_unknown_name_lists_the_shipped_ones() -> None:
    with pytest.raises(TemplateError, match="there is no template 'cover'; shipped are booklet, choice_answers"):
        find_template("cover")


def test_a_template_made_in_python_is_checked_too() -> None:
    field = {"name": "q", "kind": "number", "role": "none", "x": 0, "y": 0, "width": 18, "height": 11}
    with pytest.raises(ValidationError, match="leaves the printable area"):
        SheetTemplate.model_validate({"name": "t", "page": [{"field": [field]}]})


# --- extra paper


def test_extra_paper_needs_a_number_and_no_marks() -> None:
    number = FIELD.replace('"q1"', '"candidate"').replace('"number"', '"digits"').replace('"none"', '"id"')
    assert parse_template(f'extra_to = "booklet"\n{HEAD}{number}').extra_to == "booklet"
    assert errors(f'extra_to = "booklet"\n{HEAD}{FIELD}') == [
        "1: extra_to: needs a field with the role id: without a candidate number nobody knows whose a sheet is"
    ]
    mark = FIELD.replace('"none"', '"mark"\nquestion = "1"\nmaximum = 5').replace("y = 50", "y = 80")
    assert errors(f'extra_to = "booklet"\n{HEAD}{number}{mark}') == [
        "1: extra_to: a sheet that is extra to 'booklet' has no marks and no total of its own"
    ]
    assert errors(f'extra_to = "sheet"\n{HEAD}{number}') == [
        "1: extra_to: should be the name of another template, not 'sheet'"
    ]


def test_the_name_of_cover_sheets_is_taken() -> None:
    assert errors(HEAD.replace('"sheet"', '"batch-cover"') + FIELD) == [
        "1: name: 'batch-cover' is the name of cover sheets; give the template another one"
    ]
