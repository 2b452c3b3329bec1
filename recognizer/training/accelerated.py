"""A long course on an accelerator: all views stay in its memory and are varied there, dozens of steps at a time.

What `train.py` does on two cores in a night takes minutes so. Networks, losses and the kinds of variation are those of
`network.py`; what is computed on the accelerator is said once more here, in JAX, which nothing else needs:

    pip install jax[cuda13]
    KERAS_BACKEND=jax python -m recognizer.training.accelerated --start recognizer/weights --keep build/course
    cp -r recognizer/weights build/model               (the network for marks stays what it is)
    python -m recognizer.training.export --keras build/course --out build/model
    python -m recognizer.training.train --networks none --out build/model
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.classifier import CARD_FILE, CHARACTERS, NUMBERS, SHIPPED, load_card, write_card
from recognizer.errors import RecognizerError
from recognizer.training import Epoch, Say
from recognizer.training.pools import load_pools
from recognizer.training.samples import Samples, compose, plain_views
from recognizer.training.sources import DataError

if TYPE_CHECKING:
    import keras

NETWORKS = (CHARACTERS, NUMBERS)

STEPS = {CHARACTERS: 190_000, NUMBERS: 49_000}
"""About the steps that the shipped networks took last; both at once took ten minutes of one H100."""

RATES = {CHARACTERS: 1.0e-3, NUMBERS: 1.2e-3}
"""Learning rates after a short warm-up, from which they fall to nothing along a cosine."""

PLAIN = {CHARACTERS: 0.38, NUMBERS: 0.14}
"""Share of each batch that are whole pictures out of the sets, and no composed boxes."""

SHARES = {CHARACTERS: 0.7, NUMBERS: 0.6}
"""How far from the weights before to those of the course the weights that are kept lie. Weights of a long course are
surer of composed boxes and no better at real ones; a part of the way is better at both (Wortsman et al. 2022)."""

BATCH = 512

AT_ONCE = 40
"""Steps that the accelerator takes without asking."""

BOXES, UNSEEN_BOXES = 540_000, 8_000

DECAY = 0.999
"""Weights are averaged along the course, so that its last steps count no more than others (Polyak & Juditsky 1992)."""

EARLY = 0.75
"""The mean of the averaged weights after this share of the course and at its end is what it comes to."""

REPORTS = 12
"""How often a course says how it goes."""

BETAS, EPSILON, WEIGHT_DECAY, LONGEST_STEP = (0.9, 0.999), 1e-7, 2e-4, 5.0
"""Of AdamW (Loshchilov & Hutter 2019), and the norm at which gradients are cut."""

Array = Any
"""An array of JAX, which comes without types where it is not installed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: the options of the command line, as `--help` explains them."""

    data: Path
    start: Path
    keep: Path
    boxes: int
    steps: float
    seed: int
    workers: int


@dataclass(frozen=True, slots=True)
class Course:
    """What came of one course: the averaged weights early and at the end, and how it went."""

    early: list[NDArray[np.float32]]
    last: list[NDArray[np.float32]]
    epochs: tuple[Epoch, ...]


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says; return the exit code."""
    plan = Plan(**vars(_parser().parse_args(arguments)))
    # Processes that compose boxes are forked from this one: no other thread may run in it by then.
    cv2.setNumThreads(1)
    try:
        run(plan)
    except RecognizerError as error:
        print(f"accelerated: {error}", file=sys.stderr)
        return 1
    return 0


