"""The promise, with counts that can be checked by hand or in any table of the binomial distribution."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recognizer.binomial import lower_bound, predicted, tail, trials_to_pass, upper_bound
from recognizer.curves import KINDS, CalibrationCurve, CurvePoint, curve_points, read_curves
from recognizer.errors import ModelError
from recognizer.promise import (
    NOTHING,
    Basis,
    Kept,
    SampleCheck,
    Threshold,
    Thresholds,
    check_promise,
    expected_wrong,
    per_thousand,
    sample_size,
    thresholds,
    tightened,
    tightened_by_rounds,
)


def curve(*points: tuple[float, int, int], kind: str = "digits", fields: int = 0) -> CalibrationCurve:
    made = tuple(CurvePoint(*point) for point in points)
    return CalibrationCurve(kind, fields or (made[-1].accepted if made else 0), 50, "tests", made)


def digits(*points: tuple[float, int, int], target: float = 0.001, fields: int = 0) -> Threshold:
    """The threshold of one curve; the other kinds have none."""
    curves = {kind: curve(kind=kind) for kind in KINDS} | {"digits": curve(*points, fields=fields)}
    found = thresholds(curves, target).about("digits")
    assert found is not None
    return found


# ---- binomial --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "trials", "rate", "probability"),
    [
        (0, 10, 0.1, 0.3486784401),
        (12, 20000, 0.001, 0.038941498942),
        (500, 10000, 0.05, 0.511895032957),
        (3, 5, 0.9, 0.08146),
        (5, 5, 0.9, 1.0),
        (0, 0, 0.5, 1.0),
    ],
)
def test_the_tail_is_that_of_the_binomial_distribution(
    wrong: int, trials: int, rate: float, probability: float
) -> None:
    assert tail(wrong, trials, rate) == pytest.approx(probability, abs=1e-10)


def test_the_bounds_are_those_of_clopper_and_pearson() -> None:
    # 3 of 1,000: the 5 % and 95 % points of Beta(3, 998) and Beta(4, 997).
    assert lower_bound(3, 1000, 0.95) == pytest.approx(0.000818175, abs=1e-9)
    assert upper_bound(3, 1000, 0.95) == pytest.approx(0.007735245, abs=1e-9)
    assert (lower_bound(0, 0, 0.95), upper_bound(0, 0, 0.95), upper_bound(7, 7, 0.95)) == (0.0, 1.0, 1.0)


def test_the_fewest_fields_that_pass_are_the_fewest() -> None:
    needed = trials_to_pass(3, 0.001, 0.05)
    assert tail(3, needed, 0.001) <= 0.05 < tail(3, needed - 1, 0.001)


def test_a_prediction_is_beta_binomial() -> None:
    shares = predicted(3, 1000, 500)
    counts = np.arange(len(shares))
    assert shares.sum() == pytest.approx(1.0)
    assert (shares * counts).sum() == pytest.approx(500 * 3.5 / 1001, rel=1e-6)
    # P(0) = B(3.5, 1497.5) / B(3.5, 997.5)
    assert shares[0] == pytest.approx(0.24157177, abs=1e-7)
    assert predicted(0, 100, 0).tolist() == [1.0]


# ---- the card --------------------------------------------------------------------------------------------------------


def card(**changes: Any) -> dict[str, Any]:
    sound = {"fields": 100, "writers": 9, "made_of": "tests", "curve": [[0.99, 60, 0], [0.5, 90, 2]]}
    return {"calibration": dict.fromkeys(KINDS, sound) | {"number": sound | changes}}


def test_curves_come_from_the_card() -> None:
    found = read_curves(card())
    assert tuple(found) == KINDS
    assert found["number"] == CalibrationCurve(
        "number", 100, 9, "tests", (CurvePoint(0.99, 60, 0), CurvePoint(0.5, 90, 2))
    )


def test_a_proof_for_a_few_fields_only_is_not_worth_the_others() -> None:
    dear = digits((0.9999, 4_100, 0), (0.999, 5_200, 5), (0.99, 20_000, 17))
    assert (dear.score, dear.basis) == (0.99, Basis.LIKELY)
    cheap = digits((0.9999, 17_000, 0), (0.999, 17_200, 12), (0.99, 20_000, 17))
    assert (cheap.score, cheap.basis) == (0.9999, Basis.PROVEN)


def test_nothing_is_proven_by_the_same_ink_counted_several_times() -> None:
    once = {"fields": 20_000, "writers": 40, "made_of": "tests", "curve": [[0.999, 20_000, 0]]}
    for repeated, basis in ((False, Basis.PROVEN), (True, Basis.LIKELY)):
        entry = once | ({"repeated": True} if repeated else {})
        found = thresholds(read_curves({"calibration": dict.fromkeys(KINDS, entry)}), 0.001).about("digits")
        assert found is not None and (found.basis, found.score) == (basis, 0.999)


def test_fields_that_tell_less_count_for_less() -> None:
    entry = {"fields": 20_000, "writers": 40, "made_of": "tests", "curve": [[0.999, 6_001, 0], [0.9, 20_000, 11]]}
    found = []
    for effect in (1.0, 1.5, 3.0):
        told = read_curves({"calibration": dict.fromkeys(KINDS, entry | {"design_effect": effect})})
        about = thresholds(told, 0.001).about("number")
        assert about is not None
        found.append((about.score, about.accepted, about.wrong, about.basis))
    # 11 of 20,000 prove 1 in 1,000; what they are worth at 1.5 and 3, 8 of 13,333 and 4 of 6,666, make it likely.
    assert found[:2] == [(0.9, 20_000, 11, Basis.PROVEN), (0.9, 13_333, 8, Basis.LIKELY)]
    assert found[2] == (0.9, 6_666, 4, Basis.LIKELY)
    assert "both divided by 3 since errors cluster by writer" in about.in_words()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"design_effect": 0.9}, "0.9 is no design effect of 1 or more"),
        ({"design_effect": "2"}, "'2' is no design effect"),
        ({"design_effect": float("inf")}, "inf is no design effect"),
        ({"curve": [[0.9, 60, 0], [0.95, 90, 2]]}, "scores must fall, but 0.95 follows 0.9"),
        ({"curve": [[0.9, 60, 0], [0.9, 90, 2]]}, "scores must fall"),
        ({"curve": [[0.9, 60, 0], [0.8, 50, 2]]}, "counts must grow"),
        ({"curve": [[0.9, 60, 3], [0.8, 90, 2]]}, "counts must grow"),
        ({"curve": [[0.9, 60, 0], [0.8, 61, 2]]}, "counts must grow"),
        ({"curve": [[0.9, 60, 61]]}, "61 of 60 are wrong"),
        ({"curve": [[0.9, 101, 0]]}, "101 are accepted of 100 fields"),
        ({"curve": [[0.9, -1, 0]]}, "-1 is no count"),
        ({"curve": [[0.9, 60, 0.5]]}, "0.5 is no count"),
        ({"curve": [[float("nan"), 60, 0]]}, "nan is no score"),
        ({"curve": [[1.5, 60, 0]]}, "1.5 is no score"),
        ({"curve": [[0.9, 60]]}, "is damaged"),
        ({"curve": None}, "is damaged"),
        ({"fields": "many"}, "'many' is no count"),
    ],
)
def test_a_curve_that_cannot_be_true_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match="calibration, number") as caught:
        read_curves(card(**changes))
    assert said in str(caught.value)


def test_a_card_that_lacks_something_is_refused() -> None:
    with pytest.raises(ModelError, match="no entry 'calibration'"):
        read_curves({})
    lacking = card()
    del lacking["calibration"]["choice"]
    with pytest.raises(ModelError, match="choice: is missing"):
        read_curves(lacking)
    del lacking["calibration"]["number"]["writers"]
    with pytest.raises(ModelError, match="no entry 'writers'"):
        read_curves(lacking)


def test_a_long_curve_is_thinned_and_ends_where_it_did() -> None:
    scores = np.linspace(0.1, 0.9999, 5000)
    points = curve_points(scores, scores < 0.2)
    assert len(points) == 600
    assert points[0][:2] == (0.9999, 1) and points[-1] == (0.1, 5000, int((scores < 0.2).sum()))
    entry = {"fields": 5000, "writers": 1, "made_of": "", "curve": json.loads(json.dumps(points))}
    assert read_curves({"calibration": dict.fromkeys(KINDS, entry)})["choice"].curve == tuple(points)


def test_no_field_makes_no_point() -> None:
    assert curve_points(np.empty(0), np.empty(0, bool)) == []


# ---- thresholds ------------------------------------------------------------------------------------------------------


def test_the_loosest_score_is_taken_at_which_the_target_is_proven() -> None:
    # With 20,000 fields 12 errors pass at 5 % (probability 0.039) and 13 do not (0.066).
    found = digits((0.99, 18_000, 2), (0.9, 20_000, 12), (0.8, 20_100, 40), fields=20_500)
    assert (found.score, found.accepted, found.wrong, found.basis) == (0.9, 20_000, 12, Basis.PROVEN)
    assert found.upper == pytest.approx(0.000972, abs=1e-6) and found.share == 20_000 / 20_500
    assert digits((0.99, 18_000, 2), (0.9, 20_000, 13), (0.8, 20_100, 40)).score == 0.99


def test_tests_stop_where_one_fails_though_a_later_one_would_not() -> None:
    # 0.9 fails and no start comes after it: 0.8 was never asked, whatever it would have said.
    assert digits((0.99, 18_000, 2), (0.9, 20_000, 20), (0.8, 60_000, 21)).score == 0.99


def test_one_mislabelled_field_among_the_surest_does_not_end_the_search() -> None:
    # The first test fails (4,100 fields with an error), those from the second start on do not.
    found = digits((0.9999, 4_100, 1), (0.99, 9_500, 1), (0.9, 20_000, 2))
    assert (found.score, found.basis) == (0.9, Basis.PROVEN)


def test_nothing_is_tested_before_no_error_could_pass() -> None:
    assert digits((0.9999, 1, 1), (0.99, 20_000, 3)).score == 0.99
    assert digits((0.9999, 2_994, 0)).basis is Basis.LIKELY
    assert digits((0.9999, 2_995, 0)).basis is Basis.PROVEN


def test_what_cannot_be_proven_is_likelier_than_not_and_says_so() -> None:
    found = digits((0.99, 900, 0), (0.9, 1_000, 3))
    assert (found.score, found.basis, found.proven) == (0.99, Basis.LIKELY, False)
    assert found.in_words() == (
        "digits: at most 1 in 1,000 wrong is likelier than not, but not proven (0 wrong of 900 accepted of 50 writers "
        "never trained on); proven at 95 % is at most 3.32 in 1,000"
    )


def test_with_very_few_fields_the_networks_own_word_counts() -> None:
    found = digits((0.9995, 300, 0), (0.999, 400, 0), (0.99, 500, 0))
    assert (found.score, found.basis) == (0.999, Basis.CLAIMED)
    assert digits((0.9995, 300, 0), (0.999, 400, 1), (0.99, 500, 2)).basis is Basis.NONE
    assert digits((0.99, 500, 0)).basis is Basis.NONE


@pytest.mark.parametrize("points", [(), ((0.9999, 5_000, 40), (0.9, 20_000, 80))])
def test_where_everything_speaks_against_it_nothing_is_accepted(points: tuple[tuple[float, int, int], ...]) -> None:
    found = digits(*points)
    assert (found.score, found.basis) == (NOTHING, Basis.NONE)
    assert "every field goes to a person" in found.in_words()


def test_a_higher_confidence_and_a_smaller_target_are_never_looser() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(30, 0.3, 30_000)
    points = tuple(curve_points(scores, rng.random(30_000) > scores))
    curves = {kind: CalibrationCurve(kind, 30_000, 50, "tests", points) for kind in KINDS}
    found = [thresholds(curves, target).digits for target in (0.05, 0.01, 0.002, 0.001)]
    assert found == sorted(found) and found[0] < found[-1] < 1
    assert thresholds(curves, 0.002, confidence=0.999).digits >= thresholds(curves, 0.002).digits


@pytest.mark.parametrize("target", [0.001, 0.003])
def test_the_guarantee_holds(target: float) -> None:
    # The true error at score s is 1.3 (1 - s): the network is sure of itself beyond its worth. Scores as they come from
    # a good network: most of them near 1.
    rng = np.random.default_rng(20260504)
    sets, fields = 399, 10_000
    broken = proven = 0
    for _ in range(sets // len(KINDS)):
        found = thresholds({kind: overconfident(rng, kind, fields) for kind in KINDS}, target)
        proven += sum(one.proven for one in found.details)
        broken += sum(true_risk(one.score) > target for one in found.details if one.proven)
    # 5 % of 399 are 20; if the guarantee were used up to its last bit, more than 29 would happen in 2 % of such tests.
    assert proven > sets * 0.9
    assert broken <= 29


def overconfident(rng: np.random.Generator, kind: str, fields: int) -> CalibrationCurve:
    scores = np.round(rng.beta(8, 0.06, fields), 6)
    points = curve_points(scores, rng.random(fields) < 1.3 * (1 - scores))
    return CalibrationCurve(kind, fields, 50, "tests", tuple(points))


FRESH = np.sort(np.round(np.random.default_rng(7).beta(8, 0.06, 2_000_000), 6))


def true_risk(score: float) -> float:
    """The error rate above a score, from two million fresh fields."""
    above = FRESH[np.searchsorted(FRESH, score) :]
    return float((1.3 * (1 - above)).mean())


# ---- a run -----------------------------------------------------------------------------------------------------------


def held(*, wrong: int = 2, accepted: int = 10_000) -> Thresholds:
    curves = {kind: curve((0.9, accepted, wrong), kind=kind) for kind in KINDS}
    return thresholds(curves, 0.01)


def test_a_run_expects_errors_at_the_calibrated_rate() -> None:
    found = expected_wrong({"digits": 4_000, "number": 6_000, "choice": 0}, held())
    assert found is not None
    assert found.expected == pytest.approx(10_000 * 2.5 / 10_001)
    assert (found.low, found.high) == (0, 7)


def test_the_interval_holds_95_of_100_runs() -> None:
    rng = np.random.default_rng(3)
    found = expected_wrong({"digits": 3_000, "number": 2_000}, held(wrong=9, accepted=8_000))
    assert found is not None
    rates = rng.beta(9.5, 7_991.5, (2, 20_000))
    wrong = rng.binomial(3_000, rates[0]) + rng.binomial(2_000, rates[1])
    inside = ((wrong >= found.low) & (wrong <= found.high)).mean()
    assert 0.95 <= inside <= 0.985
    assert ((wrong > found.low) & (wrong < found.high)).mean() < 0.95


def test_without_accepted_fields_none_is_wrong_and_without_calibration_nobody_knows() -> None:
    nothing = expected_wrong({}, held())
    assert nothing is not None and (nothing.expected, nothing.low, nothing.high) == (0.0, 0, 0)
    assert expected_wrong({"digits": 3}, Thresholds(0.9, 0.9, 0.9)) is None


# ---- sample checks ---------------------------------------------------------------------------------------------------


def checks(right: int, wrong: int = 0, score: float = 0.99999, kind: str = "digits") -> list[SampleCheck]:
    return [SampleCheck(kind, score, number < wrong) for number in range(right + wrong)]


def test_three_thousand_right_ones_show_one_in_a_thousand() -> None:
    assert sample_size(0.001) == 2_995
    assert check_promise(checks(2_994), 0.001).kept is Kept.NOT_SHOWN
    assert check_promise(checks(2_995), 0.001).kept is Kept.YES
    # P(at most 1 of 4,742) is 0.04999, of 4,741 it is 0.05003.
    assert check_promise(checks(4_740, 1), 0.001).kept is Kept.NOT_SHOWN
    assert check_promise(checks(4_741, 1), 0.001).kept is Kept.YES


def test_too_many_errors_show_that_it_is_broken() -> None:
    # One error of 51 happens in 5 % of samples at 1 in 1,000, two of 200 in 1.8 %.
    assert check_promise(checks(60, 1), 0.001).kept is Kept.NOT_SHOWN
    found = check_promise(checks(198, 2), 0.001)
    assert (found.looked_at, found.wrong, found.rate, found.kept) == (200, 2, 0.01, Kept.NO)
    assert found.low == pytest.approx(0.00178, abs=1e-5) and found.high == pytest.approx(0.03114, abs=1e-5)


def test_nothing_looked_at_shows_nothing() -> None:
    found = check_promise([], 0.001)
    assert (found.looked_at, found.rate, found.low, found.high, found.kept) == (0, 0.0, 0.0, 1.0, Kept.NOT_SHOWN)


def test_whoever_looked_at_everything_knows() -> None:
    assert check_promise(checks(500), 0.001, population=500).kept is Kept.YES
    assert check_promise(checks(499, 1), 0.001, population=500).kept is Kept.NO
    assert check_promise(checks(499), 0.001, population=500).kept is Kept.NOT_SHOWN


CURVES = {
    kind: curve((0.9999, 12_000, 1), (0.999, 18_000, 4), (0.99, 20_000, 11), (0.9, 21_000, 60), kind=kind)
    for kind in KINDS
}


def test_right_ones_change_nothing() -> None:
    now = thresholds(CURVES, 0.001)
    assert now.digits == 0.99
    assert tightened(now, checks(3_000), 0.001) == now


def test_errors_that_were_to_be_expected_change_no_score() -> None:
    now = thresholds(CURVES, 0.001)
    found = tightened(now, checks(2_000, 1, score=0.995), 0.001)
    assert (found.digits, found.number) == (0.99, 0.99)
    about = found.about("digits")
    assert about is not None and (about.accepted, about.wrong) == (22_001, 12)


def test_errors_near_the_threshold_raise_it_for_their_kind_alone() -> None:
    now = thresholds(CURVES, 0.001)
    found = tightened(now, [*checks(300), *checks(0, 4, score=0.995)], 0.001)
    assert (found.digits, found.number, found.choice) == (0.999, 0.99, 0.99)
    about = found.about("digits")
    assert about is not None and (about.accepted, about.wrong, about.basis) == (18_300, 4, Basis.PROVEN)


def test_errors_among_the_surest_close_the_kind() -> None:
    found = tightened(thresholds(CURVES, 0.001), checks(197, 3), 0.001)
    assert (found.digits, found.number) == (NOTHING, 0.99)


def test_a_threshold_is_never_lowered() -> None:
    strict = replace(thresholds(CURVES, 0.001), digits=0.9999)
    first = replace(strict.details[0], score=0.9999, accepted=12_000, wrong=1)
    strict = replace(strict, details=(first, *strict.details[1:]))
    for found in (checks(50_000), checks(50_000, 1), checks(100, 5)):
        assert tightened(strict, found, 0.001).digits >= 0.9999


def test_what_one_sample_raised_no_later_one_lowers() -> None:
    now = thresholds(CURVES, 0.001)
    first = [*checks(300), *checks(0, 4, score=0.995)]
    later = checks(60_000)
    # Had all been one sample, its four errors would be few.
    assert tightened(now, first + later, 0.001).digits == 0.99
    assert tightened_by_rounds(now, [first, later], 0.001).digits == 0.999
    assert tightened_by_rounds(now, [], 0.001) == now


def test_without_calibration_there_is_nothing_to_tighten() -> None:
    bare = Thresholds(0.9, 0.9, 0.9)
    assert tightened(bare, checks(1, 1), 0.001) == bare


@pytest.mark.parametrize(("rate", "text"), [(0.001, "1 in 1,000"), (0.0125, "12.5 in 1,000"), (0.0, "0 in 1,000")])
def test_rates_are_told_in_a_thousand(rate: float, text: str) -> None:
    assert per_thousand(rate) == text
