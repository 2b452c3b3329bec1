"""The fonts that sheets are printed with: which characters they have, and small static fonts cut from them.

Noto Sans comes as one variable font of 3,000 glyphs. Turning all of it into a static font takes seconds; turning the
few characters of one print job takes a tenth of a second, so the characters are cut out first.
"""

import io
from functools import cache, lru_cache
from importlib.resources import as_file, files
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont, TTLibError
from fontTools.varLib import instancer

from recognizer.errors import PrintError

REGULAR, SEMIBOLD = 400, 600
"""Weights on the font's own axis."""

_SHIPPED = files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"


@cache
def shipped_characters() -> frozenset[int]:
    """Return the code points that the shipped font can print: Latin, Greek, Cyrillic and more."""
    with as_file(_SHIPPED) as path, TTFont(path, lazy=True) as font:
        return _characters(font)


def characters_of(path: Path) -> frozenset[int]:
    """Return the code points that a font file can print.

    Raises:
        PrintError: the file is missing or no TrueType or OpenType font.
    """
    try:
        # Opened here: TTFont does not close what it finds to be no font.
        with path.open("rb") as file, TTFont(file, lazy=True) as font:
            return _characters(font)
    except OSError as error:
        raise PrintError(f"the font {path} cannot be read: {error.strerror or error}") from error
    except (TTLibError, KeyError, ValueError, AssertionError) as error:
        raise PrintError(f"{path} is no TrueType or OpenType font ({error}); name a .ttf or .otf file") from error


def _characters(font: TTFont) -> frozenset[int]:
    return frozenset(font.getBestCmap() or ())


@lru_cache(maxsize=8)
def static_font(characters: frozenset[int], weight: int) -> bytes:
    """Return a static font file of one weight that holds just these characters of the shipped font."""
    options = subset.Options(layout_features=["*"], notdef_outline=True, name_IDs=["*"], recalc_timestamp=False)
    file = io.BytesIO()
    with as_file(_SHIPPED) as path, TTFont(path, lazy=True, recalcTimestamp=False) as font:
        cutter = subset.Subsetter(options)
        cutter.populate(unicodes=characters)
        cutter.subset(font)
        instancer.instantiateVariableFont(font, {"wght": weight, "wdth": 100}, inplace=True, static=True)
        font.save(file)
    return file.getvalue()
