"""Which picture of a sheet's page counts: exactly one, whatever people decide and however often they change it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.errors import PageChoiceError
from flows.page_decisions import Claim, arrange, claims_of, decide, key_of, place_of
from flows.records import By, PageChoice, PageDecision, PagePlacement, PageRow
from recognizer.records import HandPlacement, PageOutcomeKind, PageRef
from tests.helpers.exam_rows import failed_page, page_row

KEEP, REPLACE = PageChoice.KEEP, PageChoice.REPLACE
READ, HELD, DUPLICATE = PageOutcomeKind.READ, PageOutcomeKind.HELD, PageOutcomeKind.DUPLICATE
KIM = By("Kim", datetime(2026, 5, 4, 12, 0, tzinfo=UTC), "command")
PLACE = ("marks#00001", 1)


def rescans(count: int = 3) -> list[PageRow]:
    """Pictures of one page of one sheet, in order of arrival."""
    return [page_row("marks", 1, scan=letter * 64, file=f"{letter}.pdf", outcome=HELD) for letter in "abcdef"[:count]]


class Desk:
    """Pages of one place, and whoever decides about them."""

    def __init__(self, *pages: PageRow) -> None:
        self.pages = list(pages)
        self.decisions: list[PageDecision] = []

    def rows(self) -> tuple[PageRow, ...]:
        claims = claims_of(self.pages, {row.scan: at for at, row in enumerate(self.pages)})
        return arrange(claims[PLACE], self.decisions)

    def outcomes(self) -> list[PageOutcomeKind]:
        return [row.outcome for row in self.rows()]

    def say(self, choice: PageChoice, *at: int) -> tuple[PageDecision, ...]:
        rows = self.rows()
        claims = claims_of(rows, {row.scan: number for number, row in enumerate(rows)})
        made = decide(claims, self.decisions, [rows[number] for number in at], choice, KIM)
        self.decisions += made
        return made


def test_the_first_page_stands_and_others_are_held_until_somebody_decides() -> None:
    desk = Desk(*rescans())
    assert desk.outcomes() == [READ, HELD, HELD]
    assert "was read from a.pdf page 1 already" in desk.rows()[2].reason


def test_keep_sets_the_held_page_aside_and_says_who_decided() -> None:
    desk = Desk(*rescans())
    (made,) = desk.say(KEEP, 1)
    assert (made.was, made.becomes, made.act) == (HELD, DUPLICATE, 1)
    first, second, third = desk.rows()
    assert [first.outcome, second.outcome, third.outcome] == [READ, DUPLICATE, HELD]
    assert first.reason == ""
    assert second.reason == (
        "page 1 of sheet marks#00001 is kept from a.pdf page 1: decided by Kim, 2026-05-04 12:00 UTC"
    )
    assert second.sheet == "marks#00001"


def test_replace_counts_the_held_page_and_sets_the_first_aside() -> None:
    desk = Desk(*rescans())
    (made,) = desk.say(REPLACE, 1)
    assert (made.was, made.becomes) == (HELD, READ)
    first, second, third = desk.rows()
    assert (first.outcome, first.reason) == (
        DUPLICATE,
        "replaced by b.pdf page 1: decided by Kim, 2026-05-04 12:00 UTC",
    )
    assert (second.outcome, second.reason) == (
        READ,
        "counts instead of a.pdf page 1: decided by Kim, 2026-05-04 12:00 UTC",
    )
    # The third waits still, now beside the one that counts.
    assert third.outcome is HELD and "b.pdf page 1 already" in third.reason


def test_a_change_of_mind_is_another_decision() -> None:
    desk = Desk(*rescans())
    desk.say(REPLACE, 1)
    desk.say(REPLACE, 2)
    assert desk.outcomes() == [DUPLICATE, DUPLICATE, READ]
    # Back to the one that it had replaced, then to the first.
    desk.say(KEEP, 2)
    assert desk.outcomes() == [DUPLICATE, READ, DUPLICATE]
    desk.say(REPLACE, 0)
    assert desk.outcomes() == [READ, DUPLICATE, DUPLICATE]
    assert [one.act for one in desk.decisions] == [1, 2, 3, 4]


def test_what_holds_already_adds_nothing() -> None:
    desk = Desk(*rescans())
    desk.say(KEEP, 1)
    assert desk.say(KEEP, 1) == ()
    desk.say(REPLACE, 2)
    assert desk.say(REPLACE, 2) == ()


def test_two_pages_cannot_both_replace_one() -> None:
    desk = Desk(*rescans())
    with pytest.raises(PageChoiceError, match=r"b\.pdf page 1 and c\.pdf page 1 would both be page 1"):
        desk.say(REPLACE, 1, 2)
    assert len(desk.say(KEEP, 1, 2)) == 2
    assert desk.outcomes() == [READ, DUPLICATE, DUPLICATE]


@pytest.mark.parametrize("choice", [KEEP, REPLACE])
def test_there_is_nothing_to_decide_about_a_page_that_is_alone(choice: PageChoice) -> None:
    with pytest.raises(PageChoiceError, match="not held"):
        Desk(*rescans(1)).say(choice, 0)


def test_there_is_nothing_to_decide_about_a_page_that_failed() -> None:
    failed = failed_page(9, PageOutcomeKind.FAILED, "no corner marks")
    with pytest.raises(PageChoiceError, match=r"a\.pdf page 9 is not held for a decision: it is failed \(no corner"):
        decide({}, (), [failed], KEEP, KIM)


def test_a_decision_against_a_page_that_is_gone_is_asked_again() -> None:
    first, second, third = rescans()
    desk = Desk(first, second, third)
    desk.say(KEEP, 1)
    # Read again, the first is something else: nobody compared the second with the third.
    desk.pages = [second, third]
    assert desk.outcomes() == [READ, HELD]
    desk.pages = [first, second, third]
    assert desk.outcomes() == [READ, DUPLICATE, HELD]


def test_pages_that_claim_no_place_are_left_alone() -> None:
    (page,) = rescans(1)
    assert place_of(page) == PLACE
    for changes in ({"serial": None}, {"sheet": ""}, {"outcome": PageOutcomeKind.FAILED}):
        assert place_of(page_row("marks", 1, **changes)) is None


def test_a_page_that_was_placed_by_hand_claims_its_place_when_it_was_placed() -> None:
    first, second, third = rescans()
    placed = HandPlacement(PageRef(first.scan, 1), "marks", 1, 1, 1, ((0.0, 0.0),) * 4, 10, 10)
    said = PagePlacement(placed, (2, 1), PageOutcomeKind.FAILED, "Kim", KIM.made_at, "command")
    claims = claims_of([first, second, third], {first.scan: 1, second.scan: 2, third.scan: 3}, [said])
    assert [claim.row.file for claim in claims[PLACE]] == ["b.pdf", "a.pdf", "c.pdf"]


steps = st.lists(st.tuples(st.sampled_from([KEEP, REPLACE]), st.integers(0, 3)), max_size=12)


@given(steps, st.sets(st.integers(0, 3)))
def test_exactly_one_page_counts_whatever_is_said_and_whoever_is_missing(
    said: list[tuple[PageChoice, int]], gone: set[int]
) -> None:
    pages = rescans(4)
    desk = Desk(*pages)
    for choice, at in said:
        before = desk.outcomes()
        try:
            made = desk.say(choice, at)
        except PageChoiceError:
            assert desk.outcomes() == before
            continue
        after = desk.outcomes()
        assert after.count(READ) == 1
        # What was said of this page holds now, and of the others only who was compared with it moved.
        assert after[at] is (READ if choice is REPLACE else DUPLICATE)
        others = {key_of(row) for row, was, now in zip(pages, before, after, strict=True) if was is not now}
        assert others <= {pair for one in made for pair in ((one.scan, one.page), (one.other_scan, one.other_page))}
    left = [row for at, row in enumerate(pages) if at not in gone]
    if left:
        arranged = arrange([Claim(row, (at, 1, 0)) for at, row in enumerate(left)], desk.decisions)
        assert [row.outcome for row in arranged].count(READ) == 1
