"""Queries on users."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import (
    BindParameter,
    Row,
    Select,
    String,
    Subquery,
    Table,
    and_,
    bindparam,
    case,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Session

from app.domain.identity import ApiTokens, Kind, Role, User
from app.domain.leavers import is_away, sign_in_by
from app.domain.provisioned import Managed
from app.storage.user_table import VALID_DAYS, FormerUsernameRow, UserRow

TABLE = cast(Table, UserRow.__table__)

_ADMINISTERS = and_(UserRow.role == Role.SERVER_ADMIN, UserRow.is_active, UserRow.kind == Kind.PERSON)
"""Is an enabled administrator who can sign in."""


def find(session: Session, username: str) -> UserRow | None:
    """By canonical user name."""
    return session.scalars(select(UserRow).where(UserRow.username == username)).one_or_none()


class SignIn(NamedTuple):
    """The data of a sign-in; both None where there is no such user, and no hash of a service account."""

    user: User | None
    password_hash: str | None


def _enabled_with(email: str | BindParameter[str]) -> Subquery:
    """Two at most: more make no difference."""
    signs_in = (TABLE.c.is_active, TABLE.c.kind != Kind.SERVICE)
    return select(TABLE.c.id).where(TABLE.c.email_key == email, *signs_in).limit(2).correlate(None).subquery()


def _of_sign_in() -> Select[Any]:
    """The user by `typed_name`, or else by `typed_email`: one row, without a user where there is none."""
    one, with_email = select(literal(1)).subquery(), _enabled_with(bindparam("typed_email", type_=String()))
    by_name = select(TABLE.c.id).where(TABLE.c.username == bindparam("typed_name")).correlate(None).scalar_subquery()
    is_only_one = case((func.count() == 1, func.min(with_email.c.id)))
    found = func.coalesce(by_name, select(is_only_one).select_from(with_email).scalar_subquery())
    columns = select(TABLE, VALID_DAYS.label("valid_days"))
    return columns.select_from(one.outerjoin(TABLE, TABLE.c.id == found))


_SIGN_IN = _of_sign_in()
"""Put together once: that takes longer than running it."""


def find_sign_in(session: Session, username: str | None, email: str | None) -> SignIn:
    """By canonical user name, or else by canonical e-mail where it is of one enabled person only.

    The user name wins whatever that user's state, so that nobody's e-mail catches another's sign-in. One statement that
    always reads one row, so that an unknown user takes the same time.
    """
    # None equals nothing in SQL: it finds no user without an e-mail.
    row = session.execute(_SIGN_IN, {"typed_name": username, "typed_email": email}).one()
    # Whatever is stored: the release before would set a password.
    password_hash = None if row.kind == Kind.SERVICE else row.password_hash
    return SignIn(None if row.id is None else as_user(row, row.valid_days), password_hash)


def is_email_of_another(session: Session, email_key: str, user_id: int | None = None) -> bool:
    """Whether an enabled person other than this one has an e-mail, in its form for look-up."""
    return any(each != user_id for each in session.scalars(select(_enabled_with(email_key))))


def find_ever(session: Session, username: str) -> UserRow | None:
    """By the present user name, or else by a former one; a deleted user only as they are called now."""
    present = find(session, username)
    if present is not None:
        return present
    former = select(FormerUsernameRow.user_id).where(FormerUsernameRow.username == username)
    return session.scalars(select(UserRow).where(UserRow.id.in_(former))).one_or_none()


def find_counted_by(session: Session, name: str) -> UserRow | None:
    """By the name that sign-ins are counted by (:attr:`User.counted_by`).

    The first of two: the release before, which knows no former user names, may have given one a second time.
    """
    counted_by = func.coalesce(UserRow.first_username, UserRow.username)
    return session.scalars(select(UserRow).where(counted_by == name).order_by(UserRow.id).limit(1)).first()


def get(session: Session, user_id: int) -> UserRow | None:
    return session.get(UserRow, user_id)


class Standing(NamedTuple):
    """What a user may be and prove at this moment."""

    role: Role
    is_active: bool
    password_hash: str | None


def standing(session: Session, user_id: int) -> Standing | None:
    """As the database has it now, whatever was read in this transaction before."""
    query = select(TABLE.c.role, TABLE.c.is_active, TABLE.c.password_hash).where(TABLE.c.id == user_id)
    row = session.execute(query).one_or_none()
    return None if row is None else Standing(Role(row.role), row.is_active, row.password_hash)


def every(session: Session) -> Iterator[UserRow]:
    """All users but deleted ones, in order of user name, read in batches."""
    query = select(UserRow).where(UserRow.deleted_at.is_(None)).order_by(UserRow.username)
    return iter(session.scalars(query.execution_options(yield_per=500)))


def administrators(session: Session) -> list[UserRow]:
    """The enabled administrators who can sign in, in order of user name."""
    return list(session.scalars(select(UserRow).where(_ADMINISTERS).order_by(UserRow.username)))


def replace_digest(session: Session, user_id: int, before: str | None, after: str) -> bool:
    """Replace the digest of the same password; False where the stored one is not `before`."""
    statement = update(UserRow).where(UserRow.id == user_id, UserRow.password_hash == before)
    return session.scalar(statement.values(password_hash=after).returning(UserRow.id)) is not None


def get_and_lock(session: Session, user_id: int) -> UserRow | None:
    """An enabled user; the row stays locked."""
    return session.scalars(_held(select(UserRow).where(UserRow.id == user_id, UserRow.is_active))).one_or_none()


def hold(session: Session, user: int | str) -> UserRow | None:
    """By id, or by canonical user name, as it is once the lock was waited for; the row stays locked."""
    which = UserRow.id == user if isinstance(user, int) else UserRow.username == user
    query = _held(select(UserRow).where(which)).execution_options(populate_existing=True)
    return session.scalars(query).one_or_none()


def lock(session: Session, user_id: int) -> None:
    """Lock the row, of an enabled user or not."""
    session.execute(_held(select(UserRow.id).where(UserRow.id == user_id)))


def lock_several(session: Session, user_ids: Iterable[int]) -> dict[int, UserRow]:
    """Lock these users, and read them as they are now.

    Against deadlocks enabled administrators first, as :func:`lock_administrators`, and service accounts last, as those
    who follow a line of tokens.
    """
    order = (_ADMINISTERS.desc(), UserRow.kind, UserRow.id)
    query = _held(select(UserRow).where(UserRow.id.in_(set(user_ids))).order_by(*order))
    return {row.id: row for row in session.scalars(query.execution_options(populate_existing=True))}


def lock_administrators(session: Session, now: datetime) -> list[int]:
    """The ids of all enabled administrators who can sign in; the rows stay locked, so that two changes leave one.

    Without those who must sign in first, who may have left, unless there are no others. Before any other row of a user,
    everywhere.
    """
    query = select(UserRow.id, UserRow.vouched_at, VALID_DAYS).where(_ADMINISTERS).order_by(UserRow.id)
    found = session.execute(_held(query)).all()
    present = [user_id for user_id, vouched_at, days in found if not is_away(vouched_at, days, now)]
    return present or [each.id for each in found]


def _held(query: Select[Any]) -> Select[Any]:
    """FOR NO KEY UPDATE: inserting a token checks the foreign key while it holds the refresh token, and would deadlock
    with FOR UPDATE."""
    return query.with_for_update(key_share=True)


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(UserRow)) or 0


def insert(
    session: Session,
    username: str,
    role: Role,
    password_hash: str | None,
    now: datetime,
    password_expires_at: datetime | None = None,
    **columns: Any,
) -> UserRow:
    row = UserRow(
        username=username,
        role=role,
        password_hash=password_hash,
        has_temporary_password=password_expires_at is not None,
        password_expires_at=password_expires_at,
        is_active=True,
        created_at=now,
        **columns,
    )
    session.add(row)
    session.flush()
    read_names(session, row)
    return row


def read_names(session: Session, row: UserRow) -> None:
    """What is read with a user from elsewhere, once the row was written: the names of who answers for it, a setting."""
    session.flush()
    session.refresh(row, ["responsible", "deputy", "sign_in_valid_days"])


def as_user(row: UserRow | Row[Any], valid_days: str | None = None) -> User:
    """The row as a domain object, without the password's hash. `valid_days`: the setting, for a row without it."""
    return User(
        id=row.id,
        username=row.username,
        email=row.email,
        first_name=row.first_name,
        last_name=row.last_name,
        title=row.title,
        role=Role(row.role),
        is_active=row.is_active,
        api_tokens=ApiTokens(row.api_tokens),
        created_at=row.created_at,
        last_login_at=row.last_login_at,
        # The release before writes only the flag when the user has chosen another one.
        password_expires_at=row.password_expires_at if row.has_temporary_password else None,
        first_username=row.first_username,
        deleted_at=row.deleted_at,
        kind=Kind(row.kind),
        responsible_id=row.responsible_id,
        deputy_id=row.deputy_id,
        responsible=row.responsible if isinstance(row, UserRow) else None,
        deputy=row.deputy if isinstance(row, UserRow) else None,
        is_managed=row.managed_by == Managed.SCIM,
        vouched_at=row.vouched_at,
        sign_in_by=sign_in_by(row.vouched_at, row.sign_in_valid_days if isinstance(row, UserRow) else valid_days),
    )
