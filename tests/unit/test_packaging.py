"""What is installed: every file the code opens, and not only its modules."""

import tomllib
from pathlib import Path

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
    assert {path.name for path in beside} >= {"docs.css", "docs.js", "alembic.ini"}
