"""What written totals are worth: fields sent to people against wrong ones accepted, with and without them.

    python -m benchmarks.sums --sheets 1000 --seed 102 --plot docs/images

Draws covers with the marks of twelve questions and their total (synthetic sheets, real handwriting of writers kept out
of all training), grades them, and decides about marks and totals twice, at many thresholds: each field by its picture
alone, and all fields of a sheet together. A share of the totals is then made wrong (`--misadded`), by giving a sheet
the reading of another sheet's total, and it is counted what becomes of those.

With `--exam FOLDER --truth FILE` an exam folder that is graded already is used; nothing is written there.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from time import perf_counter

from flows.records import Correction, FieldRow
from flows.settings import load_exam
from flows.sheet_sums import SEEN_BY_VALUES, SUMMED_UP, decide_sums
from flows.store import open_store
from flows.worth import MarkRule
from recognizer.classifier import load_model
from recognizer.curves import rounded
from recognizer.plots import DARK, LIGHT, ReviewLine, draw_review_lines
from recognizer.promise import ACCEPT_ERROR, Thresholds, policy_thresholds
from recognizer.records import Flag, ValueState
from recognizer.template import Role, SheetTemplate
from recognizer.values import BLANK, format_number

TEMPLATE = "cover_marks"
EXAM = "sums"

THRESHOLDS = (
    *(0.3, 0.5, 0.65, 0.8, 0.9, 0.95, 0.97, 0.98, 0.99),
    *(0.993, 0.995, 0.997, 0.998, 0.999, 0.9995, 0.9998, 0.9999),
)
"""Where the curves are measured."""

Truth = Mapping[tuple[str, int, str], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided about some fields."""

    fields: int
    accepted: int
    wrong: int

    @property
    def review(self) -> float:
        """The share sent to people."""
        return 1 - self.accepted / max(self.fields, 1)

    @property
    def per_thousand(self) -> float:
        """Wrong ones in 1,000 accepted."""
        return 1000 * self.wrong / max(self.accepted, 1)


def by_picture(rows: Sequence[FieldRow], threshold: float) -> tuple[FieldRow, ...]:
    """Decide about each field by its picture alone, as `judge` does, at any threshold."""
    return tuple(_judged(row, threshold) for row in rows)


def _judged(row: FieldRow, threshold: float) -> FieldRow:
    if row.decision.flag not in SEEN_BY_VALUES or not row.values:
        return row
    best = row.values[0]
    flag = Flag.UNSURE if rounded(best.probability) < threshold else None
    if flag is None and best.value == BLANK and row.role is Role.MARK:
        flag = Flag.BLANK_MARK
    state = ValueState.UNSETTLED if flag else ValueState.BLANK if best.value == BLANK else ValueState.VALUE
    value = best.value if state is ValueState.VALUE else ""
    return replace(row, decision=replace(row.decision, state=state, value=value, flag=flag))


def by_sums(
    rows: Sequence[FieldRow], template: SheetTemplate, limits: Thresholds, rule: MarkRule
) -> tuple[FieldRow, ...]:
    """Decide about all fields of each sheet together."""
    found = decide_sums(rows, [template], rule, dict.fromkeys({row.model for row in rows}, limits))
    new = {key: decision for one in found for key, decision in one.decisions.items()}
    return tuple(replace(row, decision=new.get(row.key, row.decision)) for row in rows)


def count(rows: Sequence[FieldRow], truth: Truth) -> Outcome:
    """Compare what was accepted with the truth."""
    accepted = [row for row in rows if row.decision.flag is None]
    wrong = sum(row.decision.value != truth[row.file, row.page_number, row.field] for row in accepted)
    return Outcome(len(rows), len(accepted), wrong)


# ---- totals that are wrong -------------------------------------------------------------------------------------------


