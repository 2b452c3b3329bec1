"""Sample checks: the pure part."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from flows.checking import (
    Answer,
    By,
    accepted_untouched,
    can_show,
    draw,
    how_it_stands,
    in_force,
    in_words,
    rounds_by_model,
    weigh,
    wrong_at_most,
)
from flows.records import CheckedField, CheckOutcome, Correction, FieldRow
from recognizer.curves import KINDS, CalibrationCurve, CurvePoint
from recognizer.promise import Kept, Thresholds, thresholds
from recognizer.records import Decision, Flag, ValueState
from recognizer.template import Kind
from tests.helpers.exam_rows import field_row, marks_template, page_row

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
BY = By("A. Clerk", NOW, "sample check, workbook")
TARGET = 0.01
MODEL = "digits-1"


def rows(scores: list[float]) -> list[FieldRow]:
    """One accepted mark a page, read as 7 with these scores."""
    field = marks_template().pages[0].fields[2]
    return [
        field_row(
            page_row("marks", number),
            field,
            "7",
            decision=Decision(field.name, ValueState.VALUE, "7", "7", score, None, ""),
        )
        for number, score in enumerate(scores, start=1)
    ]


def calibrated() -> Thresholds:
    """Calibrated so that 0.9 is accepted at `TARGET`, and much less would be at 0.999."""
    points = (CurvePoint(0.999, 6_000, 0), CurvePoint(0.99, 8_000, 2), CurvePoint(0.9, 10_000, 60))
    curves = {kind: CalibrationCurve(kind, 12_000, 100, "test", points) for kind in KINDS}
    held = thresholds(curves, TARGET)
    assert held.number == 0.9
    return held


def right(row: FieldRow) -> Answer:
    return Answer(row, ValueState.VALUE, "7")


def wrong(row: FieldRow) -> Answer:
    return Answer(row, ValueState.VALUE, "1")


def weighed(answers: list[Answer], fields: list[FieldRow], earlier: tuple[CheckedField, ...] = ()) -> CheckOutcome:
    return weigh(answers, fields, earlier, {MODEL: calibrated()}, accept_error=TARGET, by=BY)


def test_only_machine_decisions_that_nobody_touched_are_drawn() -> None:
    template = marks_template()
    said = Correction("k", ValueState.VALUE, "7", "7", "7", MODEL, "Kim", NOW, "command")
    flagged = field_row(page_row("marks", 8), template.pages[0].fields[2], None)
    corrected = field_row(page_row("marks", 9), template.pages[0].fields[2], "7", said)
    plain = rows([0.95, 0.96, 0.97])
    checks = weighed([right(plain[0])], plain).checked
    assert accepted_untouched([*plain, flagged, corrected], checks) == (plain[1], plain[2])
    assert draw([*plain, flagged, corrected], checks, 10) == (plain[1], plain[2])


def test_a_draw_is_random_repeatable_and_in_the_order_of_the_pages() -> None:
    fields = rows([0.95] * 200)
    first = draw(fields, (), 20, seed=1)
    assert first == draw(fields, (), 20, seed=1)
    assert first != draw(fields, (), 20, seed=2)
    assert len(first) == 20
    assert [row.page_number for row in first] == sorted(row.page_number for row in first)
    chosen = {row.key for seed in range(60) for row in draw(fields, (), 20, seed)}
    assert len(chosen) > 190


def test_it_says_what_a_number_can_show() -> None:
    assert "at most 9.94 in 1,000" in can_show(300, 0.001, 5_000)
    assert "takes 2,995" in can_show(300, 0.001, 5_000)
    assert "the promise is 10 in 1,000" in can_show(300, 0.01, 5_000)
    assert "every accepted field" in can_show(12, 0.001, 0)


def test_right_answers_change_nothing_but_are_remembered() -> None:
    fields = rows([0.95] * 10)
    outcome = weighed([right(row) for row in fields[:5]], fields)
    assert [one.wrong for one in outcome.checked] == [False] * 5
    assert (outcome.corrections, outcome.tightenings, outcome.doubted) == ((), (), {})
    one = outcome.checked[0]
    assert (one.round, one.machine, one.value, one.score, one.model) == (1, "7", "7", 0.95, MODEL)


def test_a_wrong_field_becomes_a_correction() -> None:
    fields = rows([0.95] * 10)
    (said,) = weighed([wrong(fields[3])], fields).corrections
    assert (said.key, said.value, said.was, said.machine, said.reviewer) == (fields[3].key, "1", "7", "7", "A. Clerk")


def test_more_errors_than_promised_reopen_what_is_as_unsure_and_leave_people_alone() -> None:
    fields = rows([0.95] * 100 + [0.9995] * 100)
    answers = (
        [wrong(row) for row in fields[:8]] + [right(row) for row in fields[8:20]] + [right(row) for row in fields[150:]]
    )
    outcome = weighed(answers, fields)
    (tightening,) = outcome.tightenings
    assert tightening.number == 0.99
    assert (tightening.digits, tightening.choice) == (0.9, 0.9)
    assert tightening.reopened == 80
    assert tightening.why == "8 wrong of 70 accepted fields looked at; promised is at most 10 in 1,000"
    assert set(outcome.doubted) == {row.key for row in fields[20:100]}
    doubt = outcome.doubted[fields[20].key]
    assert (doubt.state, doubt.value, doubt.guess, doubt.flag) == (ValueState.UNSETTLED, "", "7", Flag.DOUBTED)
    assert "a sample check found more errors than promised" in doubt.why


def test_a_later_round_never_loosens() -> None:
    fields = rows([0.95] * 100 + [0.9995] * 2_000)
    first = weighed([wrong(row) for row in fields[:8]], fields)
    later = weighed([right(row) for row in fields[100:2_000]], fields, first.checked)
    assert later.tightenings == ()
    assert {one.round for one in later.checked} == {2}
    held = in_force({MODEL: calibrated()}, (*first.checked, *later.checked), TARGET)
    assert held[MODEL].number == 0.99


def test_without_the_models_card_nothing_of_a_kind_with_errors_stays_accepted() -> None:
    fields = rows([0.9999] * 50)
    outcome = weigh([wrong(row) for row in fields[:3]], fields, (), {}, accept_error=TARGET, by=BY)
    assert set(outcome.doubted) == {row.key for row in fields[3:]}
    assert weigh([right(row) for row in fields[:3]], fields, (), {}, accept_error=TARGET, by=BY).doubted == {}


def test_each_kind_by_itself_may_be_bad_luck_but_not_all_together() -> None:
    kinds = tuple(Kind(name) for name in KINDS)
    fields = [
        field_row(
            page_row("marks", number),
            marks_template().pages[0].fields[2],
            "7",
            kind=kinds[number % 3],
            decision=Decision("q1", ValueState.VALUE, "7", "7", 0.9999, None, ""),
        )
        for number in range(1, 301)
    ]
    answers = [wrong(row) if number < 6 else right(row) for number, row in enumerate(fields[:150])]
    outcome = weighed(answers, fields)
    assert len(outcome.tightenings) == 1
    assert set(outcome.doubted) == {row.key for row in fields[150:]}


def test_models_are_told_apart() -> None:
    fields = rows([0.95] * 4)
    first = weighed([wrong(fields[0])], fields).checked
    assert list(rounds_by_model(first)) == [MODEL]
    again = rows([0.95] * 4)
    replaced = [field_row(page_row("marks", n), marks_template().pages[0].fields[2], "7", model="new") for n in (1, 2)]
    assert accepted_untouched(replaced, first) == tuple(replaced)
    assert how_it_stands(replaced, first, (), {}, TARGET).found.looked_at == 0
    assert how_it_stands(again, first, (), {}, TARGET).found.looked_at == 1


@pytest.mark.parametrize(
    ("errors", "looked_at", "kept"), [(0, 100, Kept.NOT_SHOWN), (0, 400, Kept.YES), (12, 400, Kept.NO)]
)
def test_it_says_whether_the_promise_is_kept(errors: int, looked_at: int, kept: Kept) -> None:
    fields = rows([0.9995] * 1_000)
    answers = [wrong(row) if n < errors else right(row) for n, row in enumerate(fields[:looked_at])]
    checks = weighed(answers, fields).checked
    standing = how_it_stands(fields, checks, (), {MODEL: calibrated()}, TARGET)
    assert (standing.found.kept, standing.found.wrong, standing.accepted) == (kept, errors, 1_000)
    assert standing.low <= errors / looked_at <= standing.high
    words = " ".join(in_words(standing))
    assert {Kept.YES: "is kept", Kept.NO: "is not kept", Kept.NOT_SHOWN: "not shown yet"}[kept] in words


def test_how_many_may_be_wrong_speaks_of_what_is_still_accepted_and_was_not_looked_at() -> None:
    """Errors among readings that are reopened since say nothing of those that stay."""
    unsure, sure = rows([0.95] * 200), rows([0.9995] * 1_000)[200:]
    fields = [*unsure, *sure]
    answers = [wrong(row) if n < 20 else right(row) for n, row in enumerate(unsure[:100])]
    outcome = weighed([*answers, *(right(row) for row in sure[:100])], fields)
    fields = [replace(row, decision=outcome.doubted.get(row.key, row.decision)) for row in fields]
    standing = how_it_stands(fields, outcome.checked, outcome.tightenings, {MODEL: calibrated()}, TARGET)
    assert (standing.found.wrong, standing.left.looked_at, standing.left.wrong) == (20, 100, 0)
    # 0 of 100: at most 3.62 %, at 97.5 %.
    assert wrong_at_most(standing, 700) == (0, 26)
    assert wrong_at_most(standing, 0) == (0, 0)
    nobody = how_it_stands(fields, (), (), {MODEL: calibrated()}, TARGET)
    assert wrong_at_most(nobody, 700) is None


def test_when_all_were_looked_at_nothing_is_left_to_chance() -> None:
    fields = rows([0.9995] * 10)
    checks = weighed([right(row) for row in fields], fields).checked
    standing = how_it_stands(fields, checks, (), {MODEL: calibrated()}, TARGET)
    assert (standing.found.kept, standing.low, standing.high) == (Kept.YES, 0.0, 0.0)


def test_nobody_looked_yet() -> None:
    standing = how_it_stands(rows([0.95]), (), (), {}, TARGET)
    assert not standing.broken
    assert not standing.blocks
    assert list(in_words(standing)) == [
        "Nobody has looked at a sample of the 1 accepted fields; the promise is 10 in 1,000."
    ]
