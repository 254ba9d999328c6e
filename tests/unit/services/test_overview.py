"""What the pages show on their first view, against a plain count of the rows."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from freezegun import freeze_time
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from app.domain.identity import User
from app.domain.tokens import TokenStatus, status_at
from app.services import Services
from app.services.overview import DAYS_AHEAD, NAMES_A_DAY, Holding
from app.services.revoking import Revoked
from app.storage import overview
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from app.storage.users import as_user
from tests import rows
from tests.factories import OPERATOR, allowed_user, disable, generate, issue, make_user, mint, revoke
from tests.unit.services.verdicts import DAY, HOUR, MICROSECOND, NOW
from tests.unit.storage.planting import plant_access_token, plant_refresh_token, plant_user

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
"""The first after NOW."""


@pytest.fixture
def owner(database: Database) -> User:
    with database.transaction() as session:
        return as_user(plant_user(session, username="owner"))


def plant_every_state(session: Session, owner: User) -> None:
    """Each stored status on each side of the clock, in each tier; one of some, several of others."""
    several = 1
    for ends in (NOW - DAY, NOW - MICROSECOND, NOW, NOW + MICROSECOND, NOW + DAY):
        for status in (TokenStatus.ACTIVE, TokenStatus.EXPIRED, TokenStatus.REVOKED):
            for _ in range(several % 3 + 1):
                plant_refresh_token(session, owner, status=status, expires_at=ends)
            several += 1
        for status in TokenStatus:
            parent = plant_refresh_token(session, owner, status=TokenStatus.REVOKED)
            plant_access_token(session, owner, parent, status=status, expires_at=ends)
            for _ in range(several % 4 + 1):
                plant_access_token(session, owner, status=status, expires_at=ends)
            several += 1
    plant_access_token(session, owner, expires_at=None)


def counted(
    database: Database, table: type[RefreshTokenRow | AccessTokenRow], single: bool | None = None
) -> Counter[str]:
    """By status, as the domain defines it, row by row."""
    with database.reading() as session:
        return Counter(
            str(status_at(TokenStatus(row.status), row.expires_at, NOW))
            for row in session.scalars(select(table))
            if single is None or (row.refresh_token_id is None) is single
        )


@pytest.mark.both_databases
def test_tokens_are_counted_by_the_state_that_they_are_in(services: Services, owner: User, database: Database) -> None:
    """Every stored status on both sides of the clock. Fails when the stored status is counted, or `<` for `<=`."""
    with database.transaction() as session:
        plant_every_state(session, owner)
    with freeze_time(NOW):
        summary = services.overview.summary()
        holdings = services.overview.holdings([owner])
    assert summary.refresh_tokens == counted(database, RefreshTokenRow)
    assert summary.access_tokens == counted(database, AccessTokenRow, single=False)
    assert summary.api_tokens == counted(database, AccessTokenRow, single=True)
    assert set(summary.api_tokens) == {"active", "expired", "revoked", "superseded"}
    with database.reading() as session:
        assert overview.by_status(session, AccessTokenRow, NOW) == counted(database, AccessTokenRow)
    assert holdings == [Holding(owner, summary.refresh_tokens["active"], summary.api_tokens["active"])]


def test_an_instance_without_tokens_has_users_and_days(services: Services) -> None:
    for number in range(5):
        user = make_user(services)
        if number < 2:
            disable(services, user.username)
    summary = services.overview.summary()
    assert (summary.refresh_tokens, summary.access_tokens, summary.api_tokens) == ({}, {}, {})
    assert (summary.active_users, summary.disabled_users) == (3, 2)
    assert [each.number for each in summary.endings] == [0] * DAYS_AHEAD


def endings(services: Services) -> list[overview.Ending]:
    with freeze_time(NOW):
        return services.overview.summary().endings


@pytest.mark.both_databases
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_a_token_ends_on_its_day_in_utc(services: Services, owner: User, database: Database, zone: str) -> None:
    """At the borders of days, in any time zone of the database. Fails when the day is the session's zone's."""
    last = datetime(2026, 3, 1, tzinfo=UTC) + DAYS_AHEAD * DAY
    ends = {
        NOW - MICROSECOND: None, NOW: None, NOW + MICROSECOND: 0, MIDNIGHT - MICROSECOND: 0, MIDNIGHT: 1,
        MIDNIGHT + DAY - MICROSECOND: 1, MIDNIGHT + DAY: 2, last - MICROSECOND: DAYS_AHEAD - 1, last: None,
    }  # fmt: skip
    with database.transaction() as session:
        for at in ends:
            plant_refresh_token(session, owner, expires_at=at)
    expected = Counter(date(2026, 3, 1) + day * DAY for day in ends.values() if day is not None)
    if not database.is_sqlite:
        event.listen(database.engine, "begin", lambda connection: connection.execute(text(f"SET TIME ZONE '{zone}'")))
        database.engine.dispose()
    found = endings(services)
    assert {each.day: each.number for each in found if each.number} == expected
    assert [each.day for each in found] == [date(2026, 3, 1) + each * DAY for each in range(DAYS_AHEAD)]
    assert sum(len(each.names) for each in found) == sum(expected.values())


def test_only_tokens_that_a_user_must_replace_are_counted(services: Services, owner: User, database: Database) -> None:
    """Active ones of both tiers. Fails when access tokens under a refresh token, or ended ones, are counted."""

    with database.transaction() as session:
        parent = plant_refresh_token(session, owner, name="refresh", expires_at=NOW + DAY)
        plant_access_token(session, owner, parent, expires_at=NOW + DAY)
        plant_access_token(session, owner, expires_at=NOW + DAY)
        plant_access_token(session, owner, description="for ever", expires_at=None)
        for status in (TokenStatus.REVOKED, TokenStatus.EXPIRED):
            ends = NOW + DAY if status is TokenStatus.REVOKED else NOW
            plant_refresh_token(session, owner, name="ended", status=status, expires_at=ends)
            plant_access_token(session, owner, description="ended", status=status, expires_at=ends)
    ending = endings(services)[1]
    assert (ending.number, sorted(ending.names)) == (2, ["(no description)", "refresh"])


@pytest.mark.both_databases
def test_the_first_few_names_of_a_day_are_listed_in_order_of_their_time(
    services: Services, owner: User, database: Database
) -> None:
    """Of both tiers together. Fails when those of refresh tokens come first, whenever they end."""

    with database.transaction() as session:
        for number in (7, 3, 5, 6, 2, 4):
            plant_refresh_token(session, owner, name=f"at-{number}", expires_at=MIDNIGHT + number * HOUR)
        plant_access_token(session, owner, description="at-1", expires_at=MIDNIGHT + HOUR)
    ending = endings(services)[1]
    assert ending.number == 7
    assert ending.names == [f"at-{number}" for number in range(1, NAMES_A_DAY + 1)]


def test_many_tokens_take_no_more_statements_than_few(services: Services, owner: User, database: Database) -> None:
    """Fails when names are read day by day."""

    with database.transaction() as session:
        for day in range(DAYS_AHEAD):
            plant_refresh_token(session, owner, expires_at=NOW + (day + 0.3) * DAY)
            plant_access_token(session, owner, expires_at=NOW + (day + 0.4) * DAY)
    with rows.statements(database) as sent:
        endings(services)
    assert 1 < len(sent) <= 8


def test_the_active_tokens_of_each_user_are_counted(services: Services) -> None:
    """Fails when ended ones count, or those of somebody else."""
    rich, poor, other = (allowed_user(services) for _ in range(3))
    for _ in range(3):
        mint(services, issue(services, rich))
        generate(services, rich)
    revoke(services, issue(services, rich))
    generate(services, rich, lifetime=None)
    generate(services, other)
    assert services.overview.holdings([poor, rich]) == [Holding(poor, 0, 0), Holding(rich, 3, 4)]
    assert services.overview.holdings([]) == []


def test_the_preview_of_revoking_all_of_a_user_is_what_it_revokes(services: Services) -> None:
    """With expired refresh tokens, which could be regenerated. Fails when the two count differently."""
    user = allowed_user(services)
    with freeze_time(NOW - 100 * DAY):
        issue(services, user)
        generate(services, user)
    with freeze_time(NOW):
        for _ in range(2):
            mint(services, issue(services, user))
        generate(services, user)
        revoke(services, issue(services, user))
        preview = services.overview.revocable_of(user.id)
        assert preview == Revoked(3, 3)
        assert services.revoking.revoke_user(user.username, "x", OPERATOR) == preview
        assert services.overview.revocable_of(user.id) == Revoked(0, 0)


def test_each_of_a_users_own_refresh_tokens_has_its_newest_access_token(services: Services) -> None:
    """Newest first, page by page. Fails when an older one is shown, or that of another refresh token."""
    user = make_user(services)
    without, once, twice = (issue(services, user, name) for name in ("without", "once", "twice"))
    mint(services, issue(services, make_user(services)))
    first, _, last = mint(services, once), mint(services, twice), mint(services, twice)
    items, cursor = services.overview.own_refresh_tokens(user.id, None, limit=2)
    more, end = services.overview.own_refresh_tokens(user.id, cursor, limit=2)
    shown = [(each.token.name, each.access_token and each.access_token.public_id) for each in (*items, *more)]
    assert shown == [("twice", last.token.public_id), ("once", first.token.public_id), ("without", None)]
    assert cursor is not None and end is None
    assert services.overview.access_token_under(twice.token.id) == items[0].access_token
    assert services.overview.access_token_under(without.token.id) is None


def test_the_newest_access_token_is_shown_in_the_state_that_it_is_in(services: Services) -> None:
    user = make_user(services)
    with freeze_time(NOW) as clock:
        mint(services, issue(services, user))
        for after, state in ((DAY - MICROSECOND, "active"), (DAY, "expired")):
            clock.move_to(NOW + after)
            [item], _ = services.overview.own_refresh_tokens(user.id)
            assert item.access_token and item.access_token.status == state
