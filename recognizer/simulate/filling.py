"""Which ink goes where: fills the fields of one printed page with what the candidate and the examiner write."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recognizer.geometry import Points, Rect
from recognizer.simulate.hand import Hand, Sheet
from recognizer.simulate.letters import LETTERS, draw_letter
from recognizer.simulate.numbers import write_number, write_with_slip
from recognizer.simulate.slips import corrected_digit, struck_digit, wrong_digit
from recognizer.template import Kind, Role, SheetField, SheetPage
from recognizer.values import BLANK

DIGIT_SHARE = 0.78
"""Largest share of a comb box's height that a digit fills: printed boxes keep hands in check."""

TRIMMED_SHARE = 0.35
"""Share of numbers with decimals whose last zeros are left out: `12.5` in place of `12.50`."""

MARKER_PITCH = 0.75
"""Distance between the strokes that fill a bubble, in pen widths: dense, with a little paper showing through."""


@dataclass(frozen=True, slots=True)
class Writers:
    """The two people who write on a sheet, and how often their pens slip.

    `corrected_share` is the share of numbers in free cells that are struck out as a whole and written again,
    `slip_share` that of combs and free cells in which one wrong digit is struck out.
    """

    candidate: Hand
    examiner: Hand
    corrected_share: float
    slip_share: float = 0.0


def fill_page(sheet: Sheet, page: SheetPage, values: Mapping[str, str], writers: Writers) -> tuple[str, ...]:
    """Write the values of one page's fields onto it, and a squiggle into every image field.

    Returns:
        The names of the fields in which something is struck out.
    """
    roles = {field.role for field in page.fields}
    slipped = []
    for field in page.fields:
        hand = _writer_of(field, roles, writers)
        if field.kind is Kind.IMAGE:
            _scrawl(sheet, hand, Rect(field.x, field.y, field.width, field.height))
        elif values[field.name] != BLANK and _fill_field(sheet, hand, field, values[field.name], writers):
            slipped.append(field.name)
    return tuple(slipped)


def _fill_field(sheet: Sheet, hand: Hand, field: SheetField, value: str, writers: Writers) -> bool:
    """Write a value into a field; return whether something else was struck out there."""
    if field.kind is Kind.CHOICE:
        _mark_options(sheet, hand, field, value)
        return False
    corrected = field.kind is Kind.NUMBER and hand.rng.random() < writers.corrected_share
    # Without slips nothing is drawn by lot here, so that sheets stay as they were before there were any.
    slips = not corrected and writers.slip_share > 0 and hand.rng.random() < writers.slip_share
    if field.kind is Kind.DIGITS:
        _fill_comb(sheet, hand, field, value, slips)
        return slips
    cell = Rect(field.x, field.y, field.width, field.height)
    if slips:
        write_with_slip(sheet, hand, cell, value)
    else:
        write_number(sheet, hand, cell, value, corrected)
    return slips or corrected


def _writer_of(field: SheetField, roles: set[Role], writers: Writers) -> Hand:
    """Marks are the examiner's; what belongs to no question is the candidate's where the page asks who they are."""
    if field.role in (Role.MARK, Role.TOTAL):
        return writers.examiner
    if field.role is Role.NONE and Role.MARK in roles and Role.ID not in roles:
        return writers.examiner
    return writers.candidate


def _fill_comb(sheet: Sheet, hand: Hand, field: SheetField, value: str, slips: bool) -> None:
    boxes = [box.rect for box in field.boxes(1)]
    characters = in_boxes(field, value, trimmed=hand.rng.random() < TRIMMED_SHARE)
    if printed := field.printed_characters:
        characters = "".join(" " if at in printed else each for at, each in enumerate(characters))
    slip = _slip(hand, field, characters) if slips else None
    for index, (rect, character) in enumerate(zip(boxes, characters, strict=True)):
        height = min(hand.habits.height_mm, DIGIT_SHARE * rect.height)
        x, y = rect.x + rect.width / 2, rect.y + rect.height / 2
        if character == "-":
            length = rect.width * hand.rng.uniform(0.4, 0.7)
            hand.stroke(sheet, _level(x, y + hand.rng.normal(0, 0.3), length, hand.rng))
        elif index == slip and character == " ":
            struck_digit(sheet, hand, wrong_digit(hand, characters[index + 1]), (x, y), height)
        elif index == slip:
            corrected_digit(sheet, hand, character, rect, height)
        elif character in LETTERS:
            width = LETTERS[character].width * height
            draw_letter(sheet, hand, character, Rect(x - width / 2, y - height / 2, width, height))
        elif character != " ":
            hand.digit(sheet, character, x, y, height)


def _slip(hand: Hand, field: SheetField, characters: str) -> int:
    """Choose the box of a wrong digit: one of those filled, or the empty one before the number, which then is next."""
    filled = [index for index, character in enumerate(characters) if character.isdigit()]
    before = filled[0] - 1
    if before >= field.sign and not field.alphabet and hand.rng.random() < 0.5:
        return before
    return int(hand.rng.choice(filled))


def in_boxes(field: SheetField, value: str, trimmed: bool) -> str:
    """Return the character of every box, sign box first; a space leaves a box empty.

    Whole numbers end right before the printed point; decimals are filled up with zeros unless `trimmed`. Ids fill all
    boxes.
    """
    if not field.is_numeric:
        return value
    whole, _, decimals = value.lstrip("-").partition(".")
    if not trimmed:
        decimals = decimals.ljust(field.decimals, "0")
    sign = ("-" if value.startswith("-") else " ") if field.sign else ""
    return sign + whole.rjust(field.characters - field.decimals) + decimals.ljust(field.decimals)


