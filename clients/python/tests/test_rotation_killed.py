"""A client that is killed while it rotates: wherever that is, what is on the disk works, and the next rotation does."""

import sys
from pathlib import Path

import pytest

from app.domain.tokens import Issued, RefreshToken
from clients.python.tests import processes
from clients.python.tests.conftest import Daypass
from tests.factories import configure

SCRIPT = "from clients.python.tests.killed import main; main({modules!r}, {visits!r})"

STEPS = "rotating.py,credential.py,file_place.py,draft.py,cache.py"
"""What writes, or asks the server to. ``make rotation-soak`` does the same with all modules."""

PATIENCE_SECONDS = 200
"""Each of the lines is a process, on a machine that may have others to run."""

STORE = """
import os, sys
secret = sys.stdin.read()
with open("stored.new", "w") as file:
    file.write(secret)
os.replace("stored.new", "stored")
"""


@pytest.fixture(autouse=True)
def unlimited(daypass: Daypass) -> None:
    configure(daypass.services, regenerations_per_hour=10_000, mints_per_hour=100_000)


def lines_killed(modules: str, daypass: Daypass, folder: Path, visits: int = 1, **environment: str) -> int:
    environment |= {"DAYPASS_URL": daypass.url, "DAYPASS_TEST_FOLDER": str(folder), "DAYPASS_ROTATE": "true"}
    return int(processes.run(SCRIPT.format(modules=modules, visits=str(visits)), PATIENCE_SECONDS, **environment))


def test_killed_at_any_line_it_leaves_a_file_with_a_secret_that_works(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    """Fails where the file is emptied before it is written (tried)."""
    file = tmp_path / "daypass.env"
    file.write_text(f"DAYPASS_REFRESH_TOKEN={refresh.secret}\n")
    file.chmod(0o600)
    assert lines_killed(STEPS, daypass, tmp_path, DAYPASS_FILE=str(file)) > 100
    assert [each.name for each in tmp_path.iterdir() if each.is_file()] == ["daypass.env"]


def test_and_an_entry_of_the_keyring_that_works(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    """The lines are those of a keyring that deletes an entry before it writes it again: three entries are written.

    Fails without the spare entry (tried).
    """
    entries = tmp_path / "keyring.json"
    entries.write_text(f'{{"daypass/nightly": "{refresh.secret}"}}')
    of_keyring = {
        "PYTHON_KEYRING_BACKEND": "clients.python.tests.keyring_backend.FileKeyring",
        "DAYPASS_TEST_KEYRING": str(entries), "DAYPASS_KEYRING": "daypass nightly",
    }  # fmt: skip
    assert lines_killed("keyring_backend.py", daypass, tmp_path, visits=3, **of_keyring) > 30


def test_and_a_secret_that_works_with_the_users_command(
    daypass: Daypass, refresh: Issued[RefreshToken], tmp_path: Path
) -> None:
    (tmp_path / "stored").write_text(refresh.secret)
    script = tmp_path / "store.py"
    script.write_text(f"import os\nos.chdir({str(tmp_path)!r})\n{STORE}")
    command = f"{sys.executable} -S {script}"
    assert lines_killed("command_place.py", daypass, tmp_path, DAYPASS_ROTATE_COMMAND=command) >= 10
