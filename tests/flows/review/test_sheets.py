"""The view *Sheets*: what is found, what one sheet shows to whom, and what is said on it."""

from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest
from starlette.testclient import TestClient

from flows.records import Act
from flows.review.naming import without_names
from flows.review.office import Office
from flows.review.people import Person
from flows.roster import Candidate
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import SCAN, marks_fields, page_row
from tests.helpers.review_office import (
    ADA,
    BEN,
    LEA,
    OPEN_BLANK,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    VIC,
    browser,
    office_of,
)

ONE, TWO, THREE = "marks#00001", "marks#00002", "marks#00003"
TOKEN = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return exam_folder(tmp_path_factory.mktemp("made") / "exam")


@pytest.fixture
def office(made: Path, tmp_path: Path) -> Iterator[Office]:
    with office_of(copytree(made, tmp_path / "exam")) as found:
        yield found


@pytest.fixture
def blind(made: Path, tmp_path: Path) -> Iterator[Office]:
    folder = copytree(made, tmp_path / "blind")
    (folder / "exam.toml").write_text(SECOND)
    with office_of(folder) as found:
        yield found


def found(client: TestClient, **asked: str) -> list[str]:
    told = client.get("/sheets/found", params=asked).json()
    return [row["sheet"] for row in told["rows"]] if "rows" in told else [row["at"] for row in told["pages"]]


def sheet(client: TestClient, name: str) -> dict:  # type: ignore[type-arg] # JSON
    answer = client.get("/sheets/data", params={"sheet": name})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def field(told: dict, key: str) -> dict:  # type: ignore[type-arg]
    return next(one for page in told["pages"] for one in page["fields"] if one["key"] == key)


def say(client: TestClient, name: str, key: str, text: str, **more: str):  # type: ignore[no-untyped-def] # noqa: ANN201
    revision = more.pop("revision", "") or field(sheet(client, name), key)["revision"]
    body = {"sheet": name, "key": key, "revision": revision, "word": "value", "text": text, "token": TOKEN} | more
    return client.post("/sheets/say", json=body)


# ---- the list --------------------------------------------------------------------------------------------------------


def test_sheets_are_found_by_name_file_and_id_and_narrowed_to_what_is_open(office: Office) -> None:
    lead = browser(office, LEA)
    assert found(lead) == [ONE, TWO, THREE]
    assert found(lead, q="#00002") == [TWO]
    assert found(lead, q="A.PDF page 3") == [THREE]
    assert found(lead, q="00123457") == [TWO]
    assert found(lead, show="open") == [TWO, THREE]
    assert found(lead, show="failed") == ["a.pdf page 4"]
    assert found(lead, show="held") == []
    assert found(lead, q="nothing of the kind") == []


def test_a_reviewer_can_neither_see_nor_look_for_names(office: Office) -> None:
    lead, reviewer = browser(office, LEA), browser(office, BEN)
    assert found(lead, q="ada") == [ONE]
    assert found(reviewer, q="ada") == []
    for address in ("/sheets/found", f"/sheets/data?sheet={ONE.replace('#', '%23')}"):
        assert '"Ada"' in lead.get(address).text
        assert "Ada" not in reviewer.get(address).text


def test_pages_and_data_are_for_reviewers_and_the_page_says_when_the_exam_is_still_read(office: Office) -> None:
    assert browser(office, VIC).get("/sheets/found").status_code == 403
    office.desk.seen = None
    answer = browser(office, ADA).get("/sheets/found")
    assert (answer.status_code, answer.json()["problem"]) == (503, "The exam is being read; this takes a moment.")


def test_strange_questions_are_refused(office: Office) -> None:
    reviewer = browser(office, ADA)
    for asked in ({"q": "x" * 200}, {"show": "everything"}, {"at": "-1"}, {"at": "nan"}):
        assert reviewer.get("/sheets/found", params=asked).status_code == 422, asked


# ---- one sheet -------------------------------------------------------------------------------------------------------


