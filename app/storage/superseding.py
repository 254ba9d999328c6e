"""Queries on what a mint finds: the access tokens of its refresh token, which it returns again or replaces.

The caller holds the refresh token. Not here: which of the two it does (``app.services.minting``).
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Update, and_, bindparam, case, false, or_, select, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage.access_tokens import CURRENT_IN_INDEX, TABLE

NONE_SPARED = -1

_ACTIVE_UNDER = select(TABLE).where(
    TABLE.c.refresh_token_id == bindparam("parent"),
    CURRENT_IN_INDEX,
    TABLE.c.status != TokenStatus.OVERLAPPING,
    TABLE.c.expires_at > bindparam("now"),
)


def find_active_under(session: Session, refresh_token_id: int, now: datetime) -> Row[Any] | None:
    """The active one that is not replaced."""
    return session.execute(_ACTIVE_UNDER, {"parent": refresh_token_id, "now": now}).one_or_none()


_LATEST_UNDER = (
    select(TABLE)
    .where(
        TABLE.c.refresh_token_id == bindparam("parent"),
        CURRENT_IN_INDEX,
        TABLE.c.secret_number == bindparam("number"),
        TABLE.c.expires_at > bindparam("now"),
    )
    .order_by(TABLE.c.id.desc())
    .limit(1)
)


def find_latest_with(session: Session, refresh_token_id: int, secret_number: int, now: datetime) -> Row[Any] | None:
    """The latest that works of those minted with this secret, if only one with the other secret took its place.

    Of two secrets each has its own, under `reuse`.
    """
    values = {"parent": refresh_token_id, "number": secret_number, "now": now}
    return session.execute(_LATEST_UNDER, values).one_or_none()


def supersede(
    session: Session, refresh_token_id: int, now: datetime, overlap: timedelta, spared: int | None = None
) -> None:
    """Replace the active token, before a new one is added.

    It works for at most `overlap` more; earlier overlapping ones stop now. One that has expired, marked or not, stays
    expired, and becomes superseded on a clock by which it has not. `spared`: with an overlap, the number of a secret
    whose tokens work on until they expire.
    """
    values: dict[str, Any] = {"parent": refresh_token_id, "now": now, "end": now + overlap}
    if overlap:
        values["spared"] = NONE_SPARED if spared is None else spared
    session.execute(_SUPERSEDE[bool(overlap)], values)


def _supersede(is_overlap: bool) -> Update:
    column = TABLE.c
    now, end = bindparam("now", type_=column.expires_at.type), bindparam("end", type_=column.expires_at.type)
    overlaps, is_over = column.status == TokenStatus.OVERLAPPING, column.expires_at <= now
    becomes = TokenStatus.OVERLAPPING if is_overlap else TokenStatus.SUPERSEDED
    stays = or_(is_over, column.secret_number == bindparam("spared")) if is_overlap else is_over
    # Where two secrets work, one that has more left was spared until now: its own secret replaces it only here.
    was_spared = and_(bindparam("spared") != NONE_SPARED, column.expires_at > end) if is_overlap else false()
    overlaps_again = and_(overlaps, ~was_spared)
    ends = or_(is_over, and_(overlaps_again, ~stays))
    status = case((ends, TokenStatus.SUPERSEDED), else_=becomes)
    expires_at = case(
        (stays, column.expires_at), (overlaps_again, now), (column.expires_at > end, end), else_=column.expires_at
    )
    which = (column.refresh_token_id == bindparam("parent"), CURRENT_IN_INDEX)
    values = {"status": status, "expires_at": expires_at, "had_expired": and_(~overlaps, is_over)}
    return update(TABLE).where(*which).values(values)


_SUPERSEDE = {is_overlap: _supersede(is_overlap) for is_overlap in (False, True)}
