from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import cv2
import numpy as np
import pytest

from recognizer.errors import PictureSetError
from recognizer.evaluation import (
    UNREAD,
    WORST,
    Evaluation,
    PictureResult,
    by_label,
    by_writer,
    calibration_error,
    confusion,
    evaluate,
    reliability,
    review_curve,
    summary,
    wall,
)
from recognizer.picture_fields import Limits, field_for, field_in_words, kind_of_labels
from recognizer.picture_sets import PictureSet
from recognizer.promise import Thresholds
from recognizer.records import Flag
from tests.helpers.drawn_box import ONE, SEVEN, box_pixels
from tests.helpers.reading_model import WidthModel

STRICT = Thresholds(0.9, 0.9, 0.9)
NEVER = Thresholds(2.0, 2.0, 2.0)


def drawn(labels: Sequence[str], writers: Sequence[str] | None = None, rule: int | None = 77) -> PictureSet:
    """Return boxes: a 1, a 7, or nothing is drawn in each; any other label gets a 7."""
    strokes = {"1": [ONE], "blank": [], "empty": []}
    shown = [box_pixels(strokes.get(label, [SEVEN]), rule=rule) for label in labels]
    return PictureSet("drawn", np.stack(shown), tuple(labels), tuple(writers) if writers else None)


def labelled(*labels: str) -> PictureSet:
    return PictureSet("set", np.full((len(labels), 20, 20), 255, np.uint8), labels)


def result(
    row: int, label: str, value: str | None, score: float, flag: Flag | None = None, *, writer: str | None = None
) -> PictureResult:
    truth = {"blank": "", "other": None}.get(label, label)
    return PictureResult(row, label, truth, value, score, flag is None, flag, writer)


def evaluation(*results: PictureResult) -> Evaluation:
    return Evaluation("set", field_for(labelled("1"), "digits"), "width", 0.001, 0.9, results)


SIX = evaluation(
    result(0, "1", "1", 0.999, writer="ann"),
    result(1, "7", "1", 0.95, writer="ann"),
    result(2, "7", "7", 0.8, Flag.UNSURE, writer="bob"),
    result(3, "blank", "", 1.0, writer="bob"),
    result(4, "other", "7", 0.6, Flag.UNSURE, writer="bob"),
    result(5, "other", "1", 0.97, writer="ann"),
)
"""A right one, a wrong one accepted, a right one for review, a blank, a letter for review, and an accepted letter."""


# ---- the whole way ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [77, None], ids=["printed box", "no rules"])
def test_digits_are_read_decided_and_compared_with_their_labels(rule: int | None) -> None:
    pictures = drawn(["1", "7", "blank", "1", "other"], ["ann"] * 3 + ["bob"] * 2, rule)
    pictures = replace(pictures, labels=("1", "7", "blank", "7", "other"))
    told: list[int] = []
    found = evaluate(pictures, field_for(pictures, "digits"), WidthModel(), STRICT, 0.001, done=told.append)
    assert [(one.value, one.truth, one.right, one.accepted) for one in found.results] == [
        ("1", "1", True, True),
        ("7", "7", True, True),
        ("", "", True, True),
        ("1", "7", False, True),
        ("7", None, False, True),
    ]
    assert [one.writer for one in found.results] == ["ann"] * 3 + ["bob"] * 2 and sum(told) == 5
    assert found.results[0].score == pytest.approx(0.999, abs=1e-3)


def test_a_number_cell_is_read_as_one_field() -> None:
    pictures = drawn(["1", "7", "blank"])
    found = evaluate(pictures, field_for(pictures, "number"), WidthModel(), STRICT, 0.001)
    assert [one.value for one in found.results] == ["1", "7", ""] and found.kind == "number"


def test_a_tick_box_is_marked_or_empty() -> None:
    filled = [[(1.0, y), (6.0, y)] for y in (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)]
    pictures = PictureSet(
        "ticks",
        np.stack([box_pixels(filled, pen_mm=1.2), box_pixels(), box_pixels(filled, pen_mm=1.2)]),
        ("marked", "empty", "cancelled"),
    )
    found = evaluate(pictures, field_for(pictures, "choice"), WidthModel(), STRICT, 0.001)
    assert [(one.value, one.right) for one in found.results] == [("X", True), ("", True), ("X", False)]


