"""Whatever people and machines do in whatever order: the last human decision stands, the chain is whole, and whoever
changes a row by other means is found."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows.cli import run
from flows.errors import EXIT_BROKEN_CHAIN, UndoError
from flows.records import Act, Correction, FieldRow, TrailRow
from flows.store import Store, open_store
from flows.trail import FIRST_PREVIOUS, Turn, broken, chained, next_act, undo_of, waits_for
from flows.trail_rows import ROW_COLUMNS, columns_of
from recognizer.records import PageRef
from tests.flows.test_store import SCAN, save
from tests.helpers.exam_rows import MARKS
from tests.helpers.filing import filed, page_result
from tests.helpers.trails import said

KEYS = ("9f2c41d07ab3-1-q1", "9f2c41d07ab3-1-q2")
PEOPLE = ("Kim", "Ada", "Lee")
SHARE = 1.0

Step = tuple[str, str, str, str]
"""What is done, about which field, by whom, and with which value (or token)."""

STEPS = st.lists(
    st.tuples(
        st.sampled_from(("answer",) * 6 + ("say", "undo", "lead undoes", "read again", "send again")),
        st.sampled_from((KEYS[0], KEYS[0], KEYS[1])),
        st.sampled_from(PEOPLE),
        st.sampled_from(("7", "8", "8", "", "?")),
    ),
    min_size=3,
    max_size=16,
)


@dataclass(frozen=True)
class Word:
    """What stands of a field after some row, told by hand: whose it is, what, and who gave a second answer."""

    who: str
    value: str
    second: tuple[str, str] | None = None
    is_third: bool = False

    @property
    def is_disputed(self) -> bool:
        return self.second is not None and self.second[1] != self.value

    @property
    def waits(self) -> bool:
        return self.second is None and not self.is_third

    def turn_of(self, who: str, past: "Past") -> Turn:
        if who == self.who or (self.second and who == self.second[0]):
            return Turn.NOTHING
        if self.is_disputed:
            return Turn.NOTHING if who in past.spoke else Turn.THIRD
        if self.waits:
            return Turn.NOTHING if who in past.answered or (self.who, self.value) in past.open else Turn.SECOND
        return Turn.FIRST if self.value == "?" else Turn.NOTHING

    def shown(self) -> tuple[str, str]:
        """State and value of the field."""
        if self.is_disputed or self.value == "?":
            return "unsettled", ""
        return ("value", self.value) if self.value else ("blank", "")


@dataclass
class Past:
    """What ever happened to a field: who answered it, who so otherwise than as a third, and which first answers of whom
    everybody could see."""

    answered: set[str] = field(default_factory=set)
    spoke: set[str] = field(default_factory=set)
    open: set[tuple[str, str]] = field(default_factory=set)
    said: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class Told:
    """The exam as it should be: for each field the words that stood, one upon another; an undo takes the top away."""

    words: dict[str, list[tuple[str, Word]]] = field(default_factory=lambda: {key: [] for key in KEYS})
    past: dict[str, Past] = field(default_factory=lambda: {key: Past() for key in KEYS})
    machine: str = "7"
    rows: int = 0

    def top(self, key: str) -> Word | None:
        return self.words[key][-1][1] if self.words[key] else None

    def push(self, key: str, who: str, word: Word, value: str) -> None:
        self.words[key].append((who, word))
        self.rows += 1
        past = self.past[key]
        past.answered.add(who)
        past.spoke |= set() if word.is_third else {who}
        past.said.add((who, value))
        self.look(key)

    def look(self, key: str) -> None:
        """Have everybody see all that was ever said, where nothing waits."""
        top = self.top(key)
        if top is not None and not top.is_disputed and not top.waits:
            self.past[key].open |= self.past[key].said


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exam in which one page was read and nobody said anything."""
    folder = tmp_path_factory.mktemp("exam")
    (folder / "templates").mkdir()
    (folder / "templates" / "marks.toml").write_text(MARKS)
    (folder / "exam.toml").write_text('templates = ["templates/marks.toml"]\n')
    with open_store(folder) as store:
        save(store, filed(page_result(PageRef(SCAN, 1), {"q1": "7", "q2": "7"}, confidence=0.5)))
    return folder


