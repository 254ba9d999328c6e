"""One style sheet, in a known order and of a size that a person can read."""

import re
from importlib.resources import files

SHEET = (files("app.web") / "static" / "daypass.css").read_text()
PARTS = ("Tokens", "Base", "Layout")
MOST_LINES = 900


def test_the_sheet_is_short_and_its_parts_stand_in_their_order() -> None:
    titles = re.findall(r"/\* ── (\w+)", SHEET)
    assert tuple(titles[: len(PARTS)]) == PARTS
    assert len(SHEET.splitlines()) <= MOST_LINES


def test_colours_are_written_in_light_and_dark_or_as_a_token() -> None:
    after_tokens = SHEET[SHEET.index("── Base") :]
    alone = [
        line for line in after_tokens.splitlines() if re.search(r"#[0-9a-f]{3,8}\b", line) and "light-dark(" not in line
    ]
    assert alone == []
