"""A template whose ids have letters: one printed, one written by hand or bubbled."""

from functools import cache

from recognizer.template import SheetTemplate, parse_template

LETTERED = """
name = "lettered"
[[page]]
[[page.field]]
name = "candidate"
kind = "digits"
role = "id"
label = "Candidate number"
x = 15
y = 59
width = 7
height = 9
characters = 5
alphabet = ["P", "0-9", "0-9", "A-HJ", "0-8"]
[[page.field]]
name = "grid"
kind = "choice"
shape = "bubble"
role = "id"
label = "The same in bubbles"
x = 15
y = 80
width = 4.5
height = 4.5
direction = "column"
pitch = 6
positions = 5
position_pitch = 7
alphabet = ["P", "0-9", "0-9", "A-HJ", "0-8"]
"""


@cache
def lettered_template() -> SheetTemplate:
    """Ids such as P12C3, written and bubbled."""
    return parse_template(LETTERED)
