"""Views of ink -> probabilities: the shipped networks behind one small protocol. The only door to LiteRT.

Three networks make a model: one tells the character in a box, one reads a cell from left to right, one tells whether a
tick box or bubble is marked. They lie in one folder with one card.
"""

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
from recognizer.records import CLASSES, MARKS, SYMBOLS, GlyphStack, MarkStack, Probabilities, StripStack, SymbolSteps

CARD_FILE = "model.json"
SHIPPED = Path(__file__).parent / "weights"

CHARACTERS, NUMBERS, MARK_BOXES = "characters", "numbers", "marks"

INPUTS: Mapping[str, tuple[int, ...]] = {CHARACTERS: (28, 28, 2), NUMBERS: (48, 120, 2), MARK_BOXES: (32, 32, 1)}
"""What each network looks at."""

OUTPUTS: Mapping[str, tuple[str, ...]] = {CHARACTERS: CLASSES, NUMBERS: ("none", *SYMBOLS), MARK_BOXES: MARKS}
"""What each network tells apart, in order."""

BATCH = 32
"""Views per call of the interpreter; the last batch is filled up with paper. Larger is not faster on one core."""


@dataclass(frozen=True, slots=True)
class NetworkCard:
    """One network of a model: its file, the file's SHA-256, and the temperature of its probabilities."""

    file: str
    sha256: str
    temperature: float


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model says of itself. `details` is the whole card: data, licences, seed, figures, as read from JSON."""

    name: str
    networks: Mapping[str, NetworkCard]
    details: Mapping[str, Any]


class ReadingModel(Protocol):
    """Whatever can tell characters, numbers and marks apart."""

    @property
    def name(self) -> str:
        """The model's name, stored with every run."""

    @property
    def card(self) -> ModelCard:
        """What the model says of itself."""

    def probabilities(self, glyphs: GlyphStack) -> Probabilities:
        """Return how likely each class is.

        Args:
            glyphs: (N, 28, 28, 2) float32, 0.0 paper to 1.0 ink. N may be 0.

        Returns:
            (N, 14) float32 in the order of `CLASSES`; each row sums to 1.
        """

    def sequences(self, strips: StripStack) -> SymbolSteps:
        """Return what stands where in a cell.

        Args:
            strips: (N, 48, 120, 2) float32, 0.0 paper to 1.0 ink. N may be 0.

        Returns:
            (N, 30, 18) float32: for each place how likely it is "none" or each of `SYMBOLS`; each row sums to 1.
        """

    def marks(self, boxes: MarkStack) -> Probabilities:
        """Return how likely each of `MARKS` is.

        Args:
            boxes: (N, 32, 32) float32, 0.0 paper to 1.0 ink. N may be 0.

        Returns:
            (N, 3) float32; each row sums to 1.
        """


