"""The routes of the queue: who is handed what, what is stored, and what is refused in words."""

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.records import Act
from flows.review.guard import CSRF_HEADER
from flows.review.leases import LEASE_SECONDS, Leases
from flows.review.office import Office
from flows.review.queue import MOST_AHEAD
from tests.helpers.exam_folder import remember
from tests.helpers.exam_rows import marks_fields, page_row
from tests.helpers.review_office import (
    ADA,
    BEN,
    CAM,
    LEA,
    OPEN_BLANK,
    OPEN_ID,
    OPEN_MARK,
    SECOND,
    VIC,
    browser,
    exam_copy,
    office_of,
)

TAB, OTHER_TAB = "a" * 32, "b" * 32
EVERYTHING = [OPEN_MARK, OPEN_ID, OPEN_BLANK]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "exam")) as found:
        yield found


@pytest.fixture
def blind(tmp_path: Path) -> Iterator[Office]:
    with office_of(exam_copy(tmp_path / "blind", SECOND)) as found:
        yield found


def token(number: int) -> str:
    return f"{number:032x}"


def handed(client: TestClient, tab: str = TAB, want: int = 8, **asked: object) -> dict[str, Any]:
    """What a window is handed when it asks for the next fields."""
    answer = client.post("/queue/next", json={"tab": tab, "want": want, **asked})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def keys(told: dict[str, Any]) -> list[str]:
    return [field["key"] for field in told["fields"]]


def say(client: TestClient, field: dict[str, Any], text: str, number: int = 1, **changed: object) -> Any:
    sent = {"tab": TAB, "key": field["key"], "revision": field["revision"], "word": "value", "text": text}
    return client.post("/queue/say", json={**sent, "token": token(number), **changed})


def one(client: TestClient, key: str, tab: str = TAB) -> dict[str, Any]:
    """A field as a window is handed it."""
    found: dict[str, Any] = next(field for field in handed(client, tab)["fields"] if field["key"] == key)
    return found


def test_a_window_is_handed_fields_with_all_that_is_needed_to_decide(office: Office) -> None:
    told = handed(browser(office, ADA))
    assert (keys(told), told["left"], told["lost"]) == (EVERYTHING, 3, [])
    field = told["fields"][0]
    assert field["sheet"] == "marks#00002"
    assert (field["file"], field["page"], field["question"]) == ("scan 9f2c41d0", 2, "2 (max 10)")
    assert field["may_hold"].startswith("a number from 0 to 10 in steps of 0.5")
    assert [guess["label"] for guess in field["guesses"]] == ["7", "1"]
    assert field["sentence"]
    assert (field["said"], field["closed"], field["turn"], field["skipped"]) == (None, "", "first", False)


def test_no_two_windows_have_the_same_field(office: Office) -> None:
    ada, ben = browser(office, ADA), browser(office, BEN)
    assert keys(handed(ada, want=2)) == EVERYTHING[:2]
    told = handed(ben)
    assert (keys(told), told["left"]) == ([OPEN_BLANK], 3)
    # Nor two windows of one session.
    assert keys(handed(ada, OTHER_TAB)) == []
    ada.post("/queue/leave", json={"tab": TAB})
    assert keys(handed(ada, OTHER_TAB)) == EVERYTHING[:2]


def test_what_one_has_oneself_is_never_with_others(office: Office) -> None:
    """Ada has skipped one field, is shown another, and her answer to the third is on its way: nobody else is there."""
    ada, ben = browser(office, ADA), browser(office, BEN)
    told = handed(ada)
    assert (told["beyond"], told["others"]) == (3, 0)
    told = handed(ada, have=EVERYTHING)
    assert (keys(told), told["beyond"], told["others"]) == ([], 0, 0)
    # Nor what she has in another window; what is not handed out to it is counted all the same.
    told = handed(ada, OTHER_TAB)
    assert (keys(told), told["beyond"], told["others"]) == ([], 3, 0)
    told = handed(ben)
    assert (keys(told), told["beyond"], told["others"]) == ([], 3, 3)


