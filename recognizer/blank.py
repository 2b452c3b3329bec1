"""Tell empty paper, such as the back of a sheet scanned on both sides, from a page with something on it."""

import cv2
import numpy as np

from recognizer.records import GreyImage

LOOK_AT_PX = 850
"""Longest side at which a page is looked at (about 73 dpi for A4): a pen stroke is still a pixel and a half wide."""

EDGE_MM = 16.0
"""Left out along every edge: shadows of the scanner's lid, punch holes (centred 12 mm from the edge) and staples."""

INK_CONTRAST = 45
"""Grey values by which ink is darker than the paper around it; what shows through from the other side stays below."""

STROKE_REACH_MM = 8.0
"""Anything narrower than this is taken for ink on the paper around it."""

AREA_CONTRAST = 80
"""Grey values by which anything wider is darker than most of the paper, to count: shadows of folds are paler."""

LEAST_INK_MM2 = 0.6
"""A spot smaller than this is dust."""

BLANK_INK_MM2 = 3.0
"""A page with less ink than this is blank: a written `7` has about 5 square millimetres."""

PAPER_GREY = 110
"""Middle grey value below which a page is no paper: the lid was open, or the picture is inverted."""

_A4_HEIGHT_MM = 297.0


def ink_mm2(pixels: GreyImage) -> float:
    """Return how much ink stands on a page in square millimetres, taking its longest side for that of A4."""
    factor = max(pixels.shape) / LOOK_AT_PX
    size = (max(round(pixels.shape[1] / factor), 1), max(round(pixels.shape[0] / factor), 1))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if factor > 1 else pixels
    px_per_mm = max(small.shape) / _A4_HEIGHT_MM
    # A closing wider than any stroke leaves the paper alone, with its shadows; what is still dark then is a dark area.
    reach = 2 * round(STROKE_REACH_MM / 2 * px_per_mm) + 1
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    edge = round(EDGE_MM * px_per_mm)
    inside = slice(edge, max(small.shape[0] - edge, 0)), slice(edge, max(small.shape[1] - edge, 0))
    small, paper = small[inside], paper[inside]
    if not small.size:
        return 0.0
    area = paper < float(np.median(paper)) - AREA_CONTRAST
    dark = ((cv2.subtract(paper, small) >= INK_CONTRAST) | area).astype(np.uint8)
    _, _, about, _ = cv2.connectedComponentsWithStats(dark, connectivity=8)
    areas = about[1:, cv2.CC_STAT_AREA] / px_per_mm**2
    return float(areas[areas >= LEAST_INK_MM2].sum())


def is_blank(pixels: GreyImage) -> bool:
    """Tell whether a page is paper with nothing on it."""
    return float(np.median(pixels[::8, ::8])) >= PAPER_GREY and ink_mm2(pixels) < BLANK_INK_MM2
