"""``/healthz`` answers whatever happens; ``/readyz`` only when the database can be worked with."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from freezegun import freeze_time
from sqlalchemy import text

from app.factory import db
from app.storage.database import Database
from config import Settings
from tests.databases import destroy


def ready(client: FlaskClient) -> tuple[int, bool, str | None]:
    answer = client.get("/readyz")
    body = answer.get_json()
    assert list(body) == ["ready", "detail"]
    return answer.status_code, body["ready"], body["detail"]


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
    assert ready(client) == (503, False, "the database cannot be reached")
    assert ((answer := client.get("/healthz")).status_code, answer.get_json()) == alive


def test_an_empty_database_is_not_ready(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        session.execute(text("DELETE FROM alembic_version"))
    assert ready(client) == (503, False, "the database's schema is not current")


@pytest.mark.both_databases
def test_a_clock_that_differs_from_the_databases_is_not_ready(
    client: FlaskClient, database: Database, log_lines: list[str]
) -> None:
    with freeze_time("2020-01-01"):
        found = ready(client)
    if database.is_sqlite:  # it has no clock of its own
        assert found == (200, True, None)
        return
    assert found == (503, False, "the database's clock and this machine's differ by more than two seconds")
    assert any("the database's clock differs from ours by" in line for line in log_lines)
