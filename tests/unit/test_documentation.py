"""README and ``docs/``: links lead somewhere, blocks of code are run or say why not, commands in the text exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli import command_line
from app.domain.policy import INSTANCE_SETTINGS
from app.factory import create_app
from tests.drivers.documents import PAGES, QUOTED, ROOT, RUN, WITH_LINKS, anchors, blocks, prose, targets

INDEX = ROOT / "docs" / "README.md"

EXEMPT = {
    "README.md": 1, "clients/python/README.md": 2, "docs/postgresql.md": 1, "docs/protecting.md": 2,
    "docs/systemd.md": 2, "docs/upgrading.md": 1,
}  # fmt: skip
"""How many blocks of a page no test runs; each says why. Fewer are better."""


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_LINKS, ids=_name)
def test_every_link_and_anchor_leads_to_something(page: Path) -> None:
    for target in targets(page):
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{_name(page)} links to {target}"
        assert not anchor or anchor in anchors(file), f"{_name(page)} links to {target}"


def test_the_index_names_every_page_once() -> None:
    linked = [target for target in targets(INDEX) if re.fullmatch(r"[a-z-]+\.md", target)]
    assert sorted(linked) == sorted(page.name for page in INDEX.parent.glob("*.md") if page != INDEX)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_block_of_code_is_run_or_says_why_not(page: Path) -> None:
    for block in blocks(page):
        is_quoted = block.language in QUOTED
        assert is_quoted or block.language in RUN or block.exempt, f"{block.place}: is it to be run? Say its language"
        assert not (is_quoted and block.exempt), f"{block.place} is not run anyway"
    assert not re.search(r"^(?: {4}|\t)\S", _outside_lists(prose(page)), re.MULTILINE), "code without a fence"


def _outside_lists(text: str) -> str:
    return re.sub(r"^(?:- |\d+\. ).*\n(?:^ +.*\n|^\n(?= ))*", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", WITH_LINKS, ids=_name)
def test_the_rows_of_a_table_have_as_many_cells_as_its_head(page: Path) -> None:
    for table in re.findall(r"(?:^\|.*\|\n)+", prose(page), re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row))) for row in table.splitlines()}
        assert len(cells) == 1, f"{_name(page)}: {table}"


def test_few_blocks_are_exempt() -> None:
    """What is not run is counted here, so that one more is seen."""
    exempt = {page: [block.exempt for block in blocks(page) if block.exempt] for page in PAGES}
    assert {_name(page): len(reasons) for page, reasons in exempt.items() if reasons} == EXEMPT, exempt


def commands_in(page: Path) -> Iterator[str]:
    """What stands in the text as ``daypass …``."""
    text = re.sub(r"\s+", " ", prose(page))
    yield from re.findall(r"`((?:\.venv/bin/)?daypass(?: [^`]+)?)`", text)


@pytest.mark.parametrize("page", WITH_LINKS, ids=_name)
def test_every_command_in_the_text_exists(page: Path) -> None:
    keys = {each.key for each in INSTANCE_SETTINGS}
    for command in commands_in(page):
        words = shlex.split(command.replace("…", "X"))[1:]
        found: click.Command = command_line(create_app)
        while isinstance(found, click.Group) and words and not words[0].startswith("-"):
            following = found.get_command(click.Context(found), words.pop(0))
            assert following is not None or "X" in command, f"{_name(page)}: there is no `{command}`"
            if following is None:
                break
            found = following
        known = {name for each in found.params for name in (*each.opts, *each.secondary_opts)} | {"--help", "--version"}
        assert {word for word in words if word.startswith("-")} <= known, f"{_name(page)}: `{command}`"
        if found.name == "conf" and words and not words[0].startswith("-"):
            assert words[0] in keys or words[0].isupper(), f"{_name(page)}: `{command}`"


def test_what_the_readme_calls_by_name_is_called_so_on_the_pages() -> None:
    """Bold words are labels, unless they end as sentences do or begin with a small letter."""
    bold = re.findall(r"\*\*([A-Z][^*]*[^*.])\*\*", prose(ROOT / "README.md"))
    labels = {re.sub(r"\s+", " ", label) for each in bold for label in re.split(r"\s→\s", each)}
    assert {"Create Refresh Token", "Token Secret Key", "Regenerate API Token"} <= labels
    shown = "".join(each.read_text(encoding="utf-8") for each in (ROOT / "app/web/templates").glob("*.html"))
    assert [label for label in labels if label not in shown] == []


@pytest.mark.parametrize("page", WITH_LINKS, ids=_name)
def test_every_target_of_make_in_the_text_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)", page.read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{_name(page)}: make {target}"
