"""Works out the few formulas that the workbook uses, as a spreadsheet would: an empty cell counts as nothing."""

import re
from typing import Any

from openpyxl.worksheet.worksheet import Worksheet

_CELLS = re.compile(r"\$?([A-Z]{1,3})\$?(\d+)(?::\$?([A-Z]{1,3})\$?(\d+))?")


def computed(sheet: Worksheet, address: str) -> Any:
    """Return what a cell shows: its value, or what its formula gives ("" for an empty cell)."""
    cell = sheet[address]
    if cell.data_type != "f":
        return "" if cell.value is None else cell.value
    text = str(cell.value)[1:].replace("<>", "!=")
    text = re.sub(r"(?<![<>!=])=(?!=)", "==", text)
    return eval(
        _CELLS.sub(lambda found: f'_cells("{found[0]}")', text), {"_cells": lambda ref: _cells(sheet, ref)} | _FUNCTIONS
    )


def _cells(sheet: Worksheet, reference: str) -> Any:
    reference = reference.replace("$", "")
    if ":" not in reference:
        return computed(sheet, reference)
    return [computed(sheet, cell.coordinate) for row in sheet[reference] for cell in row]


def _flat(arguments: tuple[Any, ...]) -> list[Any]:
    return [each for one in arguments for each in (one if isinstance(one, list) else [one])]


def _numbers(arguments: tuple[Any, ...]) -> list[Any]:
    return [each for each in _flat(arguments) if isinstance(each, int | float)]


_FUNCTIONS: dict[str, Any] = {
    "IF": lambda condition, yes, no: yes if condition else no,
    "OR": lambda *conditions: any(conditions),
    "SUM": lambda *cells: sum(_numbers(cells)),
    "COUNT": lambda *cells: len(_numbers(cells)),
    "COUNTA": lambda *cells: len([each for each in _flat(cells) if each != ""]),
    "COUNTIF": lambda cells, wanted: _flat((cells,)).count(wanted),
    "ROUND": round,
}
