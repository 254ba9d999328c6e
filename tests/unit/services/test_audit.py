"""The audit trail: one row for each change, in the change's own transaction, with the right actor.

Not here: how rows are listed (``test_listing``), and the rows of a purge, one a batch (``test_expiring``).
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from app.services.audit import SIGHTING_EVERY
from freezegun import freeze_time
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

import app.services
from app.domain.errors import Conflict, TokenSuperseded, Unavailable
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.tokens import AccessToken, Issued, RefreshToken, TokenKind
from app.services import Services, audit, last_use
from app.storage.database import Database
from app.storage.tables import AuditEventRow
from tests import rows
from tests.databases import destroy
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
CLIENT = Caller("", None, "192.0.2.7", "request-1")
"""Somebody who presents a secret or a password: nobody is known yet."""

ANNA, CLI = "anna", OPERATOR.name


@dataclass(frozen=True)
class Tokens:
    """A living access token and its refresh token, both anna's."""

    refresh: Issued[RefreshToken]
    access: Issued[AccessToken]

    @property
    def proof(self) -> tuple[str, int]:
        return self.refresh.secret, self.refresh.token.user_id

    @property
    def refresh_id(self) -> str:
        return self.refresh.token.public_id

    @property
    def access_id(self) -> str:
        return self.access.token.public_id


Act = Callable[[Services, Tokens], object]

CHANGES: tuple[tuple[str, str, Act], ...] = (
    ("user.created", CLI, lambda its, _: its.accounts.add("berta", Role.VIEWER, None, OPERATOR)),
    ("user.password_changed", CLI, lambda its, _: its.accounts.set_password("anna", PASSWORD, OPERATOR)),
    ("user.role_changed", CLI, lambda its, _: its.accounts.set_role("anna", Role.STEWARD, OPERATOR)),
    ("user.api_tokens_changed", CLI, lambda its, _: its.accounts.set_api_tokens("anna", ApiTokens.ALLOW, OPERATOR)),
    ("refresh_token.created", ANNA, lambda its, _: its.issuing.issue_with_password("anna", PASSWORD, "etl", CLIENT)),
    ("access_token.minted", ANNA, lambda its, own: its.minting.mint(*own.proof, CLIENT)),
    ("refresh_token.regenerated", ANNA, lambda its, own: its.issuing.regenerate(*own.proof, CLIENT)),
    ("access_token.revoked", ANNA, lambda its, own: its.revoking.revoke_access_tokens(*own.proof, CLIENT)),
    ("access_token.revoked", CLI, lambda its, own: its.revoking.revoke(own.access_id, "lost", OPERATOR)),
    ("refresh_token.revoked", CLI, lambda its, own: its.revoking.revoke(own.refresh_id, "lost", OPERATOR)),
    ("user.tokens_revoked", CLI, lambda its, _: its.revoking.revoke_user("anna", "left", OPERATOR)),
    ("instance_setting.changed", CLI, lambda its, _: its.instance_settings.change("retention_days", "1", OPERATOR)),
    ("user.disabled", CLI, lambda its, _: its.accounts.disable("anna", OPERATOR)),
    ("user.enabled", CLI, lambda its, _: its.accounts.enable("anna", OPERATOR)),
)
"""What is recorded, who did it, and the act. Each is a change after those before it."""

ELSEWHERE = {
    "tokens.purged", "tokens.revoked", "access_token.superseded_presented", "access_token.created",
    "refresh_token.found_shared",
}  # fmt: skip
"""Recorded as well, and tested by themselves."""


def test_every_action_that_the_services_record_is_in_the_table_above() -> None:
    folder = Path(app.services.__file__).parent
    source = "".join(module.read_text(encoding="utf-8") for module in folder.glob("*.py"))
    recorded = set(re.findall(r'"((?:user|refresh_token|access_token|instance_setting|tokens)\.[a-z_]+)"', source))
    assert recorded == {action for action, _, _ in CHANGES} | ELSEWHERE


def test_every_change_leaves_exactly_one_row_that_says_who_did_it_to_what(
    services: Services, database: Database
) -> None:
    anna, tokens = _annas_tokens(services)
    for (action, actor, act), own in zip(CHANGES, tokens, strict=True):
        before = rows.count(database, AuditEventRow)
        act(services, own)
        (event,) = rows.audit_events(database)[before:]
        assert (event.action, event.actor, event.result) == (action, actor, "done")
        by_client = actor == ANNA
        assert event.actor_id == (anna.id if by_client else None), action
        assert (event.address, event.request_id) == (("192.0.2.7", "request-1") if by_client else (None, None)), action
        assert event.object_kind == action.partition(".")[0]
        _assert_it_exists(services, event.object_kind, event.object_id)
        if action in ("refresh_token.regenerated", "refresh_token.revoked", "access_token.revoked"):
            assert event.object_id in (own.refresh_id, own.access_id), action
        assert isinstance(json.loads(event.detail), dict)


def test_a_change_whose_row_cannot_be_written_does_not_happen(services: Services, database: Database) -> None:
    """Fails when a row is written after the change, in a transaction of its own: so it was broken, for ``mint``."""
    _, tokens = _annas_tokens(services)
    rows.refuse_writes(database, "audit_events", "INSERT")
    for (action, _, act), own in zip(CHANGES, tokens, strict=True):
        before = _without_throttle(rows.everything(database))
        with pytest.raises((IntegrityError, Conflict)):
            act(services, own)
        assert _without_throttle(rows.everything(database)) == before, action


