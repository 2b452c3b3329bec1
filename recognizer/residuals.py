"""How far each printed box lies from where its template has it on a page: for a person who checks a template."""

import math
from dataclasses import dataclass

import numpy as np

from recognizer.bend import Laid
from recognizer.records import RegisteredPage
from recognizer.rules import CORNER_INSET_MM, Probes, measure
from recognizer.template import Box

AT_ONCE = 300
"""Boxes measured together: OpenCV maps no picture of more than 32,767 rows, and a box has 84."""


@dataclass(frozen=True, slots=True)
class BoxResidual:
    """A box, and by how many mm its printed sides lie off; None when they are not seen, or not printed."""

    box: Box
    off_mm: float | None


def box_residuals(registered: RegisteredPage) -> tuple[BoxResidual, ...]:
    """Measure every box of a registered page, in template order."""
    boxes = registered.template.boxes(registered.identity.page)
    bubbles = {
        field.name
        for field in registered.template.pages[registered.identity.page - 1].fields
        if field.shape == "bubble"
    }
    laid = Laid(registered.mm_to_px, registered.bend)
    offsets = np.concatenate(
        [
            measure(registered.page.pixels, laid.to_px, _probes(boxes[first : first + AT_ONCE], bubbles))
            for first in range(0, len(boxes), AT_ONCE)
        ]
    )
    by_box = offsets.reshape(len(boxes), 2, -1)
    seen = ~np.isnan(by_box)
    means = np.where(seen.any(axis=2), np.nansum(by_box, axis=2) / np.maximum(seen.sum(axis=2), 1), np.nan)
    found = []
    for box, (across, down) in zip(boxes, means.tolist(), strict=True):
        known = [value for value in (across, down) if not np.isnan(value)]
        found.append(BoxResidual(box, math.hypot(*known) if known else None))
    return tuple(found)


def _probes(boxes: tuple[Box, ...], bubbles: set[str]) -> Probes:
    """Return probes in the middle of each side and near both of its ends: first those across, then those down."""
    points, normals, anchors, pairs = [], [], [], []
    for box in boxes:
        rect = box.rect
        middle = (rect.x + rect.width / 2, rect.y + rect.height / 2)
        inset = np.array([0.5, 0.5, 0.5]) if box.field in bubbles else np.array([0.0, 0.5, 1.0])
        ways = (
            ((rect.x, rect.right), rect.y, rect.height, (1.0, 0.0)),
            ((rect.y, rect.bottom), rect.x, rect.width, (0.0, 1.0)),
        )
        for sides, start, length, normal in ways:
            reach = max(length / 2 - min(CORNER_INSET_MM, 0.3 * length), 0.0)
            for along in start + length / 2 + (inset - 0.5) * 2 * reach:
                for side in sides:
                    points.append((side, along) if normal[0] else (along, side))
                    normals.append(normal)
                    anchors.append(middle)
                pairs.append((len(points) - 2, len(points) - 1))
    count = len(points)
    return Probes(
        np.array(points, dtype=np.float64).reshape(-1, 2),
        np.array(normals, dtype=np.float64).reshape(-1, 2),
        np.array(anchors, dtype=np.float64).reshape(-1, 2),
        np.array(pairs, dtype=np.intp).reshape(-1, 2),
        np.ones(count, dtype=bool),
    )
