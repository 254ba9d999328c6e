"""``daypass init``, ``serve`` and ``scheduler``: from an empty folder, and what keeps a server from starting.

Not here: the running server, which ``tests/functional`` talks to.
"""

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

from app.domain.errors import BadCredentials
from app.domain.identity import Caller, Role
from app.http.context import parts
from app.services import Services
from app.storage import schema
from tests.crowds import all_at_once
from tests.drivers.server import PATIENCE_SECONDS, LiveServer
from tests.factories import PASSWORD
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import PASSWORD_MARK, secrets_in

pytestmark = pytest.mark.timeout(60)
"""A server that should not have started would go on for ever."""

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """`serve` writes its options there for the workers; set beforehand, they are taken back after the test."""
    for name in ("HOST", "PORT", "WORKERS", "THREADS"):
        environment.setenv(f"DAYPASS_{name}", "")
    return environment


def services_of(installed: CommandLine) -> Services:
    return parts(installed.create()).services


def signs_in(services: Services, username: str, password: str) -> bool:
    try:
        services.accounts.authenticate(username, password, Caller("", address="192.0.2.10"))
    except BadCredentials:
        return False
    return True


# init


def test_init_makes_folder_keys_schema_and_an_administrator(installed: CommandLine, tmp_path: Path) -> None:
    ended = installed.run("init")
    assert (ended.exit_code, ended.stdout) == (0, "")
    folder = tmp_path / "instance"
    first, second = ended.stderr.splitlines()
    assert first == f"Generated the keys: {folder / 'keys.env'}. Keep a copy, apart from the database's."
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "keys.env").stat().st_mode) == 0o600
    told = re.fullmatch(r"Created the administrator admin; password, shown this once: (\S{16,})", second)
    assert told is not None
    made = services_of(installed)
    assert made.accounts.get("admin").role is Role.SERVER_ADMIN
    assert signs_in(made, "admin", told[1])


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


def test_no_default_password_is_ever_the_same(installed: CommandLine, environment: pytest.MonkeyPatch) -> None:
    said = installed.run("init").stderr
    made = services_of(installed)
    for guess in ("admin", "password", "daypass", "", "changeme"):
        assert not signs_in(made, "admin", guess)
    assert len(said.rsplit(" ", 1)[1]) > 16


