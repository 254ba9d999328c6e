"""Tokens that were made with access tokens: ``created_with`` of both tables, and following it.

An access token is kept while a token that it made is, so that the line is never broken. Not here: who may make which
(``app.domain.ladder``), and revoking (``app.services.revoking``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Integer, Select, exists, func, literal, null, or_, select, true
from sqlalchemy.orm import Session, aliased

from app.domain.tokens import FINAL, TokenKind
from app.storage.liveness import TokenTable
from app.storage.tables import AccessTokenRow, RefreshTokenRow

CHUNK = 500
"""Rows of one statement, for the limits on its parameters."""


LONGEST_LINE = 1000
"""Tokens that each made the next one: following them takes some statements a link."""


@dataclass(frozen=True)
class Maker:
    """The access token that makes another token, if one does. `until`: when that expires at the latest, or None."""

    public_id: str | None = None
    until: datetime | None = None


NO_TOKEN = Maker()


def created_with(maker: Maker) -> dict[str, str]:
    """The detail of an audit event about what made a token."""
    return {} if maker.public_id is None else {"created_with": maker.public_id}


def maker_columns(maker: Maker) -> dict[str, Any]:
    """The columns of a refresh token about what made its secret."""
    return {"created_with": maker.public_id, "renewable_until": maker.until}


def has_made_others() -> ColumnElement[bool]:
    """Whether an access token made a token that is left."""
    tables: tuple[Any, ...] = (RefreshTokenRow, aliased(AccessTokenRow))
    return or_(*(exists().where(each.created_with == AccessTokenRow.public_id) for each in tables))


def is_at_the_end(session: Session, public_id: str) -> bool:
    """Whether LONGEST_LINE tokens led to this access token: what made it or its refresh token, and so on."""
    line = select(literal(public_id).label("public_id")).cte("line", recursive=True)
    made, above = aliased(AccessTokenRow), aliased(AccessTokenRow)
    parent = select(RefreshTokenRow.created_with).where(RefreshTokenRow.id == made.refresh_token_id).scalar_subquery()
    step = select(above.public_id).select_from(line).join(made, made.public_id == line.c.public_id)
    line = line.union(
        step.join(above, above.public_id.in_([made.created_with, parent]))
    )  # each once: there are circles
    return (session.scalar(select(func.count()).select_from(line)) or 0) >= LONGEST_LINE


def _matters(table: TokenTable) -> ColumnElement[bool]:
    """Whether a token can be revoked, or made others. There can be any number of those that do not."""
    if table is RefreshTokenRow:
        return true()  # ended ones lead on to what their access tokens made
    return or_(AccessTokenRow.status.not_in(FINAL), has_made_others())


class Made(NamedTuple):
    """A token that another one made. `parent`: the refresh token of an access token, by row."""

    kind: str
    id: int
    public_id: str
    parent: int | None


def made_from(session: Session, user_id: int, roots: Sequence[Made]) -> Iterator[Made]:
    """What was made with these tokens of a user, and with that, and so on; each once, without the roots.

    In any state, without access tokens that are final and made nothing.

    With a refresh token: what was made with its access tokens. A level at a time, so that no more is read than found.
    """
    seen, level = set(roots), list(roots)
    while level:
        found: list[Made] = []
        for start in range(0, len(level), CHUNK):
            for made in _made_with(session, user_id, level[start : start + CHUNK]):
                if made not in seen:
                    seen.add(made)
                    found.append(made)
        yield from found
        level = found


def _made_with(session: Session, user_id: int, makers: Sequence[Made]) -> list[Made]:
    """What these tokens made themselves. Each condition by itself, so that it finds its index."""
    access = [each.public_id for each in makers if each.kind == TokenKind.ACCESS]
    refresh = [each.id for each in makers if each.kind == TokenKind.REFRESH]
    found: list[Made] = []
    for table in (RefreshTokenRow, AccessTokenRow):
        if access:
            made = _columns(table).where(table.created_with.in_(access), _matters(table))
            found += map(Made._make, session.execute(made))
        if refresh:
            maker = aliased(AccessTokenRow)
            parent = select(maker.refresh_token_id).where(maker.public_id == table.created_with).scalar_subquery()
            made = _columns(table).where(table.user_id == user_id, table.created_with.is_not(None))
            made = made.where(
                parent.in_(refresh), _matters(table)
            )  # not a join, which would read all that a refresh token minted
            found += map(Made._make, session.execute(made))
    return found


def _columns(table: TokenTable) -> Select[Any]:
    """Those of :class:`Made`."""
    kind, parent = TokenKind.REFRESH, cast(Any, null().cast(Integer))
    if table is AccessTokenRow:
        kind, parent = TokenKind.ACCESS, AccessTokenRow.refresh_token_id
    columns: tuple[Any, ...] = (literal(kind.value), table.id, table.public_id, parent)
    return select(*columns).select_from(table)
