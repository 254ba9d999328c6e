"""``daypass db …``: the schema's version, and whether Daypass may serve."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import inspect, text

from app.cli.database import migrations
from app.storage import schema
from app.storage.database import Database
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
    assert daypass.json("db", "upgrade") == daypass.json("db", "check") == {"revision": schema.newest_revision()}
    assert daypass.text("db", "check").startswith("The database can be reached, its schema is current")
    assert "refresh_tokens" in inspect(database.engine).get_table_names()


AWAY = "Not available: the database cannot be reached ("


def test_a_file_that_is_no_database_is_one_line(
    environment: pytest.MonkeyPatch, installed: CommandLine, tmp_path: Path
) -> None:
    installed.run("init")
    (tmp_path / "garbage.db").write_bytes(b"garbage " * 2000)
    environment.setenv("DAYPASS_DATABASE_URL", f"sqlite:///{tmp_path}/garbage.db")
    for words in ("init", "db check", "db upgrade", "user list", "job run expire_tokens", "keys status", "serve"):
        assert "file is not a database" in installed.refusal(*words.split())


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", f"{AWAY}connection failed"),
        ("postgresql://nobody@127.0.0.1:1,127.0.0.1:2/none?sslmode=prefer", f"{AWAY}connection failed"),
        (
            "postgresql://nobody@127.0.0.1:1/none?sslmode=bogus",
            f"{AWAY}connection is bad: invalid sslmode value",
        ),
        ("sqlite:////nowhere/at/all.db", "the folder /nowhere/at of the database does not exist"),
        ("sqlite:////dev", "/dev is a folder, not a database"),
    ],
)
def test_a_database_that_is_away_is_one_line_with_the_reason(
    environment: pytest.MonkeyPatch, installed: CommandLine, address: str, reason: str
) -> None:
    installed.run("init")
    environment.setenv("DAYPASS_DATABASE_URL", address)
    for words in ("init", "db check", "db upgrade", "user list", "job status", "keys status", "serve", "scheduler"):
        assert installed.refusal(*words.split()).startswith(reason)


def test_a_table_that_is_missing_is_one_line(daypass: CommandLine, database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE job_leases RENAME TO lost"))
    assert "job_leases" in daypass.refusal("job", "status")
    assert "job_leases" in daypass.refusal("job", "run", "expire_tokens")
