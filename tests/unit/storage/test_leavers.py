"""Who is away in SQL is, row by row, who is away in the domain."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.domain.leavers import is_away
from app.storage import leavers, settings, users
from app.storage.tables import UserRow
from tests.unit.storage.planting import MICROSECOND, NOW, plant_user

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
AGES = (None, timedelta(0), DAY - MICROSECOND, DAY, DAY + MICROSECOND, 400 * DAY, -DAY)


@pytest.mark.parametrize("days", [None, "0", "1"])
def test_the_sql_agrees_with_the_domain(session: Session, days: str | None) -> None:
    """◆ At the instant, and for those whom no provider knows. Fails when either compares otherwise."""
    if days is not None:
        settings.put(session, "sign_in_valid_days", days, NOW, "tests")
    for age in AGES:
        for is_active in (True, False):
            plant_user(session, vouched_at=None if age is None else NOW - age, is_active=is_active)
    old = leavers.too_old(session, NOW)
    query = select(UserRow, leavers.is_away(UserRow, old), leavers.is_enabled(UserRow, old))
    found = session.execute(query).all()
    assert len(found) == 2 * len(AGES)
    for row, away, enabled in found:
        assert bool(away) is is_away(row.vouched_at, days, NOW) is users.as_user(row).is_away(NOW), row.vouched_at
        assert bool(enabled) is (row.is_active and not away) is users.as_user(row).is_enabled(NOW), row.vouched_at
