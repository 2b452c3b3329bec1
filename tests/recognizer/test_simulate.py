from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import cache

import cv2
import numpy as np
import pytest

from recognizer.geometry import MM_PER_INCH, Rect
from recognizer.glyphs import GlyphSet, load_glyphs
from recognizer.records import GreyImage
from recognizer.simulate import (
    Attendance,
    CaseKind,
    Effects,
    Extras,
    Mode,
    SimulatedSheet,
    Simulation,
    simulate,
)
from recognizer.simulate.answers import candidate_for, choose_answers
from recognizer.simulate.filling import Writers, fill_page, in_boxes
from recognizer.simulate.hand import Habits, Hand, Pen, Sheet
from recognizer.simulate.letters import LETTERS, SPELLINGS, draw_letter
from recognizer.simulate.numbers import HALF_STYLES, write_number, write_with_slip
from recognizer.simulate.scanner import PROFILES, scan
from recognizer.simulate.slips import DIGITS_WITH_A_BAR, STRIKES, corrected_digit, strike_out
from recognizer.simulate.strokes import Placing, place, thinned, trace
from recognizer.simulate.wrong_sums import swapped, wrong_total
from recognizer.template import Kind, Role, SheetTemplate, find_template, parse_template
from recognizer.values import parse_value
from tests.helpers.sum_sheets import sum_template

DPI = 100
PX_PER_MM = DPI / MM_PER_INCH
SHIPPED = ("cover_marks", "numeric_answers", "choice_answers", "booklet")

SMALL = parse_template("""
name = "small"
[[page]]
  [[page.field]]
  name = "candidate"
  kind = "digits"
  role = "id"
  x = 20
  y = 45
  width = 8
  height = 10
  characters = 6
  [[page.field]]
  name = "q{n}"
  kind = "number"
  role = "mark"
  question = "{n}"
  maximum = 20
  step = 0.5
  dash = true
  x = 30
  y = 70
  width = 18
  height = 11
  repeat = { count = 6, rows = 6, dy = 14 }
  [[page.field]]
  name = "answer"
  kind = "digits"
  role = "answer"
  x = 100
  y = 70
  width = 7
  height = 9
  sign = true
  characters = 4
  decimals = 1
  minimum = -999.9
  maximum = 999.9
  step = 0.1
""")


@cache
def digits() -> GlyphSet:
    return load_glyphs()


def sheets(count: int, seed: int = 4, **changes: object) -> list[SimulatedSheet]:
    simulation = replace(Simulation(SMALL, count, seed, DPI, Effects.OFFICE), **changes)  # type: ignore[arg-type]
    return list(simulate(simulation, digits()))


def hand(seed: int = 1, **habits: object) -> Hand:
    usual = Habits(5.5, 0.0, 0.05, "slash", ".", "cross", "fill")
    rng = np.random.default_rng(seed)
    return Hand(digits(), digits().writers[0], Pen(0.5, 0.1, 0.1), replace(usual, **habits), rng)  # type: ignore[arg-type]


def white(height_mm: float = 297.0, width_mm: float = 210.0) -> Sheet:
    return Sheet(np.full((round(height_mm * PX_PER_MM), round(width_mm * PX_PER_MM)), 255, np.uint8), DPI)


def ink_in(pixels: GreyImage, rect: Rect) -> int:
    """Dark pixels inside a rectangle given in mm."""
    rows = slice(round(rect.y * PX_PER_MM), round(rect.bottom * PX_PER_MM))
    columns = slice(round(rect.x * PX_PER_MM), round(rect.right * PX_PER_MM))
    return int((pixels[rows, columns] < 160).sum())


def same(some: Sequence[SimulatedSheet], others: Sequence[SimulatedSheet]) -> bool:
    for one, other in zip(some, others, strict=True):
        if (one.serial, one.candidate) != (other.serial, other.candidate):
            return False
        for page, twin in zip(one.pages, other.pages, strict=True):
            if dict(page.values) != dict(twin.values) or not np.array_equal(
                np.asarray(page.picture.data), np.asarray(twin.picture.data)
            ):
                return False
    return True