def test_who_gets_no_more_is_not_told_of_fields_that_wait_no_longer(office: Office) -> None:
    """A whole exam is sorted anew aside: until then its lines are those from before the last answers."""
    ada = browser(office, ADA)
    fields = handed(ada)["fields"]
    lined = office.lines
    lined._kept_up()
    old = lined._lined
    assert old is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(lined), "_kept_up", lambda _: old)
        assert say(ada, fields[0], "7").status_code == 200
        told = handed(ada, have=[fields[1]["key"], fields[2]["key"]])
    assert (keys(told), told["left"], told["beyond"], told["others"]) == ([], 3, 0, 0)


WINDOWS = 30
AHEAD = 8


def test_however_many_windows_have_what_comes_first_the_next_gets_what_is_left(tmp_path: Path) -> None:
    folder = exam_copy(tmp_path / "many")
    pages = [
        page_row("marks", 4 + at, serial=100 + at, sheet=f"marks#{100 + at}") for at in range(WINDOWS * AHEAD // 3)
    ]
    fields = [row for page in pages for row in marks_fields(page, "00123456", [None, None, None], "-")]
    remember(folder, pages, fields, again=True)
    with office_of(folder) as office:
        # As if others had as much to do besides: one person may have half of what waits.
        office.leases = Leases()
        ada = browser(office, ADA)
        given: list[str] = []
        for window in range(WINDOWS):
            told = handed(ada, f"{window:032x}", want=AHEAD)
            assert len(told["fields"]) == AHEAD, f"window {window} of {WINDOWS}, {told['left']} wait"
            given += keys(told)
        waits = len(office.desk.open_flags())
        last = handed(ada, OTHER_TAB, want=AHEAD)
        assert (len(last["fields"]), last["left"]) == (waits - len(given), waits)
        given += keys(last)
        assert len(given) == len(set(given)) == waits
        # No more was taken than was handed out.
        assert {office.leases.holder_of(key) is None for key in given} == {False}
        ada.post("/queue/leave", json={"tab": OTHER_TAB})
        assert keys(handed(ada, TAB, want=AHEAD)) == keys(last)


def test_what_a_window_has_is_kept_for_it_and_not_handed_again(office: Office) -> None:
    now = [0.0]
    office.leases = Leases(lambda: now[0])
    ada, ben = browser(office, ADA), browser(office, BEN)
    handed(ada)
    for _ in range(3):
        now[0] += LEASE_SECONDS - 1
        told = handed(ada, have=EVERYTHING)
        assert (keys(told), told["lost"]) == ([], [])
    now[0] += LEASE_SECONDS + 1
    assert keys(handed(ben, want=1)) == [OPEN_MARK]
    assert handed(ada, have=EVERYTHING)["lost"] == [OPEN_MARK]


def test_what_was_said_is_stored_and_the_field_leaves_the_queue(office: Office) -> None:
    ada = browser(office, ADA)
    answer = say(ada, one(ada, OPEN_MARK), "7,5")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["stored"], told["number"], told["state"], told["value"]) == (True, 1, "value", "7.5")
    row = office.store.field(OPEN_MARK)
    assert row is not None
    assert (row.value, told["revision"]) == ("7.5", row.revision)
    assert OPEN_MARK not in keys(handed(browser(office, BEN)))
    (stored,) = office.store.trail()
    assert (stored.correction.reviewer, stored.correction.how) == ("Ada", "queue")


def test_a_connection_lost_in_mid_save_stores_once(office: Office) -> None:
    ada = browser(office, ADA)
    field = one(ada, OPEN_MARK)
    first, again = say(ada, field, "7"), say(ada, field, "7")
    assert (first.json()["stored"], again.json()["stored"]) == (True, False)
    assert (again.status_code, again.json()["number"]) == (200, 1)
    assert len(office.store.trail()) == 1


def test_who_comes_late_is_told_who_decided(office: Office) -> None:
    ada, ben = browser(office, ADA), browser(office, BEN)
    field = one(ada, OPEN_MARK)
    office.leases.free_all("nobody")
    assert say(ada, field, "7").status_code == 200
    late = say(ben, field, "1", number=2)
    assert late.status_code == 409
    assert "Ada decided this field" in late.json()["problem"]
    assert late.json()["keys"] == [OPEN_MARK]
    assert len(office.store.trail()) == 1


