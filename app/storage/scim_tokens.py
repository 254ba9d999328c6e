"""Queries on the tokens of SCIM."""

from datetime import datetime

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.orm import Session

from app.domain.budgets import HOUR
from app.domain.clock import CLOCK_TOLERANCE
from app.domain.scim_tokens import ScimToken
from app.domain.secrets import Mac
from app.storage.scim_tables import ScimTokenRow

CREATING = 0x5C1A
"""The number of a lock of PostgreSQL that nothing else here takes."""


def lock_creating(session: Session) -> None:
    """One creates a token at a time, also while there is no row to lock."""
    if session.get_bind().dialect.name != "sqlite":  # there the whole database is locked
        session.execute(select(func.pg_advisory_xact_lock(CREATING)))


def insert(
    session: Session, public_id: str, name: str, mac: Mac, now: datetime, by: str, until: datetime | None
) -> ScimTokenRow:
    row = ScimTokenRow(
        public_id=public_id,
        name=name,
        key_id=mac.key_id,
        mac=mac.digest,
        created_at=now,
        created_by=by,
        expires_at=until,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, public_id: str) -> ScimTokenRow | None:
    return session.scalars(select(ScimTokenRow).where(ScimTokenRow.public_id == public_id)).one_or_none()


def hold(session: Session, public_id: str) -> ScimTokenRow | None:
    """The same, as it is once the lock was waited for; the row stays locked."""
    query = select(ScimTokenRow).where(ScimTokenRow.public_id == public_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def newest(session: Session, most: int) -> list[ScimTokenRow]:
    """At most `most`, those that are not revoked first, newest first."""
    order = (ScimTokenRow.revoked_at.is_not(None), ScimTokenRow.id.desc())
    return list(session.scalars(select(ScimTokenRow).order_by(*order).limit(most)))


def active(session: Session, now: datetime) -> list[ScimTokenRow]:
    row = ScimTokenRow
    return list(session.scalars(select(row).where(row.revoked_at.is_(None), _is_ahead(now)).order_by(row.id)))


def unrevoked(session: Session) -> list[ScimTokenRow]:
    """All that were not revoked, expired or not; the rows stay locked."""
    query = select(ScimTokenRow).where(ScimTokenRow.revoked_at.is_(None)).order_by(ScimTokenRow.id)
    return list(session.scalars(query.with_for_update().execution_options(populate_existing=True)))


def touch(session: Session, row_id: int, now: datetime, address: str | None, mac: Mac) -> None:
    """Note a use. `mac`: under the current key."""
    values = {"last_used_at": now, "last_used_ip": address, "key_id": mac.key_id, "mac": mac.digest}
    session.execute(update(ScimTokenRow).where(ScimTokenRow.id == row_id).values(**values))


def spend(session: Session, public_id: str, now: datetime) -> tuple[int, datetime] | None:
    """Count a change, and hold the token: until the end of this transaction nobody revokes it.

    How many there are in its hour, and when that ends; None where the token has ended.
    """
    row = ScimTokenRow
    is_over = or_(row.hour_ends_at.is_(None), row.hour_ends_at <= now, row.hour_ends_at > now + HOUR + CLOCK_TOLERANCE)
    counted = {
        "writes_in_hour": case((is_over, 1), else_=row.writes_in_hour + 1),
        "hour_ends_at": case((is_over, now + HOUR), else_=row.hour_ends_at),
    }
    statement = (
        update(row).where(row.public_id == public_id, row.revoked_at.is_(None), _is_ahead(now)).values(**counted)
    )
    found = session.execute(statement.returning(row.writes_in_hour, row.hour_ends_at)).one_or_none()
    return None if found is None or found[1] is None else (found[0], found[1])


def _is_ahead(now: datetime) -> ColumnElement[bool]:
    return or_(ScimTokenRow.expires_at.is_(None), ScimTokenRow.expires_at > now)


def as_scim_token(row: ScimTokenRow) -> ScimToken:
    """The row without the secret's digest."""
    return ScimToken(
        public_id=row.public_id,
        name=row.name,
        created_at=row.created_at,
        created_by=row.created_by,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
    )
