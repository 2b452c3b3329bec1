"""From exported networks to honest confidences: temperatures, and the curves from which the promise is derived.

Temperatures are fitted on the writers that said when to stop training, curves are counted on writers that had no say in
anything. What is calibrated are the files that ship: eight bits move probabilities.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import (
    CARD_FILE,
    CHARACTERS,
    MARK_BOXES,
    NUMBERS,
    ReadingModel,
    load_card,
    load_model,
    load_network,
    softmax,
    write_card,
)
from recognizer.curves import curve_points
from recognizer.decode import FAINT_SPECKS
from recognizer.digits import IsolatedCell, isolate_number
from recognizer.fields import FieldCrops, read_fields
from recognizer.pictures import crop_of_picture
from recognizer.promise import ACCEPT_ERROR
from recognizer.records import SYMBOLS, BoxCrop
from recognizer.sequences import Texts, text_probabilities
from recognizer.template import Kind, Role, SheetField
from recognizer.training import Say
from recognizer.training.layouts import MET
from recognizer.training.mark_boxes import MarkSamples
from recognizer.training.mark_fields import ComposedField, choice_fields, judged
from recognizer.training.pools import DIGITS, Pool
from recognizer.training.samples import MAKERS, Composed, Samples, compose, number_cell, single_digit
from recognizer.training.sources import DataError
from recognizer.training.train_marks import as_views, calibration_marks
from recognizer.values import BLANK, written_value

Job: TypeAlias = tuple[str, int, int, int]
"""What to make: a kind, two numbers that mean what the kind says, and a seed."""

FITTED_BOXES, FITTED_CELLS = 12_000, 3000
"""Composed boxes to fit temperatures on; of these so many for texts, which take longer."""

NAMED = ("mnist", "swiss")
"""Sets that say who wrote what: only these can vouch for writers never seen."""

MADE_OF = {
    Kind.DIGITS: "digits of MNIST's and Swiss writers never trained on, as they are and written into composed boxes",
    Kind.NUMBER: "numbers composed of the same writers' digits in composed cells",
    Kind.CHOICE: "composed tick boxes and bubbles, marked by nobody",
}
"""What the curves were counted on, for people."""

NUMBER_FIELDS = 50_000
"""Composed number cells to count on."""

NOT_DIGITS = {"strange": 0.03, "struck": 0.03, "blank": 0.03, "dash": 0.01}
"""For each field with a digit so many boxes with something else in them, by what it is."""

TEMPERATURES = np.exp(np.arange(np.log(0.4), np.log(4.0), 0.02))

BATCH = 256

SINGLE = SheetField(
    name="box",
    kind=Kind.DIGITS,
    role=Role.ANSWER,
    x=20.0,
    y=40.0,
    width=7.0,
    height=9.0,
    minimum=Decimal(0),
    maximum=Decimal(9),
)
"""What a box for one digit may hold."""


def _cell(**limits: object) -> SheetField:
    place = {"name": "cell", "kind": Kind.NUMBER, "role": Role.ANSWER, "x": 20.0, "y": 40.0, "width": 18.0}
    return SheetField.model_validate({**place, "height": 11.0, **limits})


CELLS = (
    _cell(minimum=0, maximum=10, step=Decimal("0.5"), dash=True, absent=True),
    _cell(minimum=0, maximum=20, step=Decimal("0.5"), dash=True),
    _cell(minimum=0, maximum=120, step=Decimal("0.5"), absent=True),
    _cell(minimum=-100, maximum=100, step=Decimal("0.1")),
    _cell(),
)
"""What number cells may hold, from narrow to anything: a composed number is read by the first that can hold it."""


@dataclass(frozen=True, slots=True)
class LabelledField:
    """One field as a page shows it, its value, None where it shows none, and by whom it is, where that matters."""

    field: SheetField
    crop: BoxCrop
    truth: str | None
    writer: str = ""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Everything that exported networks are calibrated with: to fit temperatures on, and to count on."""

    boxes: Samples
    marks: MarkSamples
    digits: tuple[LabelledField, ...]
    numbers: tuple[LabelledField, ...]
    choices: tuple[ComposedField, ...]
    writers: int


