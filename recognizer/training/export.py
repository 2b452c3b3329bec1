"""A trained network -> a LiteRT file in eight bits, checked to compute what the network does.

Beside it lie its weights in 16-bit floats (`trained.py`), from which `learn.py` goes on.
Networks that were trained where there is no LiteRT are exported later:

    python -m recognizer.training.export --keras DIR --out FOLDER
"""

import argparse
import contextlib
import hashlib
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from recognizer.classifier import (
    CARD_FILE,
    CHARACTERS,
    INPUTS,
    MARK_BOXES,
    NUMBERS,
    OUTPUTS,
    Network,
    load_card,
    write_card,
)
from recognizer.errors import ModelError, RecognizerError
from recognizer.training.mark_boxes import compose_marks
from recognizer.training.network import BUILDERS
from recognizer.training.rehearsal import base_pool
from recognizer.training.samples import KINDS, Samples, compose
from recognizer.training.train_marks import as_views
from recognizer.training.trained import TRAINED, write_trained

SHOWN_VIEWS = 500
"""Views by which the converter learns the range of every layer."""

PARITY_LIMIT = 0.03
"""Share of views for which the exported file may name another best class than the network. Eight bits move logits by a
few hundredths; where two classes are that close nothing is accepted anyway."""

PROBED = 1500
"""Boxes composed to set the ranges by, and on which saved network and exported file must agree."""


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


def main(arguments: list[str] | None = None) -> int:
    """Export saved Keras networks as the command line says."""
    parser = argparse.ArgumentParser(
        prog="python -m recognizer.training.export",
        description="Export networks that `train --unexported --keep DIR` saved, as LiteRT files and weights.",
        epilog="Then: python -m recognizer.training.train --networks none --out FOLDER   (calibrate what was exported)",
    )
    parser.add_argument("--keras", type=Path, required=True, help="folder with NAME.keras of one or more networks")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder, with its card")
    options = parser.parse_args(arguments)
    try:
        for name, entry in exported(options.keras, options.out).items():
            print(f"{options.out / entry['file']}: {entry['bytes']:,} bytes of the network {name}")
    except RecognizerError as error:
        print(f"export: {error}", file=sys.stderr)
        return 1
    return 0


def exported(saved: Path, folder: Path) -> dict[str, dict[str, Any]]:
    """Export the Keras networks saved in one folder into a model's folder, whose card then is theirs.

    Other networks that the model has stay. It has no calibration afterwards, until `train --networks none` counts anew:
    curves of other files would promise what nobody measured.

    Raises:
        ModelError: there is no card, no saved network, or a file that is none of ours; nothing was written then.
        RuntimeError: an exported file does not compute what its network does.
    """
    try:
        card = json.loads((saved / CARD_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"{saved / CARD_FILE}: is no card of a training ({error}); train --keep writes it") from error
    paths = [path for name in INPUTS if (path := saved / f"{name}.keras").is_file()]
    if not paths:
        raise ModelError(f"{saved}: holds none of {', '.join(f'{name}.keras' for name in INPUTS)}")
    networks = [_loaded(path) for path in paths]
    views = _probe()
    probes = {
        CHARACTERS: views.characters.glyphs,
        NUMBERS: views.lines,
        MARK_BOXES: as_views(compose_marks(PROBED, 1).x),
    }
    others = load_card(folder / CARD_FILE).details["networks"] if (folder / CARD_FILE).is_file() else {}
    entries = {network.name: export_network(network, folder, probes[network.name]) for network in networks}
    card["networks"] = {**others, **entries}
    card.pop("calibration", None)
    write_card(folder, card)
    return entries


def _loaded(path: Path) -> keras.Model:
    try:
        network = keras.models.load_model(path, compile=False)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: is no saved Keras network ({str(error).splitlines()[0]})") from error
    if network.name != path.stem or network.input_shape[1:] != INPUTS[path.stem]:
        raise ModelError(
            f"{path}: holds the network {network.name} for {network.input_shape[1:]}, expected {path.stem} for "
            f"{INPUTS[path.stem]}; train it with this version"
        )
    return network


def _probe() -> Samples:
    """Return composed boxes and cells by writers that are in no training set: what the networks will see."""
    kinds = {name: share for name, share in KINDS.items() if name != "plain"}
    return compose(base_pool(), PROBED, 1, 1, kinds)


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