class Network:
    """One LiteRT network of logits with a temperature; one thread at a time, in one interpreter."""

    def __init__(self, packed: bytes, view: tuple[int, ...], classes: int, temperature: float, name: str) -> None:
        """Make an interpreter.

        Args:
            packed: the `.tflite` file.
            view: shape of one input.
            classes: length of the last axis of the output.
            temperature: what logits are divided by.
            name: for messages.

        Raises:
            ModelError: LiteRT cannot use the file, or it has other inputs or outputs than expected.
        """
        self.name, self._view, self._classes, self._temperature = name, view, classes, temperature
        self._turn = threading.Lock()
        with _quiet():
            self._interpreter = self._made(packed)
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def probabilities(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how likely each class is, (N, …, classes); the last axis sums to 1.

        Raises:
            ValueError: views of another shape, or with NaN in them (our bug).
        """
        return softmax(self.logits(views), self._temperature)

    def logits(self, views: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the network's outputs before calibration, (N, …, classes)."""
        if views.shape[1:] not in (self._view, self._view[:-1] if self._view[-1] == 1 else self._view):
            raise ValueError(f"network {self.name}: views are {views.shape[1:]}, expected {self._view}")
        if not np.isfinite(views).all():
            raise ValueError(f"network {self.name}: a view holds NaN or infinity; pictures have none")
        views = views.reshape(len(views), *self._view)
        found = np.empty((len(views), *self._shape), np.float32)
        batch = np.zeros((BATCH, *self._view), np.float32)
        with self._turn:
            for start in range(0, len(views), BATCH):
                part = views[start : start + BATCH]
                batch[: len(part)] = part
                batch[len(part) :] = 0.0
                self._interpreter.set_tensor(self._input, batch)
                self._interpreter.invoke()
                given = self._interpreter.get_tensor(self._output)
                found[start : start + len(part)] = given.reshape(BATCH, *self._shape)[: len(part)]
        return found

    def _made(self, packed: bytes) -> Any:  # noqa: ANN401 - the library has no types
        from ai_edge_litert.interpreter import Interpreter

        try:
            interpreter = Interpreter(model_content=packed, num_threads=1)
            taken = interpreter.get_input_details()[0]
            interpreter.resize_tensor_input(taken["index"], (BATCH, *self._view))
            interpreter.allocate_tensors()
            interpreter.invoke()
            given = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        except (ValueError, RuntimeError, IndexError) as error:
            raise ModelError(f"{self.name}: LiteRT cannot use the weights ({error}); install again") from error
        if given.shape[0] != BATCH or given.shape[-1] != self._classes or given.dtype != np.float32:
            raise ModelError(
                f"{self.name}: gives {given.shape} {given.dtype}, expected {BATCH} rows of {self._classes} float32"
            )
        # The cell's network gives one row of places.
        self._shape = given.shape[1:] if given.ndim == 2 else given.shape[-2:]
        return interpreter


class LiteRtModel:
    """The three networks of one folder."""

    def __init__(self, networks: Mapping[str, Network], card: ModelCard) -> None:
        """Put loaded networks together; see `load_model`."""
        self.card = card
        self.networks = networks

    @property
    def name(self) -> str:
        """The model's name."""
        return self.card.name

    def probabilities(self, glyphs: GlyphStack) -> Probabilities:
        """Return how likely each class is; see `ReadingModel`."""
        return self.networks[CHARACTERS].probabilities(glyphs)

    def sequences(self, strips: StripStack) -> SymbolSteps:
        """Return what stands where in a cell; see `ReadingModel`."""
        return self.networks[NUMBERS].probabilities(strips)

    def marks(self, boxes: MarkStack) -> Probabilities:
        """Return how likely a box is marked; see `ReadingModel`."""
        return self.networks[MARK_BOXES].probabilities(boxes)


def softmax(logits: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """Return probabilities along the last axis; a higher temperature is less sure."""
    scaled = logits / np.float32(temperature)
    powers = np.exp(scaled - scaled.max(axis=-1, keepdims=True, initial=-np.inf))
    shares: NDArray[np.float32] = (powers / powers.sum(axis=-1, keepdims=True)).astype(np.float32)
    return shares


def load_model(folder: Path | None = None) -> LiteRtModel:
    """Return the model in a folder, the shipped one by default.

    Raises:
        ModelError: weights or card are missing or damaged, or do not belong together.
    """
    folder = folder or SHIPPED
    card = load_card(folder / CARD_FILE)
    return LiteRtModel({name: load_network(folder, name, card) for name in INPUTS}, card)


def load_network(folder: Path, name: str, card: ModelCard) -> Network:
    """Return one network of a model.

    Raises:
        ModelError: its file is missing, damaged or not the one that the card is about.
    """
    about = card.networks[name]
    path = folder / about.file
    try:
        packed = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the model's weights cannot be read ({error.strerror}); install again") from error
    found = hashlib.sha256(packed).hexdigest()
    if found != about.sha256:
        raise ModelError(
            f"{path}: SHA-256 begins {found[:12]}, but its card {CARD_FILE} is about {about.sha256[:12]}; the file is "
            "damaged or of another training: take the whole folder from one place"
        )
    return Network(packed, INPUTS[name], len(OUTPUTS[name]), about.temperature, f"model {card.name}, network {name}")


def load_card(path: Path) -> ModelCard:
    """Return a model's card.

    Raises:
        ModelError: the card is missing, no JSON, lacks an entry, or is about other classes.
    """
    try:
        details = json.loads(path.read_text(encoding="utf-8"))
        networks = {
            name: NetworkCard(_file_name(about["file"]), str(about["sha256"]), float(about["temperature"]))
            for name in INPUTS
            for about in (details["networks"][name],)
        }
        card = ModelCard(str(details["name"]), networks, details)
        classes = {name: tuple(details["networks"][name]["classes"]) for name in INPUTS}
    except OSError as error:
        raise ModelError(
            f"{path}: the model's card cannot be read ({error.strerror}); a model is a folder with {CARD_FILE} and "
            "the three files that it names"
        ) from error
    except KeyError as error:
        raise ModelError(f"{path}: the model's card has no entry {error}; train or install it again") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: the model's card is damaged ({error}); install again") from error
    for name, found in classes.items():
        if found != OUTPUTS[name]:
            raise ModelError(
                f"{path}: the network {name} tells {' '.join(found)} apart; this version needs "
                f"{' '.join(OUTPUTS[name])}"
            )
        if not 0 < networks[name].temperature < float("inf"):
            raise ModelError(f"{path}: {name}: temperature must lie above 0")
    return card


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write a model's card beside its weights."""
    (folder / CARD_FILE).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _file_name(text: object) -> str:
    """Return a file's name; a card must not lead out of its folder."""
    name = str(text)
    if Path(name).name != name:
        raise ValueError(f"'{name}' is no plain file name")
    return name


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
