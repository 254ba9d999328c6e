"""Who has not signed in at their provider for too long is treated as disabled, until they sign in or are enabled."""

from functools import partial

import pytest

from app.domain.errors import BadCredentials, BadRequest, Conflict, OwnerMustSignIn, SignInRefused
from app.domain.identity import Role, User
from app.domain.oauth_client import SentClient
from app.domain.sign_ins import Arrival, SignInMethod
from app.domain.user_search import UserSearch
from app.services import Services
from app.services.linking import named_person
from app.storage import users
from app.storage.database import Database
from tests import factories, rows
from tests.factories import (
    ANONYMOUS,
    ISSUER,
    OPERATOR,
    PASSWORD,
    configure,
    disable,
    enable,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    person,
    sign_in_by_provider,
    vouch,
)
from tests.unit.services.verdicts import DAY, MINUTE, NOW, MovedClock, reason, refusal_of

pytestmark = [pytest.mark.both_databases, pytest.mark.usefixtures("moved_clock")]

AWAY = "owner_must_sign_in"
VALID = 30


@pytest.fixture
def anna(services: Services) -> User:
    """A user whom a provider has signed in just now, with a password too, while that counts for VALID days."""
    configure(services, sign_in_valid_days=VALID)
    user = factories.allowed_user(services, username="anna")
    factories.set_password(services, user.username, PASSWORD)
    vouch(services, user, NOW)
    return user


@pytest.fixture
def session_of_anna(services: Services, database: Database, anna: User, clock: MovedClock) -> str:
    return begin(services, database, anna, clock)


def begin(services: Services, database: Database, user: User, clock: MovedClock) -> str:
    """The cookie of a session that a provider began for them."""
    with database.transaction() as session:
        row = users.get_and_lock(session, user.id)
        assert row is not None
        arrival = Arrival(SignInMethod.PROVIDER)
        return services.sessions.beginning.begin(session, row, arrival, ANONYMOUS, clock(), None, "")


def test_all_that_a_person_has_is_refused_from_the_instant_on_and_works_again_at_once(
    services: Services, database: Database, clock: MovedClock, anna: User
) -> None:
    """◆ Of both tiers, as a client, by introspection and for a mint. Fails when one of them does not look at it."""
    refresh = issue(services, anna)
    clock.now = NOW + VALID * DAY - MINUTE
    access, single = mint(services, refresh), generate(services, anna)
    cookie = begin(services, database, anna, clock)
    client = SentClient(refresh.secret)
    assert [reason(services, each) for each in (refresh, access, single)] == [None] * 3
    assert services.clients.authenticate(client).owner_id == anna.id
    assert services.sessions.find(cookie) is not None

    clock.now = NOW + VALID * DAY
    assert [reason(services, each) for each in (refresh, access, single)] == [AWAY] * 3
    for act in (
        partial(services.clients.authenticate, client),
        partial(mint, services, refresh),
        partial(factories.mint_own, services, refresh),
        partial(factories.regenerate, services, refresh),
        partial(factories.rotate, services, refresh),
        partial(services.verifier.examine, access.secret),
    ):
        assert refusal_of(act) is OwnerMustSignIn, act
    assert services.introspecting.introspect(access.secret, "", lambda: ANONYMOUS) is None
    assert services.introspecting.introspect(refresh.secret, "refresh_token", lambda: ANONYMOUS) is None
    assert services.identifying.identify(access.secret).refused_because == AWAY
    assert services.sessions.find(cookie) is None

    vouch(services, anna, clock.now)
    assert [reason(services, each) for each in (refresh, access, single)] == [None] * 3
    assert services.sessions.find(cookie) is not None


def test_a_password_is_not_a_sign_in_at_the_provider(services: Services, clock: MovedClock, anna: User) -> None:
    """◆ Who left the organisation may still know it. A wrong one is told nothing. Fails when it signs in."""
    sign_in = partial(services.accounts.authenticate, "anna", caller=ANONYMOUS)
    assert sign_in(password=PASSWORD).user.id == anna.id
    clock.now = NOW + VALID * DAY
    assert refusal_of(partial(sign_in, password=PASSWORD)) is SignInRefused
    assert refusal_of(partial(sign_in, password=f"{PASSWORD}-wrong")) is BadCredentials


def test_enabling_counts_as_a_sign_in(services: Services, database: Database, clock: MovedClock, anna: User) -> None:
    """Of somebody disabled and of somebody away; and is in the audit log. Fails when only a disabled one is enabled."""
    configure(services, refresh_token_lifespan=3650)
    refresh = issue(services, anna)
    clock.now = NOW + VALID * DAY
    assert enable(services, "anna").sign_in_by == NOW + 2 * VALID * DAY
    assert reason(services, refresh) is None
    clock.now += VALID * DAY
    disable(services, "anna")
    assert reason(services, refresh) == "owner_disabled"
    enable(services, "anna")
    assert reason(services, refresh) is None
    clock.now += DAY
    assert enable(services, "anna").sign_in_by == NOW + 3 * VALID * DAY, "nothing to enable"
    assert [event.action for event in rows.audit_events(database)].count("user.enabled") == 2


