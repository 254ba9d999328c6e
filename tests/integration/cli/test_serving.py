"""``daypass init`` and ``serve``: from an empty folder, and what keeps a server from starting."""

import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import requests
from flask import Flask
from sqlalchemy import text

from app.domain.identity import Role
from app.http.context import parts
from app.services import Services
from app.storage import schema
from tests.crowds import all_at_once
from tests.drivers.server import PATIENCE_SECONDS, LiveServer
from tests.factories import PASSWORD
from tests.integration.cli.conftest import CommandLine, signs_in
from tests.secrecy import PASSWORD_MARK, secrets_in

pytestmark = pytest.mark.timeout(60)
"""A server that should not have started would go on for ever."""


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """`serve` writes its options there for the workers; set beforehand, they are taken back after the test."""
    for name in ("HOST", "PORT", "WORKERS", "THREADS"):
        environment.setenv(f"DAYPASS_{name}", "")
    return environment


def services_of(installed: CommandLine) -> Services:
    return parts(installed.create()).services


# init


def test_init_makes_folder_keys_schema_and_an_administrator(installed: CommandLine, tmp_path: Path) -> None:
    ended = installed.run("init")
    assert (ended.exit_code, ended.stdout) == (0, "")
    folder = tmp_path / "instance"
    first, second = ended.stderr.splitlines()
    assert first == f"Generated the keys: {folder / 'keys.env'}. Keep a copy, apart from the database's."
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "keys.env").stat().st_mode) == 0o600
    shown = re.fullmatch(r"Created the administrator admin; password, shown this once: (\S{16,})", second)
    assert shown is not None
    made = services_of(installed)
    assert made.accounts.get("admin").role is Role.SERVER_ADMIN
    assert signs_in(made, "admin", shown[1])
    for guess in ("admin", "password", "daypass", "", "changeme"):
        assert not signs_in(made, "admin", guess)


def test_init_again_changes_and_says_nothing(installed: CommandLine, tmp_path: Path) -> None:
    installed.run("init")
    keys = (tmp_path / "instance" / "keys.env").read_text()
    users = installed.json("user", "list")
    installed.text("conf", "retention_days", "-s", "30")
    events = installed.json("audit", "list")
    for _ in range(2):
        assert installed.text("init") == ""
    assert (tmp_path / "instance" / "keys.env").read_text() == keys
    assert installed.json("user", "list") == users
    assert installed.json("conf", "retention_days")["value"] == "30"
    assert installed.json("audit", "list") == events


def test_init_takes_name_and_password_of_the_administrator_from_the_environment(
    installed: CommandLine, environment: pytest.MonkeyPatch
) -> None:
    """A password that will not do is refused, and `init` can be run again."""
    environment.setenv("DAYPASS_ADMIN_USERNAME", "Root")
    environment.setenv("DAYPASS_ADMIN_PASSWORD", "short")
    refused = installed.run("init")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines()[-1] == "Error: A password has 8 to 1024 bytes, and no NUL."
    environment.setenv("DAYPASS_ADMIN_PASSWORD", PASSWORD)
    ended = installed.run("init")
    assert ended.stderr == "Created the administrator root with the password you gave.\n"
    assert PASSWORD_MARK not in ended.output
    assert signs_in(services_of(installed), "root", PASSWORD)
    assert [user["username"] for user in installed.json("user", "list")] == ["root"]


def test_several_hosts_may_init_an_empty_database_at_once(
    app: Flask, services: Services, database_url: str, tmp_path: Path
) -> None:
    with app.app_context():
        schema.migrations().downgrade(revision="base")
    server = LiveServer(database_url, tmp_path)
    ended = all_at_once([partial(server.command, "init")] * 2)
    assert [each.returncode for each in ended] == [0, 0]
    assert sorted(each.stderr.count("Created the administrator") for each in ended) == [0, 1]
    assert [user.username for user in services.accounts.every()] == ["admin"]


