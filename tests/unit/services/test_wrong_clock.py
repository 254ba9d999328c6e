"""What is done by a clock that is wrong is right, or void, when the clock is right again."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from app.domain.errors import Conflict, NotFound, RateLimited, Refusal
from app.domain.identity import Caller
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenStatus
from app.services import Services
from app.services.idempotency import IdempotencyKey, Repeated
from app.services.single_tier import OwnTokens
from app.services.throttling import NEW_PLACE_LIMIT
from app.storage.access_tokens import as_access_token
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests import factories
from tests.factories import OPERATOR, PASSWORD, Access, Refresh, issue, make_user, mint, signed_in, works
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import DAY, HOUR, MINUTE, NOW, MovedClock, reason, refusal_of

pytestmark = pytest.mark.usefixtures("moved_clock")

YEARS = 3650 * DAY
WRONG = pytest.mark.parametrize("wrong", [-YEARS, -2 * DAY, 2 * DAY, 61 * DAY, YEARS])


@WRONG
def test_a_token_that_was_revoked_by_a_wrong_clock_stays_revoked(
    services: Services, clock: MovedClock, wrong: timedelta
) -> None:
    """◆ However it was revoked. Fails when those that have expired by that clock are left alone."""
    owner = factories.allowed_user(services)
    refresh = [issue(services, owner) for _ in range(3)]
    access = [mint(services, each) for each in refresh]
    single = [factories.generate(services, owner) for _ in range(2)]
    other = [issue(services, make_user(services)) for _ in range(2)]
    under = [mint(services, each) for each in other]
    clock.now = NOW + wrong
    factories.revoke(services, refresh[0])
    factories.revoke(services, access[1])
    factories.revoke(services, single[0])
    regenerated = factories.regenerate(services, other[0])
    services.revoking.revoke_user(owner.username, "left", OPERATOR)
    clock.now = NOW + MINUTE
    revoked: list[Access | Refresh] = [*refresh, *access, *single, other[0], under[0]]
    assert {reason(services, each) for each in revoked} == {"token_revoked"}
    assert works(services, regenerated) is (wrong > -60 * DAY)
    assert works(services, other[1]) and works(services, under[1])


def test_a_token_that_a_clock_ahead_revoked_with_others_is_deleted_for_its_owner(
    services: Services, clock: MovedClock
) -> None:
    """Lists of tokens have no word for a revoked one. Fails when a token that had expired is kept by every clock."""
    owner = factories.allowed_user(services)
    single = factories.generate(services, owner, 30 * DAY)
    clock.advance(61 * DAY)
    services.revoking.revoke_user(owner.username, "left", OPERATOR)
    assert [each.status for each in services.single_tier.list_tokens(owner.id).items] == [TokenStatus.EXPIRED]
    clock.now = NOW
    assert services.single_tier.list_tokens(owner.id, counted=True) == OwnTokens([], 0)
    assert refusal_of(lambda: services.single_tier.get(single.token.uuid, None)) is NotFound
    assert refusal_of(lambda: services.single_tier.delete(single.token.uuid, OPERATOR, None)) is NotFound


def test_a_token_that_expired_and_was_revoked_afterwards_is_still_expired(
    services: Services, database: Database, clock: MovedClock
) -> None:
    """As seen from outside; for the user who revokes all, for the audit log, and for the owner's list."""
    owner = factories.allowed_user(services)
    single = factories.generate(services, owner, DAY)
    clock.advance(2 * DAY)
    assert services.revoking.revoke_user(owner.username, "left", OPERATOR).access_tokens == 0
    assert reason(services, single) == "token_expired"
    (listed,) = services.single_tier.list_tokens(owner.id).items
    assert listed.status is TokenStatus.EXPIRED
    services.single_tier.delete(single.token.uuid, OPERATOR, None)
    assert services.single_tier.list_tokens(owner.id).items == []
    assert reason(services, single) == "token_revoked"


@WRONG
@pytest.mark.parametrize("policy", ["replace", "overlap", "reuse"])
def test_of_the_access_tokens_of_a_wrong_and_of_a_right_clock_one_works(
    services: Services, database: Database, clock: MovedClock, wrong: timedelta, policy: str
) -> None:
    """◆ Fails when what has expired by the wrong clock is not final once it is replaced."""
    factories.configure(services, access_token_reissue=policy, access_token_overlap_seconds=1)
    refresh = issue(services, make_user(services))
    first = mint(services, refresh)
    clock.now = NOW + wrong
    try:
        second = mint(services, refresh)
    except Refusal:  # the refresh token has expired by this clock
        second = None
    clock.now = NOW + MINUTE
    active = [each for each in (first, second) if each is not None and works(services, each)]
    assert len({each.token.id for each in active}) <= 1
    assert works(services, first) is (second is None or second.token.id == first.token.id)
    third = mint(services, refresh)
    clock.advance(2 * timedelta(seconds=1))
    assert _active(database, clock) == [third.token.id]


