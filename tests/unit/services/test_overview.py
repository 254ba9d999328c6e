"""What the pages show at a glance, against a plain count of the rows.

Here belongs ``app.services.overview``, with its queries, on both databases. Not here: the state of a token
(``tests/unit/domain/test_tokens``), and how it is shown (``tests/contract/test_admin_pages``).
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

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
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.users import as_user
from tests.factories import OPERATOR, allowed_user, generate, issue, make_user, mint
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW, plant_access_token, plant_refresh_token, plant_user

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
"""The first after NOW."""

ENDS = (NOW - DAY, NOW - MICROSECOND, NOW, NOW + MICROSECOND, NOW + DAY)
REFRESH_STATUSES = (TokenStatus.ACTIVE, TokenStatus.EXPIRED, TokenStatus.REVOKED)


@pytest.fixture
def owner(database: Database) -> User:
    with database.transaction() as session:
        return as_user(plant_user(session, username="owner"))


def plant(database: Database, act: Callable[[Session, UserRow], None]) -> None:
    """Rows of the owner's."""
    with database.transaction() as session:
        act(session, session.scalars(select(UserRow).where(UserRow.username == "owner")).one())


def every_state(session: Session, owner: UserRow) -> None:
    """Each stored status with each side of the clock, in each tier; one of some, several of others."""
    several = 1
    for ends in ENDS:
        for status in REFRESH_STATUSES:
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


def counted(database: Database, table: type[RefreshTokenRow | AccessTokenRow], single: bool | None = None) -> Counter:
    """By status, as the domain defines it, row by row."""
    with database.reading() as session:
        return Counter(
            str(status_at(TokenStatus(row.status), row.expires_at, NOW))
            for row in session.scalars(select(table))
            if single is None or (row.refresh_token_id is None) is single
        )


def test_tokens_are_counted_by_the_state_that_they_are_in(services: Services, owner: User, database: Database) -> None:
    """Every stored status on both sides of the clock. Fails when the stored status is counted, or `<` for `<=`."""
    plant(database, every_state)
    with freeze_time(NOW):
        glance = services.overview.summary()
    assert glance.refresh_tokens == counted(database, RefreshTokenRow)
    assert glance.access_tokens == counted(database, AccessTokenRow, single=False)
    assert glance.api_tokens == counted(database, AccessTokenRow, single=True)
    assert set(glance.api_tokens) == {"active", "expired", "revoked", "superseded"}


def test_both_sorts_of_access_tokens_can_be_counted_together(owner: User, database: Database) -> None:
    plant(database, every_state)
    with database.reading() as session:
        assert overview.by_status(session, AccessTokenRow, NOW) == counted(database, AccessTokenRow)


def test_an_empty_instance_has_a_glance_too(services: Services) -> None:
    with freeze_time(NOW):
        glance = services.overview.summary()
    assert (glance.refresh_tokens, glance.access_tokens, glance.api_tokens) == ({}, {}, {})
    assert (glance.active_users, glance.disabled_users) == (0, 0)
    assert [each.number for each in glance.endings] == [0] * DAYS_AHEAD


def test_users_are_counted_by_whether_they_are_active(services: Services) -> None:
    for number in range(5):
        user = make_user(services)
        if number < 2:
            services.accounts.disable(user.username, OPERATOR)
    glance = services.overview.summary()
    assert (glance.active_users, glance.disabled_users) == (3, 2)


# What ends when


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_a_token_ends_on_its_day_in_utc(services: Services, owner: User, database: Database, zone: str) -> None:
    """At the borders of days, wherever the database believes to be. Fails when the day is the session's zone's."""
    last = datetime(2026, 3, 1, tzinfo=UTC) + DAYS_AHEAD * DAY
    ends = {
        NOW - MICROSECOND: None, NOW: None, NOW + MICROSECOND: 0, MIDNIGHT - MICROSECOND: 0, MIDNIGHT: 1,
        MIDNIGHT + DAY - MICROSECOND: 1, MIDNIGHT + DAY: 2, last - MICROSECOND: DAYS_AHEAD - 1, last: None,
    }  # fmt: skip
    plant(database, lambda session, row: [plant_refresh_token(session, row, expires_at=at) for at in ends] and None)
    expected = Counter(date(2026, 3, 1) + day * DAY for day in ends.values() if day is not None)
    if not database.is_sqlite:
        event.listen(database.engine, "begin", lambda connection: connection.execute(text(f"SET TIME ZONE '{zone}'")))
        database.engine.dispose()
    with freeze_time(NOW):
        endings = services.overview.summary().endings
    assert {each.day: each.number for each in endings if each.number} == expected
    assert [each.day for each in endings] == [date(2026, 3, 1) + each * DAY for each in range(DAYS_AHEAD)]
    assert sum(len(each.names) for each in endings) == sum(expected.values())


