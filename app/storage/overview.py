"""Aggregates for the pages, each in one statement: counts of tokens and users, and when tokens expire.

Not here: lists (``listing``), and counts for the preview of a setting (``counting``).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, String, func, literal, select, text, true, union_all
from sqlalchemy.orm import Session

from app.domain.tokens import Ending, TokenStatus
from app.storage.access_tokens import CURRENT_IN_INDEX
from app.storage.liveness import MAYBE_ACTIVE, TokenTable, is_active_at, status_now
from app.storage.single_tier import LISTED_IN_INDEX
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow

_ENDING: tuple[tuple[TokenTable, ColumnElement[bool]], ...] = (
    (RefreshTokenRow, true()),
    (AccessTokenRow, LISTED_IN_INDEX),
)
"""The tokens that need renewal by hand; minted access tokens are replaced by the next mint."""


def latest_under(session: Session, refresh_token_ids: Sequence[int]) -> dict[int, AccessTokenRow]:
    """The newest access token of each of these refresh tokens, if any."""
    under = select(AccessTokenRow.id).where(AccessTokenRow.refresh_token_id == RefreshTokenRow.id).limit(1)
    candidates = (
        under.order_by(AccessTokenRow.created_at.desc(), AccessTokenRow.id.desc()),
        under.where(CURRENT_IN_INDEX).order_by(AccessTokenRow.id.desc()),  # newer than one of a clock that was ahead
    )
    ids = [select(each.scalar_subquery()).where(RefreshTokenRow.id.in_(refresh_token_ids)) for each in candidates]
    rows = session.scalars(
        select(AccessTokenRow).where(AccessTokenRow.id.in_(union_all(*ids))).order_by(AccessTokenRow.id)
    )
    return {row.refresh_token_id: row for row in rows if row.refresh_token_id is not None}


def by_status(session: Session, table: TokenTable, now: datetime, *, single_tier: bool | None = None) -> dict[str, int]:
    """How many tokens of one tier are in each state at `now`. `single_tier`: only these, or only others."""
    query = select(status_now(table, now), func.count())
    if single_tier is not None:
        parent = AccessTokenRow.refresh_token_id
        query = query.where(parent.is_(None) if single_tier else parent.is_not(None))
    # By position: PostgreSQL does not recognise an expression with parameters as the same.
    return {str(TokenStatus(status)): number for status, number in session.execute(query.group_by(text("1")))}


def count_active_of_users(session: Session, user_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    """How many active refresh tokens, and active single-tier tokens, each of these users has."""
    refresh, single_tier = (
        {
            user_id: number
            for user_id, number in session.execute(
                select(table.user_id, func.count())
                .where(table.user_id.in_(user_ids), is_active_at(table, now), condition)
                .group_by(table.user_id)
            )
        }
        for table, condition in _ENDING
    )
    return {user_id: (refresh.get(user_id, 0), single_tier.get(user_id, 0)) for user_id in user_ids}


def revocable_of_user(session: Session, user_id: int, now: datetime) -> tuple[int, int]:
    """How many refresh tokens and access tokens revoking all of this user's would revoke.

    Expired refresh tokens count: they can be regenerated.
    """
    not_revoked = (RefreshTokenRow.user_id == user_id, RefreshTokenRow.status != TokenStatus.REVOKED)
    active = (AccessTokenRow.user_id == user_id, CURRENT_IN_INDEX, is_active_at(AccessTokenRow, now))
    refresh = session.scalar(select(func.count()).select_from(RefreshTokenRow).where(*not_revoked))
    access = session.scalar(select(func.count()).select_from(AccessTokenRow).where(*active))
    return refresh or 0, access or 0


def users_by_state(session: Session) -> dict[bool, int]:
    """How many users are enabled (True) and disabled (False)."""
    query = select(UserRow.is_active, func.count()).group_by(UserRow.is_active)
    return {is_active: number for is_active, number in session.execute(query)}


def endings(session: Session, now: datetime, until: datetime, shown: int) -> list[Ending]:
    """The active refresh and single-tier tokens that expire before `until`, by day (UTC), without empty days.

    `shown`: the maximum number of names a day.
    """
    found: dict[tuple[TokenTable, date], int] = {}
    for table, condition in _ENDING:
        day = _day_of(session, table)
        active = (is_active_at(table, now), condition, table.expires_at < until)
        for text_of_day, number in session.execute(select(day, func.count()).where(*active).group_by(text("1"))):
            found[table, date.fromisoformat(text_of_day)] = number
    names = _first_names(session, list(found), now, shown)
    counts: dict[date, int] = {}
    for (_, day_of_end), number in found.items():
        counts[day_of_end] = counts.get(day_of_end, 0) + number
    return [Ending(each, counts[each], names.get(each, [])) for each in sorted(counts)]


def _day_of(session: Session, table: TokenTable) -> ColumnElement[str]:
    """The day (UTC) on which each row expires, as ``YYYY-MM-DD``."""
    if session.get_bind().dialect.name == "sqlite":  # stored as text that begins with it
        return func.substr(table.expires_at, 1, 10, type_=String)
    return func.to_char(func.timezone("UTC", table.expires_at), "YYYY-MM-DD", type_=String)


def _first_names(
    session: Session, where: Sequence[tuple[TokenTable, date]], now: datetime, shown: int
) -> dict[date, list[str]]:
    """One small index range for each table and day, all in one statement."""
    conditions = dict(_ENDING)
    parts = []
    for table, day in where:
        begin = datetime.combine(day, time(), UTC)
        name = RefreshTokenRow.name if table is RefreshTokenRow else func.coalesce(AccessTokenRow.description, "")
        within = (table.expires_at > now, table.expires_at >= begin, table.expires_at < begin + timedelta(days=1))
        query = select(literal(day.isoformat()).label("day"), table.expires_at.label("ends"), name.label("name"))
        query = query.where(table.status.in_(MAYBE_ACTIVE), conditions[table], *within)
        parts.append(select(query.order_by(table.expires_at).limit(shown).subquery()))
    found: dict[date, list[str]] = {}
    listed = session.execute(union_all(*parts)).all() if parts else []
    for text_of_day, _, name in sorted(listed, key=lambda row: row.ends):
        found.setdefault(date.fromisoformat(text_of_day), []).append(name or "(no description)")
    return {day: names[:shown] for day, names in found.items()}