def _active(database: Database, clock: MovedClock) -> list[int]:
    with database.reading() as session:
        found = [as_access_token(row, clock.now) for row in session.query(AccessTokenRow)]
    return [each.id for each in found if each.status is TokenStatus.ACTIVE]


@pytest.mark.both_databases
@pytest.mark.usefixtures("no_clock_of_the_database")
def test_a_stored_expired_is_believed_nowhere(services: Services, database: Database, clock: MovedClock) -> None:
    """◆ A sweep of an earlier release, by a wrong clock. The token works, and is still the only one."""
    factories.configure(services, access_token_reissue="reuse")
    refresh = issue(services, factories.allowed_user(services))
    access = mint(services, refresh)
    with database.transaction() as session:
        for table in (RefreshTokenRow, AccessTokenRow):
            session.execute(update(table).values(status=TokenStatus.EXPIRED))
    assert works(services, refresh) and works(services, access)
    assert {each.token.status for each in services.listing.every_token(TokenFilter())} == {TokenStatus.ACTIVE}
    assert services.expiring.purge(OPERATOR) == 0
    assert mint(services, refresh).secret == access.secret
    clock.advance(13 * HOUR)
    second = mint(services, refresh)
    clock.advance(HOUR)
    assert (works(services, access), works(services, second)) == (False, True)
    factories.revoke(services, refresh)
    assert not works(services, second)


def test_failures_counted_by_a_clock_that_was_ahead_lock_nobody_out_for_years(
    services: Services, clock: MovedClock
) -> None:
    make_user(services, "anna", password=PASSWORD)
    stranger = Caller("", address="192.0.2.1")
    clock.now = NOW + YEARS
    for _ in range(NEW_PLACE_LIMIT):
        refusal_of(lambda: services.accounts.authenticate("anna", f"{PASSWORD_MARK}-wrong", stranger))
    assert refusal_of(lambda: services.accounts.authenticate("anna", PASSWORD, stranger)) is RateLimited
    clock.now = NOW + MINUTE
    assert refusal_of(lambda: services.accounts.authenticate("anna", PASSWORD, stranger)) is None


def test_a_request_is_not_forgotten_by_a_clock_that_jumps(services: Services, clock: MovedClock) -> None:
    """Fails when the key is deleted by its age alone: the repeat would create a second token."""
    user, key = make_user(services), IdempotencyKey("the key", "the request")

    def create() -> None:
        services.issuing.issue(user.id, "nightly-etl", signed_in(user), key)

    create()
    services.expiring.expire_due()
    for ahead in (DAY, YEARS, timedelta(0)):
        clock.now = NOW + ahead
        with pytest.raises((Repeated, Conflict)):
            create()


def test_a_job_whose_last_run_is_in_the_future_is_late(services: Services, clock: MovedClock) -> None:
    """It has not run since the clock was put back, and nobody knows for how long."""
    clock.now = NOW + DAY
    services.job_runs.run("sweep", lambda: 1, "host:1", MINUTE)
    clock.now = NOW
    (late,) = services.job_runs.health({"sweep": MINUTE})
    assert late.lag == DAY - MINUTE
    assert services.job_runs.run("sweep", lambda: 1, "host:1", MINUTE) == 1
    (health,) = services.job_runs.health({"sweep": MINUTE})
    assert health.lag == timedelta(0)


def test_a_token_of_a_clock_that_was_ahead_says_so(services: Services, clock: MovedClock) -> None:
    clock.now = NOW + DAY
    refresh = issue(services, make_user(services))
    access, renewed = mint(services, refresh), factories.regenerate(services, issue(services, make_user(services)))
    clock.now = NOW
    before = issue(services, make_user(services))
    clock.now = NOW + DAY
    rotated = factories.rotate(services, before)
    assert not refresh.token.created_in_future
    clock.now = NOW
    for issued in (refresh, access, renewed, rotated):
        assert services.listing.find(issued.token.public_id).token.created_in_future
    assert not factories.rotate(services, renewed).token.created_in_future, "its expiry counts from now"
