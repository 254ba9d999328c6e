"""Queries on the sessions of the web pages. Not here: when one is over (``app.domain.sessions``)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Select, delete, literal, select, update
from sqlalchemy.orm import Session

from app.domain.second_factors import NO_FACTOR, FactorStanding
from app.domain.sessions import WebSession
from app.domain.sign_ins import Arrival, SignInMethod
from app.storage.many_rows import rows_of
from app.storage.second_factor_tables import SecondFactorRow
from app.storage.second_factors import FOR_ADMINISTRATORS, as_standing
from app.storage.service_accounts import answers_for_any
from app.storage.tables import IdentityRow, SessionRow, UserRow
from app.storage.users import as_user

BY_PASSWORD_NOW = Arrival()


def insert(
    session: Session,
    digest: str,
    user_id: int,
    now: datetime,
    address: str | None = None,
    device: str | None = None,
    arrival: Arrival = BY_PASSWORD_NOW,
) -> SessionRow:
    row = SessionRow(
        digest=digest,
        user_id=user_id,
        created_at=now,
        seen_at=now,
        proved_at=arrival.proved_at or now,
        address=address,
        device=device,
        method=arrival.method,
        identity_id=arrival.identity_id,
        provider_session=arrival.provider_session,
        id_token=arrival.id_token,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, digest: str) -> WebSession | None:
    """The session with its current user, ended or not."""
    further = SecondFactorRow, FOR_ADMINISTRATORS
    query = _with_provider(SessionRow, UserRow, answers_for_any(SessionRow.user_id.expression), further=further)
    query = query.outerjoin(SecondFactorRow, SecondFactorRow.user_id == SessionRow.user_id)
    row = session.execute(query.where(SessionRow.digest == digest)).one_or_none()
    if row is None:
        return None
    found, owner, answers, provider, factor, for_administrators = row
    return as_session(found, owner, answers, provider, as_standing(factor, for_administrators))


def has(session: Session, row_id: int, digest: str) -> bool:
    """Whether this session has this cookie: neither ended nor renewed."""
    query = select(SessionRow.id).where(SessionRow.id == row_id, SessionRow.digest == digest)
    return session.scalar(query) is not None


def of_user(session: Session, user_id: int, most: int) -> list[WebSession]:
    """The newest `most` of a user, ended or not, newest first."""
    query = _with_provider(SessionRow, UserRow, literal(False))
    found = session.execute(query.where(SessionRow.user_id == user_id).order_by(SessionRow.id.desc()).limit(most))
    return [as_session(*each) for each in found]


def touch(session: Session, row_id: int, **instants: datetime) -> None:
    """Update `seen_at`."""
    session.execute(update(SessionRow).where(SessionRow.id == row_id).values(**instants))


def renew(
    session: Session, known: WebSession, digest: str, proved_at: datetime, arrival: Arrival | None = None
) -> bool:
    """Give a session another cookie, proved then; False where it has ended or was renewed.

    `arrival`: where the proof was a provider's, by which the session goes on.
    """
    values: dict[str, Any] = {"digest": digest, "proved_at": proved_at}
    if arrival is not None:
        values |= {
            "method": arrival.method,
            "identity_id": arrival.identity_id,
            "provider_session": arrival.provider_session,
            "id_token": arrival.id_token,
        }
    which = (SessionRow.id == known.id, SessionRow.digest == known.digest)
    return session.scalar(update(SessionRow).where(*which).values(values).returning(SessionRow.id)) is not None


def id_token_of(session: Session, row_id: int) -> str | None:
    """What the logout at the provider asks for, encrypted."""
    return session.scalar(select(SessionRow.id_token).where(SessionRow.id == row_id))


def end_of_identity(session: Session, identity_id: int) -> int:
    """Delete the sessions that this identity of a provider began; how many."""
    return rows_of(session, delete(SessionRow).where(SessionRow.identity_id == identity_id))


def end(session: Session, digest: str) -> int | None:
    """Delete a session; its user's id, or None where there is none."""
    statement = delete(SessionRow).where(SessionRow.digest == digest).returning(SessionRow.user_id)
    return session.scalar(statement)


def end_numbered(session: Session, user_id: int, number: int) -> bool:
    """Delete the session of a user with this id; False where there is none."""
    statement = delete(SessionRow).where(SessionRow.id == number, SessionRow.user_id == user_id)
    return session.scalar(statement.returning(SessionRow.id)) is not None


def end_of_user(session: Session, user_id: int, but: int | None = None) -> int:
    """Delete the sessions of a user except the one with the id `but`; how many."""
    statement = delete(SessionRow).where(SessionRow.user_id == user_id)
    if but is not None:
        statement = statement.where(SessionRow.id != but)
    return rows_of(session, statement)


def end_oldest(session: Session, user_id: int, keep: int, most: int) -> list[int]:
    """Delete the sessions of a user except the newest `keep`, at most `most`; their ids.

    In the order of their ids, so that no clock decides which one ends.
    """
    newest_first = select(SessionRow.id).where(SessionRow.user_id == user_id).order_by(SessionRow.id.desc())
    beyond = newest_first.limit(most).offset(keep)
    return list(session.scalars(delete(SessionRow).where(SessionRow.id.in_(beyond)).returning(SessionRow.id)))


def purge(session: Session, cutoff: datetime, most: int) -> int:
    """Delete at most `most` that began at or before `cutoff`; how many."""
    old = select(SessionRow.id).where(SessionRow.created_at <= cutoff).order_by(SessionRow.created_at).limit(most)
    statement = delete(SessionRow).where(SessionRow.id.in_(old)).returning(SessionRow.id)
    return len(session.scalars(statement).all())


def _with_provider(*columns: Any, further: tuple[Any, ...] = ()) -> Select[Any]:
    """With the name of the provider that began the session, as the identity's last sign-in has it; then `further`."""
    query = select(*columns, IdentityRow.provider, *further).join(UserRow, UserRow.id == SessionRow.user_id)
    return query.outerjoin(IdentityRow, IdentityRow.id == SessionRow.identity_id)


def as_session(
    row: SessionRow,
    owner: UserRow,
    answers_for_accounts: bool = False,
    provider: str | None = None,
    second_factor: FactorStanding = NO_FACTOR,
) -> WebSession:
    return WebSession(
        id=row.id,
        user=as_user(owner),
        created_at=row.created_at,
        seen_at=row.seen_at,
        proved_at=row.proved_at,
        has_temporary_password=owner.has_temporary_password,
        address=row.address,
        device=row.device,
        digest=row.digest,
        answers_for_accounts=answers_for_accounts,
        method=SignInMethod(row.method),
        identity_id=row.identity_id,
        provider=provider,
        has_password=owner.password_hash is not None,
        second_factor=second_factor,
    )
