"""Queries on the uses of the two secrets of rotated refresh tokens, by client address.

Writes need the row lock of the refresh token. Not here: the last use of a token (``refresh_tokens``).
"""

from datetime import datetime
from functools import cache
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.domain.rotation import SecretUse
from app.storage.secret_tables import SecretUseRow
from app.storage.upserts import upsert

TABLE = cast(Table, SecretUseRow.__table__)

MOST_ADDRESSES = 100
"""Of each secret; further ones are not kept."""


def note(
    session: Session, refresh_token_id: int, number: int, address: str | None, agent: str | None, now: datetime
) -> None:
    """Note a use of the secret with this number, in one statement."""
    values = {"token": refresh_token_id, "number": number, "address": address or "", "agent": agent, "now": now}
    session.execute(_note(session.get_bind().dialect.name == "sqlite"), values)


@cache
def _note(on_sqlite: bool) -> Any:
    column = TABLE.c
    types = {"token": column.refresh_token_id, "number": column.secret_number, "address": column.address}
    types |= {"now": column.used_at, "agent": column.agent}
    values = [bindparam(name, type_=each.type) for name, each in types.items()]
    same_secret = and_(column.refresh_token_id == bindparam("token"), column.secret_number == bindparam("number"))
    number = select(func.count()).select_from(TABLE).where(same_secret).scalar_subquery()
    is_known = exists().where(same_secret, column.address == bindparam("address"))
    row = select(*values).where(or_(number < MOST_ADDRESSES, is_known))
    statement = upsert(TABLE, on_sqlite).from_select([each.name for each in types.values()], row)
    latest = {"used_at": statement.excluded.used_at, "agent": statement.excluded.agent}
    return statement.on_conflict_do_update(index_elements=list(TABLE.primary_key), set_=latest)


def of_token(session: Session, refresh_token_id: int) -> list[SecretUse]:
    """Of both secrets, the latest first."""
    row = SecretUseRow
    query = select(row.secret_number, row.used_at, row.address, row.agent).where(
        row.refresh_token_id == refresh_token_id
    )
    return [
        SecretUse(number, at, address or None, agent)
        for number, at, address, agent in session.execute(query.order_by(row.used_at.desc(), row.address))
    ]
