"""Leads take things as they are in the browser: sheets with remarks, failed pages, files in quarantine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.cli import run
from flows.records import Arrival, FileOutcome
from flows.review.accepted import told_of_page
from flows.review.board import Boards
from flows.review.office import Office
from flows.store import open_store
from recognizer.records import PageOutcomeKind
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import SCAN, failed_page, marks_fields, page_row
from tests.helpers.review_office import ADA, BEN, LEA, SECOND, VIC, browser, office_of
from tests.helpers.trails import said

STRANGER = "marks#00002"
"""The sheet of somebody who is not on the roster."""

WHY = "seen, <b>told</b> the office"
REASON = "cannot be opened, <i>really</i>"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Every field is settled; a sheet is by nobody on the roster, a page failed, and a file lies in quarantine."""
    folder = exam_folder(tmp_path / "exam")
    (folder / "tallymark.db").unlink()
    pages = [page_row("marks", 1), page_row("marks", 2)]
    rows = [
        *marks_fields(pages[0], "00123456", ["1", "2.5", "-"], "3.5"),
        *marks_fields(pages[1], "78947726", ["1", "7", "3"], "11"),
    ]
    failed = failed_page(3, PageOutcomeKind.FAILED, "no corner marks")
    remember(folder, [*pages, failed], rows)
    with open_store(folder) as store:
        arrival = Arrival(2, b"b.pdf", "b.pdf", "b" * 64, "b.pdf", 1, 2, 3)
        store.begin_arrival(arrival)
        store.settle_arrival(arrival, FileOutcome.QUARANTINED, REASON)
        store.finish_arrival(arrival)
    return folder


@pytest.fixture
def office(folder: Path) -> Iterator[Office]:
    with office_of(folder) as found:
        found.boards = Boards(rest_share=0.0)
        yield found


def sheet(office: Office, person: Any = LEA) -> dict[str, Any]:
    found: dict[str, Any] = browser(office, person).get("/sheets/data", params={"sheet": STRANGER}).json()
    return found


def blocked(office: Office) -> set[str]:
    office.desk.look()
    return {one["what"] for one in browser(office, LEA).get("/board.json").json()["blocks"]}


def accept(office: Office, what: str, person: Any = LEA, **body: object) -> Any:
    return browser(office, person).post(f"/accept/{what}", json=body)


def test_a_remark_that_stays_is_accepted_and_blocks_no_more(office: Office) -> None:
    told = sheet(office)
    assert told["remarks"] and told["acceptance"]["seen"]
    assert "sheets" in blocked(office)
    answer = accept(office, "sheet", name=STRANGER, why=f"  {WHY} ", seen=told["acceptance"]["seen"])
    assert (answer.status_code, answer.json()["by"], answer.json()["why"]) == (200, "Lea", WHY)
    assert "sheets" not in blocked(office)
    after = sheet(office)["acceptance"]
    assert (after["by"], after["why"], after["seen"]) == ("Lea", WHY, "")
    (one,) = office.store.ledger().accepted
    assert (one.name, one.reasons, one.text, one.reviewer) == (STRANGER, tuple(told["remarks"]), WHY, "Lea")
    assert one.how == "review"
    (row,) = browser(office, LEA).get("/sheets/found", params={"show": "remarks"}).json()["rows"]
    assert (row["sheet"], row["accepted"]) == (STRANGER, "Lea")


