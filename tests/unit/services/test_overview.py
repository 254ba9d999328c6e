"""What the pages show on their first view, against a plain count of the rows."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest
from freezegun import freeze_time
from sqlalchemy import event, select, text
from sqlalchemy.orm import Session

from app.domain.identity import User
from app.domain.token_filter import TokenFilter
from app.domain.token_view import TokenView
from app.domain.token_warnings import TokenWarning
from app.domain.tokens import FINAL, SHARING_SHOWN_FOR, Ending, TokenKind, TokenStatus, status_at
from app.services import Services
from app.services.overview import DAYS_AHEAD, SOON, Holding
from app.services.revoking import Revoked
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
            for ended in (parent, None) if status in FINAL else ():
                plant_access_token(session, owner, ended, status=status, expires_at=ends, had_expired=True)
            several += 1
    plant_access_token(session, owner, expires_at=None)


def counted(
    database: Database, table: type[RefreshTokenRow | AccessTokenRow], single: bool | None = None
) -> Counter[str]:
    """By status, as the domain defines it, row by row."""
    with database.reading() as session:
        return Counter(
            str(status_at(TokenStatus(row.status), row.expires_at, NOW, getattr(row, "had_expired", False)))
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
    assert holdings == [Holding(owner, summary.refresh_tokens["active"], summary.api_tokens["active"])]


def test_an_instance_without_tokens_has_users_and_days(services: Services) -> None:
    for number in range(5):
        user = make_user(services)
        if number < 2:
            disable(services, user.username)
    summary = services.overview.summary()
    assert (summary.refresh_tokens, summary.access_tokens, summary.api_tokens) == ({}, {}, {})
    assert (summary.active_users, summary.disabled_users) == (3, 2)
    assert (summary.warnings, summary.expiring, summary.first) == ({}, 0, None)
    assert [each.number for each in summary.endings] == [0] * DAYS_AHEAD


def plant_warned(session: Session, owner: User) -> None:
    """Of each warning tokens on both sides of its bounds, and in states in which nobody needs to act."""
    for seen in (NOW - SHARING_SHOWN_FOR, NOW - SHARING_SHOWN_FOR + MICROSECOND, NOW, NOW + DAY):
        plant_refresh_token(session, owner, sharing_seen_at=seen)
    for values in ({"secret_seen_at": NOW}, {"created_at": NOW + DAY}, {"sharing_seen_at": NOW}):
        for status in (TokenStatus.ACTIVE, TokenStatus.REVOKED):
            plant_refresh_token(session, owner, status=status, **values)
        plant_refresh_token(session, owner, status=TokenStatus.EXPIRED, expires_at=NOW, **values)
    plant_refresh_token(session, owner, regenerated_at=NOW + DAY)
    plant_refresh_token(session, owner, rotated_at=NOW + DAY, previous_until=NOW + DAY)
    plant_refresh_token(session, owner, rotated_at=NOW + DAY, regenerated_at=NOW)
    for values in ({"secret_seen_at": NOW}, {"created_at": NOW + DAY}):
        for status in (TokenStatus.ACTIVE, TokenStatus.REVOKED, TokenStatus.EXPIRED):
            plant_access_token(session, owner, status=status, expires_at=None, **values)
        plant_access_token(session, owner, expires_at=NOW, **values)


@pytest.mark.both_databases
def test_warnings_are_counted_as_the_list_shows_them(services: Services, owner: User, database: Database) -> None:
    """The overview links to that list. Fails when an ended token counts, or the two decide differently."""
    with database.transaction() as session:
        plant_warned(session, owner)
    with freeze_time(NOW):
        warnings = services.overview.summary().warnings
        listed = {
            warning: [services.listing.tokens(kind, TokenFilter(warning=warning)).items for kind in TokenKind]
            for warning in TokenWarning
        }
    assert warnings == {TokenWarning.SHARED: 3, TokenWarning.EXPOSED: 4, TokenWarning.WRONG_CLOCK: 6}
    assert warnings == {warning: sum(map(len, items)) for warning, items in listed.items()}
    assert sum(each.token.seems_shared for each in listed[TokenWarning.SHARED][0]) == 3
    assert all(each.token.secret_seen_at for items in listed[TokenWarning.EXPOSED] for each in items)
    assert all(each.token.created_in_future for items in listed[TokenWarning.WRONG_CLOCK] for each in items)


def endings(services: Services) -> list[Ending]:
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
    assert endings(services)[1].number == 2


@pytest.mark.both_databases
def test_tokens_that_expire_within_a_week_are_counted_to_the_instant(
    services: Services, owner: User, database: Database
) -> None:
    """As the list counts them. Fails when days are counted, or the first is that of another tier."""
    with database.transaction() as session:
        for ends in (NOW, NOW + 2 * HOUR, NOW + SOON - MICROSECOND, NOW + SOON):
            plant_refresh_token(session, owner, expires_at=ends)
            plant_access_token(session, owner, expires_at=ends)
        plant_access_token(session, owner, expires_at=NOW + HOUR)
    criteria = TokenFilter(expiring_within_days=SOON.days, to_renew=True)
    with freeze_time(NOW):
        summary = services.overview.summary()
        listed = sum(len(services.listing.tokens(kind, criteria).items) for kind in TokenKind)
    assert (summary.expiring, summary.first, listed) == (5, NOW + HOUR, 5)


def test_many_tokens_take_no_more_statements_than_few(services: Services, owner: User, database: Database) -> None:
    """Fails when something is read day by day."""

    with database.transaction() as session:
        for day in range(DAYS_AHEAD):
            plant_refresh_token(session, owner, expires_at=NOW + (day + 0.3) * DAY)
            plant_access_token(session, owner, expires_at=NOW + (day + 0.4) * DAY)
    with rows.statements(database) as sent:
        endings(services)
    assert 1 < len(sent) <= 10


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
    page = services.token_lists.refresh_tokens_of(user.id, TokenView(), size=2)
    last_page = services.token_lists.refresh_tokens_of(user.id, TokenView(), page.next, 2)
    items = [*page.items, *last_page.items]
    shown = [(each.token.name, each.access_token and each.access_token.public_id) for each in items]
    assert shown == [("twice", last.token.public_id), ("once", first.token.public_id), ("without", None)]
    assert page.next is not None and last_page.next is None
    assert services.overview.access_token_under(twice.token.id) == items[0].access_token
    assert services.overview.access_token_under(without.token.id) is None


def test_the_newest_access_token_is_shown_in_the_state_that_it_is_in(services: Services) -> None:
    user = make_user(services)
    with freeze_time(NOW) as clock:
        mint(services, issue(services, user))
        for after, state in ((DAY - MICROSECOND, "active"), (DAY, "expired")):
            clock.move_to(NOW + after)
            [item] = services.token_lists.refresh_tokens_of(user.id, TokenView()).items
            assert item.access_token and item.access_token.status == state
