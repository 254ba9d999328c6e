"""Tokens that were made with access tokens: ``created_with`` of both tables, and following it.

An access token is kept while a token that it made is, so that the line is never broken. Not here: who may make which
(``app.domain.ladder``), and revoking (``app.services.revoking``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, cast

from sqlalchemy import ColumnElement, Integer, Select, exists, func, literal, null, or_, select, union
from sqlalchemy.orm import Session, aliased

from app.domain.tokens import TokenKind
from app.storage.liveness import MAYBE_ACTIVE, TokenTable
from app.storage.service_accounts import IS_SERVICE
from app.storage.tables import AccessTokenRow, EarlierOwnerRow, RefreshTokenRow, UserRow

CHUNK = 500
"""Rows of one statement, for the limits on its parameters."""


LONGEST_LINE = 5000
"""Tokens that each made the next one: following them takes some statements a link."""


@dataclass(frozen=True)
class Maker:
    """The access token that makes another token, if one does.

    `until`: when it, or its refresh token, expires; None is never. `lifetime`: the whole one of an API token, which it
    may give to another API token; None is without a limit, and of others. `renewable_until`: what it makes expires then
    at the latest, however often that is made anew; None is without a limit.
    """

    public_id: str | None = None
    until: datetime | None = None
    lifetime: timedelta | None = None
    renewable_until: datetime | None = None


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
    # Each once: there are circles.
    line = line.union(step.join(above, above.public_id.in_([made.created_with, parent])))
    return (session.scalar(select(func.count()).select_from(line)) or 0) >= LONGEST_LINE


class Made(NamedTuple):
    """A token that another one made. `parent`: the refresh token of an access token, by row."""

    kind: str
    id: int
    public_id: str
    parent: int | None
    user_id: int


def made_from(session: Session, roots: Sequence[Made], most: int | None = None) -> Iterator[Made]:
    """What was made with these tokens, and with that, and so on, of any owner; each once, without the roots.

    In any state, but for access tokens that are final and made no other, of which a program can leave any number. With
    a refresh token: what was made with its access tokens. A level at a time, so that no more is read than found; with
    `most`, about as many of each level.
    """
    seen, level = set(roots), list(roots)
    while level:
        found: list[Made] = []
        for start in range(0, len(level), CHUNK):
            for made in _made_with(session, level[start : start + CHUNK], most):
                if made not in seen:
                    seen.add(made)
                    found.append(made)
        yield from found
        level = found


def _made_with(session: Session, makers: Sequence[Made], most: int | None) -> list[Made]:
    """What these tokens made themselves. Each condition by itself, so that it finds its index."""
    access = [each.public_id for each in makers if each.kind == TokenKind.ACCESS]
    refresh = [each.id for each in makers if each.kind == TokenKind.REFRESH]
    found: list[Made] = []
    for table in (RefreshTokenRow, AccessTokenRow):
        if access:
            made = _columns(table).where(table.created_with.in_(access))
            found += _read(session, made, table, most)
        if refresh:
            maker = aliased(AccessTokenRow)
            parent = select(maker.refresh_token_id).where(maker.public_id == table.created_with).scalar_subquery()
            made = _columns(table).where(table.user_id.in_(_owners(refresh)), table.created_with.is_not(None))
            made = made.where(parent.in_(refresh))  # not a join, which would read all that a refresh token minted
            found += _read(session, made, table, most)
    return found


def _owners(refresh_token_ids: Sequence[int]) -> Select[Any]:
    """Those of these refresh tokens, earlier ones too: what was made before a move stays with its owner. And service
    accounts, for which those who answer for them make tokens with their own. No list of ids: there may be many."""
    present = select(RefreshTokenRow.user_id).where(RefreshTokenRow.id.in_(refresh_token_ids))
    earlier = select(EarlierOwnerRow.user_id).where(EarlierOwnerRow.refresh_token_id.in_(refresh_token_ids))
    return select(union(present, earlier, select(UserRow.id).where(IS_SERVICE)).subquery().c[0])


def _read(session: Session, made: Select[Any], table: TokenTable, most: int | None) -> Iterator[Made]:
    if table is AccessTokenRow:
        made = made.where(or_(AccessTokenRow.status.in_(MAYBE_ACTIVE), has_made_others()))
    return map(Made._make, session.execute(made.limit(most)))


def _columns(table: TokenTable) -> Select[Any]:
    """Those of :class:`Made`."""
    kind, parent = TokenKind.REFRESH, cast(Any, null().cast(Integer))
    if table is AccessTokenRow:
        kind, parent = TokenKind.ACCESS, AccessTokenRow.refresh_token_id
    columns: tuple[Any, ...] = (literal(kind.value), table.id, table.public_id, parent, table.user_id)
    return select(*columns).select_from(table)