def test_a_sheet_shows_every_field_where_it_stands_with_what_was_read(office: Office) -> None:
    told = sheet(browser(office, LEA), TWO)
    (page,) = told["pages"]
    assert [one["field"] for one in page["fields"]] == ["candidate", "signature", "q1", "q2", "q3", "total"]
    states = {one["field"]: one["state"] for one in page["fields"]}
    assert states == {
        "candidate": "value",
        "signature": "picture",
        "q1": "value",
        "q2": "open",
        "q3": "value",
        "total": "value",
    }
    mark = field(told, OPEN_MARK)
    assert mark["boxes"] == [[57, 129, 18, 11]]
    assert mark["text"].endswith("?")
    assert mark["why"]
    x, y, width, height = page["area"]
    left, top, wide, high = mark["boxes"][0]
    assert x < left and y < top and left + wide < x + width and top + high < y + height
    assert (told["previous"], told["next"], told["place"], told["of"]) == (ONE, THREE, 2, 3)
    assert told["next_open"] == THREE
    assert sheet(browser(office, LEA), THREE)["next_open"] == TWO


def test_marks_stand_beside_what_is_written_and_what_contradicts_it(office: Office) -> None:
    lead = browser(office, LEA)
    fine = sheet(lead, ONE)["sums"]
    assert (fine["total"], fine["agrees"], fine["written"]["value"]) == ("3.5", True, "3.5")
    before = sheet(lead, TWO)["sums"]
    assert (before["settled"], before["agrees"]) == (False, None)
    doubted = say(lead, TWO, OPEN_MARK, "2").json()["sheet"]
    assert any("the marks add up to 6, the examiner wrote 11" in remark for remark in doubted["remarks"])
    stem = OPEN_MARK.removesuffix("q2")
    assert {one["field"] for one in doubted["pages"][0]["fields"] if one["state"] == "open"} == {"q1", "q3", "total"}
    for number, (name, value) in enumerate((("q1", "1"), ("q3", "3"), ("total", "11"))):
        told = say(lead, TWO, stem + name, value, token=f"{number}" * 32).json()["sheet"]
    assert (told["sums"]["added"], told["sums"]["written"]["value"], told["sums"]["agrees"]) == ("6", "11", False)
    assert "added wrongly" in told["notes"][0]


def test_a_field_that_is_put_right_is_stored_as_said_on_the_sheet_and_shown_at_once(office: Office) -> None:
    lead = browser(office, LEA)
    answer = say(lead, TWO, OPEN_MARK, " 7,0 ").json()
    assert (answer["told"]["value"], answer["told"]["stored"]) == ("7", True)
    mark = field(answer["sheet"], OPEN_MARK)
    assert (mark["state"], mark["text"], mark["by"]) == ("corrected", "7", "Lea")
    assert answer["sheet"]["sums"]["total"] == "11"
    (row,) = office.store.trail(OPEN_MARK)
    assert (row.correction.how, row.correction.reviewer) == ("sheet", "Lea")


def test_sent_twice_it_is_stored_once_and_undone_it_is_open_again(office: Office) -> None:
    lead = browser(office, LEA)
    revision = field(sheet(lead, TWO), OPEN_MARK)["revision"]
    assert [say(lead, TWO, OPEN_MARK, "7", revision=revision).json()["told"]["stored"] for _ in range(2)] == [
        True,
        False,
    ]
    assert len(office.store.trail(OPEN_MARK)) == 1
    body = {"sheet": TWO, "key": OPEN_MARK, "token": TOKEN[::-1]}
    answer = lead.post("/sheets/undo", json=body).json()
    assert field(answer["sheet"], OPEN_MARK)["state"] == "open"
    assert [row.correction.act for row in office.store.trail(OPEN_MARK)] == [Act.SAY, Act.UNDO]


