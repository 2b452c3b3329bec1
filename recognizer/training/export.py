"""A trained network -> a LiteRT file in eight bits, checked to compute what the network does.

Beside it lie its weights in 16-bit floats, from which `learn.py` goes on: eight bits are too coarse to learn from. For
networks that were trained before those were written:

    python -m recognizer.training.export --keras DIR --out FOLDER
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from recognizer.classifier import CARD_FILE, INPUTS, OUTPUTS, Network, load_card, load_network, write_card
from recognizer.errors import ModelError, RecognizerError
from recognizer.glyphs import load_glyphs
from recognizer.pictures import crop_of_picture
from recognizer.training.network import BUILDERS
from recognizer.training.samples import Composed, Samples, views_of

SHOWN_VIEWS = 500
"""Views by which the converter learns the range of every layer."""

PARITY_LIMIT = 0.03
"""Share of views for which the exported file may name another best class than the network. Eight bits move logits by a
few hundredths; where two classes are that close nothing is accepted anyway."""

TRAINED = "trained"
"""The entry of a network's card that names the file of its weights."""

PROBED_DIGITS = 600
"""Digits on which weights and exported file must agree before they are laid side by side."""


def export_network(network: keras.Model, folder: Path, probe: NDArray[np.float32]) -> dict[str, Any]:
    """Write `NAME.tflite`, and `NAME.npz` where it can go on learning; return the entry of the card, temperature 1.

    Args:
        network: one of `network.BUILDERS`, or the marks', computing in 32-bit floats.
        folder: where to write; made when missing.
        probe: views, as the network takes them, on which both must agree.

    Raises:
        RuntimeError: the exported file does not compute what the network does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = network.name
    view = keras.Input(INPUTS[name])
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(view, network(view)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _shown(probe)
    # It lists every variable on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        packed: bytes = converter.convert()
    file = f"{name}.tflite"
    (folder / file).write_bytes(packed)
    classes = OUTPUTS[name]
    lite = Network(packed, INPUTS[name], len(classes), 1.0, name)
    other = _disagreement(lite, network, probe)
    if not other <= PARITY_LIMIT:
        raise RuntimeError(
            f"{name}: LiteRT and Keras differ in {other:.2%} of best classes; {PARITY_LIMIT:.0%} expected"
        )
    entry = {
        "file": file,
        "sha256": hashlib.sha256(packed).hexdigest(),
        "bytes": len(packed),
        "classes": list(classes),
        "temperature": 1.0,
        "weights": network.count_params(),
        "parity": {"views": len(probe), "other_best_class": other, "limit": PARITY_LIMIT},
    }
    return entry | ({TRAINED: write_trained(network, folder)} if name in BUILDERS else {})


def write_trained(network: keras.Model, folder: Path) -> dict[str, str]:
    """Write the network's weights as `NAME.npz`: 16-bit floats, one array a layer, in the network's order.

    Returns:
        The file and its SHA-256, for the card.

    Raises:
        RuntimeError: a weight lies outside the range of 16-bit floats.
    """
    with np.errstate(over="ignore"):
        weights = [np.asarray(one, np.float16) for one in network.get_weights()]
    if not all(np.isfinite(one).all() for one in weights):
        raise RuntimeError(f"{network.name}: a weight is too large for 16 bits; training went wrong")
    path = folder / f"{network.name}.npz"
    np.savez_compressed(path, *weights)
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def load_trained(folder: Path, name: str) -> keras.Model:
    """Return one network of a model with its trained weights, computing in 32-bit floats.

    Args:
        folder: the model's.
        name: one of `network.BUILDERS`.

    Raises:
        ModelError: the model has no such weights, or they are damaged, of another training or of another shape.
    """
    entry = load_card(folder / CARD_FILE).details["networks"][name].get(TRAINED)
    if not isinstance(entry, dict) or Path(str(entry.get("file"))).name != entry.get("file"):
        raise ModelError(
            f"{folder}: the model came without the weights that learning begins with (its card names none for the "
            f"network {name}); take one trained with this version"
        )
    path = folder / entry["file"]
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); learning begins with it: install again"
        ) from error
    if hashlib.sha256(packed).hexdigest() != entry.get("sha256"):
        raise ModelError(f"{path}: is not the file that the card is about; take the whole folder from one place")
    network = BUILDERS[name]()
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as stored:
            network.set_weights([stored[f"arr_{at}"].astype(np.float32) for at in range(len(stored.files))])
    except (ValueError, zipfile.BadZipFile, KeyError) as error:
        raise ModelError(
            f"{path}: does not fit the network {name} of this version ({error}); train it again"
        ) from error
    return network


def main(arguments: list[str] | None = None) -> int:
    """Write the weights of saved Keras networks beside their exported files, as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.export",
        description="Write the weights of saved Keras networks into a model's folder, for `tallymark learn`.",
    )
    parser.add_argument("--keras", type=Path, required=True, help="folder with characters.keras and numbers.keras")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder; its card is completed")
    options = parser.parse_args(arguments)
    try:
        for name in BUILDERS:
            entry = add_trained(options.keras / f"{name}.keras", options.out, name)
            print(f"{options.out / entry['file']}: {(options.out / entry['file']).stat().st_size:,} bytes")
    except RecognizerError as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


def add_trained(saved: Path, folder: Path, name: str) -> dict[str, str]:
    """Write the weights of one saved Keras network beside its exported file, and name them in the card.

    Raises:
        ModelError: the saved network is missing, or the exported file was not made of it; nothing was written.
    """
    lite = load_network(folder, name, load_card(folder / CARD_FILE))
    try:
        network = keras.models.load_model(saved, compile=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{saved}: is no saved Keras network ({str(error).splitlines()[0]})") from error
    views = _probe()
    other = _disagreement(lite, network, views.glyphs if INPUTS[name] == (28, 28, 2) else views.lines)
    if not other <= PARITY_LIMIT:
        raise ModelError(
            f"{saved}: {folder / f'{name}.tflite'} was made of another network: they differ in {other:.1%} of best "
            f"classes, at most {PARITY_LIMIT:.0%} are expected"
        )
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    entry = card["networks"][name][TRAINED] = write_trained(network, folder)
    write_card(folder, card)
    return entry


def _probe() -> Samples:
    """Return views of digits that come with the product, a few of each writer."""
    glyphs = load_glyphs()
    rows = [rows[0] for by_digit in glyphs.where.values() for rows in by_digit.values()][:PROBED_DIGITS]
    return views_of([Composed(crop_of_picture(255 - glyphs.images[row]), 0, "") for row in rows])


def _disagreement(lite: Network, network: keras.Model, probe: NDArray[np.float32]) -> float:
    """Return for which share of the views, or of their places, both name another best class."""
    ours = lite.logits(probe)
    theirs = np.asarray(network.predict(probe, batch_size=1024, verbose=0), np.float32).reshape(ours.shape)
    return float((ours.argmax(axis=-1) != theirs.argmax(axis=-1)).mean())


def _shown(probe: NDArray[np.float32]) -> Iterator[list[NDArray[np.float32]]]:
    for index in range(min(SHOWN_VIEWS, len(probe))):
        yield [probe[index : index + 1]]


if __name__ == "__main__":
    sys.exit(main())
