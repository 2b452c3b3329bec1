"""The cover sheet of a batch: says how many papers lie behind it. It has codes like any sheet, and no field."""

from functools import cache

from recognizer.codes import COVER_TEMPLATE
from recognizer.template import SheetTemplate

INSTRUCTION = (
    "Lay this sheet on top of its papers and scan it with them. Keep the four corner marks and the code clean."
)

_LEFT, _WIDTH = 22.0, 166.0


@cache
def cover_template(batch: str = "", papers: int = 0) -> SheetTemplate:
    """Return the cover sheet of a batch as a template, with what it says to people."""
    counted = f"{papers:,} {'paper' if papers == 1 else 'papers'}"
    texts = [
        {"text": "Batch", "y": 92, "size": 14, "tone": "quiet"},
        {"text": batch, "y": 108, "size": 40, "weight": "bold"},
        {"text": "holds", "y": 128, "size": 14, "tone": "quiet"},
        {"text": counted, "y": 144, "size": 40, "weight": "bold"},
        {"text": INSTRUCTION, "y": 166, "size": 10},
        {
            "text": "What follows in the same file, up to the next cover sheet, belongs to the batch.",
            "y": 173,
            "size": 10,
        },
    ]
    placed = [{"x": _LEFT, "width": _WIDTH, **text} for text in texts]
    return SheetTemplate.model_validate(
        {"name": COVER_TEMPLATE, "title": "Cover sheet of a batch", "page": [{"text": placed}]}
    )