def test_a_purge_whose_row_cannot_be_written_does_not_happen(services: Services, database: Database) -> None:
    services.instance_settings.change("retention_days", "0", OPERATOR)
    _, (own, *_) = _annas_tokens(services)
    services.revoking.revoke(own.refresh_id, "", OPERATOR)
    rows.refuse_writes(database, "audit_events", "INSERT")
    before = rows.everything(database)
    with pytest.raises(IntegrityError):
        services.expiring.purge(OPERATOR)
    assert rows.everything(database) == before
    rows.allow_writes(database, "audit_events")
    assert services.expiring.purge(OPERATOR) > 0


def test_what_changes_nothing_is_not_recorded(services: Services, database: Database) -> None:
    _, (own, *_) = _annas_tokens(services)
    services.revoking.revoke(own.refresh_id, "", OPERATOR)
    before = rows.count(database, AuditEventRow)
    services.revoking.revoke(own.refresh_id, "", OPERATOR)
    services.revoking.revoke(own.access_id, "", OPERATOR)
    services.expiring.expire_due()
    services.expiring.purge(OPERATOR)
    assert rows.count(database, AuditEventRow) == before


def test_rows_can_be_neither_changed_nor_deleted(services: Services, database: Database) -> None:
    """Fails when the migration makes no triggers: so it was broken, and the rows were gone."""
    make_user(services)
    before = rows.audit_events(database)
    statements = ["UPDATE audit_events SET actor = 'somebody else'", "DELETE FROM audit_events"]
    for statement in statements if database.is_sqlite else [*statements, "TRUNCATE audit_events"]:
        with pytest.raises(DBAPIError, match="append-only"), database.engine.begin() as connection:
            connection.execute(text(statement))
    assert [(event.id, event.actor) for event in rows.audit_events(database)] == [
        (event.id, event.actor) for event in before
    ]


def test_a_superseded_token_that_is_presented_is_recorded_once_in_ten_minutes_and_revokes_nothing(
    services: Services, database: Database
) -> None:
    with freeze_time(NOW) as clock:
        refresh = issue(services, make_user(services, "anna"))
        old, new = mint(services, refresh), mint(services, refresh)
        seen = TokenSuperseded(TokenKind.ACCESS, old.token.public_id)
        for moment, sightings in (
            (timedelta(0), 1),
            (SIGHTING_EVERY - timedelta(microseconds=1), 1),
            (SIGHTING_EVERY, 2),
        ):
            clock.move_to(NOW + moment)
            services.sightings.report(seen, CLIENT)
            services.last_use.flush()
            events = services.listing.audit_events(action="access_token.superseded_presented").items
            assert [(event.object_id, event.address) for event in events] == [
                (old.token.public_id, "192.0.2.7")
            ] * sightings
        assert services.verifier.verify(new.secret).token_id == new.token.id


def test_a_sighting_is_written_later_with_the_time_and_the_request_at_which_it_was(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when `report` writes it down itself: so it was at first."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)
    before = rows.everything(database)
    with freeze_time(NOW) as clock:
        services.sightings.report(_seen(1), CLIENT)
        clock.move_to(NOW + timedelta(minutes=1))
        assert rows.everything(database) == before
        services.last_use.flush()
        services.last_use.flush()
    (event,) = rows.audit_events(database)
    assert (event.at, event.object_id, event.address, event.request_id) == (NOW, _seen(1).public_id, *_whence(CLIENT))


def test_sightings_beyond_a_bound_are_dropped_until_those_before_are_written(
    services: Services, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails without the bound (tried)."""
    monkeypatch.setattr(last_use, "WRITE_EVERY_SECONDS", 600)
    monkeypatch.setattr(audit, "MOST_WAITING", 3)
    for number in range(5):
        services.sightings.report(_seen(number), CLIENT)
    services.last_use.flush()
    services.sightings.report(_seen(4), CLIENT)
    services.last_use.flush()
    assert [event.object_id for event in rows.audit_events(database)] == [_seen(n).public_id for n in (0, 1, 2, 4)]


def test_a_sighting_refuses_nothing_and_waits_while_the_database_is_away(
    services: Services, database: Database, database_url: str
) -> None:
    """Fails when what could not be written is forgotten (tried)."""
    database.engine.dispose()
    destroy(database_url)
    for _ in range(2):
        services.sightings.report(_seen(1), CLIENT)
        with pytest.raises(Unavailable):
            services.sightings.flush()


def _seen(number: int) -> TokenSuperseded:
    return TokenSuperseded(TokenKind.ACCESS, f"seen{number:08d}")


def _whence(caller: Caller) -> tuple[str | None, str | None]:
    return caller.address, caller.request_id


def _annas_tokens(services: Services) -> tuple[User, list[Tokens]]:
    """Tokens for each of the changes, so that none of them ends another's."""
    anna = make_user(services, "anna", password=PASSWORD)
    refresh = [issue(services, anna) for _ in CHANGES]
    return anna, [Tokens(each, mint(services, each)) for each in refresh]


def _assert_it_exists(services: Services, kind: str, handle: str) -> None:
    look = {
        "user": services.accounts.get,
        "instance_setting": services.instance_settings.get,
        "refresh_token": services.listing.find,
        "access_token": services.listing.find,
    }
    look[kind](handle)


def _without_throttle(tables: rows.Rows) -> rows.Rows:
    """Counters of sign-ins are no change that anybody made; they have transactions of their own."""
    return {name: content for name, content in tables.items() if name != "login_throttle"}
