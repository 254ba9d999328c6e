"""Expiring and purging tokens of both tiers: exact to the microsecond, in batches, parents after children."""

from datetime import datetime

import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.storage import access_tokens, ended_refresh_tokens, refresh_tokens, retired_secrets
from app.storage.database import Database
from app.storage.secret_tables import RetiredSecretRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests.unit.storage.planting import (
    HOUR,
    MICROSECOND,
    NOW,
    ON_POSTGRESQL,
    plant_access_token,
    plant_refresh_token,
    plant_user,
)

pytestmark = pytest.mark.both_databases

TIERS = {"refresh": (ended_refresh_tokens, plant_refresh_token), "access": (access_tokens, plant_access_token)}
LATER = NOW + MICROSECOND


@pytest.mark.parametrize(
    ("tier", "before", "expires_at", "after"),
    [
        *((tier, "active", at, "expired") for tier in TIERS for at in (NOW, NOW - MICROSECOND)),
        *((tier, "active", LATER, "active") for tier in TIERS),
        *((tier, "revoked", NOW, "revoked") for tier in TIERS),
        ("access", "active", None, "active"),
        ("access", "overlapping", NOW, "overlapping"),
        ("access", "overlapping", LATER, "overlapping"),
        ("access", "superseded", NOW, "superseded"),
    ],
)
def test_expiries_are_written_down_in_batches(
    session: Session, owner: UserRow, tier: str, before: str, expires_at: datetime | None, after: str
) -> None:
    module, plant = TIERS[tier]
    rows = [plant(session, owner, status=before, expires_at=expires_at) for _ in range(3)]
    assert [module.expire_due(session, NOW, 2) for _ in range(3)] == ([0, 0, 0] if before == after else [2, 1, 0])
    session.expire_all()
    assert [row.status for row in rows] == [after] * 3


@pytest.mark.parametrize(
    ("tier", "status", "expires_at", "revoked_at", "goes"),
    [
        *((tier, "expired", NOW, None, True) for tier in TIERS),
        *((tier, "expired", LATER, None, False) for tier in TIERS),
        *((tier, "revoked", NOW + HOUR, NOW, True) for tier in TIERS),
        *((tier, "revoked", NOW, LATER, False) for tier in TIERS),
        *((tier, "active", NOW, None, True) for tier in TIERS),
        *((tier, "active", LATER, None, False) for tier in TIERS),
        ("access", "superseded", NOW, None, True),
        ("access", "superseded", LATER, None, False),
        ("access", "revoked", None, NOW, True),
        ("access", "active", None, None, False),
        ("access", "overlapping", NOW, None, True),
    ],
)
def test_what_ended_long_enough_ago_is_deleted_in_batches(
    session: Session, owner: UserRow, tier: str, status: str, expires_at: datetime, revoked_at: datetime, goes: bool
) -> None:
    module, plant = TIERS[tier]
    values = {"status": status, "expires_at": expires_at, "revoked_at": revoked_at}
    handles = [plant(session, owner, **values).public_id for _ in range(5)]
    assert [module.purge(session, NOW, 2) for _ in range(4)] == ([2, 2, 1, 0] if goes else [0] * 4)
    session.expunge_all()
    found = refresh_tokens.find if tier == "refresh" else access_tokens.find
    assert {found(session, handle) is None for handle in handles} == {goes}


def test_a_refresh_token_is_deleted_after_its_access_tokens_with_old_secrets(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner, status="expired", expires_at=NOW)
    child = plant_access_token(session, owner, row, status="expired", expires_at=NOW + HOUR)
    plant_retired(session, row, NOW + HOUR)
    assert ended_refresh_tokens.purge(session, NOW, 10) == 0
    session.execute(delete(AccessTokenRow).where(AccessTokenRow.id == child.id))
    assert ended_refresh_tokens.purge(session, NOW, 10) == 1
    assert session.scalar(select(func.count()).select_from(RetiredSecretRow)) == 0


def test_digests_of_replaced_secrets_are_deleted_in_their_time(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner)
    for retired_at in (NOW, LATER):
        plant_retired(session, row, retired_at)
    assert retired_secrets.purge(session, NOW, 10) == 1
    assert list(session.scalars(select(RetiredSecretRow.retired_at))) == [LATER]


def plant_retired(session: Session, row: RefreshTokenRow, retired_at: datetime) -> None:
    session.add(RetiredSecretRow(refresh_token_id=row.id, key_id="k1", mac=b"m" * 32, retired_at=retired_at))
    session.flush()


@ON_POSTGRESQL
@pytest.mark.parametrize("tier", TIERS)
def test_a_sweep_passes_over_what_another_transaction_holds(database: Database, elsewhere: Database, tier: str) -> None:
    """Fails when it waits, as a revocation may that holds some and wants others."""
    module, plant = TIERS[tier]
    table = RefreshTokenRow if tier == "refresh" else AccessTokenRow
    with database.transaction() as session:
        owner = plant_user(session)
        rows = [plant(session, owner, expires_at=NOW) for _ in range(3)]
    with elsewhere.transaction() as other:
        other.execute(select(table.id).where(table.id == rows[0].id).with_for_update())
        with database.transaction() as session:
            assert module.expire_due(session, NOW, 9) == 2
    with database.transaction() as session:
        assert module.expire_due(session, NOW, 9) == 1
