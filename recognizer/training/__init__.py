"""Train the networks: data, augmentation, networks, training, export. Only here is TensorFlow imported."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

Say: TypeAlias = Callable[[str], None]
"""Is told, line by line, how long work goes on."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the data gave."""

    loss: float
    validation_loss: float
    validation_accuracy: float
