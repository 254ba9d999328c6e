"""What stands behind the handles of a list: the names of tokens, and the ids of users. One statement for each table."""

from collections.abc import Collection

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.storage import former_usernames
from app.storage.many_rows import is_one_of
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow


def names_of_tokens(session: Session, public_ids: Collection[str]) -> dict[str, str]:
    """By public id, of either tier; an access token has its description, or the name of its refresh token."""
    refresh = select(RefreshTokenRow.public_id, RefreshTokenRow.name).where(RefreshTokenRow.public_id.in_(public_ids))
    name = func.coalesce(AccessTokenRow.description, RefreshTokenRow.name, "")
    access = select(AccessTokenRow.public_id, name).where(AccessTokenRow.public_id.in_(public_ids))
    access = access.outerjoin(RefreshTokenRow, RefreshTokenRow.id == AccessTokenRow.refresh_token_id)
    return {public_id: text for query in (refresh, access) for public_id, text in session.execute(query)}


def ids_of_users(session: Session, usernames: Collection[str]) -> dict[str, int]:
    """By user name."""
    query = select(UserRow.username, UserRow.id).where(is_one_of(session, UserRow.username, usernames))
    return {username: user_id for username, user_id in session.execute(query)}


def ids_of_users_ever(session: Session, usernames: Collection[str]) -> dict[str, int]:
    """By user name, present or former, as events have them."""
    return former_usernames.ids_of_users(session, usernames) | ids_of_users(session, usernames)
