"""Instants in the database: to the microsecond, in UTC, in their order, never naive."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import case, literal, select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from app.storage.instants import UtcDateTime
from app.storage.tables import InstanceSettingRow, UserRow
from tests.unit.storage.planting import KEPT_ON_SQLITE, MICROSECOND, NOW, plant_user

pytestmark = pytest.mark.both_databases

changed_at = InstanceSettingRow.changed_at


def plant_setting(session: Session, key: str, at: datetime) -> None:
    """The plainest row that has an instant."""
    session.add(InstanceSettingRow(key=key, value="0", changed_at=at, changed_by="anna"))
    session.flush()


@pytest.mark.parametrize(
    ("microsecond", "minutes"), [(0, 0), (1, -720), (10, -1), (500_000, 1), (999_999, 330), (0, 840)]
)
def test_an_instant_of_any_offset_is_kept_to_the_microsecond_in_utc(
    session: Session, microsecond: int, minutes: int
) -> None:
    instant = NOW.replace(microsecond=microsecond)
    given = instant.astimezone(timezone(timedelta(minutes=minutes)))
    plant_setting(session, "a", given)
    found = session.scalars(select(changed_at)).one()
    assert found.isoformat() == instant.isoformat() and found.tzinfo is UTC
    assert session.scalars(select(InstanceSettingRow.key).where(changed_at == given)).one() == "a"
    plant_user(session, last_login_at=None)
    assert session.scalars(select(UserRow.last_login_at)).one() is None


def test_a_naive_instant_is_refused_where_it_is_written_and_where_it_is_compared(session: Session) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="naive datetime"):
        plant_setting(session, "a", naive)
    session.rollback()
    with pytest.raises(StatementError, match="naive datetime"):
        session.execute(select(InstanceSettingRow).where(changed_at < naive))


def test_instants_sort_and_compare_as_they_should(session: Session) -> None:
    """Also around a whole second, where text without `.000000` would sort after its successors."""
    steps = (-(10**12), -(10**6), -2, -1, 0, 1, 2, 10, 10**6, 10**12)
    instants = [NOW + number * MICROSECOND for number in steps]
    for number, instant in enumerate(reversed(instants)):
        plant_setting(session, f"{number}", instant)
    assert list(session.scalars(select(changed_at).order_by("changed_at"))) == instants
    for number, instant in enumerate(instants):
        assert len(session.scalars(select(changed_at).where(changed_at < instant)).all()) == number


@KEPT_ON_SQLITE
@pytest.mark.parametrize("microsecond", [0, 999_999])
def test_sqlite_keeps_text_of_one_length(session: Session, microsecond: int) -> None:
    """Such text sorts as the instants do."""
    plant_setting(session, "a", NOW.replace(microsecond=microsecond))
    kept = session.scalar(text("SELECT changed_at FROM instance_settings"))
    assert kept == f"2026-03-01 12:00:00.{microsecond:06d}"


def test_a_value_that_is_chosen_in_sql_is_kept_like_any_other(session: Session) -> None:
    """With its type given: a bare value in a CASE would not have the column's."""
    plant_setting(session, "a", NOW)
    given = literal(NOW.astimezone(timezone(timedelta(hours=5))), UtcDateTime())
    change = update(InstanceSettingRow).values(changed_at=case((InstanceSettingRow.key == "a", given), else_=given))
    session.execute(change, execution_options={"synchronize_session": False})
    assert session.scalars(select(InstanceSettingRow.key).where(changed_at == NOW)).one() == "a"
