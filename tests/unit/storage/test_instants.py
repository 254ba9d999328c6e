"""Instants in the database: to the microsecond, in UTC, in their order, never naive."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Session

from app.storage.tables import InstanceSettingRow, UserRow
from tests.unit.storage.planting import MICROSECOND, NOW, plant_user

pytestmark = pytest.mark.both_databases

changed_at = InstanceSettingRow.changed_at


def plant_setting(session: Session, key: str, at: datetime) -> None:
    """The plainest row that has an instant."""
    session.add(InstanceSettingRow(key=key, value="0", changed_at=at, changed_by="anna"))
    session.flush()


@pytest.mark.parametrize(("microsecond", "minutes"), [(0, 0), (1, -720), (999_999, 330)])
def test_an_instant_is_kept_to_the_microsecond_in_utc(session: Session, microsecond: int, minutes: int) -> None:
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
    instants = [NOW + number * MICROSECOND for number in (-(10**12), -(10**6), -1, 0, 1, 10, 10**6)]
    for number, instant in enumerate(reversed(instants)):
        plant_setting(session, f"{number}", instant)
    assert list(session.scalars(select(changed_at).order_by("changed_at"))) == instants
    for number, instant in enumerate(instants):
        assert len(session.scalars(select(changed_at).where(changed_at < instant)).all()) == number
