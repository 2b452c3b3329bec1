"""What templates are made of: lengths, numbers and texts with their limits, and what is printed for people only."""

import unicodedata
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from recognizer.geometry import MM_PER_INCH, Rect

HAIRLINE_MM = 0.15
"""Thickness of a light rule for people."""


class Frozen(BaseModel):
    """Once read, a template never changes; a key that nobody knows is an error, not a guess."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        raise ValueError("a text is one line without control characters")
    return text


def _number(value: Any) -> Any:  # noqa: ANN401 - anything can stand in a TOML file
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError("should be a number")
    return value


MIN_BOX_MM = 3.0
"""The smallest box: in less, neither a digit nor a filled bubble can be told from a speck at 150 dpi."""

Millimetres = Annotated[float, Field(strict=True, ge=0, le=600, allow_inf_nan=False)]
Length = Annotated[float, Field(strict=True, gt=0, le=600, allow_inf_nan=False)]
BoxLength = Annotated[float, Field(strict=True, ge=MIN_BOX_MM, le=600, allow_inf_nan=False)]
Count = Annotated[int, Field(strict=True, ge=1, le=40)]
Text = Annotated[str, AfterValidator(_one_line)]
Number = Annotated[
    Decimal, BeforeValidator(_number), Field(ge=-(10**9), le=10**9, decimal_places=6, allow_inf_nan=False)
]


class PrintedText(Frozen):
    """One line of text for people. `y` is its baseline; it is made smaller when it is wider than `width`."""

    x: Millimetres
    y: Millimetres
    width: Length
    text: Text = Field(max_length=300)
    size: float = Field(default=10.0, strict=True, ge=5, le=48, description="points")
    weight: Literal["regular", "bold"] = "regular"
    tone: Literal["ink", "quiet"] = "ink"
    align: Literal["left", "center", "right"] = "left"

    @property
    def area(self) -> Rect:
        """The paper it takes: capitals reach 0.8 of the size above the baseline, descenders 0.25 below."""
        height = self.size * MM_PER_INCH / 72
        return Rect(self.x, self.y - 0.8 * height, self.width, 1.05 * height)


class PrintedLine(Frozen):
    """A light rule for people: across (`width`) or down (`height`)."""

    x: Millimetres
    y: Millimetres
    width: Millimetres = 0.0
    height: Millimetres = 0.0

    @property
    def area(self) -> Rect:
        """The paper it takes."""
        return Rect(self.x, self.y, max(self.width, HAIRLINE_MM), max(self.height, HAIRLINE_MM))


class PrintedPanel(Frozen):
    """A light grey area behind headings. Boxes need white paper, so none may stand on it."""

    x: Millimetres
    y: Millimetres
    width: Length
    height: Length

    @property
    def area(self) -> Rect:
        """The paper it takes."""
        return Rect(self.x, self.y, self.width, self.height)


class PrintedBubble(Frozen):
    """A bubble of an example: how to fill one, and how not to. It is never read."""

    x: Millimetres
    y: Millimetres
    size: BoxLength = 4.5
    mark: Literal["none", "fill", "cross", "tick", "dot"] = "none"

    @property
    def area(self) -> Rect:
        """The paper it takes."""
        return Rect(self.x, self.y, self.size, self.size)


Printed = PrintedText | PrintedLine | PrintedPanel | PrintedBubble
"""Whatever is printed for people only."""
