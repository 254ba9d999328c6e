"""The whole command line: which commands there are, their help, and that they run as processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from app.cli.late_commands import MODULES, find_command
from app.services import Services
from tests.crowds import all_at_once
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, mint
from tests.integration.cli.conftest import CommandLine
from tests.secrecy import secrets_in

ROOT = Path(__file__).parent.parent.parent.parent

ANSWERING = {
    *(
        f"user {act}"
        for act in (
            *("add", "list", "show", "edit", "rename", "set-password", "set-role", "allow-tokens", "deny-tokens"),
            *("end-sessions", "unlock", "disable", "enable", "hand-over", "delete"),
            "reset-second-factor",
            *("link", "unlink", "identities"),
        )
    ),
    *(
        f"token {act}"
        for act in (
            *("create", "list", "show", "rename", "describe", "move", "rotate", "end-old-secret", "revoke"),
            "revoke-by-filter",
        )
    ),
    *(f"scim token {act}" for act in ("create", "list", "revoke")),
    *(f"scim {act}" for act in ("map", "unmap", "groups", "adopt", "release")),
    *("conf", "job run", "job status", "audit list", "audit verify", "db upgrade", "db check", "keys status"),
    *("keys rotate", "keys adopt", "doctor", "clock status", "clock accept", "backup", "restore"),
}
RUNNING = {"init", "serve", "scheduler"}
EXPORTING = {"audit export"}
"""Commands that print JSON only."""


def every_command(commands: Iterable[click.Command], path: str = "") -> Iterator[tuple[str, click.Command]]:
    for command in commands:
        name = f"{path} {command.name}".strip()
        is_group = isinstance(command, click.Group)
        yield from every_command(command.commands.values(), name) if is_group else [(name, command)]


def test_there_are_these_commands_and_those_that_answer_do_so_in_json_too() -> None:
    every = every_command(map(find_command, MODULES))
    options = {name: {option for each in command.params for option in each.opts} for name, command in every}
    assert set(options) == ANSWERING | RUNNING | EXPORTING
    assert {name for name, named in options.items() if "--json" in named} == ANSWERING
    named = set.union(*options.values())
    assert {name for name in named if "password" in name or "secret" in name} == {"--no-password", "--password-file"}


def test_every_command_and_group_explains_itself(daypass: CommandLine) -> None:
    groups = {name.rsplit(" ", 1)[0] for name in ANSWERING if " " in name}
    for name in ["", *sorted(groups | ANSWERING | RUNNING | EXPORTING)]:
        usage, about, *_ = daypass.text(*name.split(), "--help").split("\n\n")
        assert usage.startswith(f"Usage: daypass {name}".strip()), name
        assert about.strip()[0].isupper() and about.endswith("."), name
    for name in groups | {"init", "serve", "backup", "restore", "conf", "job", "db", "keys"}:
        assert name.rpartition(" ")[2] in daypass.text(*name.split()[:-1], "--help")


def test_wrong_usage_ends_with_2(daypass: CommandLine) -> None:
    for words in ("brew", "user", "user brew", "user add", "user show", "token show", "user set-role anna", "conf a b",
                  "user list anna", "token list --brew", "serve --port 0", "serve --threads 3", "serve --workers 0",
                  "user set-role anna KING"):  # fmt: skip
        assert daypass.run(*words.split()).exit_code == 2, words
    assert daypass.run().exit_code == 2


@pytest.fixture
def process(database_url: str, tmp_path: Path) -> LiveServer:
    """An installation that nobody serves; commands run on it."""
    return LiveServer(database_url, tmp_path)


def run(process: LiveServer, *command: str, **pipes: Any) -> subprocess.CompletedProcess[str]:
    pipes = {"stdout": subprocess.PIPE, "input": ""} | pipes
    return subprocess.run(
        command, env=process.environment, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=60, check=False, **pipes
    )


def test_commands_run_as_a_script_as_a_module_and_under_flask(process: LiveServer, services: Services) -> None:
    """Exit codes 0, 1 and 2; results on standard output, refusals in one line on standard error, secrets nowhere."""
    refresh = issue(services, make_user(services, "bert"))
    pasted = f"{refresh.secret}\n{mint(services, issue(services, make_user(services))).secret}x\n"
    script, flask = str(Path(sys.executable).parent / "daypass"), (sys.executable, "-m", "flask", "--app", "wsgi")
    added, misused, revoked = ended = all_at_once(
        [
            lambda: run(process, script, "user", "add", "anna", "--json", input=f"{PASSWORD}\n"),
            lambda: run(process, sys.executable, "-m", "app", "user", "add"),
            lambda: run(process, *flask, "token", "revoke", "--from-stdin", input=pasted),
        ]
    )
    assert [each.returncode for each in ended] == [0, 2, 1]
    assert (json.loads(added.stdout)["username"], added.stderr) == ("anna", "")
    assert misused.stdout == "" and misused.stderr.startswith("Usage: ")
    heading, *rows = revoked.stdout.splitlines()
    assert heading.isupper() and rows[0].split()[:2] == [refresh.token.public_id, "revoked"]
    assert len(revoked.stderr.splitlines()) == 1 and "timestamp" not in revoked.stdout
    assert secrets_in("".join(each.stdout + each.stderr for each in ended)) == []


def test_a_reader_that_has_seen_enough_is_no_error(process: LiveServer, services: Services) -> None:
    for _ in range(3):
        make_user(services)
    read, write = os.pipe()
    os.close(read)
    ran = run(process, sys.executable, "-m", "app", "user", "list", stdout=write)
    os.close(write)
    assert "Traceback" not in ran.stderr
