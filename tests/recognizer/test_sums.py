"""Marks and totals decoded together: worked examples, and every combination one by one on small sheets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.records import RankedValue
from recognizer.sum_layout import SumLayout, sum_layout
from recognizer.sum_model import SumModel, model_for
from recognizer.sum_words import explain
from recognizer.sums import UNKNOWN, Joint, PartEvidence, decode_sums
from recognizer.template import find_template
from tests.helpers.sum_sheets import by_brute_force, sum_template


def seen(**values: float) -> PartEvidence:
    """What a reader saw: `_7=0.9` is a 7, `_2h` two and a half, `blank` nothing, `dash` a dash."""
    names = {"blank": "", "dash": "-", "AB": "AB"}
    return PartEvidence(
        tuple(RankedValue(names.get(name, name[1:].replace("h", ".5")), p) for name, p in values.items())
    )


def said(value: str) -> PartEvidence:
    return PartEvidence(known=value)


SMALL = sum_layout(sum_template(["q1", "q2", "q3"], ["total:"], extra="dash = true"))
NESTED = sum_layout(sum_template(["q1", "q2", "q3"], ["part:q1 q2", "all:part q3"], maximum=1))
assert SMALL
assert NESTED

probability = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def evidence(draw: st.DrawFn, values: tuple[str, ...]) -> PartEvidence:
    if draw(st.integers(0, 9)) == 0:
        return said(draw(st.sampled_from(values)))
    chosen = draw(st.lists(st.sampled_from(values), max_size=3, unique=True))
    shares = [draw(probability) for _ in chosen]
    scale = max(sum(shares), 1.0)
    ranked = tuple(RankedValue(value, share / scale) for value, share in zip(chosen, shares, strict=True))
    return PartEvidence(ranked, troubled=draw(st.booleans()))


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[evidence(("0", "1", "2", "", "-"))] * 3), evidence(("0", "1", "2", "3", "4", "")))
def test_it_agrees_with_every_combination(marks: tuple[PartEvidence, ...], total: PartEvidence) -> None:
    check(SMALL, (*marks, total), model_for(SMALL.unit, 0.1))


@settings(max_examples=10, deadline=None)
@given(st.tuples(*[evidence(("0", "1", ""))] * 3), st.tuples(*[evidence(("0", "1", "2", ""))] * 2))
def test_sub_totals_agree_with_every_combination(
    marks: tuple[PartEvidence, ...], totals: tuple[PartEvidence, ...]
) -> None:
    known = [each if each.known is not None else said(each.values[0].value if each.values else "") for each in totals]
    check(NESTED, (*marks, totals[0], known[1]), model_for(NESTED.unit, 0.1))


def check(layout: SumLayout, sheet: tuple[PartEvidence, ...], model: SumModel) -> None:
    parts, wrong = by_brute_force(layout, sheet, model)
    joint = decode_sums(layout, [sheet], model)
    for at, expected in enumerate(parts):
        np.testing.assert_allclose(joint.parts[at][0], expected, atol=1e-9)
    for at, expected_wrong in wrong.items():
        assert joint.misadded[0, layout.totals.index(at)] == pytest.approx(expected_wrong, abs=1e-9)


# ---- worked examples -------------------------------------------------------------------------------------------------

COVER = sum_layout(sum_template(["q1", "q2", "q3"], ["total:"], maximum=10, step="0.5", extra="dash = true"))
assert COVER


def decoded(*sheet: PartEvidence, layout: SumLayout = COVER, misadded: float = 0.02) -> Joint:
    return decode_sums(layout, [sheet], model_for(layout.unit, misadded))


def best(joint: Joint) -> list[str]:
    return [joint.ranked(0, at, 1)[0].value for at in range(len(joint.parts))]


def test_the_total_decides_between_a_one_and_a_seven() -> None:
    joint = decoded(seen(_1=0.6, _7=0.4), seen(_5=0.999), seen(_2h=0.999), seen(_14h=0.98))
    assert best(joint) == ["7", "5", "2.5", "14.5"]
    assert joint.of(0, 0, "7") > 0.99
    assert joint.misadded[0, 0] < 0.01


def test_marks_that_are_sure_and_a_total_that_is_sure_are_a_wrong_sum() -> None:
    joint = decoded(said("7"), said("5"), said("2"), said("15"))
    assert best(joint) == ["7", "5", "2", "15"]
    assert joint.misadded[0, 0] == pytest.approx(1.0)


def test_a_wrong_sum_repairs_no_sure_mark() -> None:
    """A mark would have to be a value for which there is no sign at all."""
    joint = decoded(seen(_7=0.9999), seen(_5=0.9999), seen(_2=0.9999), seen(_15=0.9999))
    assert best(joint) == ["7", "5", "2", "15"]
    assert joint.misadded[0, 0] > 0.5


def test_what_a_person_said_is_certain_and_helps_the_others() -> None:
    alone = decoded(seen(_1=0.5, _7=0.5), seen(_1=0.5, _7=0.5), said("2"), seen(_10=0.9))
    assert alone.of(0, 0, "7") == pytest.approx(0.5, abs=0.01)
    helped = decoded(said("1"), seen(_1=0.5, _7=0.5), said("2"), seen(_10=0.9))
    assert helped.of(0, 0, "1") == pytest.approx(1.0)
    assert helped.of(0, 1, "7") > 0.99


def test_a_field_of_which_nothing_is_known_is_what_is_missing() -> None:
    joint = decoded(UNKNOWN, seen(_5=0.999), seen(_2h=0.999), seen(_14h=0.999))
    assert best(joint)[0] == "7"
    troubled = decoded(PartEvidence(troubled=True), seen(_5=0.999), seen(_2h=0.999), seen(_14h=0.999))
    assert troubled.of(0, 0, "7") == pytest.approx(joint.of(0, 0, "7"), abs=1e-6)


def test_without_a_total_nothing_changes() -> None:
    joint = decoded(seen(_1=0.6, _7=0.4), seen(_5=0.99), seen(_2=0.99), seen(blank=1.0))
    assert joint.of(0, 0, "7") == pytest.approx(0.4, abs=0.001)


def test_an_absent_candidate_has_no_sum() -> None:
    layout = sum_layout(find_template("cover_marks"))
    assert layout
    marks = [seen(AB=0.99)] + [seen(_7=0.6, _1=0.4)] * 11
    joint = decoded(*marks, seen(_7=0.9), layout=layout)
    assert joint.of(0, 0, "AB") > 0.5
    assert joint.of(0, 1, "7") == pytest.approx(0.6, abs=0.05)


def test_an_exam_may_count_absent_as_nothing() -> None:
    layout = sum_layout(find_template("cover_marks"), absent_adds=True)
    assert layout
    marks = [said("AB"), seen(_7=0.4, _1=0.6)] + [said("0")] * 10
    assert decoded(*marks, seen(_7=0.99), layout=layout).of(0, 1, "7") > 0.99


def test_a_blank_that_the_total_counts_was_forgotten() -> None:
    agreeing = decoded(seen(_7=0.999), seen(blank=1.0), seen(_2=0.999), seen(_9=0.999))
    assert agreeing.left_out[0, 1] < 0.001
    forgotten = decoded(seen(_7=0.9999), seen(blank=1.0), seen(_2=0.9999), seen(_14=0.9999))
    assert forgotten.left_out[0, 1] > 0.3
    assert forgotten.of(0, 1, "") > 0.9


def test_a_dash_adds_nothing() -> None:
    joint = decoded(seen(_7=0.999), seen(dash=0.7, _1=0.3), seen(_2=0.999), seen(_9=0.999))
    assert joint.of(0, 1, "-") > 0.98


def test_sub_totals_narrow_down_where_an_error_lies() -> None:
    layout = sum_layout(sum_template(["q1", "q2", "q3", "q4"], ["a:q1 q2", "b:q3 q4", "all:a b"], maximum=10))
    assert layout
    marks = [seen(_1=0.6, _7=0.4), said("3"), seen(_1=0.6, _7=0.4), said("3")]
    joint = decoded(*marks, said("10"), said("4"), said("14"), layout=layout)
    assert best(joint)[:4] == ["7", "3", "1", "3"]
    assert joint.misadded.max() < 0.01
    # The examiner adds what is written in b, and it is b that is wrong.
    joint = decoded(*[said("2")] * 4, said("4"), said("5"), said("9"), layout=layout)
    assert joint.misadded[0].round(2).tolist() == pytest.approx([0, 1, 0], abs=0.02)


def test_decimals_are_exact() -> None:
    """0.1 + 0.2 is 0.3 here, and 0.07 + 0.01 is 0.08."""
    layout = sum_layout(sum_template(["q1", "q2"], ["total:"], maximum=1, step="0.01"))
    assert layout
    assert layout.number(layout.in_units("0.07") or 0) == "0.07"
    joint = decoded(seen(_07=0.0), said("0.2"), said("0.3"), layout=layout)
    assert best(joint)[0] == "0.1"
    joint = decoded(UNKNOWN, said("0.01"), said("0.08"), layout=layout)
    assert best(joint)[0] == "0.07"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -1.0, 1e300])
def test_probabilities_that_are_none_are_no_evidence(bad: float) -> None:
    joint = decoded(seen(_1=bad, _7=0.4), seen(_5=0.999), seen(_2h=0.999), seen(_14h=0.98))
    assert all(np.isfinite(part).all() for part in joint.parts)
    assert best(joint)[0] == "7"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "=1+1", "😀", "9" * 300, "1e9", "٣", "-0", "7.25"])
def test_values_that_the_field_cannot_hold_have_no_sum(text: str) -> None:
    joint = decoded(PartEvidence((RankedValue(text, 0.9),)), seen(_5=0.9), seen(_2=0.9), seen(_14=0.9))
    assert all(np.isfinite(part).all() for part in joint.parts)
    assert [part.sum() for part in joint.parts] == pytest.approx([1.0] * 4)
    assert joint.of(0, 0, text) in (0.0, joint.of(0, 0, "?"))


def test_a_template_whose_sums_are_too_many_is_not_decoded() -> None:
    assert sum_layout(sum_template(["q1"], ["total:"], maximum=9999, step="0.000001")) is None
    assert sum_layout(find_template("choice_answers")) is None


@pytest.mark.parametrize("share", [0.0, 1.0, float("nan"), -1.0])
def test_a_share_of_wrong_totals_is_one(share: float) -> None:
    with pytest.raises(ValueError, match="no share of wrong totals"):
        model_for(COVER.unit, share)


def test_many_sheets_are_decoded_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sheets = [(seen(_1=0.6, _7=0.4), seen(_5=0.9), said(f"{n % 10}"), seen(_14=0.9)) for n in range(7)]
    whole = decode_sums(COVER, sheets, model_for(COVER.unit))
    monkeypatch.setattr("recognizer.sums.MOST_CELLS", 1)
    single = decode_sums(COVER, sheets, model_for(COVER.unit))
    for one, other in zip(whole.parts, single.parts, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)
    assert decode_sums(COVER, [], model_for(COVER.unit)).misadded.shape == (0, 1)


# ---- in words --------------------------------------------------------------------------------------------------------


def told(*sheet: PartEvidence, layout: SumLayout = COVER) -> list[str]:
    joint = decoded(*sheet, layout=layout)
    own = [
        one.known if one.known is not None else one.values[0].value if one.values else joint.ranked(0, at, 1)[0].value
        for at, one in enumerate(sheet)
    ]
    return [one.text for one in explain(layout, layout.totals[0], sheet, own, model_for(layout.unit))]


def test_a_misread_mark_is_the_likeliest_explanation() -> None:
    found = told(seen(_1=0.9, _7=0.09), seen(_5=0.999), seen(_2h=0.999), seen(_14h=0.999))
    assert found[0] == "Q1 is 7, not 1: then the total 14.5 agrees"


def test_a_misread_total_is_one() -> None:
    found = told(seen(_7=0.999), seen(_5=0.999), seen(_2=0.999), seen(_11=0.9, _14=0.09))
    assert found[0] == "the total is 14, not 11: then it agrees with the marks"


def test_a_wrong_sum_is_one() -> None:
    assert told(said("7"), said("5"), said("2"), said("15")) == ["the marks add up to 14, the examiner wrote 15"]


def test_a_mark_left_out_is_one() -> None:
    found = told(said("7"), said("5"), said("4"), said("11"))
    assert found[0] == "the examiner left out Q2 (5): the other marks add up to 11"


def test_a_blank_that_was_awarded_is_one() -> None:
    assert "Q2 is blank, but 5 was awarded: then the total 14 agrees" in told(
        said("7"), seen(blank=1.0), said("2"), said("14")
    )


def test_two_misread_marks_are_one() -> None:
    found = told(seen(_1=0.6, _7=0.39), seen(_1=0.6, _7=0.39), said("2"), said("16"))
    assert found[0] == "Q1 is 7, not 1, and Q2 is 7, not 1: then the total 16 agrees"


def test_what_agrees_is_said_so() -> None:
    assert told(said("7"), said("5"), said("2"), said("14")) == ["the marks add up to 14, as the total says"]


def test_without_numbers_nothing_is_explained() -> None:
    assert told(said("7"), said("5"), said("2"), seen(blank=1.0)) == []
    assert told(said("7"), said("AB"), said("2"), said("14")) == []


def test_no_more_than_three_are_told() -> None:
    loose = seen(_1=0.5, _7=0.2, _2=0.1, _3=0.1)
    assert 2 <= len(told(loose, loose, loose, seen(_9=0.5, _10=0.2, _11=0.2))) <= 3