def test_the_first_sheets_do_not_depend_on_how_many_follow() -> None:
    assert same(sheets(2), sheets(4)[:2])


def test_a_sheet_depends_on_its_serial_and_not_on_where_a_run_begins() -> None:
    first, second = sheets(2)
    assert same([second], sheets(1, first_serial=second.serial))
    assert not same([first], sheets(1, seed=5, first_serial=first.serial))


def test_values_stay_when_the_scanner_changes() -> None:
    grey, rough = sheets(1)[0], sheets(1, effects=Effects.ROUGH, mode=Mode.ONE_BIT, dpi=150)[0]
    assert dict(grey.pages[0].values) == dict(rough.pages[0].values)


def test_every_field_but_images_has_a_truth_on_its_page() -> None:
    template = find_template("booklet")
    (sheet,) = simulate(Simulation(template, 1, 1, DPI, Effects.CLEAN), digits())
    for page, simulated in zip(template.pages, sheet.pages, strict=True):
        assert list(simulated.values) == [field.name for field in page.fields if field.kind is not Kind.IMAGE]


def test_two_seeds_share_no_serials() -> None:
    serials = [Simulation(SMALL, 1000, seed).serials for seed in (1, 2, 3)]
    assert len({serial for some in serials for serial in some}) == 3000


@pytest.mark.parametrize("name", SHIPPED)
def test_values_are_what_the_template_allows(name: str) -> None:
    template = find_template(name)
    fields = {field.name: field for page in template.pages for field in page.fields}
    seen: set[str] = set()
    for serial in range(1, 120):
        rng = np.random.default_rng(serial)
        for where, value in choose_answers(template, candidate_for(template, 1, serial), rng, 0.0).items():
            assert parse_value(fields[where], value) == value
            seen.add(value)
    assert "" in seen


@pytest.mark.parametrize("name", ["cover_marks", "booklet"])
def test_the_total_is_the_sum_of_the_marks(name: str) -> None:
    template = find_template(name)
    marks = [field.name for page in template.pages for field in page.fields if field.role is Role.MARK]
    dashes = 0
    for serial in range(1, 40):
        values = choose_answers(template, candidate_for(template, 1, serial), np.random.default_rng(serial), 0.0)
        dashes += sum(values[mark] == "-" for mark in marks)
        assert Decimal(values["total"]) == sum(Decimal(values[mark]) for mark in marks if values[mark] not in ("", "-"))
    assert dashes


def test_no_candidate_number_comes_twice_and_one_candidate_hands_in_every_sheet() -> None:
    template = find_template("choice_answers")
    candidates = [candidate_for(template, 3, serial) for serial in range(1, 2001)]
    assert len({candidate.number for candidate in candidates}) == 2000
    assert candidates[6] == candidate_for(find_template("cover_marks"), 3, 7)
    values = choose_answers(template, candidates[6], np.random.default_rng(0), 0.0)
    assert values["candidate"] == values["candidate_grid"] == candidates[6].number


def test_double_marks_happen_only_when_asked_for() -> None:
    template = find_template("choice_answers")
    candidate = candidate_for(template, 1, 1)
    doubled = choose_answers(template, candidate, np.random.default_rng(2), 1.0)
    assert sum("+" in value for value in doubled.values()) > 30
    assert not any(
        "+" in value for value in choose_answers(template, candidate, np.random.default_rng(2), 0.0).values()
    )


@pytest.mark.parametrize(
    ("value", "trimmed", "boxes"),
    [
        ("-12.5", False, "- 12" + "5"),
        ("7", False, "   7" + "0"),
        ("7", True, "   7" + " "),
        ("0.5", True, "   0" + "5"),
    ],
)
def test_numbers_end_right_before_the_point(value: str, trimmed: bool, boxes: str) -> None:
    assert in_boxes(SMALL.pages[0].field_named("answer"), value, trimmed) == boxes


