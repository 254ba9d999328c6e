"""Queries on refresh tokens, and on the digests of their replaced secrets.

Writes are conditional: they say in their WHERE what must still be true, and tell by what they return whether
it was. Not here: decisions about why a row was not found in that state, and lists (``listing``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import RefreshToken, TokenStatus, status_at
from app.storage.liveness import ended_before, is_alive, is_due
from app.storage.tables import AccessTokenRow, RefreshTokenRow, RetiredSecretRow, UserRow

# The one row of a table whose WHERE names its primary key needs no synchronising with loaded objects.
_PLAIN = {"synchronize_session": False}


@dataclass(frozen=True)
class Revocation:
    """When, by whom and why a token is ended; the same for every row of one act."""

    at: datetime
    by: str
    reason: str


def insert(
    session: Session, token: TokenText, mac: Mac, user_id: int, name: str, now: datetime, expires_at: datetime
) -> RefreshTokenRow:
    row = RefreshTokenRow(
        public_id=token.public_id,
        user_id=user_id,
        name=name,
        key_id=mac.key_id,
        mac=mac.digest,
        status=TokenStatus.ACTIVE,
        generation=0,
        created_at=now,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, public_id: str) -> RefreshTokenRow | None:
    """The row as it is now, even when the session has read it before."""
    query = select(RefreshTokenRow).where(RefreshTokenRow.public_id == public_id)
    return session.scalars(query, execution_options={"populate_existing": True}).one_or_none()


def retired_secrets(session: Session, row: RefreshTokenRow) -> list[RetiredSecretRow]:
    """What regeneration replaced, latest first."""
    query = select(RetiredSecretRow).where(RetiredSecretRow.refresh_token_id == row.id)
    return list(session.scalars(query.order_by(RetiredSecretRow.id.desc())))


def open_generation(
    session: Session, row: RefreshTokenRow, now: datetime, *, used_from: str | None = None, used: bool = False
) -> int | None:
    """Lock the refresh token and open its next generation; None when it is no longer good.

    Good: it has the secret that was verified, it is alive, and so is its owner. Whatever else happens to this
    refresh token waits from here to the end of the transaction.
    """
    owner_is_active = exists().where(UserRow.id == RefreshTokenRow.user_id, UserRow.is_active)
    values: dict[str, object] = {"generation": RefreshTokenRow.generation + 1}
    if used:
        values |= {"last_used_at": now, "last_used_ip": used_from}
    statement = (
        update(RefreshTokenRow)
        .where(RefreshTokenRow.id == row.id, RefreshTokenRow.mac == row.mac)
        .where(is_alive(RefreshTokenRow, now), owner_is_active)
        .values(values)
        .returning(RefreshTokenRow.generation)
    )
    return session.scalar(statement, execution_options=_PLAIN)


def replace_secret(session: Session, row: RefreshTokenRow, mac: Mac, now: datetime, expires_at: datetime) -> bool:
    """Give an active or expired refresh token a new secret and a new life; False when it is neither any more."""
    retired = RetiredSecretRow(refresh_token_id=row.id, key_id=row.key_id, mac=row.mac, retired_at=now)
    owner_is_active = exists().where(UserRow.id == RefreshTokenRow.user_id, UserRow.is_active)
    statement = (
        update(RefreshTokenRow)
        .where(RefreshTokenRow.id == row.id, RefreshTokenRow.mac == row.mac)
        .where(RefreshTokenRow.status.in_([TokenStatus.ACTIVE, TokenStatus.EXPIRED]), owner_is_active)
        .values(
            key_id=mac.key_id,
            mac=mac.digest,
            status=TokenStatus.ACTIVE,
            generation=RefreshTokenRow.generation + 1,
            expires_at=expires_at,
            regenerated_at=now,
        )
        .returning(RefreshTokenRow.id)
    )
    if session.scalar(statement, execution_options=_PLAIN) is None:
        return False
    session.add(retired)
    return True


def sign_anew(session: Session, row: RefreshTokenRow, mac: Mac) -> None:
    """Keep the digest under the present key, unless the secret was replaced meanwhile."""
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id == row.id, RefreshTokenRow.mac == row.mac)
    session.execute(statement.values(key_id=mac.key_id, mac=mac.digest), execution_options=_PLAIN)


def revoke(session: Session, ids: Sequence[int], revocation: Revocation) -> list[int]:
    """Revoke those of `ids` that are not revoked yet, in order of id so that two acts can't deadlock."""
    not_revoked = RefreshTokenRow.status != TokenStatus.REVOKED
    locked = select(RefreshTokenRow.id).where(RefreshTokenRow.id.in_(ids), not_revoked)
    found = list(session.scalars(locked.order_by(RefreshTokenRow.id).with_for_update()))
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id.in_(found))
    session.execute(
        statement.values(
            status=TokenStatus.REVOKED,
            revoked_at=revocation.at,
            revoked_by=revocation.by,
            revoke_reason=revocation.reason,
        ),
        execution_options=_PLAIN,
    )
    return found


def ids_of_user(session: Session, user_id: int) -> list[int]:
    """All refresh tokens of a user that are not revoked."""
    query = select(RefreshTokenRow.id).where(RefreshTokenRow.user_id == user_id)
    return list(session.scalars(query.where(RefreshTokenRow.status != TokenStatus.REVOKED)))


def count_alive(session: Session, user_id: int, now: datetime) -> int:
    query = select(func.count()).select_from(RefreshTokenRow)
    return session.scalar(query.where(RefreshTokenRow.user_id == user_id, is_alive(RefreshTokenRow, now))) or 0


def expire_due(session: Session, now: datetime, most: int) -> int:
    """Write down at most `most` expiries that are already true; how many."""
    due = select(RefreshTokenRow.id).where(is_due(RefreshTokenRow, now)).limit(most)
    ids = list(session.scalars(due.with_for_update(skip_locked=True)))
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id.in_(ids))
    session.execute(statement.values(status=TokenStatus.EXPIRED), execution_options=_PLAIN)
    return len(ids)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that ended by `cutoff` and under which no access token is kept; how many."""
    kept = exists().where(AccessTokenRow.refresh_token_id == RefreshTokenRow.id)
    old = select(RefreshTokenRow.id).where(ended_before(RefreshTokenRow, cutoff), ~kept).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(RetiredSecretRow).where(RetiredSecretRow.refresh_token_id.in_(ids)))
    session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.id.in_(ids)), execution_options=_PLAIN)
    return len(ids)


def purge_retired_secrets(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` digests of secrets that were replaced by `cutoff`; how many."""
    old = select(RetiredSecretRow.id).where(RetiredSecretRow.retired_at <= cutoff).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(RetiredSecretRow).where(RetiredSecretRow.id.in_(ids)), execution_options=_PLAIN)
    return len(ids)


def as_refresh_token(row: RefreshTokenRow, now: datetime) -> RefreshToken:
    """The row as the domain's fact, with its state at `now`."""
    return RefreshToken(
        id=row.id,
        public_id=row.public_id,
        user_id=row.user_id,
        name=row.name,
        status=status_at(TokenStatus(row.status), row.expires_at, now),
        generation=row.generation,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
        regenerated_at=row.regenerated_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        revoke_reason=row.revoke_reason,
    )
