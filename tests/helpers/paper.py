"""Draws printed sheets and scans them, with the truth of where every millimetre went; no PDF and no printer needed."""

from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from recognizer.codes import Corner, mark_codes, payload
from recognizer.geometry import MM_PER_INCH, Homography, Rect, apply_homography
from recognizer.records import GreyImage, Page, PageRef, PageSource, SheetIdentity
from recognizer.template import A4_MM, MARKS, QR_CODE, SheetTemplate, parse_template

RULE_MM = 0.25
RULE_GREY = 77
PAPER = 255

PLAIN = """
name = "plain"
version = 2
also_reads = [1]
[[page]]
  [[page.field]]
  name = "candidate"
  kind = "digits"
  role = "id"
  x = 20
  y = 45
  width = 8
  height = 10
  characters = 8
  [[page.field]]
  name = "q{n:02}"
  kind = "number"
  role = "mark"
  question = "{n}"
  maximum = 10
  step = 0.5
  x = 30
  y = 70
  width = 18
  height = 10
  repeat = { count = 12, rows = 6, dx = 60, dy = 14 }
  [[page.field]]
  name = "c{n:02}"
  kind = "choice"
  role = "answer"
  options = ["A", "B", "C", "D", "E"]
  shape = "bubble"
  x = 150
  y = 66
  width = 5
  height = 5
  pitch = 8
  repeat = { count = 20, rows = 20, dy = 9 }
  [[page.field]]
  name = "tick"
  kind = "choice"
  role = "answer"
  options = ["yes", "no"]
  x = 30
  y = 170
  width = 6
  height = 6
  pitch = 20
  [[page.field]]
  name = "signature"
  kind = "image"
  role = "none"
  x = 20
  y = 235
  width = 80
  height = 25
"""


def plain_template(name: str = "plain") -> SheetTemplate:
    """Return a small template with every kind of field."""
    return parse_template(PLAIN.replace('name = "plain"', f'name = "{name}"'))


class Scanned(NamedTuple):
    """What the scanner delivers, and the truth: template millimetres to its pixels."""

    pixels: GreyImage
    mm_to_px: Homography


@dataclass(frozen=True)
class _Canvas:
    """A page in floating point grey, drawn with exact coverage: edges lie where they were put, to a hundredth."""

    grey: np.ndarray
    px_per_mm: float

    def fill(self, rect: Rect, value: float) -> None:
        rows, down = _coverage(rect.y * self.px_per_mm, rect.bottom * self.px_per_mm, self.grey.shape[0])
        columns, across = _coverage(rect.x * self.px_per_mm, rect.right * self.px_per_mm, self.grey.shape[1])
        area = np.outer(down, across)
        part = self.grey[rows, columns]
        part += (value - part) * area

    def outline(self, rect: Rect, value: float = RULE_GREY, thickness: float = RULE_MM) -> None:
        half = thickness / 2
        for x in (rect.x, rect.right):
            self.fill(Rect(x - half, rect.y - half, thickness, rect.height + thickness), value)
        for y in (rect.y, rect.bottom):
            self.fill(Rect(rect.x - half, y - half, rect.width + thickness, thickness), value)

    def modules(self, rect: Rect, dark: np.ndarray) -> None:
        step = rect.width / dark.shape[1]
        for row, column in zip(*np.nonzero(dark), strict=True):
            self.fill(Rect(rect.x + column * step, rect.y + row * step, step, step), 0)

    def ring(self, rect: Rect) -> None:
        centre_x, centre_y = rect.x + rect.width / 2, rect.y + rect.height / 2
        area = rect.grown(1)
        rows, _ = _coverage(area.y * self.px_per_mm, area.bottom * self.px_per_mm, self.grey.shape[0])
        columns, _ = _coverage(area.x * self.px_per_mm, area.right * self.px_per_mm, self.grey.shape[1])
        y, x = np.mgrid[rows, columns]
        away = np.hypot(
            ((x + 0.5) / self.px_per_mm - centre_x) / rect.width * 2,
            ((y + 0.5) / self.px_per_mm - centre_y) / rect.height * 2,
        )
        distance = np.abs(away - 1) * min(rect.width, rect.height) / 2
        cover = np.clip((RULE_MM / 2 - distance) * self.px_per_mm + 0.5, 0, 1)
        part = self.grey[rows, columns]
        part += (RULE_GREY - part) * cover