def test_ink_is_in_the_boxes_that_are_filled_and_in_no_other() -> None:
    values = {"candidate": "012345", "answer": "-3.5", **{f"q{n}": "" for n in range(1, 7)}, "q2": "7.5"}
    sheet = white()
    fill_page(sheet, SMALL.pages[0], values, Writers(hand(1), hand(2), corrected_share=0.0))
    for field in SMALL.pages[0].fields:
        boxes = field.boxes(1)
        if field.kind is Kind.DIGITS:
            filled = [character != " " for character in in_boxes(field, values[field.name], trimmed=False)]
        else:
            filled = [values[field.name] != ""] * len(boxes)
        for box, expected in zip(boxes, filled, strict=True):
            assert (ink_in(sheet.pixels, box.rect.grown(-1.0)) > 3) is expected, (field.name, box.position)


def test_marked_options_are_covered_and_the_others_clean() -> None:
    template = find_template("choice_answers")
    field = template.pages[0].field_named("answer_01")
    values = dict.fromkeys((f.name for f in template.pages[0].fields if f.kind is not Kind.IMAGE), "")
    sheet = white()
    fill_page(sheet, template.pages[0], values | {"answer_01": "C"}, Writers(hand(1), hand(2), corrected_share=0.0))
    covered = {box.option: ink_in(sheet.pixels, box.rect.grown(-0.8)) for box in field.boxes(1)}
    area = ((field.width - 1.6) * PX_PER_MM) ** 2
    assert covered.pop("C") > 0.7 * area
    assert set(covered.values()) == {0}


@pytest.mark.parametrize("style", HALF_STYLES)
@pytest.mark.parametrize("value", ["0.5", "9.5", "112.5"])
def test_every_way_to_write_a_half_stays_in_its_cell(style: str, value: str) -> None:
    cell = Rect(10.0, 10.0, 18.0, 11.0)
    for seed in range(8):
        sheet = white(31.0, 38.0)
        write_number(sheet, hand(seed, half_style=style), cell, value, corrected=False)
        inside = ink_in(sheet.pixels, cell)
        assert inside > 20
        assert ink_in(sheet.pixels, Rect(0, 0, 38, 31)) - inside <= 0.06 * inside


def test_a_corrected_number_leaves_more_ink_on_the_left() -> None:
    cell = Rect(10.0, 10.0, 18.0, 11.0)
    sheet = white(31.0, 38.0)
    write_number(sheet, hand(3), cell, "4", corrected=True)
    left, right = (ink_in(sheet.pixels, Rect(x, 10.0, 9.0, 11.0)) for x in (10.0, 19.0))
    assert left > right > 10


# --- what few sheets have


def with_absent() -> SheetTemplate:
    raw = SMALL.model_dump(by_alias=True)
    for field in raw["page"][0]["field"]:
        field["absent"] = field["kind"] == Kind.NUMBER
    return SheetTemplate.model_validate(raw)


def test_extras_that_nobody_asked_for_change_nothing() -> None:
    usual = sheets(2)
    assert same(usual, sheets(2, extras=Extras()))
    assert not any(page.cancelled for sheet in usual for page in sheet.pages)
    assert not same(usual, sheets(2, extras=Extras(cancelled=0.5)))


def test_absent_candidates_have_their_number_and_ab_for_every_mark() -> None:
    for sheet in sheets(2, template=with_absent(), extras=Extras(absent=1.0)):
        values = dict(sheet.pages[0].values)
        assert values.pop("candidate") == sheet.candidate.number[-6:]
        assert values.pop("answer") == ""
        assert set(values.values()) == {"AB"}


