"""Whose a sheet is: what the class list may settle, what it must leave to people, and what is said to them."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.check_digits import has_check
from flows.id_evidence import IdField, SheetEvidence, places_of
from flows.matching import MatchRule, match_sheets
from flows.results import MatchStatus
from flows.roster import Candidate
from recognizer.decode import LETTER
from recognizer.records import CharacterReading
from tests.helpers.id_sheets import DIGITS, id_field, people, sheet
from tests.helpers.lettered import lettered_template

ROSTER = people("10472635", "20583746", "31694857", "42705968", "53816079", "64927180", "75038291", "86149302")


def full_house(*besides: SheetEvidence, without: Sequence[str] = ()) -> list[SheetEvidence]:
    """A clear sheet of every candidate but those in `without`, and some sheets besides."""
    clear = [sheet(f"s{each.id}", id_field(each.id)) for each in ROSTER if each.id not in without]
    return [*clear, *besides]


def test_a_clear_number_on_the_roster_is_matched_and_the_rest_are_missing() -> None:
    matching = match_sheets([sheet("a", id_field("10472635")), sheet("b", id_field("42705968"))], ROSTER)
    assert [(match.status, match.id) for match in matching.matches] == [
        (MatchStatus.MATCHED, "10472635"),
        (MatchStatus.MATCHED, "42705968"),
    ]
    assert [each.id for each in matching.missing] == [
        each.id for each in ROSTER if each.id not in {"10472635", "42705968"}
    ]
    assert matching.matches[0].settles == ("a-0",)
    assert len(matching.matches[0].ranked) == 5


def test_the_class_list_settles_what_was_read_in_doubt() -> None:
    doubtful = sheet("a", id_field("1047263?", {2: {"4": 0.55, "9": 0.45}}))
    (match,) = match_sheets(full_house(doubtful, without=["10472635"]), ROSTER).matches[-1:]
    assert (match.status, match.id) == (MatchStatus.MATCHED, "10472635")


@pytest.mark.parametrize("number", ["10472636", "01472635"], ids=["one digit beside", "two swapped"])
@pytest.mark.parametrize("error", [0.0001, 0.001, 0.05])
def test_a_number_beside_a_candidates_is_never_taken_for_his(number: str, error: float) -> None:
    stranger = sheet("a", id_field(number))
    for others in ([], full_house(without=["10472635"])):
        match = match_sheets([*others, stranger], ROSTER, MatchRule(error)).matches[-1]
        assert (match.status, match.id) == (MatchStatus.OFF_ROSTER, number)
        assert match.ranked[0].id == "10472635"
        assert "10472635 Sample 10472635" in match.why


def test_two_sheets_of_one_candidate_are_both_named() -> None:
    matching = match_sheets(full_house(sheet("again", id_field("10472635"))), ROSTER)
    assert matching.doubled == {("marks", "10472635"): ("again", "s10472635")}
    by_sheet = matching.by_sheet()
    assert {by_sheet[name].status for name in ("again", "s10472635")} == {MatchStatus.DOUBLED}
    assert "s10472635" in by_sheet["again"].why
    assert matching.missing == ()


def test_extra_paper_of_one_candidate_is_no_double() -> None:
    sheets = [sheet(name, id_field("10472635"), template="extra", is_extra=True) for name in ("a", "b")]
    matching = match_sheets(sheets, ROSTER)
    assert [match.status for match in matching.matches] == [MatchStatus.MATCHED] * 2
    assert matching.doubled == {}


def test_a_candidate_with_a_sheet_is_hardly_another_ones_writer() -> None:
    rosters = people("10472635", "10472685", "31694857", "42705968")
    doubtful = sheet("a", id_field("104726?5", {6: {"3": 0.5, "8": 0.5}}))
    clear = [sheet(each.id, id_field(each.id)) for each in rosters[2:]]
    alone = match_sheets([*clear, doubtful], rosters).matches[-1]
    assert alone.status is MatchStatus.UNSURE
    beside = match_sheets([*clear, sheet("b", id_field("10472685")), doubtful], rosters, MatchRule(0.01)).matches[-1]
    assert (beside.status, beside.id) == (MatchStatus.MATCHED, "10472635")


def test_fields_that_clearly_differ_contradict_one_another() -> None:
    both = sheet("a", id_field("10472635"), id_field("20583746", label="Grid"))
    match = match_sheets(full_house(both), ROSTER).matches[-1]
    assert match.status is MatchStatus.CONTRADICTORY
    assert "Candidate number says 10472635, Grid says 20583746" in match.why


def test_numbers_of_different_length_contradict_one_another() -> None:
    roster = people("10000001", "4711", "47110815", "100000019")
    both = sheet("a", id_field("10000001"), id_field("4711", label="Seat"))
    coded = sheet("b", id_field("47110815"), printed="100000019")
    for one, why in ((both, "Candidate number says 10000001, Seat says 4711"), (coded, "code says 100000019")):
        match = match_sheets([one], roster).matches[0]
        assert (match.status, match.settles) == (MatchStatus.CONTRADICTORY, ())
        assert why in match.why


def test_a_field_of_another_length_that_was_not_read_is_not_settled() -> None:
    """Neither does its number stand for the sheet, however long it is."""
    roster = people("10000001", "20000002", "4711", "4712")
    for unread in ("??????????", "47??"):
        mixed = sheet("a", id_field("10000001"), id_field(unread, label="Seat"))
        match = match_sheets([mixed], roster).matches[0]
        assert (match.status, match.id, match.settles) == (MatchStatus.MATCHED, "10000001", ("a-0",))


def test_fields_that_were_read_in_doubt_help_one_another() -> None:
    written, bubbled = id_field("??472635"), id_field("1047263?", label="Grid")
    match = match_sheets(full_house(sheet("a", written, bubbled), without=["10472635"]), ROSTER).matches[-1]
    assert (match.status, match.id, match.settles) == (MatchStatus.MATCHED, "10472635", ("a-0", "a-1"))


def test_a_candidate_for_whom_only_a_printed_code_speaks_is_proposed() -> None:
    unread = [id_field("????????", is_blank=True), id_field("????????", is_covered=True), id_field("????????")]
    for field in unread:
        match = match_sheets([sheet("a", field, printed="20583746")], ROSTER).matches[0]
        assert (match.status, match.id, match.ranked[0].id) == (MatchStatus.UNSURE, "", "20583746")
        assert "printed code" in match.why
    # What stands of the number is alike for two: only the code tells them apart.
    twins = people("20583746", "20583741", "31694857")
    match = match_sheets([sheet("a", id_field("2058374?"), printed="20583746")], twins).matches[0]
    assert (match.status, match.ranked[0].id) == (MatchStatus.UNSURE, "20583746")
    # Nor does a copy that somebody else took keep a candidate from the sheet that has his number.
    for field in unread:
        taken = [sheet("a", field, printed="20583746"), sheet("b", id_field("20583746"))]
        assert [match.id for match in match_sheets(taken, ROSTER).matches] == ["", "20583746"]


def test_a_printed_code_that_names_a_candidate_is_evidence_beside_his_number() -> None:
    doubtful = id_field("1047????", {4: {"2": 0.4, "7": 0.6}})
    match = match_sheets([sheet("a", doubtful, printed="10472635")], ROSTER).matches[0]
    assert (match.status, match.id) == (MatchStatus.MATCHED, "10472635")
    other = match_sheets([sheet("a", id_field("20583746"), printed="10472635")], ROSTER).matches[0]
    assert other.status is MatchStatus.CONTRADICTORY


def test_a_persons_word_wins_and_is_evidence_for_the_others() -> None:
    said = sheet("a", id_field("20583746", said="10472635"))
    unsure = sheet("b", id_field("10472635"))
    matching = match_sheets([said, unsure], ROSTER)
    assert (matching.matches[0].status, matching.matches[0].id) == (MatchStatus.BY_PERSON, "10472635")
    assert matching.matches[1].status is MatchStatus.DOUBLED
    assert matching.doubled == {("marks", "10472635"): ("a", "b")}


def test_a_struck_out_number_is_settled_by_another_field_only() -> None:
    struck = id_field("10472635", is_barred=True)
    assert match_sheets([sheet("a", struck)], ROSTER).matches[0].status is MatchStatus.UNSURE
    match = match_sheets([sheet("a", struck, id_field("20583746"))], ROSTER).matches[0]
    assert (match.status, match.id, match.settles) == (MatchStatus.MATCHED, "20583746", ("a-1",))


def test_an_empty_sheet_is_offered_the_candidates_who_lack_one() -> None:
    blank = sheet("a", id_field("????????", is_blank=True))
    matching = match_sheets(full_house(blank, sheet("b"), without=["64927180"]), ROSTER)
    assert [match.status for match in matching.matches[-2:]] == [MatchStatus.NO_ID] * 2
    assert [one.id for one in matching.matches[-1].ranked] == ["64927180"]
    assert [each.id for each in matching.missing] == ["64927180"]


def test_a_number_that_fails_its_check_is_nobodys() -> None:
    roster = people("79927398713", "49927398716", "18927398719")
    misread = sheet("a", id_field("79927398718"))
    rest = [sheet(each.id, id_field(each.id)) for each in roster[1:]]
    off = match_sheets([*rest, misread], roster).matches[-1]
    assert off.status is MatchStatus.OFF_ROSTER
    checked = match_sheets([*rest, misread], roster, MatchRule(check="luhn")).matches[-1]
    assert checked.status is not MatchStatus.OFF_ROSTER
    valid = match_sheets([*rest, sheet("a", id_field("00000000000"))], roster, MatchRule(check="luhn")).matches[-1]
    assert (valid.status, valid.id) == (MatchStatus.OFF_ROSTER, "00000000000")


def test_a_digit_that_was_clearly_read_is_not_taken_for_another_to_save_a_check_character() -> None:
    """A stranger, 10005551, and the candidate 10005569 are equally far from what stands there."""
    stems = [f"{stem}" for stem in range(1000550, 1000580) if stem not in (1000555, 1000575)]
    roster = people(*(stem + check for stem in stems for check in DIGITS if has_check(stem + check, "luhn")))
    assert "10005569" in {each.id for each in roster}
    rest = [sheet(each.id, id_field(each.id)) for each in roster if each.id != "10005569"]
    match = match_sheets([*rest, sheet("a", id_field("10005559"))], roster, MatchRule(0.001, check="luhn")).matches[-1]
    assert (match.status, match.id) == (MatchStatus.UNSURE, "")
    assert "10005559 fails its check character" in match.why


def test_a_number_beside_a_candidates_weighs_with_check_characters_too() -> None:
    """A doubt between a candidate's number and one beside it, which fails its check, is no proof for the candidate."""
    roster = people("79927398713", "49927398716", "18927398719")
    rest = [sheet(each.id, id_field(each.id)) for each in roster[1:]]
    doubtful = sheet("a", id_field("7992739871?", {10: {"3": 0.0105, "8": 0.9895}}))
    match = match_sheets([*rest, doubtful], roster, MatchRule(0.001, check="luhn")).matches[-1]
    assert (match.status, match.ranked[0].id) == (MatchStatus.UNSURE, "79927398713")


