"""Clients of other languages (``make clients``), and those of vendors: what the documents say of them."""

import re
from pathlib import Path

import pytest

from tests.clients.programs import PROGRAMS, Program

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "clients.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_the_page_of_clients_names_the_version_that_is_run(program: Program) -> None:
    assert f"| {program.title} |" in PAGE


def test_it_names_the_versions_of_the_vendors_sdks_in_the_suite() -> None:
    pinned = {"alation.in", "alation-sdk.txt", "alation-sdk-older.txt", "trifacta-sdk.txt"}
    text = (
        "".join((ROOT / "requirements" / name).read_text() for name in pinned) + (ROOT / "pyproject.toml").read_text()
    )
    versions = re.findall(r"(alation-[a-z-]+|allie-sdk|trifacta)==([0-9.]+)", text)
    assert len(versions) == 5
    assert [each for each in versions if f"| {' '.join(each)} |" not in PAGE] == []


def test_no_list_of_packages_holds_the_address_of_a_registry() -> None:
    folder = ROOT / "tests" / "clients"
    lists = [*(ROOT / "requirements").glob("*.txt"), *folder.glob("*/requirements.txt"), folder / "go" / "go.sum"]
    assert [each.name for each in lists if "://" in each.read_text()] == []
    assert '"resolved"' not in (folder / "node" / "package-lock.json").read_text()
