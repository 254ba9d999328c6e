"""The command line in the test's own process, as a person or a program at a terminal meets it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from app import logs
from app.cli import command_line
from app.domain.errors import BadCredentials
from app.domain.identity import Caller
from app.factory import create_app
from app.services import Services
from config import load_settings
from tests.databases import CHEAPEST_COST, close


class CommandLine:
    """Runs commands; every verb says how the command must end."""

    def __init__(self, create: Callable[[], Flask], made: list[Flask] | None = None) -> None:
        self.create = create
        self._made = [] if made is None else made
        self._group = command_line(create)

    def end(self) -> None:
        """Close all that was made so far, as the end of their processes would."""
        for app in self._made:
            close(app)
        self._made.clear()

    def run(self, *words: str, stdin: str | bytes = "") -> Result:
        """However it ends, but never with a traceback."""
        ended = CliRunner().invoke(self._group, words, input=stdin)
        logs.configure("DEBUG")  # the command sent the lines to a standard error that is gone now
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended

    def text(self, *words: str, stdin: str | bytes = "") -> str:
        """The output of a command that must succeed, with nothing on standard error."""
        ended = self.run(*words, stdin=stdin)
        assert (ended.exit_code, ended.stderr) == (0, ""), ended.output
        return ended.stdout

    def json(self, *words: str, stdin: str | bytes = "") -> Any:
        """The same with --json."""
        return json.loads(self.text(*words, "--json", stdin=stdin))

    def refusal(self, *words: str, stdin: str | bytes = "") -> str:
        """The one line on standard error of a command that must be refused."""
        ended = self.run(*words, stdin=stdin)
        assert ended.exit_code == 1, ended.output
        (line,) = ended.stderr.splitlines()
        assert line.startswith("Error: ") and len(line) > len("Error: x")
        return line.removeprefix("Error: ")

    def misuse(self, *words: str) -> str:
        """The message of a command that is used wrongly."""
        ended = self.run(*words)
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert ended.stderr.startswith("Usage: ")
        return ended.stderr


@pytest.fixture
def daypass(app: Flask) -> CommandLine:
    """Commands on the test's own application."""
    return CommandLine(lambda: app)


@pytest.fixture
def environment(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Of an installation in an empty folder: a migrated database, and no keys yet."""
    monkeypatch.setenv("DAYPASS_INSTANCE", str(tmp_path / "instance"))
    monkeypatch.setenv("DAYPASS_DATABASE_URL", database_url)
    return monkeypatch


def signs_in(services: Services, username: str, password: str) -> bool:
    try:
        services.accounts.authenticate(username, password, Caller("", address="192.0.2.10"))
    except BadCredentials:
        return False
    return True


@pytest.fixture
def installed(environment: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Commands that make an application each, from the environment, as `daypass` does, but hash at the least cost."""
    made: list[Flask] = []

    def create() -> Flask:
        made.append(create_app(replace(load_settings(), bcrypt_cost=CHEAPEST_COST)))
        return made[-1]

    commands = CommandLine(create, made)
    yield commands
    commands.end()
