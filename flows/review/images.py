"""Pictures of fields and pages, for those who may see them."""

import re

from fastapi import APIRouter, HTTPException, Response

from flows.review.office import Here, Reviewing

router = APIRouter()

KEY = re.compile(r"[0-9a-f]{12}-[0-9]{1,6}-[A-Za-z][A-Za-z0-9_]{0,31}")
"""What the key of a field looks like (`flows.rows.reading_key`)."""

KEPT = "private, max-age=3600, immutable"
"""A crop is asked for with the revision of its reading: another reading has another address."""


@router.get("/crop/{key}.png")
def crop(key: str, office: Here, _: Reviewing) -> Response:
    """Return the picture of one field."""
    if not KEY.fullmatch(key):
        raise HTTPException(404, "There is no such field.")
    try:
        png = office.store.crop_png(key)
    except KeyError as none:
        raise HTTPException(404, "There is no such field.") from none
    return Response(png, media_type="image/png", headers={"cache-control": KEPT})
