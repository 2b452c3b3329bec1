"""The networks and how they learn: convolutions of 3 x 3, batch normalisation, little else (after Simonyan 2014).

`characters` sees one box as 28 x 28 and says what it shows. `numbers` sees a cell as 32 x 80, keeps its width while its
height is folded away, and says what begins at each of twenty places; the loss is CTC (Graves et al. 2006), for which
nobody has to say where a symbol stands. In eight bits they take about 0.09 and 0.14 ms.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from keras import layers
from numpy.typing import NDArray

from recognizer.records import CLASSES, SYMBOLS
from recognizer.training import Epoch, Say
from recognizer.training.samples import Samples

CHARACTER_FILTERS = (16, 48, 96)
"""Feature maps at 28, 14 and 7 pixels."""

NUMBER_FILTERS = (24, 48, 64, 112)
"""Feature maps at 16, 16, 8 and 4 pixels of height."""

FOLDED = 160
"""Feature maps of the one row that is left."""

BATCH = 256
PEAK_RATE = 2e-3
"""Learning rate after a short warm-up; falls to nothing along a cosine (Loshchilov 2017)."""

FINISHING_RATE, FINISHING_EPOCHS, FINISHING_DROPOUT = 6e-4, 7, 0.12
"""The last course of the network for characters: slower, and with less left out by chance."""

PATIENCE = 4
"""Epochs without a better validation loss after which training stops."""

TURN_DEGREES, SCALE_SHARE, SHIFT_PX, SLANT = 5.0, 0.07, 1.2, 0.11
"""Standard deviation (shift: range) of the variation added anew in each epoch."""

PEN_SHARE = 0.2
"""Share of views whose strokes are made half a pixel broader or finer."""

PEN_KERNEL = np.ones((2, 2), np.uint8)

FAST_BFLOAT16 = ("avx512_bf16", "amx_bf16")
"""Features of a processor that multiplies 16-bit floats faster than 32-bit ones."""


def choose_precision() -> str:
    """Let training compute in 16-bit floats where the processor is faster at it; return what was chosen."""
    try:
        features = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        features = ""
    policy = "mixed_bfloat16" if any(feature in features for feature in FAST_BFLOAT16) else "float32"
    keras.mixed_precision.set_global_policy(policy)
    return policy


def build_characters() -> keras.Model:
    """Return the untrained network: (N, 28, 28, 2) float32, 0 paper to 1 ink, to (N, 14) logits."""
    wide, middle, deep = CHARACTER_FILTERS
    view = x = keras.Input((28, 28, 2))
    x = _convolved(_convolved(x, wide), wide)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, middle), middle)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, deep), deep)
    x = layers.MaxPooling2D()(x)
    x = layers.Dropout(0.35)(layers.Flatten()(x))
    x = layers.Dropout(0.25)(layers.Dense(96, activation="relu")(x))
    return keras.Model(view, layers.Dense(len(CLASSES), dtype="float32")(x), name="characters")


def build_numbers() -> keras.Model:
    """Return the untrained network: (N, 32, W, 2) float32 to (N, 1, W / 4, 18) logits, "none" first."""
    first, second, third, fourth = NUMBER_FILTERS
    view = x = keras.Input((32, None, 2))
    x = _convolved(x, first, (5, 5), 2)
    x = _convolved(x, second)
    x = layers.MaxPooling2D()(x)
    x = _convolved(_convolved(x, third), third)
    x = layers.MaxPooling2D((2, 1))(x)
    x = _convolved(_convolved(x, fourth), fourth)
    # What is left of the height is folded into one row by one kernel that sees the whole of a half.
    x = layers.ZeroPadding2D((0, 2))(x)
    x = layers.Conv2D(FOLDED, (4, 5), use_bias=False)(x)
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))
    x = layers.Dropout(0.2)(x)
    # Without normalisation here the loss stays for long where "none" is said of every place.
    x = _convolved(x, 96, (1, 3))
    return keras.Model(view, layers.Conv2D(1 + len(SYMBOLS), (1, 1), dtype="float32")(x), name="numbers")


def _convolved(
    x: keras.KerasTensor, filters: int, kernel: tuple[int, int] = (3, 3), stride: int = 1
) -> keras.KerasTensor:
    x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))


def train_characters(samples: Samples, validation: Samples, epochs: int, seed: int, say: Say) -> "Trained":
    """Return the network that tells characters apart."""
    return _train(build_characters(), Course(epochs, PEAK_RATE), samples, validation, seed, say)


def finish_characters(network: keras.Model, samples: Samples, validation: Samples, seed: int, say: Say) -> "Trained":
    """Return the network after a last calm course on samples in which plain digits weigh more.

    Among composed boxes of all kinds a small network spends itself on what people would not agree upon either.
    """
    for layer in network.layers:
        if isinstance(layer, layers.Dropout):
            layer.rate = FINISHING_DROPOUT
    return _train(network, Course(FINISHING_EPOCHS, FINISHING_RATE), samples, validation, seed, say)


def train_numbers(samples: Samples, validation: Samples, epochs: int, seed: int, say: Say) -> "Trained":
    """Return the network that reads cells."""
    return _train(build_numbers(), Course(epochs, PEAK_RATE), samples, validation, seed, say)


@dataclass(frozen=True, slots=True)
class Course:
    """How long to learn, and how fast at most."""

    epochs: int
    rate: float


@dataclass(frozen=True, slots=True)
class Trained:
    """A network with the weights of its best epoch, and how training went."""

    network: keras.Model
    epochs: tuple[Epoch, ...]


def ctc_loss(text: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the CTC loss of each row: text (N, L) int32, zeros at its end, logits (N, 1, T, C), class 0 is "none"."""
    logits = tf.squeeze(logits, 1)
    lengths = tf.reduce_sum(tf.cast(text > 0, tf.int32), axis=1)
    steps = tf.fill([tf.shape(logits)[0]], tf.shape(logits)[1])
    return tf.nn.ctc_loss(
        tf.cast(text, tf.int32), tf.cast(logits, tf.float32), lengths, steps, logits_time_major=False, blank_index=0
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """What a network learns: its loss, what it sees and says of samples, and how much of that is right."""

    loss: Callable[..., tf.Tensor]
    pairs: Callable[[Samples], tuple[NDArray[np.uint8], NDArray[np.integer]]]
    accuracy: Callable[[NDArray[np.float32], NDArray[np.integer]], float]


def _train(  # noqa: PLR0917
    network: keras.Model, course: Course, samples: Samples, validation: Samples, seed: int, say: Say
) -> Trained:
    """Train until the epochs are over or validation no longer improves; every epoch sees the views varied anew."""
    task = TASKS[network.name]
    loss, epochs = task.loss, course.epochs
    (x, y), (unseen, truth) = task.pairs(samples), task.pairs(validation)
    held = unseen.astype(np.float32) / np.float32(255)
    steps = -(-len(y) // BATCH) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        course.rate / 10, steps, warmup_target=course.rate, warmup_steps=max(steps // 20, 1)
    )
    network.compile(keras.optimizers.AdamW(rate, weight_decay=2e-4, clipnorm=5.0), loss)
    rng = np.random.default_rng(seed)
    done: list[Epoch] = []
    best = network.get_weights()
    for epoch in range(epochs):
        order = rng.permutation(len(y))
        losses = [float(network.train_on_batch(views, wanted)) for views, wanted in _ahead(x, y, order, rng)]
        logits = network.predict(held, batch_size=1024, verbose=0)
        worth = float(np.mean(keras.ops.convert_to_numpy(loss(tf.constant(truth), tf.constant(logits)))))
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


def _batches(order: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    for start in range(0, len(order), BATCH):
        yield order[start : start + BATCH]


def _ahead(
    x: NDArray[np.uint8], y: NDArray[np.integer], order: NDArray[np.integer], rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.integer]]]:
    """Yield batches, each varied while the network learns from the one before."""
    with ThreadPoolExecutor(1) as ahead:
        waiting: deque[tuple[Future[NDArray[np.float32]], NDArray[np.integer]]] = deque()
        for rows in _batches(order):
            waiting.append((ahead.submit(varied, x[rows], rng), y[rows]))
            if len(waiting) > 2:
                views, truth = waiting.popleft()
                yield views.result(), truth
        for views, truth in waiting:
            yield views.result(), truth


def varied(x: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return (N, H, W, C) uint8 views as float32, 0 to 1, each turned, scaled, slanted and shifted a little.

    Some get a finer or a broader pen as well.
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
    for index in np.flatnonzero(rng.random(count) < PEN_SHARE):
        # Half way only: a whole pixel closes the loop of a small 6.
        change = cv2.dilate if rng.random() < 0.5 else cv2.erode
        out[index] = cv2.addWeighted(out[index], 0.5, change(out[index], PEN_KERNEL), 0.5, 0)
    gain = rng.uniform(0.8, 1.15, (count, 1, 1, 1)).astype(np.float32) / np.float32(255)
    return np.minimum(out * gain, np.float32(1))


def as_float32(network: keras.Model) -> keras.Model:
    """Return the network with the same weights, computing in 32-bit floats: what is exported."""
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("float32")
    plain = BUILDERS[network.name]()
    plain.set_weights(network.get_weights())
    keras.mixed_precision.set_global_policy(policy)
    return plain


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
    "characters": _Task(
        keras.losses.SparseCategoricalCrossentropy(from_logits=True), lambda one: (one.x, one.y), _share_right
    ),
    "numbers": _Task(ctc_loss, lambda one: (one.strips, one.text), _share_read),
}
