"""What to train and for how long: the courses, and the options of the command line."""

from dataclasses import dataclass, replace
from pathlib import Path

from recognizer.classifier import CARD_FILE, SHIPPED
from recognizer.training.model_folder import hash_of_model


@dataclass(frozen=True, slots=True)
class Lengths:
    """How much is composed, and for how many epochs at most each network learns from it.

    `batch` views are learned from at a time in the first course. `fresh_…` are the boxes and epochs of a last course on
    what is composed anew, 0 where there is none; `mark_boxes` and `marks` those of the network for tick boxes.
    """

    boxes: int
    characters: int
    numbers: int
    batch: int = 256
    fresh_boxes: int = 0
    fresh_characters: int = 0
    fresh_numbers: int = 0
    mark_boxes: int = 60_000
    marks: int = 16
    goes_on: bool = False
    """From the weights of a model, instead of from nothing; then all boxes are fresh."""


COURSES = {
    "next": Lengths(boxes=130_000, characters=3, numbers=6, goes_on=True),
    "short": Lengths(boxes=120_000, characters=12, numbers=6),
    "long": Lengths(320_000, 4, 11, batch=512, fresh_boxes=130_000, fresh_characters=8, fresh_numbers=6),
}
"""The next course goes on from the model that ships, and makes the next one. The short one begins with nothing. Both
are made for two hours on two cores. The long one is where the shipped weights began; it is for patience, or an
accelerator (`KERAS_BACKEND` says through which library Keras computes)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train: the options of the command line, as `--help` explains them."""

    data: Path
    out: Path
    course: str
    epochs: int | None
    seed: int
    boxes: int | None
    workers: int
    keep: Path | None
    plots: Path | None
    networks: tuple[str, ...]
    unexported: bool
    uncalibrated: bool
    start: Path | None = None
    from_csv: tuple[Path, ...] = ()
    without: tuple[str, ...] = ()

    @property
    def lengths(self) -> Lengths:
        """The course, with the options that overrule it."""
        lengths = COURSES[self.course]
        if self.epochs is not None:
            names = ("characters", "numbers", "marks", "fresh_characters", "fresh_numbers")
            lengths = replace(lengths, **{name: min(getattr(lengths, name), self.epochs) for name in names})
        if self.boxes is None:
            return lengths
        fresh = min(lengths.fresh_boxes, self.boxes)
        return replace(lengths, boxes=self.boxes, fresh_boxes=fresh, mark_boxes=-(-self.boxes // 3))

    @property
    def begun_from(self) -> Path:
        """The folder of the model that the next course goes on from."""
        return self.start or (self.out if (self.out / CARD_FILE).is_file() else SHIPPED)

    @property
    def goes_on(self) -> bool:
        """Whether networks go on from the weights of a model; to calibrate anew is no course."""
        return self.lengths.goes_on and bool(self.networks)

    @property
    def stays_in(self) -> Path:
        """The folder of the networks that are not trained."""
        return self.begun_from if self.goes_on else self.start or self.out

    @property
    def drawn_seed(self) -> int:
        """Seed of what is composed to learn from; no course draws what the one before it drew.

        Raises:
            ModelError: there is no model to go on from.
        """
        if not self.goes_on:
            return self.seed
        return self.seed + int(hash_of_model(self.begun_from)[:6], 16)
