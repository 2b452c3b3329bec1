"""Blind second review: who answers a field second has not seen the first answer, whatever people did before."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flows.errors import UndoError
from flows.records import Act, Correction
from flows.review.blind import hidden_keys, is_kept_from, is_unseen
from flows.review.office import Office
from flows.review.people import Person
from flows.reviewer import is_same_person
from flows.trail import act_of, standing, undo_of
from flows.trail_pairs import pairs
from tests.helpers.review_office import (
    ADA,
    BEN,
    CAM,
    LEA,
    OPEN_BLANK,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    browser,
    exam_copy,
    office_of,
)
from tests.helpers.trails import said, trail

TAB = "0123456789abcdef"
SECRET = {OPEN_MARK: "9.5", OPEN_BLANK: "8.5", OPEN_ID: "87654321"}
"""What the first person says of each open field."""

LISTED = re.compile(r'"(?:allowed|at|area|boxes)": ?\[[^]]*]|[0-9a-f]{12}|"(?:title|may_hold)": ?"[^"]*"')
"""What stands in answers besides: every value that a field may hold, places on the page, and parts of keys."""

REVIEWERS = ("Kim", "Ada", "ada", "Lee")
LEAD = "Lea"

Step = tuple[str, str, str]
"""What is done, by whom, and which value is said."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("answer",) * 4 + ("undo",) * 2),
        st.sampled_from((*REVIEWERS * 2, LEAD)),
        st.sampled_from(("7", "8", "8", "?")),
    ),
    min_size=3,
    max_size=14,
)


SWAPPED = [("answer", "Ada", "8"), ("answer", "Kim", "8")]
"""Two who differed answer once more, after a lead took both answers back and showed each the other's."""


def kept(rows: Sequence[Correction], who: str, share: float = 1.0) -> bool:
    return is_kept_from(trail(*rows), who, share)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
@example([("answer", "Kim", "7"), ("answer", "Ada", "8"), *[("undo", LEAD, "")] * 2, *SWAPPED])
def test_whatever_people_do_nobody_answers_second_who_could_have_seen_the_first_answer(steps: Sequence[Step]) -> None:
    """Everybody looks at the history of the field whenever it is shown; a lead takes back and says what he likes."""
    said_so_far: list[Correction] = []
    seen: dict[str, set[tuple[str, str]]] = {who.casefold(): set() for who in REVIEWERS}
    unseen = 0
    for what, who, value in steps:
        rows = trail(*said_so_far)
        lead = who == LEAD
        if what == "undo":
            try:
                said_so_far.append(undo_of(rows, who, lead))
            except UndoError:
                continue
        else:
            act = act_of(rows, who, 1.0, lead=lead)
            if act is None:
                continue
            if act is Act.SECOND:
                first = standing(rows).first
                assert first is not None and not lead
                assert (first.correction.reviewer.casefold(), first.correction.in_words) not in seen[who.casefold()]
                unseen += 1
            said_so_far.append(said(value, who, act))
        rows = trail(*said_so_far)
        for each, known in seen.items():
            if not is_kept_from(rows, each, 1.0):
                others = [row.correction for row in rows if not is_same_person(row.correction.reviewer, each)]
                known |= {(one.reviewer.casefold(), one.in_words) for one in others if one.act is not Act.UNDO}
    figures = pairs(trail(*said_so_far)).values()
    assert sum(one.answered for one in figures) <= unseen
    assert all(one.waiting >= 0 for one in figures)


# ---- the history -----------------------------------------------------------------------------------------------------


def test_the_history_is_kept_from_who_may_still_answer_and_from_all_who_differ() -> None:
    first, other, third = said("8"), said("9", "Ada", Act.SECOND), said("9", "Lee", Act.THIRD)
    everybody = ("Kim", "Ada", "Lee", "Max")
    for rows, hidden in (
        ([], []),
        ([first], ["Ada", "Lee", "Max"]),
        ([first, other], everybody),
        ([first, other, third], []),
        ([first, other, third, said("?", "Lee", Act.UNDO, undoes=3)], everybody),
        ([first, said("8", "Ada", Act.SECOND)], []),
        # What was taken back would tell it too.
        ([first, said("?", act=Act.UNDO, undoes=1)], ["Ada", "Lee", "Max"]),
        ([said("?"), said("?", "Ada", Act.SECOND)], ["Lee", "Max"]),
    ):
        assert [who for who in everybody if kept(rows, who)] == list(hidden), rows


