"""How commands reach the application, and how its refusals end them: exit code 1 and one line."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from app.cli.launching import told
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
    errors.NotPermitted("Not for you."): "Not for you.",
    errors.LimitReached("refresh tokens", 5): "limit reached",
    errors.NotFound("token"): "There is no such token.",
    errors.FeatureOff("It is turned off."): "It is turned off.",
    errors.Conflict("It is running already."): "It is running already.",
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
    assert {refusal: told(refusal) for refusal in SENTENCES} == SENTENCES
    refusal = errors.Unavailable("the database cannot be reached")
    refusal.__cause__ = OSError("connection refused\nIs the server running?")
    assert told(refusal) == "Not available: the database cannot be reached (connection refused)."
    refusal.__cause__ = OSError()
    assert told(refusal) == "Not available: the database cannot be reached."


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


def test_warnings_at_start_do_not_reach_standard_output(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    """A program reads JSON there. The warning: of a SQLite whose WAL is not sound."""
    environment.setattr(storage, "SOUND_WAL", (99, 0, 0))
    environment.setenv("DAYPASS_LOG_LEVEL", "DEBUG")
    installed.run("init")
    ended = installed.run("user", "list", "--json")
    assert ended.stdout.startswith("[\n")
    (line,) = ended.stderr.splitlines()
    assert "sqlite_wal_unsound" in line


def test_settings_that_will_not_do_are_refused_in_one_line(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    assert "DAYPASS_TOKEN_KEYS is missing" in installed.refusal("user", "list")
    installed.run("init")
    for name, value, reason in (
        ("DAYPASS_PROT", "8080", "unknown setting DAYPASS_PROT"),
        ("DAYPASS_PORT", "99999", "DAYPASS_PORT"),
        ("DAYPASS_DATABASE_URL", "mysql://root@localhost/x", "DAYPASS_DATABASE_URL"),
        ("DAYPASS_TOKEN_KEYS", "k1:abcd", "short"),
    ):
        with environment.context() as changed:
            changed.setenv(name, value)
            for words in ("user list", "serve", "init", "keys rotate", "db check", "conf", "job status"):
                assert reason in installed.refusal(*words.split()), (name, words)
    assert [user["username"] for user in installed.json("user", "list")] == ["admin"]
