"""Rows put straight into the tables, in any state, also in those that the services never leave them in."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from app.domain.identity import User
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
HOUR = timedelta(hours=1)

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
KEPT_ON_SQLITE = pytest.mark.parametrize("kept_database", ["sqlite"], indirect=True)
KEPT_ON_POSTGRESQL = pytest.mark.parametrize("kept_database", ["postgresql"], indirect=True)
"""For what only one of the two databases has."""

_numbers = count(1)


def public_id() -> str:
    return f"{next(_numbers):012d}"


def plant_user(session: Session, **values: Any) -> UserRow:
    return _plant(session, UserRow(**{"username": f"user-{next(_numbers)}", "created_at": NOW} | values))


def plant_refresh_token(session: Session, owner: UserRow | User, **values: Any) -> RefreshTokenRow:
    """Active, with an hour left."""
    usual = {"name": "nightly-etl"} | _usual(owner)
    return _plant(session, RefreshTokenRow(**usual | values))


def plant_access_token(
    session: Session, owner: UserRow | User, parent: RefreshTokenRow | None = None, **values: Any
) -> AccessTokenRow:
    """Active, with an hour left; without a refresh token unless one is given."""
    usual = {"uuid": str(uuid4()), "refresh_token_id": parent.id if parent else None} | _usual(owner)
    return _plant(session, AccessTokenRow(**usual | values))


def _usual(owner: UserRow | User) -> dict[str, Any]:
    usual = {"public_id": public_id(), "key_id": "k1", "mac": b"m" * 32, "user_id": owner.id}
    return usual | {"created_at": NOW - HOUR, "expires_at": NOW + HOUR}


def _plant(session: Session, row: Any) -> Any:
    session.add(row)
    session.flush()
    return row
