"""The letters of bubbles and tick boxes, for whoever looks at their picture alone. Pure.

Where a scan has black and white only, the letters that are printed pale within bubbles do not show. Which box stands
for which option is known from the template, and where each lies in the picture of its field as well.
"""

from typing import Any, TypeAlias

import numpy as np

from recognizer.boxes import FIELD_MARGIN_MM
from recognizer.geometry import bounding_rect
from recognizer.template import Kind, SheetField

Plain: TypeAlias = dict[str, Any]
"""What becomes JSON."""

MOST_LETTERS = 14
"""More of them beside one picture on a wall could not be told apart."""


def letters_of(field: SheetField | None, read: str) -> Plain | None:
    """Return the size (mm) of a field's picture, which way its boxes go, and where the letter of each lies along it.

    None for a field that has no options, whose boxes stand in a grid, or that has too many of them.

    Args:
        field: the field, None when the exam has it no more.
        read: what the machine thinks is chosen: options with + between, "" for none.
    """
    if field is None or field.kind is not Kind.CHOICE or len(field.option_rows) != 1:
        return None
    boxes = field.boxes(1)
    if not 1 < len(boxes) <= MOST_LETTERS:
        return None
    area = bounding_rect(np.vstack([box.rect.corners() for box in boxes])).grown(FIELD_MARGIN_MM)
    is_row = area.width >= area.height
    chosen = set(read.split("+"))
    return {
        "width": area.width,
        "height": area.height,
        "row": is_row,
        "letters": [
            {
                "option": box.option,
                "at": box.rect.x + box.rect.width / 2 - area.x if is_row else box.rect.y + box.rect.height / 2 - area.y,
                "read": box.option in chosen,
            }
            for box in boxes
        ],
    }
