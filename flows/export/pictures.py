"""Crops as pictures in cells: the stored PNG passed through, bound to its row."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from openpyxl.drawing.fill import Blip
from openpyxl.drawing.geometry import PresetGeometry2D
from openpyxl.drawing.image import Image
from openpyxl.drawing.picture import PictureFrame
from openpyxl.drawing.spreadsheet_drawing import AnchorMarker, TwoCellAnchor

PNG_HEAD = struct.Struct(">8sI4sII")
"""Signature, length and name of the first chunk, width, height (PNG specification, 5.2 and 11.2.2)."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

SHOWN_SCALE = 1.0
"""Review pictures have 5 px/mm, a screen about 4 (96 dpi): handwriting is shown a little larger than on paper."""

WIDEST_PX, TALLEST_PX = 226, 150
"""The largest picture shown; a bubbled id grid is shown at about a third of its size."""

INSET_PX = 3
"""Room between a picture and the edges of its cell. A picture that touches the next cell does not sort with its row."""

POINTS_PER_PX = 0.75

EMU_PER_PX = 9525
"""English Metric Units, in which drawings are measured: 914,400 an inch, at 96 pixels an inch."""


@dataclass(frozen=True, slots=True)
class ShownSize:
    """How large a picture is shown, in pixels at 96 dpi."""

    width: int
    height: int

    @property
    def row_height(self) -> float:
        """The height of a row that holds it, in points."""
        return (self.height + 2 * INSET_PX) * POINTS_PER_PX


class CropPicture(Image):
    """One crop in one cell, under the name of its reading.

    Its bytes are fetched when the workbook is saved, so that ten thousand pictures need not be held at once.
    """

    def __init__(self, key: str, fetch: Callable[[str], bytes], size: ShownSize, row: int, column: int) -> None:
        self._key = key
        self._fetch = fetch
        self.ref = None
        self.format = "png"
        self.width, self.height = size.width, size.height
        self.anchor = _anchor(key, size, row, column)

    def _data(self) -> bytes:
        return self._fetch(self._key)


def shown_size(png: bytes) -> ShownSize | None:
    """Return how large a crop is shown, None when it is no PNG."""
    if len(png) < PNG_HEAD.size:
        return None
    signature, _, chunk, width, height = PNG_HEAD.unpack_from(png)
    if signature != PNG_SIGNATURE or chunk != b"IHDR" or not width or not height:
        return None
    scale = min(SHOWN_SCALE, WIDEST_PX / width, TALLEST_PX / height)
    return ShownSize(max(1, round(width * scale)), max(1, round(height * scale)))


def _anchor(key: str, size: ShownSize, row: int, column: int) -> TwoCellAnchor:
    """Bind the picture to one cell, to move, sort and hide with it ("move and size with cells")."""
    inset = INSET_PX * EMU_PER_PX
    start = AnchorMarker(col=column - 1, colOff=inset, row=row - 1, rowOff=inset)
    end = AnchorMarker(
        col=column - 1,
        colOff=inset + size.width * EMU_PER_PX,
        row=row - 1,
        rowOff=inset + size.height * EMU_PER_PX,
    )
    frame = PictureFrame()
    frame.nvPicPr.cNvPr.id = row
    frame.nvPicPr.cNvPr.name = key
    frame.nvPicPr.cNvPr.descr = f"What is written in {key}"
    frame.blipFill.blip = Blip(cstate="print")
    frame.spPr.prstGeom = PresetGeometry2D(prst="rect")
    frame.spPr.ln = None
    anchor = TwoCellAnchor(editAs="twoCell", _from=start, to=end)
    anchor.pic = frame
    return anchor