def test_without_a_class_list_the_readings_decide() -> None:
    sheets = [
        sheet("a", id_field("10472635")),
        sheet("b", id_field("1047263?")),
        sheet("c", id_field("20583746"), id_field("20583747", label="Grid")),
        sheet("d", id_field("31694857")),
        sheet("e", id_field("31694857")),
        sheet("f", id_field("42705968", said="42705969")),
        sheet("g", id_field("????????", is_blank=True)),
    ]
    assert [match.status for match in match_sheets(sheets, ()).matches] == [
        MatchStatus.MATCHED,
        MatchStatus.UNSURE,
        MatchStatus.CONTRADICTORY,
        MatchStatus.DOUBLED,
        MatchStatus.DOUBLED,
        MatchStatus.BY_PERSON,
        MatchStatus.NO_ID,
    ]


def test_a_number_of_another_length_is_nobodys() -> None:
    match = match_sheets([sheet("a", id_field("1047263"))], ROSTER).matches[0]
    assert (match.status, match.id) == (MatchStatus.OFF_ROSTER, "1047263")


def test_the_class_list_settles_a_letter_by_the_digits_at_the_offices_error_only() -> None:
    """A letter that nobody read, in an exam of which a candidate is known to be absent as often as not."""
    field = lettered_template().pages[0].field_named("candidate")
    seen = (
        CharacterReading(1, ("P",), (1.0,)),
        *(CharacterReading(at, (digit,), (1.0,)) for at, digit in ((2, "1"), (3, "2"))),
        CharacterReading(4, (LETTER,), (1.0,)),
        CharacterReading(5, ("3",), (1.0,)),
    )
    lettered = sheet("a", IdField("", "Candidate number", places_of(field, seen)))
    roster = people("P12C3", "P47D8", "P90A1", "P65H2")
    assert lettered.fields[0].places[3] == pytest.approx(dict.fromkeys("ABCDEFGHJ", 1 / 9))
    careful = match_sheets([lettered], roster, MatchRule(0.001)).matches[0]
    assert (careful.status, careful.ranked[0].id) == (MatchStatus.UNSURE, "P12C3")
    generous = match_sheets([lettered], roster, MatchRule(0.05, off_roster=0.01)).matches[0]
    assert (generous.status, generous.id) == (MatchStatus.MATCHED, "P12C3")
    twins = people("P12C3", "P12D3", "P90A1", "P65H2")
    assert match_sheets([lettered], twins, MatchRule(0.05, off_roster=0.01)).matches[0].status is MatchStatus.UNSURE