def run(plan: Plan) -> None:
    """Compose, train both networks, and save them with their card.

    Raises:
        DataError: JAX, or something in the data folder, is missing.
        ModelError: there is no model to start from.
    """
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.0f} s] {text}", flush=True)

    _check_jax()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    card = dict(load_card(plan.start / CARD_FILE).details)
    # The writers that validate and calibrate stay those of the model that this one goes on from.
    pools = load_pools(plan.data, int(card["seed"]))
    say("pools loaded")
    # Composed before JAX starts, whose threads forbid to fork.
    composed = compose(pools["train"], plan.boxes, plan.seed, plan.workers)
    plain = plain_views(pools["train"], plan.seed, plan.workers)
    unseen = compose(pools["validation"], min(UNSEEN_BOXES, plan.boxes), plan.seed + 1, plan.workers)
    say(f"{len(composed.y)} composed and {len(plain.y)} plain views to learn from, {len(unseen.y)} unseen ones")
    import keras

    from recognizer.training.network import as_float32, as_learning, choose_precision
    from recognizer.training.trained import load_trained

    keras.utils.set_random_seed(plan.seed)
    say(f"{keras.backend.backend()}, {choose_precision()}")
    plan.keep.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        network = as_learning(load_trained(plan.start, name))
        before = network.get_weights()
        course = learned(network, composed, plain, unseen, max(round(STEPS[name] * plan.steps), 1), plan.seed, say)
        share = SHARES[name] / 2
        network.set_weights(
            [
                (1 - 2 * share) * old + share * (early + last)
                for old, early, last in zip(before, course.early, course.last, strict=True)
            ]
        )
        as_float32(network).save(plan.keep / f"{name}.keras")
        entry = card["learning"][name]
        added = [{key: round(value, 5) for key, value in asdict(epoch).items()} for epoch in course.epochs]
        entry["epochs"] = [*entry["epochs"], *added]
    card["computed_by"] = f"{card.get('computed_by', 'unknown')}; then jax (accelerated.py)"
    card["made"] = [
        *card.get("made", []),
        f"then {', '.join(NETWORKS)} by accelerated.py: {plan.boxes:,} boxes, {plan.steps:g} of its course, "
        f"seed {plan.seed}",
    ]
    write_card(plan.keep, card)