def test_a_local_user_and_a_service_account_are_never_away(services: Services, clock: MovedClock, anna: User) -> None:
    local, account = make_user(services, password=PASSWORD), make_service_account(services, anna)
    clock.now = NOW + (VALID - 1) * DAY
    configure(services, refresh_token_lifespan=3650)
    held = [issue(services, each) for each in (local, account)]
    clock.now = NOW + 1000 * DAY
    assert [reason(services, each) for each in held] == [None, None]
    assert services.accounts.authenticate(local.username, PASSWORD, ANONYMOUS).user.id == local.id


def test_who_is_unlinked_and_given_a_password_is_a_local_user(services: Services, clock: MovedClock) -> None:
    """Fails when a provider is asked for that does not know them. Unlinking alone vouches for nobody."""
    configure(services, sign_in_valid_days=VALID, oidc_create_users="on")
    linked = named_person(ISSUER, "anna-at-the-provider")
    anna = sign_in_by_provider(services, person()).user
    factories.set_password(services, anna.username, PASSWORD)
    assert services.accounts.by_id(anna.id).sign_in_by is not None, "the provider knows them"
    services.linking.unlink(anna.id, linked, OPERATOR)
    clock.now += VALID * DAY
    assert services.accounts.by_id(anna.id).is_away(clock.now)
    factories.set_password(services, anna.username, PASSWORD)
    assert services.accounts.authenticate(anna.username, PASSWORD, ANONYMOUS).user.sign_in_by is None


def test_the_setting_counts_at_once_in_both_directions(services: Services, clock: MovedClock, anna: User) -> None:
    """◆ Fails when a value is kept."""
    access = mint(services, issue(services, anna))
    clock.now = NOW + 0.5 * DAY
    for days, expected in ((0, None), (1, None), (0, None)):
        configure(services, sign_in_valid_days=days)
        assert reason(services, access) is expected
    vouch(services, anna, NOW - DAY)
    for days, expected in ((1, AWAY), (2, None), (1, AWAY), (0, None)):
        configure(services, sign_in_valid_days=days)
        assert reason(services, access) == expected


def test_lists_and_counts_have_who_is_away_among_the_disabled(
    services: Services, clock: MovedClock, anna: User
) -> None:
    for days, expected in ((VALID - 1, (1, 0)), (VALID, (0, 1))):
        clock.now = NOW + days * DAY
        counts = services.user_list.found(UserSearch()).counts
        summary = services.overview.summary()
        assert (counts.active, counts.disabled) == expected
        assert (summary.active_users, summary.disabled_users) == expected
        for is_active, number in zip((True, False), expected, strict=True):
            found = services.user_list.found(UserSearch(is_active=is_active))
            assert len(found.page.items) == found.counts.matching == number


def test_who_is_away_answers_for_nothing_new_and_gets_no_tokens(
    services: Services, clock: MovedClock, anna: User
) -> None:
    account, other = make_service_account(services, anna), make_user(services)
    token = issue(services, other)
    clock.now = NOW + VALID * DAY
    assert services.overview.summary().unanswered == 1
    assert services.user_profiles.of(account.id).is_unanswered
    assert refusal_of(partial(make_service_account, services, anna)) is BadRequest
    move = partial(services.moving.move, token.token.public_id, "anna", OPERATOR)
    assert refusal_of(move) is Conflict


def test_an_administrator_who_is_away_is_not_the_one_who_is_left(
    services: Services, clock: MovedClock, anna: User
) -> None:
    """◆ They may have left. Fails when they count as an administrator who can sign in."""
    factories.set_role(services, "anna", Role.SERVER_ADMIN)
    boss = make_user(services, "boss", Role.SERVER_ADMIN)
    demote = partial(factories.set_role, services, boss.username, Role.VIEWER)
    clock.now = NOW + VALID * DAY
    assert refusal_of(demote) is Conflict
    factories.set_role(services, "anna", Role.VIEWER)
    assert refusal_of(demote) is Conflict
    vouch(services, anna, clock.now)
    factories.set_role(services, "anna", Role.SERVER_ADMIN)
    demote()


def test_a_wrong_clock_ends_and_deletes_nothing(
    services: Services, database: Database, clock: MovedClock, anna: User, session_of_anna: str
) -> None:
    """◆ Once it is right, all is as before. Fails when something is written of who is away."""
    access = mint(services, issue(services, anna))
    for wrong in (-3650 * DAY, VALID * DAY, 3650 * DAY):
        clock.now = NOW + wrong
        services.sessions.find(session_of_anna)
        assert (reason(services, access) is None) is (wrong < VALID * DAY)
        clock.now = NOW + MINUTE
        assert reason(services, access) is None
        assert services.sessions.find(session_of_anna) is not None


def test_the_preview_counts_whom_the_change_affects(services: Services, clock: MovedClock, anna: User) -> None:
    """Fails when it counts all who are away by the new value."""
    for age in (0, 10, 40, 100):
        vouch(services, make_user(services), NOW - age * DAY)
    disabled = make_user(services)
    vouch(services, disabled, NOW - 40 * DAY)
    disable(services, disabled.username)
    preview = services.setting_effects.preview
    for value, number, words in (
        ("60", 1, "They can sign in"),
        ("0", 2, "They can sign in"),
        ("5", 1, "They are treated as disabled"),
    ):
        [effect] = preview("sign_in_valid_days", value).effects
        assert effect.count == number, value
        assert effect.statement.startswith(words)
    configure(services, sign_in_valid_days=0)
    [effect] = preview("sign_in_valid_days", "30").effects
    assert (effect.count, effect.statement.startswith("They are treated as disabled")) == (2, True)
