"""Queries on the sessions that a provider began, by its own names. Not here: all others (``sessions``)."""

from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from app.domain.providers import LoggedOut
from app.storage.identity_tables import IdentityRow
from app.storage.many_rows import rows_of
from app.storage.tables import SessionRow


def owners(session: Session, logged_out: LoggedOut) -> list[int]:
    """The ids of the users with such sessions."""
    query = select(SessionRow.user_id).where(_named(logged_out)).distinct()
    return list(session.scalars(query.order_by(SessionRow.user_id)))


def end(session: Session, user_id: int, logged_out: LoggedOut) -> int:
    """Delete those of one user; how many."""
    return rows_of(session, delete(SessionRow).where(SessionRow.user_id == user_id, _named(logged_out)))


def _named(logged_out: LoggedOut) -> ColumnElement[bool]:
    """By the provider's session where it names one, else by the person."""
    identity = select(IdentityRow.id).where(IdentityRow.issuer == logged_out.issuer)
    if logged_out.subject is not None:
        identity = identity.where(IdentityRow.subject == logged_out.subject)
    which = SessionRow.identity_id.in_(identity)
    if logged_out.session is None:
        return which
    return and_(SessionRow.provider_session == logged_out.session, which)
