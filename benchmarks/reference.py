"""The network of the starting point, to time beside ours: three convolutions, 767 k weights; in floats and in int8.

    python -m benchmarks.reference FOLDER

writes `float.tflite` and `int8.tflite`. Only the size of that network is known: its weights are spread here as such
networks usually spread them (3 x 3, pooled twice, one dense layer). They are random, which takes the same time. In a
process of its own, since TensorFlow takes many seconds and 700 MB.
"""

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILTERS = (32, 64, 64)
DENSE = 226
"""Width of the dense layer with which the network has 766,976 weights."""

VIEW, CLASSES = (28, 28, 1), 10
SHOWN_VIEWS = 100
"""Views by which the converter learns ranges; of random weights they need not be right."""


def is_possible() -> bool:
    """Tell whether TensorFlow is installed."""
    return find_spec("tensorflow") is not None


def build(folder: Path) -> None:
    """Write both files."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import tensorflow as tf
    from keras import layers

    keras.utils.set_random_seed(1)
    view = x = keras.Input(VIEW)
    for number, filters in enumerate(FILTERS):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D()(x) if number < 2 else x
    x = layers.Dense(DENSE, activation="relu")(layers.Flatten()(x))
    network = keras.Model(view, layers.Dense(CLASSES)(x))

    def shown() -> Iterator[list[NDArray[np.float32]]]:
        random = np.random.default_rng(1)
        for _ in range(SHOWN_VIEWS):
            yield [random.random((1, *VIEW), np.float32)]

    for name, eight_bits in (("float", False), ("int8", True)):
        converter = tf.lite.TFLiteConverter.from_keras_model(network)
        if eight_bits:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = shown
        # It lists every variable on standard output.
        with contextlib.redirect_stdout(io.StringIO()):
            packed: bytes = converter.convert()
        (folder / f"{name}.tflite").write_bytes(packed)
    (folder / "weights.txt").write_text(str(network.count_params()), encoding="ascii")


if __name__ == "__main__":
    build(Path(sys.argv[1]))
