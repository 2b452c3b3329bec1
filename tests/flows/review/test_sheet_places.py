"""Pages decided about in the browser: placed by hand, taken back, kept and replaced; by leads, one at a time."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from flows.grading import Workplace, grade_inbox, here
from flows.records import PageRow
from flows.review import places
from flows.review.desk import Desk
from flows.review.drawing import Picture
from flows.review.landing import starting_corners
from flows.review.office import Office
from flows.review.pictures import Pictures
from flows.review.sessions import Sessions
from flows.settings import Exam
from flows.store import Store, open_store
from flows.workers import PageReader
from recognizer.records import PageOutcomeKind
from recognizer.template import A4_MM, MARKS
from tests.helpers.fakes import FakeReader, exam_folder, fake_scan, sheet
from tests.helpers.review_office import ADA, LEA, browser

PX_PER_MM = 10.0
WIDTH, HEIGHT = (round(side * PX_PER_MM) for side in A4_MM)
SECONDS = 20.0
"""How long work of a fake reader may take on a machine that is very busy."""


def reader(_exam: Exam, _store: Store) -> AbstractContextManager[PageReader]:
    return nullcontext(FakeReader())


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Sheet 1 came whole; of sheet 2 page 1, then another picture of it; and a page that failed."""
    monkeypatch.setattr(places, "reader_of", reader)
    exam = exam_folder(tmp_path / "exam")
    pages = [sheet(1), sheet(1, page=2), sheet(2, values={"q1": "1"}), sheet(2, values={"q1": "7"})]
    (exam.inbox / "stack.pdf").write_text(fake_scan(*pages, {"outcome": "failed"}))
    (exam.inbox / "odd.pdf").write_text(fake_scan({"outcome": "failed", "fits": False}))
    with open_store(exam.dir) as store:
        fake = FakeReader()
        with store.grading():
            grade_inbox(Workplace(exam, store, fake, here(fake)))
        desk = Desk(exam, lambda: open_store(exam.dir))
        desk.look()
        pictures = Pictures(drawer=lambda _: Picture(b"a picture", WIDTH, HEIGHT))
        yield Office(exam, store, desk, Sessions(), pictures=pictures)


def page(office: Office, outcome: PageOutcomeKind, file: str = "stack.pdf") -> PageRow:
    return next(row for row in office.store.pages() if row.outcome is outcome and row.file == file)


def at(row: PageRow, what: str = "place") -> str:
    return f"/{what}/{row.scan}/{row.number}"


def corners(turned: int = 0) -> list[list[float]]:
    """The outer corners of the corner marks on a page that lies straight, turned by quarters on their way round."""
    order = list(MARKS.values())
    points = [[float(x) * PX_PER_MM for x in order[number].corners()[number]] for number in range(4)]
    return points[turned:] + points[:turned]


def body(**more: Any) -> dict[str, Any]:
    return {"template": "small", "page": 2, "serial": 2, "corners": corners()} | more


def done(client: TestClient, row: PageRow) -> dict[str, Any]:
    """What the work on a page came to."""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        told: dict[str, Any] = client.get(f"{at(row)}/work").json()
        if told["stage"] != "working":
            return told
        time.sleep(0.02)
    raise AssertionError("the work goes on and on")


# ---- seeing the boxes land -------------------------------------------------------------------------------------------


def test_boxes_land_where_the_corners_say(office: Office) -> None:
    failed = page(office, PageOutcomeKind.FAILED)
    told = browser(office, LEA).post(f"{at(failed)}/preview", json=body()).json()
    template = office.exam.sheets.templates[0]
    wanted = {box.field: box.rect.corners() * PX_PER_MM for box in template.boxes(2)}
    assert told["problem"] == ""
    assert {one["field"] for one in told["boxes"]} == set(wanted)
    for one in told["boxes"]:
        assert np.abs(np.array(one["points"]) - wanted[one["field"]]).max() < PX_PER_MM
    assert np.abs(np.array(told["frame"]) - np.array(corners())).max() < 1


