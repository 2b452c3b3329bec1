"""Sample checks on walls: drawn for one person, handed in as one, weighed as `tallymark check` does."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.testclient import TestClient

from flows.cli import run
from flows.review.office import Office
from flows.review.people import Person
from flows.review.rounds import offers, walls_of
from flows.review.saying import Said, Word, say
from flows.review.wall_groups import WALL
from flows.store import open_store
from flows.users import UserRole
from recognizer.promise import Kept
from recognizer.records import Decision, ValueState
from tests.helpers.exam_folder import exam_folder
from tests.helpers.exam_rows import SCAN, field_row, marks_template, page_row
from tests.helpers.review_office import ADA, BLANK_IS_ZERO, LEA, browser, exam_copy, office_of

Q1, Q2 = (f"{SCAN[:12]}-1-{name}" for name in ("q1", "q2"))
ACCEPTED = 13
"""Fields of `exam_folder` that the machine accepted."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a model whose card is not here: what contradicts the promise reopens all of its kind."""
    return exam_folder(tmp_path / "exam")


@pytest.fixture
def office(folder: Path) -> Iterator[Office]:
    with office_of(folder) as found:
        yield found


@pytest.fixture
def lea(office: Office) -> TestClient:
    return browser(office, LEA)


def state(who: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = who.get("/wall/check/state").json()
    return found


def begun(who: TestClient, number: int = 100) -> dict[str, Any]:
    answer = who.post("/wall/check/begin", json={"number": number})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def cells(who: TestClient, going: dict[str, Any], number: int = 0) -> dict[str, dict[str, Any]]:
    answer = who.get("/wall/check/wall", params={"round": going["id"], "number": number})
    assert answer.status_code == 200, answer.text
    return {cell["key"]: cell for cell in answer.json()["cells"]}


def write(who: TestClient, going: dict[str, Any], key: str, **said: object) -> Any:
    return who.post("/wall/check/say", json={"round": going["id"], "key": key, **said})


def confirm(who: TestClient, going: dict[str, Any], *struck: str, number: int = 0) -> Any:
    return who.post("/wall/check/confirm", json={"round": going["id"], "wall": number, "struck": struck})


def hand_in(who: TestClient, going: dict[str, Any]) -> Any:
    return who.post("/wall/check/hand-in", json={"round": going["id"]})


def stored(office: Office) -> tuple[int, int, int]:
    return len(office.store.sample_checks()), len(office.store.trail()), len(office.store.tightenings())


# ---- what is offered -------------------------------------------------------------------------------------------------


def test_samples_are_offered_up_to_the_one_that_proves_the_promise() -> None:
    assert [one.more for one in offers(20_000, 0, 0.001)] == [60, 300, 1_000, 2_995]
    assert "at most 1 in 1,000" in offers(20_000, 0, 0.001)[-1].says
    assert "to show 1 in 1,000 takes 2,995" in offers(20_000, 0, 0.001)[0].says


def test_what_was_looked_at_before_counts() -> None:
    assert 1_995 in [one.more for one in offers(20_000, 1_000, 0.001)]
    assert [one.more for one in offers(20_000, 5_000, 0.001)] == [60, 300, 1_000]


def test_no_more_is_offered_than_there_is() -> None:
    (only,) = offers(13, 0, 0.001)
    assert (only.more, only.says) == (13, "Then every accepted field was looked at, and the error rate is known.")
    assert offers(0, 0, 0.001) == ()


def test_the_page_says_what_another_number_can_show(lea: TestClient) -> None:
    told = lea.get("/wall/check/offer", params={"number": 5}).json()
    assert told["more"] == 5
    assert "at 95 %" in told["says"]
    assert lea.get("/wall/check/offer", params={"number": -1}).json()["more"] == 1


# ---- walls -----------------------------------------------------------------------------------------------------------


def test_every_wall_is_a_random_sample_of_all_values_and_sorted_by_them() -> None:
    field = marks_template().pages[0].fields[2]

    def row(number: int, value: str) -> Any:
        decision = Decision(field.name, ValueState.VALUE, value, value, 0.999, None, "")
        return field_row(page_row("marks", number), field, value, decision=decision)

    rows = [row(number, str(number % 10)) for number in range(1, 301)]
    walls = walls_of(rows, Random(7))
    assert sorted(row.key for wall in walls for row in wall) == sorted(row.key for row in rows)
    assert [len(wall) for wall in walls] == [WALL] * 5
    for wall in walls:
        values = [row.value for row in wall]
        assert values == sorted(values)
        assert len(set(values)) > 5


def test_walls_are_as_even_as_they_can_be() -> None:
    field = marks_template().pages[0].fields[2]
    rows = [field_row(page_row("marks", number), field, "7") for number in range(1, 63)]
    assert [len(wall) for wall in walls_of(rows, Random(7))] == [31, 31]


def test_a_wall_shows_what_the_machine_read_and_what_may_stand_there(office: Office, lea: TestClient) -> None:
    found = cells(lea, begun(lea))
    assert set(found) == {row.key for row in office.desk.rows() if row.flag is None}
    assert (found[Q2]["read"], found[Q2]["group"], found[Q2]["written"]) == ("2.5", "read as 2.5", None)
    assert "0 to 10" in found[Q2]["may_hold"]


# ---- a round ---------------------------------------------------------------------------------------------------------


def test_a_round_stays_as_it_was_drawn_and_as_far_as_it_was_looked_at(office: Office, lea: TestClient) -> None:
    going = begun(lea, 6)
    before = cells(lea, going)
    key = next(key for key, cell in before.items() if "0 to" in cell["may_hold"])
    other = "9" if before[key]["read"] != "9" else "8"
    assert write(lea, going, key, text=other).json()["text"] == other
    told = state(browser(office, LEA))["round"]
    assert told["id"] == going["id"]
    after = cells(browser(office, LEA), going)
    assert list(after) == list(before)
    assert after[key]["written"] == other
    assert stored(office) == (0, 0, 0)


def test_each_person_has_a_round_of_their_own_and_one_at_a_time(office: Office, lea: TestClient) -> None:
    going = begun(lea, 3)
    assert lea.post("/wall/check/begin", json={"number": 3}).status_code == 409
    kim = browser(office, Person("Kim", UserRole.LEAD))
    assert state(kim)["round"] is None
    assert kim.get("/wall/check/wall", params={"round": going["id"], "number": 0}).status_code == 409
    assert hand_in(kim, going).status_code == 409
    assert begun(kim, 3)["id"] != going["id"]


def test_a_dropped_round_leaves_nothing(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    confirm(lea, going)
    assert lea.post("/wall/check/drop", json={"round": going["id"]}).status_code == 200
    assert state(lea)["round"] is None
    assert hand_in(lea, going).status_code == 409
    assert stored(office) == (0, 0, 0)


def test_what_cannot_stand_there_is_refused_at_once(lea: TestClient) -> None:
    going = begun(lea)
    for text, words in (
        ("11", "may hold"),
        ("<script>", "may hold"),
        (" ", "say blank"),
        ("2,5", "what the machine read"),
        ("x" * 300, "not understood"),
    ):
        answer = write(lea, going, Q2, text=text)
        assert answer.status_code == 422, text
        assert words in answer.json()["problem"]
    assert cells(lea, going)[Q2]["written"] is None


def test_a_field_outside_the_sample_is_refused(lea: TestClient) -> None:
    going = begun(lea)
    assert write(lea, going, f"{SCAN[:12]}-2-q2", text="7").status_code == 404


def test_a_wall_is_confirmed_only_as_it_was_told(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    assert confirm(lea, going, Q1).status_code == 409
    write(lea, going, Q1, text="3")
    assert confirm(lea, going).status_code == 409
    assert confirm(lea, going, Q1).json()["looked_at"] == ACCEPTED
    assert confirm(lea, going, Q1, number=1).status_code == 409
    # What is said of a field after that asks for another look at its wall.
    write(lea, going, Q1)
    assert state(lea)["round"]["looked_at"] == 0
    assert stored(office) == (0, 0, 0)


def test_a_blank_that_the_exam_leaves_open_is_refused_as_in_the_queue(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    for said in ({"blank": True}, {"text": "Blank "}):
        answer = write(lea, going, Q2, **said)
        assert answer.status_code == 422
        assert 'marks.blank = "unsettled" in exam.toml' in answer.json()["problem"]
        assert "type - if nothing was awarded" in answer.json()["problem"]
    assert cells(lea, going)[Q2]["written"] is None
    assert write(lea, going, Q2, text="-").json()["text"] == "-"


def test_where_a_blank_counts_it_is_taken(tmp_path: Path) -> None:
    with office_of(exam_copy(tmp_path / "exam", BLANK_IS_ZERO)) as office:
        lea = browser(office, LEA)
        going = begun(lea)
        assert write(lea, going, Q2, text="blank").json()["text"] == ""
        confirm(lea, going, Q2)
        assert hand_in(lea, going).status_code == 200
        row = office.store.field(Q2)
        assert row is not None and row.state is ValueState.BLANK


# ---- the review is started again -------------------------------------------------------------------------------------


def test_a_round_outlives_the_review(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.review.rounds.WALL", 5)
    with office_of(folder) as office:
        lea = browser(office, LEA)
        going = begun(lea)
        walls = [list(cells(lea, going, number)) for number in range(3)]
        on = next(number for number, keys in enumerate(walls) if Q2 in keys)
        other = (on + 1) % 3
        write(lea, going, Q2, text="3")
        confirm(lea, going, Q2, number=on)
        confirm(lea, going, number=other)
    with office_of(folder) as office:
        lea = browser(office, LEA)
        told = state(lea)["round"]
        assert (told["id"], told["drawn"]) == (going["id"], ACCEPTED)
        assert [wall["confirmed"] for wall in told["walls"]] == [number in (on, other) for number in range(3)]
        assert [list(cells(lea, going, number)) for number in range(3)] == walls
        assert cells(lea, going, on)[Q2]["written"] == "3"
        assert state(browser(office, Person("Kim", UserRole.LEAD)))["round"] is None
        write(lea, going, Q2)
        assert not state(lea)["round"]["walls"][on]["confirmed"]
    with office_of(folder) as office:
        lea = browser(office, LEA)
        assert cells(lea, going, on)[Q2]["written"] is None
        confirm(lea, going, number=on)
        assert hand_in(lea, going).status_code == 200
        assert stored(office)[0] == len(walls[on]) + len(walls[other])
    with office_of(folder) as office:
        assert state(browser(office, LEA))["round"] is None


def test_a_dropped_round_does_not_come_back(folder: Path) -> None:
    with office_of(folder) as office:
        lea = browser(office, LEA)
        lea.post("/wall/check/drop", json={"round": begun(lea)["id"]})
    with office_of(folder) as office:
        assert state(browser(office, LEA))["round"] is None


def test_a_field_that_was_decided_while_the_review_was_over_counts_for_nothing(folder: Path) -> None:
    with office_of(folder) as office:
        lea = browser(office, LEA)
        going = begun(lea)
        confirm(lea, going)
    assert run(["correct", str(folder), "--set", f"{Q1}=3", "--reviewer", "Ada"]) == 0
    with office_of(folder) as office:
        left_out = hand_in(browser(office, LEA), going).json()["left_out"]
        assert any("decided by Ada since" in words for words in left_out)
        # Others on the sheet are open since: the sum does not agree any more.
        assert stored(office)[0] == ACCEPTED - len(left_out)
        assert Q1 not in {one.key for one in office.store.sample_checks()}


def test_a_round_that_is_damaged_on_disc_harms_nobody(folder: Path) -> None:
    with office_of(folder) as office:
        lea = browser(office, LEA)
        going = begun(lea)
        write(lea, going, Q2, text="3")
    (kept,) = (folder / "samples").iterdir()
    whole = kept.read_bytes()
    cut_off = whole + b'\n{"key": "' + Q1.encode()
    for data, there in (
        (cut_off, True),
        (cut_off + b'"\n\n{"wall": 99}\n{"key": "none", "text": 7}\n[]\n7\n', True),
        (b"", False),
        (b"\xff\x00", False),
        (b'{"who": "Lea", "round": "x", "walls": [[["a"]]]}', False),
        (b'{"who": "Lea", "round": "x", "walls": [[["no-such-field", "1"]]]}', False),
        (whole.replace(b'"Lea"', b'"Kim"'), False),
    ):
        kept.write_bytes(data)
        with office_of(folder) as office:
            lea = browser(office, LEA)
            told = state(lea)["round"]
            assert (told is not None) == there, data
            if there:
                assert told["wrong"] == 1
                assert write(lea, going, Q1, text="3").status_code == 200
                assert cells(lea, going)[Q1]["written"] == "3"


def test_what_cannot_be_kept_on_disc_is_told_and_not_taken(folder: Path, office: Office, lea: TestClient) -> None:
    going = begun(lea)
    for kept in (folder / "samples").iterdir():
        kept.unlink()
    (folder / "samples").rmdir()
    (folder / "samples").write_text("in the way")
    answer = write(lea, going, Q2, text="3")
    assert answer.status_code == 503
    assert "cannot be written" in answer.json()["problem"]
    assert str(folder) not in answer.text
    assert confirm(lea, going).status_code == 503
    assert state(lea)["round"]["looked_at"] == 0
    (folder / "samples").unlink()
    assert write(lea, going, Q2, text="3").status_code == 200


# ---- before handing in -----------------------------------------------------------------------------------------------


def weigh(who: TestClient, going: dict[str, Any]) -> Any:
    return who.get("/wall/check/weigh", params={"round": going["id"]})


def test_before_it_is_handed_in_it_is_told_what_that_does(office: Office, lea: TestClient) -> None:
    going = begun(lea, 8)
    assert weigh(lea, going).status_code == 409
    found = cells(lea, going)
    key = next(key for key, cell in found.items() if "0 to" in cell["may_hold"])
    write(lea, going, key, text="9" if found[key]["read"] != "9" else "8")
    confirm(lea, going, key)
    before = stored(office)
    told = weigh(lea, going).json()
    assert stored(office) == before == (0, 0, 0)
    assert state(lea)["round"]["id"] == going["id"]
    done = hand_in(lea, going).json()
    office.desk.look()
    words = " ".join(told["words"])
    assert "You looked at 8 accepted fields: 1 is wrong and would be corrected." in words
    assert "1 wrong of 8, which is 125 in 1,000" in words
    assert "The promise of at most 1 in 1,000 is not kept." in words
    assert "Of handwritten numbers the machine would accept none any more" in words
    # As it came to be: also what was accepted only because its sheet added up.
    left = [row for row in office.desk.rows() if row.decision.flag is None and row.correction is None]
    assert f"Of {ACCEPTED} accepted fields" in words
    assert f"{len(left)} stay accepted" in words
    assert (told["wrong"], told["reopened"]) == (1, ACCEPTED - len(left) - 1)
    assert f"{done['standing']['reopened']} would be reopened" in words


def test_a_sample_without_errors_is_told_to_change_nothing(lea: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.review.rounds.WALL", 5)
    going = begun(lea)
    confirm(lea, going, number=0)
    told = weigh(lea, going).json()
    assert (told["wrong"], told["reopened"]) == (0, 0)
    assert "none is wrong" in told["words"][0]
    assert {"No threshold rises.", "No field is reopened."} < set(told["words"])
    assert any("8 accepted fields of your sample were not confirmed" in words for words in told["words"])


def test_how_it_stands_is_worked_out_once_for_each_change(
    office: Office, lea: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flows.review import standings

    calls: list[int] = []
    monkeypatch.setattr(
        standings, "standing_of", lambda *told, real=standings.standing_of: (calls.append(1), real(*told))[1]
    )
    for number in range(1, 5):
        lea.get("/wall/check/offer", params={"number": number})
        state(lea)
    assert len(calls) == 1
    going = begun(lea, 5)
    confirm(lea, going)
    hand_in(lea, going)
    # No field was wrong, so nothing changed but what is known of the promise.
    assert state(lea)["standing"]["looked_at"] == 5
    assert state(lea)["accepted"] == ACCEPTED - 5
    assert len(calls) == 2


# ---- handing in ------------------------------------------------------------------------------------------------------


def test_a_round_without_errors_is_handed_in_once(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    assert hand_in(lea, going).status_code == 409
    confirm(lea, going)
    first, second = (hand_in(lea, going).json() for _ in range(2))
    assert first == second
    assert stored(office) == (ACCEPTED, 0, 0)
    assert {one.how for one in office.store.sample_checks()} == {"sample check, wall"}
    assert {one.reviewer for one in office.store.sample_checks()} == {"Lea"}
    assert first["standing"]["kept"] == "yes"
    assert any("13 accepted fields, 0 wrong" in words for words in first["standing"]["words"])
    assert state(lea)["round"] is None


def test_errors_are_corrected_and_raise_thresholds(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    write(lea, going, Q1, text="-")
    write(lea, going, Q2, text="3½")
    confirm(lea, going, Q1, Q2)
    told = hand_in(lea, going).json()
    assert stored(office) == (ACCEPTED, 2, 1)
    office.desk.look()
    found = {row.key: row for row in office.desk.rows()}
    assert (found[Q1].state, found[Q2].value) == (ValueState.VALUE, "3.5")
    assert told["standing"]["wrong"] == 2
    assert told["standing"]["broken"]
    assert any("2 had been accepted wrongly" in words for words in told["words"])
    # All that is accepted was looked at: nothing is left that could be reopened, and nothing is said of it.
    assert any("were raised" in words and "reopened" not in words for words in told["words"])


def test_it_stores_what_the_command_stores(folder: Path, tmp_path: Path) -> None:
    twin = exam_folder(tmp_path / "twin")
    with office_of(folder) as office:
        lea = browser(office, LEA)
        going = begun(lea)
        write(lea, going, Q2, text="3")
        confirm(lea, going, Q2)
        keys = list(cells(lea, going))
        assert hand_in(lea, going).status_code == 200
    right = [option for key in keys if key != Q2 for option in ("--ok", key)]
    assert run(["check", str(twin), *right, "--set", f"{Q2}=3", "--reviewer", "Lea"]) == 0

    def kept(where: Path) -> tuple[Any, ...]:
        with open_store(where) as store:
            checks = sorted((one.key, one.wrong, one.state, one.value, one.score) for one in store.sample_checks())
            raised = [(one.model, one.number, one.digits, one.reopened, one.why) for one in store.tightenings()]
            return checks, raised, [(row.key, row.state, row.value, row.flag) for row in store.fields()]

    assert kept(folder) == kept(twin)


def test_part_of_a_round_may_be_handed_in(office: Office, lea: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.review.rounds.WALL", 5)
    going = begun(lea)
    assert [wall["fields"] for wall in going["walls"]] == [5, 4, 4]
    confirm(lea, going, number=1)
    told = hand_in(lea, going).json()
    assert any("4 of 13 drawn fields were handed in" in words for words in told["words"])
    assert stored(office) == (4, 0, 0)
    left = {cell["key"] for cell in begun_cells(lea)}
    checked = {one.key for one in office.store.sample_checks()}
    assert checked | left == {row.key for row in office.desk.rows() if row.flag is None}
    assert not checked & left


def begun_cells(who: TestClient) -> list[dict[str, Any]]:
    """The fields of a new round of all that is left."""
    going = begun(who)
    return [cell for number in range(len(going["walls"])) for cell in cells(who, going, number).values()]


def test_what_somebody_decided_meanwhile_is_left_out_and_named(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    row = office.store.field(Q1)
    assert row is not None
    say(office, ADA, Said(Q1, row.revision, Word.VALUE, "1", "token-of-ada", "queue"))
    confirm(lea, going)
    told = hand_in(lea, going).json()
    assert stored(office) == (ACCEPTED - 1, 1, 0)
    (left_out,) = told["left_out"]
    assert "decided by Ada since" in left_out
    assert not left_out.startswith("row")


def test_while_somebody_grades_nothing_is_stored_and_nothing_is_lost(office: Office, lea: TestClient) -> None:
    going = begun(lea)
    confirm(lea, going)
    with office.store.grading():
        answer = hand_in(lea, going)
    assert answer.status_code == 503
    assert "graded by another process" in answer.json()["problem"]
    assert "kept here" in answer.json()["problem"]
    assert stored(office) == (0, 0, 0)
    assert state(lea)["round"]["looked_at"] == ACCEPTED
    assert hand_in(lea, going).status_code == 200
    assert stored(office) == (ACCEPTED, 0, 0)


def test_how_it_stands_is_told_at_any_time(office: Office, lea: TestClient) -> None:
    assert office.standings.now().found.looked_at == 0
    going = begun(lea)
    write(lea, going, Q1, text="3")
    confirm(lea, going, Q1)
    hand_in(lea, going)
    office.desk.seen = None
    fresh = office.standings.now()
    office.desk.look()
    assert office.standings.now() == fresh
    assert (fresh.found.looked_at, fresh.found.wrong, fresh.found.kept) == (ACCEPTED, 1, Kept.NO)


# ---- who -------------------------------------------------------------------------------------------------------------


def test_only_leads_take_samples(office: Office) -> None:
    ada = browser(office, ADA)
    assert ada.get("/wall/check").status_code == 403
    assert ada.get("/wall/check/state").status_code == 403
    for path in ("begin", "say", "confirm", "drop", "hand-in"):
        assert ada.post(f"/wall/check/{path}", json={}).status_code == 403


def test_a_lead_finds_the_page(lea: TestClient) -> None:
    html = {"accept": "text/html"}
    assert "/wall/check" in lea.get("/wall", headers=html).text
    page = lea.get("/wall/check", headers=html)
    assert page.status_code == 200
    assert "style=" not in page.text
    assert "Nothing counts until you hand it in" in page.text


def test_what_is_no_number_of_fields_is_refused(lea: TestClient) -> None:
    for number in (0, -1, 10**9, "60", 1.5, None):
        assert lea.post("/wall/check/begin", json={"number": number}).status_code == 422, number
    assert state(lea)["round"] is None


def test_while_the_exam_is_read_no_sample_is_drawn(office: Office, lea: TestClient) -> None:
    office.desk.seen = None
    assert state(lea)["loading"] is True
    assert lea.post("/wall/check/begin", json={"number": 5}).status_code == 409


def test_numbers_of_candidates_stand_together(lea: TestClient) -> None:
    found = cells(lea, begun(lea)).values()
    groups = [cell["group"] for cell in found]
    assert groups.count("numbers of candidates") == 2
    assert groups[-2:] == ["numbers of candidates"] * 2
