"""``daypass db …``: the schema's version, and whether Daypass may serve."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import inspect, text

from app.cli.database import migrations
from app.factory import create_app
from app.storage import schema
from app.storage.database import Database
from config import load_settings
from tests.databases import CHEAPEST_COST, close
from tests.integration.cli.conftest import CommandLine


def test_an_upgrade_makes_the_schema_out_of_nothing_and_again_changes_nothing(
    daypass: CommandLine, app: Flask, database: Database
) -> None:
    with app.app_context():
        migrations(app).downgrade(revision="base")
    refusal = daypass.refusal("db", "check")
    assert refusal.startswith("the schema is at nothing") and refusal.endswith("run `daypass db upgrade`")
    for _ in range(2):
        assert daypass.text("db", "upgrade") == f"The schema is at {schema.newest_revision()}.\n"
    assert daypass.json("db", "upgrade") == {"revision": schema.newest_revision()}
    assert daypass.json("db", "check") == {"revision": schema.newest_revision(), "warnings": []}
    assert daypass.text("db", "check").startswith("The database can be reached and written, its schema is current")
    assert "refresh_tokens" in inspect(database.engine).get_table_names()


def test_a_newer_releases_schema_is_left_as_it_is(installed: CommandLine, database: Database) -> None:
    """As when hosts are upgraded one by one: the earlier release's `init` runs at each start of a container."""
    assert installed.run("init").exit_code == 0
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert installed.text("init") == ""
    assert installed.json("db", "upgrade") == {"revision": "9999"}


CHECKING = ("serve", "db check")
AWAY = "the database cannot be reached"
COMMANDS = ("user list", "user add bert --no-password", "init")


@pytest.mark.parametrize(
    ("address", "reasons"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", (AWAY, "(connection failed")),
        ("postgresql://nobody@127.0.0.1:1,127.0.0.1:2/none?sslmode=prefer", (AWAY, "(connection failed")),
        ("postgresql://nobody@127.0.0.1:1/none?sslmode=bogus", (AWAY, "(connection is bad: invalid sslmode value")),
        ("sqlite:////nowhere/at/all.db", ("the folder /nowhere/at of the database does not exist",)),
        ("sqlite:////dev", ("/dev is a folder, not a database",)),
    ],
)
def test_a_database_that_is_away_is_one_line_with_the_reason(
    environment: pytest.MonkeyPatch, installed: CommandLine, address: str, reasons: tuple[str, ...]
) -> None:
    installed.run("init")
    environment.setenv("DAYPASS_DATABASE_URL", address)
    for words in (*CHECKING, "scheduler", *COMMANDS, "db upgrade", "job status", "keys status"):
        line = installed.refusal(*words.split())
        assert all(reason in line for reason in reasons), (words, line)


def test_standard_output_has_results_alone_also_before_there_is_an_application(
    environment: pytest.MonkeyPatch, installed: CommandLine
) -> None:
    """`init` without keys looks for users first, and `doctor` examines the database without them."""
    environment.setenv("DAYPASS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    ended = installed.run("init")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert {each["finding"] for each in json.loads(installed.run("doctor", "--json").stdout)} >= {"keys", "database"}


def header_alone(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + b"\x07" * 5000)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:6000])


def directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def device(path: Path) -> None:
    """A pipe, which stands for ``/dev/null``."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_bytes(b"garbage " * 1000), "estore"),
        (header_alone, "estore"),
        (cut_short, "estore"),
        (directory, "is a folder, not a database"),
        (device, "is a device, not a database"),
        (lambda path: path.unlink(), "run `daypass init`"),
        (lambda path: path.write_bytes(b""), "run `daypass db upgrade`"),
        (lambda path: path.parent.rename(path.parent.with_name("away")), "does not exist"),
    ],
    ids=["garbage", "header", "cut", "directory", "device", "gone", "empty", "no folder"],
)
def test_whatever_is_in_the_place_of_the_database_is_one_line_that_says_what_to_do(
    environment: pytest.MonkeyPatch, tmp_path: Path, spoil: Callable[[Path], object], reason: str
) -> None:
    """Every command either does its work, as `init` does with an empty file, or ends so.

    Each makes an application, which is closed before the next: an open connection would keep the WAL of the old file.
    """
    environment.setenv("DAYPASS_DATABASE_URL", f"sqlite:///{tmp_path}/files/daypass.db")
    path = tmp_path / "files" / "daypass.db"
    path.parent.mkdir()
    run_closed("init")
    spoil(path)
    for words in CHECKING:
        ended = run_closed(words)
        assert (ended.exit_code, len(ended.stderr.splitlines())) == (1, 1), (words, ended.output)
        assert reason in ended.stderr, words
    doctor = run_closed("doctor --json")
    problems = [each["finding"] for each in json.loads(doctor.stdout) if each["state"] == "problem"]
    assert (doctor.exit_code, len(problems)) == (1, 1)
    for words in COMMANDS:
        ended = run_closed(words)
        refused_in_one_line = (ended.exit_code, len(ended.stderr.splitlines())) == (1, 1)
        assert refused_in_one_line or ended.exit_code == 0, (words, ended.stderr)


def run_closed(words: str) -> Result:
    """Run a command, and close its application."""
    made: list[Flask] = []

    def create() -> Flask:
        made.append(create_app(replace(load_settings(), bcrypt_cost=CHEAPEST_COST)))
        return made[-1]

    ended = CommandLine(create).run(*words.split())
    for app in made:
        close(app)
    return ended


def test_a_check_tells_a_database_no_keys(daypass: CommandLine, database: Database) -> None:
    """Those of a wrong host that only checks would be the database's."""
    unknown = "the database does not know its keys yet: run `daypass init`"
    for _ in range(2):
        ended = daypass.run("db", "check", "--json")
        assert (ended.exit_code, ended.stderr) == (0, f"Warning: {unknown}.\n")
        assert json.loads(ended.stdout)["warnings"] == [unknown]


def test_a_table_that_is_missing_is_one_line(daypass: CommandLine, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE job_leases RENAME TO lost"))
    assert "job_leases" in daypass.refusal("job", "status")
    assert "job_leases" in daypass.refusal("job", "run", "expire_tokens")
