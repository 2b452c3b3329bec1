"""The table behind a photographed page: wood or cloth, other papers, pens, a cup, the edge of a keyboard."""

import cv2
import numpy as np

from recognizer.records import GreyImage

DRAWN_AT = 4
"""The table is drawn this many times smaller and then enlarged: it is out of focus anyway."""


def table(width: int, height: int, rng: np.random.Generator) -> GreyImage:
    """Return a cluttered table."""
    small_width, small_height = width // DRAWN_AT + 1, height // DRAWN_AT + 1
    picture = _surface(small_width, small_height, rng)
    for _ in range(int(rng.integers(0, 7))):
        kind = rng.random()
        if kind < 0.45:
            _sheet_of_text(picture, rng)
        elif kind < 0.75:
            _pen(picture, rng)
        elif kind < 0.9:
            _cup(picture, rng)
        else:
            _keys(picture, rng)
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.uint8)


def _surface(width: int, height: int, rng: np.random.Generator) -> GreyImage:
    """Return wood (grain along one direction), cloth, or a plain top."""
    base, depth = rng.uniform(25, 215), rng.uniform(2, 28)
    grain = rng.normal(0.0, 1.0, (64, 64)).astype(np.float32)
    grain = grain if rng.random() < 0.5 else grain[:, : int(rng.integers(2, 6))]
    texture = cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC)
    fine = rng.normal(0.0, 0.3, (height, width)).astype(np.float32)
    return np.asarray(np.clip(base + depth * (texture + fine), 0, 255), dtype=np.uint8)


def _box(picture: GreyImage, rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Return the corners of a rectangle, turned by any angle, anywhere."""
    height, width = picture.shape
    size = rng.uniform(low, high, 2) * max(picture.shape)
    centre = (float(rng.uniform(0, width)), float(rng.uniform(0, height)))
    return np.asarray(cv2.boxPoints((centre, (float(size[0]), float(size[1])), float(rng.uniform(0, 180)))))


def _sheet_of_text(picture: GreyImage, rng: np.random.Generator) -> None:
    corners = _box(picture, rng, 0.3, 0.7)
    cv2.fillPoly(picture, [np.rint(corners).astype(np.int32)], int(rng.integers(170, 255)), cv2.LINE_AA)
    one, two, three, four = corners
    for down in np.linspace(0.08, 0.92, int(rng.integers(8, 40))):
        left, right = one + (four - one) * down, two + (three - two) * down
        reach = float(rng.uniform(0.5, 0.9))
        start, end = left + (right - left) * 0.08, left + (right - left) * reach
        cv2.line(picture, _whole(start), _whole(end), int(rng.integers(10, 120)), int(rng.integers(1, 3)), cv2.LINE_AA)


def _pen(picture: GreyImage, rng: np.random.Generator) -> None:
    corners = _box(picture, rng, 0.2, 0.45)
    cv2.line(picture, _whole(corners[0]), _whole(corners[2]), int(rng.integers(0, 230)), int(rng.integers(5, 14)))


def _cup(picture: GreyImage, rng: np.random.Generator) -> None:
    height, width = picture.shape
    centre, radius = (int(rng.integers(width)), int(rng.integers(height))), int(rng.uniform(0.06, 0.14) * height)
    cv2.circle(picture, centre, radius, int(rng.integers(120, 255)), -1, cv2.LINE_AA)
    cv2.circle(picture, centre, int(radius * 0.8), int(rng.integers(10, 70)), -1, cv2.LINE_AA)


def _keys(picture: GreyImage, rng: np.random.Generator) -> None:
    """Draw a keyboard: many dark squares in rows, as like to a code as things on a table get."""
    height, width = picture.shape
    key, left, top = int(0.02 * height) + 4, int(rng.integers(width)), int(rng.integers(height))
    for row in range(5):
        for column in range(14):
            x, y = left + column * (key + 3), top + row * (key + 3)
            cv2.rectangle(picture, (x, y), (x + key, y + key), int(rng.integers(5, 50)), -1)


def _whole(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(point).astype(int).tolist()
    return x, y