def test_what_somebody_has_to_renew_is_counted_alone(services: Services, owner: User, database: Database) -> None:
    """Living ones of both sorts. Fails when access tokens under a refresh token, or ended ones, are counted."""

    def some(session: Session, row: UserRow) -> None:
        parent = plant_refresh_token(session, row, name="refresh", expires_at=NOW + DAY)
        plant_access_token(session, row, parent, expires_at=NOW + DAY)
        plant_access_token(session, row, description="single", expires_at=NOW + DAY)
        plant_access_token(session, row, description="for ever", expires_at=None)
        for status in (TokenStatus.REVOKED, TokenStatus.EXPIRED):
            plant_refresh_token(session, row, name="ended", status=status, expires_at=NOW + DAY)
            plant_access_token(session, row, description="ended", status=status, expires_at=NOW + DAY)

    plant(database, some)
    with freeze_time(NOW):
        ending = services.overview.summary().endings[1]
    assert ending.number == 2
    assert sorted(ending.names) == ["refresh", "single"]


def test_the_first_few_names_of_a_day_are_told_in_order_of_their_time(
    services: Services, owner: User, database: Database
) -> None:
    def many(session: Session, row: UserRow) -> None:
        for number in (7, 3, 5, 1, 6, 2, 4):
            plant_refresh_token(session, row, name=f"at-{number}", expires_at=MIDNIGHT + number * HOUR)

    plant(database, many)
    with freeze_time(NOW):
        ending = services.overview.summary().endings[1]
    assert ending.number == 7
    assert ending.names == [f"at-{number}" for number in range(1, NAMES_A_DAY + 1)]


def test_the_names_of_both_sorts_are_told_in_order_of_their_time(
    services: Services, owner: User, database: Database
) -> None:
    """Fails when those of refresh tokens are told first, whenever they end."""

    def mixed(session: Session, row: UserRow) -> None:
        for number in range(NAMES_A_DAY):
            plant_refresh_token(session, row, name=f"late-{number}", expires_at=MIDNIGHT + (12 + number) * HOUR)
        plant_access_token(session, row, description="early", expires_at=MIDNIGHT + HOUR)

    plant(database, mixed)
    with freeze_time(NOW):
        assert services.overview.summary().endings[1].names[0] == "early"


def test_a_token_without_a_description_is_told_as_such(services: Services, owner: User, database: Database) -> None:
    plant(database, lambda session, row: plant_access_token(session, row, expires_at=MIDNIGHT) and None)
    with freeze_time(NOW):
        assert services.overview.summary().endings[1].names == ["(no description)"]


def test_a_glance_takes_as_many_statements_however_much_there_is(
    services: Services, owner: User, database: Database
) -> None:
    """Fails when names are asked for day by day."""

    def counted() -> int:
        sent: list[str] = []
        note = lambda *about: sent.append(about[2])  # noqa: E731
        event.listen(database.engine, "before_cursor_execute", note)
        services.overview.summary()
        event.remove(database.engine, "before_cursor_execute", note)
        return len([each for each in sent if not each.startswith(("BEGIN", "PRAGMA"))])

    def on_every_day(session: Session, row: UserRow) -> None:
        for day in range(DAYS_AHEAD):
            plant_refresh_token(session, row, expires_at=NOW + (day + 0.3) * DAY)
            plant_access_token(session, row, expires_at=NOW + (day + 0.4) * DAY)

    plant(database, lambda session, row: plant_refresh_token(session, row, expires_at=NOW + DAY) and None)
    with freeze_time(NOW):
        with_one = counted()
        plant(database, on_every_day)
        assert counted() == with_one <= 8