def test_below_the_threshold_everything_goes_to_a_person_and_no_rate_is_told() -> None:
    pictures = drawn(["1", "7"])
    found = summary(evaluate(pictures, field_for(pictures, "digits"), WidthModel(), NEVER, 0.002))
    assert found == {
        "file": "drawn",
        "kind": "digits",
        "n": 2,
        "accuracy": 1.0,
        "accepted": 0,
        "wrong_accepted": 0,
        "wrong_accepted_per_1000": None,
        "upper_95": None,
        "review_share": 1.0,
        "target_per_1000": 2.0,
    }


@pytest.mark.parametrize("kind", ["digits", "number", "choice"])
@pytest.mark.parametrize("tone", [0, 40, 255])
def test_pictures_of_one_tone_are_never_taken_for_writing(kind: str, tone: int) -> None:
    pictures = PictureSet("flat", np.full((2, 30, 40), tone, np.uint8), ("marked", "7"))
    field = field_for(labelled("marked" if kind == "choice" else "7"), kind)
    found = evaluate(pictures, field, WidthModel(), STRICT, 0.001)
    assert [one.value for one in found.results if one.accepted] in ([], ["", ""])


@pytest.mark.parametrize("shape", [(8, 8), (8, 4000), (4000, 8), (4000, 4000)])
@pytest.mark.parametrize("kind", ["digits", "number", "choice"])
def test_noise_of_any_size_is_never_taken_for_writing(kind: str, shape: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    pictures = PictureSet("noise", noise[None], ("marked" if kind == "choice" else "7",))
    found = evaluate(pictures, field_for(pictures, kind), WidthModel(0.5), STRICT, 0.001)
    assert [one.value for one in found.results if one.accepted] in ([], [""])


def test_a_picture_of_four_thousand_pixels_is_read_like_a_small_one() -> None:
    large = cv2.resize(box_pixels([SEVEN]), (3200, 4000), interpolation=cv2.INTER_CUBIC)
    pictures = PictureSet("large", np.asarray(large, np.uint8)[None], ("7",))
    found = evaluate(pictures, field_for(pictures, "digits"), WidthModel(), STRICT, 0.001)
    assert (found.results[0].value, found.results[0].accepted) == ("7", True)


# ---- what labels mean ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("labels", "kind"),
    [
        (["7", "blank", "other"], "digits"),
        (["a", "candidates"], "digits"),
        (["7", "10"], "number"),
        (["7", "2½"], "number"),
        (["1", "-"], "number"),
        (["abs"], "number"),
        (["marked", "blank"], "choice"),
        (["empty"], "choice"),
    ],
)
def test_labels_tell_the_kind(labels: list[str], kind: str) -> None:
    assert kind_of_labels(labels) == kind


def test_a_number_cell_holds_what_mark_cells_hold_and_what_labels_need() -> None:
    usual = field_for(labelled("7", "blank", "other"), "number")
    assert (usual.minimum, usual.maximum, usual.step, usual.dash, usual.absent) == (0, 10, Decimal("0.5"), False, False)
    wide = field_for(labelled("-3", "45.25", "AB", "cancelled"), "number")
    assert (wide.minimum, wide.maximum, wide.step, wide.absent) == (-3, 46, Decimal("0.25"), True)
    assert field_in_words(wide) == "a number from -3 to 46 in steps of 0.25, AB, or blank"
    said = field_for(labelled("7"), "number", Limits(Decimal(1), Decimal(12), Decimal(1)))
    assert (said.minimum, said.maximum, said.step) == (1, 12, 1)
    with pytest.raises(PictureSetError, match="swap --minimum and --maximum"):
        field_for(labelled("7"), "number", Limits(minimum=Decimal(30)))


def test_labels_of_another_kind_are_refused() -> None:
    with pytest.raises(PictureSetError, match=r"set: its labels are '7', 'blank', but a choice picture .*--kind"):
        field_for(labelled("7", "blank", "7"), "choice")
    for kind in ("digits", "number"):
        with pytest.raises(PictureSetError, match="its labels are 'marked', 'empty'"):
            field_for(labelled("marked", "empty"), kind)