def _level(x: float, y: float, length: float, rng: np.random.Generator) -> Points:
    """Return the ends of a stroke that is meant to be level, (2, 2) mm."""
    rise = length * rng.normal(0.0, 0.06)
    return np.array([[x - length / 2, y + rise], [x + length / 2, y - rise]])


def _mark_options(sheet: Sheet, hand: Hand, field: SheetField, value: str) -> None:
    chosen = set(value) if field.positions > 1 else set(value.split("+"))
    for position, box in zip(field.box_positions, field.boxes(1), strict=True):
        wanted = {value[position]} if field.positions > 1 else chosen
        if box.option in wanted:
            _mark_box(sheet, hand, box.rect, field.shape == "bubble")


def _mark_box(sheet: Sheet, hand: Hand, rect: Rect, bubble: bool) -> None:
    style = hand.habits.bubble_style if bubble else hand.habits.box_style
    {"fill": _fill, "cross": _cross, "tick": _tick}[style](sheet, hand, rect)


def _fill(sheet: Sheet, hand: Hand, rect: Rect) -> None:
    """Fill a bubble with strokes to and fro, then once around."""
    rng = hand.rng
    radius = min(rect.width, rect.height) / 2 * rng.uniform(0.86, 1.04)
    x, y = rect.x + rect.width / 2 + rng.normal(0, 0.2), rect.y + rect.height / 2 + rng.normal(0, 0.2)
    radius = max(radius - hand.pen.width_mm / 2, 0.5)
    rows = 2 + int(2 * radius / max(hand.pen.width_mm * MARKER_PITCH, 0.2))
    along = np.linspace(-0.96, 0.96, rows) * radius
    reach = np.sqrt(radius**2 - along**2) * rng.uniform(0.8, 1.05, len(along))
    zigzag = np.column_stack([along, reach * np.where(np.arange(len(along)) % 2, 1, -1)])
    hand.stroke(sheet, _turned(zigzag, rng.uniform(0.2, 1.2), x, y), wobble=0.08)
    around = np.linspace(0, 2 * np.pi * rng.uniform(0.9, 1.15), 14)
    hand.stroke(sheet, np.column_stack([x + radius * np.cos(around), y + radius * np.sin(around)]), wobble=0.12)


def _turned(points: Points, angle: float, x: float, y: float) -> Points:
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    moved: Points = points @ turn + (x, y)
    return moved


def _cross(sheet: Sheet, hand: Hand, rect: Rect) -> None:
    """Draw two strokes from corner to corner, a little short of them or beyond."""
    half = np.array([rect.width, rect.height]) / 2
    for flip in (1, -1):
        start, end = hand.rng.uniform(0.7, 1.1, 2)
        diagonal = half * (1, flip)
        hand.stroke(sheet, np.vstack([-start * diagonal, end * diagonal]) + _centre(rect), wobble=0.2)


def _tick(sheet: Sheet, hand: Hand, rect: Rect) -> None:
    """Draw a tick whose tail leaves the box to the upper right."""
    rng, size = hand.rng, min(rect.width, rect.height)
    waypoints = np.array([[-0.38, -0.02], [-0.12, 0.36], [rng.uniform(0.3, 0.75), -rng.uniform(0.45, 0.9)]]) * size
    corner = waypoints[1:2]
    first = np.vstack([waypoints[:1], corner])
    for part in (first, np.vstack([corner, waypoints[2:]])):
        hand.stroke(sheet, part + _centre(rect), wobble=0.1)


def _centre(rect: Rect) -> Points:
    return np.array([[rect.x + rect.width / 2, rect.y + rect.height / 2]])


def _scrawl(sheet: Sheet, hand: Hand, rect: Rect) -> None:
    """Draw loops and points in a row, like a word, that say nothing: nobody's name or signature.

    The pen goes round while the hand moves on (Hollerbach 1981); the rounds change in height, here and there it rests.
    """
    rng = hand.rng
    rounds = int(rng.integers(7, 14))
    turn = np.linspace(0.0, 2 * np.pi * rounds, 12 * rounds)
    heights = np.where(
        rng.random(rounds + 1) < 0.25, rng.uniform(1.3, 1.9, rounds + 1), rng.uniform(0.4, 0.8, rounds + 1)
    )
    height = np.interp(turn / (2 * np.pi), np.arange(rounds + 1), heights)
    roundness = np.interp(turn / (2 * np.pi), np.arange(rounds + 1), rng.uniform(0.1, 1.1, rounds + 1))
    size = min(rect.height * 0.42, 4.5)
    advance = size * rng.uniform(0.55, 0.9) * turn / (2 * np.pi)
    advance *= min(1.0, (rect.width - 8.0) / advance[-1])
    x = rect.x + rng.uniform(3.0, 5.0) + advance - size * 0.35 * roundness * np.sin(turn)
    y = rect.y + rect.height * 0.68 - size * height * (1 - np.cos(turn)) / 2 + rng.normal(0, 0.03) * advance
    line = np.column_stack([np.clip(x, rect.x + 1.0, rect.right - 1.0), np.clip(y, rect.y + 0.8, rect.bottom - 0.8)])
    hand.stroke(sheet, line, wobble=0.03)
