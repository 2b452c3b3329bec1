"""In blind review nobody is told what a hidden answer leads to: not by sums and guesses, not by whose sheets are."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.review.board_told import ONLY_LEADS
from flows.review.office import Office
from flows.review.people import Person
from flows.review.saying import Said, Word
from flows.review.saying import say as say_it
from flows.review.untold import REMARKS_UNSEEN, SUM_UNSEEN
from tests.helpers.exam_folder import remember
from tests.helpers.exam_rows import EXTRA, extra_template, fields_of_page, marks_fields, page_row
from tests.helpers.review_office import (
    ADA,
    BEN,
    CAM,
    LEA,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    VIC,
    browser,
    exam_copy,
    office_of,
)

ONE, TWO, THREE, FIVE = "marks#00001", "marks#00002", "marks#00003", "marks#00005"
ONE_OPEN, OTHER_OPEN = "9f2c41d07ab3-5-q1", "9f2c41d07ab3-5-q2"
"""Two marks of one sheet, each 7 or 1: with 3 and the total of 11 that is written, one settles the other."""

TAB = "0123456789abcdef"


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    folder = exam_copy(tmp_path / "exam", SECOND)
    page = page_row("marks", 5)
    remember(folder, [page], marks_fields(page, "00123458", [None, None, "3"], "11"), again=True)
    with office_of(folder) as found:
        yield found


def answer(office: Office, key: str, text: str, who: Person = ADA, token: str = "a" * 32) -> None:
    row = office.store.field(key)
    assert row is not None
    say_it(office, who, Said(key, row.revision, Word.VALUE if text else Word.GUESS, text, token, "queue"))


def queued(client: TestClient) -> dict[str, dict[str, Any]]:
    told = client.post("/queue/next", json={"tab": TAB, "want": 16}).json()
    client.post("/queue/leave", json={"tab": TAB})
    return {one["key"]: one for one in told["fields"]}


def walls(client: TestClient) -> dict[str, list[str]]:
    """The keys of the fields on every wall, by what the machine guesses there."""
    pages = {guess: client.post("/wall/page", json={"group": f"mark.number.{guess}"}).json() for guess in ("1", "7")}
    keys = {guess: [cell["key"] for cell in page["cells"]] for guess, page in pages.items()}
    client.post("/wall/free", json={"keys": [key for each in keys.values() for key in each]})
    return keys


def sheet(client: TestClient, name: str) -> dict[str, Any]:
    told: dict[str, Any] = client.get("/sheets/data", params={"sheet": name}).json()
    return told


def listed(client: TestClient, **asked: str) -> dict[str, dict[str, Any]]:
    return {row["sheet"]: row for row in client.get("/sheets/found", params=asked).json()["rows"]}


# ---- sums and guesses ------------------------------------------------------------------------------------------------


def test_a_guess_that_follows_from_a_hidden_answer_is_not_shown_in_the_queue(blind: Office) -> None:
    answer(blind, ONE_OPEN, "7")
    # The sum makes the other mark a 1, and tells so who may know the first.
    known = queued(browser(blind, ADA))[OTHER_OPEN]
    assert known["guesses"][0]["value"] == "1" and "the sum" in known["why"]
    second = queued(browser(blind, BEN))
    # Whether it waits at all may follow from the answer, so it waits for him later.
    assert OTHER_OPEN not in second
    guessed = [(one["value"], one["percent"]) for one in second[ONE_OPEN]["guesses"]]
    assert guessed == [("7", 62.0), ("1", 30.0)]
    shown = browser(blind, BEN).get(f"/queue/field/{OTHER_OPEN}").json()
    assert [(one["value"], one["percent"]) for one in shown["guesses"]] == guessed
    # Who has answered it too, the same, sees what follows.
    answer(blind, ONE_OPEN, "7", BEN, "b" * 32)
    assert queued(browser(blind, BEN))[OTHER_OPEN]["guesses"][0]["value"] == "1"


def test_fields_that_wait_since_a_hidden_answer_agrees_with_no_sum_wait_for_others_first(blind: Office) -> None:
    second = browser(blind, BEN)
    before = listed(second)[TWO]["open"], walls(second), set(queued(second)), sheet(second, TWO)["open"]
    answer(blind, OPEN_MARK, "2")
    by_sum = {OPEN_MARK.removesuffix("q2") + name for name in ("q1", "q3", "total")}
    known = queued(browser(blind, ADA))
    assert by_sum <= set(known) and all("6" in known[key]["why"] for key in by_sum)
    # Of the answer it is told that there is one, and no more: neither here nor in any list.
    walls_now = {guess: [key for key in keys if key != OPEN_MARK] for guess, keys in before[1].items()}
    assert (walls(second), set(queued(second))) == (walls_now, before[2])
    assert (listed(second)[TWO]["open"], sheet(second, TWO)["open"]) == (0, 0)
    alone = second.get(f"/queue/field/{min(by_sum)}").json()
    assert (alone["reason"], alone["why"]) == ("", "") and alone["closed"]
    # Who has given the same answer is asked about the sum, too.
    answer(blind, OPEN_MARK, "2", BEN, "b" * 32)
    assert by_sum <= set(queued(second)) and listed(second)[TWO]["open"] == 3


def test_a_wall_groups_by_what_the_machine_alone_reads(blind: Office) -> None:
    answer(blind, ONE_OPEN, "7")
    assert OTHER_OPEN in walls(browser(blind, ADA))["1"]
    assert all(OTHER_OPEN not in keys for keys in walls(browser(blind, BEN)).values())
    answer(blind, ONE_OPEN, "7", BEN, "b" * 32)
    assert OTHER_OPEN in walls(browser(blind, BEN))["1"]


def test_the_best_guess_is_the_one_that_was_shown_and_the_trail_says_so(blind: Office) -> None:
    answer(blind, ONE_OPEN, "7")
    answer(blind, OTHER_OPEN, "", BEN, "b" * 32)
    (row,) = blind.store.trail(OTHER_OPEN)
    assert (row.correction.value, row.correction.machine) == ("7", "7")


def test_the_history_of_a_field_tells_what_the_machine_made_of_hidden_answers_to_nobody_who_must_not_know(
    blind: Office,
) -> None:
    answer(blind, ONE_OPEN, "7")
    answer(blind, OTHER_OPEN, "1", ADA, "b" * 32)
    answer(blind, OTHER_OPEN, "1", BEN, "c" * 32)
    said = {"key": OTHER_OPEN}
    second = browser(blind, BEN).get("/sheets/history", params=said).json()
    assert len(second["rows"]) == 2 and "machine" not in str(second["rows"])
    assert "the machine had said 1" in browser(blind, ADA).get("/sheets/history", params=said).text


def sheet_field(told: dict[str, Any], key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for page in told["pages"] for one in page["fields"] if one["key"] == key)
    return found


def test_beside_a_sheet_with_a_hidden_answer_stand_no_sum_no_remark_and_no_note(blind: Office) -> None:
    answer(blind, OPEN_MARK, "2")
    blind.desk.look()
    known, second = sheet(browser(blind, ADA), TWO), sheet(browser(blind, BEN), TWO)
    assert any("6" in each for each in known["remarks"])
    assert (second["remarks"], second["notes"]) == ([REMARKS_UNSEEN], [])
    sums = second["sums"]
    assert (sums["added"], sums["agrees"], sums["settled"], sums["grade"]) == (None, None, False, "")
    assert SUM_UNSEEN in sums["reasons"]
    for name in ("q1", "q3", "total"):
        told = sheet_field(second, OPEN_MARK.removesuffix("q2") + name)
        assert (told["state"], told["why"], told["question"], told["confidence"]) == ("value", "", "", 0.999)
    row = listed(browser(blind, BEN))[TWO]
    assert row["remarks"] == [REMARKS_UNSEEN]
    # Nor does it stand among the sheets with remarks, where it was not before.
    assert TWO in listed(browser(blind, ADA), show="remarks") and TWO not in listed(browser(blind, BEN), show="remarks")


def test_a_third_person_is_told_no_more_than_the_second(blind: Office) -> None:
    answer(blind, ONE_OPEN, "7")
    answer(blind, ONE_OPEN, "1", BEN, "b" * 32)
    third = queued(browser(blind, CAM))
    assert OTHER_OPEN not in third
    guessed = third[ONE_OPEN]["guesses"]
    assert [one["value"] for one in guessed] == ["7", "1"] and guessed[0]["percent"] == 62.0


# ---- whose the sheets are --------------------------------------------------------------------------------------------


def test_a_number_that_somebody_gave_finds_no_sheet_for_who_must_not_know_it(blind: Office) -> None:
    answer(blind, OPEN_ID, "77777777")
    blind.desk.look()
    assert list(listed(browser(blind, LEA), q="77777777")) == list(listed(browser(blind, ADA), q="77777777")) == [THREE]
    assert listed(browser(blind, BEN), q="77777777") == {}
    row = listed(browser(blind, BEN))[THREE]
    assert row["id"] == "" and "7777" not in str(sheet(browser(blind, BEN), THREE))
    # What the machine reads by itself finds sheets as ever.
    assert list(listed(browser(blind, BEN), q="00123457")) == [TWO]


def test_no_other_sheet_tells_which_number_somebody_gave(blind: Office) -> None:
    answer(blind, OPEN_ID, "00123456")
    blind.desk.look()
    assert "also stands on sheet" in str(listed(browser(blind, LEA))[ONE]["remarks"])
    for name in (ONE, TWO, THREE):
        row, told = listed(browser(blind, BEN))[name], sheet(browser(blind, BEN), name)
        assert "also stands" not in str(row) + str(told)
        assert told["person"]["status"] == ""
    assert ONE not in listed(browser(blind, BEN), show="remarks")


def test_the_dashboard_tells_viewers_how_many_candidates_are_open_and_not_which_and_reviewers_neither(
    blind: Office,
) -> None:
    answer(blind, OPEN_ID, "77777777")
    blind.desk.look()
    lead, second, viewer = (browser(blind, who).get("/board.json") for who in (LEA, BEN, VIC))
    assert "77777777" in lead.text and "77777777" not in second.text + viewer.text
    assert second.json()["candidates"]["groups"] == []
    before, after = lead.json()["candidates"], viewer.json()["candidates"]
    assert [one["count"] for one in before["groups"]] == [one["count"] for one in after["groups"]] != [0, 0, 0]
    assert all(one["some"] == [] and one["whose"] == (ONLY_LEADS if one["count"] else "") for one in after["groups"])
    assert all(one["whose"] == "" for one in before["groups"])


def test_remarks_that_the_dashboard_names_may_tell_whose_a_sheet_is_and_are_for_leads(blind: Office) -> None:
    answer(blind, OPEN_ID, "00123456")
    blind.desk.look()
    sees_names = Person("Ben", BEN.role, sees_names=True)
    assert "also stands on sheet" in browser(blind, LEA).get("/board.json").text
    assert "also stands on sheet" not in browser(blind, sees_names).get("/board.json").text


def test_extra_paper_does_not_stand_beside_the_sheet_whose_number_somebody_gave_it(tmp_path: Path) -> None:
    settings = SECOND.replace('["marks.toml"]', '["marks.toml", "extra.toml"]')
    folder = exam_copy(tmp_path / "exam", settings)
    (folder / "extra.toml").write_text(EXTRA, encoding="utf-8")
    page, names = page_row("extra", 5), ("extra#00005", ONE)
    remember(folder, [page], fields_of_page(page, extra_template(), {"candidate": None}), again=True)
    with office_of(folder) as office:
        answer(office, "9f2c41d07ab3-5-candidate", "00123456")
        office.desk.look()
        assert list(listed(browser(office, LEA))) == [ONE, "extra#00005", TWO, THREE]
        second = browser(office, BEN)
        assert list(listed(second)) == [ONE, TWO, THREE, "extra#00005"]
        extra, main = (sheet(second, name) for name in names)
        assert (extra["previous"], extra["extra_of"], extra["remarks"]) == (THREE, "", [REMARKS_UNSEEN])
        assert (main["next"], main["extras"]) == (TWO, [])
        # Of extra paper that belongs nowhere it is told no more.
        answer(office, "9f2c41d07ab3-5-candidate", "00999999", LEA, "e" * 32)
        office.desk.look()
        assert "no sheet of 'marks' has the number 00999999" in str(listed(browser(office, LEA))["extra#00005"])
        assert "00999999" not in str(listed(second)) + str(sheet(second, "extra#00005"))
