"""Queries on the fingerprints of keys. Not here: how they are made and compared (``app.services.key_fingerprints``)."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.storage import scim_tokens
from app.storage.database import insert_unless_present
from app.storage.liveness import TokenTable, is_active_at
from app.storage.operating_tables import KeyFingerprintRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow


def stored(session: Session) -> dict[str, str]:
    """The fingerprints by the key's name."""
    query = select(KeyFingerprintRow.name, KeyFingerprintRow.fingerprint)
    return {name: fingerprint for name, fingerprint in session.execute(query)}


def add(session: Session, fingerprints: dict[str, str], now: datetime) -> None:
    """Store those that are not there. In a fixed order, so that two hosts that start at once do not deadlock."""
    for name in sorted(fingerprints):
        insert_unless_present(session, KeyFingerprintRow, name=name, fingerprint=fingerprints[name], stored_at=now)


def needed(session: Session, now: datetime) -> set[str]:
    """The ids of the keys that active tokens are signed with."""
    tables: tuple[TokenTable, ...] = (RefreshTokenRow, AccessTokenRow)
    queries = [select(table.key_id).distinct().where(is_active_at(table, now)) for table in tables]
    of_scim = {row.key_id for row in scim_tokens.active(session, now)}
    return of_scim | {key_id for query in queries for key_id in session.scalars(query)}


def clear(session: Session) -> None:
    session.execute(delete(KeyFingerprintRow))