def test_init_takes_name_and_password_of_the_administrator_from_the_environment(
    installed: CommandLine, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DAYPASS_ADMIN_USERNAME", "Root")
    environment.setenv("DAYPASS_ADMIN_PASSWORD", PASSWORD)
    ended = installed.run("init")
    assert ended.stderr.splitlines()[-1] == "Created the administrator root with the password you gave."
    assert PASSWORD_MARK not in ended.output
    assert signs_in(services_of(installed), "root", PASSWORD)
    assert [user["username"] for user in installed.json("user", "list")] == ["root"]


def test_several_hosts_may_init_an_empty_database_at_once(
    app: Flask, services: Services, database_url: str, tmp_path: Path
) -> None:
    with app.app_context():
        schema.migrations().downgrade(revision="base")
    server = LiveServer(database_url, tmp_path)
    ended = all_at_once([partial(server.command, "init")] * 3)
    assert [each.returncode for each in ended] == [0, 0, 0]
    assert sorted(each.stderr.count("Created the administrator") for each in ended) == [0, 0, 1]
    assert [user.username for user in services.accounts.every()] == ["admin"]


def test_init_refuses_a_password_that_will_not_do_and_can_be_run_again(
    installed: CommandLine, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DAYPASS_ADMIN_PASSWORD", "short")
    ended = installed.run("init")
    assert ended.exit_code == 1
    assert ended.stderr.splitlines()[-1] == "Error: A password has 8 to 1024 bytes, and no NUL."
    environment.setenv("DAYPASS_ADMIN_PASSWORD", PASSWORD)
    assert installed.run("init").exit_code == 0
    assert signs_in(services_of(installed), "admin", PASSWORD)


@sqlite_only
def test_init_makes_no_keys_where_the_environment_has_them(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("DAYPASS_TOKEN_KEYS", f"env1:{'ab' * 32}")
    assert "DAYPASS_PASSWORD_PEPPER is missing" in installed.refusal("init")
    environment.setenv("DAYPASS_PASSWORD_PEPPER", "cd" * 32)
    assert installed.run("init").exit_code == 0
    assert not (tmp_path / "instance" / "keys.env").exists()


def test_init_makes_no_new_keys_for_a_database_that_needs_the_old_ones(installed: CommandLine, tmp_path: Path) -> None:
    installed.run("init")
    file = tmp_path / "instance" / "keys.env"
    file.rename(tmp_path / "mislaid")
    said = installed.refusal("init")
    assert "the database has users" in said and str(file) in said
    assert not file.exists()
    (tmp_path / "mislaid").rename(file)
    assert installed.text("init") == ""


@sqlite_only
def test_init_refuses_a_folder_that_it_can_not_make(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    environment.setenv("DAYPASS_INSTANCE", str(tmp_path / "file" / "instance"))
    assert "DAYPASS_INSTANCE" in installed.refusal("init")


@sqlite_only
def test_keys_that_others_may_read_are_refused(installed: CommandLine, tmp_path: Path) -> None:
    installed.run("init")
    file = tmp_path / "instance" / "keys.env"
    file.chmod(0o640)
    for words in ("init", "serve", "scheduler", "user list", "keys status"):
        assert installed.refusal(*words.split()) == f"{file} can be read by others: run chmod 600 {file}"


# What keeps a server from starting


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_a_schema_that_is_not_current_keeps_it_from_starting(installed: CommandLine, command: str) -> None:
    installed.run("init")
    app = installed.create()
    with app.extensions["daypass_database"].engine.begin() as connection:
        connection.execute(text("DELETE FROM alembic_version"))
    assert installed.refusal(command).endswith("run `daypass db upgrade`")


@pytest.mark.parametrize("command", ["serve", "scheduler"])
def test_a_lifetime_out_of_range_in_the_database_keeps_it_from_starting(installed: CommandLine, command: str) -> None:
    installed.run("init")
    installed.text("conf", "access_token_lifespan", "-s", "2")
    app = installed.create()
    with app.extensions["daypass_database"].engine.begin() as connection:
        connection.execute(text("UPDATE instance_settings SET value = '100000'"))
    assert "access_token_lifespan must be between 1 and 720 hours" in installed.refusal(command)


@sqlite_only
def test_a_port_that_is_taken_keeps_it_from_starting(installed: CommandLine) -> None:
    installed.run("init")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = installed.refusal("serve", "--port", str(port))
    assert said.startswith(f"can't listen on 127.0.0.1:{port} (") and "DAYPASS_PORT" in said


@sqlite_only
def test_a_name_that_nobody_has_keeps_it_from_starting(installed: CommandLine) -> None:
    installed.run("init")
    said = installed.refusal("serve", "--host", "no-such-host.invalid")
    assert said.startswith("can't listen on no-such-host.invalid (") and "DAYPASS_HOST" in said


@sqlite_only
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_debug_off_loopback_keeps_it_from_starting(
    installed: CommandLine, environment: pytest.MonkeyPatch, host: str
) -> None:
    installed.run("init")
    environment.setenv("FLASK_DEBUG", "1")
    assert "debug" in installed.refusal("serve", "--host", host)


# Running


@sqlite_only
def test_the_options_of_serve_reach_its_workers(database_url: str, tmp_path: Path) -> None:
    server = LiveServer(database_url, tmp_path, workers=2)
    port = server.port
    server.environment |= {"DAYPASS_PORT": "1", "DAYPASS_WORKERS": "2", "DAYPASS_SCHEDULER": "off"}
    with _running(
        server, "serve", "--port", str(port), "--workers", "1", "--threads", "4", "--host", "localhost"
    ) as run:
        run.wait_until(lambda: "Started worker" in run.said())
        assert requests.get(f"http://localhost:{port}/readyz", timeout=5).json()["ready"]
    assert run.code == 0
    said = run.said()
    assert said.count("Started worker") == 1
    assert f"Daypass serves on http://localhost:{port}" in said
    assert "job_ran" not in said
    assert secrets_in(said) == []


def test_the_scheduler_alone_runs_the_jobs_and_stops_when_told(database_url: str, tmp_path: Path) -> None:
    server = LiveServer(database_url, tmp_path)
    with _running(server, "scheduler") as run:
        run.wait_until(lambda: run.said().count("job_ran") == 2)
    assert run.code == 0
    account = server.json("job", "status")
    assert [(each["last_rows"], each["last_error"], each["is_running"]) for each in account] == [(0, None, False)] * 2


class _running:
    """A command that goes on until SIGTERM; its exit code and all that it said."""

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

    def said(self) -> str:
        return self._log.read_text()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert self._process.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.05)
