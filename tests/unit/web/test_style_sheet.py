"""One style sheet, in a known order and of a size that a person can read; nothing in it or in templates is unused."""

import re
from pathlib import Path

import app.web

FOLDER = Path(app.web.__file__).parent
SHEET = (FOLDER / "static" / "daypass.css").read_text()
TEMPLATES = {file.name: file.read_text() for file in (FOLDER / "templates").glob("*.html")}
MARKUP = "".join(TEMPLATES.values())
CODE = "".join(file.read_text() for file in (*FOLDER.rglob("*.py"), *FOLDER.rglob("*.js")))
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


def test_each_class_of_the_sheet_is_used() -> None:
    selectors = re.sub(r"/\*.*?\*/|\{[^{}]*\}", " ", SHEET, flags=re.DOTALL)
    classes = set(re.findall(r"\.([a-z][a-z-]*)(?![\w.])", selectors))
    assert len(classes) > 100
    unused = {each for each in classes if not re.search(rf"(?<![\w-]){each}(?![\w-])", MARKUP + CODE)}
    assert unused == set()


def test_each_template_macro_and_icon_is_used() -> None:
    assert {name for name in TEMPLATES if f'"{name}"' not in MARKUP + CODE} == set()
    macros = re.findall(r"macro (\w+)\(", MARKUP)
    assert {name for name in macros if len(re.findall(rf"\b{name}\(", MARKUP)) == macros.count(name)} == set()
    icons = re.findall(r'<symbol id="([\w-]+)"', (FOLDER / "templates" / "icons.svg").read_text())
    assert {name for name in icons if f'"{name}"' not in MARKUP + CODE and f"#{name}" not in MARKUP} == set()
