"""How surely and how exactly forms without corner marks are found on scans and photographs, against the truth.

    python -m benchmarks.form_registration [--pages N] [--seed S] [--effects office|rough|phone|foreign|time]

Five forms (a cover page, a bubble sheet, a questionnaire, an entry form, a list of marks) are filled with strokes in
their boxes and notes beside them:

    office   as a sheet feeder scans: any way up, skew to 2 degrees, 150 to 300 dpi, some in black and white
    rough    worn paper and every bad habit of scanners: skew to 15 degrees, 100 to 600 dpi, faxes, printed at 85 to
             110 %, cut off by up to 15 mm
    phone    worn paper photographed: slanted, curled, in shadow, on a cluttered table
    foreign  such pages of each form, one in three photographed, in an exam that has the other four: to be refused
    time     an exam of one form, scanned at 300 dpi (processor time)

All are drawn, none is real; the same seed gives the same pages. A page that is accepted with a corner of a box more
than 0.8 mm off, or as another form, is an error of the product.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import cv2
import numpy as np

from recognizer.errors import RecognizerError
from recognizer.geometry import MM_PER_INCH
from recognizer.records import GreyImage, Page
from recognizer.register import register
from recognizer.simulate.hard_scan import ROUGH_SCAN, scan_badly
from recognizer.simulate.photo import photograph
from recognizer.simulate.taking import Shot
from recognizer.simulate.wear import crease, holes, specks, stain, staple
from recognizer.template import Kind, SheetSet, SheetTemplate
from tests.helpers.forms import DPI, PX_PER_MM, Form, every_form
from tests.helpers.paper import as_page

WRONG_MM = 0.8
OFFICE_SCAN = replace(
    ROUGH_SCAN,
    skew=2.0,
    shift=2.0,
    shifted=0.0,
    scaled=0.0,
    wobble=0.1,
    one_bit=0.2,
    fax=0.0,
    noise=6.0,
    resolutions=(150, 200, 200, 300, 300, 300),
)
SHARP_SCAN = replace(OFFICE_SCAN, resolutions=(300,), one_bit=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=100, help="pages of each kind of effects")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--effects", choices=[*TAKEN, "foreign", "time"], help="one kind only")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    forms = tuple(every_form())
    sheets = SheetSet("exam", tuple(form.template() for form in forms))
    for effects in [arguments.effects] if arguments.effects else [*TAKEN, "foreign", "time"]:
        if effects == "foreign":
            measure_foreign(forms, sheets, arguments.pages, arguments.seed)
        elif effects == "time":
            measure_time(forms, sheets, arguments.seed)
        else:
            measure(effects, forms, sheets, arguments.pages, arguments.seed)


def measure(effects: str, forms: tuple[Form, ...], sheets: SheetSet, pages: int, seed: int) -> None:
    """Register pages under one kind of effects and print what came of it."""
    outcomes: Counter[str] = Counter()
    off, claimed, seconds, decode = [], [], [], []
    for number in range(pages):
        random = np.random.default_rng([seed, number, len(effects)])
        form, template = forms[number % len(forms)], sheets.templates[number % len(forms)]
        shot = TAKEN[effects](filled(form.pixels.copy(), template, random), random)
        encoded = cv2.imencode(".jpg", shot.pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
        began = time.process_time()
        cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
        decoding, began = time.process_time() - began, time.process_time()
        try:
            found = register(as_filed(shot), sheets)
        except RecognizerError as error:
            outcomes[f"refused: {str(error)[:90]}"] += 1
            print(f"  page {number} {form.name} {', '.join(shot.what)}: {str(error)[:110]}")
            continue
        seconds.append(time.process_time() - began)
        decode.append(decoding)
        corners = np.vstack([box.rect.corners() for box in template.boxes(1)])
        away = np.hypot(*(found.to_px(corners) - shot.mm_to_px(corners)).T)
        off.append(float((away / px_per_mm(shot, corners)).max()))
        claimed.append(found.error_mm)
        right = found.template.name == template.name and off[-1] <= WRONG_MM
        outcomes["registered" if right else "WRONG"] += 1
        if not right:
            print(f"  WRONG page {number} {form.name} as {found.template.name}, {off[-1]:.2f} mm: {shot.what}")
    print(f"{effects}: {outcomes['registered'] / pages:.2%} of {pages} pages registered, {outcomes['WRONG']} wrong")
    middle, high = np.percentile(off, (50, 99))
    print(f"  worst box of a page: median {middle:.3f} mm, 99th percentile {high:.3f}, largest {max(off):.3f}")
    under = np.array(off) - np.array(claimed)
    print(
        f"  stated error: correlation {np.corrcoef(off, claimed)[0, 1]:.2f}, too small by {under.max():.3f} mm at most"
    )
    ratio = float(np.median(seconds) / np.median(decode))
    print(f"  register {np.median(seconds) * 1e3:.1f} ms (median, one core), {ratio:.1f} x decoding the page's JPEG")


def measure_foreign(forms: tuple[Form, ...], sheets: SheetSet, pages: int, seed: int) -> None:
    """Show pages of a form to an exam that has all others, and print how many it takes for one of them."""
    accepted = 0
    for number in range(pages):
        random = np.random.default_rng([seed, number, 7])
        index = number % len(forms)
        template = sheets.templates[index]
        others = SheetSet("exam", tuple(one for one in sheets.templates if one is not template))
        take = phone if number % 3 == 0 else office
        shot = take(filled(forms[index].pixels.copy(), template, random), random)
        with suppress(RecognizerError):
            found = register(as_filed(shot), others)
            accepted += 1
            print(f"  WRONG page {number}: {template.name} taken for {found.template.name}")
    print(f"foreign: {accepted} of {pages} pages of forms that the exam does not have were accepted")


def measure_time(forms: tuple[Form, ...], sheets: SheetSet, seed: int) -> None:
    """Print how long one form takes at 300 dpi, beside decoding the page's JPEG (processor time, one core)."""
    took, decode = [], []
    for form, template in zip(forms, sheets.templates, strict=True):
        alone = SheetSet("exam", (template,))
        for number in range(7):
            random = np.random.default_rng([seed, number, 8])
            shot = scan_badly(filled(form.pixels.copy(), template, random), DPI, random, SHARP_SCAN)
            encoded = cv2.imencode(".jpg", shot.pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
            began = time.process_time()
            cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE)
            middle = time.process_time()
            register(as_filed(shot), alone)
            if number:
                decode.append(middle - began)
                took.append(time.process_time() - middle)
    ratio = np.median(took) / np.median(decode)
    print(f"time: {np.median(took) * 1e3:.1f} ms a page (median), {ratio:.1f} x decoding its JPEG")


