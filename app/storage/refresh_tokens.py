"""Queries on refresh tokens, and on the digests of their replaced secrets.

Writes are conditional: they say in their WHERE what must still be true, and tell by what they return whether
it was. Not here: decisions about why a row was not found in that state, and lists (``listing``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, exists, func, select, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import RefreshToken, TokenStatus, seems_shared_at, status_at
from app.storage.database import PLAIN
from app.storage.liveness import ended_before, is_alive, is_due
from app.storage.tables import AccessTokenRow, RefreshTokenRow, RetiredSecretRow, UserRow


@dataclass(frozen=True)
class Revocation:
    """When, by whom and why a token is ended; the same for every row of one act."""

    at: datetime
    by: str
    reason: str


def insert(
    session: Session,
    token: TokenText,
    mac: Mac,
    user_id: int,
    name: str,
    now: datetime,
    expires_at: datetime,
    access_token_reissue: str | None = None,
) -> RefreshTokenRow:
    row = RefreshTokenRow(
        access_token_reissue=access_token_reissue,
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
    session: Session, refresh_token_id: int, now: datetime, *, used: bool = False, used_from: str | None = None
) -> int | None:
    """Lock the refresh token and open its next generation; None when it, or its owner, is not good.

    Whatever else happens to this refresh token waits from here to the end of the transaction. Whether it still
    has the secret that was presented is to be asked again afterwards, under the lock.
    """
    owner_is_active = exists().where(UserRow.id == RefreshTokenRow.user_id, UserRow.is_active)
    values: dict[str, object] = {"generation": RefreshTokenRow.generation + 1}
    if used:
        values |= {"last_used_at": now, "last_used_ip": used_from}
    statement = (
        update(RefreshTokenRow)
        .where(RefreshTokenRow.id == refresh_token_id, is_alive(RefreshTokenRow, now), owner_is_active)
        .values(values)
        .returning(RefreshTokenRow.generation)
    )
    return session.scalar(statement, execution_options=PLAIN)


def lock(session: Session, refresh_token_id: int) -> None:
    """Let whatever else happens to this refresh token wait to the end of the transaction."""
    session.execute(select(RefreshTokenRow.id).where(RefreshTokenRow.id == refresh_token_id).with_for_update())


def lock_each(session: Session, refresh_token_ids: Sequence[int]) -> None:
    """The same for several, in order of id, as everybody locks more than one."""
    query = select(RefreshTokenRow.id).where(RefreshTokenRow.id.in_(refresh_token_ids))
    session.execute(query.order_by(RefreshTokenRow.id).with_for_update())


def replace_secret(session: Session, row: RefreshTokenRow, mac: Mac, now: datetime, expires_at: datetime) -> bool:
    """Give an active or expired refresh token a new secret and a new life; False when it is neither.

    The caller holds the lock, so that `row` has the secret that is replaced.
    """
    retired = RetiredSecretRow(refresh_token_id=row.id, key_id=row.key_id, mac=row.mac, retired_at=now)
    owner_is_active = exists().where(UserRow.id == RefreshTokenRow.user_id, UserRow.is_active)
    statement = (
        update(RefreshTokenRow)
        .where(RefreshTokenRow.id == row.id, owner_is_active)
        .where(RefreshTokenRow.status.in_([TokenStatus.ACTIVE, TokenStatus.EXPIRED]))
        .values(
            key_id=mac.key_id,
            mac=mac.digest,
            status=TokenStatus.ACTIVE,
            generation=RefreshTokenRow.generation + 1,
            expires_at=expires_at,
            regenerated_at=now,
            sharing_seen_at=None,
        )
        .returning(RefreshTokenRow.id)
    )
    if session.scalar(statement, execution_options=PLAIN) is None:
        return False
    session.add(retired)
    return True


def sign_anew(session: Session, row: RefreshTokenRow, mac: Mac) -> None:
    """Keep the digest under the present key. The caller holds the lock."""
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id == row.id)
    session.execute(statement.values(key_id=mac.key_id, mac=mac.digest), execution_options=PLAIN)


def note_sharing(session: Session, row: RefreshTokenRow, now: datetime) -> None:
    """Keep that several programs seemed to share it just now. The caller holds the lock."""
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id == row.id)
    session.execute(statement.values(sharing_seen_at=now), execution_options=PLAIN)


def revoke_one(session: Session, row: RefreshTokenRow, revocation: Revocation) -> list[int]:
    """Revoke one, unless it is revoked already; its id, or nothing."""
    return _revoke(session, RefreshTokenRow.id == row.id, revocation)


def revoke_of_user(session: Session, user_id: int, revocation: Revocation) -> list[int]:
    """Revoke all of a user that are not revoked already; their ids."""
    return _revoke(session, RefreshTokenRow.user_id == user_id, revocation)


def revoke_each(session: Session, refresh_token_ids: Sequence[int], revocation: Revocation) -> list[int]:
    """Revoke those of these that are not revoked already; their ids."""
    return _revoke(session, RefreshTokenRow.id.in_(refresh_token_ids), revocation)


def _revoke(session: Session, which: ColumnElement[bool], revocation: Revocation) -> list[int]:
    which = and_(which, RefreshTokenRow.status != TokenStatus.REVOKED)
    # Locked in order of id first, so that two acts on the same tokens can't deadlock.
    session.execute(select(RefreshTokenRow.id).where(which).order_by(RefreshTokenRow.id).with_for_update())
    statement = update(RefreshTokenRow).where(which).returning(RefreshTokenRow.id)
    values = {"revoked_at": revocation.at, "revoked_by": revocation.by, "revoke_reason": revocation.reason}
    return list(session.scalars(statement.values(status=TokenStatus.REVOKED, **values), execution_options=PLAIN))


def count_alive(session: Session, user_id: int, now: datetime) -> int:
    query = select(func.count()).select_from(RefreshTokenRow)
    return session.scalar(query.where(RefreshTokenRow.user_id == user_id, is_alive(RefreshTokenRow, now))) or 0


def expire_due(session: Session, now: datetime, most: int) -> int:
    """Write down at most `most` expiries that are already true; how many."""
    due = select(RefreshTokenRow.id).where(is_due(RefreshTokenRow, now)).limit(most)
    ids = list(session.scalars(due.with_for_update(skip_locked=True)))
    statement = update(RefreshTokenRow).where(RefreshTokenRow.id.in_(ids))
    session.execute(statement.values(status=TokenStatus.EXPIRED), execution_options=PLAIN)
    return len(ids)


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that ended by `cutoff` and under which no access token is kept; how many."""
    kept = exists().where(AccessTokenRow.refresh_token_id == RefreshTokenRow.id)
    old = select(RefreshTokenRow.id).where(ended_before(RefreshTokenRow, cutoff), ~kept).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(RetiredSecretRow).where(RetiredSecretRow.refresh_token_id.in_(ids)))
    session.execute(delete(RefreshTokenRow).where(RefreshTokenRow.id.in_(ids)), execution_options=PLAIN)
    return len(ids)


def purge_retired_secrets(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` digests of secrets that were replaced by `cutoff`; how many."""
    old = select(RetiredSecretRow.id).where(RetiredSecretRow.retired_at <= cutoff).limit(most)
    ids = list(session.scalars(old.with_for_update(skip_locked=True)))
    session.execute(delete(RetiredSecretRow).where(RetiredSecretRow.id.in_(ids)), execution_options=PLAIN)
    return len(ids)


def as_refresh_token(row: RefreshTokenRow, now: datetime) -> RefreshToken:
    """The row as the domain's fact, with its state at `now`."""
    status = status_at(TokenStatus(row.status), row.expires_at, now)
    return RefreshToken(
        id=row.id,
        public_id=row.public_id,
        user_id=row.user_id,
        name=row.name,
        status=status,
        generation=row.generation,
        created_at=row.created_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        last_used_ip=row.last_used_ip,
        regenerated_at=row.regenerated_at,
        revoked_at=row.revoked_at,
        revoked_by=row.revoked_by,
        access_token_reissue=row.access_token_reissue,
        seems_shared=status is TokenStatus.ACTIVE and seems_shared_at(row.sharing_seen_at, now),
        revoke_reason=row.revoke_reason,
    )
