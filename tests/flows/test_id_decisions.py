"""What the class list decides about id fields: accepted, opened again, or left as it was."""

import re
from dataclasses import replace
from datetime import UTC, datetime

from flows.id_decisions import id_decisions, runner_up
from flows.id_evidence import id_evidence, printed_ids
from flows.matching import match_sheets
from flows.records import Correction, FieldRow
from flows.results import Match, MatchStatus, RankedCandidate
from flows.roster import parse_roster
from recognizer.records import CLASSES, CharacterReading, Decision, Flag, ValueState
from tests.helpers.exam_rows import answers_template, field_row, marks_template, page_row
from tests.helpers.id_sheets import people

ROSTER = people("10472635", "20583746", "31694857")
FIELD = marks_template().pages[0].field_named("candidate")


def characters(text: str, doubt: dict[str, float] | None = None) -> tuple[CharacterReading, ...]:
    """What was seen in a comb; "x" is a box that seems struck out, " " an empty one; `doubt` is of the last box."""
    found = []
    for position, character in enumerate(text, 1):
        name = {"x": "cancelled"}.get(character, character)
        if character == " ":
            found.append(CharacterReading(position, ("blank",), (1.0,)))
        else:
            chances = doubt if doubt and position == len(text) else {name: 1.0}
            found.append(CharacterReading(position, CLASSES, tuple(chances.get(each, 0.0) for each in CLASSES)))
    return tuple(found)


def row_of(
    number: int, written: str | None, flag: Flag | None = None, correction: Correction | None = None
) -> FieldRow:
    row = field_row(page_row("marks", number), FIELD, written, correction)
    if flag is None:
        return row
    decision = Decision("candidate", ValueState.UNSETTLED, "", "", 0.5, flag, "why not")
    return field_row(page_row("marks", number), FIELD, written, correction, decision=decision)


def decided(
    rows: list[FieldRow], seen: dict[str, tuple[CharacterReading, ...]]
) -> tuple[dict[str, MatchStatus], dict[str, Decision]]:
    matching = match_sheets(id_evidence(rows, seen, [marks_template()]), ROSTER)
    return {match.sheet: match.status for match in matching.matches}, id_decisions(matching, rows)


def test_a_number_read_in_doubt_is_accepted_from_the_class_list() -> None:
    row = row_of(1, None)
    statuses, found = decided([row], {row.key: characters("10472635", {"5": 0.6, "6": 0.4})})
    assert statuses == {row.sheet: MatchStatus.MATCHED}
    assert (found[row.key].state, found[row.key].value, found[row.key].flag) == (ValueState.VALUE, "10472635", None)
    assert re.fullmatch(r"the class list: next is \d{8} Sample \d{8} \(under 0\.05%\)", found[row.key].why)


def test_an_accepted_number_names_the_runner_up() -> None:
    ranked = (RankedCandidate("1", "First", 0.997), RankedCandidate("2", "Second", 0.002))
    match = Match("s", "marks", MatchStatus.MATCHED, "1", 0.997, ranked)
    assert runner_up(match) == "the class list: next is 2 Second (0.2%)"
    assert runner_up(replace(match, ranked=ranked[:1])) == "the class list: nobody else comes near"


def test_a_box_that_seems_struck_out_is_one_that_was_not_read() -> None:
    one, many, clear = row_of(1, "", Flag.CANCELLED), row_of(2, "", Flag.CANCELLED), row_of(3, "31694857")
    seen = {
        one.key: characters("1047263x"),
        many.key: characters("xxxx3746"),
        clear.key: characters("31694857"),
    }
    statuses, found = decided([one, many, clear], seen)
    assert statuses == {
        one.sheet: MatchStatus.MATCHED,
        many.sheet: MatchStatus.UNSURE,
        clear.sheet: MatchStatus.MATCHED,
    }
    assert found[one.key].value == "10472635"
    assert found[many.key].state is ValueState.UNSETTLED