def test_corners_that_make_no_sheet_are_told_and_nothing_lands(office: Office) -> None:
    failed = page(office, PageOutcomeKind.FAILED)
    lead = browser(office, LEA)
    first, second, third, fourth = corners()
    for crossed in ([first, third, second, fourth], [first, first, first, first], [fourth, third, second, first]):
        told = lead.post(f"{at(failed)}/preview", json=body(corners=crossed)).json()
        assert told["problem"].startswith("The four points are not the corners of a sheet")
        assert told["boxes"] == []
    assert lead.post(f"{at(failed)}/preview", json=body(corners=corners(1))).json()["problem"] == ""


def test_a_person_begins_with_the_corners_of_a_page_that_lies_straight(office: Office) -> None:
    failed = page(office, PageOutcomeKind.FAILED)
    told = browser(office, LEA).get(f"{at(failed)}/start", params={"template": "small", "page": 1}).json()
    assert np.abs(np.array(told["corners"]) - np.array(corners())).max() < 1
    assert told["corners"] == starting_corners(office.exam.sheets.templates[0], 1, WIDTH, HEIGHT)


def test_strange_placements_are_refused(office: Office) -> None:
    lead, failed = browser(office, LEA), page(office, PageOutcomeKind.FAILED)
    wrong: tuple[dict[str, Any], ...] = (
        {"template": "another"},
        {"page": 3},
        {"page": 0},
        {"page": "1"},
        {"serial": -1},
        {"serial": 1.5},
        {"corners": corners()[:3]},
        {"corners": [*corners(), [0.0, 0.0]]},
        {"corners": [[1e9, 0.0], *corners()[1:]]},
        {"corners": [["0", 0.0], *corners()[1:]]},
        {"more": 1},
    )
    for change in wrong:
        for what in ("preview", "confirm"):
            assert lead.post(f"{at(failed)}/{what}", json=body(**change)).status_code == 422, change
    nan = lead.post(f"{at(failed)}/preview", content=b'{"corners": NaN}', headers={"content-type": "application/json"})
    assert nan.status_code == 422
    assert page(office, PageOutcomeKind.FAILED) == failed


# ---- placing ---------------------------------------------------------------------------------------------------------


def test_a_page_that_is_placed_is_read_belongs_to_its_sheet_and_can_be_taken_back(office: Office) -> None:
    lead, failed = browser(office, LEA), page(office, PageOutcomeKind.FAILED)
    begun = lead.post(f"{at(failed)}/confirm", json=body())
    assert begun.status_code == 200, begun.text
    told = done(lead, failed)
    assert told["stage"] == "done" and told["words"].startswith("It was read as page 2 of sheet small#00002")
    assert (told["now"]["sheet"], told["now"]["by_hand"]) == ("small#00002", True)
    (placement,) = office.store.placements()
    assert (placement.reviewer, placement.how) == ("Lea", "sheet")
    assert (placement.placed.width, placement.placed.height) == (WIDTH, HEIGHT)
    # Looked at again, its corners are where they were shown.
    shown = lead.get(f"{at(failed)}/data").json()["placed"]
    assert np.abs(np.array(shown["corners"]) - np.array(corners())).max() < 0.1

    lead.post(f"{at(failed)}/unplace", json={})
    assert done(lead, failed)["words"].startswith("Taken back. The page is failed")
    assert page(office, PageOutcomeKind.FAILED).sheet == ""