def test_wrong_input_is_refused_with_the_reason_before_and_when_it_is_said(office: Office) -> None:
    ada = browser(office, ADA)
    field = one(ada, OPEN_MARK)
    asked = ada.post("/queue/check", json={"key": OPEN_MARK, "text": "11"})
    told = say(ada, field, "11")
    for answer in (asked, told):
        assert answer.status_code == 422
        # By the name that stands on the screen.
        assert answer.json()["problem"].startswith(
            f"{field['question']}: '11' is not allowed here; it may hold a number"
        )
        assert "from 0 to 10 in steps of 0.5" in answer.json()["problem"]
    assert ada.post("/queue/check", json={"key": OPEN_MARK, "text": "2 1/2"}).json() == {
        "state": "value",
        "value": "2.5",
    }
    assert office.store.trail() == ()


def test_undo_hands_the_field_out_again(office: Office) -> None:
    ada = browser(office, ADA)
    say(ada, one(ada, OPEN_MARK), "7")
    assert OPEN_MARK not in keys(handed(ada))
    undone = ada.post("/queue/undo", json={"key": OPEN_MARK, "token": token(2)}).json()
    assert (undone["stored"], undone["state"]) == (True, "unsettled")
    field = one(ada, OPEN_MARK)
    assert field["revision"] == undone["revision"]
    assert say(ada, field, "1", number=3).status_code == 200
    assert [row.correction.value for row in office.store.trail()] == ["7", "", "1"]


def test_undo_names_its_row_and_takes_back_no_other(office: Office) -> None:
    lea, ada = browser(office, LEA), browser(office, ADA)
    mine = say(lea, one(lea, OPEN_MARK), "7").json()
    row = office.store.field(OPEN_MARK)
    assert row is not None
    assert say(ada, {"key": OPEN_MARK, "revision": row.revision}, "1", number=2).status_code == 200
    late = lea.post("/queue/undo", json={"key": OPEN_MARK, "token": token(3), "row": mine["number"]})
    assert (late.status_code, late.json()["keys"]) == (409, [OPEN_MARK])
    assert "Ada has said something else of this field since" in late.json()["problem"]
    assert [each.correction.value for each in office.store.trail()] == ["7", "1"]


def test_what_was_skipped_comes_at_the_end_for_this_person(office: Office) -> None:
    ada, ben = browser(office, ADA), browser(office, BEN)
    handed(ada)
    ada.post("/queue/skip", json={"tab": TAB, "key": OPEN_MARK})
    told = handed(ada)
    assert keys(told) == [OPEN_ID, OPEN_BLANK, OPEN_MARK]
    assert [field["skipped"] for field in told["fields"]] == [False, False, True]
    ada.post("/queue/leave", json={"tab": TAB})
    assert keys(handed(ben)) == EVERYTHING


def test_filters_and_orders(office: Office) -> None:
    ada = browser(office, ADA)
    told = handed(ada, field="q2")
    assert (keys(told), told["left"]) == ([OPEN_MARK], 1)
    assert keys(handed(ada, order="sheet", text="marks#00003")) == [OPEN_ID, OPEN_BLANK]
    assert keys(handed(ada, text="\u202e' OR 1=1 --")) == []


def test_a_field_that_one_comes_back_to(office: Office) -> None:
    ada, ben = browser(office, ADA), browser(office, BEN)
    say(ada, one(ada, OPEN_MARK), "7")
    mine, others = (client.get(f"/queue/field/{OPEN_MARK}").json() for client in (ada, ben))
    assert (mine["said"], mine["closed"]) == ("7", "")
    assert (others["said"], others["closed"].startswith("Ada decided this field at ")) == (None, True)
    assert "(7)" in others["closed"]
    for key in ("000000000000-1-q1", "..%2F..%2Fexam.toml", "x" * 500):
        assert ada.get(f"/queue/field/{key}").status_code == 404