def learned(  # noqa: PLR0917
    network: "keras.Model", composed: Samples, plain: Samples, unseen: Samples, steps: int, seed: int, say: Say
) -> Course:
    """Return what comes of `steps` steps; the network itself is left with the last weights.

    Args:
        network: one of `network.BUILDERS`.
        composed: boxes to learn from.
        plain: whole pictures to learn from.
        unseen: boxes by other writers, to tell how it goes; nothing is decided by them.
        steps: how many batches are learned from.
        seed: of the order and the variation.
        say: is told how it goes.
    """
    import jax
    import jax.numpy as jnp

    from recognizer.training.network import TASKS, mean_loss

    task = TASKS[network.name]
    sets = [one.characters if network.name == CHARACTERS else one for one in (composed, plain, unseen)]
    (boxes, truths), (pictures, labels), (shown, wanted) = (task.pairs(one) for one in sets)
    whole = round(BATCH * PLAIN[network.name]) if len(labels) else 0
    held = tuple(jnp.asarray(one) for one in (boxes, truths.astype(np.int32), pictures, labels.astype(np.int32)))
    vary = jax.vmap(partial(varied_one, height=boxes.shape[1], width=boxes.shape[2]))

    def loss_of(weights: list[Array], others: list[Array], x: Array, y: Array) -> tuple[Array, list[Array]]:
        logits, others = network.stateless_call(weights, others, x, training=True)
        return jnp.mean(task.loss(y, logits)), others

    def step(state: "_State", key: Array, rate: Array, data: tuple[Array, ...]) -> "tuple[_State, Array]":
        first, second, third = jax.random.split(key, 3)
        rows = jax.random.randint(first, (BATCH - whole,), 0, len(truths))
        x, y = data[0][rows], data[1][rows]
        if whole:
            rows = jax.random.randint(second, (whole,), 0, len(labels))
            x, y = jnp.concatenate([x, data[2][rows]]), jnp.concatenate([y, data[3][rows]])
        views = vary(jax.random.split(third, BATCH), x)
        (loss, others), slopes = jax.value_and_grad(loss_of, has_aux=True)(state[0], state[1], views, y)
        return _stepped(state, others, slopes, rate), loss

    @partial(jax.jit, donate_argnums=(0,))
    def many(state: "_State", key: Array, rates: Array, data: tuple[Array, ...]) -> "tuple[_State, Array]":
        each = jax.random.split(key, len(rates)), rates
        after, losses = jax.lax.scan(lambda one, at: step(one, at[0], at[1], data), state, each)
        return after, losses

    state = _begun(
        [one.value for one in network.trainable_variables], [one.value for one in network.non_trainable_variables]
    )
    rates = cosine(RATES[network.name], steps)
    key = jax.random.key(seed)
    done: list[Epoch] = []
    losses: list[float] = []
    early: list[NDArray[np.float32]] | None = None
    every = max(steps // REPORTS, AT_ONCE)
    for at in range(0, steps, AT_ONCE):
        key, own = jax.random.split(key)
        state, found = many(state, own, jnp.asarray(rates[at : at + AT_ONCE]), held)
        losses += np.asarray(found).tolist()
        over = min(at + AT_ONCE, steps)
        if early is None and over >= EARLY * steps:
            early = _with_weights(network, state[5], state[6])
        if at // every != over // every or over == steps:
            _with_weights(network, state[5], state[6])
            logits = network.predict(shown.astype(np.float32) / 255, batch_size=1024, verbose=0)
            done.append(
                Epoch(float(np.mean(losses)), mean_loss(task.loss, wanted, logits), task.accuracy(logits, wanted))
            )
            say(
                f"{network.name}: {over} of {steps} steps, loss {done[-1].loss:.4f}, on writers never seen "
                f"{done[-1].validation_loss:.4f} and {done[-1].validation_accuracy:.2%} right"
            )
            losses = []
    last = _with_weights(network, state[5], state[6])
    return Course(early or last, last, tuple(done))


_State = tuple[list[Array], list[Array], list[Array], list[Array], Array, list[Array], list[Array]]
"""Weights, other variables, both moments of Adam, steps so far, and the averages of weights and of other variables."""


def cosine(rate: float, steps: int) -> NDArray[np.float32]:
    """Return the learning rate of each step: up within a fiftieth of them, then down along a cosine to nothing."""
    at = np.arange(steps)
    warm = np.minimum((at + 1) / max(steps / 50, 1), 1.0)
    rates: NDArray[np.float64] = rate * warm * (1 + np.cos(np.pi * at / steps)) / 2
    return rates.astype(np.float32)


def _begun(weights: list[Array], others: list[Array]) -> _State:
    import jax.numpy as jnp

    def copies(arrays: list[Array], change: Callable[[Array], Array] = jnp.array) -> list[Array]:
        return [change(one) for one in arrays]

    # Copies: what goes into a step is given away with it.
    nothing = jnp.zeros((), jnp.float32)
    moments = copies(weights, jnp.zeros_like), copies(weights, jnp.zeros_like)
    return copies(weights), copies(others), *moments, nothing, copies(weights), copies(others)


def _stepped(state: _State, others: list[Array], slopes: list[Array], rate: Array) -> _State:
    """Return the state after one step of AdamW."""
    import jax.numpy as jnp

    weights, _, first, second, count, mean_weights, mean_others = state
    count = count + 1
    norm = jnp.sqrt(sum(jnp.sum(one * one) for one in slopes))
    slopes = [one * jnp.minimum(1.0, LONGEST_STEP / (norm + 1e-6)) for one in slopes]
    a, b = BETAS
    first = [a * old + (1 - a) * new for old, new in zip(first, slopes, strict=True)]
    second = [b * old + (1 - b) * new * new for old, new in zip(second, slopes, strict=True)]
    weights = [
        one - rate * ((m / (1 - a**count)) / (jnp.sqrt(v / (1 - b**count)) + EPSILON) + WEIGHT_DECAY * one)
        for one, m, v in zip(weights, first, second, strict=True)
    ]
    kept = jnp.minimum(DECAY, count / (count + 10))
    mean_weights = [kept * old + (1 - kept) * new for old, new in zip(mean_weights, weights, strict=True)]
    # Seeds of what is left out by chance are whole numbers, of which there is no mean.
    mean_others = [
        kept * old + (1 - kept) * new if jnp.issubdtype(new.dtype, jnp.floating) else new
        for old, new in zip(mean_others, others, strict=True)
    ]
    return weights, others, first, second, count, mean_weights, mean_others


def _with_weights(
    network: "keras.Model", weights: Sequence[Array], others: Sequence[Array]
) -> list[NDArray[np.float32]]:
    """Give the network these weights; return them in its own order."""
    # As copies: the next step takes the arrays themselves.
    for variable, value in zip(network.trainable_variables, weights, strict=True):
        variable.assign(np.array(value))
    for variable, value in zip(network.non_trainable_variables, others, strict=True):
        if np.issubdtype(np.dtype(value.dtype), np.floating):
            variable.assign(np.array(value))
    return [np.asarray(one, np.float32) for one in network.get_weights()]


def varied_one(key: Array, view: Array, height: int, width: int) -> Array:
    """Return one view (H, W, 2) uint8 as float32, 0 to 1, varied as `network.varied` varies many.

    Both moves, the turn and the bend, are one here, so that the view is interpolated once.
    """
    import jax
    import jax.numpy as jnp

    from recognizer.training import network as nw

    keys = jax.random.split(key, 9)
    turn = jnp.radians(jax.random.normal(keys[0]) * nw.TURN_DEGREES) * min(height / width, 1.0)
    scale = jnp.exp(jax.random.normal(keys[1]) * nw.SCALE_SHARE)
    scale = jnp.minimum(scale, 1.0 + 0.1 * height / width)
    stretch = jnp.exp(jax.random.normal(keys[2]) * nw.SCALE_SHARE)
    slant = jax.random.normal(keys[3]) * nw.SLANT
    shift = jax.random.uniform(keys[4], (2,), minval=-nw.SHIFT_PX, maxval=nw.SHIFT_PX)
    cos, sin = jnp.cos(turn) * scale, jnp.sin(turn) * scale
    linear = jnp.array([[cos * stretch, -sin + slant * cos], [sin * stretch, cos + slant * sin]])
    middle = jnp.array([(width - 1) / 2, (height - 1) / 2])
    knots = (nw.BENT_KNOTS, max(round(nw.BENT_KNOTS * width / height), 1), 2)
    bend = jax.random.normal(keys[5], knots) * nw.BENT_PX * height / 28
    bend = jax.image.resize(bend, (height, width, 2), "cubic") * (jax.random.uniform(keys[6]) < nw.BENT_SHARE)
    down, across = jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij")
    places = (jnp.stack([across, down], axis=-1) + bend - middle - shift) @ jnp.linalg.inv(linear).T + middle
    seen = _looked_up(view.astype(jnp.float32), places)
    beside = jnp.pad(seen, ((1, 0), (1, 0), (0, 0)), mode="edge")
    four = jnp.stack([beside[1:, 1:], beside[:-1, 1:], beside[1:, :-1], beside[:-1, :-1]])
    pen = jax.random.uniform(keys[7])
    changed = jnp.where(pen < nw.PEN_SHARE / 2, four.max(axis=0), four.min(axis=0))
    seen = jnp.where(pen < nw.PEN_SHARE, (seen + changed) / 2, seen)
    return jnp.minimum(seen * jax.random.uniform(keys[8], minval=0.8, maxval=1.15) / 255, 1.0)


def _looked_up(view: Array, places: Array) -> Array:
    """Return what a view (H, W, C) shows at places (H, W, 2), x and y, between pixels too; nothing beyond its edge."""
    import jax.numpy as jnp

    height, width = view.shape[:2]
    padded = jnp.pad(view, ((1, 1), (1, 1), (0, 0)))
    inside = jnp.clip(places + 1, 0.0, jnp.array([width + 0.999, height + 0.999]))
    low = jnp.floor(inside).astype(jnp.int32)
    (x, y), (right, below) = (low[..., 0], low[..., 1]), jnp.moveaxis(inside - low, -1, 0)[..., None]
    upper = padded[y, x] * (1 - right) + padded[y, x + 1] * right
    lower = padded[y + 1, x] * (1 - right) + padded[y + 1, x + 1] * right
    return upper * (1 - below) + lower * below


def _check_jax() -> None:
    try:
        import jax  # noqa: F401
    except ImportError as error:
        raise DataError(
            f"JAX is not installed ({error}), and this course runs on nothing else: pip install jax[cuda13], or take "
            "recognizer.training.train, which needs two cores and a night"
        ) from error


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.accelerated",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the handwriting data")
    parser.add_argument("--start", type=Path, default=SHIPPED, help="model to go on from (default: shipped)")
    parser.add_argument("--keep", type=Path, required=True, help="folder for the networks and their card")
    parser.add_argument("--boxes", type=_count, default=BOXES, help=f"boxes to compose (default {BOXES})")
    parser.add_argument(
        "--steps",
        type=float,
        default=1.0,
        help="length of the course, 1 for the one of the shipped networks (default 1)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of everything drawn (default 1)")
    parser.add_argument("--workers", type=_count, default=2, help="processes that compose boxes (default 2)")
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