# What users have


def test_what_users_have_alive_is_counted_for_each(services: Services, database: Database) -> None:
    """Against the services' own acts. Fails when ended ones count, or those of somebody else."""
    rich, poor, other = (allowed_user(services) for _ in range(3))
    for _ in range(3):
        mint(services, issue(services, rich))
        generate(services, rich)
    services.revoking.revoke(issue(services, rich).token.public_id, "x", OPERATOR)
    generate(services, rich, lifetime=None)
    generate(services, other)
    assert services.overview.holdings([poor, rich]) == [Holding(poor, 0, 0), Holding(rich, 3, 4)]
    assert services.overview.holdings([]) == []


def test_what_users_have_alive_depends_on_the_clock(services: Services, owner: User, database: Database) -> None:
    plant(database, every_state)
    with freeze_time(NOW):
        found = services.overview.holdings([owner])
    alive = counted(database, RefreshTokenRow)["active"], counted(database, AccessTokenRow, single=True)["active"]
    assert found == [Holding(owner, *alive)]


def test_what_a_revocation_of_all_would_end_is_what_it_ends(services: Services) -> None:
    """Expired refresh tokens, which could be regenerated, included. Fails when the two count differently."""
    user = allowed_user(services)
    with freeze_time(NOW - 100 * DAY):
        issue(services, user)
        generate(services, user)
    with freeze_time(NOW):
        for _ in range(2):
            mint(services, issue(services, user))
        generate(services, user)
        services.revoking.revoke(issue(services, user).token.public_id, "x", OPERATOR)
        foretold = services.overview.revocable_of(user.id)
        assert foretold == Revoked(3, 3)
        assert services.revoking.revoke_user(user.username, "x", OPERATOR) == foretold
        assert services.overview.revocable_of(user.id) == Revoked(0, 0)


# One's own


def test_under_each_refresh_token_stands_its_newest_access_token(services: Services) -> None:
    """Fails when an older one is shown, or that of another refresh token."""
    user, other = make_user(services), make_user(services)
    without, once, twice = (issue(services, user, name) for name in ("without", "once", "twice"))
    mint(services, issue(services, other))
    first, _, last = mint(services, once), mint(services, twice), mint(services, twice)
    items, following = services.overview.own_refresh_tokens(user.id)
    assert following is None
    shown = [(each.token.name, each.access_token and each.access_token.public_id) for each in items]
    assert shown == [("twice", last.token.public_id), ("once", first.token.public_id), ("without", None)]
    assert services.overview.access_token_under(twice.token.id) == items[0].access_token
    assert services.overview.access_token_under(without.token.id) is None


def test_the_newest_is_shown_in_the_state_that_it_is_in(services: Services) -> None:
    user = make_user(services)
    with freeze_time(NOW) as clock:
        refresh = issue(services, user)
        mint(services, refresh)
        for after, state in ((timedelta(0), "active"), (DAY - MICROSECOND, "active"), (DAY, "expired")):
            clock.move_to(NOW + after)
            [item], _ = services.overview.own_refresh_tokens(user.id)
            assert item.access_token and item.access_token.status == state
        clock.move_to(NOW)
        services.revoking.revoke(refresh.token.public_id, "x", OPERATOR)
        [item], _ = services.overview.own_refresh_tokens(user.id)
    assert (item.token.status, item.access_token and item.access_token.status) == ("revoked", "revoked")


def test_ones_own_are_read_page_by_page_and_nobody_elses(services: Services) -> None:
    user, other = make_user(services), make_user(services)
    made = [issue(services, user, f"n-{number}").token.public_id for number in range(5)]
    issue(services, other)
    seen, cursor, pages = [], None, 0
    while pages == 0 or cursor:
        items, cursor = services.overview.own_refresh_tokens(user.id, cursor, limit=2)
        seen += [each.token.public_id for each in items]
        pages += 1
    assert (seen, pages) == (made[::-1], 3)