def test_where_ab_is_not_allowed_the_marks_of_an_absent_candidate_are_blank() -> None:
    (sheet,) = sheets(1, extras=Extras(absent=1.0))
    assert {value for name, value in sheet.pages[0].values.items() if name != "candidate"} == {""}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_ab_stays_in_its_cell_however_it_is_spelt(spelling: str) -> None:
    cell = Rect(10.0, 10.0, 18.0, 11.0)
    for seed in range(8):
        sheet = white(31.0, 38.0)
        write_number(sheet, hand(seed, absent=spelling), cell, "AB", corrected=False)
        inside = ink_in(sheet.pixels, cell)
        assert inside > 30 * len(spelling)
        assert ink_in(sheet.pixels, Rect(0, 0, 38, 31)) == inside


@pytest.mark.parametrize("letter", LETTERS)
def test_a_letter_is_drawn_where_it_is_meant_to_be(letter: str) -> None:
    for seed in range(8):
        sheet = white(30.0, 30.0)
        draw_letter(sheet, hand(seed), letter, Rect(10.0, 10.0, 6.0 * LETTERS[letter].width, 6.0))
        rows, columns = np.nonzero(sheet.pixels < 160)
        top = 12.5 if letter in "as" else 10.0
        assert rows.min() / PX_PER_MM == pytest.approx(top, abs=1.0)
        assert rows.max() / PX_PER_MM == pytest.approx(16.0, abs=1.0)
        assert columns.min() / PX_PER_MM == pytest.approx(10.0, abs=1.2)


def test_who_writes_decimals_writes_hardly_any_other_halves() -> None:
    cell = Rect(10.0, 10.0, 18.0, 11.0)
    apart = 0
    for seed in range(20):
        sheet = white(31.0, 38.0)
        write_number(sheet, hand(seed, half_style="decimal"), cell, "4.5", corrected=False)
        apart += cv2.connectedComponents((sheet.pixels < 160).astype(np.uint8))[0] - 1 >= 3
    assert apart >= 14, "a digit, a point and a digit"


def test_a_cancelled_digit_is_named_and_its_field_keeps_its_value() -> None:
    extras = Extras(cancelled=1.0)
    for usual, slipped in zip(sheets(3), sheets(3, extras=extras), strict=True):
        assert dict(usual.pages[0].values) == dict(slipped.pages[0].values)
        written = [name for name, value in slipped.pages[0].values.items() if value]
        assert list(slipped.pages[0].cancelled) == written


def test_corrections_of_rough_sheets_are_named_too() -> None:
    rough = sheets(12, effects=Effects.ROUGH)
    named = [name for sheet in rough for name in sheet.pages[0].cancelled]
    assert named and all(name.startswith("q") for name in named)


@pytest.mark.parametrize("way", STRIKES)
def test_every_way_to_strike_out_goes_across_the_digit(way: str) -> None:
    where = Rect(10.0, 10.0, 4.0, 6.0)
    for seed in range(6):
        sheet = white(26.0, 24.0)
        STRIKES[way](sheet, hand(seed), where)
        columns = np.nonzero((sheet.pixels < 160).any(axis=0))[0] / PX_PER_MM
        assert columns.min() < 11.0 and columns.max() > 13.0
        assert ink_in(sheet.pixels, where) > 15


def test_a_single_stroke_strikes_out_no_digit_that_may_have_one_anyway() -> None:
    drawn: list[str] = []
    person = hand(1)
    with pytest.MonkeyPatch.context() as patched:
        for name in STRIKES:
            patched.setitem(STRIKES, name, lambda *_, name=name: drawn.append(name))
        for digit in DIGITS_WITH_A_BAR * 20:
            strike_out(white(20.0, 20.0), person, digit, Rect(5.0, 5.0, 4.0, 6.0))
        assert set(drawn) == set(STRIKES) - {"line"}
        for _ in range(40):
            strike_out(white(20.0, 20.0), person, "4", Rect(5.0, 5.0, 4.0, 6.0))
    assert set(drawn) == set(STRIKES)