def test_a_label_that_the_field_cannot_hold_is_right_when_nothing_is_accepted() -> None:
    pictures = replace(drawn(["7", "7"]), labels=("12", "x"))
    field = field_for(pictures, "digits")
    assert [one.right for one in evaluate(pictures, field, WidthModel(), STRICT, 0.001).results] == [False, False]
    assert [one.right for one in evaluate(pictures, field, WidthModel(), NEVER, 0.001).results] == [True, True]


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_the_figures_follow_from_the_results() -> None:
    found = summary(SIX)
    assert (found["n"], found["accuracy"]) == (6, round(4 / 6, 6))
    assert (found["accepted"], found["wrong_accepted"], found["wrong_accepted_per_1000"]) == (4, 2, 500.0)
    # The exact bound: with a rate of 0.902389, 2 or fewer of 4 are wrong at 1 in 20.
    assert found["upper_95"] == pytest.approx(902.389, abs=0.01)
    assert found["review_share"] == round(2 / 6, 6) and found["target_per_1000"] == 1.0


def test_the_review_curve_counts_errors_from_strict_to_loose() -> None:
    steps = [(step.score, step.accepted, step.wrong) for step in review_curve(SIX)]
    assert steps == [(1.0, 1, 0), (0.999, 2, 0), (0.97, 3, 1), (0.95, 4, 2), (0.8, 5, 2), (0.6, 6, 3)]


def test_equal_scores_are_one_step_and_what_has_trouble_is_on_no_curve() -> None:
    found = evaluation(
        result(0, "1", "1", 0.9),
        result(1, "7", "1", 0.9),
        result(2, "7", "7", 0.99, Flag.FAINT),
        result(3, "7", None, 0.0, Flag.UNREADABLE),
    )
    assert [(step.accepted, step.wrong) for step in review_curve(found)] == [(2, 1)]
    assert [one.right.total for one in reliability(found)] == [2]


def test_reliability_compares_confidence_with_truth() -> None:
    bins = reliability(SIX)
    assert [(one.low, one.high, one.right.count, one.right.total) for one in bins] == [
        (0.5, 0.8, 0, 1),
        (0.8, 0.9, 1, 1),
        (0.95, 0.98, 0, 2),
        (0.999, 0.9995, 1, 1),
        (0.99999, 1.0, 1, 1),
    ]
    assert bins[2].mean == pytest.approx(0.96)
    assert calibration_error(bins) == pytest.approx((0.6 + 0.2 + 2 * 0.96 + 0.001) / 6)


def test_groups_are_reported_in_order() -> None:
    assert [(g.name, g.correct.count, g.wrong_accepted.count, g.reviewed.count) for g in by_label(SIX)] == [
        ("1", 1, 0, 0),
        ("7", 1, 1, 1),
        ("blank", 1, 0, 0),
        ("other", 1, 1, 1),
    ]
    assert [(g.name, g.correct.count, g.correct.total) for g in by_writer(SIX)] == [("bob", 3, 3), ("ann", 1, 3)]
    assert by_writer(evaluation(result(0, "1", "1", 0.9, writer="ann"))) == ()


def test_numbers_are_ordered_by_worth() -> None:
    names = [group.name for group in by_label(evaluation(*(result(0, n, n, 1.0) for n in ("10", "2", "2.5", "other"))))]
    assert names == ["2", "2.5", "10", "other"]


def test_confusion_has_a_row_a_label_and_a_column_a_value() -> None:
    found = confusion(evaluation(*SIX.results, result(6, "7", None, 0.0, Flag.UNREADABLE)))
    assert found.labels == ("1", "7", "blank", "other")
    assert found.read == ("1", "7", "blank", UNREAD)
    assert found.counts == ((1, 0, 0, 0), (1, 1, 0, 1), (0, 0, 1, 0), (1, 1, 0, 0))


def test_the_wall_shows_accepted_errors_first_and_then_the_surest() -> None:
    pictures = labelled(*"1" * 7)
    pictures.pictures[:, 0, 0] = np.arange(7)
    found = evaluation(
        result(0, "1", "1", 0.999),
        result(1, "7", "1", 0.95),
        result(2, "7", "1", 0.99, Flag.FAINT),
        result(3, "7", "1", 0.98),
        result(4, "7", None, 0.0, Flag.UNREADABLE),
    )
    shown = wall(found, pictures)
    assert [one.row for one, _ in shown] == [3, 1, 2, 4]
    assert [int(picture[0, 0]) for _, picture in shown] == [3, 1, 2, 4]
    many = evaluation(*(result(row % 7, "7", "1", 0.5, Flag.UNSURE) for row in range(WORST + 5)))
    assert len(wall(many, pictures)) == WORST