def _coverage(start: float, stop: float, size: int) -> tuple[slice, np.ndarray]:
    first, last = max(int(np.floor(start)), 0), min(int(np.ceil(stop)), size)
    pixels = np.arange(first, last)
    return slice(first, last), np.clip(np.minimum(pixels + 1, stop) - np.maximum(pixels, start), 0, 1)


def millimetres_to_pixels(dpi: float) -> Homography:
    """Return the truth of a page that was drawn at a resolution: pixel centres lie at whole numbers, as in OpenCV."""
    scale = dpi / MM_PER_INCH
    return np.array([[scale, 0, -0.5], [0, scale, -0.5], [0, 0, 1]])


def draw_page(
    template: SheetTemplate,
    page: int = 1,
    exam: str = "exam",
    serial: int | None = 7,
    dpi: float = 300,
    *,
    version: int | None = None,
    marks: SheetIdentity | None = None,
    qr: bool = True,
) -> GreyImage:
    """Draw one page of a template as it leaves a perfect printer. `marks` gives the corner marks another identity."""
    identity = SheetIdentity(exam, template.name, version or template.version, page, serial)
    px_per_mm = dpi / MM_PER_INCH
    shape = (round(A4_MM[1] * px_per_mm), round(A4_MM[0] * px_per_mm))
    canvas = _Canvas(np.full(shape, PAPER, dtype=np.float32), px_per_mm)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    for corner, code in mark_codes(marks or identity).items():
        canvas.modules(MARKS[corner], cv2.aruco.generateImageMarker(dictionary, code, 8) < 128)
    if qr:
        canvas.modules(QR_CODE, qr_modules(payload(identity)))
    for box in template.boxes(page):
        if template.pages[page - 1].field_named(box.field).shape == "bubble":
            canvas.ring(box.rect)
        else:
            canvas.outline(box.rect)
    return np.clip(np.rint(canvas.grey), 0, 255).astype(np.uint8)


def qr_modules(text: str) -> np.ndarray:
    """Return the modules of a QR code, True where dark, without its quiet zone."""
    parameters = cv2.QRCodeEncoder.Params()
    parameters.correction_level = cv2.QRCODE_ENCODER_CORRECT_LEVEL_M
    dark = cv2.QRCodeEncoder.create(parameters).encode(text) < 128
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    return dark[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def erase(pixels: GreyImage, rect: Rect, dpi: float = 300, margin: float = 1.0) -> GreyImage:
    """Return the page with a rectangle (mm) covered by paper."""
    erased = pixels.copy()
    area = rect.grown(margin)
    scale = dpi / MM_PER_INCH
    erased[round(area.y * scale) : round(area.bottom * scale), round(area.x * scale) : round(area.right * scale)] = (
        PAPER
    )
    return erased


def scan(
    drawn: GreyImage,
    dpi: float = 300,
    *,
    angle: float = 0.0,
    scale: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    blur: float = 0.0,
    noise: float = 0.0,
    perspective: float = 0.0,
    one_bit: bool = False,
    quarter_turns: int = 0,
    mirrored: bool = False,
    lost: Corner | None = None,
    seed: int = 0,
) -> Scanned:
    """Scan a drawn page.

    Args:
        drawn: from `draw_page` at `dpi`.
        dpi: of the drawing; the scan has `dpi * scale`.
        angle: degrees of skew about the middle of the page.
        scale: size of the scan's pixels over the drawing's.
        shift: mm.
        blur: standard deviation in pixels of the scan.
        noise: standard deviation in grey values.
        perspective: how much nearer the top edge is than the bottom edge, as a fraction of the width.
        one_bit: cut to black and white.
        quarter_turns: clockwise.
        mirrored: left and right exchanged.
        lost: the corner mark that is torn off.
        seed: of the noise.
    """
    if lost is not None:
        drawn = erase(drawn, MARKS[lost], dpi, margin=3)
    drawn, border = _with_room(drawn, angle)
    height, width = drawn.shape
    moved = _centred(angle, width, height) @ _lean(perspective, width, height)
    moved = np.array([[1, 0, shift[0] * dpi / MM_PER_INCH], [0, 1, shift[1] * dpi / MM_PER_INCH], [0, 0, 1.0]]) @ moved
    grown = np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2], [0, 0, 1.0]]) @ moved
    size = (round(width * scale), round(height * scale))
    if scale < 0.8:
        drawn = cv2.GaussianBlur(drawn, (0, 0), 0.4 / scale)
    pixels = cv2.warpPerspective(drawn, grown, size, flags=cv2.INTER_LINEAR, borderValue=PAPER)
    truth = grown @ np.array([[1, 0, border], [0, 1, border], [0, 0, 1.0]]) @ millimetres_to_pixels(dpi)
    pixels, truth = _turned(pixels, truth, quarter_turns)
    if mirrored:
        pixels, truth = pixels[:, ::-1], np.array([[-1, 0, pixels.shape[1] - 1], [0, 1, 0], [0, 0, 1.0]]) @ truth
    return Scanned(_seen(pixels, blur, noise, one_bit, seed), truth)


