"""The dashboard: what an exam stands at, for everybody who may see it, and nothing that they may not."""

import json
import re
import shlex
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from flows.cli import run
from flows.final import Obstacle, Waiting
from flows.records import UNREADABLE, Act, Correction, FieldRow, RunPromise
from flows.review.board import Boards
from flows.review.board_told import told as board_told
from flows.review.office import Office
from flows.review.people import Person
from flows.review.ways import ACCEPTING, WAYS
from flows.settings import DATABASE
from flows.store import open_store
from recognizer.records import ValueState
from tests.helpers.exam_folder import exam_folder, remember
from tests.helpers.exam_rows import SCAN, marks_fields, page_row
from tests.helpers.review_office import ADA, LEA, OPEN_BLANK, OPEN_ID, OPEN_MARK, VIC, browser, exam_copy, office_of
from tests.helpers.trails import said

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
NAME = "<b>Nobody</b>"
"""The name of a candidate who has handed in nothing."""


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    folder = exam_copy(tmp_path / "exam")
    with (folder / "roster.csv").open("a", encoding="utf-8") as roster:
        roster.write(f"00999999,{NAME}\n")
    with office_of(folder) as found:
        found.boards = Boards(rest_share=0.0)
        yield found


def told(office: Office, person: Person = LEA) -> dict[str, Any]:
    answer = browser(office, person).get("/board.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def page(office: Office, person: Person = LEA) -> str:
    return browser(office, person).get("/", headers={"accept": "text/html"}).text


def say(office: Office, key: str, value: str) -> None:
    said = Correction(key, ValueState.VALUE, value, "", "7", "digits-1", "Ada", NOON, "queue")
    office.store.insert_corrections([said])
    office.desk.touched(office.store, [key])


def blocks(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["what"]: one for one in found["blocks"]}


def test_fields_are_counted_by_who_settled_them(office: Office) -> None:
    open_now = len(office.desk.open_flags())
    assert {OPEN_MARK, OPEN_BLANK, OPEN_ID} <= set(office.desk.open_flags())
    before = told(office)["fields"]
    assert before == {"all": 15, "open": open_now, "by_people": 0, "by_machine": 15 - open_now}
    say(office, OPEN_ID, "00123456")
    after = told(office)["fields"]
    assert (after["open"], after["by_people"]) == (len(office.desk.open_flags()), 1)
    assert after["open"] + after["by_people"] + after["by_machine"] == 15


def test_what_the_machine_accepts_is_told_in_parts_that_add_up(office: Office) -> None:
    """Somebody settles an accepted field, and could not read another: both are accepted by the machine still."""
    before = told(office)
    assert (before["checks"]["accepted"], before["checks"]["by_people"]) == (13, 0)
    say(office, f"{SCAN[:12]}-1-q2", "2.5")
    unreadable = Correction(
        f"{SCAN[:12]}-1-q1", ValueState.UNSETTLED, "", "", "1", "digits-1", "Ada", NOON, "sheet", note=UNREADABLE
    )
    office.store.insert_corrections([unreadable])
    office.desk.touched(office.store, [unreadable.key])
    found = told(office)
    checks = found["checks"]
    assert checks["accepted"] == checks["stand"] + checks["by_people"] + checks["in_question"]
    assert (checks["by_people"], checks["in_question"] - before["checks"]["in_question"]) == (1, 1)
    assert checks["stand"] == found["fields"]["by_machine"]
    assert f"sample of the {checks['accepted']} accepted fields" in checks["words"][0]


def test_how_many_may_be_wrong_is_told_of_what_nobody_has_looked_at(office: Office) -> None:
    """What was found wrong is corrected, and what raised thresholds reopened is no longer accepted."""
    assert told(office)["checks"]["may_be_wrong"] is None
    keys = [row.key for row in office.desk.rows() if row.flag is None]
    ids = [key for key in keys if key.endswith("candidate")]
    checked = [option for key in ids for option in ("--ok", key)]
    folder = str(office.exam.dir)
    assert run(["check", folder, *checked, "--set", f"{SCAN[:12]}-1-q1=3", "--reviewer", "Lea"]) == 0
    office.desk.look()
    checks = told(office)["checks"]
    assert (checks["looked_at"], checks["wrong"], checks["broken"]) == (len(ids) + 1, 1, True)
    # Marks are reopened, each of them: the only ones that are still accepted and were looked at are ids, all right.
    assert checks["unlooked"] == checks["stand"] - len(ids)
    low, high = checks["may_be_wrong"]
    assert low == 0 and high <= checks["unlooked"]


def test_runs_that_read_no_field_are_not_listed(office: Office) -> None:
    told(office)
    board = office.boards.last
    assert board is not None
    promise = RunPromise(14, 13, 0.001, False, None, "", ())
    (row,) = board.overview.runs
    runs = (replace(row, promise=promise), replace(row, number=2, promise=replace(promise, fields=0, accepted=0)))
    board = replace(board, overview=replace(board.overview, runs=runs))
    assert [one["number"] for one in board_told(board, LEA, office.exam.settings.review)["runs"]] == [1]


def test_reasons_add_up_to_what_is_open_and_link_to_the_queue(office: Office) -> None:
    found = told(office)
    assert sum(one["count"] for one in found["reasons"]) == found["fields"]["open"]
    unsure = next(one for one in found["reasons"] if one["reason"] == "unsure")
    assert (unsure["words"], unsure["link"]) == ("Not sure", "/queue?reason=unsure")


def test_what_blocks_is_what_a_final_export_refuses(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    found = told(office)
    assert run(["export", str(office.exam.dir), "--final"]) == 7
    refused = capsys.readouterr().err.splitlines()[1:]
    assert [one["words"].casefold() for one in found["blocks"]] == [
        line.strip()[: len(one["words"])].casefold() for line, one in zip(refused, found["blocks"], strict=True)
    ]
    assert found["state"] == "open"
    assert blocks(found)["fields"]["link"] == "/queue"
    failed = blocks(found)["failed"]
    assert (failed["link"], failed["named"], failed["command"]) == ("/sheets?show=failed", "a.pdf page 4", "")


def test_a_broken_trail_is_told(office: Office) -> None:
    say(office, OPEN_ID, "00123456")
    assert "trail" not in blocks(told(office))
    with closing(sqlite3.connect(office.exam.dir / DATABASE)) as by_hand, by_hand:
        by_hand.execute("DROP TRIGGER corrections_are_never_changed")
        by_hand.execute("UPDATE corrections SET value = '00123457'")
    say(office, OPEN_MARK, "7")
    assert f"audit {office.exam.dir.resolve()} --verify" in str(blocks(told(office))["trail"])


def test_what_only_a_command_settles_names_it(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "exam")
    (folder / "batches.csv").write_text("file,papers\na.pdf,9\n", encoding="utf-8")
    with office_of(folder) as office:
        batch = blocks(told(office))["batch"]
    assert "should hold 9 papers" in batch["words"]
    assert (batch["link"], batch["by_others"]) == (None, "")
    assert batch["command"].startswith(f"tallymark batches {folder.resolve()} --explain")


def test_commands_name_the_folder_from_anywhere_and_only_to_leads(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "spring DIR's exam")
    (folder / "batches.csv").write_text("file,papers\na.pdf,9\n", encoding="utf-8")
    with office_of(folder) as office:
        batch = blocks(told(office))["batch"]
        shown, hidden = page(office), page(office, ADA)
    assert shlex.split(batch["command"])[:4] == ["tallymark", "batches", str(folder.resolve()), "--explain"]
    at = re.search(r'data-folder="([^"]*)"', shown)
    assert at is not None and shlex.split(unescape(at[1])) == [str(folder.resolve())]
    assert 'data-folder=""' in hidden and str(tmp_path) not in unescape(hidden)


def test_whatever_blocks_is_settled_by_a_link_or_a_command(office: Office) -> None:
    """A new obstacle without either fails here; a link leads to a page that leads are shown."""
    lead = browser(office, LEA)
    for what in Obstacle:
        way = WAYS[what]
        assert bool(way.at) != bool(way.command), what
        if way.at:
            assert lead.get(way.at, headers={"accept": "text/html"}).status_code == 200, what
        else:
            assert "tallymark" in way.command and " DIR" in way.command, what


def test_who_may_not_settle_a_thing_is_told_who_has_to_and_no_command(office: Office) -> None:
    told(office)
    board = office.boards.last
    assert board is not None
    for what in Obstacle:
        one = Waiting(what, "something waits", then=": tallymark something DIR")
        for person in (LEA, ADA, VIC):
            (block,) = board_told(replace(board, blocks=(one,)), person, office.exam.settings.review)["blocks"]
            if person is LEA:
                assert bool(block["link"]) != bool(block["command"]), what
            else:
                others = ("A lead has to ", "A reviewer has to ")
                assert block["link"] or block["by_others"].startswith(others), what
                assert "tallymark" not in json.dumps(block)


def test_sheets_with_remarks_are_told_with_who_accepts_what_cannot_be_mended(office: Office) -> None:
    told(office)
    board = office.boards.last
    assert board is not None
    board = replace(board, blocks=(Waiting(Obstacle.SHEETS, "1 sheet has remarks that nobody accepted"),))
    (lead,), (reviewer,) = (board_told(board, who, office.exam.settings.review)["blocks"] for who in (LEA, ADA))
    assert (lead["does"], lead["by_others"]) == ("Mend or accept them", "")
    assert (reviewer["link"], reviewer["by_others"]) == ("/sheets?show=remarks", ACCEPTING)


def test_names_are_for_those_who_may_see_them(office: Office) -> None:
    """Whose sheet it may be stands in remarks too, which are therefore not told either."""
    shown = told(office, LEA)
    missing = shown["candidates"]["groups"]
    assert missing[0]["some"] == [{"id": "00999999", "name": NAME, "status": "missing", "sheets": [], "link": None}]
    assert NAME not in page(office) and NAME in unescape(unescape(page(office)))
    for person in (ADA, VIC):
        hidden = told(office, person)
        named = [each["name"] for group in hidden["candidates"]["groups"] for each in group["some"]]
        assert named and set(named) == {""}
        assert NAME not in json.dumps(hidden)
        assert blocks(hidden).get("sheets", {"named": ""})["named"] == ""
        assert NAME not in unescape(page(office, person))


def test_a_viewer_is_given_no_link_that_would_be_refused(office: Office) -> None:
    found = told(office, VIC)
    links = [one["link"] for one in (*found["reasons"], *found["blocks"], found["checks"])]
    links += [each["link"] for group in found["candidates"]["groups"] for each in group["some"]]
    assert len(links) > 3
    assert set(links) <= {None, "#ledger"}
    reviewer = told(office, ADA)
    assert blocks(reviewer)["fields"]["link"] == "/queue"
    assert blocks(reviewer)["failed"]["link"] is None


def test_a_page_never_waits_for_the_exam(office: Office) -> None:
    office.desk.seen = None
    assert told(office) == {"state": "loading", "trouble": ""}
    assert '"state": "loading"' in unescape(page(office))
    office.desk.trouble = "roster.csv:2: is <b>odd</b>"
    assert told(office)["trouble"] == "roster.csv:2: is <b>odd</b>"
    assert "<b>odd" not in page(office)


def test_the_page_shows_at_once_what_is_known(office: Office) -> None:
    found = told(office)
    assert f'"open": {found["fields"]["open"]}' in unescape(page(office))


def test_what_was_found_before_stays_when_the_exam_cannot_be_read(office: Office) -> None:
    found = told(office)
    office.desk.trouble = "the database is locked"
    assert told(office) == found | {"trouble": "the database is locked"}


def test_an_empty_exam_says_so(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "exam")
    (folder / "tallymark.db").unlink()
    with open_store(folder), office_of(folder) as office:
        found = told(office)
    assert (found["state"], found["fields"]["all"], found["blocks"]) == ("empty", 0, [])


def test_an_exam_without_anything_open_can_be_final(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "exam")
    (folder / "tallymark.db").unlink()
    pages = [page_row("marks", number) for number in (1, 2)]
    rows: list[FieldRow] = [
        *marks_fields(pages[0], "00123456", ["1", "2.5", "-"], "3.5"),
        *marks_fields(pages[1], "00123457", ["1", "7", "3"], "11"),
    ]
    remember(folder, pages, rows)
    with office_of(folder) as office:
        found = told(office)
    assert (found["state"], found["blocks"], found["sheets"]) == ("done", [], {"all": 2, "done": 2})
    assert run(["export", str(folder), "--final"]) == 0


def test_figures_of_people_and_pairs_come_from_the_trail(office: Office) -> None:
    say(office, OPEN_MARK, "7")
    found = told(office)
    assert [(one["name"], one["decisions"], one["ways"]) for one in found["reviewers"]] == [("Ada", 1, [["queue", 1]])]
    assert (found["pairs"], found["pace"]["counts"]) == ([], [1])


def test_a_disagreement_that_was_taken_back_is_told_of_the_pair(office: Office) -> None:
    rows = (said("8", key=OPEN_MARK), said("9", "Ada", Act.SECOND, OPEN_MARK))
    office.store.insert_corrections(rows)
    office.store.insert_corrections([said("8", "Lea", Act.UNDO, OPEN_MARK, undoes=2)])
    (pair,) = told(office)["pairs"]
    assert (pair["first"], pair["second"], pair["answered"], pair["agreed"]) == ("Kim", "Ada", 1, 0)
    assert (pair["taken_back"], pair["waiting"]) == (1, 0)


def test_the_ledger_adds_up(office: Office) -> None:
    found = told(office)["ledger"]
    assert found["pages_in"] == sum(count for _, count in found["pages"]) + found["waiting"] + found["residual"] == 4
    assert found["files_in"] == sum(count for _, count in found["files"]) + found["in_hand"] == 1
    assert found["closes"] and found["words"] == "the ledger closes"


def test_what_nobody_changed_is_gathered_once(office: Office) -> None:
    told(office)
    first = office.boards.last
    told(office)
    assert office.boards.last is first is not None


def test_only_who_is_logged_in_is_told_anything(office: Office) -> None:
    stranger = browser(office, LEA)
    stranger.cookies.clear()
    assert stranger.get("/board.json").status_code == 401


def test_changed_rules_are_told_with_what_adopts_them_and_to_others_without_where_the_exam_lies(tmp_path: Path) -> None:
    folder = exam_folder(tmp_path / "exam")
    assert run(["export", str(folder)]) == 0
    settings = folder / "exam.toml"
    settings.write_text(f'{settings.read_text()}[marks]\nblank = "zero"\n', encoding="utf-8")
    with office_of(folder) as office:
        lead, viewer = blocks(told(office, LEA)), blocks(told(office, VIC))
    assert lead["rules"]["words"].startswith("The rules changed and are not adopted yet: exam.toml: marks.blank was")
    assert lead["rules"]["command"] == f"tallymark remark {folder.resolve()}"
    assert lead["rules"]["before"] == f"tallymark remark {folder.resolve()} --dry-run"
    assert (viewer["rules"]["command"], viewer["rules"]["by_others"]) == ("", "A lead has to adopt the new rules.")
    assert "tallymark" not in json.dumps(viewer) and str(tmp_path) not in json.dumps(viewer)
    assert str(folder) not in lead["rules"]["words"]