def test_what_the_class_list_doubts_goes_to_a_person_with_names() -> None:
    row = field_row(page_row("marks", 1), FIELD, "10472636")
    statuses, found = decided([row], {row.key: characters("10472636", {"6": 0.97, "5": 0.02})})
    assert statuses == {row.sheet: MatchStatus.OFF_ROSTER}
    assert found == {}
    other = field_row(page_row("marks", 1), FIELD, None)
    statuses, found = decided([other], {other.key: characters("10472636", {"6": 0.999, "5": 0.001})})
    assert found[other.key].flag is Flag.UNSURE
    assert "10472635 Sample 10472635" in found[other.key].why


def test_a_persons_word_a_reopened_field_and_a_blank_are_left_alone() -> None:
    said = Correction(
        "k", ValueState.VALUE, "99999999", "", "", "m", "Reviewer", datetime(2026, 5, 4, tzinfo=UTC), "command"
    )
    corrected = row_of(1, None, correction=said)
    reopened, blank = row_of(2, "", Flag.DOUBTED), row_of(3, "", Flag.BLANK_ID)
    rows = [corrected, reopened, blank]
    seen = {
        corrected.key: characters("10472635"),
        reopened.key: characters("20583746"),
        blank.key: characters("        "),
    }
    statuses, found = decided(rows, seen)
    assert statuses == {
        corrected.sheet: MatchStatus.OFF_ROSTER,
        reopened.sheet: MatchStatus.UNSURE,
        blank.sheet: MatchStatus.NO_ID,
    }
    assert corrected.key not in found
    assert found[reopened.key].state is found[blank.key].state is ValueState.UNSETTLED
    assert found[reopened.key].flag is Flag.DOUBTED
    assert found[blank.key].flag is Flag.BLANK_ID


def test_correcting_one_id_changes_no_other_field_but_those_of_rivals() -> None:
    first, second = row_of(1, "10472635"), row_of(2, "20583746")
    seen = {first.key: characters("10472635"), second.key: characters("20583746")}
    _, before = decided([first, second], seen)
    said = Correction(
        first.key, ValueState.VALUE, "31694857", "", "", "m", "Reviewer", datetime(2026, 5, 4, tzinfo=UTC), "command"
    )
    statuses, after = decided([row_of(1, "10472635", correction=said), second], seen)
    assert before == after == {}
    assert statuses == {first.sheet: MatchStatus.BY_PERSON, second.sheet: MatchStatus.MATCHED}


def test_a_bubbled_grid_says_which_option_of_each_row_is_marked() -> None:
    template = answers_template()
    grid = template.pages[0].field_named("grid")
    row = field_row(page_row("answers", 1), grid, "10472635")
    marks = tuple(
        CharacterReading(
            10 * at + digit + 1,
            ("empty", "marked", "cancelled"),
            (0.0, 1.0, 0.0) if digit == int(number) else (1.0, 0.0, 0.0),
        )
        for at, number in enumerate("10472635")
        for digit in range(10)
    )
    (evidence,) = id_evidence([row], {row.key: marks}, [template])
    assert [max(place, key=place.get) for place in evidence.fields[0].places] == list("10472635")
    assert match_sheets([evidence], ROSTER).matches[0].id == "10472635"


def test_a_roster_may_say_whose_each_printed_copy_is() -> None:
    roster = parse_roster("id,name,Copy\n10472635,Ada,1\n20583746,Grace,2\n31694857,Third,2\n42705968,Fourth,x\n")
    pages = [
        page_row("marks", 1),
        page_row("marks", 2),
        page_row("marks", 3),
        page_row("marks", 1, sheet="loose", serial=None),
    ]
    assert printed_ids(pages, roster, [marks_template()]) == {"marks#00001": "10472635"}


def test_a_printed_copy_belongs_to_its_template() -> None:
    """Two templates of an exam may be printed with the same numbers."""
    pages = [page_row("marks", 7), page_row("answers", 7)]
    templates = [marks_template(), answers_template()]
    plain = parse_roster("id,name,copy\n10000001,Ada,7\n")
    assert printed_ids(pages, plain, templates) == {}
    named = parse_roster("id,name,copy,Copy: marks,copy:answers\n10000001,Ada,7,7,8\n20000002,Grace,8,8,7\n")
    assert printed_ids(pages, named, templates) == {"marks#00007": "10000001", "answers#00007": "20000002"}
    assert printed_ids(pages, plain, [marks_template()]) == {"marks#00007": "10000001"}
