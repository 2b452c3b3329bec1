from collections.abc import Sequence

import numpy as np
import pytest

from recognizer.curves import KINDS, CalibrationCurve, CurvePoint
from recognizer.drift import stricter, unlike
from recognizer.promise import NOTHING, Thresholds, thresholds

CURVE = ((0.99, 19_000, 3), (0.95, 19_600, 8), (0.5, 20_000, 90))
HELD = thresholds(
    {
        kind: CalibrationCurve(kind, 20_500, 200, "tests", tuple(CurvePoint(*point) for point in CURVE))
        for kind in KINDS
    },
    0.001,
)
"""Accepted from 0.95: of the fields with a score, 2 % lie below."""


def sheets(shares: Sequence[float], fields: int = 50, kind: str = "number") -> list[dict[str, list[float]]]:
    """Sheets on each of which a share of the fields is doubtful."""
    return [{kind: [0.9] * round(share * fields) + [0.999] * (fields - round(share * fields))} for share in shares]


def test_a_batch_like_the_calibration_data_is_like_it() -> None:
    assert HELD.number == 0.95
    assert unlike(sheets([0.02] * 40), HELD) == ()
    assert unlike(sheets([0.0] * 40), HELD) == ()


def test_a_batch_with_many_doubtful_fields_is_unlike_and_says_so() -> None:
    (found,) = unlike(sheets([0.1, 0.14] * 15), HELD)
    assert (found.kind, round(found.here, 3), round(found.there, 3)) == ("number", 0.12, 0.02)
    assert found.in_words() == (
        "12.0% of the number fields are doubtful, 2.0% were among those that the machine was calibrated with"
    )


def test_one_bad_sheet_is_no_drift() -> None:
    # All fields of one sheet of 20 are doubtful: 5 % of all, which 1,000 independent fields would hardly ever be.
    assert unlike(sheets([1.0] + [0.0] * 19), HELD) == ()


def test_a_small_difference_is_none_however_sure() -> None:
    assert unlike(sheets([0.04] * 2_000), HELD) == ()
    assert unlike(sheets([0.06] * 2_000), HELD) != ()


@pytest.mark.parametrize("few", [sheets([0.5] * 9), sheets([0.5] * 12, fields=8)])
def test_a_small_batch_is_not_judged(few: list[dict[str, list[float]]]) -> None:
    assert unlike(few, HELD) == ()


def test_kinds_that_are_not_there_or_not_accepted_are_passed_over() -> None:
    assert unlike([], HELD) == ()
    closed = Thresholds.of_details(
        tuple(thresholds({k: CalibrationCurve(k, 0, 0, "", ()) for k in KINDS}, 0.001).details)
    )
    assert closed.number == NOTHING
    assert unlike(sheets([1.0] * 40), closed) == ()
    assert unlike(sheets([1.0] * 40), Thresholds(0.9, 0.9, 0.9)) == ()


def test_batches_like_the_calibration_data_hardly_ever_raise_an_alarm() -> None:
    # Writers differ: their doubtful shares spread around calibration's 2 % with a standard deviation of 2.7 %.
    rng = np.random.default_rng(5)
    alarms = sum(unlike(sheets(list(rng.binomial(50, rng.beta(0.5, 24.5, 20)) / 50)), HELD) != () for _ in range(2_000))
    assert alarms <= 10


def test_a_batch_twice_as_doubtful_again_is_noticed() -> None:
    rng = np.random.default_rng(6)
    seen = sum(unlike(sheets(list(rng.binomial(50, rng.beta(1, 7.3, 40)) / 50)), HELD) != () for _ in range(200))
    assert seen >= 190


def test_less_is_accepted_of_such_a_batch() -> None:
    strict = stricter(HELD, 0.001)
    # 1 in 5,000: 3 of 19,000 are likelier than not to keep it (P(at most 3) is 0.47), 8 of 19,600 are not.
    assert (strict.number, strict.details[1].accept_error) == (0.99, 0.0002)
    assert stricter(strict, 0.001).number >= strict.number
    bare = Thresholds(0.9, 0.9, 0.9)
    assert stricter(bare, 0.001) == bare
