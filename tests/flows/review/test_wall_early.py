"""A page of a wall that comes while the exam is still being read: it is sent again, and not told as late."""

from pathlib import Path

from tests.helpers.review_office import ADA, BLANK_IS_ZERO, OPEN_BLANK, browser, exam_copy, office_of

TOKEN = "c" * 32


def test_what_cannot_be_judged_yet_is_refused_for_now_and_stored_when_it_is_sent_again(tmp_path: Path) -> None:
    with office_of(exam_copy(tmp_path / "exam", BLANK_IS_ZERO)) as office:
        row = office.store.field(OPEN_BLANK)
        assert row is not None
        page = {"token": TOKEN, "guess": "", "fields": [{"key": row.key, "revision": row.revision}], "struck": []}
        ada = browser(office, ADA)
        seen, office.desk.seen = office.desk.seen, None
        early = ada.post("/wall/confirm", json=page)
        assert (early.status_code, "is being read" in early.json()["problem"]) == (503, True)
        assert office.store.trail() == ()
        office.desk.seen = seen
        again = ada.post("/wall/confirm", json=page)
        assert again.status_code == 200
        assert (again.json()["stored"], again.json()["late"]) == ([OPEN_BLANK], [])
        assert [one.correction.key for one in office.store.trail()] == [OPEN_BLANK]
