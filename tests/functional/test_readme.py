"""What the README promises, done as it says."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, make_user

README = (Path(__file__).parent.parent.parent / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


@pytest.mark.shares_server
def test_the_example_of_the_readme_works_as_pasted(live_server: LiveServer, services: Services) -> None:
    """Only the port differs: the README's own may be taken on this machine."""
    make_user(services, "admin", Role.SERVER_ADMIN, PASSWORD)
    example = _example().replace(ADDRESS, live_server.url)
    environment = os.environ | {"DAYPASS_ADMIN_PASSWORD": PASSWORD}
    done = subprocess.run(
        [sys.executable, "-c", example], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "'username': 'admin'" in done.stdout
    assert "'role': 'SERVER_ADMIN'" in done.stdout


def test_the_example_is_ten_lines_at_most_and_names_the_default_address() -> None:
    lines = [line for line in _example().splitlines() if line.strip()]
    assert len(lines) <= 10
    assert ADDRESS in lines[1]


def test_the_readme_names_only_files_that_exist() -> None:
    root = Path(__file__).parent.parent.parent
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (root / target).exists(), f"README links to {target}"


def _example() -> str:
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]