def test_a_page_that_is_placed_without_its_number_is_held_and_the_way_on_is_told(office: Office) -> None:
    lead, failed = browser(office, LEA), page(office, PageOutcomeKind.FAILED)
    lead.post(f"{at(failed)}/confirm", json=body(serial=None))
    told = done(lead, failed)
    assert told["words"].startswith("It is held, as page 2 of a 'small'")
    for now in (told["now"], lead.get(f"{at(failed)}/data").json()["now"]):
        assert (now["outcome"], now["sheet"], now["by_hand"]) == ("held", "", True)
        assert "that breaks at page 5" in now["reason"]
        folder = office.exam.dir.resolve()
        assert now["joins"] == f"tallymark stacks {folder} --join stack.pdf:5 --by NAME"
    assert "held: pages of " in lead.get(at(failed), headers={"accept": "text/html"}).text
    # With its number it belongs to its sheet, and nothing more is to be said.
    lead.post(f"{at(failed)}/confirm", json=body())
    assert (now := done(lead, failed)["now"])["sheet"] == "small#00002" and now["joins"] == ""


def test_a_sheet_that_does_not_fit_is_refused_in_words_and_the_page_stays_as_it_was(office: Office) -> None:
    lead, odd = browser(office, LEA), page(office, PageOutcomeKind.FAILED, "odd.pdf")
    lead.post(f"{at(odd)}/confirm", json=body())
    told = done(lead, odd)
    assert told["stage"] == "refused" and "Nothing was stored" in told["words"]
    assert office.store.placements() == ()


def test_a_page_that_was_read_by_itself_needs_no_placing(office: Office) -> None:
    lead, read = browser(office, LEA), page(office, PageOutcomeKind.READ)
    assert lead.get(f"{at(read)}/data").json()["placeable"] is False
    lead.post(f"{at(read)}/confirm", json=body())
    assert "needs no placing" in done(lead, read)["words"]


def test_while_somebody_grades_nobody_places_and_that_is_said(office: Office) -> None:
    lead, failed = browser(office, LEA), page(office, PageOutcomeKind.FAILED)
    with open_store(office.exam.dir) as another, another.grading():
        refused = lead.post(f"{at(failed)}/confirm", json=body())
        kept = lead.post(at(page(office, PageOutcomeKind.HELD), "keep"), json={"choice": "replace"})
    assert [one.status_code for one in (refused, kept)] == [409, 409]
    assert "Somebody is grading this exam now" in refused.json()["problem"]
    assert str(office.exam.dir) not in refused.text
    assert office.store.placements() == () and office.store.page_decisions() == ()


# ---- keep or replace -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("choice", "value"), [("keep", "1"), ("replace", "7")])
def test_of_two_pictures_the_one_that_was_chosen_counts(office: Office, choice: str, value: str) -> None:
    lead, held = browser(office, LEA), page(office, PageOutcomeKind.HELD)
    told = lead.post(at(held, "keep"), json={"choice": choice})
    assert told.status_code == 200, told.text
    assert done(lead, held)["stage"] == "done"
    counting = [row for row in office.store.fields() if row.sheet == "small#00002" and row.field == "q1"]
    assert [row.value for row in counting] == [value]
    (decision,) = office.store.page_decisions()
    assert (decision.choice.value, decision.reviewer, decision.how) == (choice, "Lea", "sheet")
    # Said twice, nothing more is stored.
    lead.post(at(held, "keep"), json={"choice": choice})
    assert done(lead, held)["words"] == "It is so already; nothing was stored."
    assert len(office.store.page_decisions()) == 1


def test_both_pictures_are_shown_and_the_one_that_counts_comes_first(office: Office) -> None:
    held = page(office, PageOutcomeKind.HELD)
    shown = browser(office, LEA).get(at(held, "keep"), headers={"accept": "text/html"}).text
    assert shown.index("Counts: stack.pdf page 3") < shown.index("Held: stack.pdf page 4")
    assert shown.count("<figure ") == 2


