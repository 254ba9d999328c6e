"""The vendor's own SDK, `trifacta` from PyPI, in an environment of its own (``make trifacta-sdk``)."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from app.services import Services
from tests.drivers.server import LiveServer
from tests.drivers.trifacta import Trifacta
from tests.factories import PASSWORD, allowed_user

ROOT = Path(__file__).parent.parent.parent
PYTHON = ROOT / ".venv-trifacta" / "bin" / "python"
DRIVER = ROOT / "tests" / "drivers" / "trifacta_sdk.py"


@pytest.mark.shares_server
def test_the_sdk_works_against_daypass(live_server: LiveServer, services: Services, tmp_path: Path) -> None:
    install_the_sdk()
    user = allowed_user(services, password=PASSWORD, email="anna@example.org")
    by_password = Trifacta.with_password(live_server.url, user.username, PASSWORD)
    token = by_password.generate(7200, "for the SDK").json()["tokenValue"]
    by_password.session.close()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DAYPASS_", "PYTHON"))}
    done = subprocess.run(
        [PYTHON, "-P", "-W", "ignore", DRIVER],
        input=json.dumps({"url": live_server.url, "token": token}),
        env=environment | {"HOME": str(tmp_path)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    status, created = told["created"]
    info = created["tokenInfo"]
    assert (status, info["description"], info["lastUsed"]) == (201, "by the SDK", None)
    assert (told["listed"]["count"], told["listed"]["data"][1]) == (2, info)
    assert told["shown"] == info
    assert (told["user"]["email"], told["user"]["isDisabled"]) == ("anna@example.org", False)
    assert told["configured"] == live_server.url
    assert told["deleted"] == 204
    names = {case: told[case]["exception"]["name"] for case in told if "exception" in str(told[case])}
    assert names == {
        "bad request": "ValidationFailed",
        "deleted again": "DataNotFoundException",
        "no such route": "RouteNotFoundException",
        "no update": "MethodNotAllowedException",
        "bad token": "MissingPersonException",
    }


def install_the_sdk() -> None:
    """With the pinned hashes; nothing is done where they have not changed."""
    done = subprocess.run(["make", "trifacta-sdk"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (
        "The vendor's SDK could not be installed. It comes from the package index that pip is configured for: see "
        f"that it can be reached, then try `make trifacta-sdk`.\n{done.stdout}{done.stderr}"
    )
