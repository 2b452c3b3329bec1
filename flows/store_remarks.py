"""The part of the database about what sheets were worth: re-marks, only ever inserted, and what they are told from."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from flows.mark_changes import OPEN, in_words
from flows.migrations.tables import mark_changes, remarks, rule_files, snapshots
from flows.overall_changes import Overall
from flows.remarking import Standing, State
from flows.results import (
    Absent,
    MarkChange,
    Points,
    QuestionResult,
    Remark,
    SectionResult,
    SheetResult,
    Unsettled,
)
from flows.rows import time_of, time_text
from flows.rules import Rules
from flows.store_transactions import Transactions
from recognizer.values import ABSENT, format_number

COMPACT = (",", ":")

UNTOLD = Decimal(0)
"""The maximum of one question is not remembered: that of the sheet is, and tells when any of them changes."""


OVER_ALL_SHEETS = ""
"""Under which name, that no sheet has, the results of candidates are remembered among those of the sheets."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What every sheet and candidate had at some moment, and by which rules."""

    made_at: datetime
    state: State


@dataclass(frozen=True, slots=True)
class Recording:
    """What is to be stored: how things stand now, and the re-mark that brought them there, if one did."""

    snapshot: Snapshot
    remark: Remark | None = None


class RemarkStore(Transactions):
    """What `flows.store.Store` does for results that somebody may have seen."""

    def remarks(self) -> tuple[Remark, ...]:
        """Return every re-mark, oldest first: what it changed, or that its rules changed nobody's marks."""
        with self._read() as connection:
            rows = connection.execute(select(remarks).order_by(remarks.c.number)).all()
            changes = connection.execute(select(mark_changes).order_by(mark_changes.c.number)).all()
        by_remark: dict[int, list[MarkChange]] = {}
        for row in changes:
            change = MarkChange(row.sheet, row.candidate, row.what, row.before, row.after, row.cause)
            by_remark.setdefault(row.remark, []).append(change)
        return tuple(
            Remark(row.number, time_of(row.made_at), row.reviewer, row.why, tuple(by_remark.get(row.number, ())))
            for row in rows
        )

    def last_snapshot(self) -> Snapshot | None:
        """Return how things stood when they were recorded last, None before the first time."""
        with self._read() as connection:
            return _last_snapshot(connection)

    def record(self, choose: Callable[[Snapshot | None], Recording | None]) -> Remark | None:
        """Have it said what is to be recorded, and store it, before anything else can be written.

        An error in `choose` passes through, and nothing is stored.

        Args:
            choose: given how things stood last, returns what to store (None: nothing). It may read, and must not write.

        Returns:
            The re-mark with its number, if there was one.
        """
        with self._write() as connection:
            recording = choose(_last_snapshot(connection))
            return None if recording is None else _store(connection, recording)


def _last_snapshot(connection: Connection) -> Snapshot | None:
    row = connection.execute(select(snapshots).order_by(snapshots.c.number.desc()).limit(1)).first()
    if row is None:
        return None
    results = json.loads(row.results)
    overall = results.pop(OVER_ALL_SHEETS, None)
    sheets = {sheet: _standing(sheet, raw) for sheet, raw in results.items()}
    candidates = None if overall is None else {number: Overall(*told) for number, told in overall.items()}
    return Snapshot(time_of(row.made_at), State(Rules(**json.loads(row.rules)), sheets, candidates))


def _store(connection: Connection, recording: Recording) -> Remark | None:
    snapshot, remark = recording.snapshot, recording.remark
    state = snapshot.state
    number = None
    for name, content in state.rules.contents.items():
        values = {"hash": state.rules.files[name], "name": name, "content": content}
        # What is there already under its hash is the same file.
        if connection.execute(select(rule_files.c.name).where(rule_files.c.hash == values["hash"])).first() is None:
            connection.execute(insert(rule_files), values)
    rules = _text({"files": dict(state.rules.files), "settings": dict(state.rules.settings)})
    if remark is not None:
        values = {"made_at": time_text(remark.made_at), "reviewer": remark.reviewer, "why": remark.why, "rules": rules}
        number = connection.execute(insert(remarks).returning(remarks.c.number), values).scalar_one()
        if remark.changes:
            connection.execute(insert(mark_changes), [asdict(change) | {"remark": number} for change in remark.changes])
    connection.execute(delete(snapshots).where(snapshots.c.remark.is_(None)))
    connection.execute(
        insert(snapshots),
        {
            "remark": number,
            "made_at": time_text(snapshot.made_at),
            "rules": rules,
            "results": _text(_remembered(state)),
        },
    )
    return (
        None
        if remark is None or number is None
        else Remark(number, remark.made_at, remark.reviewer, remark.why, remark.changes)
    )


def _remembered(state: State) -> dict[str, Any]:
    sheets: dict[str, Any] = {sheet: _compact(standing) for sheet, standing in state.sheets.items()}
    if state.candidates is None:
        return sheets
    overall = {number: [text for _, text in each.facts()] for number, each in state.candidates.items()}
    return {OVER_ALL_SHEETS: overall} | sheets


def _compact(standing: Standing) -> dict[str, Any]:
    """Return a standing in as few words as it can be compared by; what is empty is left out."""
    result = standing.result
    told = {
        "template": result.template,
        "candidate": result.candidate,
        "version": result.version,
        "total": in_words(result.total),
        "maximum": format_number(result.maximum),
        "grade": result.grade,
        "questions": {each.question: in_words(each.points) for each in result.questions},
        "sections": {each.name: in_words(each.points) for each in result.sections},
        "digest": standing.digest,
        "whose": standing.whose,
    }
    return {name: value for name, value in told.items() if value}


def _standing(sheet: str, raw: Mapping[str, Any]) -> Standing:
    result = SheetResult(
        sheet=sheet,
        template=raw["template"],
        candidate=raw.get("candidate", ""),
        version=raw.get("version", ""),
        questions=tuple(
            QuestionResult(name, "", _points(points), UNTOLD) for name, points in raw.get("questions", {}).items()
        ),
        sections=tuple(
            SectionResult(name, _points(points), UNTOLD) for name, points in raw.get("sections", {}).items()
        ),
        total=_points(raw["total"]),
        maximum=Decimal(raw["maximum"]),
        grade=raw.get("grade", ""),
    )
    return Standing(result, raw.get("digest", ""), raw.get("whose", ""))


def _points(text: str) -> Points:
    if text == OPEN:
        return Unsettled(())
    return Absent() if text == ABSENT else Decimal(text)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=COMPACT)
