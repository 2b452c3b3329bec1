"""The network and how it learns: convolutions of 3 x 3, two to a size, then one dense layer (after Simonyan 2014).

Half the weights of the field's 64/128/256 starting point are not needed: batch normalisation and pairs of small
kernels reach further at a fiftieth of the arithmetic (8 million products a glyph).
"""

from collections.abc import Callable

import cv2
import keras
import numpy as np
from keras import layers

from recognizer.records import CLASSES, GlyphStack
from recognizer.training.samples import Samples

FILTERS = (16, 40, 80)
"""Feature maps at 28, 14 and 7 pixels: what two busy cores can train in half an hour."""

BATCH = 256
PEAK_RATE = 2e-3
"""Learning rate after a short warm-up; falls to nothing along a cosine (Loshchilov 2017)."""

TURN_DEGREES, SCALE_SHARE, SHIFT_PX, SLANT = 6.0, 0.07, 1.2, 0.12
"""Standard deviation (shift: range) of the variation added anew in each epoch."""

Progress = Callable[[str], None]


def build_network() -> keras.Model:
    """Return the untrained network: (N, 28, 28, 1) float32, 0 paper to 1 ink, to (N, 13) logits."""
    wide, middle, deep = FILTERS
    network = keras.Sequential([keras.Input((28, 28, 1))], name="characters")
    for filters, kernel in ((wide, 5), (0, 0), (middle, 3), (middle, 3), (0, 0), (deep, 3), (deep, 3), (0, 0)):
        if not filters:
            network.add(layers.MaxPooling2D())
            continue
        network.add(layers.Conv2D(filters, kernel, padding="same", use_bias=False))
        network.add(layers.BatchNormalization(momentum=0.95))
        network.add(layers.ReLU())
    network.add(layers.Flatten())
    network.add(layers.Dropout(0.3))
    network.add(layers.Dense(96, activation="relu"))
    network.add(layers.Dropout(0.3))
    network.add(layers.Dense(len(CLASSES)))
    return network


def train(network: keras.Model, samples: Samples, epochs: int, seed: int, say: Progress) -> None:
    """Train in place; every epoch sees the samples turned, scaled, slanted and shifted anew."""
    steps = -(-len(samples.y) // BATCH) * epochs
    rate = keras.optimizers.schedules.CosineDecay(
        PEAK_RATE / 10, steps, warmup_target=PEAK_RATE, warmup_steps=max(steps // 20, 1)
    )
    network.compile(
        keras.optimizers.AdamW(rate, weight_decay=1e-4),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        order = rng.permutation(len(samples.y))
        seen = varied(samples.x[order], rng)[..., None]
        history = network.fit(seen, samples.y[order], batch_size=BATCH, verbose=0, shuffle=False).history
        say(f"epoch {epoch + 1}/{epochs}: loss {history['loss'][0]:.4f}, accuracy {history['accuracy'][0]:.4f}")


def varied(x: np.ndarray, rng: np.random.Generator) -> GlyphStack:
    """Return (N, 28, 28) uint8 glyphs as (N, 28, 28) float32, each turned, scaled, slanted and shifted a little."""
    count = len(x)
    turn = np.radians(rng.normal(0, TURN_DEGREES, count))
    scale, stretch = np.exp(rng.normal(0, SCALE_SHARE, (2, count)))
    slant = rng.normal(0, SLANT, count)
    shift = rng.uniform(-SHIFT_PX, SHIFT_PX, (count, 2))
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.stack([cos * stretch, -sin + slant * cos, sin * stretch, cos + slant * sin], axis=1).reshape(-1, 2, 2)
    middle = np.array([13.5, 13.5])
    offset = middle + shift - linear @ middle
    transforms = np.concatenate([linear, offset[..., None]], axis=2)
    out = np.empty((count, 28, 28), np.float32)
    for picture, transform, target in zip(x, transforms, out, strict=True):
        target[:] = cv2.warpAffine(picture, transform, (28, 28), flags=cv2.INTER_LINEAR)
    return out / np.float32(255)


def logits(network: keras.Model, glyphs: GlyphStack) -> np.ndarray:
    """Return the network's outputs, (N, 13) float32."""
    return np.asarray(network.predict(glyphs[..., None], batch_size=1024, verbose=0), np.float32)
