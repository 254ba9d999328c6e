"""How commands reach the application, and how its refusals end them: exit code 1 and one line."""

import errno
import json
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from sqlalchemy.exc import ArgumentError, DatabaseError

from app.cli.failures import message
from app.domain import errors
from app.domain.errors import Refusal, TokenRefused, every_refusal
from app.domain.tokens import TokenKind
from app.services import Services
from app.storage import database as storage
from tests.factories import issue, make_user, mint
from tests.integration.cli.conftest import CommandLine

SENTENCES: dict[Refusal, str] = {
    errors.BadRequest("A name has 1 to 255 characters."): "A name has 1 to 255 characters.",
    errors.BadCredentials(): "bad credentials",
    errors.SessionEnded(): "session ended",
    errors.TemporaryPassword("It has expired."): "It has expired.",
    errors.WrongCode(): "wrong code",
    errors.SecondFactorRequired("Not alone."): "Not alone.",
    errors.SignInRefused("Not this way.", "password"): "Not this way.",
    errors.NotPermitted("Not for you."): "Not for you.",
    errors.LimitReached("refresh tokens", 5): "The user has 5 refresh tokens, which is the limit.",
    errors.NotFound("token"): "There is no such token.",
    errors.FeatureOff("It is turned off."): "It is turned off.",
    errors.Conflict("It is already running."): "It is already running.",
    errors.RateLimited(7): "rate limited",
    errors.Unavailable("the database is busy"): "Not available: the database is busy.",
    **{
        kind(TokenKind.ACCESS, "abcdefgh2345", datetime(2027, 3, 14, tzinfo=UTC)): kind.reason.replace("_", " ")
        for kind in every_refusal() if issubclass(kind, TokenRefused)
    },
}  # fmt: skip


def test_every_refusal_has_a_line() -> None:
    """With what the driver said of a database that is away."""
    assert {type(refusal) for refusal in SENTENCES} == set(every_refusal()) - {TokenRefused}
    assert {refusal: message(refusal) for refusal in SENTENCES} == SENTENCES
    refusal = errors.Unavailable("the database cannot be reached")
    refusal.__cause__ = OSError("connection refused\nIs the server running?")
    assert message(refusal) == "Not available: the database cannot be reached (connection refused)."
    refusal.__cause__ = OSError()
    assert message(refusal) == "Not available: the database cannot be reached."


def test_the_application_is_made_once_for_a_command_and_not_for_help(app: Flask, services: Services) -> None:
    made = []

    def create() -> Flask:
        made.append(app)
        return app

    assert "Exit" not in CommandLine(create).text("token", "revoke", "--help")
    assert CommandLine(create).text("--version").startswith("daypass, version ")
    CommandLine(create).misuse("token", "revoke")
    assert made == []
    mint(services, issue(services, make_user(services, "anna")))
    CommandLine(create).text("token", "list", "--user", "anna", "--unused-for", "0")
    assert made == [app]


def failing(error: Exception) -> CommandLine:
    """Commands whose application can't be created."""

    def create() -> Flask:
        raise error

    return CommandLine(create)


def test_any_error_is_one_line_that_says_what_to_do() -> None:
    """Fails when the commands let unexpected errors pass: they would end in a traceback."""
    statement = DatabaseError("SELECT hidden", None, sqlite3.DatabaseError("file is not a database\nmore"))
    for error, sentence in (
        (
            OSError(errno.ENOSPC, "No space left on device", "/srv/x"),
            "No space left on device: /srv/x; free some space.",
        ),
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied; run the command as the user of the"),
        (statement, "The database reports: file is not a database. Check DAYPASS_DATABASE_URL; if its file is damaged"),
        (UnicodeEncodeError("ascii", "é", 0, 1, "x"), "The output can't be written in the encoding ascii: set"),
        (UnicodeEncodeError("utf-8", "é", 0, 1, "x"), "The input is not UTF-8 text."),
        (ArgumentError("x"), "The database can't be used (ArgumentError): check DAYPASS_DATABASE_URL."),
        (KeyError("k"), "This is an error in Daypass (KeyError: 'k'). DAYPASS_LOG_LEVEL=DEBUG shows where"),
        (MemoryError(), "This is an error in Daypass (MemoryError). DAYPASS_LOG_LEVEL=DEBUG shows where"),
    ):
        line = failing(error).refusal("user", "list")
        assert line.startswith(sentence) and "hidden" not in line