def held_out(pools: Mapping[str, Pool], data: Path, seed: int, workers: int = 1) -> HeldOut:
    """Compose what networks are calibrated with; the same for the same seed whatever `workers` is.

    Args:
        pools: as `load_pools` gives them; `validation` and `calibration` are used.
        data: the data folder, for the real bubbles.
        seed: of everything drawn.
        workers: processes that draw.

    Raises:
        DataError: the data is missing something.
    """
    boxes = compose(pools["validation"], FITTED_BOXES, seed + 20, workers)
    if not len(boxes.y):
        raise DataError("no box to fit temperatures on came out of the validation writers' digits; is the data whole?")
    pool = pools["calibration"]
    return HeldOut(
        boxes,
        calibration_marks(data, seed + 10, workers),
        tuple(digit_fields(pool, seed, workers)),
        tuple(number_fields(pool, seed, NUMBER_FIELDS, workers)),
        tuple(choice_fields(seed, workers)),
        sum(hand.name.startswith(NAMED) for _, hands in pool.groups for hand in hands),
    )


def calibrated(folder: Path, held: HeldOut, say: Say) -> dict[str, Any]:
    """Fit temperatures, count the curves, write both into the card in the folder, and return the card.

    Raises:
        ModelError: the networks or their card are damaged.
    """
    card: dict[str, Any] = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    for name, temperature in _temperatures(folder, held).items():
        card["networks"][name]["temperature"] = temperature
        say(f"{name}: temperature {temperature}")
    write_card(folder, card)
    model = load_model(folder)
    digits, numbers = visible(held.digits), visible(held.numbers)
    say(f"left out, as the scan shows nothing: {len(held.digits) + len(held.numbers) - len(digits) - len(numbers)}")
    scored = {
        Kind.DIGITS: counted(digits, model),
        Kind.NUMBER: counted(numbers, model),
        Kind.CHOICE: list(judged(held.choices, model)),
    }
    writers = {Kind.DIGITS: held.writers, Kind.NUMBER: held.writers, Kind.CHOICE: 1}
    card["calibration"] = {kind.value: entry(found, writers[kind], MADE_OF[kind]) for kind, found in scored.items()}
    for kind, fields in ((Kind.DIGITS, digits), (Kind.NUMBER, numbers)):
        # A digit stands in several of them, so that they tell less than as many by as many writers would.
        by = design_effect(scored[kind], [one.writer for one in fields])
        card["calibration"][kind.value]["design_effect"] = by
        say(f"{kind}: fields count for 1 / {by} of as many independent ones")
    for kind, found in scored.items():
        say(f"{kind}: {len(found)} fields, the best value of {sum(bool(wrong) for _, wrong in found)} is wrong")
    write_card(folder, card)
    return card


def entry(scored: Sequence[tuple[float, bool | None]], writers: int, made_of: str) -> dict[str, Any]:
    """Return a card's entry of one kind of field.

    Args:
        scored: score of each field and whether its best value is wrong; None where trouble keeps it from acceptance.
        writers: how many people wrote them.
        made_of: what they are, for people.
    """
    usable = [(score, wrong) for score, wrong in scored if wrong is not None]
    points = curve_points(np.array([score for score, _ in usable]), np.array([wrong for _, wrong in usable], np.bool_))
    return {"fields": len(scored), "writers": writers, "made_of": made_of, "curve": [list(point) for point in points]}