def test_without_second_review_the_history_is_open_until_two_differ() -> None:
    assert not kept([said("8")], "Ada", share=0.0)
    assert not kept([said("?")], "Ada", share=0.0)
    assert kept([said("8"), said("9", "Ada", Act.SECOND)], "Kim", share=0.0)


# ---- in the browser --------------------------------------------------------------------------------------------------


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "blind", SECOND)) as found:
        yield found


def answer(office: Office, person: Person, text: str, number: int, key: str = OPEN_MARK) -> int:
    row = office.store.field(key)
    assert row is not None
    sent = {"sheet": row.sheet, "key": key, "revision": row.revision, "word": "value", "text": text}
    return browser(office, person).post("/sheets/say", json=sent | {"token": f"{number:032x}"}).status_code


def take_back(office: Office, person: Person, number: int, row: int | None = None) -> int:
    sent = {"key": OPEN_MARK, "token": f"{number:032x}"} | ({} if row is None else {"row": row})
    return browser(office, person).post("/queue/undo", json=sent).status_code


def history(office: Office, person: Person) -> tuple[bool, int, str]:
    """Whether it is hidden, how many rows are told, and everything that is told."""
    told = browser(office, person).get("/sheets/history", params={"key": OPEN_MARK})
    return bool(told.json()["hidden"]), len(told.json()["rows"]), told.text


def test_a_throwaway_answer_shows_nothing_and_cannot_be_said_again(blind: Office) -> None:
    """The way round a blind second answer: say anything, read the first answer, take back, and agree."""
    assert answer(blind, ADA, "3.5", 1) == 200
    assert answer(blind, BEN, "1", 2) == 200
    for person in (ADA, BEN, CAM):
        assert history(blind, person)[:2] == (True, 0)
        assert "3.5" not in history(blind, person)[2]
    assert history(blind, LEA)[:2] == (False, 2)
    assert take_back(blind, BEN, 3) == 409
    assert take_back(blind, ADA, 4) == 409
    # A lead takes it back: it is shown now, and so nobody but another person, or a lead, answers.
    assert take_back(blind, LEA, 5, 2) == 200
    assert answer(blind, BEN, "3.5", 6) == 409
    assert [row.correction.act for row in blind.store.trail(OPEN_MARK)] == [Act.SAY, Act.SECOND, Act.UNDO]
    assert answer(blind, LEA, "3.5", 7) == 200
    assert blind.store.trail(OPEN_MARK)[-1].correction.act is Act.THIRD
    ((names, figures),) = pairs(blind.store.trail()).items()
    assert (names, figures.agreed, figures.taken_back) == (("Ada", "Ben"), 0, 1)


def test_a_first_answer_that_was_taken_back_makes_no_second_person_of_who_gave_it(blind: Office) -> None:
    assert answer(blind, ADA, "3.5", 1) == 200
    assert take_back(blind, ADA, 2) == 200
    assert history(blind, BEN)[:2] == (True, 0)
    assert answer(blind, BEN, "1", 3) == 200
    assert answer(blind, ADA, "1", 4) == 409
    assert answer(blind, CAM, "1", 5) == 200
    assert list(pairs(blind.store.trail())) == [("Ben", "Cam")]


def test_after_a_third_answer_everybody_sees_all_of_it(blind: Office) -> None:
    for number, (person, text) in enumerate(((ADA, "3.5"), (BEN, "1"), (CAM, "1")), start=1):
        assert answer(blind, person, text, number) == 200
    for person in (ADA, BEN, CAM, LEA):
        assert history(blind, person)[:2] == (False, 3)


def test_what_was_said_elsewhere_is_kept_before_the_desk_has_looked(blind: Office) -> None:
    """The desk looks once in a while: a row that another process stored a moment ago is in the database alone."""
    blind.store.insert_corrections([said("3.5", "Ada", key=OPEN_MARK)])
    assert blind.desk.trail_of(OPEN_MARK) == ()
    trail = blind.store.trail(OPEN_MARK)
    assert [is_unseen(blind, person, trail) for person in (ADA, BEN, LEA)] == [False, True, False]
    assert history(blind, BEN)[:2] == (True, 0)
    assert history(blind, ADA)[:2] == (False, 1)


def test_a_sheet_keeps_the_answers_that_wait_for_ones_own(blind: Office) -> None:
    assert answer(blind, ADA, "3.5", 1) == 200
    row = blind.desk.row(OPEN_MARK)
    assert row is not None
    assert [bool(hidden_keys(blind, person, [row])) for person in (ADA, BEN, LEA)] == [False, True, False]
    assert hidden_keys(blind, BEN, [replace(row, correction=None)]) == frozenset()


