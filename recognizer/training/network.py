"""The networks and how they learn: convolutions of 3 x 3, batch normalisation, little else (after Simonyan 2014).

`characters` sees one box as 28 x 28 and says what it shows. `numbers` sees a cell as 48 x 120, keeps its width while
its height is folded away, and says what begins at each of thirty places; the loss is CTC (Graves et al. 2006), for
which nobody has to say where a symbol stands.
In eight bits they take about 0.1 and 0.4 ms.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import cv2
import keras
import numpy as np
from keras import layers, ops
from numpy.typing import NDArray

from recognizer.classifier import CHARACTERS, INPUTS, NUMBERS
from recognizer.records import CLASSES, SYMBOLS
from recognizer.training import Epoch, Say
from recognizer.training.samples import Samples

CHARACTER_SHAPE = (24, 64, 96, 128)
"""Feature maps at 28, 14 and 7 pixels, and units of the layer that sees all of them."""

NUMBER_SHAPE = (24, 56, 80, 128, 160)
"""Feature maps at 24, 24, 12 and 6 pixels of height, and of the one row that is left."""

SHAPES = {"characters": CHARACTER_SHAPE, "numbers": NUMBER_SHAPE}

BATCH = 256
PEAK_RATE = 2e-3
"""Learning rate after a short warm-up; falls to nothing along a cosine (Loshchilov 2017)."""

FINISHING_RATE, FINISHING_EPOCHS, FINISHING_DROPOUT = 6e-4, 7, 0.12
"""The second course of the network for characters: slower, and with less left out by chance."""

FRESH_RATE = 8e-4
"""Learning rate of a course on views composed anew, after a network has learned from others."""

THREADS = min(max((os.cpu_count() or 1) // 2, 1), 6)
"""Threads that vary views while the network learns."""

PATIENCE = 4
"""Epochs without a better validation loss after which training stops."""

TURN_DEGREES, SCALE_SHARE, SHIFT_PX, SLANT = 5.0, 0.07, 1.2, 0.11
"""Standard deviation (shift: range) of the variation added anew in each epoch."""

PEN_SHARE = 0.2
"""Share of views whose strokes are made half a pixel broader or finer."""

PEN_KERNEL = np.ones((2, 2), np.uint8)

BENT_SHARE, BENT_PX, BENT_KNOTS = 0.5, 0.9, 4
"""Share of views that are bent, how far at a knot (standard deviation), and knots along the height of a view.

Elastic distortion stands in for hands that no set has (Simard, Steinkraus & Platt 2003).
"""

Tensor: TypeAlias = keras.KerasTensor
"""An array of whatever library Keras computes with."""

Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Truth and logits to the loss of each row."""

FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")
"""Features of a processor that multiplies 16-bit floats faster than 32-bit ones."""


def choose_precision() -> str:
    """Let training compute in 16-bit floats where the machine is faster at it; return what was chosen."""
    if any("gpu" in device for device in keras.distribution.list_devices()):
        fast = True
    elif keras.backend.backend() == "tensorflow":
        fast = any(feature in _processor() for feature in FAST_BFLOAT16)
    else:
        # JAX 0.11 on a processor gave wrong predictions in 16 bits: all but the same for every view.
        fast = False
    policy = "mixed_bfloat16" if fast else "float32"
    keras.mixed_precision.set_global_policy(policy)
    return policy


def _processor() -> str:
    try:
        return Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return ""


def build_characters() -> keras.Model:
    """Return the untrained network: (N, 28, 28, 2) float32, 0 paper to 1 ink, to (N, 14) logits."""
    wide, middle, deep, last = CHARACTER_SHAPE
    view = x = keras.Input((28, 28, 2))
    x = _convolved(_convolved(x, wide), wide)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, middle), middle)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, deep), deep)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.35)(layers.Flatten()(x))
    x = layers.Dropout(0.25)(layers.Dense(last, activation="relu")(x))
    return keras.Model(view, layers.Dense(len(CLASSES), dtype="float32")(x), name="characters")


