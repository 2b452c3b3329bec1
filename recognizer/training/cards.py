"""What the card of a model says: what it learned from, who was held out, and what was done in which order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from recognizer.classifier import CARD_FILE, CHARACTERS, INPUTS, MARK_BOXES, NUMBERS, load_card
from recognizer.training import Epoch
from recognizer.training.model_folder import hash_of_model
from recognizer.training.plan import Plan
from recognizer.training.pools import MISLABELLED, PARTS, held_writers, mnist_without_reserved
from recognizer.training.reserved import reserved_writers
from recognizer.training.samples import KINDS
from recognizer.training.sources import DataError, mnist_is_there

NAME = "tallymark"
"""Of a model that begins with nothing; each course after it adds to the number at its end."""

HELD_NAMES = {part: f"{part}_mnist_writers" for part in ("validation", "calibration")}
"""Entries of a card that name the writers of MNIST who validate and calibrate."""

SETS = (
    ("MNIST (training part, writers from QMNIST)", "CC BY-SA 3.0; writer numbers BSD-3-Clause"),
    ("Swiss digits (kensanata/numbers, BSI anagnostes)", "public domain, copy under Apache-2.0"),
    ("bhmsds digits and symbols", "MIT"),
    ("UCI optdigits", "CC BY 4.0"),
    ("UCI Semeion", "CC BY 4.0"),
    ("sudoku-scanner handwritten and blank cells", "MIT"),
    ("mdas symbols", "MIT"),
    ("Omniglot Latin letters", "MIT"),
    ("CTCT-Exam-Scanner bubbles", "MIT"),
    ("Noto Sans, printed", "SIL Open Font License 1.1"),
    ("hands drawn stroke by stroke, bars and upstrokes given to others", "drawn by this project"),
)

LIMITS = (
    "Halves, struck-out and touching digits, capitals and marks in boxes are composed, not real.",
    "Boxes are composed after the product's own print; no real scanner took part.",
    "The sets besides MNIST and the Swiss digits name no writers; their validation part says nothing of new hands.",
    "Eight bits leave steps of about 0.2 between logits: probabilities next to 0 and 1 come in steps.",
)


def about(plan: Plan, precision: str, backend: str) -> dict[str, Any]:
    """Return what a card says of one course, and of what it was held away from."""
    from recognizer.training.network import SHAPES

    held = held_by_name(plan)
    return {
        "name": NAME,
        "date": datetime.now(UTC).date().isoformat(),
        "input": {name: list(shape) for name, shape in INPUTS.items()},
        "shapes": {name: list(shape) for name, shape in SHAPES.items()},
        "data": [{"set": name, "licence": licence} for name, licence in SETS]
        + [{"set": f"digits of {path.name}", "licence": "of whoever trained with it"} for path in plan.from_csv],
        "excluded": {
            "reserved_mnist_writers": sorted(reserved_writers()),
            **held,
            "mnist_t10k": "measured on only",
            "mnist_rows_labelled_wrongly": list(MISLABELLED),
            "sets_left_out": [*plan.without, *(() if held else ("MNIST",))],
        },
        "parts": list(PARTS),
        "seed": plan.seed,
        "course": {"name": plan.course, **asdict(plan.lengths)},
        "kinds": KINDS,
        "precision": precision,
        "computed_by": backend,
        "limits": list(LIMITS),
    }


def learning_entry(epochs: Sequence[Epoch], of_class: Mapping[str, int]) -> dict[str, Any]:
    """Return a card's entry of how a network learned."""
    return {
        "views": sum(of_class.values()),
        "of_class": dict(of_class),
        "epochs": [{name: round(value, 5) for name, value in asdict(epoch).items()} for epoch in epochs],
    }


def lineage(plan: Plan, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a card says of all courses together, after one that went on from the model of the `old` card."""
    lengths = plan.lengths
    epochs = {CHARACTERS: lengths.characters, NUMBERS: lengths.numbers, MARK_BOXES: lengths.marks}
    boxes = {MARK_BOXES: lengths.mark_boxes}
    before = str(old.get("name", NAME))
    name = before.rstrip("0123456789")
    number = int(before[len(name) :] or 1) + 1
    course = f"then the next course by train.py, seed {plan.seed}, from {before}: " + "; ".join(
        f"{one} {epochs[one]} epochs at most of {boxes.get(one, lengths.boxes):,} boxes composed anew"
        for one in plan.networks
    )
    learned = [one for one in old.get("data", []) if one not in new["data"]]
    left_out = set(old.get("excluded", {}).get("sets_left_out", [])) & set(new["excluded"]["sets_left_out"])
    return {
        "name": f"{name.rstrip('-')}-{number}",
        "data": [*new["data"], *learned],
        "excluded": {**new["excluded"], "sets_left_out": sorted(left_out)},
        "computed_by": f"{old.get('computed_by', 'unknown')}; then {new['computed_by']}",
        "went_on_from": {"name": before, "sha256": hash_of_model(plan.begun_from)},
        "made": [*old.get("made", []), course],
    }


def held_by_name(plan: Plan) -> dict[str, list[int]]:
    """Return the writers of MNIST that no network learns from, as a card names them; nothing where MNIST is missing."""
    if not mnist_is_there(plan.data):
        return {}
    held = held_writers(mnist_without_reserved(plan.data).writer, plan.seed)
    return {HELD_NAMES[part]: some.tolist() for part, some in held.items()}


def check_held(plan: Plan, card: Mapping[str, Any]) -> None:
    """Refuse to go on, or to calibrate, where a writer would vouch for a network that learned from them.

    Raises:
        DataError: the data folder's writers would be held out otherwise than for the model.
    """
    before = {name: card.get("excluded", {}).get(name) for name in HELD_NAMES.values()}
    if not any(before.values()):
        # It never learned from MNIST.
        return
    now = held_by_name(plan)
    if any(before[name] != now.get(name) for name in before):
        seen = "other writers would be held out" if now else "MNIST with its writers is missing"
        raise DataError(
            f"{plan.data}: {seen}, but {plan.stays_in} learned from MNIST, so writers that it knows would say how "
            "well it reads new ones: bring the data that it was trained with, or begin with nothing by --course short"
        )


def _check_seed(plan: Plan, card: Mapping[str, Any]) -> None:
    if card.get("seed", plan.seed) != plan.seed:
        raise DataError(
            f"{plan.stays_in}: its writers were held out by seed {card['seed']}, not {plan.seed}: give "
            f"--seed {card['seed']}, or begin with nothing by --course short"
        )


def old_card(plan: Plan) -> dict[str, Any]:
    """Return the card of the networks that stay; an empty one when there is none and all are trained.

    Raises:
        DataError: it cannot be read, or other writers were held out for it.
        ModelError: there is no model to go on from.
    """
    staying = [name for name in INPUTS if name not in plan.networks]
    if plan.goes_on:
        card = dict(load_card(plan.begun_from / CARD_FILE).details)
        _check_seed(plan, card)
        return card
    path = plan.stays_in / CARD_FILE
    if path.is_file():
        try:
            old: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise DataError(f"{path}: is no card ({error}); remove it and train all networks") from error
        if staying:
            _check_seed(plan, old)
        return old
    if staying and not (plan.uncalibrated or plan.unexported):
        raise DataError(
            f"{path}: is not there, so there are no networks {', '.join(staying)} to leave as they are: train all, or "
            "leave them out with --uncalibrated and train them later"
        )
    return {}