def test_no_answer_of_the_server_tells_a_second_person_what_somebody_else_said(blind: Office) -> None:
    """Marks, and a number of nobody on the list: what follows from them on the sheet would tell them, too."""
    ben = browser(blind, BEN)
    before = {key: row.revision for key in SECRET if (row := blind.store.field(key)) is not None}
    for number, (key, text) in enumerate(SECRET.items(), start=1):
        assert answer(blind, ADA, text, number, key) == 200
    blind.desk.look()
    told = {}
    for at, key in enumerate(SECRET):
        row = blind.store.field(key)
        assert row is not None
        late = {"key": key, "revision": before[key], "word": "value", "text": "00123456" if key == OPEN_ID else "2"}
        told |= {
            f"sheet {key}": ben.get("/sheets/data", params={"sheet": row.sheet}),
            f"history {key}": ben.get("/sheets/history", params={"key": key}),
            f"field {key}": ben.get(f"/queue/field/{key}"),
            f"late in the queue {key}": ben.post("/queue/say", json=late | {"tab": TAB, "token": f"{at + 20:032x}"}),
            f"late on the sheet {key}": ben.post(
                "/sheets/say", json=late | {"sheet": row.sheet, "token": f"{at + 30:032x}"}
            ),
            f"undo {key}": ben.post("/queue/undo", json={"key": key, "token": f"{at + 40:032x}"}),
            f"undo of a row {key}": ben.post("/queue/undo", json={"key": key, "token": f"{at + 50:032x}", "row": 99}),
            f"token {key}": ben.post(
                "/queue/say", json=late | {"revision": row.revision, "tab": TAB, "token": f"{at + 1:032x}"}
            ),
        }
    told["queue"] = ben.post("/queue/next", json={"tab": TAB, "want": 16})
    shown = [{"key": key, "revision": before[key]} for key in SECRET if key != OPEN_ID]
    told["wall"] = ben.post("/wall/confirm", json={"token": f"{60:032x}", "guess": "7", "fields": shown})
    told["wall back"] = ben.post(
        "/wall/undo", json={"token": f"{61:032x}", "confirmed": f"{1:032x}", "keys": list(SECRET)}
    )
    for what, one in told.items():
        text = LISTED.sub("", one.text)
        assert [(text[max(0, text.find(each) - 120) :][:140]) for each in SECRET.values() if each in text] == [], what
    assert len(blind.store.trail()) == len(SECRET)


def test_ones_own_second_answer_comes_back_without_the_first(blind: Office) -> None:
    for number, (key, text) in enumerate(SECRET.items(), start=1):
        assert answer(blind, ADA, text, number, key) == 200
    ben = browser(blind, BEN)
    for number, key in enumerate(SECRET, start=20):
        row = blind.store.field(key)
        assert row is not None
        said = {"key": key, "revision": row.revision, "word": "value", "text": "00123456" if key == OPEN_ID else "2"}
        told = ben.post("/sheets/say", json=said | {"sheet": row.sheet, "token": f"{number:032x}"})
        assert told.status_code == 200
        assert told.json()["told"]["was"] == ""
        assert SECRET[key] not in LISTED.sub("", told.text)
        again = ben.post(
            "/queue/undo", json={"key": key, "token": f"{number + 10:032x}", "row": told.json()["told"]["number"]}
        )
        assert again.status_code == 409
        assert SECRET[key] not in again.text


def test_where_two_differ_nothing_is_told_though_second_review_was_turned_off(tmp_path: Path) -> None:
    with office_of(exam_copy(tmp_path / "open")) as office:
        office.store.insert_corrections([said("3.5", "Ada", key=OPEN_MARK)])
        row = office.store.field(OPEN_MARK)
        assert row is not None
        sent = {"tab": TAB, "key": OPEN_MARK, "revision": row.revision, "word": "value", "text": "2"}
        office.store.insert_corrections([said("4.5", "Ben", Act.SECOND, OPEN_MARK)])
        late = browser(office, ADA).post("/queue/say", json=sent | {"token": f"{1:032x}"})
        undone = browser(office, ADA).post("/queue/undo", json={"key": OPEN_MARK, "token": f"{2:032x}", "row": 1})
        for one in (late, undone):
            assert one.status_code == 409
            assert "Ben" in one.text
            assert "4.5" not in one.text
        assert history(office, ADA)[0]
