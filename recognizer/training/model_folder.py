"""The folder of a model while it is made: nothing of the old model is lost before the new one is whole."""

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recognizer.classifier import CARD_FILE, INPUTS, load_card
from recognizer.training.sources import DataError
from recognizer.training.trained import TRAINED

UNFINISHED = ".training-"
"""How the name of a folder begins in which a model is made; it lies in the model's own, on the same disk."""


def files_of(card: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return the files of one network that a card names: the exported one, and its weights if there are any."""
    entry = card["networks"][name]
    found = (entry.get("file"), entry.get(TRAINED, {}).get("file"))
    return tuple(Path(str(file)).name for file in found if file)


def hash_of_model(folder: Path) -> str:
    """Return the SHA-256 of a model's networks, as its card says.

    Raises:
        ModelError: there is no model.
    """
    card = load_card(folder / CARD_FILE)
    return hashlib.sha256("".join(card.networks[name].sha256 for name in INPUTS).encode()).hexdigest()


@contextlib.contextmanager
def replaced(folder: Path, kept: Mapping[str, Path]) -> Iterator[Path]:
    """Give a folder to make a model in; when all went well its files move into `folder`, which is left alone till then.

    Where something goes wrong after a network was exported, the unfinished folder stays, and a note of the exception
    says where it lies: there may be hours in it.

    Args:
        folder: the model's; made when missing.
        kept: files of networks that stay as they are: where each lies, by its name.

    Raises:
        DataError: a folder or file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    except OSError as error:
        raise DataError(f"{folder}: no model can be made there ({error.strerror}); name another folder") from error
    try:
        _copy(kept, part)
        yield part
    except BaseException as error:
        if any(path.name not in kept for path in part.glob("*.tflite")):
            error.add_note(f"What was trained by then lies in {part}; {folder} is as it was.")
        else:
            shutil.rmtree(part, ignore_errors=True)
        raise
    try:
        # The card last: until it comes, its hashes say that the networks are others.
        for path in sorted(part.iterdir(), key=lambda one: one.name == CARD_FILE):
            path.replace(folder / path.name)
        part.rmdir()
    except OSError as error:
        raise DataError(
            f"{folder}: the new model could not be put there ({error.strerror}); it lies in {part}"
        ) from error


def _copy(kept: Mapping[str, Path], part: Path) -> None:
    for name, path in kept.items():
        try:
            shutil.copyfile(path, part / name)
        except OSError as error:
            raise DataError(
                f"{path}: cannot be read ({error.strerror}), and its network is to stay as it is; train all networks"
            ) from error
