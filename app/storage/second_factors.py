"""Queries on second factors and recovery codes. Not here: what a code is (``app.domain.second_factors``)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import delete, func, literal_column, or_, select, update
from sqlalchemy.orm import Session

from app.domain.second_factors import FactorStanding
from app.storage.database import insert_unless_present
from app.storage.second_factor_tables import RecoveryCodeRow, SecondFactorRow
from app.storage.tables import InstanceSettingRow

_THE_SETTING = InstanceSettingRow.key == literal_column("'second_factor_for_administrators'")
FOR_ADMINISTRATORS = select(InstanceSettingRow.value).where(_THE_SETTING).scalar_subquery()
"""Of a query about a session: the stored value of the setting; None while it has its default, off."""


class Stored(NamedTuple):
    """The encrypted secret and the step of the last accepted code."""

    secret: str
    last_step: int


def as_standing(row: SecondFactorRow | None, for_administrators: str | None) -> FactorStanding:
    """`for_administrators`: as :data:`FOR_ADMINISTRATORS`."""
    is_required = for_administrators == "on"
    if row is None:
        return FactorStanding(is_required=is_required)
    return FactorStanding(row.secret is not None, is_required, row.reset_at, row.reset_by)


def find(session: Session, user_id: int) -> SecondFactorRow | None:
    """As it is now, whatever was read in this transaction before."""
    query = select(SecondFactorRow).where(SecondFactorRow.user_id == user_id)
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def standing(session: Session, user_id: int) -> FactorStanding:
    """Of one user."""
    return as_standing(find(session, user_id), session.scalar(select(FOR_ADMINISTRATORS)))


def stored(session: Session, user_id: int) -> Stored | None:
    """None without a second factor."""
    query = select(SecondFactorRow.secret, SecondFactorRow.last_step).where(SecondFactorRow.user_id == user_id)
    row = session.execute(query).one_or_none()
    return None if row is None or row.secret is None else Stored(row.secret, row.last_step)


def put(session: Session, user_id: int, before: int, secret: str, step: int, now: datetime) -> bool:
    """Set the second factor; False where it was changed since its number was `before`. `step`: of its first code."""
    insert_unless_present(session, SecondFactorRow, user_id=user_id, number=0, last_step=0)
    values = {"secret": secret, "last_step": step, "added_at": now, "reset_at": None, "reset_by": None}
    return _change(session, user_id, values, SecondFactorRow.number == before)


def remove(session: Session, user_id: int, *, at: datetime | None = None, by: str | None = None) -> bool:
    """Remove the factor and its recovery codes; False where there was none. `at`, `by`: of a reset, to be told."""
    values = {"secret": None, "last_step": 0, "added_at": None, "reset_at": at, "reset_by": by}
    if not _change(session, user_id, values, SecondFactorRow.secret.is_not(None)):
        return False
    remove_recovery_codes(session, user_id)
    return True


def _change(session: Session, user_id: int, values: dict[str, Any], condition: Any) -> bool:
    row = SecondFactorRow
    statement = update(row).where(row.user_id == user_id, condition).values(number=row.number + 1, **values)
    return session.scalar(statement.returning(row.user_id)) is not None


def forget_reset(session: Session, user_id: int) -> None:
    """It was read that somebody removed it."""
    statement = update(SecondFactorRow).where(SecondFactorRow.user_id == user_id)
    session.execute(statement.values(reset_at=None, reset_by=None))


def delete_of_user(session: Session, user_id: int) -> None:
    """Of a user who is deleted."""
    remove_recovery_codes(session, user_id)
    session.execute(delete(SecondFactorRow).where(SecondFactorRow.user_id == user_id))


def spend(session: Session, user_id: int, secret: str, step: int, latest: int) -> bool:
    """Accept the code of this step once: False where it, or a later one up to `latest`, was accepted before."""
    row = SecondFactorRow
    is_new = or_(row.last_step < step, row.last_step > latest)
    which = (row.user_id == user_id, row.secret == secret, is_new)
    return session.scalar(update(row).where(*which).values(last_step=step).returning(row.user_id)) is not None


def put_recovery_codes(session: Session, user_id: int, digests: Iterable[str]) -> None:
    """In place of those that are left."""
    remove_recovery_codes(session, user_id)
    session.add_all([RecoveryCodeRow(user_id=user_id, digest=digest) for digest in digests])
    session.flush()


def remove_recovery_codes(session: Session, user_id: int) -> None:
    session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id))


def spend_recovery_code(session: Session, user_id: int, digest: str) -> bool:
    """Accept it once: False where it is none, or was used."""
    row = RecoveryCodeRow
    statement = delete(row).where(row.user_id == user_id, row.digest == digest)
    return session.scalar(statement.returning(row.id)) is not None


def count_recovery_codes(session: Session, user_id: int) -> int:
    """How many are left."""
    query = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.user_id == user_id)
    return session.scalar(query) or 0


def every(session: Session) -> Iterator[tuple[int, str]]:
    """User id and encrypted secret of each second factor."""
    query = select(SecondFactorRow.user_id, SecondFactorRow.secret).where(SecondFactorRow.secret.is_not(None))
    return ((user_id, secret) for user_id, secret in session.execute(query) if secret is not None)