def test_a_sheet_tells_which_row_it_shows_and_takes_back_no_other(office: Office) -> None:
    lead, ada = browser(office, LEA), browser(office, ADA)
    assert field(sheet(lead, TWO), OPEN_MARK)["row"] is None
    stored = say(lead, TWO, OPEN_MARK, "7").json()
    mine = stored["told"]["number"]
    assert stored["told"]["rows"] == {OPEN_MARK: mine}
    assert field(stored["sheet"], OPEN_MARK)["row"] == mine
    hers = say(ada, TWO, OPEN_MARK, "1", token=TOKEN[::-1]).json()["told"]["number"]
    undo = {"sheet": TWO, "key": OPEN_MARK}
    late = lead.post("/sheets/undo", json=undo | {"token": "1" * 32, "row": mine})
    assert (late.status_code, "Ada has said something else" in late.json()["problem"]) == (409, True)
    shown = field(sheet(lead, TWO), OPEN_MARK)
    assert (shown["text"], shown["by"], shown["row"]) == ("1", "Ada", hers)
    answer = lead.post("/sheets/undo", json=undo | {"token": "2" * 32, "row": hers}).json()
    again = field(answer["sheet"], OPEN_MARK)
    assert (again["text"], again["by"], again["row"]) == ("7", "Lea", mine)


def test_who_comes_late_is_told_and_nothing_is_stored(office: Office) -> None:
    seen = field(sheet(browser(office, BEN), TWO), OPEN_MARK)["revision"]
    say(browser(office, ADA), TWO, OPEN_MARK, "7")
    late = say(browser(office, BEN), TWO, OPEN_MARK, "1", revision=seen, token=TOKEN[::-1])
    assert late.status_code == 409
    assert "Ada decided this field" in late.json()["problem"]
    assert len(office.store.trail(OPEN_MARK)) == 1


def test_what_is_typed_is_checked_by_the_server_while_nothing_is_stored(office: Office) -> None:
    reviewer = browser(office, ADA)
    assert reviewer.get("/sheets/check", params={"key": OPEN_MARK, "text": "7,50"}).json() == {
        "problem": "",
        "value": "7.5",
    }
    assert "0 to 10" in reviewer.get("/sheets/check", params={"key": OPEN_MARK, "text": "11"}).json()["problem"]
    assert reviewer.get("/sheets/check", params={"key": "../../x", "text": "1"}).status_code == 404
    assert office.store.trail() == ()


def test_strange_bodies_are_refused_and_nothing_is_stored(office: Office) -> None:
    lead = browser(office, LEA)
    good = {"sheet": TWO, "key": OPEN_MARK, "revision": "1", "word": "value", "text": "7", "token": TOKEN}
    wrong: tuple[dict[str, object], ...] = (
        {"key": "x"},
        {"word": "shout"},
        {"text": 7},
        {"text": "7" * 9_999},
        {"token": "short"},
        {"sheet": ""},
        {"more": 1},
    )
    for change in wrong:
        assert lead.post("/sheets/say", json=good | change).status_code == 422, change
    assert lead.post("/sheets/say", json={}).status_code == 422
    assert office.store.trail() == ()


def test_a_sheet_that_is_not_there_is_told(office: Office) -> None:
    for name in ("marks#09999", "../marks", "'; drop table pages", "<script>"):
        answer = browser(office, LEA).get("/sheets/data", params={"sheet": name})
        assert answer.status_code == 404
    page = browser(office, LEA).get("/sheets", params={"sheet": "<script>alert(1)</script>"})
    assert "<script>alert" not in page.text


# ---- history, and blind review ---------------------------------------------------------------------------------------


def test_the_history_tells_every_row_the_latest_first_and_which_were_taken_back(office: Office) -> None:
    lead = browser(office, LEA)
    say(browser(office, ADA), TWO, OPEN_MARK, "1")
    lead.post("/sheets/undo", json={"sheet": TWO, "key": OPEN_MARK, "token": TOKEN[::-1], "row": 1})
    say(lead, TWO, OPEN_MARK, "7", token="f" * 32)
    rows = lead.get("/sheets/history", params={"key": OPEN_MARK}).json()["rows"]
    # What took it back stands, though nothing else does.
    assert [row["undone"] for row in rows] == [False, False, True]
    assert "Lea: 7" in rows[0]["words"] and "took row 1 back" in rows[1]["words"] and "Ada: 1" in rows[2]["words"]
    assert "was open (sheet; the machine had said 7" in rows[2]["words"]
    assert "so it is what the machine says" in rows[1]["words"]


