"""Queries on refresh tokens. Writes are conditional.

Not here: why a condition is not met (``app.services.held_tokens``), lists (``listing``), new secrets (``new_secrets``),
marking and deleting those that have ended (``ended_refresh_tokens``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    ColumnElement,
    Table,
    Update,
    and_,
    bindparam,
    case,
    func,
    insert,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningUpdate

from app.domain.identity import User
from app.domain.policy import Policy
from app.domain.secrets import Mac, TokenText
from app.domain.tokens import RefreshToken, TokenStatus, is_from_future, seems_shared_at, status_at
from app.storage import budgets
from app.storage.liveness import is_active_at
from app.storage.made_with import NO_TOKEN, Maker, maker_columns
from app.storage.many_rows import lock_in_order, rows_of
from app.storage.tables import InstanceSettingRow, RefreshTokenRow, UserRow
from app.storage.users import as_user

TABLE = cast(Table, RefreshTokenRow.__table__)
_USERS, _SETTINGS = cast(Table, UserRow.__table__), cast(Table, InstanceSettingRow.__table__)


class StoredRefreshToken(NamedTuple):
    """A row, in the order of the columns. A third of the cost of an ORM object, at every mint."""

    id: int
    public_id: str
    user_id: int
    name: str
    key_id: str
    mac: bytes
    status: str
    generation: int
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    last_used_ip: str | None
    regenerated_at: datetime | None
    access_token_reissue: str | None
    sharing_seen_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    revoke_reason: str | None
    created_with: str | None
    renewable_until: datetime | None
    hour_ends_at: datetime | None
    mints_in_hour: int
    regenerations_in_hour: int
    secret_seen_at: datetime | None
    lifetime_days: int | None
    secret_number: int
    rotated_at: datetime | None
    previous_key_id: str | None
    previous_mac: bytes | None
    previous_until: datetime | None
    last_used_agent: str | None
    description: str | None


@dataclass(frozen=True)
class Revocation:
    """When, by whom and why tokens are revoked."""

    at: datetime
    by: str
    reason: str


_INSERT = insert(TABLE).returning(TABLE)
_FIND = select(TABLE).where(TABLE.c.public_id == bindparam("public_id"))
_OWNER = (
    select(_USERS, _SETTINGS.c.key, _SETTINGS.c.value)
    .select_from(_USERS.outerjoin(_SETTINGS, true()))
    .where(_USERS.c.id == bindparam("user_id"))
)


def add(
    session: Session,
    token: TokenText,
    mac: Mac,
    user_id: int,
    name: str,
    now: datetime,
    expires_at: datetime,
    access_token_reissue: str | None = None,
    maker: Maker = NO_TOKEN,
    lifetime_days: int | None = None,
    description: str | None = None,
) -> StoredRefreshToken:
    """Add a refresh token. `maker`: the access token that made it. `lifetime_days`: if one was chosen."""
    values: dict[str, Any] = {"public_id": token.public_id, "user_id": user_id, "name": name, "generation": 0}
    values |= {"key_id": mac.key_id, "mac": mac.digest, "status": TokenStatus.ACTIVE, "created_at": now}
    values |= {"expires_at": expires_at, "access_token_reissue": access_token_reissue, "lifetime_days": lifetime_days}
    values |= {"description": description} | maker_columns(maker)
    return StoredRefreshToken._make(session.execute(_INSERT, values).one())


def find(session: Session, public_id: str) -> StoredRefreshToken | None:
    """The current row."""
    row = session.execute(_FIND, {"public_id": public_id}).one_or_none()
    return None if row is None else StoredRefreshToken._make(row)


def find_owner(session: Session, user_id: int) -> tuple[User, dict[str, str]]:
    """The owner, and the stored instance settings, in one statement."""
    rows = session.execute(_OWNER, {"user_id": user_id}).all()
    settings = {key: value for *_, key, value in rows if key is not None}
    return as_user(rows[0], settings.get(Policy.sign_in_valid.key)), settings


def hold(
    session: Session,
    token: StoredRefreshToken,
    now: datetime,
    *,
    mac: Mac | None = None,
    is_old: bool = False,
    is_use: bool = False,
    address: str | None = None,
    agent: str | None = None,
    allow_expired: bool = False,
) -> StoredRefreshToken | None:
    """Lock the row and increment its generation; the updated row, or None where it is not active.

    `is_use`: a mint is counted, and a use recorded from the client's `address` and `agent`. `allow_expired`: a
    regeneration is counted, and it may have expired. Others wait for the end of the transaction. The secret may have
    been replaced since `token` was read. `mac`: its digest under the current key, or with `is_old` that of the secret
    before, stored unless it was replaced.
    """
    values: dict[str, Any] = {"token": token.id, "now": now}
    if is_use or allow_expired:
        values |= budgets.instants(now)
    if mac is not None:
        read = token.previous_mac if is_old else token.mac
        values |= {"read": read, "new_key": mac.key_id, "new_mac": mac.digest}
    if is_use:
        values |= {"address": address, "agent": agent}
    signed = None if mac is None else ("previous_mac", "previous_key_id") if is_old else ("mac", "key_id")
    row = session.execute(_hold(is_use, allow_expired, signed), values).one_or_none()
    return None if row is None else StoredRefreshToken._make(row)


@cache
def _hold(is_use: bool, allow_expired: bool, signed: tuple[str, str] | None) -> ReturningUpdate[Any]:
    """`signed`: the columns of the digest that is stored anew, and of its key."""
    column = TABLE.c
    values: dict[str, Any] = {"generation": column.generation + 1}
    if is_use or allow_expired:
        values |= budgets.raised(TABLE, budgets.MINTS if is_use else budgets.REGENERATIONS)
    if signed is not None:
        mac, key = column[signed[0]], column[signed[1]]
        is_same = mac == bindparam("read")
        values[key.name] = case((is_same, bindparam("new_key")), else_=key)
        values[mac.name] = case((is_same, bindparam("new_mac", type_=mac.type)), else_=mac)
    if is_use:
        uses = {"last_used_at": "now", "last_used_ip": "address", "last_used_agent": "agent"}
        values |= {name: bindparam(value) for name, value in uses.items()}
    statement: Update = update(TABLE).where(column.id == bindparam("token")).values(values)
    if allow_expired:
        statement = statement.where(column.status != TokenStatus.REVOKED)
    else:
        statement = statement.where(column.status != TokenStatus.REVOKED, column.expires_at > bindparam("now"))
    return statement.returning(TABLE)


def lock(session: Session, refresh_token_ids: Sequence[int]) -> None:
    """Lock these rows to the end of the transaction, in order of id against deadlocks."""
    query = select(TABLE.c.id).where(TABLE.c.id.in_(refresh_token_ids))
    session.execute(query.order_by(TABLE.c.id).with_for_update())


def note_sharing(session: Session, refresh_token_id: int, now: datetime) -> None:
    """Record that several programs seem to share it. The caller holds it."""
    session.execute(update(TABLE).where(TABLE.c.id == refresh_token_id).values(sharing_seen_at=now))


def revoke_of_user(session: Session, user_id: int, revocation: Revocation) -> int:
    """Revoke those of a user; how many were not revoked before."""
    return rows_of(session, _revoking(session, RefreshTokenRow.user_id == user_id, revocation))


def revoke_each(session: Session, refresh_token_ids: Sequence[int], revocation: Revocation) -> list[int]:
    """Revoke these; the ids of those not revoked before."""
    statement = _revoking(session, RefreshTokenRow.id.in_(refresh_token_ids), revocation)
    return list(session.scalars(statement.returning(RefreshTokenRow.id)))


def _revoking(session: Session, which: ColumnElement[bool], revocation: Revocation) -> Update:
    which = and_(which, RefreshTokenRow.status.in_((TokenStatus.ACTIVE, TokenStatus.EXPIRED)))
    lock_in_order(session, RefreshTokenRow.id, which)
    values = {"revoked_at": revocation.at, "revoked_by": revocation.by, "revoke_reason": revocation.reason}
    return update(RefreshTokenRow).where(which).values(status=TokenStatus.REVOKED, **values)


def count_active(session: Session, user_id: int, now: datetime) -> int:
    query = select(func.count()).select_from(RefreshTokenRow)
    return session.scalar(query.where(RefreshTokenRow.user_id == user_id, is_active_at(RefreshTokenRow, now))) or 0


def as_refresh_token(row: StoredRefreshToken | RefreshTokenRow, now: datetime) -> RefreshToken:
    """The row as a domain object, with its state at `now`."""
    status = status_at(TokenStatus(row.status), row.expires_at, now)
    columns: dict[str, Any] = {name: getattr(row, name) for name in _SAME}
    return RefreshToken(
        **columns,
        status=status,
        seems_shared=status is TokenStatus.ACTIVE and seems_shared_at(row.sharing_seen_at, now),
        created_in_future=is_from_future(_renewed_at(row) or row.created_at, now),
        old_secret_until=None if status is not TokenStatus.ACTIVE else old_secret_until(row, now),
    )


def _renewed_at(row: StoredRefreshToken | RefreshTokenRow) -> datetime | None:
    """When it got its present secret, by a rotation, which sets `previous_until`, or a regeneration, which does not."""
    return row.regenerated_at if row.previous_until is None else row.rotated_at


def old_secret_until(row: StoredRefreshToken | RefreshTokenRow, now: datetime) -> datetime | None:
    """Until when the secret before the current one works as well; None where it does not.

    Nor after a regeneration, which takes it away: the release before does not, and may serve beside this one.
    """
    until = row.previous_until
    if row.previous_mac is None or until is None or row.rotated_at is None or until <= now:
        return None
    return None if row.regenerated_at is not None and row.regenerated_at > row.rotated_at else until


_SAME = [each.name for each in fields(RefreshToken) if each.name in TABLE.c and each.name != "status"]