def misadd(
    rows: Sequence[FieldRow], truth: Truth, share: float, seed: int
) -> tuple[tuple[FieldRow, ...], dict[tuple[str, int, str], str], frozenset[str]]:
    """Give a share of the sheets a wrong total, as read on another sheet where that was the total.

    Wrong in one of five ways, each tried as often as the others: a mark left out, one or ten off, two figures the wrong
    way round, anything. Returns the rows, the new truth, and the sheets.
    """
    random = Random(seed)
    totals = {row.sheet: row for row in rows if row.role is Role.TOTAL}
    marks: dict[str, list[Decimal]] = {}
    for row in rows:
        written = truth[row.file, row.page_number, row.field]
        if row.role is Role.MARK and written not in ("", "-", "AB"):
            marks.setdefault(row.sheet, []).append(Decimal(written))
    said: dict[str, list[FieldRow]] = {}
    for row in totals.values():
        said.setdefault(truth[row.file, row.page_number, row.field], []).append(row)
    ways = _ways(random)
    chosen: dict[str, FieldRow] = {}
    names = sorted(totals)
    random.shuffle(names)
    for tried, name in enumerate(names):
        if len(chosen) >= round(share * len(names)):
            break
        here = truth[totals[name].file, totals[name].page_number, totals[name].field]
        if here in ("", "AB") or name not in marks:
            continue
        wanted = format_number(ways[tried % len(ways)](Decimal(here), marks[name]))
        others = [row for row in said.get(wanted, ()) if row.sheet != name]
        if wanted != here and others:
            chosen[name] = random.choice(others)
    new_truth = dict(truth)
    changed = []
    for row in rows:
        other = chosen.get(row.sheet) if row.role is Role.TOTAL else None
        if other is not None:
            new_truth[row.file, row.page_number, row.field] = truth[other.file, other.page_number, other.field]
        changed.append(row if other is None else replace(row, decision=other.decision, values=other.values))
    return tuple(changed), new_truth, frozenset(chosen)


def _ways(random: Random) -> tuple[Callable[[Decimal, Sequence[Decimal]], Decimal], ...]:
    return (
        lambda total, marks: total - random.choice(marks),
        lambda total, _: total + random.choice((-1, 1)),
        lambda total, _: total + random.choice((-10, 10)),
        lambda total, _: Decimal(int(total) // 100 * 100 + int(total) % 10 * 10 + int(total) % 100 // 10) + total % 1,
        lambda _, __: Decimal(random.randint(20, 200)) / 2,
    )


@dataclass(frozen=True, slots=True)
class Misadded:
    """What becomes of sheets whose total is wrong.

    Its total is flagged at once, or once people have settled the other fields that were open (`later`), or never;
    `wrong` counts values that were accepted there and are not what is written.
    """

    sheets: int
    at_once: int
    later: int
    unnoticed: int
    wrong: int


def watch(
    rows: Sequence[FieldRow],
    truth: Truth,
    sheets: frozenset[str],
    decide: Callable[[Sequence[FieldRow]], Sequence[FieldRow]],
) -> Misadded:
    """Count what becomes of sheets with wrong totals; `decide` decides by sums."""
    mine = decide([row for row in rows if row.sheet in sheets])
    at_once = {row.sheet for row in mine if row.role is Role.TOTAL and row.decision.flag is not None}
    settled = decide([_settled(row, truth) for row in mine])
    flagged = {row.sheet for row in settled if row.role is Role.TOTAL and row.flag is not None}
    noticed = at_once | flagged | {sheet for sheet in sheets if not _adds_up([r for r in settled if r.sheet == sheet])}
    return Misadded(len(sheets), len(at_once), len(noticed - at_once), len(sheets - noticed), count(mine, truth).wrong)


def _settled(row: FieldRow, truth: Truth) -> FieldRow:
    """Return a field as people leave it: one that was open holds what is written there."""
    if row.decision.flag is None:
        return row
    value = truth[row.file, row.page_number, row.field]
    state = ValueState.VALUE if value else ValueState.BLANK
    said = Correction(row.key, state, value, "", "", "", "benchmark", datetime(2026, 1, 1, tzinfo=UTC), "truth")
    return replace(row, correction=said)


def _adds_up(rows: Sequence[FieldRow]) -> bool:
    total = next(row for row in rows if row.role is Role.TOTAL)
    return sum((_number(row) for row in rows if row.role is Role.MARK), Decimal(0)) == _number(total)


def _number(row: FieldRow) -> Decimal:
    return Decimal(row.value if row.value not in ("", "-", "AB") else 0)


# ---- running ---------------------------------------------------------------------------------------------------------


def draw(folder: Path, sheets: int, seed: int) -> tuple[Path, Path]:
    """Draw and grade sheets; returns the exam folder and the table of what is written on them."""

    def run(*words: str) -> None:
        code = f"import sys, flows.cli; sys.exit(flows.cli.run({list(words)!r}))"
        subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)

    drawn, exam = folder / "drawn", folder / "exam"
    run("simulate", TEMPLATE, "--sheets", str(sheets), "--seed", str(seed), "--exam", EXAM, "--out", str(drawn))
    run("init", str(exam), "--exam", EXAM, "--template", TEMPLATE)
    for file in sorted(drawn.glob("*.pdf")):
        file.rename(exam / "inbox" / file.name)
    run("grade", str(exam))
    return exam, drawn / "truth.csv"