def test_the_history_tells_blank_from_open_and_nothing_awarded(office: Office) -> None:
    lead = browser(office, LEA)
    say(lead, THREE, OPEN_BLANK, "-")
    (first,) = lead.get("/sheets/history", params={"key": OPEN_BLANK}).json()["rows"]
    assert "Lea: - (nothing awarded), was open or blank" in first["words"]
    assert "the machine had said blank, or had no guess" in first["words"]
    say(lead, THREE, OPEN_BLANK, "3", token="b" * 32)
    latest, _ = lead.get("/sheets/history", params={"key": OPEN_BLANK}).json()["rows"]
    assert "Lea: 3, was - (nothing awarded)" in latest["words"]


def test_in_blind_review_a_second_person_sees_nothing_of_the_first_answer(blind: Office) -> None:
    say(browser(blind, ADA), TWO, OPEN_MARK, "1.5")
    second = browser(blind, BEN)
    told = sheet(second, TWO)
    mark = field(told, OPEN_MARK)
    assert (mark["state"], mark["by"], mark["value"]) == ("open", "", "")
    assert "1.5" not in second.get("/sheets/data", params={"sheet": TWO}).text
    assert told["sums"]["settled"] is False
    history = second.get("/sheets/history", params={"key": OPEN_MARK}).json()
    assert history["rows"] == [] and history["hidden"]
    # Whoever has answered, and a lead, see both.
    assert field(sheet(browser(blind, ADA), TWO), OPEN_MARK)["by"] == "Ada"
    assert field(sheet(browser(blind, LEA), TWO), OPEN_MARK)["value"] == "1.5"
    assert say(second, TWO, OPEN_MARK, "1.5", token="e" * 32).status_code == 200
    assert [row.correction.act for row in blind.store.trail(OPEN_MARK)] == [Act.SAY, Act.SECOND]
    assert len(second.get("/sheets/history", params={"key": OPEN_MARK}).json()["rows"]) == 2


def test_in_blind_review_the_sums_tell_nothing_of_the_first_answer_either(blind: Office) -> None:
    # With 2, the marks do not add up to the 11 that is written; what would is one subtraction away.
    say(browser(blind, ADA), TWO, OPEN_MARK, "2")
    assert "add up to 6" in browser(blind, LEA).get("/sheets/data", params={"sheet": TWO}).text
    second = browser(blind, BEN).get("/sheets/data", params={"sheet": TWO})
    assert "add up" not in second.text and "is 6, not" not in second.text
    states = {one["field"]: (one["state"], one["text"]) for one in second.json()["pages"][0]["fields"]}
    assert states["q1"][1].startswith("1") and states["total"][1].startswith("11")


def test_a_sheet_that_came_a_moment_ago_is_waited_for(office: Office) -> None:
    lead = browser(office, LEA)
    assert lead.get("/sheets/data", params={"sheet": "marks#00009"}).status_code == 404
    remember(
        office.exam.dir, [page_row("marks", 9)], marks_fields(page_row("marks", 9), "00123456", ["1"], "1"), again=True
    )
    assert lead.get("/sheets/data", params={"sheet": "marks#00009"}).status_code == 503
    office.desk.look()
    assert lead.get("/sheets/data", params={"sheet": "marks#00009"}).status_code == 200


def test_a_lead_who_saw_the_first_answer_on_the_sheet_gives_no_blind_second_one(blind: Office) -> None:
    say(browser(blind, ADA), TWO, OPEN_MARK, "1")
    say(browser(blind, LEA), TWO, OPEN_MARK, "7", token="e" * 32)
    assert [row.correction.act for row in blind.store.trail(OPEN_MARK)] == [Act.SAY, Act.SAY]