def test_a_second_person_is_told_nothing_of_the_first_answer(blind: Office) -> None:
    ada, ben = browser(blind, ADA), browser(blind, BEN)
    say(ada, one(ada, OPEN_MARK), "3.5")
    ada.post("/queue/leave", json={"tab": TAB})
    assert OPEN_MARK not in keys(handed(ada, OTHER_TAB, text="00002"))
    field = one(ben, OPEN_MARK)
    assert (field["turn"], field["reason_word"], field["why"]) == ("second", "Second look", "")
    shown = [field, ben.get(f"/queue/field/{OPEN_MARK}").json()]
    everything = json.dumps([each | {"allowed": []} for each in shown])
    assert "3.5" not in everything
    assert "Ada" not in everything
    told = say(ben, field, "4", number=2)
    assert "3.5" not in told.text
    undone = ben.post("/queue/undo", json={"key": OPEN_MARK, "token": token(3)})
    assert "3.5" not in undone.text


def test_nobody_is_handed_what_he_answered_while_the_lines_are_old(blind: Office) -> None:
    ada = browser(blind, ADA)
    field = one(ada, OPEN_MARK)
    ada.post("/queue/leave", json={"tab": TAB})
    assert say(ada, field, "3.5").status_code == 200
    # The whole exam was looked at anew, and its lines are being sorted: the old ones hold until then.
    blind.desk.look()
    blind.lines._sorter = Thread()
    told = handed(ada, have=[OPEN_MARK])
    assert (OPEN_MARK in keys(told), told["lost"]) == (False, [OPEN_MARK])
    assert OPEN_MARK not in keys(handed(ada))


def test_a_lead_is_shown_what_others_said_and_so_gives_no_second_answer(blind: Office) -> None:
    ada, lea = browser(blind, ADA), browser(blind, LEA)
    first = say(ada, one(ada, OPEN_MARK), "3.5").json()
    ada.post("/queue/leave", json={"tab": TAB})
    told = handed(lea)
    assert (OPEN_MARK in keys(told), told["left"]) == (False, len(keys(told)))
    assert handed(lea, OTHER_TAB, reason="second")["left"] == 0
    # Nor when the page is not ours: what a lead says replaces the answer, and waits for a second one itself.
    assert say(lea, {"key": OPEN_MARK, "revision": first["revision"]}, "3.5", number=2).status_code == 200
    assert [row.correction.act for row in blind.store.trail(OPEN_MARK)] == [Act.SAY, Act.SAY]
    lea.post("/queue/leave", json={"tab": TAB})
    ben = browser(blind, BEN)
    assert one(ben, OPEN_MARK)["turn"] == "second"


def test_a_lead_settles_what_two_disagree_about(blind: Office) -> None:
    for number, (person, text) in enumerate(((ADA, "3.5"), (BEN, "4"), (LEA, "4")), start=1):
        client = browser(blind, person)
        assert say(client, one(client, OPEN_MARK), text, number=number).status_code == 200
        client.post("/queue/leave", json={"tab": TAB})
    assert [row.correction.act for row in blind.store.trail(OPEN_MARK)] == [Act.SAY, Act.SECOND, Act.THIRD]


def test_a_third_person_settles_what_two_disagree_about(blind: Office) -> None:
    clients = {person: browser(blind, person) for person in (ADA, BEN, CAM)}
    for number, (person, text) in enumerate(((ADA, "3.5"), (BEN, "4"), (CAM, "3.5")), start=1):
        client = clients[person]
        assert say(client, one(client, OPEN_MARK), text, number=number).status_code == 200
        client.post("/queue/leave", json={"tab": TAB})
    row = blind.store.field(OPEN_MARK)
    assert row is not None
    assert row.value == "3.5"
    assert all(OPEN_MARK not in keys(handed(client)) for client in clients.values())


def test_while_the_exam_is_read_the_page_waits_and_says_what_failed(office: Office) -> None:
    office.desk.seen, office.desk.trouble = None, "exam.toml: is no valid TOML"
    assert handed(browser(office, ADA)) == {"ready": False, "trouble": "exam.toml: is no valid TOML"}