# ---- whatever comes --------------------------------------------------------------------------------------------------

NUMBERS = st.lists(st.text(DIGITS, min_size=3, max_size=3), min_size=2, max_size=8, unique=True)


@st.composite
def exams(draw: st.DrawFn) -> tuple[list[SheetEvidence], dict[str, str], tuple[Candidate, ...]]:
    """Sheets, what is truly written on each, and a class list that lacks some of the writers.

    A character that is read in doubt may be read wrong, but what was written keeps a tenth at least.
    """
    numbers = draw(NUMBERS)
    listed = draw(st.lists(st.sampled_from(numbers), min_size=1, unique=True))
    sheets, written = [], {}
    for at, number in enumerate(numbers):
        doubts = {}
        for place in draw(st.sets(st.integers(0, 2), max_size=2)):
            wrong = draw(st.sampled_from([each for each in DIGITS if each != number[place]]))
            share = draw(st.floats(0.1, 1.0))
            doubts[place] = {number[place]: share, wrong: 1.0 - share}
        sheets.append(sheet(f"s{at}", id_field(number, doubts)))
        written[f"s{at}"] = number
    return sheets, written, people(*sorted(listed))


@settings(max_examples=40, deadline=None)
@given(exams(), st.randoms(use_true_random=False))
def test_the_order_of_sheets_and_candidates_changes_nothing(
    exam: tuple[list[SheetEvidence], dict[str, str], tuple[Candidate, ...]],
    random: object,
) -> None:
    sheets, _, roster = exam
    moved, listed = list(sheets), list(roster)
    random.shuffle(moved)  # type: ignore[attr-defined]
    random.shuffle(listed)  # type: ignore[attr-defined]
    first, second = match_sheets(sheets, roster), match_sheets(moved, listed)
    assert first.by_sheet() == second.by_sheet()
    assert first.doubled == second.doubled
    assert set(first.missing) == set(second.missing)


@settings(max_examples=40, deadline=None)
@given(exams(), st.data())
def test_taking_a_sheet_away_makes_no_other_one_wrongly_matched(
    exam: tuple[list[SheetEvidence], dict[str, str], tuple[Candidate, ...]], data: st.DataObject
) -> None:
    """Everybody else's sheet is matched to the same candidate as before, if it was, or not at all, or rightly."""
    sheets, written, roster = exam
    gone = data.draw(st.sampled_from(sheets))
    before = match_sheets(sheets, roster).by_sheet()
    after = match_sheets([one for one in sheets if one is not gone], roster).by_sheet()
    for name, match in after.items():
        if match.status is MatchStatus.MATCHED and match.id != written[name]:
            assert before[name].status is MatchStatus.MATCHED
            assert before[name].id == match.id


@settings(max_examples=25, deadline=None)
@given(exams())
def test_no_two_sheets_are_matched_to_one_candidate(
    exam: tuple[list[SheetEvidence], dict[str, str], tuple[Candidate, ...]],
) -> None:
    sheets, _, roster = exam
    matched = [one.id for one in match_sheets(sheets, roster).matches if one.status is MatchStatus.MATCHED]
    assert len(matched) == len(set(matched))
