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

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8080"


@pytest.mark.shares_server
def test_the_example_of_the_readme_works_as_pasted(live_server: LiveServer, services: Services) -> None:
    """Only the port differs: the README's own may be taken on this machine."""
    make_user(services, "admin", Role.SERVER_ADMIN, PASSWORD)
    found = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert found is not None and ADDRESS in found[1] and found[1].count("\n") <= 10
    done = subprocess.run(
        [sys.executable, "-c", found[1].replace(ADDRESS, live_server.url)],
        env=os.environ | {"DAYPASS_ADMIN_PASSWORD": PASSWORD}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "'username': 'admin'" in done.stdout
    assert "'role': 'SERVER_ADMIN'" in done.stdout


def test_the_readme_names_only_files_that_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), f"README links to {target}"