def build_numbers() -> keras.Model:
    """Return the untrained network: (N, 48, 120, 2) float32 to (N, 1, 30, 18) logits, "none" first."""
    first, second, third, fourth, folded = NUMBER_SHAPE
    view = x = keras.Input(INPUTS[NUMBERS])
    x = _convolved(x, first, (5, 5), 2)
    x = _convolved(x, second)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, third), third)
    x = layers.MaxPooling2D((2, 1))(x)
    x = _convolved(_convolved(x, fourth), fourth)
    # What is left of the height is folded into one row by one kernel that sees the whole of a half.
    x = layers.ZeroPadding2D((0, 2))(x)
    x = layers.Conv2D(folded, (6, 5), use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    x = layers.Dropout(0.2)(x)
    # Without normalisation here the loss stays for long where "none" is said of every place.
    x = _convolved(_convolved(x, 96, (1, 3)), 96, (1, 3))
    return keras.Model(view, layers.Conv2D(1 + len(SYMBOLS), (1, 1), dtype="float32")(x), name="numbers")


def _convolved(
    x: keras.KerasTensor, filters: int, kernel: tuple[int, int] = (3, 3), stride: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


@dataclass(frozen=True, slots=True)
class Course:
    """How long to learn, how fast at most, and from how many views at a time."""

    epochs: int
    rate: float = PEAK_RATE
    batch: int = BATCH


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with the weights of its best epoch, and how training went."""

    network: keras.Model
    epochs: tuple[Epoch, ...]


def character_loss(label: Tensor, logits: Tensor) -> Tensor:
    """Return the loss of each row: label (N,) or (N, 1), an index into `CLASSES`, logits (N, C)."""
    label = ops.cast(ops.reshape(label, (-1,)), "int32")
    return ops.sparse_categorical_crossentropy(label, logits, from_logits=True)


def ctc_loss(text: Tensor, logits: Tensor) -> Tensor:
    """Return the CTC loss of each row: text (N, L) int32, zeros at its end, logits (N, 1, T, C), class 0 is "none"."""
    logits = ops.cast(ops.squeeze(logits, 1), "float32")
    text = ops.cast(text, "int32")
    lengths = ops.sum(ops.cast(text > 0, "int32"), axis=1)
    steps = ops.full_like(lengths, logits.shape[1])
    return ops.ctc_loss(text, logits, lengths, steps, mask_index=0)


@dataclass(frozen=True, slots=True)
class _Task:
    """What a network learns: its loss, what it sees and says of samples, and how much of that is right."""

    loss: Loss
    pairs: Callable[[Samples], tuple[NDArray[np.uint8], NDArray[np.integer]]]
    accuracy: Callable[[NDArray[np.float32], NDArray[np.integer]], float]


def train(  # noqa: PLR0917
    network: keras.Model, course: Course, samples: Samples, validation: Samples, seed: int, say: Say
) -> Trained:
    """Train until the epochs are over or validation no longer improves; every epoch sees the views varied anew."""
    task = TASKS[network.name]
    epochs, batch = course.epochs, course.batch
    (x, y), (unseen, truth) = task.pairs(samples), task.pairs(validation)
    held = unseen.astype(np.float32) / np.float32(255)
    # All batches alike: for another shape a step would be compiled again. What is left over comes in other epochs.
    batch = min(batch, len(y))
    count = len(y) // batch
    steps = count * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        course.rate / 10, steps, warmup_target=course.rate, warmup_steps=max(steps // 20, 1)
    )
    network.compile(keras.optimizers.AdamW(rate, weight_decay=2e-4, clipnorm=5.0), task.loss)
    rng = np.random.default_rng(seed)
    done: list[Epoch] = []
    best = network.get_weights()
    for epoch in range(epochs):
        order = rng.permutation(len(y))
        drawn = _ahead(x, y, list(order[: count * batch].reshape(count, batch)), (seed, epoch))
        losses = [float(network.train_on_batch(views, wanted)) for views, wanted in drawn]
        logits = network.predict(held, batch_size=1024, verbose=0)
        worth = mean_loss(task.loss, truth, logits)
        done.append(Epoch(float(np.mean(losses)), worth, task.accuracy(logits, truth)))
        say(
            f"{network.name} epoch {epoch + 1}/{epochs}: loss {done[-1].loss:.4f}, on writers never seen "
            f"{worth:.4f} and {done[-1].validation_accuracy:.2%} right"
        )
        if worth <= min(one.validation_loss for one in done):
            best = network.get_weights()
        if min(one.validation_loss for one in done[-PATIENCE:]) > min(one.validation_loss for one in done):
            break
    network.set_weights(best)
    return Trained(network, tuple(done))


def finishing(network: keras.Model) -> keras.Model:
    """Return the network made ready for a last calm course on samples in which plain digits weigh more.

    Among composed boxes of all kinds a small network spends itself on what people would not agree upon either.
    """
    for layer in network.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = FINISHING_DROPOUT
    return network


def unseen_loss(network: keras.Model, unseen: Samples) -> float:
    """Return the mean loss of a network of `BUILDERS` on samples."""
    task = TASKS[network.name]
    views, truth = task.pairs(unseen)
    return mean_loss(task.loss, truth, network.predict(views.astype(np.float32) / 255, batch_size=1024, verbose=0))


def mean_loss(loss: Loss, truth: NDArray[np.integer], logits: NDArray[np.float32]) -> float:
    """Return the mean loss of rows."""
    found = loss(ops.convert_to_tensor(truth), ops.convert_to_tensor(logits))
    return float(np.mean(ops.convert_to_numpy(found)))


def _ahead(
    x: NDArray[np.uint8], y: NDArray[np.integer], batches: Sequence[NDArray[np.integer]], seed: tuple[int, int]
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.integer]]]:
    """Yield batches, each varied while the network learns from those before; the same whatever THREADS is."""
    with ThreadPoolExecutor(THREADS) as ahead:
        waiting: deque[tuple[Future[NDArray[np.float32]], NDArray[np.integer]]] = deque()
        for number, rows in enumerate(batches):
            waiting.append((ahead.submit(varied, x[rows], np.random.default_rng([*seed, number])), y[rows]))
            if len(waiting) > 2 * THREADS:
                views, truth = waiting.popleft()
                yield views.result(), truth
        for views, truth in waiting:
            yield views.result(), truth


def varied(x: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (N, H, W, C) uint8 views as float32, 0 to 1, each turned, scaled, slanted and shifted a little.

    Some are bent as well, some get a finer or a broader pen.
    """
    count, height, width = x.shape[:3]
    turn = np.radians(rng.normal(0, TURN_DEGREES, count))
    scale, stretch = np.exp(rng.normal(0, SCALE_SHARE, (2, count)))
    slant = rng.normal(0, SLANT, count)
    shift = rng.uniform(-SHIFT_PX, SHIFT_PX, (count, 2))
    # A wide view turned by as much would leave its own frame.
    turn, scale = turn * min(height / width, 1.0), np.minimum(scale, 1.0 + 0.1 * height / width)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.stack([cos * stretch, -sin + slant * cos, sin * stretch, cos + slant * sin], axis=1).reshape(-1, 2, 2)
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    transforms = np.concatenate([linear, (middle + shift - linear @ middle)[..., None]], axis=2)
    out = np.empty(x.shape, np.uint8)
    for picture, transform, target in zip(x, transforms, out, strict=True):
        target[:] = cv2.warpAffine(picture, transform, (width, height), flags=cv2.INTER_LINEAR)
    for index in np.flatnonzero(rng.random(count) < BENT_SHARE):
        out[index] = _bent(out[index], rng)
    for index in np.flatnonzero(rng.random(count) < PEN_SHARE):
        # Half way only: a whole pixel closes the loop of a small 6.
        change = cv2.dilate if rng.random() < 0.5 else cv2.erode
        out[index] = cv2.addWeighted(out[index], 0.5, change(out[index], PEN_KERNEL), 0.5, 0)
    gain = rng.uniform(0.8, 1.15, (count, 1, 1, 1)).astype(np.float32) / np.float32(255)
    return np.minimum(out * gain, np.float32(1))


def _bent(view: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return a view (H, W, C) of which each place is moved a little, near ones alike."""
    height, width = view.shape[:2]
    unit = height / 28
    knots = rng.normal(0, BENT_PX * unit, (BENT_KNOTS, max(round(BENT_KNOTS * width / height), 1), 2)).astype(
        np.float32
    )
    moved = cv2.resize(knots, (width, height), interpolation=cv2.INTER_CUBIC)
    across, down = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    bent = cv2.remap(view, across + moved[..., 0], down + moved[..., 1], cv2.INTER_LINEAR)
    return np.asarray(bent, np.uint8)


def as_float32(network: keras.Model) -> keras.Model:
    """Return the network with the same weights, computing in 32-bit floats: what is exported."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    plain = BUILDERS[network.name]()
    plain.set_weights(network.get_weights())
    keras.mixed_precision.set_global_policy(policy)
    return plain


def set_between(
    network: keras.Model, old: Sequence[NDArray[np.float32]], new: Sequence[NDArray[np.float32]], share: float
) -> keras.Model:
    """Give a network the weights a share, 0 to 1, of the way from old ones to new ones; return it."""
    network.set_weights([(1 - share) * before + share * after for before, after in zip(old, new, strict=True)])
    return network


def as_learning(network: keras.Model) -> keras.Model:
    """Return the network with the same weights, computing as precisely as training does, ready to go on."""
    fresh = BUILDERS[network.name]()
    fresh.set_weights(network.get_weights())
    return finishing(fresh) if network.name == CHARACTERS else fresh


def greedy(logits: NDArray[np.float32]) -> list[str]:
    """Return the symbols of the best path through (N, 1, T, C) logits."""
    found = []
    for steps in logits[:, 0].argmax(axis=2):
        kept = [step for at, step in enumerate(steps) if step and (at == 0 or steps[at - 1] != step)]
        found.append("".join(SYMBOLS[step - 1] for step in kept))
    return found


def shown(text: Sequence[int]) -> str:
    """Return encoded symbols as text; see `samples.encoded`."""
    return "".join(SYMBOLS[number - 1] for number in text if number)


BUILDERS: dict[str, Callable[[], keras.Model]] = {"characters": build_characters, "numbers": build_numbers}


def _share_right(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    return float((logits.argmax(axis=1) == truth).mean())


def _share_read(logits: NDArray[np.float32], truth: NDArray[np.integer]) -> float:
    return float(np.mean([read == shown(text) for read, text in zip(greedy(logits), truth, strict=True)]))


TASKS: dict[str, _Task] = {
    "characters": _Task(character_loss, lambda one: (one.x, one.y), _share_right),
    "numbers": _Task(ctc_loss, lambda one: (one.strips, one.text), _share_read),
}