def as_page(pixels: GreyImage, number: int = 1) -> Page:
    """Return pixels as a page record."""
    return Page(PageRef("0" * 64, number), pixels, *A4_MM, PageSource.IMAGE, "0" * 64)


def farthest_mm(found: Homography, truth: Homography, template: SheetTemplate, page: int = 1) -> float:
    """Return how far (mm) the box corners under one homography are from the truth, at most."""
    corners = np.vstack([box.rect.corners() for box in template.boxes(page)])
    back = apply_homography(np.linalg.inv(truth), apply_homography(found, corners))
    return float(np.hypot(*(back - corners).T).max())


def _with_room(drawn: GreyImage, angle: float) -> tuple[GreyImage, int]:
    """Return the page on a glass so much larger that a skewed page lies on it whole, and the width of the border."""
    border = int(np.ceil(max(drawn.shape) / 2 * abs(np.sin(np.radians(angle)))))
    return cv2.copyMakeBorder(drawn, *(border,) * 4, cv2.BORDER_CONSTANT, value=PAPER), border


def _centred(angle: float, width: int, height: int) -> Homography:
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return np.vstack([turn, [0, 0, 1]])


def _lean(amount: float, width: int, height: int) -> Homography:
    right, bottom, inset = width - 1, height - 1, amount * width / 2
    before = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=np.float32)
    after = np.array([[inset, 0], [right - inset, 0], [right, bottom], [0, bottom]], dtype=np.float32)
    return cv2.getPerspectiveTransform(before, after)


def _turned(pixels: GreyImage, truth: Homography, quarter_turns: int) -> tuple[GreyImage, Homography]:
    for _ in range(quarter_turns % 4):
        truth = np.array([[0, -1, pixels.shape[0] - 1], [1, 0, 0], [0, 0, 1.0]]) @ truth
        pixels = np.rot90(pixels, -1)
    return pixels, truth


def _seen(pixels: GreyImage, blur: float, noise: float, one_bit: bool, seed: int) -> GreyImage:
    grey = np.ascontiguousarray(pixels)
    if blur:
        grey = cv2.GaussianBlur(grey, (0, 0), blur)
    if noise:
        grain = np.random.default_rng(seed).standard_normal(grey.shape, dtype=np.float32) * noise
        grey = np.clip(np.rint(grey + grain), 0, 255).astype(np.uint8)
    if one_bit:
        grey = np.where(grey < 140, 0, 255).astype(np.uint8)
    return grey
