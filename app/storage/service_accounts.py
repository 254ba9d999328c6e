"""Queries on service accounts, by those who answer for them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, union
from sqlalchemy.orm import Session, aliased

from app.domain.identity import Kind
from app.storage.leavers import is_enabled
from app.storage.tables import UserRow

SERVICE: ColumnElement[str] = literal_column(f"'{Kind.SERVICE}'")
"""In the words of the partial indexes, so that they are taken."""

IS_SERVICE = UserRow.kind == SERVICE


def of_person(session: Session, person_id: int, most: int) -> list[UserRow]:
    """At most `most` that a person answers for, as responsible or deputy, by user name."""
    query = select(UserRow).where(_answered_by(person_id)).order_by(UserRow.username)
    return list(session.scalars(query.limit(most)))


def answers_for_any(person_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the person of a row answers for an account. Each condition by itself, so that it finds its index."""
    account = aliased(UserRow)
    return or_(
        *(
            exists().where(account.kind == SERVICE, column == person_id)
            for column in (account.responsible_id, account.deputy_id)
        )
    )


def count_unanswered(session: Session, old: datetime | None) -> int:
    """How many enabled accounts have no active responsible person. `old`: as :func:`is_unanswered`."""
    return session.scalar(select(func.count()).select_from(UserRow).where(is_unanswered(old))) or 0


def unanswered_among(session: Session, user_ids: Sequence[int], old: datetime | None) -> set[int]:
    """Those of these users that are enabled accounts without an active responsible person."""
    return set(session.scalars(select(UserRow.id).where(UserRow.id.in_(user_ids), is_unanswered(old))))


def is_unanswered(old: datetime | None) -> ColumnElement[bool]:
    """Whether a row is that of an enabled service account without an active responsible person.

    `old`: the last sign-in of a person that is too old (``leavers``).
    """
    person = aliased(UserRow)
    answers = exists().where(person.id == UserRow.responsible_id, is_enabled(person, old)).correlate(UserRow)
    return and_(IS_SERVICE, UserRow.is_active, ~answers)


def _answered_by(person_id: int) -> ColumnElement[bool]:
    """Each column by itself, so that it finds its index."""
    row = aliased(UserRow)
    ids = (
        select(row.id).where(row.kind == SERVICE, column == person_id) for column in (row.responsible_id, row.deputy_id)
    )
    return UserRow.id.in_(union(*ids))
