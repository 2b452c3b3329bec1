"""Rows of the database to records, and back: what a column holds, in one place."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from flows.records import (
    Arrival,
    CheckedField,
    Correction,
    FieldRow,
    FiledField,
    FiledPage,
    FileOutcome,
    FileRow,
    Joining,
    PageChoice,
    PageDecision,
    PagePlacement,
    PageRow,
    RunPromise,
    RunRow,
    ScanRow,
    Tightening,
)
from recognizer.bend import Bend, Laid
from recognizer.geometry import Rect
from recognizer.promise import Expectation
from recognizer.records import (
    CharacterReading,
    Decision,
    Flag,
    HandPlacement,
    PageOutcomeKind,
    PageRef,
    RankedValue,
    ValueState,
)
from recognizer.template import Kind, Role

PROBABILITY_DECIMALS = 6
"""Digits kept of a stored probability: far below what calibration can tell, and half the bytes."""


BEND_DECIMALS = 4
"""Digits kept of a bend, in mm."""

KEY_DIGITS = 12
"""Digits of a scan's hash in the key of a field. Short enough to read out; that two scans share them is refused."""


FIELD_COLUMNS = (
    *("key", "scan", "page", "field", "kind", "role", "candidates", "model"),
    *("state", "value", "guess", "confidence", "flag", "why", "revision"),
    *("sheet", "template", "template_page", "outcome", "file"),
)
"""What `field_row` takes, in this order."""

KINDS = {one.value: one for one in Kind}
ROLES = {one.value: one for one in Role}
STATES = {one.value: one for one in ValueState}
FLAGS = {one.value: one for one in Flag}
READ = PageOutcomeKind.READ.value

REVISION_DIGITS = 12
"""Digits kept of the hash that tells one reading and decision from another of the same field."""


def reading_key(scan: str, page: int, field: str) -> str:
    """Return the name of one field of one page: stable however often the page is read.

    >>> reading_key("9f2c41d07ab3e6", 3, "q04")
    '9f2c41d07ab3-3-q04'
    """
    return f"{scan[:KEY_DIGITS]}-{page}-{field}"


def sheet_key(template: str, serial: int | None, scan: str, page: int) -> str:
    """Return the name of the candidate sheet that a page belongs to; a page without a serial is a sheet of its own.

    >>> sheet_key("cover_marks", 17, "9f2c41d07ab3e6", 3), sheet_key("cover_marks", None, "9f2c41d07ab3e6", 3)
    ('cover_marks#00017', 'cover_marks@9f2c41d07ab3-3')
    """
    return f"{template}@{scan[:KEY_DIGITS]}-{page}" if serial is None else f"{template}#{serial:05d}"


def page_row(row: Any) -> PageRow:  # noqa: ANN401 - a database row
    """Return one page of the ledger from its row."""
    return PageRow(
        scan=row.scan,
        number=row.number,
        file=row.file,
        outcome=PageOutcomeKind(row.outcome),
        reason=row.reason,
        sheet=row.sheet,
        template=row.template,
        template_version=row.template_version,
        template_page=row.template_page,
        serial=row.serial,
        error_mm=row.error_mm,
        source=row.source,
        identified_by=row.identified_by,
        joining=Joining(row.joining),
        template_pages=row.template_pages,
        batch=row.batch,
    )


def field_row(row: Any, correction: Correction | None, corrected: int) -> FieldRow:  # noqa: ANN401 - a database row
    """Return one field from its row, what people said of it last, and how often they did.

    The row's columns come in the order of `FIELD_COLUMNS`: by place they are read three times as fast as by name, and
    an exam has ten thousands of fields.
    """
    key, scan, page, field, kind, role, candidates, model, *decided, revision, sheet, template, at, outcome, file = row
    return FieldRow(
        key=key,
        revision=f"{revision}.{corrected}",
        scan=scan,
        page_number=page,
        file=file,
        sheet=sheet,
        template=template,
        template_page=at,
        field=field,
        kind=KINDS[kind],
        role=ROLES[role],
        decision=_decision(field, decided),
        values=tuple([RankedValue(value, probability) for value, probability in json.loads(candidates)]),
        correction=correction,
        model=model,
        counts=outcome == READ,
    )