@pytest.mark.parametrize(
    ("address", "body"),
    [
        ("/queue/next", {"tab": TAB, "want": MOST_AHEAD + 1}),
        ("/queue/next", {"tab": TAB, "want": -1}),
        ("/queue/next", {"tab": TAB, "want": "8"}),
        ("/queue/next", {"tab": "../../x", "want": 1}),
        ("/queue/next", {"tab": TAB, "order": "random"}),
        ("/queue/next", {"tab": TAB, "have": ["' OR 1=1"]}),
        ("/queue/next", {"tab": TAB, "have": [OPEN_MARK] * 201}),
        ("/queue/next", {"tab": TAB, "text": "x" * 201}),
        ("/queue/next", {"tab": TAB, "reviewer": "Lea"}),
        ("/queue/say", {"tab": TAB, "key": OPEN_MARK, "revision": "r", "word": "value", "text": 7, "token": token(1)}),
        ("/queue/say", {"tab": TAB, "key": OPEN_MARK, "revision": "r", "word": "zero", "text": "", "token": token(1)}),
        ("/queue/say", {"tab": TAB, "key": OPEN_MARK, "revision": "r", "word": "blank", "token": "1"}),
        ("/queue/say", {"tab": TAB, "key": OPEN_MARK, "revision": "<b>", "word": "blank", "token": token(1)}),
        ("/queue/undo", {"key": OPEN_MARK, "token": None}),
        ("/queue/undo", {"key": OPEN_MARK, "token": token(1), "row": 0}),
        ("/queue/undo", {"key": OPEN_MARK, "token": token(1), "row": "1"}),
        ("/queue/undo", {"key": OPEN_MARK, "token": token(1), "row": 10**30}),
        ("/queue/check", {"key": OPEN_MARK, "text": "\x00"}),
        ("/queue/check", {"key": OPEN_MARK, "word": "unreadable", "text": ""}),
        ("/queue/skip", {"tab": TAB, "key": "x"}),
        ("/queue/leave", {}),
    ],
)
def test_what_no_page_of_ours_sends_is_refused(office: Office, address: str, body: dict[str, object]) -> None:
    answer = browser(office, ADA).post(address, json=body)
    assert answer.status_code == 422
    assert answer.json()["problem"]
    assert office.store.trail() == ()


ROUTES = ("next", "say", "undo", "check", "skip", "leave")


@pytest.mark.parametrize("route", ROUTES)
def test_only_reviewers_that_are_logged_in_and_meant_it_come_in(office: Office, route: str) -> None:
    body: dict[str, object] = {}
    viewer, stranger, forged = browser(office, VIC), browser(office, ADA), browser(office, ADA)
    stranger.cookies.clear()
    forged.headers[CSRF_HEADER] = "0" * 43
    assert [client.post(f"/queue/{route}", json=body).status_code for client in (viewer, stranger, forged)] == [
        403,
        401,
        403,
    ]


def test_the_page_is_for_reviewers_and_carries_no_inline_script_or_style(office: Office) -> None:
    page = browser(office, ADA).get("/queue", headers={"accept": "text/html"})
    assert page.status_code == 200
    assert "<style" not in page.text
    assert " style=" not in page.text
    assert page.text.count("<script") == page.text.count('<script type="module" src="/static/')
    assert browser(office, VIC).get("/queue").status_code == 403
    assert browser(office, VIC).get(f"/queue/field/{OPEN_MARK}").status_code == 403


def test_a_window_learns_who_is_logged_in_now(office: Office) -> None:
    ben = browser(office, BEN)
    told = ben.get("/queue/session").json()
    assert (told["person"], told["csrf"]) == ("Ben", ben.headers[CSRF_HEADER])
    ben.cookies.clear()
    assert ben.get("/queue/session").status_code == 401


def test_names_on_the_roster_are_for_those_who_may_see_them(office: Office) -> None:
    ids = {"text": "00003", "field": "candidate"}
    reviewer, lead = (handed(browser(office, person), TAB, **ids)["fields"] for person in (ADA, LEA))
    assert lead == []
    office.leases = Leases()
    lead = handed(browser(office, LEA), TAB, **ids)["fields"]
    assert "00123456 Ada" in lead[0]["why"]
    assert "00123456" in reviewer[0]["why"]
    assert "Ada" not in json.dumps(reviewer)
