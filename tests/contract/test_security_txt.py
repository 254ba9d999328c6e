"""``/.well-known/security.txt`` (RFC 9116). Not here: which contacts are refused (``tests/unit/config``)."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from config import Settings
from tests.contract.conftest import MovableClock, close
from tests.databases import KEYS

PATHS = ("/.well-known/security.txt", "/.well-known/security.txt/")
HOST = {"Host": "tools.example.com"}
NOW = datetime(2026, 11, 30, 15, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def configured(settings: Settings, module_clock: MovableClock) -> Iterator[Flask]:
    settings = replace(
        settings,
        security_contact="https://example.com/report, mailto:security@example.com",
        security_policy="https://example.com/policy",
        security_languages="en,de",
        public_url="https://tools.example.com/daypass",
    )
    app = create_app(settings, KEYS, module_clock)
    yield app
    close(app)


def test_with_a_contact_it_has_the_fields_of_the_standard(configured: Flask, clock: MovableClock) -> None:
    """Contacts in their order; the same bytes on every worker for a day."""
    with clock.stopped_at(NOW):
        client = configured.test_client()
        answers = [client.get(prefix + path, headers=HOST) for prefix in ("", "/daypass") for path in PATHS]
    for answer in answers:
        assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
        assert answer.headers["Cache-Control"] == "public, max-age=3600"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.text == (
            "Contact: https://example.com/report\n"
            "Contact: mailto:security@example.com\n"
            "Expires: 2027-02-28T00:00:00Z\n"
            "Preferred-Languages: en, de\n"
            "Canonical: https://tools.example.com/daypass/.well-known/security.txt\n"
            "Policy: https://example.com/policy\n"
        )


def test_it_never_expires_today_nor_in_a_year(configured: Flask, clock: MovableClock) -> None:
    """◆ RFC 9116, 2.5.5. Fails when the time is one that was computed at the start, or is more than a year away."""
    for days in (0, 400):
        with clock.later(days=days) as now:
            answer = configured.test_client().get(PATHS[0], headers=HOST)
        expires = datetime.fromisoformat(answer.text.split("Expires: ")[1].split("\n")[0])
        assert timedelta(days=30) < expires - now < timedelta(days=365)


def test_without_a_public_address_over_https_it_names_none(settings: Settings) -> None:
    """RFC 9116, 2.5.2: a canonical web address begins with https."""
    for public_url in ("", "http://tools.example.com"):
        app = create_app(replace(settings, security_contact="tel:+1-201-555-0123", public_url=public_url), KEYS)
        text = app.test_client().get(PATHS[0], headers=HOST).text
        close(app)
        names = [line.partition(":")[0] for line in text.splitlines()]
        assert names == ["Contact", "Expires", "Preferred-Languages"]


def test_without_a_contact_there_is_no_such_file(client: FlaskClient) -> None:
    for path in PATHS:
        answer = client.get(path)
        assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
        assert (answer.get_json()["reason"], answer.headers["Cache-Control"]) == ("not_found", "no-store")


def test_it_can_only_be_read(configured: Flask) -> None:
    for path in PATHS:
        assert configured.test_client().head(path, headers=HOST).data == b""
        answer = configured.test_client().post(path, headers=HOST)
        assert (answer.status_code, sorted(answer.headers["Allow"].split(", "))) == (405, ["GET", "HEAD"])
