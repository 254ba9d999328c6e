"""The whole command line: which commands there are, their help, and that they run as processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from app.cli import COMMANDS
from app.services import Services
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, mint
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import secrets_in

ROOT = Path(__file__).parent.parent.parent.parent

ANSWERING = {
    "user add", "user list", "user show", "user set-password", "user set-role", "user disable", "user enable",
    "user allow-tokens", "user deny-tokens",
    "token list", "token show", "token revoke",
    "conf",
    "job run", "job status",
    "audit list",
    "db upgrade", "db check",
    "keys status", "keys rotate",
}  # fmt: skip
RUNNING = {"init", "serve", "scheduler"}

sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def every_command(commands: Iterator[click.Command], path: str = "") -> Iterator[tuple[str, click.Command]]:
    for command in commands:
        name = f"{path} {command.name}".strip()
        if isinstance(command, click.Group):
            yield from every_command(iter(command.commands.values()), name)
        else:
            yield name, command


def test_there_are_these_commands_and_no_others() -> None:
    assert {name for name, _ in every_command(iter(COMMANDS))} == ANSWERING | RUNNING


def test_whatever_answers_does_so_in_json_too() -> None:
    with_json = {
        name for name, command in every_command(iter(COMMANDS)) if any("--json" in each.opts for each in command.params)
    }
    assert with_json == ANSWERING


def test_no_secret_is_an_argument_or_an_option() -> None:
    named = {option for _, command in every_command(iter(COMMANDS)) for each in command.params for option in each.opts}
    assert {name for name in named if "password" in name or "secret" in name} == {"--no-password", "--password-file"}


@sqlite_only
def test_every_command_and_group_explains_itself(daypass: CommandLine) -> None:
    groups = {name.rsplit(" ", 1)[0] for name in ANSWERING if " " in name}
    for name in ["", *sorted(groups | ANSWERING | RUNNING)]:
        said = daypass.text(*name.split(), "--help")
        usage, about, *_ = said.split("\n\n")
        assert usage.startswith(f"Usage: daypass {name}".strip()), name
        assert about.strip()[0].isupper() and about.endswith("."), name
    for name in groups | {"init", "serve", "conf", "job", "db", "keys"}:
        assert name in daypass.text("--help")


@sqlite_only
def test_wrong_usage_ends_with_2(daypass: CommandLine) -> None:
    for words in ("brew", "user", "user brew", "user add", "user show", "token show", "user set-role anna", "conf a b",
                  "user list anna", "token list --brew", "serve --port 0", "serve --threads 3", "serve --workers 0",
                  "user set-role anna KING"):  # fmt: skip
        assert daypass.run(*words.split()).exit_code == 2, words
    assert daypass.run().exit_code == 2


# As processes


@pytest.fixture
def process(database_url: str, tmp_path: Path) -> LiveServer:
    """An installation that nobody serves; commands run on it."""
    return LiveServer(database_url, tmp_path)


def test_exit_codes_and_outputs_of_a_process(process: LiveServer, services: Services) -> None:
    added = process.command("user", "add", "anna", "--json", stdin=f"{PASSWORD}\n")
    assert (added.returncode, added.stderr, json.loads(added.stdout)["username"]) == (0, "", "anna")
    refused = process.command("user", "add", "anna", "--no-password")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Error: There is a user called anna already.\n"
    misused = process.command("user", "add")
    assert (misused.returncode, misused.stdout) == (2, "")
    refresh = issue(services, services.accounts.get("anna"))
    pasted = process.command("token", "revoke", "--from-stdin", stdin=f"{refresh.secret}\n{mint_under(services)}x\n")
    assert (pasted.returncode, len(pasted.stderr.splitlines())) == (1, 1)
    assert pasted.stdout.splitlines()[1].split()[:2] == [refresh.token.public_id, "revoked"]
    outputs = [text for each in (added, refused, misused, pasted) for text in (each.stdout, each.stderr)]
    assert secrets_in("".join(outputs)) == []


def mint_under(services: Services) -> str:
    """The secret of an access token."""
    return mint(services, issue(services, make_user(services))).secret


@sqlite_only
def test_the_console_script_is_the_same_command(process: LiveServer) -> None:
    script = Path(sys.executable).parent / "daypass"
    ran = subprocess.run([script, "user", "list"], env=process.environment, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("None.\n", "")


@sqlite_only
def test_commands_run_under_flask_too(process: LiveServer, services: Services) -> None:
    make_user(services, "anna")
    for words, expected in (
        (["user", "list"], ["anna"]),
        (["job", "run", "expire_tokens", "--json"], ['"rows": 0']),
        (["conf", "retention_days"], ["90"]),
    ):
        ran = _under_flask(process, *words)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert all(word in ran.stdout for word in expected)
        assert "timestamp" not in ran.stdout, "a log line is noise on standard output"
        if "--json" in words:
            assert json.loads(ran.stdout)["job"] == "expire_tokens"
    refused = _under_flask(process, "user", "show", "nemo")
    assert (refused.returncode, refused.stdout, refused.stderr) == (1, "", "Error: There is no such user.\n")


def _under_flask(process: LiveServer, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", *words],
        env=process.environment, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@sqlite_only
def test_a_reader_that_has_seen_enough_is_no_error(process: LiveServer, services: Services) -> None:
    for _ in range(3):
        make_user(services)
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-m", "app", "user", "list"],
        env=process.environment, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
    )  # fmt: skip
    os.close(write)
    assert "Traceback" not in ran.stderr
