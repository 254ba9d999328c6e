"""What the README shows of the pages: the labels that it names are there, and its pictures are light."""

import re
from pathlib import Path

from tests.browser.conftest import Instance, Visit
from tests.browser.sample import ADMINISTRATOR, PERSON

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")

PAGES = {
    PERSON: ("/account/auth", "/account/auth/refresh-tokens", "/account/security", "/preferences/access-tokens"),
    ADMINISTRATOR: ("/admin", "/admin/users", "/admin/tokens", "/admin/audit", "/admin/settings", "/admin/jobs"),
}

HEAVIEST = 200_000
"""Bytes of a picture."""


def test_every_label_that_the_readme_names_is_on_a_page(instance: Instance, visit: Visit) -> None:
    """A label is bold in a sentence of the README; a sentence that begins in bold letters is a heading of its own."""
    told = [label.strip(" .") for found in _bold(README) for label in re.split("→|, then", found)]
    labels = {label for label in told if label[:1].isupper()}
    assert {"Create Refresh Token"} <= labels, "nothing would be compared"
    seen = ""
    for username, paths in PAGES.items():
        visitor = visit(instance.past.services.accounts.get(username))
        for path in paths:
            visitor.page.goto(path)
            seen += _words_of(visitor.page.locator("body").text_content() or "")
        if username == PERSON:
            visitor.create_refresh_token("weekly-report")
            seen += _words_of(visitor.page.locator("body").text_content() or "")

    assert sorted(label for label in labels if _words_of(label) not in seen) == []


def test_the_pictures_of_the_readme_exist_and_are_light() -> None:
    named = re.findall(r'(?:src(?:set)?="|]\()(docs/[^" )]+\.(?:webp|png|svg))', README)
    assert named, "the README has no picture"
    sizes = {name: (ROOT / name).stat().st_size for name in named}
    assert {name: size for name, size in sizes.items() if size > HEAVIEST} == {}


def _bold(markdown: str) -> list[str]:
    """What is bold, but for the first words of a paragraph or of an item, which are headings of their own."""
    prose = re.sub(r"```.*?```", "", markdown, flags=re.DOTALL)
    found = re.finditer(r"(^|^- |^\| )?\*\*([^*]+)\*\*", prose, re.MULTILINE)
    return [each[2] for each in found if each[1] is None]


def _words_of(text: str) -> str:
    return " ".join(text.split())
