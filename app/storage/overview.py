"""Aggregates for the pages: what lies under refresh tokens, how many tokens there are, and when they end.

Each is one statement whatever the number of rows. Not here: lists (``listing``), and counts that foretell the effect
of a setting (``counting``).
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import ColumnElement, String, func, literal, select, text, true, union_all
from sqlalchemy.orm import Session

from app.domain.tokens import Ending, TokenStatus
from app.storage.liveness import MAYBE_ALIVE, TokenTable, is_alive, status_now
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow

_ENDING: tuple[tuple[TokenTable, ColumnElement[bool]], ...] = (
    (RefreshTokenRow, true()),
    (AccessTokenRow, AccessTokenRow.refresh_token_id.is_(None)),
)
"""Those somebody has to renew by hand. Access tokens under a refresh token end every day, and are minted again."""


def latest_under(session: Session, refresh_token_ids: Sequence[int]) -> dict[int, AccessTokenRow]:
    """The newest access token of each of these refresh tokens, where there is one."""
    newest = (
        select(func.max(AccessTokenRow.id))
        .where(AccessTokenRow.refresh_token_id.in_(refresh_token_ids))
        .group_by(AccessTokenRow.refresh_token_id)
    )
    rows = session.scalars(select(AccessTokenRow).where(AccessTokenRow.id.in_(newest)))
    return {row.refresh_token_id: row for row in rows if row.refresh_token_id is not None}


def by_status(session: Session, table: TokenTable, now: datetime, *, single_tier: bool | None = None) -> dict[str, int]:
    """How many tokens of one tier are in each state at `now`. `single_tier`: only such, or only others."""
    query = select(status_now(table, now), func.count())
    if single_tier is not None:
        parent = AccessTokenRow.refresh_token_id
        query = query.where(parent.is_(None) if single_tier else parent.is_not(None))
    # By its place: the expression holds parameters, and PostgreSQL does not see that two of them are the same.
    return {str(TokenStatus(status)): number for status, number in session.execute(query.group_by(text("1")))}


def alive_of_users(session: Session, user_ids: Sequence[int], now: datetime) -> dict[int, tuple[int, int]]:
    """How many refresh tokens, and how many single-tier tokens, of each of these users are alive."""
    refresh, single_tier = (
        {
            user_id: number
            for user_id, number in session.execute(
                select(table.user_id, func.count())
                .where(table.user_id.in_(user_ids), is_alive(table, now), condition)
                .group_by(table.user_id)
            )
        }
        for table, condition in _ENDING
    )
    return {user_id: (refresh.get(user_id, 0), single_tier.get(user_id, 0)) for user_id in user_ids}


def revocable_of_user(session: Session, user_id: int, now: datetime) -> tuple[int, int]:
    """How many refresh tokens, and how many access tokens, of this user a revocation of all would end.

    An expired refresh token can be revoked too, for it could be regenerated.
    """
    not_revoked = (RefreshTokenRow.user_id == user_id, RefreshTokenRow.status != TokenStatus.REVOKED)
    alive = (AccessTokenRow.user_id == user_id, is_alive(AccessTokenRow, now))
    refresh = session.scalar(select(func.count()).select_from(RefreshTokenRow).where(*not_revoked))
    access = session.scalar(select(func.count()).select_from(AccessTokenRow).where(*alive))
    return refresh or 0, access or 0


def users_by_state(session: Session) -> dict[bool, int]:
    """How many users are active, and how many are not."""
    query = select(UserRow.is_active, func.count()).group_by(UserRow.is_active)
    return {is_active: number for is_active, number in session.execute(query)}


def endings(session: Session, now: datetime, until: datetime, shown: int) -> list[Ending]:
    """The living refresh tokens and single-tier tokens that end before `until`, by the day (UTC); `shown`: names a day.

    Days on which nothing ends are not there.
    """
    found: dict[tuple[TokenTable, date], int] = {}
    for table, condition in _ENDING:
        day = _day_of(session, table)
        alive = (is_alive(table, now), condition, table.expires_at < until)
        for told, number in session.execute(select(day, func.count()).where(*alive).group_by(text("1"))):
            found[table, date.fromisoformat(told)] = number
    names = _first_names(session, list(found), now, shown)
    counts: dict[date, int] = {}
    for (_, day_of_end), number in found.items():
        counts[day_of_end] = counts.get(day_of_end, 0) + number
    return [Ending(each, counts[each], names.get(each, [])) for each in sorted(counts)]


def _day_of(session: Session, table: TokenTable) -> ColumnElement[str]:
    """The day in UTC on which each row ends, as ``YYYY-MM-DD``."""
    if session.get_bind().dialect.name == "sqlite":  # kept as text that begins with just that
        return func.substr(table.expires_at, 1, 10, type_=String)
    return func.to_char(func.timezone("UTC", table.expires_at), "YYYY-MM-DD", type_=String)


def _first_names(
    session: Session, where: Sequence[tuple[TokenTable, date]], now: datetime, shown: int
) -> dict[date, list[str]]:
    """One small range of the index for each table and day on which some end, all of them in one statement."""
    conditions = dict(_ENDING)
    parts = []
    for table, day in where:
        begin = datetime.combine(day, time(), UTC)
        name = RefreshTokenRow.name if table is RefreshTokenRow else func.coalesce(AccessTokenRow.description, "")
        within = (table.expires_at > now, table.expires_at >= begin, table.expires_at < begin + timedelta(days=1))
        query = select(literal(day.isoformat()).label("day"), table.expires_at.label("ends"), name.label("name"))
        query = query.where(table.status.in_(MAYBE_ALIVE), conditions[table], *within)
        parts.append(select(query.order_by(table.expires_at).limit(shown).subquery()))
    found: dict[date, list[str]] = {}
    listed = session.execute(union_all(*parts)).all() if parts else []
    for told, _, name in sorted(listed, key=lambda row: row.ends):
        found.setdefault(date.fromisoformat(told), []).append(name or "(no description)")
    return {day: names[:shown] for day, names in found.items()}
