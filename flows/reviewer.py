"""Who says something about an exam: a name as it will be kept."""

from flows.errors import CorrectionError

LONGEST_NAME = 80


def check_reviewer(name: str) -> str:
    """Return the reviewer's name as it will be kept.

    Raises:
        CorrectionError: it is empty, too long, or cannot be printed.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise CorrectionError(
            f"{name[:LONGEST_NAME]!r} cannot be kept as a name; give 1 to {LONGEST_NAME} printable characters"
        )
    return name