def as_filed(shot: Shot) -> Page:
    """Return a shot as a page of a file: a scanner says its resolution, a phone says nothing true."""
    said, unit = shot.what[0].split()
    dpi = {"dpi": float(said) if unit == "dpi" else 0.0, "lines": 204.0, "MP": 72.0}[unit]
    height, width = (side / dpi * MM_PER_INCH for side in shot.pixels.shape)
    return replace(as_page(shot.pixels), width_mm=width, height_mm=height)


def px_per_mm(shot: Shot, points: np.ndarray) -> np.ndarray:
    """Return how many pixels a millimetre has at each point."""
    return np.hypot(*(shot.mm_to_px(points + np.array([0.0, 1.0])) - shot.mm_to_px(points)).T)


def filled(paper: GreyImage, template: SheetTemplate, random: np.random.Generator) -> GreyImage:
    """Fill a form with strokes: most boxes, one option a question, and a few notes beside them."""
    by_field: dict[str, list] = {}
    for box in template.boxes(1):
        by_field.setdefault(box.field, []).append(box)
    for boxes in by_field.values():
        chosen = boxes
        if boxes[0].kind is Kind.CHOICE:
            chosen = [boxes[index] for index in random.choice(len(boxes), max(len(boxes) // 8, 1), replace=False)]
        for box in chosen:
            if random.random() < 0.1:
                continue
            middle = np.array([box.rect.x + box.rect.width / 2, box.rect.y + box.rect.height / 2])
            size = np.array([min(box.rect.width, 14), box.rect.height])
            if box.kind is Kind.CHOICE and random.random() < 0.7:
                radius = round(0.42 * box.rect.height * PX_PER_MM)
                cv2.circle(paper, as_px(middle), radius, int(random.integers(30, 90)), -1, cv2.LINE_AA)
                continue
            write(paper, middle + size * random.normal(0, 0.27, (6, 2)), random)
    for _ in range(int(random.integers(0, 5))):
        middle = random.uniform([15, 15], [195, 280])
        write(paper, middle + np.cumsum(random.normal(0.8, 2.0, (18, 2)), axis=0), random)
    return paper


def write(paper: GreyImage, points: np.ndarray, random: np.random.Generator) -> None:
    """Draw a line with a pen through points (mm)."""
    drawn = np.rint(points * PX_PER_MM).astype(np.int32)
    cv2.polylines(paper, [drawn], False, int(random.integers(20, 110)), int(random.integers(4, 9)), cv2.LINE_AA)


def as_px(point: np.ndarray) -> tuple[int, int]:
    x, y = np.rint(point * PX_PER_MM).astype(int).tolist()
    return x, y


def office(paper: GreyImage, random: np.random.Generator) -> Shot:
    specks(paper, PX_PER_MM, random)
    return scan_badly(paper, DPI, random, OFFICE_SCAN)


def worn(paper: GreyImage, random: np.random.Generator) -> GreyImage:
    for wear, share in ((stain, 0.3), (crease, 0.4), (holes, 0.4), (staple, 0.3), (specks, 1.0)):
        if random.random() < share:
            wear(paper, PX_PER_MM, random)
    return paper


def rough(paper: GreyImage, random: np.random.Generator) -> Shot:
    return scan_badly(worn(paper, random), DPI, random)


def phone(paper: GreyImage, random: np.random.Generator) -> Shot:
    return photograph(worn(paper, random), DPI, random)


TAKEN: dict[str, Callable[[GreyImage, np.random.Generator], Shot]] = {"office": office, "rough": rough, "phone": phone}

if __name__ == "__main__":
    main()
