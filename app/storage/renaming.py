"""The name and the description of a token. Not here: their rules (``app.domain.text``), and who changes them."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from sqlalchemy import null, select, update
from sqlalchemy.orm import Session

from app.domain.tokens import FINAL, TokenKind
from app.storage.both_tiers import StoredToken
from app.storage.tables import AccessTokenRow, RefreshTokenRow


class Labels(NamedTuple):
    """`name`: None for an access token, which has none of its own."""

    name: str | None
    description: str | None


def labels_of(session: Session, token: StoredToken) -> Labels:
    """Of a locked token."""
    if token.kind == TokenKind.REFRESH:
        columns: tuple[Any, ...] = (RefreshTokenRow.name, RefreshTokenRow.description)
        return Labels._make(session.execute(select(*columns).where(RefreshTokenRow.id == token.id)).one())
    columns = (cast(Any, null()), AccessTokenRow.description)
    return Labels._make(session.execute(select(*columns).where(AccessTokenRow.id == token.id)).one())


def label(session: Session, token: StoredToken, values: Mapping[str, str | None]) -> bool:
    """Change the columns named; False where the token has ended, or is another owner's, meanwhile."""
    table = RefreshTokenRow if token.kind == TokenKind.REFRESH else AccessTokenRow
    statement = update(table).where(table.id == token.id, table.user_id == token.user_id, table.status.not_in(FINAL))
    return session.scalar(statement.values(dict(values)).returning(table.id)) is not None