def design_effect(scored: Sequence[tuple[float, bool | None]], writers: Sequence[str]) -> float:
    """Return how many times more errors vary between writers than chance makes independent fields vary; 1 at least.

    Pearson's statistic over its degrees of freedom (McCullagh & Nelder 1989, section 4.5), of the fields above the
    loosest score at which one in 1,000 is wrong. Counts divided by it are those of as many independent fields as tell
    as much (effective sample size: Kish 1965; Korn & Graubard 1998).

    Args:
        scored: as for `entry`.
        writers: of each field.
    """
    usable = [(score, wrong, who) for (score, wrong), who in zip(scored, writers, strict=True) if wrong is not None]
    usable.sort(key=lambda one: -one[0])
    rates = np.cumsum([one[1] for one in usable]) / np.arange(1, len(usable) + 1)
    accepted = usable[: int(np.flatnonzero(rates <= ACCEPT_ERROR)[-1]) + 1] if (rates <= ACCEPT_ERROR).any() else []
    fields, errors = Counter(who for _, _, who in accepted), Counter(who for _, wrong, who in accepted if wrong)
    if not errors or len(fields) < 2:
        return 1.0
    rate = errors.total() / fields.total()
    found = sum((errors[who] - rate * number) ** 2 / (number * rate * (1 - rate)) for who, number in fields.items())
    return round(max(found / (len(fields) - 1), 1.0), 3)


def visible(fields: Sequence[LabelledField]) -> list[LabelledField]:
    """Return the fields without those whose writing a composed scan lost altogether.

    In these there is no ink and no trace of any: what pencil, noise and a threshold leave nothing of, a person calls
    blank too. So the promise does not speak of writing that a scan does not show.
    """
    return [one for one in fields if one.truth == BLANK or _shows_something(isolate_number(one.crop))]


def _shows_something(cell: IsolatedCell) -> bool:
    return cell.strip is not None or cell.pale > 0 or cell.unplaced > 0 or cell.specks >= FAINT_SPECKS


def counted(fields: Iterable[LabelledField], model: ReadingModel) -> list[tuple[float, bool | None]]:
    """Read fields as a page is read; return score and whether the best value is wrong, None for fields with trouble."""
    found: list[tuple[float, bool | None]] = []
    for part in _batches(fields):
        decoded = read_fields([FieldCrops(one.field, (one.crop,)) for one in part], model)
        for one, read in zip(part, decoded, strict=True):
            if read.trouble is not None or not read.values:
                found.append((0.0, None))
            else:
                found.append((read.values[0].probability, read.values[0].value != one.truth))
    return found


# ---- the fields ------------------------------------------------------------------------------------------------------


