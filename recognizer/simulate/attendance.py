"""Who sits a made-up exam and who hands in what: candidates without a sheet, with two, and some whom no list names."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

import numpy as np


@dataclass(frozen=True, slots=True)
class Attendance:
    """How many candidates differ from those who are on the list and hand in one sheet.

    `missing`: candidates on the list who hand in no sheet.
    `off_roster`: candidates who hand in a sheet, and whom the list leaves out.
    `doubled`: candidates who hand in a second sheet, with another serial number, after all others.
    """

    missing: int = 0
    off_roster: int = 0
    doubled: int = 0


USUAL = Attendance()
"""Everybody who is on the list hands in one sheet, and nobody else does."""


class CaseKind(StrEnum):
    """What is out of the ordinary with a sheet or a candidate."""

    MISADDED = "mis-added"
    MISWRITTEN = "wrong id"
    DOUBLED = "doubled"
    OFF_ROSTER = "off roster"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that is out of the ordinary, and a few words on it for whoever compares with the truth."""

    kind: CaseKind
    detail: str


@dataclass(frozen=True, slots=True)
class Cast:
    """Who hands in what, by serial number.

    `second_of` tells whose the second sheets are: their serial number, and that of the candidate's first sheet.
    `missing` are serial numbers that no sheet has: those of the candidates who hand in none.
    """

    sheets: range
    second_of: Mapping[int, int]
    off_roster: frozenset[int]
    missing: range


def cast_of(serials: range, attendance: Attendance, seed: int) -> Cast:
    """Draw by lot who hands in two sheets and who is not on the list; nobody is both.

    Second sheets take the serial numbers after the others, and candidates without a sheet those after these, so that
    what is asked for here changes no other sheet.
    """
    lot = np.random.default_rng([seed, serials.start, len(serials), zlib.crc32(b"attendance")])
    drawn = [serials[int(index)] for index in lot.permutation(len(serials))]
    twice = sorted(drawn[: attendance.doubled])
    last = serials.stop + len(twice)
    return Cast(
        range(serials.start, last),
        MappingProxyType(dict(zip(range(serials.stop, last), twice, strict=True))),
        frozenset(drawn[attendance.doubled : attendance.doubled + attendance.off_roster]),
        range(last, last + attendance.missing),
    )