def test_after_each_decision_the_sides_say_what_is_true_and_it_can_be_decided_otherwise(office: Office) -> None:
    lead, held = browser(office, LEA), page(office, PageOutcomeKind.HELD)

    def now() -> tuple[list[tuple[str, bool]], bool, bool]:
        told = lead.get(f"{at(held, 'keep')}/now").json()
        sides = [(one["caption"].split(":")[0], one["page"] == f"{held.scan}/{held.number}") for one in told["sides"]]
        return sides, told["choice"]["keep"]["holds"], told["choice"]["replace"]["holds"]

    assert now() == ([("Counts", False), ("Held", True)], False, False)
    for choice, sides, holds in (
        ("replace", [("Counts", True), ("Set aside", False)], (False, True)),
        ("keep", [("Counts", False), ("Set aside", True)], (True, False)),
        ("replace", [("Counts", True), ("Set aside", False)], (False, True)),
    ):
        lead.post(at(held, "keep"), json={"choice": choice})
        assert done(lead, held)["stage"] == "done"
        assert now() == (sides, *holds)
    assert len(office.store.page_decisions()) == 3


def test_where_two_pictures_were_read_differently_stands_field_by_field(office: Office) -> None:
    lead, held = browser(office, LEA), page(office, PageOutcomeKind.HELD)
    told = lead.get(f"{at(held, 'keep')}/now").json()
    assert told["between"] == ["stack.pdf page 3", "stack.pdf page 4"]
    assert [(one["field"], one["values"]) for one in told["differ"]] == [("q1", ["1", "7"])]
    shown = lead.get(at(held, "keep"), headers={"accept": "text/html"}).text
    assert re.search(r"<th scope=\"row\">[^<]*1[^<]*</th><td>1</td><td>7</td>", shown)


def test_of_a_page_that_came_first_the_other_picture_is_asked_about(office: Office) -> None:
    held = page(office, PageOutcomeKind.HELD)
    first = next(row for row in office.store.pages() if row.sheet == held.sheet and row.outcome is PageOutcomeKind.READ)
    shown = browser(office, LEA).get(at(first, "keep"), headers={"accept": "text/html"}).text
    assert f'data-at="{at(held, "keep")}"' in shown


def test_a_choice_that_is_none_is_refused(office: Office) -> None:
    held = page(office, PageOutcomeKind.HELD)
    for choice in ("hold", "", None, 1):
        assert browser(office, LEA).post(at(held, "keep"), json={"choice": choice}).status_code == 422


# ---- who may, and strange addresses ----------------------------------------------------------------------------------


def test_pages_are_placed_and_decided_about_by_leads_alone(office: Office) -> None:
    failed, held = page(office, PageOutcomeKind.FAILED), page(office, PageOutcomeKind.HELD)
    reviewer = browser(office, ADA)
    places = (at(failed), f"{at(failed)}/data", f"{at(failed)}/page.jpg", f"{at(failed)}/work")
    for address in (*places, at(held, "keep"), f"{at(held, 'keep')}/now"):
        assert reviewer.get(address).status_code == 403, address
    for address, sent in (
        (f"{at(failed)}/confirm", body()),
        (f"{at(failed)}/preview", body()),
        (at(held, "keep"), {"choice": "keep"}),
    ):
        assert reviewer.post(address, json=sent).status_code == 403, address


def test_a_page_that_is_not_there_is_told(office: Office) -> None:
    lead = browser(office, LEA)
    for scan, number in (("a" * 64, "1"), (page(office, PageOutcomeKind.READ).scan, "99999"), ("..%2f..", "1")):
        for address in (f"/place/{scan}/{number}", f"/place/{scan}/{number}/data", f"/keep/{scan}/{number}"):
            assert lead.get(address).status_code == 404, address


def test_work_goes_on_one_piece_at_a_time(office: Office) -> None:
    from threading import Event

    held_up, seen = Event(), Event()

    def slow() -> str:
        seen.set()
        held_up.wait(SECONDS)
        return "done"

    assert office.placing.begin(("a", 1), "working", slow)
    seen.wait(SECONDS)
    failed = page(office, PageOutcomeKind.FAILED)
    refused = browser(office, LEA).post(f"{at(failed)}/confirm", json=body())
    held_up.set()
    assert refused.status_code == 409