def read(exam: Path, truth: Path) -> tuple[SheetTemplate, tuple[FieldRow, ...], Truth]:
    """Return the template, the marks and totals of an exam folder, and what is written in them."""
    with truth.open(encoding="utf-8", newline="") as table:
        written = {(row["file"], int(row["page"]), row["field"]): row["value"] for row in csv.DictReader(table)}
    rows = tuple(row for row in open_store(exam).fields() if row.role in SUMMED_UP)
    return load_exam(exam).template_named(TEMPLATE), rows, written


def review_at(curve: Sequence[Outcome], per_thousand: float) -> float:
    """Return the least review at which no more is wrong than that."""
    return min((one.review for one in curve if one.per_thousand <= per_thousand), default=1.0)


def main() -> None:
    """Print the table; draw the plot where it was asked for."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sheets", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--exam", type=Path, help="a graded exam folder, in place of drawn sheets")
    options.add_argument("--truth", type=Path, help="the truth.csv of its sheets")
    options.add_argument("--misadded", type=float, default=0.02, help="share of totals that are made wrong")
    options.add_argument("--rounds", type=int, default=1, help="how often other totals are made wrong")
    options.add_argument("--plot", type=Path, help="folder for sums_review.png and sums_review_dark.png")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if chosen.exam and chosen.truth:
            template, rows, truth = read(chosen.exam, chosen.truth)
        else:
            template, rows, truth = read(*draw(Path(folder), chosen.sheets, chosen.seed))
    held = policy_thresholds(load_model().card.details, ACCEPT_ERROR)
    _print_default(rows, truth, template, held)
    alone, joint = _print_curves(rows, truth, template)
    for round_ in range(chosen.rounds):
        _print_misadded(rows, truth, (template, held), (chosen.misadded, chosen.seed + round_))
    if chosen.plot:
        lines = [
            ReviewLine("each field alone", [(one.review, one.per_thousand) for one in alone]),
            ReviewLine("with the written totals", [(one.review, one.per_thousand) for one in joint]),
        ]
        for theme, name in ((LIGHT, "sums_review.png"), (DARK, "sums_review_dark.png")):
            (chosen.plot / name).write_bytes(draw_review_lines(lines, len(rows), 1000 * ACCEPT_ERROR, theme))


def _print_default(rows: Sequence[FieldRow], truth: Truth, template: SheetTemplate, held: Thresholds) -> None:
    print(f"{len({row.sheet for row in rows})} sheets, {len(rows)} marks and totals; at most 1 in 1,000 allowed wrong")
    alone = by_picture(rows, held.number)
    _print_row("each field alone", count(alone, truth))
    for words, rule in (("with totals", MarkRule()), ("with totals, blank = zero", MarkRule(blank="zero"))):
        started = perf_counter()
        decided = by_sums(alone, template, held, rule)
        _print_row(words, count(decided, truth), f", {perf_counter() - started:.2f} s")


def _print_row(words: str, found: Outcome, more: str = "") -> None:
    print(
        f"  {words}: {found.review:.2%} to people, {found.wrong} wrong of {found.accepted} accepted "
        f"({found.per_thousand:.2f} in 1,000){more}"
    )


def _print_curves(
    rows: Sequence[FieldRow], truth: Truth, template: SheetTemplate
) -> tuple[list[Outcome], list[Outcome]]:
    alone, joint = [], []
    print("threshold | alone: to people, wrong in 1,000 | with totals")
    for at in THRESHOLDS:
        seen = by_picture(rows, at)
        alone.append(count(seen, truth))
        joint.append(count(by_sums(seen, template, Thresholds(at, at, at), MarkRule()), truth))
        one, both = alone[-1], joint[-1]
        print(f"  {at:g} | {one.review:.2%}, {one.per_thousand:.2f} | {both.review:.2%}, {both.per_thousand:.2f}")
    for target in (5.0, 2.0, 1.0, 0.5, 0.2):
        one_review, both_review = review_at(alone, target), review_at(joint, target)
        print(
            f"  at most {target:g} wrong in 1,000: {one_review:.2%} alone, {both_review:.2%} with totals "
            f"({both_review / one_review - 1:+.0%})"
        )
    return alone, joint


def _print_misadded(
    rows: Sequence[FieldRow], truth: Truth, by: tuple[SheetTemplate, Thresholds], chosen: tuple[float, int]
) -> None:
    (template, held), (share, seed) = by, chosen
    changed, new_truth, sheets = misadd(by_picture(rows, held.number), truth, share, seed)
    found = watch(changed, new_truth, sheets, lambda some: by_sums(some, template, held, MarkRule()))
    print(
        f"{found.sheets} totals made wrong: {found.at_once} flagged at once, {found.later} once the rest is settled, "
        f"{found.unnoticed} never; {found.wrong} wrong values accepted on these sheets"
    )
    _print_row("all sheets", count(by_sums(changed, template, held, MarkRule()), new_truth))


if __name__ == "__main__":
    main()
