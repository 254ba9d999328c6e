"""Queries for the history of one token. Each reads a bounded number of rows by an index."""

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.domain.audit import Result
from app.storage.audit_tables import AuditEventRow
from app.storage.tables import AccessTokenRow


class Request(NamedTuple):
    """A mint. `generation`: the number of the request with its refresh token, of which regenerations count too."""

    at: datetime
    address: str | None
    generation: int


def events(session: Session, kind: str, public_id: str, actions: Collection[str], most: int) -> list[AuditEventRow]:
    """The newest `most` audit events with these actions about one token, newest first. `kind`: of the object."""
    query = select(AuditEventRow).where(AuditEventRow.object_id == public_id, AuditEventRow.object_kind == kind)
    query = query.where(AuditEventRow.action.in_(actions), AuditEventRow.result == Result.DONE)
    return list(session.scalars(query.order_by(AuditEventRow.id.desc()).limit(most)))


def newest_requests(session: Session, refresh_token_id: int, most: int) -> list[Request]:
    """The newest `most` mints with a refresh token, newest first."""
    return _requests(session, _of(refresh_token_id).order_by(AccessTokenRow.created_at.desc()).limit(most))


def oldest_request(session: Session, refresh_token_id: int) -> Request | None:
    """The oldest mint that is kept, if any."""
    found = _requests(session, _of(refresh_token_id).order_by(AccessTokenRow.created_at).limit(1))
    return found[0] if found else None


def _of(refresh_token_id: int) -> Select[Any]:
    columns: tuple[Any, ...] = (AccessTokenRow.created_at, AccessTokenRow.minted_from, AccessTokenRow.generation)
    return select(*columns).where(AccessTokenRow.refresh_token_id == refresh_token_id)


def _requests(session: Session, query: Select[Any]) -> list[Request]:
    return [Request._make(row) for row in session.execute(query)]
