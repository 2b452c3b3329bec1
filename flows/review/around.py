"""The surroundings of a field, cut from the picture of its page and kept ready: fields of one page come together."""

from collections import OrderedDict
from dataclasses import dataclass, field
from threading import Lock

from recognizer.geometry import Rect
from recognizer.records import GreyImage
from recognizer.surroundings import area_around, colour_jpeg, draw_around, field_area, grey_picture
from recognizer.template import SheetField, SheetTemplate

MOST_BYTES = 48_000_000
"""Pages that are kept unpacked: about twelve, so that the fields of a sheet are cut from it in some milliseconds."""


@dataclass(slots=True)
class Unpacked:
    """The pages looked at last, unpacked. A page is known by the bytes of its picture."""

    most_bytes: int = MOST_BYTES
    _kept: OrderedDict[bytes, GreyImage] = field(default_factory=OrderedDict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def of(self, jpeg: bytes) -> GreyImage:
        """Return the pixels of a page."""
        with self._lock:
            found = self._kept.get(jpeg)
            if found is not None:
                self._kept.move_to_end(jpeg)
                return found
        pixels = grey_picture(jpeg)
        with self._lock:
            if jpeg not in self._kept:
                self._kept[jpeg] = pixels
                self._bytes += pixels.nbytes
            while self._bytes > self.most_bytes and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.nbytes
        return pixels


def around_jpeg(page: GreyImage, shown: Rect, template: SheetTemplate, number: int, at: SheetField) -> bytes:
    """Return the surroundings of a field as JPEG.

    Args:
        page: the picture of its page, upright.
        shown: what area (mm) of the sheet that is.
        template: the sheet.
        number: which page of it, from 1.
        at: the field.
    """
    boxes = field_area(at, number)
    return colour_jpeg(draw_around(page, shown, area_around(boxes, template.pages[number - 1].paper), boxes))
