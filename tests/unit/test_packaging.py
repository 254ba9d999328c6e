"""What is installed: every file the code opens, and not only its modules."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent


def test_every_file_beside_the_modules_is_package_data() -> None:
    """Fails when a pattern is taken out of `package-data` a wheel would have pages without their style."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        data = tomllib.load(file)["tool"]["setuptools"]["package-data"]
    patterns = [(ROOT / package, each) for package, some in data.items() for each in some]
    installed = {path for folder, each in patterns for path in folder.glob(each)}
    beside = {
        path
        for package in ("app", "config", "migrations")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert beside == installed
    assert {path.name for path in beside} >= {"daypass.css", "error.html", "alembic.ini"}


@pytest.mark.parametrize("file", ["requirements/run.txt", "requirements/dev.txt"])
def test_pysqlite3_is_installed_only_where_it_has_wheels(file: str) -> None:
    """Elsewhere pip would need a compiler; the standard library's SQLite is used there."""
    line = re.search(r"^pysqlite3==\S+ ; (.+) \\$", (ROOT / file).read_text(), re.MULTILINE)
    assert line is not None
    machines = [("linux", "x86_64"), ("linux", "aarch64"), ("linux", "armv7l"), ("darwin", "arm64"), ("win32", "AMD64")]
    installed = [
        (system, machine)
        for system, machine in machines
        if Marker(line[1]).evaluate({"sys_platform": system, "platform_machine": machine})
    ]
    assert installed == [("linux", "x86_64")]


def test_the_pinned_versions_are_within_the_bounds_and_granian_is_bound_to_one_series() -> None:
    """Fails when a bound is changed without `make lock`, or lets in a granian whose own functions nobody has tried."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        bounds = [Requirement(line) for line in tomllib.load(file)["project"]["dependencies"]]
    pinned = (ROOT / "requirements/run.txt").read_text()
    for bound in bounds:
        pin = re.search(rf"^{bound.name}(?:\[\w+\])?==([^\s;]+)", pinned, re.MULTILINE)
        assert pin is not None and pin[1] in bound.specifier, bound
    (granian,) = [bound for bound in bounds if bound.name == "granian"]
    assert "2.8.99" in granian.specifier and "2.9" not in granian.specifier