def test_all_of_it_settled_in_the_browser_lets_the_exam_be_final(office: Office, folder: Path) -> None:
    assert blocked(office) == {"sheets", "failed", "quarantine"}
    accept(office, "sheet", name=STRANGER, why=WHY, seen=sheet(office)["acceptance"]["seen"])
    lead = browser(office, LEA)
    page = f"{SCAN}/3"
    told = lead.get("/sheets/found", params={"show": "failed"}).json()["pages"]
    assert [(one["scan"], one["number"], one["accepted"]) for one in told] == [(SCAN, 3, "")]
    row = office.store.page(SCAN, 3)
    assert row is not None
    shown = told_of_page(LEA, office.desk.seen, row)
    assert shown is not None
    assert accept(office, f"page/{page}", why="notes", seen=shown["seen"]).status_code == 200
    at = lead.get("/files", headers={"accept": "text/html"}).text
    assert "&lt;i&gt;really" in at and "<i>really" not in at
    seen = at.split('data-seen="')[1][:16]
    assert accept(office, "file", name="b.pdf", why="scanned again", seen=seen).status_code == 200
    assert blocked(office) == set()
    # What somebody accepted is done, as it is for a final export.
    assert lead.get("/board.json").json()["sheets"] == {"all": 2, "done": 2}
    assert "Taken as it is by Lea: scanned again" in lead.get("/files", headers={"accept": "text/html"}).text
    assert lead.get("/sheets/found", params={"show": "failed"}).json()["pages"][0]["accepted"] == "Lea"
    assert run(["export", str(folder), "--final"]) == 0


def test_sent_again_it_is_stored_once(office: Office) -> None:
    seen = sheet(office)["acceptance"]["seen"]
    for _ in range(2):
        assert accept(office, "sheet", name=STRANGER, why=WHY, seen=seen).status_code == 200
    assert len(office.store.ledger().accepted) == 1


def test_what_was_shown_is_what_is_accepted(office: Office) -> None:
    """Something else is wrong with it meanwhile: whoever accepts it has not seen that."""
    answer = accept(office, "sheet", name=STRANGER, why=WHY, seen="0" * 16)
    assert answer.status_code == 409 and "look again" in answer.json()["problem"]
    assert office.store.ledger().accepted == ()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"why": "   "}, 422),
        ({"why": ""}, 422),
        ({"why": "x" * 401}, 422),
        ({"why": "a\nb"}, 422),
        ({"why": 7}, 422),
        ({"name": "marks#00001"}, 409),
        ({"name": "b.pdf"}, 404),
        ({"name": "../../tallymark.db"}, 404),
        ({"seen": "x"}, 422),
        ({"by": "Kim"}, 422),
    ],
)
def test_what_cannot_be_accepted_is_refused_whole(office: Office, body: dict[str, object], status: int) -> None:
    seen = sheet(office)["acceptance"]["seen"]
    assert accept(office, "sheet", **{"name": STRANGER, "why": WHY, "seen": seen} | body).status_code == status
    assert office.store.ledger().accepted == ()


def test_only_leads_accept_and_reviewers_are_not_given_the_form(office: Office) -> None:
    seen = sheet(office)["acceptance"]["seen"]
    for person in (ADA, VIC):
        for what in ("sheet", "file", f"page/{SCAN}/3"):
            assert accept(office, what, person, name=STRANGER, why=WHY, seen=seen).status_code == 403
        assert browser(office, person).get("/files").status_code == 403
    assert sheet(office, ADA)["acceptance"]["seen"] == ""
    accept(office, "sheet", name=STRANGER, why="a reason that may name somebody", seen=seen)
    office.desk.look()
    told = sheet(office, ADA)["acceptance"]
    assert (told["by"], told["why"]) == ("Lea", "")


def test_a_read_page_is_not_accepted(office: Office) -> None:
    assert accept(office, f"page/{SCAN}/1", why=WHY, seen="0" * 16).status_code == 409
    assert accept(office, f"page/{SCAN}/9", why=WHY, seen="0" * 16).status_code == 404


def test_a_sheet_whose_answers_somebody_must_not_see_yet_tells_nothing_of_it(folder: Path) -> None:
    (folder / "exam.toml").write_text(SECOND, encoding="utf-8")
    with office_of(folder) as office:
        office.store.insert_corrections([said("1", "Ada", key=f"{SCAN[:12]}-2-q1")])
        office.desk.look()
        hidden, shown = sheet(office, BEN), sheet(office, LEA)
    assert hidden["remarks"] == ["Remarks are shown when you have answered all of this sheet."]
    assert hidden["acceptance"] is None
    assert shown["remarks"] and shown["acceptance"] is not None