@pytest.mark.parametrize("value", ["7", "12", "7.5", "0.5", "-3", "-", "AB"])
def test_a_slip_in_a_cell_adds_ink_and_stays_in_it(value: str) -> None:
    cell = Rect(10.0, 10.0, 20.0, 11.0)
    for seed in range(8):
        plain, slipped = white(31.0, 40.0), white(31.0, 40.0)
        write_number(plain, hand(seed), cell, value, corrected=False)
        write_with_slip(slipped, hand(seed), cell, value)
        everywhere = ink_in(slipped.pixels, Rect(0, 0, 40, 31))
        assert everywhere - ink_in(slipped.pixels, cell) <= 0.08 * everywhere
        assert everywhere > 40


def test_a_corrected_digit_leaves_two_in_the_box_or_one_above_it() -> None:
    box = Rect(10.0, 14.0, 7.0, 9.0)
    beside = above = 0
    for seed in range(20):
        sheet = white(30.0, 27.0)
        corrected_digit(sheet, hand(seed), "4", box, 5.5)
        over = ink_in(sheet.pixels, Rect(8.0, 8.0, 11.0, 5.5))
        above += over > 10
        beside += over <= 10 and ink_in(sheet.pixels, Rect(14.0, 14.0, 4.5, 9.0)) > 10
    assert beside + above == 20
    assert min(beside, above) > 2


def test_a_bar_is_thinned_to_one_pixel_without_breaking() -> None:
    bar = np.zeros((40, 30), np.uint8)
    bar[5:35, 12:19] = 1
    line = thinned(bar)
    assert line.sum(axis=1).max() == 1
    assert line[9:31].sum() == 22