@contextmanager
def copied(folder: Path) -> Iterator[Path]:
    with TemporaryDirectory() as place:
        yield Path(shutil.copytree(folder, Path(place) / "exam"))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_last_human_decision_stands_and_the_chain_is_whole(empty: Path, steps: Sequence[Step]) -> None:
    told = Told()
    with copied(empty) as folder, open_store(folder) as store:
        for number, (what, key, who, value) in enumerate(steps):
            _take(store, told, (what, key, who, value), number)
            row, word = store.field(key), told.top(key)
            assert row is not None
            assert (row.state.value, row.value) == (word.shown() if word else ("unsettled", ""))
            assert row.decision.guess == told.machine
            assert (row.correction is None) == (word is None)
        assert {row.key: row for row in store.fields() if row.key in KEYS} == {key: store.field(key) for key in KEYS}
        chain = store.chain()
        assert (chain.length, chain.findings, broken(store.trail())) == (told.rows, (), ())


def _take(store: Store, told: Told, step: Step, number: int) -> None:
    """Do one step, and tell by hand what should come of it."""
    what, key, who, value = step
    top = told.top(key)
    if what == "say":
        store.insert_corrections([said(value, who, key=key)])
        told.push(key, who, Word(who, value), value)
    elif what == "answer":
        _answer(store, told, step, number)
    elif what == "read again":
        save(store, filed(page_result(PageRef(SCAN, 1), {"q1": value or "7", "q2": value or "7"}, confidence=0.5)))
        told.machine = value or "7"
    elif what == "send again":
        if rows := [row for row in store.trail() if row.correction.token]:
            last = rows[-1].correction
            assert store.decide_field(last.key, last.token, lambda _, __: said("1")) == (rows[-1], False)
    else:
        lead = what == "lead undoes"
        is_stuck = top is not None and top.second is not None and top.is_disputed
        may = top is not None and (lead or (told.words[key][-1][0] == who and not is_stuck))

        def undo(_: FieldRow, rows: tuple[TrailRow, ...]) -> Correction:
            return undo_of(rows, who, lead)

        if may:
            store.decide_field(key, "", undo)
            told.words[key].pop()
            told.rows += 1
            told.look(key)
        else:
            with pytest.raises(UndoError):
                store.decide_field(key, "", undo)


def _answer(store: Store, told: Told, step: Step, number: int) -> None:
    """Answer as the review does: whose turn it is decides what the answer is."""
    _, key, who, value = step
    top = told.top(key)
    turn = top.turn_of(who, told.past[key]) if top else Turn.FIRST
    assert waits_for(store.trail(key), who, SHARE) is turn
    act = next_act(turn)
    if act is None:
        return
    store.decide_field(key, f"t{number}", lambda _, __: said(value, who, act, key))
    if act is Act.SECOND and top is not None:
        told.push(key, who, replace(top, second=(who, value)), value)
    else:
        told.push(key, who, Word(who, value, is_third=act is Act.THIRD), value)


# ---- by other means ---------------------------------------------------------------------------------------------


@pytest.fixture
def spoken(empty: Path, tmp_path: Path) -> Path:
    """An exam with one row of each kind, seven in all."""
    folder = Path(shutil.copytree(empty, tmp_path / "exam"))
    with open_store(folder) as store:
        first, second = KEYS
        store.insert_corrections([said("8", key=first), said("?", key=second)])
        store.decide_field(first, "t1", lambda _, __: said("9", "Ada", Act.SECOND, first))
        store.decide_field(first, "t2", lambda _, __: said("9", "Lee", Act.THIRD, first))
        store.decide_field(second, "t3", lambda _, __: said("", "Ada", key=second))
        store.decide_field(second, "t4", lambda _, rows: undo_of(rows, "Ada", lead=False))
        store.decide_field(second, "t5", lambda _, __: said("5", "Lee", key=second))
        assert store.chain().is_whole
    return folder


