"""Queries on identities: who at which provider is which user, or will be.

They are written behind the lock of their user's row. Not here: their sessions (``sessions``).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, false, or_, select
from sqlalchemy.orm import Session

from app.domain.emails import canonical_email
from app.domain.identities import ExpectedIdentity, Identity
from app.domain.identity import Kind, Role, canonical_username
from app.domain.provisioned import Managed
from app.storage.leavers import is_enabled, too_old
from app.storage.scim_users import IS_MANAGED
from app.storage.tables import ExpectedIdentityRow, IdentityRow, UserRow


def find(session: Session, issuer: str, subject: str) -> IdentityRow | None:
    """As it is now, whatever was read in this transaction before."""
    query = select(IdentityRow).where(IdentityRow.issuer == issuer, IdentityRow.subject == subject)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def find_numbered(session: Session, user_id: int, identity_id: int) -> IdentityRow | None:
    """Of this user, by its id."""
    query = select(IdentityRow).where(IdentityRow.id == identity_id, IdentityRow.user_id == user_id)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def of_provisioned(session: Session, attribute: str, value: str) -> UserRow | None:
    """The only user whom SCIM manages with this value of SCIM's attribute, as it is once the lock was waited for.

    None where there are several: nobody is then known by it. The row stays locked.
    """
    query = select(UserRow).where(IS_MANAGED, _has(attribute, value)).order_by(UserRow.id).limit(2)
    held = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    found = list(session.scalars(held))
    return found[0] if len(found) == 1 else None


def was_provisioned(session: Session, attribute: str, value: str) -> bool:
    """Whether SCIM has deleted a user with this value, who is disabled since and waits for their return."""
    has_left = (UserRow.managed_by == Managed.LEFT, UserRow.deleted_at.is_(None), UserRow.is_active.is_(False))
    return session.scalar(select(exists().where(*has_left, _has(attribute, value)))) is True


def _has(attribute: str, value: str) -> ColumnElement[bool]:
    columns: dict[str, tuple[Any, str | None]] = {
        "externalId": (UserRow.external_id, value),
        "userName": (UserRow.username, canonical_username(value)),
        "emails": (UserRow.email_key, canonical_email(value)),
    }
    column, wanted = columns[attribute]
    return false() if wanted is None else column == wanted


def has_of_issuer(session: Session, user_id: int, issuer: str) -> bool:
    """Whether somebody at this provider is linked to the user."""
    query = select(exists().where(IdentityRow.user_id == user_id, IdentityRow.issuer == issuer))
    return session.scalar(query) is True


def insert(
    session: Session,
    user_id: int,
    issuer: str,
    subject: str,
    now: datetime,
    provider: str = "",
    linked_by: str | None = None,
) -> IdentityRow:
    """Raises IntegrityError where this person is linked already, to this user or another."""
    row = IdentityRow(
        user_id=user_id, provider=provider, issuer=issuer, subject=subject, created_at=now, linked_by=linked_by
    )
    session.add(row)
    session.flush()
    return row


def remove(session: Session, identity_id: int) -> None:
    session.execute(delete(IdentityRow).where(IdentityRow.id == identity_id))


def of_user(session: Session, user_id: int) -> list[Identity]:
    """In the order in which they were linked."""
    query = select(IdentityRow).where(IdentityRow.user_id == user_id).order_by(IdentityRow.id)
    return [as_identity(row) for row in session.scalars(query)]


def of_users(session: Session, user_ids: Sequence[int]) -> dict[int, list[Identity]]:
    """The same of several, by user id; nothing of those who have none."""
    query = select(IdentityRow).where(IdentityRow.user_id.in_(user_ids)).order_by(IdentityRow.id)
    found: dict[int, list[Identity]] = {}
    for row in session.scalars(query):
        found.setdefault(row.user_id, []).append(as_identity(row))
    return found


def is_any(session: Session) -> bool:
    """Whether anybody is linked."""
    return session.scalar(select(exists(select(IdentityRow.id)))) is True


def is_linked(session: Session, user_id: int) -> bool:
    """Whether a provider knows this user."""
    return session.scalar(select(exists().where(IdentityRow.user_id == user_id))) is True


def expect(
    session: Session,
    user_id: int,
    issuer: str,
    email_key: str,
    now: datetime,
    linked_by: str,
    *,
    for_administrator: bool,
) -> ExpectedIdentityRow:
    """Raises IntegrityError where somebody is expected with this e-mail already."""
    row = ExpectedIdentityRow(
        user_id=user_id,
        issuer=issuer,
        email_key=email_key,
        for_administrator=for_administrator,
        created_at=now,
        linked_by=linked_by,
    )
    session.add(row)
    session.flush()
    return row


def find_expected(session: Session, issuer: str, email_key: str) -> ExpectedIdentityRow | None:
    """As it is now, whatever was read in this transaction before."""
    which = (ExpectedIdentityRow.issuer == issuer, ExpectedIdentityRow.email_key == email_key)
    query = select(ExpectedIdentityRow).where(*which).execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def expected_of_user(session: Session, user_id: int) -> list[ExpectedIdentity]:
    """In the order in which they were named."""
    query = select(ExpectedIdentityRow).where(ExpectedIdentityRow.user_id == user_id)
    return [as_expected(row) for row in session.scalars(query.order_by(ExpectedIdentityRow.id))]


def expected_emails(session: Session, issuer: str) -> list[str]:
    """Those that somebody at this provider is expected with."""
    return list(session.scalars(select(ExpectedIdentityRow.email_key).where(ExpectedIdentityRow.issuer == issuer)))


def no_longer_expect(session: Session, expected_id: int) -> bool:
    """False where it is not expected any more."""
    statement = delete(ExpectedIdentityRow).where(ExpectedIdentityRow.id == expected_id)
    return session.scalar(statement.returning(ExpectedIdentityRow.id)) is not None


def forget(session: Session, user_id: int) -> None:
    """Remove all identities of a user, and all that are expected."""
    for table in (IdentityRow, ExpectedIdentityRow):
        session.execute(delete(table).where(table.user_id == user_id))


def local_administrators(session: Session, now: datetime) -> list[int]:
    """The ids of the administrators who are enabled, not away, and have a password that has not expired."""
    expires_at = UserRow.password_expires_at
    works = or_(~UserRow.has_temporary_password, expires_at.is_(None), expires_at > now)
    query = select(UserRow.id).where(
        UserRow.role == Role.SERVER_ADMIN,
        is_enabled(UserRow, too_old(session, now)),
        UserRow.kind == Kind.PERSON,
        UserRow.password_hash.is_not(None),
        works,
    )
    return list(session.scalars(query.order_by(UserRow.id)))


def as_identity(row: IdentityRow) -> Identity:
    return Identity(
        id=row.id,
        user_id=row.user_id,
        provider=row.provider,
        issuer=row.issuer,
        subject=row.subject,
        created_at=row.created_at,
        linked_by=row.linked_by,
        last_sign_in_at=row.last_sign_in_at,
    )


def as_expected(row: ExpectedIdentityRow) -> ExpectedIdentity:
    return ExpectedIdentity(
        id=row.id,
        user_id=row.user_id,
        issuer=row.issuer,
        email=row.email_key,
        created_at=row.created_at,
        linked_by=row.linked_by,
    )