@pytest.mark.parametrize("width", [6.5, 9.0, 12.0])
def test_strokes_are_as_wide_as_the_pen(width: float) -> None:
    bar = np.zeros((28, 28), np.uint8)
    bar[4:24, 12:15] = 255
    coverage = place(trace(bar), Placing(size=80.0, slant=0.0, turn=0.0, pen_width=width))
    assert coverage[coverage.shape[0] // 2].sum() == pytest.approx(width, abs=0.8)


def test_an_empty_glyph_leaves_no_ink() -> None:
    coverage = place(trace(np.zeros((28, 28), np.uint8)), Placing(size=60.0, slant=0.1, turn=0.1, pen_width=5.0))
    assert coverage.max() == 0.0


def scanned(paper: GreyImage, mode: Mode = Mode.GREY, **changes: float) -> GreyImage:
    profile = replace(PROFILES[Effects.OFFICE], upside_down=0.0, sideways=0.0, **changes)  # type: ignore[arg-type]
    return scan(paper.copy(), DPI, profile, mode, np.random.default_rng(9)).pixels


def test_some_pages_lie_upside_down_or_on_their_side() -> None:
    paper = white().pixels
    paper[:200, :150] = 0
    upright = scanned(paper)
    profile = replace(PROFILES[Effects.OFFICE], upside_down=1.0)
    turned = scan(paper.copy(), DPI, profile, Mode.GREY, np.random.default_rng(9)).pixels
    np.testing.assert_array_equal(turned, upright[::-1, ::-1])
    aside = scan(
        paper.copy(), DPI, replace(profile, upside_down=0.0, sideways=1.0), Mode.GREY, np.random.default_rng(9)
    ).pixels
    assert aside.shape == upright.shape[::-1]


def test_skew_cuts_no_corner_mark_off() -> None:
    paper = white().pixels
    for corner in ((slice(36, 66), slice(36, 66)), (slice(-66, -36), slice(-66, -36))):
        paper[corner] = 0
    for seed in range(12):
        profile = replace(PROFILES[Effects.ROUGH], stain=0.0, holes=0.0, lost_mark=0.0, specks=0, shading=0.0)
        picture = scan(paper.copy(), DPI, profile, Mode.GREY, np.random.default_rng(seed))
        dark = cv2.connectedComponentsWithStats((picture.pixels < 100).astype(np.uint8))[2][1:]
        assert sum(700 < area < 1200 for area in dark[:, cv2.CC_STAT_AREA]) == 2


def test_black_and_white_pages_are_white_paper_with_black_ink() -> None:
    (sheet,) = sheets(1, mode=Mode.ONE_BIT)
    data = sheet.pages[0].picture.data
    assert isinstance(data, np.ndarray)
    assert data.dtype == np.bool_
    assert data.shape == (sheet.pages[0].picture.height_px, sheet.pages[0].picture.width_px)
    assert 0.85 < data.mean() < 0.99


def test_grey_pages_are_jpeg_pictures_of_the_page() -> None:
    (sheet,) = sheets(1, mode=Mode.GREY, effects=Effects.CLEAN)
    data = sheet.pages[0].picture.data
    assert isinstance(data, bytes)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert pixels is not None
    assert pixels.shape == (sheet.pages[0].picture.height_px, sheet.pages[0].picture.width_px)
    assert np.median(pixels) > 240


def test_any_template_can_be_filled_in_even_by_one_writer() -> None:
    alone = digits().writers[0]
    glyphs = GlyphSet(digits().images, {alone: digits().where[alone]}, "one writer")
    odd = SheetTemplate.model_validate(
        {
            "name": "odd",
            "page": [
                {
                    "field": [
                        {"name": "n", "kind": "number", "role": "answer", "x": 20, "y": 50, "width": 20, "height": 9},
                        {"name": "d", "kind": "digits", "role": "none", "x": 20, "y": 70, "width": 7, "height": 9},
                        {
                            "name": "t",
                            "kind": "choice",
                            "role": "none",
                            "x": 20,
                            "y": 90,
                            "width": 5,
                            "height": 5,
                            "options": ["yes"],
                        },
                    ]
                }
            ],
        }
    )
    (sheet,) = simulate(Simulation(odd, 1, 1, DPI, Effects.ROUGH), glyphs)
    assert list(sheet.pages[0].values) == ["n", "d", "t"]


# --- who hands in what, and what people get wrong


def kinds(sheet: SimulatedSheet) -> list[CaseKind]:
    return [case.kind for case in sheet.cases]


def test_second_sheets_come_after_the_others_and_change_none() -> None:
    usual = sheets(3)
    more = sheets(3, attendance=Attendance(missing=2, off_roster=1, doubled=2))
    assert same(usual, more[:3])
    assert [sheet.serial - usual[0].serial for sheet in more] == [0, 1, 2, 3, 4]
    for sheet in more[3:]:
        assert kinds(sheet) == [CaseKind.DOUBLED]
        (first,) = [each for each in usual if each.candidate == sheet.candidate]
        assert sheet.pages[0].values["candidate"] == first.pages[0].values["candidate"]
        assert dict(sheet.pages[0].values) != dict(first.pages[0].values)
        assert not np.array_equal(np.asarray(sheet.pages[0].picture.data), np.asarray(first.pages[0].picture.data))
    assert len({sheet.candidate.number for sheet in more[3:]}) == 2
    assert [kinds(sheet) for sheet in more[:3]].count([CaseKind.OFF_ROSTER]) == 1


def test_who_is_not_on_the_list_has_one_sheet_and_who_is_missing_has_none() -> None:
    for seed in range(20):
        cast = Simulation(SMALL, 8, seed, attendance=Attendance(missing=3, off_roster=4, doubled=4)).cast
        assert len(set(cast.second_of.values())) == len(cast.off_roster) == 4
        assert not cast.off_roster & set(cast.second_of.values())
        assert set(cast.off_roster) <= set(cast.sheets)
        assert len(cast.missing) == 3
        assert not set(cast.missing) & set(cast.sheets)


def test_wrong_sums_change_the_total_alone_and_are_named() -> None:
    template = find_template("cover_marks")
    simulation = Simulation(template, 3, 4, DPI, extras=Extras(misadded=1.0))
    for right, wrong in zip(
        simulate(replace(simulation, extras=Extras()), digits()), simulate(simulation, digits()), strict=True
    ):
        before, after = dict(right.pages[0].values), dict(wrong.pages[0].values)
        assert right.cases == ()
        assert kinds(wrong) == [CaseKind.MISADDED]
        assert wrong.cases[0].detail.startswith(f"the sum is {before['total']}: ")
        assert {name for name in before if before[name] != after[name]} == {"total"}
    assert not any(kinds(sheet) for sheet in sheets(2, extras=Extras(misadded=1.0))), "a sheet without a total"


def test_examiners_add_wrongly_in_every_plausible_way_and_write_what_the_field_allows() -> None:
    template = find_template("cover_marks")
    total = template.pages[0].field_named("total")
    marks = ["7", "-", "10", "", "0", "4.5", "3", "2", "6", "1", "9", "5"]
    values = {f"mark_{number:02}": mark for number, mark in enumerate(marks, start=1)} | {"total": "47.5"}
    seen: dict[str, set[str]] = {}
    for seed in range(300):
        name, written, why = wrong_total(template, values, np.random.default_rng(seed))
        assert name == "total"
        assert parse_value(total, written) == written
        seen.setdefault(why.partition(": ")[2], set()).add(written)
    assert seen.pop("two digits were swapped") == {"74.5"}
    assert seen.pop("a carry was forgotten") == {"37.5"}
    assert seen.pop("a carry was counted twice") == {"57.5"}
    assert seen.pop("off by 1") == {"46.5", "48.5"}
    assert seen.pop("off by 0.5") == {"47", "48"}
    forgotten = {f"a mark of {mark} was forgotten": mark for mark in marks if mark not in ("-", "", "0")}
    left = {why: {Decimal(value) for value in written} for why, written in seen.items()}
    assert left == {why: {Decimal("47.5") - Decimal(mark)} for why, mark in forgotten.items()}


@pytest.mark.parametrize("total", ["", "AB"])
def test_nobody_adds_wrongly_where_no_total_is_written(total: str) -> None:
    values = {"mark_01": "7", "total": total}
    assert wrong_total(find_template("cover_marks"), values, np.random.default_rng(1)) == ("", "", "")


def test_a_wrong_number_has_two_digits_swapped_and_bubbles_stay_right() -> None:
    template = find_template("choice_answers")
    (sheet,) = simulate(Simulation(template, 1, 4, DPI, extras=Extras(miswritten=1.0)), digits())
    values, number = sheet.pages[0].values, sheet.candidate.number
    assert values["candidate_grid"] == number
    apart = [at for at in range(8) if values["candidate"][at] != number[at]]
    assert len(apart) == 2 and apart[1] == apart[0] + 1
    assert sorted(values["candidate"]) == sorted(number)
    assert [(case.kind, number in case.detail) for case in sheet.cases] == [(CaseKind.MISWRITTEN, True)]
    assert swapped("7777", np.random.default_rng(1)) == "7777"
    assert {swapped("A12B3C", np.random.default_rng(seed)) for seed in range(8)} == {"A21B3C"}


def test_totals_are_the_sums_of_what_they_add() -> None:
    template = sum_template(["q1", "q2", "q3"], ["a:q1 q2", "all:a q3"], maximum=10)
    rng = np.random.default_rng(4)
    for serial in range(1, 30):
        values = choose_answers(template, candidate_for(template, 1, serial), rng, 0.0)
        worth = {name: int(values[name] or 0) for name in values}
        assert worth["a"] == worth["q1"] + worth["q2"]
        assert worth["all"] == worth["a"] + worth["q3"]
