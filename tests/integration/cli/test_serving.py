"""``daypass init`` and ``serve``: from an empty folder, and what keeps a server from starting."""

import re
import socket
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from app.domain.identity import Role
from app.http.context import parts
from app.services import Services
from app.services.accounts import Accounts
from tests.factories import PASSWORD
from tests.integration.cli.conftest import CommandLine, signs_in
from tests.secrecy import PASSWORD_MARK


@pytest.fixture
def environment(environment: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """`serve` writes its options there for the workers; set beforehand, they are taken back after the test."""
    for name in ("HOST", "PORT", "WORKERS", "THREADS"):
        environment.setenv(f"DAYPASS_{name}", "")
    return environment


def services_of(installed: CommandLine) -> Services:
    return parts(installed.create()).services


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


def test_init_says_where_users_sign_in_and_refuses_an_address_that_will_not_do(
    installed: CommandLine, environment: pytest.MonkeyPatch
) -> None:
    for address, line in (
        ("https://tools.example.com/?x", "DAYPASS_PUBLIC_URL must not have a query or a fragment"),
        ("https://tools.example.com/admin", "DAYPASS_PUBLIC_URL: the path /admin is one of Daypass's own"),
    ):
        environment.setenv("DAYPASS_PUBLIC_URL", address)
        refused = installed.run("init")
        assert refused.exit_code == 1 and line in refused.stderr.splitlines()[-1]
    environment.setenv("DAYPASS_PUBLIC_URL", "https://tools.example.com/daypass/")
    assert installed.run("init").stderr.splitlines()[-1] == "Users sign in at https://tools.example.com/daypass/login."
    assert installed.text("init") == ""


def test_init_again_changes_and_says_nothing(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed.run("init")
    keys = (tmp_path / "instance" / "keys.env").read_text()
    users = installed.json("user", "list")
    installed.text("conf", "retention_days", "-s", "30")
    events = installed.json("audit", "list")
    assert installed.text("init") == ""
    environment.setattr(Accounts, "is_empty", lambda _: True)  # as it was before another host was quicker
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
    assert refused.stderr.splitlines()[-1].startswith("Error: DAYPASS_ADMIN_PASSWORD: A password has at least 12")
    environment.setenv("DAYPASS_ADMIN_PASSWORD", PASSWORD)
    ended = installed.run("init")
    assert ended.stderr == "Created the administrator root with the password you gave.\n"
    assert PASSWORD_MARK not in ended.output
    assert signs_in(services_of(installed), "root", PASSWORD)
    assert [user["username"] for user in installed.json("user", "list")] == ["root"]


def test_init_makes_no_keys_where_the_environment_has_them_and_refuses_a_folder_that_it_can_not_make(
    installed: CommandLine, environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment.setenv("DAYPASS_TOKEN_KEYS", f"env1:{'ab' * 32}")
    assert "DAYPASS_PASSWORD_PEPPER is missing" in installed.refusal("init")
    environment.setenv("DAYPASS_PASSWORD_PEPPER", "cd" * 32)
    assert installed.run("init").exit_code == 0
    assert not (tmp_path / "instance" / "keys.env").exists()
    (tmp_path / "file").touch()
    environment.setenv("DAYPASS_INSTANCE", str(tmp_path / "file" / "instance"))
    assert installed.text("init") == "", "nothing would be in the folder"
    environment.setenv("DAYPASS_PASSWORD_PEPPER", "")
    assert "DAYPASS_INSTANCE" in installed.refusal("init")


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
    file.chmod(0o604)
    for words in ("init", "serve", "scheduler", "user list", "keys status"):
        assert installed.refusal(*words.split()) == f"{file} can be read by others: run chmod 600 {file}"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("DELETE FROM alembic_version", "run `daypass db upgrade`"),
        ("UPDATE instance_settings SET value = '100000'", "access_token_lifespan must be between 1 and 720 hours"),
    ],
)
def test_an_old_schema_and_a_lifetime_out_of_range_keep_it_from_starting(
    installed: CommandLine, change: str, reason: str
) -> None:
    installed.run("init")
    installed.text("conf", "access_token_lifespan", "-s", "2")
    with installed.create().extensions["daypass_database"].engine.begin() as connection:
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
    refusal = installed.refusal("serve", "--host", "unix:/no-such-folder/daypass.sock")
    assert refusal.startswith("can't listen on /no-such-folder/daypass.sock (No such file or directory)")
    environment.setenv("FLASK_DEBUG", "1")
    for host in ("0.0.0.0", "::"):
        assert "debug" in installed.refusal("serve", "--host", host)
