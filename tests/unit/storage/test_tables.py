"""What the database itself refuses, whatever the code does: constraints and triggers."""

from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from app.storage.audit_tables import AuditEventRow
from app.storage.secret_tables import RetiredSecretRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests.unit.storage.planting import HOUR, NOW, plant_access_token, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases

EVENT = {
    "id": 7, "at": NOW, "actor": "anna", "action": "user.created", "object_kind": "user", "object_id": "bert",
    "result": "done", "detail": "{}",
}  # fmt: skip


def refused(session: Session, statement: Any) -> str:
    """What the database says when it refuses."""
    with pytest.raises(DBAPIError) as caught:
        with session.begin_nested():
            session.execute(statement)
    return str(caught.value.orig)


def test_a_refresh_token_has_one_active_access_token_and_any_number_that_ended(session: Session) -> None:
    """Fails when the index `uq_access_tokens_one_active` is not unique, or is not of active ones alone."""
    owner = plant_user(session)
    parent = plant_refresh_token(session, owner)
    for status in ("overlapping", "superseded", "expired", "revoked") * 2:
        ended = plant_access_token(session, owner, parent, status=status)
    for _ in range(2):  # of other refresh tokens, or of none, any number is active
        plant_access_token(session, owner, plant_refresh_token(session, owner))
        plant_access_token(session, owner)
    plant_access_token(session, owner, parent)
    with pytest.raises(IntegrityError), session.begin_nested():
        plant_access_token(session, owner, parent)
    change = update(AccessTokenRow).where(AccessTokenRow.id == ended.id).values(status="active")
    assert "unique" in refused(session, change).lower()


@pytest.mark.parametrize(
    ("plant", "values"),
    [
        *((plant_refresh_token, {"status": status}) for status in ("overlapping", "superseded", "ACTIVE", "")),
        *((plant_access_token, {"status": status}) for status in ("ACTIVE", "")),
        (plant_refresh_token, {"expires_at": None}),
        (plant_refresh_token, {"user_id": 999_999}),
        (plant_access_token, {"user_id": 999_999}),
    ],
)
def test_a_token_has_a_known_status_an_owner_who_exists_and_a_refresh_token_an_expiry(
    session: Session, plant: Any, values: dict[str, Any]
) -> None:
    """On SQLite, fails when the connection does not switch foreign keys on."""
    owner = plant_user(session)
    plant(session, owner)
    with pytest.raises(IntegrityError):
        plant(session, owner, **values)


def test_a_public_id_and_a_user_name_belong_to_one(session: Session) -> None:
    owner = plant_user(session, username="anna")
    with pytest.raises(IntegrityError), session.begin_nested():
        plant_user(session, username="anna")
    for plant in (plant_refresh_token, plant_access_token):
        plant(session, owner, public_id="abcdefghijkl")
        with pytest.raises(IntegrityError), session.begin_nested():
            plant(session, owner, public_id="abcdefghijkl")


def test_what_has_tokens_can_not_be_deleted_and_old_secrets_go_with_their_refresh_token(session: Session) -> None:
    owner = plant_user(session)
    parent = plant_refresh_token(session, owner)
    session.add(RetiredSecretRow(refresh_token_id=parent.id, key_id="k1", mac=b"m" * 32, retired_at=NOW))
    plant_access_token(session, owner, parent)
    assert "foreign key" in refused(session, delete(UserRow)).lower()
    assert "foreign key" in refused(session, delete(RefreshTokenRow)).lower()
    session.execute(delete(AccessTokenRow))
    session.execute(delete(RefreshTokenRow))
    assert session.scalars(select(RetiredSecretRow)).all() == []


@pytest.mark.parametrize("table", [UserRow, RefreshTokenRow, AccessTokenRow])
def test_an_id_is_never_used_again(session: Session, table: Any) -> None:
    """Clients and audit rows remember ids: a new row must not be taken for an old one."""
    owner = plant_user(session)
    plant = {
        UserRow: lambda: plant_user(session),
        RefreshTokenRow: lambda: plant_refresh_token(session, owner),
        AccessTokenRow: lambda: plant_access_token(session, owner),
    }[table]
    last = max(plant().id for _ in range(3))
    session.execute(delete(table).where(table.id == last))
    session.expunge_all()
    assert plant().id > last


APPEND_ONLY = {
    "both": [
        update(AuditEventRow).values(actor="nobody"),
        update(AuditEventRow).where(AuditEventRow.id == 7).values(detail=AuditEventRow.detail),
        delete(AuditEventRow),
        delete(AuditEventRow).where(AuditEventRow.at < NOW + HOUR),
    ],
    "postgresql": [
        text("TRUNCATE audit_events"),
        text("TRUNCATE users, audit_events CASCADE"),
        text("INSERT INTO audit_events SELECT * FROM audit_events ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"),
    ],
    "sqlite": [  # replacing deletes a row without running the triggers for deletions
        text("INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events"),
        text("REPLACE INTO audit_events SELECT * FROM audit_events"),
        text("UPDATE OR REPLACE audit_events SET actor = 'nobody'"),
    ],
}


def test_an_audit_event_can_not_be_changed_deleted_or_replaced(session: Session) -> None:
    """Fails without the triggers that the migration makes."""
    session.execute(insert(AuditEventRow).values(EVENT))
    for statement in APPEND_ONLY["both"] + APPEND_ONLY[session.get_bind().dialect.name]:
        assert "append-only" in refused(session, statement), statement
    assert session.scalars(select(AuditEventRow.actor)).all() == ["anna"]
