"""Which clocks may mark and delete: those that agree with the database's clock and with the time it has seen pass."""

import json
from datetime import datetime, timedelta

import pytest

from app.domain.errors import Conflict
from app.services import Services
from app.services.clock_agreement import MOST_DIFFERENCE, ClockState
from app.services.expiring import Expiring
from app.storage import clock_marks
from app.storage.database import Database
from app.storage.operating_tables import IdempotencyKeyRow
from app.storage.tables import AccessTokenRow, SessionRow
from tests import rows
from tests.factories import (
    OPERATOR,
    accept_clock,
    allowed_user,
    configure,
    issue,
    make_user,
    mint,
    regenerate,
    revoke,
    works,
)
from tests.unit.services.verdicts import DAY, HOUR, MICROSECOND, MINUTE, NOW, SECOND, MovedClock
from tests.unit.storage.planting import ON_POSTGRESQL

pytestmark = pytest.mark.usefixtures("moved_clock")

YEARS = 3650 * DAY


def held(services: Services) -> str:
    """Why both jobs are held: the same, and both leave all rows as they are."""
    reasons = set()
    for sweep in (services.expiring.expire_due, lambda: services.expiring.purge(OPERATOR)):
        with pytest.raises(Conflict) as refused:
            sweep()
        reasons.add(refused.value.what)
    (reason,) = reasons
    return reason


@pytest.mark.parametrize("ahead", [HOUR + SECOND, 151 * DAY, YEARS])
def test_a_clock_that_jumps_ahead_marks_and_deletes_nothing_and_is_trusted_when_accepted(
    services: Services, database: Database, clock: MovedClock, ahead: timedelta
) -> None:
    """◆ Fails when a batch does not ask whether the clock agrees."""
    configure(services, retention_days=0)
    refresh, revoked = (issue(services, make_user(services)) for _ in range(2))
    mint(services, refresh)
    assert services.expiring.expire_due() == 0
    revoke(services, revoked)
    clock.now = NOW + ahead
    tokens = rows.everything(database)["refresh_tokens"]
    reason = held(services)
    assert reason.startswith("Held: ") and "daypass clock accept" in reason and len(reason) <= 255
    assert services.clock_agreement.warning(clock.now) == services.clock_agreement.state().warning
    assert rows.everything(database)["refresh_tokens"] == tokens
    clock.now = NOW + MINUTE
    assert services.clock_agreement.warning(clock.now) is None
    assert services.expiring.expire_due() == 0
    assert works(services, refresh)
    clock.now = NOW + ahead + MINUTE
    assert held(services)
    assert services.clock_agreement.accept(OPERATOR).warning is None
    assert services.expiring.purge(OPERATOR) > 0
    (event,) = [each for each in rows.audit_events(database) if each.action == "clock.accepted"]
    assert datetime.fromisoformat(json.loads(event.detail)["before"]) == NOW + MINUTE


def test_a_clock_that_jumps_during_a_purge_ends_it(services: Services, database: Database, clock: MovedClock) -> None:
    """◆ Fails when only the beginning of a job asks."""
    configure(services, retention_days=0)
    for _ in range(3):
        revoke(services, issue(services, make_user(services)))
    untouched = issue(services, make_user(services))

    def jumping() -> datetime:
        """After two batches: the first finds no access tokens, the second no digests."""
        readings.append(clock.now)
        return clock.now if len(readings) <= 3 else clock.now + YEARS

    readings: list[datetime] = []
    clock.advance(MINUTE)
    with pytest.raises(Conflict):
        Expiring(database, jumping, services.clock_agreement, batch=2).purge(OPERATOR)
    assert len(rows.everything(database)["refresh_tokens"]) == 2
    assert works(services, untouched)


def test_a_clock_that_is_put_back_runs_the_jobs_with_a_warning(
    services: Services, database: Database, clock: MovedClock
) -> None:
    issue(services, make_user(services))
    services.expiring.expire_due()
    clock.now = NOW - 3 * HOUR
    assert services.expiring.expire_due() == services.expiring.purge(OPERATOR) == 0
    warning = services.clock_agreement.warning(clock.now)
    assert warning is not None and "3 hours behind" in warning


def test_the_first_mark_is_no_clock_but_what_the_database_knows(services: Services, clock: MovedClock) -> None:
    """An installation from before is upgraded on the day on which its clock is wrong."""
    refresh = issue(services, make_user(services))
    clock.now = NOW + 61 * DAY
    assert "61 days ahead" in held(services)
    clock.now = NOW
    assert works(services, refresh) and services.expiring.expire_due() == 0


def test_a_change_is_logged_once_and_not_at_every_batch(
    services: Services, clock: MovedClock, log_lines: list[str]
) -> None:
    for ahead in (timedelta(0), DAY, DAY + MINUTE, 2 * MINUTE):
        clock.now = NOW + ahead
        for _ in range(2):
            if ahead >= DAY:
                held(services)
            else:
                services.expiring.expire_due()
    events = [json.loads(line)["event"] for line in log_lines]
    assert [each for each in events if each.startswith("clock_")] == ["clock_jumped", "clock_agrees_again"]


