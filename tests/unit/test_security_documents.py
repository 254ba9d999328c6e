"""SECURITY.md, the threat model and the comparison with ASVS: what they name exists, and nothing is left out."""

import re
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest

from app.domain.policy import INSTANCE_SETTINGS
from config.settings import Settings, variable

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = ("SECURITY.md", "docs/threat-model.md", "docs/asvs.md")
THREATS, ASVS = ((ROOT / name).read_text(encoding="utf-8") for name in DOCUMENTS[1:])

SECTIONS = {"6": (3, 12, 8, 6, 8, 4, 2, 4), "7": (3, 4, 2, 5, 3, 2), "8": (4, 4, 3, 2), "9": (3, 4)}
"""How many requirements each section of a chapter has: https://github.com/OWASP/ASVS/tree/v5.0.0."""

VERDICTS = ("met", "partly", "not met", "not applicable")

FOLDERS = "app|bench|clients|config|deploy|docs|migrations|requirements|tests"


def rows(text: str, start: str) -> list[list[str]]:
    """The cells of the rows of tables whose first cell matches."""
    found = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in found if re.fullmatch(start, cells[0])]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_files_settings_and_pages_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    files = re.findall(rf"`((?:{FOLDERS})/[\w./-]+)`", text)
    assert [each for each in files if not (ROOT / each).exists()] == []
    links = [each for each in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in each]
    assert [each for each in links if not ((ROOT / name).parent / each).is_file()] == []
    settings = set(re.findall(r"\bDAYPASS_[A-Z_]+", text))
    assert settings <= {variable(each) for each in fields(Settings)}
    policies = {each.key for each in INSTANCE_SETTINGS}
    assert set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", text)) <= policies


def test_every_promise_of_the_threat_model_names_its_tests() -> None:
    tables = re.findall(r"^\| promise \| how \| test \|\n\|---\|---\|---\|\n((?:\|.*\n)+)", THREATS, re.MULTILINE)
    promises = [line for table in tables for line in table.splitlines()]
    assert len(promises) > 30
    assert [line for line in promises if not re.search(r"\| (`tests/[\w./]+\.py`(, )?)+ \|$", line)] == []


def test_each_requirement_is_compared_once_with_a_verdict_and_a_reason() -> None:
    """◆ Fails when a row is left out or stands twice."""
    found = rows(ASVS, r"v5\.0\.0-.+")
    numbers = [
        f"v5.0.0-{chapter}.{section}.{number}"
        for chapter, counts in SECTIONS.items()
        for section, count in enumerate(counts, 1)
        for number in range(1, count + 1)
    ]
    assert [cells[0] for cells in found] == numbers and len(numbers) == 86
    for number, level, asks, verdict, why, where in found:
        assert level in ("1", "2", "3") and verdict in VERDICTS, number
        assert asks and why and (where or verdict != "met"), number


def test_the_summary_counts_the_verdicts() -> None:
    found = rows(ASVS, r"v5\.0\.0-.+")
    summary = {cells[0]: list(map(int, cells[1:])) for cells in rows(ASVS, r"[6-9] .+|all|level [123]")}

    def count(chosen: list[list[str]]) -> list[int]:
        verdicts = Counter(cells[3] for cells in chosen)
        return [*(verdicts[each] for each in VERDICTS), len(chosen)]

    assert summary["all"] == count(found)
    for chapter in SECTIONS:
        (heading,) = (each for each in summary if each[0] == chapter)
        assert summary[heading] == count([cells for cells in found if cells[0].startswith(f"v5.0.0-{chapter}.")])
    for level in "123":
        assert summary[f"level {level}"] == count([cells for cells in found if cells[1] == level])
