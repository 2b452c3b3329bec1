"""Templates with totals, and the slow way to decode them: every combination, one by one."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from recognizer.sum_layout import SumLayout, SumPart
from recognizer.sum_model import LEFT_OUT_SHARE, SLIPS, TRANSPOSED_SHARE, SumModel
from recognizer.sums import PartEvidence, prior_weights
from recognizer.template import SheetTemplate, parse_template

HEAD = 'name = "marks"\n[[page]]\n'


def sum_source(
    marks: Sequence[str],
    totals: Sequence[str],
    *,
    maximum: int = 2,
    step: str = "1",
    extra: str = "",
    total_extra: str = "",
    total_maximum: int | None = None,
    note: bool = False,
) -> str:
    """Return a template of marks by name, and totals as `name:what it adds`, `name:` for nothing said."""
    text = HEAD
    for at, name in enumerate(marks):
        text += _field(name, at, f'role = "mark"\nquestion = "{name[1:]}"\nmaximum = {maximum}\n{extra}', step)
    for at, total in enumerate(totals):
        name, _, adds = total.partition(":")
        listed = ", ".join(f'"{each}"' for each in adds.split())
        said = f"adds = [{listed}]\n" if adds.strip() else ""
        largest = len(marks) * maximum if total_maximum is None else total_maximum
        more = f'role = "total"\nlabel = "{name}"\nmaximum = {largest}\n{said}{total_extra}'
        text += _field(name, len(marks) + at, more, step)
    return text + (_field("note", 14, 'role = "none"', step) if note else "")


def sum_template(marks: Sequence[str], totals: Sequence[str], **options: Any) -> SheetTemplate:
    """Return the template that `sum_source` writes."""
    return parse_template(sum_source(marks, totals, **options))


def _field(name: str, at: int, more: str, step: str) -> str:
    column, row = divmod(at, 15)
    return (
        f'[[page.field]]\nname = "{name}"\nkind = "number"\nx = {15 + 30 * column}\ny = {45 + 14 * row}\nwidth = 18\n'
        f"height = 8\nminimum = 0\nstep = {step}\n{more}\n"
    )


def by_brute_force(
    layout: SumLayout, sheet: Sequence[PartEvidence], model: SumModel
) -> tuple[list[np.ndarray], dict[int, float]]:
    """Return the probabilities of every part's columns, and how likely each total is wrong, from all combinations.

    For sheets of marks without AB and totals that pass on what is written in them.
    """
    priors = [prior_weights(layout, at, [one])[0] for at, one in enumerate(sheet)]
    marks = [at for at in range(len(layout.parts)) if at not in layout.nodes]
    totals = list(layout.nodes)
    found = [np.zeros(len(prior)) for prior in priors]
    wrong = dict.fromkeys(totals, 0.0)
    for columns in itertools.product(*(np.flatnonzero(prior).tolist() for prior in priors)):
        held = dict(enumerate(columns))
        weight = float(np.prod([priors[at][column] for at, column in held.items()]))
        for amounts in itertools.product(*(_amounts(layout, at, held[at], model) for at in marks)):
            each = weight * float(np.prod([share for _, share, _ in amounts]))
            added = {at: amount for at, (amount, _, _) in zip(marks, amounts, strict=True)}
            lost = {at: is_lost for at, (_, _, is_lost) in zip(marks, amounts, strict=True)}
            errs: list[int] = []
            for total in totals:
                node, part = layout.nodes[total], layout.parts[total]
                real = sum(added[child] for child in node.children)
                column = held[total]
                if column == part.blank:
                    added[total] = real
                    continue
                written = part.low + column
                each *= _written_share(layout, part, model, real, written)
                added[total] = written if node.passes_written else real
                errs += [total] * (written != real)
            # One that is right by chance after another error counts for both.
            errs += [total for total in totals for child in layout.nodes[total].children if lost.get(child, False)]
            for at, column in held.items():
                found[at][column] += each
            for total in errs:
                wrong[total] += each
    whole = found[0].sum()
    return [one / whole for one in found], {at: min(weight / whole, 1.0) for at, weight in wrong.items()}


def _amounts(layout: SumLayout, at: int, column: int, model: SumModel) -> list[tuple[int, float, bool]]:
    part = layout.parts[at]
    if column < part.count:
        lost = model.left_out_of(layout.siblings(at))
        return [(part.low + column, 1 - lost, False), (0, lost, part.low + column != 0)]
    if column == part.blank:
        hidden = [(part.low + c, model.forgotten * float(part.awarded[c]), True) for c in range(part.count)]
        return [(0, 1 - model.forgotten, False), *(one for one in hidden if one[1])]
    return [(0, 1.0, False)]


def _written_share(layout: SumLayout, part: SumPart, model: SumModel, real: int, written: int) -> float:
    """P(written | real), times the numbers that the total can hold."""
    held = int(part.allowed[: part.count].sum())
    one = int(1 / layout.unit)
    share = (1 - model.misadded) * (written == real)
    rest = 1 - LEFT_OUT_SHARE
    for by, of_slip in SLIPS:
        units = by / layout.unit
        if units == int(units):
            share += model.misadded * of_slip * (written == real + int(units))
            rest -= of_slip
    whole, behind = divmod(real, one)
    turned = (whole // 100 * 100 + whole % 10 * 10 + whole % 100 // 10) * one + behind
    share += model.misadded * TRANSPOSED_SHARE * (written == turned != real)
    rest -= TRANSPOSED_SHARE
    return held * share + model.misadded * rest
