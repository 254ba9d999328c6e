"""The documents as files: their blocks of code, what is said of them, their headings and links.

A block says its language. What is to be run is ``sh`` or ``python``; a block ``text`` right after it is what it
prints, where ``…`` stands for anything, and a line of it alone for any lines. A comment ``<!-- not run: reason -->``
right before a block exempts it. :data:`QUOTED` languages are shown to be read.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "clients" / "python" / "README.md")
"""Whose commands are run."""

WITH_LINKS = (*PAGES, *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "deploy/README.md")))

RUN = ("sh", "python")
QUOTED = ("mermaid", "nginx", "text")

BLOCK = re.compile(
    r"(?P<before>[^\n]*\n\n?)?^```(?P<language>[^\n]*)\n(?P<code>.*?)^```$(?:\n\n```text\n(?P<prints>.*?)^```$)?",
    re.DOTALL | re.MULTILINE,
)
EXEMPT = re.compile(r"<!-- not run: ([^>]+) -->\s*")


class Block(NamedTuple):
    """A block of code. `exempt`: why it is not run, empty where it is; `prints`: what it prints, if that is shown."""

    place: str
    language: str
    code: str
    exempt: str
    prints: str | None


def blocks(page: Path) -> Iterator[Block]:
    """All blocks of a page, in their order."""
    text = page.read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start("language")) + 1
        exempt = EXEMPT.fullmatch(found["before"] or "")
        place = f"{page.relative_to(ROOT)}:{line}"
        yield Block(place, found["language"], found["code"], exempt[1] if exempt else "", found["prints"])


def prose(page: Path) -> str:
    """The text of a page without its blocks of code and comments."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)


def targets(page: Path) -> Iterator[str]:
    """The addresses of all links and pictures of a page."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r'(?:src|srcset|href)="([^"]+)"', text)
    yield from re.findall(r"^\[[^\]]+\]: (\S+)$", text, re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names by which links reach its headings, as GitHub makes them."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(page), re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "") for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


def matches(shown: str, printed: str) -> bool:
    """Whether that was printed, but for what ``…`` stands for and the ends of lines."""
    lines = [r"(?:.*\n)*" if line.strip() == "…" else _pattern(line) + "\n" for line in shown.rstrip().splitlines()]
    actual = "".join(f"{line.rstrip()}\n" for line in printed.rstrip().splitlines())
    return re.fullmatch("".join(lines), actual) is not None


def _pattern(line: str) -> str:
    return re.escape(line.rstrip()).replace("…", r"[^\n]*")