def test_an_error_shows_no_secret_and_its_traceback_only_for_debugging(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://anna:hidden-word@db/x"
    monkeypatch.setenv("DAYPASS_DATABASE_URL", url)
    monkeypatch.setenv("DAYPASS_ADMIN_PASSWORD", "hidden word")
    error = ValueError(f"{url} {url.replace('/x', '/y')} hidden word")
    assert "(ValueError: *** postgresql://anna:***@db/y ***)" in failing(error).refusal("user", "list")
    monkeypatch.setenv("DAYPASS_LOG_LEVEL", "DEBUG")
    ended = failing(error).run("user", "list")
    logged, line = ended.stderr.splitlines()
    assert "Traceback" in json.loads(logged)["traceback"] and line.startswith("Error: ")
    assert "hidden" not in ended.stderr


def test_warnings_are_shown_once_at_a_start_and_not_by_other_commands(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    """On standard error: a program reads JSON from the other. The warnings: a variable, a SQLite without sound WAL."""
    environment.setattr(storage, "SOUND_WAL", (99, 0, 0))
    environment.setenv("DAYPASS_LOG_LEVEL", "DEBUG")
    environment.setenv("DAYPASS_WIBBLE", "whatever")
    for words in ("init", "db check --json"):
        warnings = [line for line in installed.run(*words.split()).stderr.splitlines() if line.startswith("Warning: ")]
        assert warnings[0] == "Warning: DAYPASS_WIBBLE is no setting of Daypass, and is ignored."
        assert [storage.sqlite.sqlite_version in each for each in warnings] == [False, True]
    assert installed.json("user", "list")


def test_a_sqlite_that_is_too_old_is_refused(environment: pytest.MonkeyPatch, installed: CommandLine) -> None:
    environment.setattr(storage, "OLDEST_SQLITE", (99, 0, 0))
    assert "is too old: use a Python with SQLite 99.0.0 or newer" in installed.refusal("init")


def test_a_folder_of_no_use_is_refused_with_what_to_do(
    environment: pytest.MonkeyPatch, installed: CommandLine, tmp_path: Path
) -> None:
    environment.setenv("DAYPASS_DATABASE_URL", "")
    assert installed.run("init").exit_code == 0
    with environment.context() as read_only:
        read_only.setattr(os, "access", lambda *_: False)
        read_only.setattr(os, "statvfs", lambda _: SimpleNamespace(f_flag=os.ST_RDONLY))
        refusal = installed.refusal("user", "list")
    assert refusal.endswith("daypass.db, which SQLite must (Read-only file system): mount it writable")
    with environment.context() as homeless:
        (tmp_path / "gone").mkdir()
        homeless.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        assert installed.run("user", "list").exit_code == 0
        homeless.delenv("DAYPASS_INSTANCE")
        assert installed.refusal("user", "list").startswith(
            "the working folder is gone: go to another, or set DAYPASS_"
        )


def test_settings_that_will_not_do_are_refused_in_one_line(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    assert "DAYPASS_TOKEN_KEYS is missing" in installed.refusal("user", "list")
    installed.run("init")
    for name, value, reason in (
        ("DAYPASS_PROT", "8080", "unknown setting DAYPASS_PROT: did you mean DAYPASS_PORT?"),
        ("DAYPASS_PORT", "99999", "DAYPASS_PORT"),
        ("DAYPASS_DATABASE_URL", "mysql://root@localhost/x", "DAYPASS_DATABASE_URL"),
        ("DAYPASS_DATABASE_URL", "postgresql://u:p@localhost/x?foo=bar", "DAYPASS_DATABASE_URL has the option foo,"),
        ("DAYPASS_TOKEN_KEYS_FILE", "/nowhere/keys", "DAYPASS_TOKEN_KEYS_FILE: can't read /nowhere/keys ("),
        ("DAYPASS_TOKEN_KEYS", "k1:abcd", "short"),
    ):
        with environment.context() as changed:
            changed.setenv(name, value)
            for words in ("user list", "serve", "init", "keys rotate", "db check", "conf", "job status"):
                assert reason in installed.refusal(*words.split()), (name, words)
    assert [user["username"] for user in installed.json("user", "list")] == ["admin"]
