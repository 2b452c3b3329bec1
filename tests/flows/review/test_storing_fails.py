"""A full disk, a database in use, a folder that moved: plain words, nothing stored; sent again it is stored once."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from flows.migrations import opening
from flows.review.office import Office
from flows.trail import broken
from tests.helpers.review_office import LEA, OPEN_MARK, browser, exam_copy, office_of

TAB, TOKEN, OTHER = "a" * 32, "b" * 32, "c" * 32
FULL = "database or disk is full"

Trouble = Callable[[Office], AbstractContextManager[None]]


@contextmanager
def full_at_insert(office: Office) -> Iterator[None]:
    """No room for another row."""

    def refuse(_cursor: object, statement: str, _values: object, _context: object) -> None:
        if statement.startswith("INSERT INTO corrections"):
            raise sqlite3.OperationalError(FULL)

    event.listen(office.store._engine, "do_execute", refuse)
    yield
    event.remove(office.store._engine, "do_execute", refuse)


@contextmanager
def full_at_commit(office: Office) -> Iterator[None]:
    """The row was written, and there is no room to make it last."""

    def refuse(_: object) -> None:
        raise sqlite3.OperationalError(FULL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(office.store._engine.dialect, "do_commit", refuse)
        yield


@contextmanager
def in_use(office: Office) -> Iterator[None]:
    """Another program writes, such as a run that stores pages, and does not come to an end."""
    other = sqlite3.connect(office.store.path)
    other.execute("BEGIN IMMEDIATE")
    yield
    other.rollback()
    other.close()


@contextmanager
def moved(office: Office) -> Iterator[None]:
    """Somebody renamed the exam folder."""
    folder, elsewhere = office.exam.dir, office.exam.dir.with_name("moved")
    folder.rename(elsewhere)
    yield
    elsewhere.rename(folder)


TROUBLES = [
    (full_at_insert, "tallymark.db cannot be written (database or disk is full); free some space on the disc"),
    (full_at_commit, "tallymark.db cannot be written (database or disk is full); free some space on the disc"),
    (in_use, "tallymark.db has been in use by another program for"),
    (moved, "the exam folder is not where it was when the review was started (moved, renamed or deleted); nothing was"),
]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setattr(opening, "BUSY_SECONDS", 0.05)
    with office_of(exam_copy(tmp_path / "exam")) as opened:
        yield opened


def say(office: Office, client: TestClient, revision: str) -> Any:
    body = {"tab": TAB, "key": OPEN_MARK, "revision": revision, "word": "value", "text": "7", "token": TOKEN}
    return client.post("/queue/say", json=body)


def confirm(office: Office, client: TestClient, revision: str) -> Any:
    fields = [{"key": OPEN_MARK, "revision": revision}]
    return client.post("/wall/confirm", json={"tab": TAB, "token": TOKEN, "guess": guess(office), "fields": fields})


def on_sheet(office: Office, client: TestClient, revision: str) -> Any:
    row = office.desk.row(OPEN_MARK)
    assert row is not None
    body = {"sheet": row.sheet, "key": OPEN_MARK, "revision": revision, "word": "value", "text": "7", "token": TOKEN}
    return client.post("/sheets/say", json=body)


def guess(office: Office) -> str:
    row = office.desk.row(OPEN_MARK)
    assert row is not None
    return row.decision.guess or ""


def revision(client: TestClient) -> str:
    shown = client.post("/queue/next", json={"tab": TAB, "want": 8}).json()["fields"]
    client.post("/queue/leave", json={"tab": TAB})
    return str(next(one["revision"] for one in shown if one["key"] == OPEN_MARK))


def rows(office: Office) -> Sequence[str]:
    trail = office.store.trail()
    assert broken(trail) == ()
    return [f"{row.correction.act.value} {row.correction.value}" for row in trail]


@pytest.mark.parametrize("way", [say, confirm, on_sheet])
@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
def test_a_decision_that_cannot_be_stored_is_told_and_stored_once_when_it_is_sent_again(
    office: Office, way: Callable[[Office, TestClient, str], Any], trouble: Trouble, words: str
) -> None:
    client = browser(office, LEA)
    shown = revision(client)
    with trouble(office):
        answer = way(office, client, shown)
        assert answer.status_code == 503, answer.text
        assert words in answer.json()["problem"]
        assert str(office.exam.dir) not in answer.text
    assert rows(office) == []
    assert office.desk.is_open(OPEN_MARK) is not None
    for _ in range(2):
        assert way(office, client, shown).status_code == 200
    assert rows(office) == [f"say {guess(office) if way is confirm else '7'}"]
    assert office.desk.is_open(OPEN_MARK) is None


@pytest.mark.parametrize(("trouble", "words"), TROUBLES)
def test_an_undo_that_cannot_be_stored_leaves_the_answer(office: Office, trouble: Trouble, words: str) -> None:
    client = browser(office, LEA)
    assert say(office, client, revision(client)).status_code == 200
    body = {"key": OPEN_MARK, "token": OTHER}
    with trouble(office):
        answer = client.post("/queue/undo", json=body)
        assert answer.status_code == 503 and words in answer.json()["problem"]
    assert rows(office) == ["say 7"]
    assert client.post("/queue/undo", json=body).status_code == 200
    assert rows(office) == ["say 7", "undo "]
