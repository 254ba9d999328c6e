"""What the check reads, of many access tokens in one statement. Not here: the columns (``check``)."""

from collections.abc import Collection

from sqlalchemy.orm import Session

from app.storage.check import CHECKED, CheckedRow
from app.storage.many_rows import is_one_of
from app.storage.tables import AccessTokenRow


def find_all(session: Session, public_ids: Collection[str]) -> dict[str, CheckedRow]:
    """The current rows of those that exist, by public id."""
    query = CHECKED.add_columns(AccessTokenRow.public_id)
    found = session.execute(query.where(is_one_of(session, AccessTokenRow.public_id, public_ids)))
    return {row[-1]: CheckedRow._make(row[:-1]) for row in found}
