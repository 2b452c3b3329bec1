"""How surely and how exactly sheets are found on scans, against the truth of drawn pages.

    python -m benchmarks.registration [--pages N] [--seed S]

Pages of all shipped templates are drawn with scribbles in their boxes and scanned: any way up, skew to 10 degrees,
150 to 360 dpi, blur, noise, a slight slant, some in black and white, some without one corner mark, some without QR code
(seeded; the same seed gives the same pages). Printed are how many are registered, how far the worst box of an accepted
page lies from the truth, and the time of one core. Every page that is accepted with a box more than 0.8 mm off is an
error of the product.
"""

import argparse
import time
from collections import Counter

import cv2
import numpy as np

from recognizer.boxes import crop_boxes
from recognizer.codes import Corner
from recognizer.errors import RecognizerError
from recognizer.geometry import MM_PER_INCH
from recognizer.records import GreyImage
from recognizer.register import register
from recognizer.template import QR_CODE, SheetSet, SheetTemplate, find_template, shipped_templates
from tests.helpers.paper import Scanned, as_page, draw_page, erase, farthest_mm, scan

WRONG_MM = 0.8
DPI = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    random = np.random.default_rng(arguments.seed)
    sheets = SheetSet("exam", tuple(find_template(name) for name in shipped_templates()))
    places = [(template, page) for template in sheets.templates for page in range(1, len(template.pages) + 1)]
    drawn = {(template.name, page): draw_page(template, page) for template, page in places}
    outcomes: Counter[str] = Counter()
    off, registering, cropping = [], [], []
    for number in range(arguments.pages):
        template, page = places[number % len(places)]
        scanned = scanned_at_random(drawn[template.name, page], template, page, random)
        began = time.process_time()
        try:
            found = register(as_page(scanned.pixels), sheets)
        except RecognizerError as error:
            outcomes[f"refused: {str(error)[:60]}"] += 1
            continue
        registering.append(time.process_time() - began)
        began = time.process_time()
        crop_boxes(found)
        cropping.append(time.process_time() - began)
        off.append(farthest_mm(found.mm_to_px, scanned.mm_to_px, template, page))
        right = found.template.name == template.name and found.identity.page == page and off[-1] <= WRONG_MM
        outcomes["registered" if right else "WRONG"] += 1
    print(dict(outcomes))
    middle, high = np.percentile(off, (50, 99))
    print(f"worst box of a page: median {middle:.3f} mm, 99th percentile {high:.3f}, largest {max(off):.3f}")
    times = (np.median(registering) * 1e3, np.median(cropping) * 1e3)
    print(f"register {times[0]:.1f} ms, crops {times[1]:.1f} ms (medians, one core)")


def scanned_at_random(drawn: GreyImage, template: SheetTemplate, page: int, random: np.random.Generator) -> Scanned:
    """Fill a drawn page with scribbles and scan it."""
    filled = scribbled(drawn, template, page, random)
    if random.random() < 0.15:
        filled = erase(filled, QR_CODE)
    dpi = float(random.choice([150, 200, 240, 300, 300, 360]))
    return scan(
        filled,
        angle=random.uniform(-10, 10),
        scale=dpi / DPI,
        quarter_turns=int(random.integers(4)),
        blur=random.uniform(0, 1.0) * dpi / DPI,
        noise=random.uniform(0, 12),
        perspective=random.uniform(-0.01, 0.01),
        one_bit=random.random() < 0.2,
        lost=Corner(random.integers(4)) if random.random() < 0.2 else None,
        seed=int(random.integers(1 << 30)),
    )


def scribbled(drawn: GreyImage, template: SheetTemplate, page: int, random: np.random.Generator) -> GreyImage:
    """Return the page with something like writing in half of its boxes and a quarter of its options, sides too."""
    filled, scale = drawn.copy(), DPI / MM_PER_INCH
    for box in template.boxes(page):
        if random.random() > (0.25 if box.option else 0.5):
            continue
        low, size = np.array([box.rect.x, box.rect.y]), np.array([box.rect.width, box.rect.height])
        points = (low + size * random.normal(0.5, 0.3, (6, 2))) * scale
        grey, pen = int(random.integers(0, 110)), int(random.integers(3, 9))
        cv2.polylines(filled, [np.rint(points).astype(np.int32)], False, grey, pen, cv2.LINE_AA)
    return filled


if __name__ == "__main__":
    main()
