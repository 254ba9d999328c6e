"""``/healthz`` answers whatever happens; ``/readyz`` only when the database can be worked with.

What is checked, and how often: ``tests/unit/services/test_health.py``.
"""

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from freezegun import freeze_time
from sqlalchemy import text

from app.factory import create_app, db
from app.http.context import parts
from app.services import health
from app.storage.database import Database
from app.storage.schema import newest_revision
from config import Keys, Settings
from tests.databases import KEYS, application, close, destroy


def ready(client: FlaskClient) -> tuple[int, bool, str | None]:
    answer = client.get("/readyz")
    body = answer.get_json()
    assert list(body) == ["ready", "detail", "warnings"]
    assert answer.headers.get("Retry-After") == (None if body["ready"] else "1")
    return answer.status_code, body["ready"], body["detail"]


@pytest.fixture
def app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """With a database that knows its keys, and patience: what is found matters here, not how soon."""
    monkeypatch.setattr(health, "PATIENCE_SECONDS", 60)
    with application(settings) as app:
        parts(app).services.key_fingerprints.remember()
        yield app


def test_without_its_database_the_service_is_alive_and_not_ready(
    app: Flask, client: FlaskClient, settings: Settings
) -> None:
    alive = (200, {"alive": True})
    for path in ("/healthz", "/healthz/"):
        assert ((answer := client.get(path)).status_code, answer.get_json()) == alive
    assert ready(client) == (200, True, None)
    with app.app_context():
        db.engine.dispose()
    destroy(settings.database_url)
    detail = "daypass.db is a directory, not a database: move it away and restore a backup"
    assert ready(client) == (503, False, detail)
    assert ((answer := client.get("/healthz")).status_code, answer.get_json()) == alive


def test_an_empty_database_is_not_ready(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM alembic_version"))
    detail = f"the schema is at nothing, not at {newest_revision()}: run `daypass db upgrade`"
    assert ready(client) == (503, False, detail)


def test_warnings_are_told_and_the_service_is_ready(client: FlaskClient, database: Database) -> None:
    assert client.get("/readyz").get_json()["warnings"] == []
    with database.transaction() as session:
        session.execute(text("DELETE FROM key_fingerprints"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.get_json()["warnings"]) == (
        200,
        ["the database does not know its keys yet: run `daypass init`"],
    )


@pytest.mark.both_databases
def test_a_host_with_other_keys_is_not_ready(app: Flask, settings: Settings) -> None:
    """◆ Fails when the fingerprints are not among the checks."""
    other = create_app(settings, Keys({"k1": b"2" * 32}, KEYS.pepper))
    try:
        status, is_ready, detail = ready(other.test_client())
        assert (status, is_ready) == (503, False)
        assert detail is not None and "this host's token key k1 is not the one" in detail
    finally:
        close(other)
    assert ready(app.test_client()) == (200, True, None)


@pytest.mark.both_databases
def test_a_clock_that_differs_from_the_databases_is_not_ready(
    client: FlaskClient, database: Database, log_lines: list[str]
) -> None:
    with freeze_time("2020-01-01"):
        found = ready(client)
    if database.is_sqlite:  # it has no clock of its own
        assert found == (200, True, None)
        return
    status, is_ready, detail = found
    assert (status, is_ready) == (503, False) and detail is not None
    assert detail.startswith("this host's clock shows 2020-01-01 00:00:00 UTC, the database's ")
    assert any("this host's clock shows" in line for line in log_lines)
