"""Marks and totals decoded together: worked examples, and every combination one by one on small sheets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizer.records import RankedValue
from recognizer.sum_layout import SumLayout, sum_layout
from recognizer.sum_model import model_for
from recognizer.sums import PartEvidence, decode_sums
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
NESTED = sum_layout(sum_template(["q1", "q2", "q3"], ["part:q1 q2", "all:part q3"], maximum="1"))
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


def check(layout: SumLayout, sheet: tuple[PartEvidence, ...], model: object) -> None:
    parts, wrong = by_brute_force(layout, sheet, model)  # type: ignore[arg-type]
    joint = decode_sums(layout, [sheet], model)  # type: ignore[arg-type]
    for at, expected in enumerate(parts):
        np.testing.assert_allclose(joint.parts[at][0], expected, atol=1e-9)
    for at, expected_wrong in wrong.items():
        assert joint.misadded[0, layout.totals.index(at)] == pytest.approx(expected_wrong, abs=1e-9)