@pytest.mark.parametrize("difference", [MOST_DIFFERENCE + MICROSECOND, -MOST_DIFFERENCE - MICROSECOND, 160 * DAY])
def test_a_clock_that_differs_from_the_databases_is_refused_by_name(
    services: Services, clock: MovedClock, monkeypatch: pytest.MonkeyPatch, difference: timedelta
) -> None:
    """◆ For a job, and for a decision to trust it; and it leaves no mark."""
    monkeypatch.setattr(clock_marks, "database_time", lambda _session: clock.now - difference)
    shown = [f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (clock.now, clock.now - difference)]
    with pytest.raises(Conflict) as refused:
        services.clock_agreement.accept(OPERATOR)
    assert held(services) == refused.value.what
    assert all(each in refused.value.what for each in shown)
    state: ClockState = services.clock_agreement.state()
    assert (state.mark, state.warning) == (None, refused.value.what)
    monkeypatch.setattr(clock_marks, "database_time", lambda _session: clock.now - MOST_DIFFERENCE)
    assert services.expiring.expire_due() == 0


def test_a_slow_answer_of_the_database_is_no_difference(
    services: Services, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(_session: object) -> datetime:
        shown = clock.now + MINUTE
        clock.advance(2 * MINUTE)
        return shown

    monkeypatch.setattr(clock_marks, "database_time", slow)
    assert services.expiring.expire_due() == 0
    assert services.clock_agreement.state().warning is None


@ON_POSTGRESQL
def test_postgresql_shows_its_clock(services: Services, database: Database, clock: MovedClock) -> None:
    """To the microsecond, in UTC, and not that of the beginning of a transaction."""
    with database.transaction() as session:
        first, second = clock_marks.database_time(session), clock_marks.database_time(session)
    assert first is not None and second is not None and first < second
    clock.now = second
    assert services.expiring.expire_due() == 0
    clock.now = second + MINUTE
    assert "the database's" in held(services)


def test_what_began_in_the_future_is_brought_back_by_a_clock_that_agrees_alone(
    services: Services, database: Database, clock: MovedClock
) -> None:
    """A session, a key and a counter would last for years. Fails when a clock that is behind changes right ones."""
    owner = make_user(services)
    with database.transaction() as session:
        values = {"created_at": NOW + YEARS}
        session.add(SessionRow(digest="d", user_id=owner.id, seen_at=NOW + YEARS, proved_at=NOW, **values))
        session.add(IdempotencyKeyRow(user_id=owner.id, key_digest="k", request_digest="r", created="c", **values))
    services.expiring.expire_due()
    clock.now = NOW - DAY
    before = rows.everything(database)
    services.expiring.purge(OPERATOR)
    assert rows.everything(database)["sessions"] == before["sessions"]
    clock.now = NOW
    services.expiring.purge(OPERATOR)
    with database.reading() as session:
        found = session.query(SessionRow).one()
        assert (found.created_at, found.seen_at, found.proved_at) == (NOW, NOW, NOW)
        assert session.query(IdempotencyKeyRow).one().created_at == NOW


@pytest.mark.parametrize("ahead", [2 * HOUR, YEARS])
def test_an_overlap_that_began_in_the_future_ends_when_the_clock_is_right(
    services: Services, clock: MovedClock, ahead: timedelta
) -> None:
    """It would last for years. Fails when those of a right clock end, too."""
    configure(services, access_token_reissue="overlap", access_token_overlap_seconds=7200)
    services.expiring.expire_due()
    refresh, other = (issue(services, allowed_user(services)) for _ in range(2))
    right, _ = mint(services, other), mint(services, other)
    clock.now = NOW + ahead
    refresh = regenerate(services, refresh)
    replaced = mint(services, refresh)
    kept = mint(services, refresh)
    clock.now = NOW + MINUTE
    services.expiring.purge(OPERATOR)
    assert [works(services, each) for each in (replaced, kept, right)] == [False, True, True]


def test_the_last_use_of_a_clock_that_was_ahead_is_not_kept_for_years(
    services: Services, database: Database, clock: MovedClock
) -> None:
    access = mint(services, issue(services, make_user(services)))

    def use() -> datetime | None:
        known = services.verifier.verify(access.secret)
        if services.last_use.is_due(known):
            services.last_use.note(known, "192.0.2.7", "curl/8")
        services.last_use.flush()
        with database.reading() as session:
            return session.query(AccessTokenRow).one().last_used_at

    accept_clock(services)
    clock.now = NOW + 23 * HOUR
    assert use() == NOW + 23 * HOUR
    clock.now = NOW + MINUTE
    assert use() == NOW + MINUTE
    clock.now = NOW - 2 * HOUR
    assert use() == NOW + MINUTE, "a clock that does not agree takes no use back"
