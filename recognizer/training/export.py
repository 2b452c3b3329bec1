"""Keras network -> LiteRT file of built-in operations only, checked against the network it came from."""

import contextlib
import hashlib
import io
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from recognizer.classifier import WEIGHTS_FILE, load_model, write_card
from recognizer.records import GlyphStack
from recognizer.training.network import logits

PARITY_LIMIT = 1e-3
"""Largest difference between Keras's and LiteRT's logits that is float arithmetic and not a fault."""


def export_network(network: keras.Model, folder: Path, card: dict[str, Any], probe: GlyphStack) -> dict[str, Any]:
    """Write the LiteRT file and its card, and return the card as written.

    Args:
        network: from `build_network`.
        folder: where to write; made when missing.
        card: everything but `file`, `sha256`, `bytes` and `parity`.
        probe: glyphs on which both must agree.

    Raises:
        RuntimeError: the exported file does not compute what the network does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    # It lists every variable on standard output.
    with contextlib.redirect_stdout(io.StringIO()):
        packed: bytes = converter.convert()
    (folder / WEIGHTS_FILE).write_bytes(packed)
    digest = hashlib.sha256(packed).hexdigest()
    full = {**card, "file": WEIGHTS_FILE, "sha256": digest, "bytes": len(packed), "parity": {}}
    write_card(folder, full)
    difference = float(np.abs(load_model(folder).logits(probe) - logits(network, probe)).max(initial=0))
    if not difference <= PARITY_LIMIT:
        raise RuntimeError(f"LiteRT and Keras differ by {difference:.2g} in logits; at most {PARITY_LIMIT} expected")
    full["parity"] = {"glyphs": len(probe), "largest_logit_difference": difference, "limit": PARITY_LIMIT}
    write_card(folder, full)
    return full
