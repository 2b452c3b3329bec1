"""`tallymark template check --scan`: a template's boxes laid over the pages of a filled scan."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.places import replace_file

if TYPE_CHECKING:
    from recognizer.overlay import ColourImage
    from recognizer.records import RegisteredPage
    from recognizer.residuals import BoxResidual
    from recognizer.template import SheetTemplate

EXIT_NOT_FOUND = 4
"""As after grading: done, but some pages were set aside."""


@dataclass(frozen=True, slots=True, eq=False)
class _Checked:
    """One page of the scan: how the template lies on it, or why it does not."""

    number: int
    registered: "RegisteredPage | None"
    residuals: "tuple[BoxResidual, ...]" = ()
    reason: str = ""
    picture: Path | None = None

    @property
    def worst(self) -> "BoxResidual | None":
        seen = [one for one in self.residuals if one.off_mm is not None]
        return max(seen, key=lambda one: one.off_mm or 0.0, default=None)


def check_on_scan(sheet: "SheetTemplate", scan: Path, output: Path | None, exam: str, *, as_json: bool) -> int:
    """Lay a template over every page of a scan, draw it where asked, and say how far its boxes lie off."""
    if output is not None and output.suffix.lower() != ".png":
        raise click.BadParameter(f"{output.name} is no PNG; name it look.png, say", param_hint="-o")
    checked = list(_checked(sheet, scan, output, exam))
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in checked], indent=2))
    else:
        for one in checked:
            click.echo(_line(one))
    return 0 if all(one.registered for one in checked) else EXIT_NOT_FOUND


def _checked(sheet: "SheetTemplate", scan: Path, output: Path | None, exam: str) -> Iterator[_Checked]:
    from recognizer.errors import BlankPageError, ForeignSheetError, PageError, RegistrationError
    from recognizer.overlay import draw_residuals
    from recognizer.raster import open_scan, scan_digest
    from recognizer.reading import keep_to_one_core
    from recognizer.records import PageRef
    from recognizer.register import register
    from recognizer.residuals import box_residuals
    from recognizer.template import SheetSet

    keep_to_one_core()
    digest = scan_digest(scan)
    with open_scan(scan) as opened:
        for number in range(1, opened.page_count + 1):
            try:
                registered = register(opened.load(PageRef(digest, number)), SheetSet(exam, (sheet,)))
            except (BlankPageError, ForeignSheetError, PageError, RegistrationError) as error:
                yield _Checked(number, None, reason=str(error))
                continue
            residuals, picture = box_residuals(registered), None
            if output is not None:
                picture = output if opened.page_count == 1 else output.with_stem(f"{output.stem}-{number}")
                _write(picture, draw_residuals(registered, residuals))
            yield _Checked(number, registered, residuals, picture=picture)


def _write(path: Path, drawn: "ColourImage") -> None:
    from recognizer.overlay import drawn_png

    data = drawn_png(drawn)
    replace_file(path, lambda file: file.write(data))


def _line(one: _Checked) -> str:
    if one.registered is None:
        return f"page {one.number}: not found: {one.reason}"
    worst, identity = one.worst, one.registered.identity
    unseen = sum(residual.off_mm is None for residual in one.residuals)
    said = f"page {one.number}: page {identity.page} of {identity.template}, off by {one.registered.error_mm:.2f} mm"
    if worst is not None:
        said += f"; worst box {worst.box.field} {worst.box.position}: {worst.off_mm:.2f} mm"
    if unseen:
        said += f"; of {unseen} of {len(one.residuals)} boxes no printed side is seen"
    return said + (f"; drawn in {one.picture}" if one.picture else "")


def _as_json(one: _Checked) -> dict[str, Any]:
    if one.registered is None:
        return {"page": one.number, "found": False, "reason": one.reason}
    return {
        "page": one.number,
        "found": True,
        "template_page": one.registered.identity.page,
        "error_mm": round(one.registered.error_mm, 3),
        "boxes": [
            {
                "field": residual.box.field,
                "position": residual.box.position,
                "off_mm": None if residual.off_mm is None else round(residual.off_mm, 3),
            }
            for residual in one.residuals
        ],
        "picture": None if one.picture is None else str(one.picture),
    }
