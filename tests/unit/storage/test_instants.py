"""Instants in the database: to the microsecond, in UTC, in their order, never naive.

Here belongs ``app.storage.instants``. Not here: what is alive at an instant (``test_liveness``).
"""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import case, literal, select, text, update
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from app.storage.instants import UtcDateTime
from app.storage.tables import InstanceSettingRow, UserRow
from tests.unit.storage.planting import KEPT_ON_SQLITE, MICROSECOND, NOW, plant_user

pytestmark = pytest.mark.both_databases


def setting(key: str, at: datetime) -> InstanceSettingRow:
    """The plainest row that has an instant."""
    return InstanceSettingRow(key=key, value="0", changed_at=at, changed_by="anna")


@pytest.mark.parametrize("microsecond", [0, 1, 10, 500_000, 999_999])
def test_an_instant_is_kept_to_the_microsecond(session: Session, microsecond: int) -> None:
    instant = NOW.replace(microsecond=microsecond)
    session.add(setting("a", instant))
    session.flush()
    found = session.scalar(select(InstanceSettingRow.changed_at))
    assert found == instant
    assert found.tzinfo is UTC


@pytest.mark.parametrize("minutes", [-720, -1, 1, 330, 840])
def test_an_instant_told_with_another_offset_is_the_same_instant(session: Session, minutes: int) -> None:
    told = NOW.astimezone(timezone(timedelta(minutes=minutes)))
    session.add(setting("a", told))
    session.flush()
    assert session.scalars(select(InstanceSettingRow.changed_at)).one().isoformat() == NOW.isoformat()
    assert session.scalars(select(InstanceSettingRow.key).where(InstanceSettingRow.changed_at == told)).one() == "a"


def test_a_naive_instant_is_refused_where_it_is_written_and_where_it_is_compared(session: Session) -> None:
    naive = NOW.replace(tzinfo=None)
    session.add(setting("a", naive))
    with pytest.raises(StatementError, match="naive datetime"):
        session.flush()
    session.rollback()
    with pytest.raises(StatementError, match="naive datetime"):
        session.execute(select(InstanceSettingRow).where(InstanceSettingRow.changed_at < naive))


def test_no_instant_stays_no_instant(session: Session) -> None:
    plant_user(session, last_login_at=None)
    session.expire_all()
    assert session.scalars(select(UserRow)).one().last_login_at is None


def test_instants_sort_and_compare_as_they_should(session: Session) -> None:
    """Also around a whole second, where text without `.000000` would sort after its successors."""
    steps = (-(10**12), -(10**6), -2, -1, 0, 1, 2, 10, 10**6, 10**12)
    instants = [NOW + number * MICROSECOND for number in steps]
    session.add_all(setting(f"{number}", instant) for number, instant in enumerate(reversed(instants)))
    session.flush()
    assert list(session.scalars(select(InstanceSettingRow.changed_at).order_by("changed_at"))) == instants
    for number, instant in enumerate(instants):
        earlier = select(InstanceSettingRow.changed_at).where(InstanceSettingRow.changed_at < instant)
        assert len(session.scalars(earlier).all()) == number


@KEPT_ON_SQLITE
@pytest.mark.parametrize("microsecond", [0, 999_999])
def test_sqlite_keeps_text_that_is_always_as_long(session: Session, microsecond: int) -> None:
    """Text of one length sorts as the instants do."""
    session.add(setting("a", NOW.replace(microsecond=microsecond)))
    session.flush()
    kept = session.scalar(text("SELECT changed_at FROM instance_settings"))
    assert kept == f"2026-03-01 12:00:00.{microsecond:06d}"


def test_a_value_that_is_chosen_in_sql_is_kept_like_any_other(session: Session) -> None:
    """With its type told: a bare value in a CASE would go past the column's."""
    session.add(setting("a", NOW))
    session.flush()
    told = literal(NOW.astimezone(timezone(timedelta(hours=5))), UtcDateTime())
    change = update(InstanceSettingRow).values(changed_at=case((InstanceSettingRow.key == "a", told), else_=told))
    session.execute(change, execution_options={"synchronize_session": False})
    assert session.scalars(select(InstanceSettingRow.key).where(InstanceSettingRow.changed_at == NOW)).one() == "a"