def _decision(field: str, decided: Sequence[Any]) -> Decision:
    state, value, guess, confidence, flag, why = decided
    return Decision(field, STATES[state], value, guess, confidence, FLAGS[flag] if flag else None, why)


def decision_of(row: Any) -> Decision:  # noqa: ANN401 - a database row
    """Return what was decided of one field from its row."""
    flag = Flag(row.flag) if row.flag else None
    return Decision(row.field, ValueState(row.state), row.value, row.guess, row.confidence, flag, row.why)


def checked_row(row: Any) -> CheckedField:  # noqa: ANN401 - a database row
    """Return one field that a person looked at from its row."""
    return CheckedField(
        round=row.round,
        key=row.key,
        revision=row.revision,
        kind=Kind(row.kind),
        score=row.score,
        machine=row.machine,
        model=row.model,
        wrong=bool(row.wrong),
        state=ValueState(row.state),
        value=row.value,
        reviewer=row.reviewer,
        made_at=time_of(row.made_at),
        how=row.how,
    )


def checked_values(one: CheckedField) -> dict[str, Any]:
    """Return the columns of one field that a person looked at."""
    return asdict(one) | {
        "kind": one.kind.value,
        "wrong": int(one.wrong),
        "state": one.state.value,
        "made_at": time_text(one.made_at),
    }


def tightening_row(row: Any) -> Tightening:  # noqa: ANN401 - a database row
    """Return one tightening from its row."""
    return Tightening(
        round=row.round,
        model=row.model,
        accept_error=row.accept_error,
        digits=row.digits_score,
        number=row.number_score,
        choice=row.choice_score,
        reopened=row.reopened,
        why=row.why,
        reviewer=row.reviewer,
        made_at=time_of(row.made_at),
    )


def tightening_values(one: Tightening) -> dict[str, Any]:
    """Return the columns of one tightening."""
    return {
        "round": one.round,
        "model": one.model,
        "accept_error": one.accept_error,
        "digits_score": one.digits,
        "number_score": one.number,
        "choice_score": one.choice,
        "reopened": one.reopened,
        "why": one.why,
        "reviewer": one.reviewer,
        "made_at": time_text(one.made_at),
    }


def page_decision_row(row: Any) -> PageDecision:  # noqa: ANN401 - a database row
    """Return what was decided about a page from its row."""
    return PageDecision(
        act=row.act,
        scan=row.scan,
        page=row.page,
        choice=PageChoice(row.choice),
        other_scan=row.other_scan,
        other_page=row.other_page,
        sheet=row.sheet,
        template_page=row.template_page,
        was=PageOutcomeKind(row.was),
        becomes=PageOutcomeKind(row.becomes),
        reviewer=row.reviewer,
        made_at=time_of(row.made_at),
        how=row.how,
    )


def page_decision_values(one: PageDecision) -> dict[str, Any]:
    """Return the columns of what was decided about a page."""
    return asdict(one) | {
        "choice": one.choice.value,
        "was": one.was.value,
        "becomes": one.becomes.value,
        "made_at": time_text(one.made_at),
    }


def placement_row(row: Any) -> PagePlacement:  # noqa: ANN401 - a database row
    """Return how a person placed a page from its row."""
    placed = HandPlacement(
        ref=PageRef(row.scan, row.page),
        template=row.template,
        version=row.template_version,
        page=row.template_page,
        serial=row.serial,
        corners=tuple((float(x), float(y)) for x, y in json.loads(row.corners)),
        width=row.width,
        height=row.height,
    )
    after = (row.after_arrival, row.after_page)
    return PagePlacement(placed, after, PageOutcomeKind(row.was), row.reviewer, time_of(row.made_at), row.how)


