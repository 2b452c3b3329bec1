"""The weights that learning goes on from, beside the exported file: eight bits are too coarse to learn from."""

import hashlib
import io
import zipfile
from pathlib import Path

import keras
import numpy as np

from recognizer.classifier import CARD_FILE, load_card
from recognizer.errors import ModelError
from recognizer.training.network import BUILDERS

TRAINED = "trained"
"""The entry of a network's card that names the file of its weights."""


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
