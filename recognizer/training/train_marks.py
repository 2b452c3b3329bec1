"""The network for tick boxes and bubbles: what it learns from, how, and what it is calibrated on.

It learns from composed boxes (`mark_boxes.py`) and from real bubbles, and sees every view a little different in each
epoch. A fifth of the real bubbles is never learned from. The set names no writers; its pictures stand in the order of
their sheets, so whole runs are kept out.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from recognizer.marks_view import mark_crop_of_picture, mark_view
from recognizer.records import MARKS, MarkStack
from recognizer.training import Epoch, Say
from recognizer.training.mark_boxes import MarkSamples, compose_marks
from recognizer.training.sources import archive_pictures

if TYPE_CHECKING:
    import keras

VALIDATION_PART = 15
"""For so many boxes to learn from, one is composed to say when to stop."""

CALIBRATION = 6000
"""Composed boxes on which the exported network is calibrated."""

REAL_TIMES = 14
"""How often each real bubble comes in an epoch, each time framed differently: they are few, and look
unlike composed ones."""

BATCH = 256
PEAK_RATE = 3e-3
SMOOTHING = 0.002
"""Share of certainty that no label deserves: a few labels of the real set are wrong."""

RUN = 25
"""Real bubbles in the order of their sheets are kept together in runs of so many; every fifth run is held out."""

FILTERS = (16, 32, 64, 96)
"""Feature maps at 16, 16, 8 and 4 pixels: 4 million multiplications a box."""


@dataclass(frozen=True, slots=True)
class RealBubbles:
    """Real bubbles as pictures, dark on light, with their class as an index into `MARKS`."""

    pictures: NDArray[np.uint8]
    y: NDArray[np.int64]

    @property
    def samples(self) -> MarkSamples:
        """The pictures as they are, one view each."""
        views = [np.round(mark_view(mark_crop_of_picture(one)) * 255).astype(np.uint8) for one in self.pictures]
        return MarkSamples(np.stack(views), self.y)


def real_bubbles(data: Path, held: bool) -> RealBubbles:
    """Return the bubbles that are held out, or those to learn from.

    Raises:
        DataError: the set is missing or damaged.
    """
    found = archive_pictures(data, "bubbles_ctct")
    out = np.arange(len(found.x)) // RUN % 5 == 4
    chosen = out if held else ~out
    classes = np.array([MARKS.index(label) for label in found.label[chosen]], np.int64)
    return RealBubbles(255 - found.x[chosen], classes)


@dataclass(frozen=True, slots=True)
class MarkData:
    """What the network learns from and is stopped by."""

    composed: MarkSamples
    real: RealBubbles
    validation: MarkSamples
    held: MarkSamples


def mark_data(data: Path, boxes: int, seed: int, workers: int, say: Say) -> MarkData:
    """Return composed boxes, so many of them, and real bubbles.

    Raises:
        DataError: the real bubbles are missing or damaged.
    """
    composed = compose_marks(boxes, seed, workers)
    validation = compose_marks(max(boxes // VALIDATION_PART, 100), seed + 1, workers)
    real = real_bubbles(data, held=False)
    say(f"{len(composed.y)} composed boxes and {len(real.y)} real bubbles to learn marks from")
    return MarkData(composed, real, validation, real_bubbles(data, held=True).samples)


def train_marks(data: MarkData, epochs: int, seed: int, say: Say) -> "tuple[keras.Model, tuple[Epoch, ...]]":
    """Return the trained network, (N, 32, 32, 1) float32, 0 paper to 1 ink, to (N, 3) logits, and how it went."""
    import keras

    policy = keras.mixed_precision.global_policy()
    # So small a network gains nothing from 16 bits, and is exported in 32.
    keras.mixed_precision.set_global_policy("float32")
    try:
        network = build_marks()
        done = _train(network, data, epochs, seed, say)
    finally:
        keras.mixed_precision.set_global_policy(policy)
    return network, done


def calibration_marks(data: Path, seed: int, workers: int = 1) -> MarkSamples:
    """Return boxes that no network learned from: composed ones, and the held-out real bubbles."""
    composed, real = compose_marks(CALIBRATION, seed + 2, workers), real_bubbles(data, held=True).samples
    return MarkSamples(np.concatenate([composed.x, real.x]), np.concatenate([composed.y, real.y]))


def build_marks() -> "keras.Model":
    """Return the untrained network."""
    import keras
    from keras import layers

    first, second, third, fourth = FILTERS

    def convolved(x: "keras.KerasTensor", filters: int, kernel: int = 3, stride: int = 1) -> "keras.KerasTensor":
        x = layers.Conv2D(filters, kernel, strides=stride, padding="same", use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization(momentum=0.95)(x))

    view = x = keras.Input((32, 32, 1))
    x = convolved(convolved(x, first, 5, 2), second)
    x = convolved(layers.MaxPooling2D()(x), third)
    x = convolved(layers.MaxPooling2D()(x), fourth)
    x = layers.Dropout(0.25)(layers.Flatten()(x))
    x = layers.Dropout(0.15)(layers.Dense(48, activation="relu")(x))
    return keras.Model(view, layers.Dense(len(MARKS))(x), name="marks")


def _train(network: "keras.Model", data: MarkData, epochs: int, seed: int, say: Say) -> tuple[Epoch, ...]:
    """Train, and leave the network with the weights of its best epoch."""
    import keras

    steps = -(-(len(data.composed.y) + REAL_TIMES * len(data.real.y)) // BATCH) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 10, steps, warmup_target=PEAK_RATE, warmup_steps=steps // 20
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3, clipnorm=5.0), loss)
    rng = np.random.default_rng([seed, 3])
    best = network.get_weights()
    done: list[Epoch] = []
    for epoch in range(epochs):
        views = np.concatenate(
            [varied(data.composed.x, rng), *(framed(data.real.pictures, rng) for _ in range(REAL_TIMES))]
        )
        classes = np.eye(len(MARKS), dtype=np.float32)[
            np.concatenate([data.composed.y, np.tile(data.real.y, REAL_TIMES)])
        ]
        order = rng.permutation(len(classes))
        losses = [
            float(network.train_on_batch(as_views(views[rows]), classes[rows]))
            for rows in np.array_split(order, -(-len(order) // BATCH))
        ]
        worth, right = _measured(network, data.validation)
        done.append(Epoch(float(np.mean(losses)), worth, right))
        say(
            f"marks epoch {epoch + 1}/{epochs}: loss {done[-1].loss:.4f}, composed validation {worth:.4f} and "
            f"{right:.2%} right, real bubbles {_measured(network, data.held)[1]:.2%}"
        )
        if worth <= min(one.validation_loss for one in done):
            best = network.get_weights()
    network.set_weights(best)
    return tuple(done)


def _measured(network: "keras.Model", samples: MarkSamples) -> tuple[float, float]:
    logits = network.predict(as_views(samples.x), batch_size=1024, verbose=0).astype(np.float64)
    logits -= logits.max(axis=1, keepdims=True)
    likely = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = logits.argmax(axis=1) == samples.y
    return float(-likely[np.arange(len(samples.y)), samples.y].mean()), float(right.mean())


def as_views(x: NDArray[np.uint8]) -> MarkStack:
    """Return (N, 32, 32) uint8 as (N, 32, 32, 1) float32, 0.0 paper to 1.0 ink."""
    views: MarkStack = x[..., None].astype(np.float32) / np.float32(255)
    return views


def varied(x: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return views (N, 32, 32) uint8, each turned, scaled and shifted a little, its ink a little darker or lighter."""
    out = np.empty_like(x)
    count = len(x)
    turn, shift = rng.normal(0, 2.5, count), rng.normal(0, 0.6, (count, 2))
    scale, gain = np.exp(rng.normal(0, 0.04, count)), rng.uniform(0.85, 1.12, count)
    for view, target, degrees, moved, factor, darker in zip(x, out, turn, shift, scale, gain, strict=True):
        transform = cv2.getRotationMatrix2D((15.5, 15.5), float(degrees), float(factor))
        transform[:, 2] += moved
        warped = cv2.warpAffine(view, transform, (32, 32), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        target[:] = cv2.convertScaleAbs(warped, alpha=float(darker))
    return out


def framed(pictures: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return views of pictures, dark on light, each with some of its edge cut off or some paper added."""
    out = np.empty((len(pictures), 32, 32), np.uint8)
    for picture, target in zip(pictures, out, strict=True):
        height, width = picture.shape
        scale = np.exp(rng.normal(0, 0.08, 2)) * rng.uniform(0.9, 1.2)
        linear = np.diag(scale)
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        moved = middle + rng.normal(0, 0.03, 2) * (width, height)
        transform = np.column_stack([linear, moved - linear @ middle])
        flags, white = cv2.INTER_LINEAR, float(np.percentile(picture, 90))
        warped = cv2.warpAffine(picture, transform, (width, height), flags=flags, borderValue=white)
        if rng.random() < 0.3:
            warped = cv2.GaussianBlur(warped, (0, 0), float(rng.uniform(0.4, 1.0)))
        if rng.random() < 0.4:
            # Grey ink, as before it was made black and white.
            light = 255 - (255 - warped.astype(np.float32)) * rng.uniform(0.35, 1.0)
            warped = np.clip(light + rng.normal(0, 3, warped.shape), 0, 255)
        target[:] = np.round(mark_view(mark_crop_of_picture(np.asarray(warped, np.uint8))) * 255)
    return out