def placement_values(one: PagePlacement) -> dict[str, Any]:
    """Return the columns of how a person placed a page."""
    placed = one.placed
    return {
        "scan": placed.ref.scan,
        "page": placed.ref.number,
        "template": placed.template,
        "template_version": placed.version,
        "template_page": placed.page,
        "serial": placed.serial,
        "corners": json.dumps([[round(x, 2), round(y, 2)] for x, y in placed.corners]),
        "width": placed.width,
        "height": placed.height,
        "after_arrival": one.after[0],
        "after_page": one.after[1],
        "was": one.was.value,
        "reviewer": one.reviewer,
        "made_at": time_text(one.made_at),
        "how": one.how,
    }


def file_row(row: Any) -> FileRow:  # noqa: ANN401 - a database row
    """Return one file from its row."""
    return FileRow(row.name, row.scan, FileOutcome(row.outcome), row.reason, row.batch)


def arrival_row(row: Any) -> Arrival:  # noqa: ANN401 - a database row
    """Return one file in hand from its row."""
    return Arrival(**(dict(row._mapping) | {"inode": int(row.inode)}))


def scan_row(row: Any) -> ScanRow:  # noqa: ANN401 - a database row
    """Return one scan from its row."""
    return ScanRow(row.scan, row.arrival, row.file, row.pages, row.archived)


def run_row(row: Any) -> RunRow:  # noqa: ANN401 - a database row
    """Return one run from its row."""
    return RunRow(
        number=row.number,
        command=row.command,
        started_at=time_of(row.started_at),
        finished_at=time_of(row.finished_at) if row.finished_at else None,
        tallymark=row.tallymark,
        model=row.model,
        renderer=row.renderer,
        settings=row.settings,
        files=row.files,
        pages=row.pages,
        fields=row.fields,
        flagged=row.flagged,
        seconds=row.seconds,
        promise=None if row.accept_error is None else _promise(row),
    )


def _promise(row: Any) -> RunPromise:  # noqa: ANN401 - a database row
    known = row.expected_wrong is not None
    expected = Expectation(row.expected_wrong, row.wrong_low, row.wrong_high) if known else None
    told = tuple(row.thresholds.splitlines())
    return RunPromise(
        row.batch_fields, row.batch_accepted, row.accept_error, bool(row.proven), expected, row.drift, told
    )


def promise_values(promise: RunPromise) -> dict[str, Any]:
    """Return the columns of what a run promises."""
    expected = promise.expected
    return {
        "batch_fields": promise.fields,
        "batch_accepted": promise.accepted,
        "accept_error": promise.accept_error,
        "proven": int(promise.proven),
        "expected_wrong": expected and expected.expected,
        "wrong_low": expected and expected.low,
        "wrong_high": expected and expected.high,
        "drift": promise.drift,
        "thresholds": "\n".join(promise.thresholds),
    }


def page_values(page: FiledPage) -> dict[str, Any]:
    """Return the columns of one page."""
    values = {name: value for name, value in asdict(page.row).items() if name != "file"}
    transform = None if page.mm_to_px is None else _laid_text(Laid(page.mm_to_px, page.bend))
    values |= {"outcome": page.row.outcome.value, "joining": page.row.joining.value}
    return values | {"picture_hash": page.picture_hash, "mm_to_px": transform}


def _laid_text(laid: Laid) -> str:
    """Return how a sheet lies on its page: the homography, row by row, and with what bends it where that is known."""
    flat = np.asarray(laid.mm_to_px, dtype=np.float64).tolist()
    if laid.bend is None:
        return json.dumps(flat)
    bend = {
        "origin": list(laid.bend.origin),
        "spacing": laid.bend.spacing,
        "shifts": np.round(laid.bend.shifts, BEND_DECIMALS).tolist(),
    }
    return json.dumps({"flat": flat, "bend": bend})


def laid_of(text: str) -> Laid:
    """Return how a sheet lies on its page from what `page_values` stored."""
    stored = json.loads(text)
    if isinstance(stored, list):
        return Laid(np.array(stored, dtype=np.float64))
    bend = stored["bend"]
    return Laid(
        np.array(stored["flat"], dtype=np.float64),
        Bend((bend["origin"][0], bend["origin"][1]), bend["spacing"], np.array(bend["shifts"], dtype=np.float64)),
    )


