"""The command line in the test's own process, as a person or a program at a terminal meets it.

Here belong the fixtures of this folder. Not here: processes of their own, which ``tests.drivers.server`` starts.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from app import logs
from app.cli import command_line
from app.factory import create_app, db
from app.http.context import parts


class CommandLine:
    """Runs commands; every verb says how the command must end."""

    def __init__(self, create: Callable[[], Flask]) -> None:
        self.create = create
        self._group = command_line(create)

    def run(self, *words: str, stdin: str | bytes = "") -> Result:
        """However it ends, but never with a traceback."""
        ended = CliRunner().invoke(self._group, words, input=stdin)
        logs.configure("DEBUG")  # the command sent the lines to a standard error that is gone now
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended

    def text(self, *words: str, stdin: str | bytes = "") -> str:
        """What a command says that must succeed, with nothing on standard error."""
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
        """What a command says that is used wrongly."""
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
    for name, value in {
        "DAYPASS_INSTANCE": str(tmp_path / "instance"),
        "DAYPASS_DATABASE_URL": database_url,
        "DAYPASS_BCRYPT_COST": "10",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def installed(environment: pytest.MonkeyPatch) -> Iterator[CommandLine]:
    """Commands that make an application each, from the environment, as `daypass` does."""
    made: list[Flask] = []

    def create() -> Flask:
        made.append(create_app())
        return made[-1]

    yield CommandLine(create)
    for app in made:
        parts(app).services.close()
        with app.app_context():
            db.engine.dispose()
