"""What an exam folder holds, gathered for the workbook."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any, Protocol

from flows.adopting import not_adopted
from flows.batch_list import KnowsBatches, exam_batches
from flows.batches import Batch, in_words
from flows.deciding import KnowsFields
from flows.exam_results import ExamResults, exam_results, exam_rule
from flows.export.pages_sheet import SaidOfPages
from flows.export.run_sheet import Section
from flows.export.table import Scalar
from flows.export.workbook import Contents
from flows.ledger import Ledger
from flows.records import FieldRow, PageDecision, PagePlacement, TrailRow
from flows.remarking import Comparison
from flows.results import Remark, Settler
from flows.settings import Exam
from flows.store_remarks import Snapshot
from flows.trail import FIRST_PREVIOUS, broken
from flows.worth import MarkRule
from recognizer.classifier import CARD_FILE, SHIPPED, load_card
from recognizer.errors import ModelError
from recognizer.promise import per_thousand

LONGEST_FACT = 600
"""Characters of one entry of a model card: a list longer than ten lines is for programs, which read the card itself."""

HEAD_LABEL = "hash of the last row"
"""Beside which the sheet Run notes how far the trail went: `noted_heads` looks for it in workbooks of earlier times."""

FOR_PROGRAMS = frozenset({"curve"})
"""Entries of a card that are hundreds of points: what they come to stands beside every run."""


class Remembers(KnowsBatches, KnowsFields, Protocol):
    """The reading side of `flows.store.Store`, as far as a workbook needs it."""

    def ledger(self) -> Ledger:
        """Return every file and page with what became of it."""
        ...

    def page_decisions(self) -> tuple[PageDecision, ...]:
        """Return what people decided about pages that were held."""
        ...

    def placements(self) -> tuple[PagePlacement, ...]:
        """Return how people placed pages by hand."""
        ...

    def trail(self) -> tuple[TrailRow, ...]:
        """Return the whole trail of what people said of fields."""
        ...

    def remarks(self) -> tuple[Remark, ...]:
        """Return every re-mark that changed something."""
        ...

    def last_snapshot(self) -> Snapshot | None:
        """Return how things stood when they were recorded last."""
        ...


def exam_contents(exam: Exam, store: Remembers) -> Contents:
    """Gather everything that stands in the workbook of an exam; within a snapshot of the store, as at one moment.

    Raises:
        ExamError: the key, the roster or batches.csv is faulty.
    """
    results = exam_results(exam, store)
    pending = not_adopted(store.last_snapshot(), results.snapshot())
    batches = exam_batches(exam, store)
    trail = store.trail()
    return Contents(
        sheets=exam.sheets,
        rule=exam_rule(exam, results.key),
        ledger=store.ledger(),
        results=results,
        trail=trail,
        runs=store.runs(),
        said=SaidOfPages(store.page_decisions(), store.placements()),
        facts=(
            _this_workbook(exam),
            *_about_together(results),
            _about_trail(trail),
            *_about_batches(batches),
            _rules(results, pending),
            _settings(exam, exam_rule(exam, results.key)),
            *_models(exam, results.decided.fields),
        ),
        batches=batches,
        remarks=store.remarks(),
        pending=pending,
    )


def _this_workbook(exam: Exam) -> Section:
    return Section(
        "This workbook",
        (
            ("exam", exam.settings.exam),
            ("exam folder", str(exam.dir.resolve())),
            ("written at (UTC)", datetime.now(UTC)),
            ("tallymark", version("tallymark")),
        ),
    )


def _about_together(results: ExamResults) -> tuple[Section, ...]:
    """Tell how many fields the sums and the class list decided, and how many of those are expected to be wrong."""
    told: list[tuple[str, Scalar]] = []
    for settler, by in ((Settler.SUM, "the sums of their sheets"), (Settler.ROSTER, "the class list")):
        rows = [row for row in results.decided.fields if row.settled_by is settler and row.decision.flag is None]
        if rows:
            wrong = sum(1.0 - row.decision.confidence for row in rows)
            told.append((f"accepted by {by}", f"{len(rows):,} fields, {wrong:.2g} of them expected to be wrong"))
    return (Section("What other fields decided; the runs below speak of pictures alone", tuple(told)),) if told else ()


def _about_trail(trail: Sequence[TrailRow]) -> Section:
    """Tell how long the chain of corrections is and how it ends: that proves later that no row was changed."""
    head = trail[-1].hash if trail else FIRST_PREVIOUS
    return Section(
        "Trail of corrections; tallymark audit DIR --head HASH proves later that it only grew",
        (
            ("rows", len(trail)),
            (HEAD_LABEL, head),
            ("chain", "whole" if not broken(trail) else "BROKEN: tallymark audit DIR --verify says where"),
        ),
    )


def _about_batches(batches: Sequence[Batch]) -> tuple[Section, ...]:
    if not batches:
        return ()
    return (Section("Batches: papers that should be there, and papers that are", tuple(map(_about_batch, batches))),)


def _about_batch(batch: Batch) -> tuple[str, Scalar]:
    return batch.name, f"{'NOT EXPLAINED: ' if batch.blocks else ''}{in_words(batch)}"


def _rules(results: ExamResults, pending: Comparison | None) -> Section:
    rules = results.rules
    facts = [(name, f"SHA-256 {digest}") for name, digest in rules.files.items()]
    if not rules.has_key:
        facts.append(("key", "there is none: marks add up as the template says"))
    told = "as recorded" if pending is None else f"NOT YET RECORDED: {'; '.join(pending.rules)}"
    return Section("Rules by which this is marked", (*facts, ("these rules", told)))


def _settings(exam: Exam, rule: MarkRule) -> Section:
    settings = exam.settings
    templates = ", ".join(f"{template.name} version {template.version}" for template in exam.sheets.templates)
    facts: tuple[tuple[str, Scalar], ...] = (
        ("templates", templates),
        ("of accepted fields may be wrong", per_thousand(settings.accept_error)),
        ("a blank mark cell", "a person looks" if settings.review.blank_mark == "flag" else "accepted as blank"),
        ("two people answer", _second(settings.review.second_share)),
        ("a blank mark is worth", _worth(rule.blank)),
        ("a dash is worth", _worth(settings.marks.dash)),
        ("AB (absent) is worth", _worth(settings.marks.absent)),
        ("of written totals may be wrong", f"{settings.sums.misadded:.1%}"),
        ("of sheets may be by people not listed", f"{settings.roster.off_roster:.1%}"),
        ("check characters of ids", settings.roster.check or "none"),
        ("serials of the sheets", "say nothing: photocopies" if settings.sheets.photocopied else "tell sheets apart"),
        ("pages rendered by", settings.render),
    )
    return Section("Settings now", facts)


def _second(share: float) -> str:
    if not share:
        return "no field"
    return "every field that a person decides" if share == 1.0 else f"{share:.1%} of the fields that a person decides"


def _worth(worth: str) -> str:
    if worth == "no_total":
        return "no total: the sheet shows AB"
    if worth == "not_attempted":
        return "0, and does not count as an attempt"
    if worth == "not_attempted":
        return "0, and no attempt"
    return "0" if worth == "zero" else "nothing until a person says so: the total stays empty"


def _models(exam: Exam, fields: Sequence[FieldRow]) -> tuple[Section, ...]:
    cards = [folder / CARD_FILE for folder in (*exam.models, SHIPPED)]
    return model_facts(Counter(row.model for row in fields), *cards)


def model_facts(fields_by_model: Mapping[str, int], *card_files: Path) -> tuple[Section, ...]:
    """Return which models read the fields of an exam and, of those whose card is here, what that has measured.

    Nothing is said of a model whose card is not here: no figure is better than another model's figure.
    """
    if not fields_by_model:
        return ()
    readers = Section(
        "Models that read", tuple((name or "unknown", f"{n} fields") for name, n in fields_by_model.items())
    )
    cards, told = {}, "there is none"
    for path in card_files:
        try:
            card = load_card(path)
        except ModelError as problem:
            told = f"not to be had: {problem}"
        else:
            cards[card.name] = card
            told = f"the installed model is {card.name}, which read nothing of this exam"
    mine = [card for name, card in cards.items() if name in fields_by_model]
    if not mine:
        return (readers, Section("Model card", (("card", told),)))
    return (readers, *(Section(f"Card of the model {card.name}", tuple(_flat(card.details))) for card in mine))


def _flat(details: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Scalar]]:
    """Yield every entry of a card, however deep, with the names that lead to it."""
    for name, value in details.items():
        if name in FOR_PROGRAMS:
            continue
        label = f"{within}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}, ")
        elif isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value):
            yield label, value
        elif isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
            yield label, ", ".join(str(each) for each in value)[:LONGEST_FACT]
        elif isinstance(value, str | bool):
            yield label, str(value)[:LONGEST_FACT]
        elif value is not None:
            yield label, json.dumps(value, ensure_ascii=False)[:LONGEST_FACT]
