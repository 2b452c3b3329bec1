"""What a run found, written for Prefect's page and for programs. Pure."""

import re
from collections.abc import Sequence
from typing import Any

from flows.batches import Batch
from flows.batches import in_words as batch_in_words
from flows.grading import KEPT_FLAGS, Tally
from flows.ledger import as_json as ledger_json
from flows.ledger import in_words as ledger_in_words
from flows.records import FileOutcome, RunPromise
from flows.run_promise import in_words, review_share
from recognizer.records import PageOutcomeKind

SHOWN_FLAGS = 50
"""Flagged fields on Prefect's page: it is for seeing what kind of thing was flagged, not for working through."""


def json_report(tally: Tally) -> dict[str, Any]:
    """Return the figures of a run as `grade --json` prints them."""
    return {
        "files": {outcome.value: tally.files[outcome] for outcome in FileOutcome},
        "pages": {outcome.value: tally.pages[outcome] for outcome in PageOutcomeKind},
        "fields": tally.fields,
        "flagged": tally.flagged,
        "seconds": round(tally.seconds, 3),
        "pages_per_second": round(tally.pages_per_second, 2),
        "set_aside": [
            {"file": one.file, "page": one.page, "outcome": one.outcome, "reason": one.reason}
            for one in tally.set_aside
        ],
        "left_in_inbox": [{"file": note.name, "reason": note.reason} for note in tally.left],
        "warnings": list(tally.warnings),
        "batches": [batch_report(batch) for batch in tally.batches],
        "run": tally.run,
        "promise": _promise(tally.promise) if tally.promise else None,
        "ledger": ledger_json(tally.ledger, with_pages=False) if tally.ledger else None,
    }


def batch_report(batch: Batch) -> dict[str, Any]:
    """Return what is stated of a batch and what came in, for programs."""
    said = batch.explanation
    return {
        "name": batch.name,
        "stated": [{"by": source, "papers": papers} for source, papers in batch.sources],
        "found": batch.found,
        "differs": batch.differs,
        "explained": {"text": said.text, "by": said.reviewer} if said and batch.is_explained else None,
        "blocks_final": batch.blocks,
        "causes": list(batch.causes),
    }


def _promise(promise: RunPromise) -> dict[str, Any]:
    expected = promise.expected
    return {
        "fields": promise.fields,
        "accepted": promise.accepted,
        "review_share": round(review_share(promise), 6),
        "accept_error": promise.accept_error,
        "proven": promise.proven,
        "expected_wrong": round(expected.expected, 4) if expected else None,
        "expected_wrong_95": [expected.low, expected.high] if expected else None,
        "drift": promise.drift or None,
        "thresholds": list(promise.thresholds),
    }


def markdown_report(tally: Tally) -> str:
    """Return the figures of a run, what was set aside, and flagged fields, as Markdown."""
    rows = [("files " + outcome.value, tally.files[outcome]) for outcome in FileOutcome]
    rows += [("pages " + outcome.value, tally.pages[outcome]) for outcome in PageOutcomeKind]
    rows += [("fields", tally.fields), ("fields flagged", tally.flagged)]
    parts = [
        f"{tally.pages_done} pages in {tally.seconds:.0f} s ({tally.pages_per_second:.1f} pages/s).",
        _table(("what", "how many"), [(name, str(number)) for name, number in rows]),
    ]
    if tally.ledger:
        parts.append(f"Of the whole exam {escaped(ledger_in_words(tally.ledger))}.")
    if tally.promise:
        told = [*in_words(tally.promise), *(f"- {escaped(one)}" for one in tally.promise.thresholds)]
        parts += ["## What is promised", "\n".join(told)]
    if tally.batches:
        parts += ["## Batches", "\n".join(f"- {escaped(batch_in_words(batch))}" for batch in tally.batches)]
    if tally.set_aside:
        aside = [
            (one.file, "" if one.page is None else str(one.page), one.outcome, one.reason)
            for one in tally.set_aside[:KEPT_FLAGS]
        ]
        parts += ["## Set aside", _table(("file", "page", "outcome", "reason"), aside)]
    if tally.flags:
        flags = [
            (flag.sheet, flag.field, flag.guess, f"{flag.confidence:.1%}", flag.why)
            for flag in tally.flags[:SHOWN_FLAGS]
        ]
        parts += [
            f"## Flagged ({len(flags)} of {tally.flagged})",
            _table(("sheet", "field", "guess", "confidence", "why"), flags),
        ]
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    r"""Return text from outside as it is, with nothing in it that Markdown or HTML would act on.

    >>> escaped("a|b <img> *c*")
    'a\\\\|b &lt;img&gt; \\\\*c\\\\*'
    """
    text = re.sub(r"[\x00-\x1f\x7f]", " ", text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_{}\[\]()#+!|~-])", r"\\\1", text)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines: list[Sequence[str]] = [head, tuple("---" for _ in head)]
    lines += [tuple(escaped(cell) for cell in row) for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
