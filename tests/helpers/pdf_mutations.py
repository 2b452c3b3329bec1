"""Damages scans, by a seed: what a bad copy, a bad disk, a bad program or a bad person makes of a good file.

`malformed_pdf(seed, good)` and `malformed_picture(seed, good)` return the same bytes for the same seed and files.
"""

import re
import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tests.helpers.pdfs import readable_bytes

Random = np.random.Generator


def malformed_pdf(seed: int, good: Sequence[bytes]) -> tuple[str, bytes]:
    """Return what was done to one of some good PDFs, and the result. Every tenth is a bomb made from nothing."""
    random = np.random.default_rng(seed)
    if seed % 10 == 9:
        name = list(BOMBS)[seed // 10 % len(BOMBS)]
        return name, BOMBS[name]()
    name = list(PDF_MUTATIONS)[seed % len(PDF_MUTATIONS)]
    return name, PDF_MUTATIONS[name](good[seed % len(good)], random)


def malformed_picture(seed: int, good: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Return which of some good pictures (by ending) was damaged, and the result."""
    random = np.random.default_rng(seed)
    ending = sorted(good)[seed % len(good)]
    names = ("cut off", "changed bytes", "changed head", "hole", "piece missing", "piece twice", "noise at the end")
    return ending, PICTURE_MUTATIONS[names[seed // len(good) % len(names)]](good[ending], random)


# ---- any file ---------------------------------------------------------------------------------------------------


def cut_off(data: bytes, random: Random) -> bytes:
    return data[: random.integers(1, len(data))]


def changed_bytes(data: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    for at in random.integers(len(data), size=random.integers(1, 60)):
        damaged[at] = random.integers(256)
    return bytes(damaged)


def changed_head(data: bytes, random: Random) -> bytes:
    return changed_bytes(data[:600], random)[:600] + data[600:]


def hole(data: bytes, random: Random) -> bytes:
    """Blocks of a disk that were never written."""
    start = int(random.integers(len(data)))
    size = int(random.integers(1, 8)) * 512
    return data[:start] + bytes(len(data[start : start + size])) + data[start + size :]


def piece_missing(data: bytes, random: Random) -> bytes:
    first, second = sorted(random.integers(len(data), size=2))
    return data[:first] + data[second:]


def piece_twice(data: bytes, random: Random) -> bytes:
    first, second = sorted(random.integers(len(data), size=2))
    return data[:second] + data[first:]


def noise_at_the_end(data: bytes, random: Random) -> bytes:
    return data + random.bytes(random.integers(1, 5000))


# ---- PDFs -------------------------------------------------------------------------------------------------------


def changed_structure(data: bytes, random: Random) -> bytes:
    damaged = bytearray(data)
    for at in random.choice(readable_bytes(data), random.integers(1, 9)):
        damaged[at] = random.choice(np.frombuffer(b"0123456789 /<>[]()R\0\xffz", np.uint8))
    return bytes(damaged)


def cut_off_but_for_the_end(data: bytes, random: Random) -> bytes:
    return cut_off(data, random) + data[-60:]


def _replaced(pattern: bytes, by: Callable[[re.Match[bytes], Random], bytes]) -> Callable[[bytes, Random], bytes]:
    """Return what replaces some of the places that a pattern finds outside of pictures."""

    def mutate(data: bytes, random: Random) -> bytes:
        outside = set(readable_bytes(data))
        found = [one for one in re.finditer(pattern, data) if one.start() in outside]
        chosen = sorted(random.choice(len(found), min(len(found), int(random.integers(1, 4))), replace=False))
        for index in reversed(chosen):
            one = found[index]
            data = data[: one.start()] + by(one, random) + data[one.end() :]
        return data

    return mutate


def _any_number(found: re.Match[bytes], random: Random) -> bytes:
    wrong = (b"0", b"-1", b"1", b"7", b"65536", b"2147483647", b"4294967296", b"99999999999999999999", b"1e9", b"null")
    return found[0].replace(found[1], random.choice(np.array(wrong, dtype=object)))


def _another_object(found: re.Match[bytes], random: Random) -> bytes:
    return b"%d 0 R" % random.integers(0, 14)


def _huge_box(found: re.Match[bytes], random: Random) -> bytes:
    boxes = (b"[0 0 1e9 1e9]", b"[-5 -5 99999999 3]", b"[0 0 0 0]", b"[9 9 1 1]", b"[0 0 14400 14400]", b"[0 0 /A []]")
    return b"/MediaBox " + bytes(random.choice(np.array(boxes, dtype=object)))


def _nested(found: re.Match[bytes], random: Random) -> bytes:
    opened, closed = ((b"[", b"]"), (b"<< /A ", b" >>"))[random.integers(2)]
    return b"<< /Deep " + opened * 100_000 + b"0" + closed * int(random.integers(0, 100_001)) + b" "


PDF_MUTATIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut off": cut_off,
    "cut off but for the end": cut_off_but_for_the_end,
    "changed bytes": changed_bytes,
    "changed structure": changed_structure,
    "hole": hole,
    "piece missing": piece_missing,
    "piece twice": piece_twice,
    "wrong length": _replaced(rb"/Length (\d+)", _any_number),
    "wrong number": _replaced(rb"(?<=[ \[])(\d+)(?=[ \]\n])", _any_number),
    "another object": _replaced(rb"\d+ 0 R", _another_object),
    "huge box": _replaced(rb"/MediaBox ?\[[^\]]*\]", _huge_box),
    "nested": _replaced(rb"<<", _nested),
    "noise at the end": noise_at_the_end,
}

PICTURE_MUTATIONS: dict[str, Callable[[bytes, Random], bytes]] = {
    "cut off": cut_off,
    "changed bytes": changed_bytes,
    "changed head": changed_head,
    "hole": hole,
    "piece missing": piece_missing,
    "piece twice": piece_twice,
    "noise at the end": noise_at_the_end,
}


# ---- bombs: small files that ask for much ------------------------------------------------------------------------


def _pdf(*objects: bytes, size: int | None = None) -> bytes:
    """Return a PDF of objects 1, 2, 3 ...; the first is the catalog."""
    data, places = b"%PDF-1.7\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (size or len(objects) + 1)
    return data + head + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(data)


def stream_of(data: bytes, entries: bytes = b"") -> bytes:
    return b"<< %s /Length %d >>\nstream\n%s\nendstream" % (entries, len(data), data)


def page_of(contents: bytes, *more: bytes, resources: bytes = b"", box: bytes = b"[0 0 595 842]") -> bytes:
    """Return a PDF of one page: its contents are object 4, `more` are the objects from 5 on."""
    return _pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox %s /Contents 4 0 R /Resources << %s >> >>" % (box, resources),
        contents,
        *more,
    )


def _zeros(megabytes: int, times: int = 1) -> bytes:
    packed, compressor = b"", zlib.compressobj(9)
    for _ in range(megabytes):
        packed += compressor.compress(b" " * 1_000_000)
    packed += compressor.flush()
    for _ in range(times - 1):
        packed = zlib.compress(packed, 9)
    return packed


def huge_contents() -> bytes:
    return page_of(stream_of(_zeros(900), b"/Filter /FlateDecode"))


def packed_twice() -> bytes:
    return page_of(stream_of(_zeros(2000, 2), b"/Filter [/FlateDecode /FlateDecode]"))


def huge_picture_data() -> bytes:
    entries = b"/Type /XObject /Subtype /Image /Width 2000 /Height 2000 /ColorSpace /DeviceGray /BitsPerComponent 8"
    picture = stream_of(_zeros(2000), entries + b" /Filter /FlateDecode")
    return page_of(stream_of(b"q 595 0 0 842 0 0 cm /A Do Q"), picture, resources=b"/XObject << /A 5 0 R >>")


def laughing_forms() -> bytes:
    """Each form draws the next one ten times: 10 ** 12 strokes."""
    forms = []
    for level in range(12):
        entries = b"/Type /XObject /Subtype /Form /BBox [0 0 600 850] /Resources << /XObject << /A %d 0 R >> >>"
        body = b"/A Do " * 10 if level < 11 else b"0 0 m 9 9 l S"
        forms.append(stream_of(body, entries % (6 + level)))
    return page_of(stream_of(b"/A Do"), *forms, resources=b"/XObject << /A 5 0 R >>")


def form_in_itself() -> bytes:
    entries = b"/Type /XObject /Subtype /Form /BBox [0 0 600 850] /Resources << /XObject << /A 5 0 R >> >>"
    return page_of(stream_of(b"/A Do"), stream_of(b"/A Do /A Do", entries), resources=b"/XObject << /A 5 0 R >>")


def tiny_tiles() -> bytes:
    entries = (
        b"/Type /Pattern /PatternType 1 /PaintType 1 /TilingType 1 /BBox [0 0 .01 .01] /XStep .001 /YStep .001 "
        b"/Resources << >>"
    )
    contents = stream_of(b"/Pattern cs /P scn 0 0 595 842 re f")
    return page_of(contents, stream_of(b"0 0 1 1 re f", entries), resources=b"/Pattern << /P 5 0 R >>")


def a_million_strokes() -> bytes:
    strokes = zlib.compress(b"0 0 m 595 842 l S 595 0 m 0 842 l S\n" * 1_000_000, 9)
    return page_of(stream_of(strokes, b"/Filter /FlateDecode"))


def deep_states() -> bytes:
    return page_of(stream_of(zlib.compress(b"q " * 5_000_000, 9), b"/Filter /FlateDecode"))


def deep_arrays() -> bytes:
    return page_of(stream_of(b"[" * 2_000_000), b"[" * 1_000_000)


def table_in_circles() -> bytes:
    whole = page_of(stream_of(b"0 0 9 9 re f"))
    at = whole.rindex(b"xref\n0")
    return whole.replace(b"/Root 1 0 R", b"/Root 1 0 R /Prev %d" % at)


def pages_in_circles() -> bytes:
    return _pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 9 /Kids [3 0 R 3 0 R] >>",
        b"<< /Type /Pages /Count 9 /Kids [2 0 R 3 0 R] /Parent 2 0 R >>",
    )


def millions_of_pages() -> bytes:
    kids = b"3 0 R " * 500_000
    return _pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 500000 /Kids [%s] >>" % kids,
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>",
    )


def huge_table() -> bytes:
    return page_of(stream_of(b"")).replace(b"/Size 5", b"/Size 999999999")


def huge_page() -> bytes:
    return page_of(stream_of(b"0 0 9 9 re f"), box=b"[0 0 99999999 99999999]")


def huge_fax() -> bytes:
    entries = (
        b"/Type /XObject /Subtype /Image /Width 8900 /Height 8900 /ColorSpace /DeviceGray /BitsPerComponent 1 "
        b"/Filter /CCITTFaxDecode /DecodeParms << /K -1 /Columns 60000 /Rows 60000 >>"
    )
    picture = stream_of(b"\x26\xa1" * 5000, entries)
    return page_of(stream_of(b"q 595 0 0 842 0 0 cm /A Do Q"), picture, resources=b"/XObject << /A 5 0 R >>")


BOMBS: dict[str, Callable[[], bytes]] = {
    "huge contents": huge_contents,
    "packed twice": packed_twice,
    "huge picture data": huge_picture_data,
    "laughing forms": laughing_forms,
    "form in itself": form_in_itself,
    "tiny tiles": tiny_tiles,
    "a million strokes": a_million_strokes,
    "deep states": deep_states,
    "deep arrays": deep_arrays,
    "table in circles": table_in_circles,
    "pages in circles": pages_in_circles,
    "millions of pages": millions_of_pages,
    "huge table": huge_table,
    "huge page": huge_page,
    "huge fax": huge_fax,
}