def reading_values(page: FiledPage, model: str) -> Iterator[dict[str, Any]]:
    """Return the columns of every reading of a page, in template order."""
    for position, field in enumerate(page.fields, start=1):
        reading = field.reading
        yield {
            "key": reading_key(page.row.scan, page.row.number, reading.field),
            "scan": page.row.scan,
            "page": page.row.number,
            "position": position,
            "field": reading.field,
            "kind": field.kind.value,
            "role": field.role.value,
            "candidates": _candidates_text(field),
            "characters": _characters_text(field),
            "trouble": reading.trouble.value if reading.trouble else None,
            "model": model,
            "crop": reading.crop_png,
        }


def picture_values(page: FiledPage) -> list[dict[str, Any]]:
    """Return the columns of every area of a page that is kept for people."""
    return [
        {"scan": page.row.scan, "page": page.row.number, "field": one.field, "crop": one.png} for one in page.pictures
    ]


def decision_values(page: FiledPage, model: str) -> Iterator[dict[str, Any]]:
    """Return the columns of every decision of a page."""
    for field in page.fields:
        key = reading_key(page.row.scan, page.row.number, field.decision.field)
        yield {"key": key, "revision": _revision(page.row, field, model)} | _decided(field.decision)


def taken_back_values(decision: Decision, revision: str) -> dict[str, Any]:
    """Return the columns of a decision that takes the place of the one with this revision, of the same reading."""
    decided = _decided(decision)
    text = json.dumps([revision, *decided.values()])
    return decided | {"revision": hashlib.sha256(text.encode()).hexdigest()[:REVISION_DIGITS]}


def _decided(decision: Decision) -> dict[str, Any]:
    return {
        "state": decision.state.value,
        "value": decision.value,
        "guess": decision.guess,
        "confidence": round(float(decision.confidence), PROBABILITY_DECIMALS),
        "flag": decision.flag.value if decision.flag else None,
        "why": decision.why,
    }


def _revision(page: PageRow, field: FiledField, model: str) -> str:
    """Return what changes whenever the reading, the decision, or what the field belongs to changes."""
    decision = field.decision
    confidence = f"{decision.confidence:.{PROBABILITY_DECIMALS}f}"
    decided = (decision.state, decision.value, decision.guess, confidence, decision.flag, decision.why)
    seen = (_candidates_text(field), _characters_text(field), field.reading.trouble)
    text = json.dumps([model, page.sheet, page.template_version, *seen, *decided])
    return hashlib.sha256(text.encode() + field.reading.crop_png).hexdigest()[:REVISION_DIGITS]


def _candidates_text(field: FiledField) -> str:
    ranked = [[one.value, round(float(one.probability), PROBABILITY_DECIMALS)] for one in field.reading.values]
    return json.dumps(ranked, ensure_ascii=False)


def _characters_text(field: FiledField) -> str:
    return json.dumps(
        [
            {
                "position": character.position,
                "bounds": None
                if (at := character.bounds) is None
                else [round(float(number), 1) for number in (at.x, at.y, at.width, at.height)],
                "probabilities": {
                    name: round(float(probability), PROBABILITY_DECIMALS)
                    for name, probability in zip(character.classes, character.probabilities, strict=True)
                },
            }
            for character in field.reading.characters
        ],
        ensure_ascii=False,
    )


def character(raw: dict[str, Any]) -> CharacterReading:
    """Return one place of a field from its JSON."""
    bounds = Rect(*raw["bounds"]) if raw["bounds"] else None
    return CharacterReading(raw["position"], tuple(raw["probabilities"]), tuple(raw["probabilities"].values()), bounds)


def time_text(moment: datetime) -> str:
    """Write a time as a person reads it: '2026-05-04T09:30:00.250Z'. A time without a zone would be a guess."""
    if moment.tzinfo is None:
        raise ValueError("a time needs its zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(text: str) -> datetime:
    """Read a time that `time_text` wrote."""
    return datetime.fromisoformat(text)
