"""The state of a token in SQL is, row by row, the one that ``status_at`` gives."""

from datetime import datetime, timedelta
from itertools import product
from typing import Any, NamedTuple

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.domain.tokens import FINAL, TokenStatus, status_at
from app.storage.database import Database
from app.storage.liveness import TokenTable, ended_before, is_active_at, is_due, status_now
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests.unit.storage.planting import MICROSECOND, NOW, plant_user, public_id

pytestmark = pytest.mark.both_databases

TABLES = pytest.mark.parametrize("table", [RefreshTokenRow, AccessTokenRow])
NEAR = [timedelta(microseconds=number) for number in (-1_000_000, -2, -1, 0, 1, 2, 1_000_000)]
LONG_AGO = NOW - timedelta(days=1000)
FAR = [timedelta(days=-400), timedelta(days=400)]


class State(NamedTuple):
    """What a row's state is made of."""

    stored: TokenStatus
    expires_at: datetime | None
    revoked_at: datetime | None
    had_expired: bool = False

    def at(self, now: datetime) -> TokenStatus:
        return status_at(self.stored, self.expires_at, now, self.had_expired)

    def ended_at(self) -> datetime | None:
        """When it ends, marked or not; None for never."""
        return self.revoked_at if self.stored is TokenStatus.REVOKED else self.expires_at

    def fits(self, table: TokenTable) -> bool:
        """A refresh token always has an expiry and is never replaced; the table refuses it otherwise."""
        replaced = self.stored in (TokenStatus.OVERLAPPING, TokenStatus.SUPERSEDED)
        return table is AccessTokenRow or not (self.expires_at is None or replaced or self.had_expired)


def assert_sql_agrees(database: Database, table: TokenTable, states: list[State], now: datetime) -> None:
    """Compare all states at `now`; what is inserted for that is undone."""
    states = [state for state in states if state.fits(table)]
    with Session(database.engine) as session:
        owner = plant_user(session)
        if states:
            session.execute(insert(table), [_row(table, owner.id, state) for state in states])
        by_time = (status_now, is_active_at, is_due, ended_before)
        query = select(*(expression(table, now) for expression in by_time))
        answers = session.execute(query.order_by(table.public_id)).all()
    assert len(answers) == len(states)
    for state, (status, alive, due, ended) in zip(states, answers, strict=True):
        assert status == state.at(now), state
        assert bool(alive) is (state.at(now) is TokenStatus.ACTIVE), state
        assert bool(due) is (state.stored is TokenStatus.ACTIVE and state.at(now) is TokenStatus.EXPIRED), state
        ended_at = state.ended_at()
        assert bool(ended) is (ended_at is not None and ended_at <= now), state
        assert not (alive and ended), state


def _row(table: TokenTable, owner_id: int, state: State) -> dict[str, Any]:
    handle = public_id()
    own: dict[str, Any] = {"uuid": handle} if table is AccessTokenRow else {"name": "nightly-etl"}
    if table is AccessTokenRow:
        own["had_expired"] = state.had_expired
    usual = {"public_id": handle, "user_id": owner_id, "key_id": "k1", "mac": b"m" * 32, "created_at": LONG_AGO}
    return usual | own | {"status": state.stored, "expires_at": state.expires_at, "revoked_at": state.revoked_at}


@TABLES
@pytest.mark.parametrize("now", [NOW, NOW + MICROSECOND, NOW - MICROSECOND], ids=["second", "after", "before"])
def test_sql_and_the_domain_agree_on_every_state_around_now(
    kept_database: Database, table: TokenTable, now: datetime
) -> None:
    """Fails when any of the comparisons in `liveness` loses its `=`, or gets one too many."""
    around = [now + distance for distance in NEAR + FAR]
    states = [State(*each) for each in product(TokenStatus, [None, *around], [None, *around])]
    states += [State(*each, had_expired=True) for each in product(FINAL, around, [None])]
    assert_sql_agrees(kept_database, table, states, now)