def digit_fields(pool: Pool, seed: int, workers: int = 1) -> list[LabelledField]:
    """Return every digit of the pool's named writers twice, and what else stands in such boxes now and then.

    Each is shown as its set shows it, and written into a box and scanned.
    """
    rng = np.random.default_rng([seed, 11])
    jobs: list[Job] = []
    for group, (_, hands) in enumerate(pool.groups):
        for index, hand in enumerate(hands):
            if hand.name.startswith(NAMED):
                jobs += [("hand", group, index, int(rng.integers(2**31)))]
    digits = 2 * sum(len(inks) for _, hands in pool.groups for hand in hands for inks in hand.digits.values())
    for kind, share in NOT_DIGITS.items():
        jobs += [(kind, -(-round(digits * share) // 4), part, int(rng.integers(2**31))) for part in range(4)]
    return _made(_digit_job, pool, jobs, workers)


def number_fields(pool: Pool, seed: int, count: int, workers: int = 1) -> list[LabelledField]:
    """Return composed number cells by the pool's writers, each read by the narrowest of `CELLS` that can hold it."""
    rng = np.random.default_rng([seed, 12])
    jobs = [("number", 500, part, int(rng.integers(2**31))) for part in range(-(-count // 500))]
    return _made(_number_job, pool, jobs, workers)


def _made(
    work: Callable[[tuple[Pool, Job]], list[LabelledField]], pool: Pool, jobs: Sequence[Job], workers: int
) -> list[LabelledField]:
    arguments = [(pool, job) for job in jobs]
    if workers == 1:
        return [field for argument in arguments for field in work(argument)]
    with get_context("fork").Pool(workers) as processes:
        return [field for part in processes.map(work, arguments, chunksize=4) for field in part]


def _digit_job(given: tuple[Pool, Job]) -> list[LabelledField]:
    pool, (kind, first, second, seed) = given
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    if kind != "hand":
        made = [MAKERS[kind](pool, rng) for _ in range(first)]
        truth = BLANK if kind == "blank" else None
        return [LabelledField(SINGLE, one.crop, truth) for one in made]
    hand = pool.groups[first][1][second]
    found = []
    for digit in DIGITS:
        for ink in hand.digits[digit]:
            # Paper around it, as data sets and phones show it.
            edges = rng.integers(2, 9, 4)
            picture = np.pad(255 - ink, ((edges[0], edges[1]), (edges[2], edges[3])), constant_values=255)
            for crop in (crop_of_picture(picture), single_digit(hand, digit, rng, ink).crop):
                found.append(LabelledField(SINGLE, crop, digit, hand.name))
    return found


def _number_job(given: tuple[Pool, Job]) -> list[LabelledField]:
    pool, (_, count, _, seed) = given
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    # One writer counts as much as another, however many digits they left: a batch is a sample of writers.
    hands = [hand for _, some in pool.groups for hand in some]
    hands = [hand for hand in hands if hand.name.startswith(NAMED)] or hands
    drawn = [hands[int(number)] for number in rng.integers(len(hands), size=count)]
    return [replace(_labelled(number_cell(hand, pool, rng, habits=MET)), writer=hand.name) for hand in drawn]


def _labelled(one: Composed) -> LabelledField:
    for field in CELLS:
        if (value := written_value(field, one.text)) is not None:
            return LabelledField(field, one.crop, value)
    return LabelledField(CELLS[1], one.crop, None)


# ---- temperatures ----------------------------------------------------------------------------------------------------


def _temperatures(folder: Path, held: HeldOut) -> dict[str, float]:
    card = load_card(folder / CARD_FILE)
    single, some = held.boxes.characters, held.boxes.chosen(np.arange(min(FITTED_CELLS, len(held.boxes.y))))
    marks = load_network(folder, MARK_BOXES, card).logits(as_views(held.marks.x))
    return {
        CHARACTERS: fit_temperature(load_network(folder, CHARACTERS, card).logits(single.glyphs), single.y),
        NUMBERS: fit_sequence_temperature(load_network(folder, NUMBERS, card).logits(some.lines), some.text),
        MARK_BOXES: fit_temperature(marks, held.marks.y),
    }


def fit_temperature(logits: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the temperature with the smallest negative log likelihood (Guo et al. 2017), to 2 per cent.

    Args:
        logits: (N, C).
        truth: (N,) the right class of each.
    """
    rows = np.arange(len(truth))

    def loss(temperature: float) -> float:
        likely = softmax(logits, temperature)[rows, truth]
        return float(-np.log(np.maximum(likely, 1e-9)).mean())

    return round(float(min(TEMPERATURES, key=loss)), 4)


def fit_sequence_temperature(logits: NDArray[np.float32], text: NDArray[np.int32]) -> float:
    """Return the temperature under which the texts that were written are likeliest, to 6 per cent.

    Args:
        logits: (N, T, 1 + S).
        text: (N, L) as in `Samples`.
    """
    written = [Texts.of(["".join(SYMBOLS[number - 1] for number in row if number)]) for row in text]

    def loss(temperature: float) -> float:
        steps = softmax(logits, temperature)
        likely = [text_probabilities(one, texts)[0] for one, texts in zip(steps, written, strict=True)]
        return float(-np.log(np.maximum(likely, 1e-9)).mean())

    return round(float(min(TEMPERATURES[::3], key=loss)), 4)


def _batches(fields: Iterable[LabelledField]) -> Iterator[list[LabelledField]]:
    part: list[LabelledField] = []
    for field in fields:
        part.append(field)
        if len(part) == BATCH:
            yield part
            part = []
    if part:
        yield part