@contextmanager
def by_hand(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database for somebody who knows SQL, and how to do away with triggers and checks."""
    with closing(sqlite3.connect(folder / "tallymark.db")) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("PRAGMA synchronous = OFF")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DROP INDEX IF EXISTS ix_corrections_token")
        connection.commit()
        yield connection
        # Who does this leaves no trace that can be avoided.
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()


def test_whatever_is_changed_in_whichever_row_is_found(spoken: Path) -> None:
    with by_hand(spoken) as connection, open_store(spoken) as store:
        rows = connection.execute("SELECT * FROM corrections ORDER BY number").fetchall()
        names = [column[1] for column in connection.execute("PRAGMA table_info(corrections)")]
        assert tuple(names) == ROW_COLUMNS
        for row in rows:
            for name, old in zip(names, row, strict=True):
                for new in {f"{old}x", "", b"8", "2026-05-04T14:00:00.000+02:00", 99} - {old}:
                    if name == "number" and new != 99:
                        continue
                    connection.execute(f'UPDATE corrections SET "{name}" = ? WHERE number = ?', (new, row[0]))
                    connection.commit()
                    assert store.chain().findings, (row[0], name, new)
                    where = 99 if name == "number" else row[0]
                    connection.execute(f'UPDATE corrections SET "{name}" = ? WHERE number = ?', (old, where))
                    connection.commit()
        assert not store.chain().findings


def test_a_row_that_is_removed_is_found_even_the_last(spoken: Path) -> None:
    for number in range(1, 8):
        with copied(spoken) as folder:
            with by_hand(folder) as connection:
                connection.execute("DELETE FROM corrections WHERE number = ?", (number,))
            with open_store(folder) as store:
                (finding, *_) = store.chain().findings
                assert finding.startswith(f"row {number} of the trail is missing")
                # What is said from now on does not hide it.
                store.insert_corrections([said("3", key=KEYS[0])])
                assert not store.chain().is_whole


def test_who_removes_the_last_row_with_all_traces_is_found_by_a_head_that_was_noted(
    spoken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(spoken) as store:
        head = store.chain().head
    with by_hand(spoken) as connection:
        connection.execute("DELETE FROM corrections WHERE number = 7")
        connection.execute("UPDATE sqlite_sequence SET seq = 6 WHERE name = 'corrections'")
    assert run(["audit", str(spoken), "--verify"]) == 0
    assert run(["audit", str(spoken), "--head", head]) == EXIT_BROKEN_CHAIN
    assert "no row of the trail has the hash that was noted" in capsys.readouterr().out


def test_who_forges_the_whole_chain_is_found_by_a_head_that_was_noted(spoken: Path) -> None:
    with open_store(spoken) as store:
        head, rows = store.chain().head, store.trail()
    forged = [replace(row.correction, value="10") if row.number == 4 else row.correction for row in rows]
    with by_hand(spoken) as connection:
        for row in chained(forged, 1, FIRST_PREVIOUS):
            values = (columns_of(row.correction)["value"], row.previous, row.hash, row.number)
            connection.execute("UPDATE corrections SET value = ?, previous = ?, hash = ? WHERE number = ?", values)
    with open_store(spoken) as store:
        assert store.chain().is_whole
        assert not store.chain(head).is_whole
        assert store.chain(rows[2].hash).noted_at == 3


def test_a_row_that_is_slipped_in_is_found(spoken: Path) -> None:
    with by_hand(spoken) as connection:
        connection.execute(
            "INSERT INTO corrections SELECT 8, key, state, '10', was, machine, model, reviewer, made_at, how, act, "
            "note, undoes, token, crop, hash, hash FROM corrections WHERE number = 7"
        )
    with open_store(spoken) as store:
        assert store.chain().findings == ("row 8 is not as it was stored: its hash is another one",)
