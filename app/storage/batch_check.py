"""What the check reads, of many access tokens in one statement. Not here: the columns (``check``)."""

from collections.abc import Iterable

from sqlalchemy import bindparam
from sqlalchemy.orm import Session

from app.storage.check import CHECKED, CheckedRow
from app.storage.tables import AccessTokenRow

_STATEMENT = CHECKED.add_columns(AccessTokenRow.public_id).where(
    AccessTokenRow.public_id.in_(bindparam("public_ids", expanding=True))
)


def find_all(session: Session, public_ids: Iterable[str]) -> dict[str, CheckedRow]:
    """The current rows of those that exist, by public id."""
    found = session.execute(_STATEMENT, {"public_ids": list(public_ids)})
    return {row[-1]: CheckedRow._make(row[:-1]) for row in found}
