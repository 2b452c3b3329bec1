"""A trained network goes on learning from few views, carefully: small steps, normalisation as it was, a way back."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from recognizer.training import Say
from recognizer.training.network import Loss, character_loss, ctc_loss, mean_loss, set_between, varied

BATCH = 128

RATE = 2e-4
"""Learning rate at the start, a tenth of training's; it falls to nothing along a cosine."""

TIMES = 4
"""How often what was taught comes in one epoch, each time varied, beside everything that is rehearsed once."""

Views = tuple[NDArray[np.uint8], NDArray[np.integer]]
"""Views (N, H, W, 2) uint8, 0 paper to 255 ink, and their labels: classes (N,), or symbols (N, L) as in `Samples`."""


@dataclass(frozen=True, slots=True)
class Data:
    """What is taught, what is rehearsed beside it so that it is not forgotten, and of both what says when to stop."""

    taught: Views
    rehearsed: Views
    stop: Views
    kept_back: Views


@dataclass(frozen=True, slots=True)
class Tuned:
    """A network with its weights before and after learning."""

    network: keras.Model
    old: Sequence[NDArray[np.float32]]
    new: Sequence[NDArray[np.float32]]

    def part_of_way(self, share: float) -> keras.Model:
        """Return the network a share, 0 to 1, of the way from the old weights to the new ones."""
        return set_between(self.network, self.old, self.new, share)


def fine_tuned(network: keras.Model, data: Data, epochs: int, seed: int, say: Say) -> Tuned | None:
    """Return what the network learned, None when no epoch is better on what stops it.

    Better is a smaller mean of both losses: on taught hands that are held out, and on other hands.
    """
    keras.utils.set_random_seed(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # An exam's few pages say little of what ink looks like at large.
            layer.trainable = False
    loss = character_loss if data.taught[1].ndim == 1 else ctc_loss
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
    return Tuned(network, old, best) if best is not None else None


def _stopping_loss(network: keras.Model, loss: Loss, data: Data) -> float:
    return sum(_mean_loss(network, loss, views) for views in (data.stop, data.kept_back)) / 2


def _mean_loss(network: keras.Model, loss: Loss, views: Views) -> float:
    if not len(views[1]):
        return 0.0
    logits = network.predict(views[0].astype(np.float32) / np.float32(255), batch_size=512, verbose=0)
    return mean_loss(loss, views[1], logits)
