"""Removing from other rows what tells of a user who is deleted."""

from collections.abc import Collection

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from app.storage.many_rows import lock_in_order
from app.storage.operating_tables import IdempotencyKeyRow
from app.storage.secret_tables import SecretUseRow
from app.storage.service_accounts import IS_SERVICE
from app.storage.tables import AccessTokenRow, InstanceSettingRow, RefreshTokenRow, UserRow


def forget_places(session: Session, user_id: int) -> None:
    """From where, and with which programs, the user's tokens were used."""
    of_refresh, of_access = ("last_used_ip", "last_used_agent"), ("last_used_ip", "last_used_agent", "minted_from")
    for table, columns in ((RefreshTokenRow, of_refresh), (AccessTokenRow, of_access)):
        holds_any = or_(*(getattr(table, column).is_not(None) for column in columns))
        which = (table.user_id == user_id) & holds_any
        lock_in_order(session, table.id, which)
        session.execute(update(table).where(which).values(dict.fromkeys(columns)))
    mine = select(RefreshTokenRow.id).where(RefreshTokenRow.user_id == user_id)
    session.execute(delete(SecretUseRow).where(SecretUseRow.refresh_token_id.in_(mine)))


def forget_author(session: Session, user_id: int, names: Collection[str], then: str) -> None:
    """That the user revoked tokens of their own, changed instance settings, and was created by a request that may be
    repeated: `then` stands for their names.

    Not in other users' tokens, which no index finds; retention deletes those.
    """
    for table in (RefreshTokenRow, AccessTokenRow):
        which = (table.user_id == user_id) & table.revoked_by.in_(names)
        lock_in_order(session, table.id, which)
        session.execute(update(table).where(which).values(revoked_by=then))
    setting, request = InstanceSettingRow, IdempotencyKeyRow
    session.execute(update(setting).where(setting.changed_by.in_(names)).values(changed_by=then))
    session.execute(update(request).where(request.created.in_(names)).values(created=then))


def forget_answering(session: Session, user_id: int) -> list[int]:
    """That the user answers for service accounts, as a deputy or otherwise; the ids of these accounts."""
    found: set[int] = set()
    for column in (UserRow.deputy_id, UserRow.responsible_id):
        statement = update(UserRow).where(IS_SERVICE, column == user_id)
        found.update(session.scalars(statement.values({column: None}).returning(UserRow.id)))
    return sorted(found)
