"""A trained network goes on learning from few views, carefully: small steps, normalisation as it was, a way back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from recognizer.training import Say
from recognizer.training.network import ctc_loss, varied

BATCH = 128

RATE = 2e-4
"""Learning rate at the start, a tenth of training's; it falls to nothing along a cosine."""

TIMES = 4
"""How often what was taught comes in one epoch, each time varied, beside everything that is rehearsed once."""

SHARES_OF_WAY = (0.25, 0.5, 0.75, 1.0)
"""How far from the old weights to the new ones to go: what is between them is often better than either."""

Views = tuple[NDArray[np.uint8], NDArray[np.integer]]
"""Views (N, H, W, 2) uint8, 0 paper to 255 ink, and their labels: classes (N,), or symbols (N, L) as in `Samples`."""

Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclass(frozen=True, slots=True)
class Data:
    """What is taught, what is rehearsed beside it so that it is not forgotten, and of both what says when to stop."""

    taught: Views
    rehearsed: Views
    stop: Views
    kept_back: Views


def fine_tuned(network: keras.Model, data: Data, epochs: int, seed: int, say: Say) -> keras.Model | None:
    """Return the network after learning, None when nothing that was tried is better on what stops it.

    Better is a smaller mean of both losses: on taught hands that are held out, and on other hands.
    """
    keras.utils.set_random_seed(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # An exam's few pages say little of what ink looks like at large.
            layer.trainable = False
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True) if data.taught[1].ndim == 1 else ctc_loss
    x = np.concatenate([data.taught[0], data.rehearsed[0]])
    y = np.concatenate([data.taught[1], data.rehearsed[1]])
    taught = len(data.taught[1])
    rows = np.concatenate([np.tile(np.arange(taught), TIMES), np.arange(taught, len(y))])
    rate = keras.optimizers.schedules.CosineDecay(RATE, -(-len(rows) // BATCH) * epochs)
    network.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss)
    rng = np.random.default_rng(seed)
    old = network.get_weights()
    best, least = None, _stopping_loss(network, loss, data)
    say(f"{network.name}: loss {least:.4f} on hands held out, before")
    for epoch in range(epochs):
        order = rng.permutation(rows)
        for start in range(0, len(order), BATCH):
            some = order[start : start + BATCH]
            network.train_on_batch(varied(x[some], rng), y[some])
        found = _stopping_loss(network, loss, data)
        say(f"{network.name}: epoch {epoch + 1}/{epochs}, loss {found:.4f} on hands held out")
        if found < least:
            best, least = network.get_weights(), found
    if best is None:
        return None
    network.set_weights(_part_of_way(network, old, best, loss, data))
    return network


def _part_of_way(
    network: keras.Model,
    old: Sequence[NDArray[np.float32]],
    new: Sequence[NDArray[np.float32]],
    loss: Loss,
    data: Data,
) -> list[NDArray[np.float32]]:
    """Return the weights between old and new that do best on what stops learning."""
    found: list[tuple[float, list[NDArray[np.float32]]]] = []
    for share in SHARES_OF_WAY:
        between = [(1 - share) * a + share * b for a, b in zip(old, new, strict=True)]
        network.set_weights(between)
        found.append((_stopping_loss(network, loss, data), between))
    return min(found, key=lambda one: one[0])[1]


def _stopping_loss(network: keras.Model, loss: Loss, data: Data) -> float:
    return sum(_mean_loss(network, loss, views) for views in (data.stop, data.kept_back)) / 2


def _mean_loss(network: keras.Model, loss: Loss, views: Views) -> float:
    if not len(views[1]):
        return 0.0
    logits = network.predict(views[0].astype(np.float32) / np.float32(255), batch_size=512, verbose=0)
    return float(np.mean(keras.ops.convert_to_numpy(loss(tf.constant(views[1]), tf.constant(logits)))))