def test_init_makes_no_keys_where_the_environment_has_them(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("DAYPASS_TOKEN_KEYS", f"env1:{'ab' * 32}")
    assert "DAYPASS_PASSWORD_PEPPER is missing" in installed.refusal("init")
    environment.setenv("DAYPASS_PASSWORD_PEPPER", "cd" * 32)
    assert installed.run("init").exit_code == 0
    assert not (tmp_path / "instance" / "keys.env").exists()


def test_keys_are_not_made_again_for_a_database_that_needs_them_nor_read_when_others_may(
    installed: CommandLine, tmp_path: Path
) -> None:
    installed.run("init")
    file = tmp_path / "instance" / "keys.env"
    file.rename(tmp_path / "mislaid")
    refusal = installed.refusal("init")
    assert "the database has users" in refusal and str(file) in refusal
    assert not file.exists()
    (tmp_path / "mislaid").rename(file)
    assert installed.text("init") == ""
    file.chmod(0o640)
    for words in ("init", "serve", "scheduler", "user list", "keys status"):
        assert installed.refusal(*words.split()) == f"{file} can be read by others: run chmod 600 {file}"


def test_init_refuses_a_folder_that_it_can_not_make(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    environment.setenv("DAYPASS_INSTANCE", str(tmp_path / "file" / "instance"))
    assert "DAYPASS_INSTANCE" in installed.refusal("init")


# What keeps a server from starting


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM alembic_version", "run `daypass db upgrade`"),
        (
            "UPDATE instance_settings SET value = '100000'",
            "access_token_lifespan must be between 1 and 720 hours",
        ),
    ],
)
def test_an_old_schema_and_a_lifetime_out_of_range_keep_it_from_starting(
    installed: CommandLine, change: str, reason: str
) -> None:
    installed.run("init")
    installed.text("conf", "access_token_lifespan", "-s", "2")
    app = installed.create()
    with app.extensions["daypass_database"].engine.begin() as connection:
        connection.execute(text(change))
    for command in ("serve", "scheduler"):
        assert reason in installed.refusal(command)


def test_a_port_that_is_taken_and_debug_off_loopback_keep_it_from_starting(
    installed: CommandLine, environment: pytest.MonkeyPatch
) -> None:
    installed.run("init")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refusal = installed.refusal("serve", "--port", str(port))
    assert refusal.startswith(f"can't listen on 127.0.0.1:{port} (") and "DAYPASS_PORT" in refusal
    refusal = installed.refusal("serve", "--host", "no-such-host.invalid")
    assert refusal.startswith("can't listen on no-such-host.invalid (") and "DAYPASS_HOST" in refusal
    environment.setenv("FLASK_DEBUG", "1")
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        assert "debug" in installed.refusal("serve", "--host", host)


# Running


def test_the_options_of_serve_reach_its_workers(database_url: str, tmp_path: Path) -> None:
    server = LiveServer(database_url, tmp_path, workers=2)
    port = server.port
    server.environment |= {"DAYPASS_PORT": "1", "DAYPASS_WORKERS": "2", "DAYPASS_SCHEDULER": "off"}
    with _running(
        server, "serve", "--port", str(port), "--workers", "1", "--threads", "4", "--host", "localhost"
    ) as run:
        run.wait_until(lambda: "Started worker" in run.output())
        assert requests.get(f"http://localhost:{port}/readyz", timeout=5).json()["ready"]
    assert run.code == 0
    output = run.output()
    assert output.count("Started worker") == 1
    assert f"Daypass serves on http://localhost:{port}" in output
    assert "job_ran" not in output
    assert secrets_in(output) == []


class _running:
    """A command that goes on until SIGTERM; its exit code and output."""

    def __init__(self, server: LiveServer, *words: str) -> None:
        self._log = server.folder / "command.log"
        self._server, self._words = server, words
        self.code: int | None = None

    def __enter__(self) -> "_running":
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "app", *self._words]
            self._process = subprocess.Popen(command, env=self._server.environment, stdout=log, stderr=log)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self.code = self._process.wait(PATIENCE_SECONDS)

    def output(self) -> str:
        return self._log.read_text()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert self._process.poll() is None and time.monotonic() < deadline, self.output()
            time.sleep(0.05)