# ---- whose it is -----------------------------------------------------------------------------------------------------


def revisions(client: TestClient, name: str) -> dict[str, str]:
    told = sheet(client, name)
    return {one["key"]: one["revision"] for page in told["pages"] for one in page["fields"] if one["role"] == "id"}


def test_choosing_a_candidate_writes_the_id_and_settles_whose_the_sheet_is(office: Office) -> None:
    lead = browser(office, LEA)
    told = lead.get("/candidates/find", params={"q": "0012"}).json()
    assert [(one["id"], one["name"]) for one in told["found"]] == [("00123456", "Ada"), ("00123457", "=1+1")]
    body = {"sheet": THREE, "id": "00123456", "revisions": revisions(lead, THREE), "token": TOKEN}
    answer = lead.post("/sheets/candidate", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["sheet"]["person"]["id"] == "00123456"
    (row,) = office.store.trail(OPEN_ID)
    assert (row.correction.value, row.correction.how) == ("00123456", "sheet")
    # Another sheet says the same: that is told as soon as the exam is looked at again.
    office.desk.look()
    assert sheet(lead, THREE)["person"]["why"] == "id 00123456 also stands on sheet marks#00001"
    assert sheet(lead, ONE)["remarks"] == ["id 00123456 also stands on sheet marks#00003"]


def test_candidates_are_for_leads(office: Office) -> None:
    reviewer = browser(office, ADA)
    body = {"sheet": THREE, "id": "00123456", "revisions": revisions(reviewer, THREE), "token": TOKEN}
    assert reviewer.post("/sheets/candidate", json=body).status_code == 403
    assert reviewer.get("/candidates/find", params={"q": "a"}).status_code == 403
    assert reviewer.get("/candidate", params={"id": "00123456"}).status_code == 403
    assert sheet(reviewer, THREE)["person"]["ranked"] == []


def test_an_id_that_fits_no_field_is_refused(office: Office) -> None:
    lead = browser(office, LEA)
    body = {"sheet": THREE, "id": "00123456", "revisions": revisions(lead, THREE), "token": TOKEN}
    for said in ("123", "abcdefgh", "", "😀" * 8):
        assert lead.post("/sheets/candidate", json=body | {"id": said}).status_code == 422, said
    assert lead.post("/sheets/candidate", json=body | {"revisions": {}}).status_code == 409
    assert office.store.trail() == ()


def test_a_candidate_has_a_page_with_the_sheets_and_what_is_open(office: Office) -> None:
    lead = browser(office, LEA)
    page = lead.get("/candidate", params={"id": "00123456"}, headers={"accept": "text/html"})
    assert "Ada" in page.text and "/sheets?sheet=marks%2300001" in page.text
    nobody = lead.get("/candidate", params={"id": "<i>"}, headers={"accept": "text/html"})
    assert nobody.status_code == 404 and "<i>" not in nobody.text
    hidden = browser(office, Person("Kit", LEA.role)).get("/candidate", params={"id": "00123456"})
    assert "Ada" not in hidden.text


def test_names_are_taken_out_of_what_the_class_list_says() -> None:
    roster = [Candidate("123", "Anna Sample", 2), Candidate("124", "Bo", 3)]
    said = "unsure; on the roster: 123 Anna Sample (97%), 124 Bo (2%)"
    assert without_names(LEA, said, roster) == said
    assert without_names(ADA, said, roster) == "unsure; on the roster: 123 (97%), 124 (2%)"
    assert without_names(ADA, "Boxes of Anna Sample", roster) == "Boxes of (name hidden)"


def test_a_mark_cell_that_is_blank_is_open_and_shown_as_blank(office: Office) -> None:
    told = field(sheet(browser(office, ADA), THREE), OPEN_BLANK)
    assert (told["state"], told["blank"]) == ("open", True)
    assert SCAN[:12] in told["key"]
