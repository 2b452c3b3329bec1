"""(N, 28, 28) glyphs -> (N, 13) probabilities: the shipped model behind one small protocol. The only door to LiteRT."""

import contextlib
import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from recognizer.errors import ModelError
from recognizer.records import CLASSES, GlyphStack, Probabilities

WEIGHTS_FILE = "characters.tflite"
CARD_FILE = "characters.json"
SHIPPED = Path(__file__).parent / "weights"

BATCH = 32
"""Glyphs per call of the interpreter; the last batch is filled up with paper. Larger is not faster on one core."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model says of itself. `details` is the whole card: data, licences, seed, figures, as read from JSON."""

    name: str
    sha256: str
    accept_confidence: float
    temperature: float
    details: Mapping[str, Any]


class CharacterModel(Protocol):
    """Whatever can tell characters apart."""

    @property
    def name(self) -> str:
        """The model's name, stored with every run."""

    @property
    def card(self) -> ModelCard:
        """What the model says of itself."""

    def probabilities(self, glyphs: GlyphStack) -> Probabilities:
        """Return how likely each class is.

        Args:
            glyphs: (N, 28, 28) float32, 0.0 paper to 1.0 ink. N may be 0.

        Returns:
            (N, 13) float32 in the order of `CLASSES`; each row sums to 1.
        """


class LiteRtModel:
    """A LiteRT network of logits with a temperature; one thread at a time, in one interpreter."""

    def __init__(self, packed: bytes, card: ModelCard) -> None:
        """Make an interpreter.

        Args:
            packed: the `.tflite` file.
            card: its card.

        Raises:
            ModelError: LiteRT cannot use the file, or it has other inputs or outputs than a character model.
        """
        self.card = card
        self._turn = threading.Lock()
        with _quiet():
            self._interpreter = _interpreter(packed, card.name)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    def probabilities(self, glyphs: GlyphStack) -> Probabilities:
        """Return how likely each class is, calibrated; see `CharacterModel`."""
        return softmax(self.logits(glyphs), self.card.temperature)

    def logits(self, glyphs: GlyphStack) -> NDArray[np.float32]:
        """Return the network's outputs before calibration, (N, 13) float32."""
        found = np.empty((len(glyphs), len(CLASSES)), np.float32)
        batch = np.zeros((BATCH, 28, 28, 1), np.float32)
        with self._turn:
            for start in range(0, len(glyphs), BATCH):
                part = glyphs[start : start + BATCH]
                batch[: len(part), :, :, 0] = part
                batch[len(part) :] = 0.0
                self._interpreter.set_tensor(self._input, batch)
                self._interpreter.invoke()
                found[start : start + len(part)] = self._interpreter.get_tensor(self._output)[: len(part)]
        return found


def softmax(logits: NDArray[np.float32], temperature: float) -> Probabilities:
    """Return probabilities, (N, C); a higher temperature is less sure."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True, initial=-np.inf))
    shares: Probabilities = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def load_model(path: Path | None = None) -> LiteRtModel:
    """Return the model in a folder (or of one `.tflite` file with its card beside it); the shipped one by default.

    Raises:
        ModelError: weights or card are missing or damaged, or do not belong together.
    """
    weights = (path or SHIPPED) if path and path.suffix == ".tflite" else (path or SHIPPED) / WEIGHTS_FILE
    card = load_card(weights.with_suffix(".json"))
    try:
        packed = weights.read_bytes()
    except OSError as error:
        raise ModelError(f"{weights}: the model's weights cannot be read ({error.strerror}); install again") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != card.sha256:
        raise ModelError(
            f"{weights}: SHA-256 begins {found[:12]}, but its card {weights.with_suffix('.json').name} is about "
            f"{card.sha256[:12]}; the file is damaged or of another training: take both from one place"
        )
    return LiteRtModel(packed, card)


def load_card(path: Path) -> ModelCard:
    """Return a model's card.

    Raises:
        ModelError: the card is missing, no JSON, lacks an entry, or is about other classes.
    """
    try:
        details = json.loads(path.read_text(encoding="utf-8"))
        card = ModelCard(
            name=str(details["name"]),
            sha256=str(details["sha256"]),
            accept_confidence=float(details["accept_confidence"]),
            temperature=float(details["temperature"]),
            details=details,
        )
        classes = tuple(details["classes"])
    except OSError as error:
        raise ModelError(
            f"{path}: the model's card cannot be read ({error.strerror}); a .tflite file needs the "
            "card that it was trained with beside it"
        ) from error
    except KeyError as error:
        raise ModelError(f"{path}: the model's card has no entry {error}; train or install it again") from error
    except (ValueError, TypeError) as error:
        raise ModelError(f"{path}: the model's card is damaged ({error}); install again") from error
    if classes != CLASSES:
        raise ModelError(f"{path}: the model tells {' '.join(classes)} apart; this version needs {' '.join(CLASSES)}")
    if not (0 < card.accept_confidence <= 1 and 0 < card.temperature < float("inf")):
        raise ModelError(f"{path}: accept_confidence must lie in 0 to 1 and temperature above 0")
    return card


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a model's card beside its weights."""
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _interpreter(packed: bytes, name: str) -> Any:  # noqa: ANN401 - the library has no types
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(model_content=packed, num_threads=1)
        taken = interpreter.get_input_details()[0]
        interpreter.resize_tensor_input(taken["index"], (BATCH, 28, 28, 1))
        interpreter.allocate_tensors()
        interpreter.invoke()
        given = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    except (ValueError, RuntimeError, IndexError) as error:
        raise ModelError(f"model {name}: LiteRT cannot use the weights ({error}); install again") from error
    if given.shape != (BATCH, len(CLASSES)) or given.dtype != np.float32:
        raise ModelError(f"model {name}: gives {given.shape} {given.dtype}, expected {(BATCH, len(CLASSES))} float32")
    return interpreter


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's own log lines, which it writes to file descriptor 2, out of the user's sight."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(nowhere)
        os.close(saved)
