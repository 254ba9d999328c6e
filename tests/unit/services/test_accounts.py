"""Users: signing in, and what administrators do to accounts and what that does to tokens.

Here belongs ``app.services.accounts`` on both databases. Not here: digests (``test_passwords``), budgets of
failed sign-ins (``test_throttling``), and the commands (``tests/integration/cli``).
"""

from collections.abc import Callable
from functools import partial

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.domain.audit import AuditEvent
from app.domain.clock import system_clock
from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound, NotPermitted, OwnerDisabled, Refusal
from app.domain.identity import ApiTokens, Caller, Role, User
from app.services import Services
from app.services.accounts import LAST_ADMINISTRATOR, Accounts
from app.services.idempotency import Idempotency
from app.services.passwords import Passwords
from app.services.throttling import LoginThrottle
from app.storage.database import Database
from tests.crowds import all_at_once
from tests.databases import CHEAPEST_COST, KEYS
from tests.factories import OPERATOR, PASSWORD, issue, make_user, mint
from tests.secrecy import PASSWORD_MARK

NEW_PASSWORD = f"{PASSWORD_MARK}-that-is-new"
SOMEBODY = Caller("", address="192.0.2.10")


@pytest.fixture
def accounts(services: Services) -> Accounts:
    return services.accounts


def other_accounts(database: Database, passwords: Passwords) -> Accounts:
    """On the same database, with other passwords' ways."""
    throttle = LoginThrottle(database, system_clock, KEYS.pepper)
    return Accounts(database, system_clock, passwords, throttle, Idempotency(KEYS.pepper))


def sign_in(accounts: Accounts, username: str, password: str) -> User:
    return accounts.authenticate(username, password, SOMEBODY)


def stored_digest(database: Database, username: str) -> str | None:
    with database.reading() as session:
        query = text("SELECT password_hash FROM users WHERE username = :username")
        return session.scalar(query, {"username": username})


def audited(services: Services, action: str | None = None) -> list[AuditEvent]:
    """Oldest first."""
    return services.listing.audit_events(action=action).items[::-1]


# Adding


def test_an_added_user_is_active_and_has_what_was_said(accounts: Accounts) -> None:
    anna = accounts.add(
        "anna", Role.STEWARD, None, OPERATOR, email="anna@example.org", first_name="Anna", title="Data steward"
    )
    assert accounts.get("anna") == anna
    assert (anna.role, anna.is_active, anna.api_tokens) == (Role.STEWARD, True, ApiTokens.INHERIT)
    assert (anna.email, anna.first_name, anna.last_name, anna.title) == (
        "anna@example.org", "Anna", "", "Data steward",
    )  # fmt: skip
    assert anna.last_login_at is None


def test_users_are_listed_in_order_of_name(accounts: Accounts) -> None:
    assert accounts.is_empty()
    made = {name: accounts.add(name, Role.VIEWER, None, OPERATOR) for name in ("carl", "anna", "bert")}
    assert list(accounts.every()) == [made["anna"], made["bert"], made["carl"]]
    assert not accounts.is_empty()


@pytest.mark.parametrize("spelling", ["ANNA", "Anna", "anna"])
def test_a_user_has_one_name_however_it_is_spelt(accounts: Accounts, spelling: str) -> None:
    assert accounts.add(spelling, Role.VIEWER, PASSWORD, OPERATOR).username == "anna"
    assert accounts.get("aNNa").username == "anna"
    assert sign_in(accounts, "aNNA", PASSWORD).username == "anna"


def test_what_is_no_user_name_is_refused(accounts: Accounts) -> None:
    full_width, kelvin = "\uff21\uff24\uff2d\uff29\uff2e", "\u212a"
    for name in ("", " ", "a b", "anna ", "anna\n", "änna", full_width, kelvin, "a/b", "a" * 151, "a\0b", "\ud800"):
        with pytest.raises(BadRequest) as refused:
            accounts.add(name, Role.VIEWER, None, OPERATOR)
        assert list(refused.value.fields) == ["username"], name
    assert accounts.is_empty()


def test_a_name_can_be_had_once(accounts: Accounts, services: Services) -> None:
    anna = accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    for spelling in ("anna", "ANNA"):
        with pytest.raises(Conflict):
            accounts.add(spelling, Role.SERVER_ADMIN, NEW_PASSWORD, OPERATOR)
    assert list(accounts.every()) == [anna]
    assert len(audited(services)) == 1
    assert sign_in(accounts, "anna", PASSWORD).role is Role.VIEWER


def test_of_two_who_add_the_same_name_at_once_one_succeeds(accounts: Accounts) -> None:
    for number in range(5):
        add = partial(accounts.add, f"user-{number}", Role.VIEWER, None, OPERATOR)
        results = all_at_once([partial(outcome, add)] * 4)
        assert sorted(map(str, map(type, results))) == sorted(map(str, [User, Conflict, Conflict, Conflict]))
    assert len(list(accounts.every())) == 5


def test_what_may_not_be_a_password_makes_no_user_and_changes_none(accounts: Accounts, services: Services) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    for bad in ("", "7 bytes", "x" * 1025, f"{PASSWORD}\0", "\0" * 8):
        with pytest.raises(BadRequest):
            accounts.add("bert", Role.VIEWER, bad, OPERATOR)
        with pytest.raises(BadRequest):
            accounts.set_password("anna", bad, OPERATOR)
    assert [user.username for user in accounts.every()] == ["anna"]
    assert len(audited(services)) == 1
    assert sign_in(accounts, "anna", PASSWORD).username == "anna"


@pytest.mark.parametrize(
    ("member", "longest"), [("email", 254), ("first_name", 150), ("last_name", 150), ("title", 150)]
)
def test_what_is_said_of_a_user_is_printable_and_not_too_long(accounts: Accounts, member: str, longest: int) -> None:
    made = accounts.add("anna", Role.VIEWER, None, OPERATOR, **{member: "ä" * longest})
    assert getattr(made, member) == "ä" * longest
    for bad in ("a" * (longest + 1), "\x1b[31mred", "a\nb", "a\0b", "\ud800", "\u202egnp"):
        with pytest.raises(BadRequest) as refused:
            accounts.add("bert", Role.VIEWER, None, OPERATOR, **{member: bad})
        assert list(refused.value.fields) == [member]
    assert [user.username for user in accounts.every()] == ["anna"]


# Signing in


def test_the_right_password_signs_in(accounts: Accounts) -> None:
    anna = accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    assert sign_in(accounts, "anna", PASSWORD) == anna


def test_whatever_else_is_tried_is_bad_credentials_and_nothing_more(accounts: Accounts) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    accounts.add("bert", Role.VIEWER, None, OPERATOR)
    tried = [
        *(("anna", bad) for bad in ("", "x", PASSWORD.upper(), PASSWORD + "\0", "\0", "\ud800", "x" * 5000)),
        *(("bert", any_) for any_ in ("", PASSWORD, "\0", "None")),
        *((nobody, PASSWORD) for nobody in ("carl", "", "\0", "\ud800", "än na", "anna ", "anna\0", "x" * 5000)),
    ]
    for number, (username, password) in enumerate(tried):
        with pytest.raises(BadCredentials) as refused:
            accounts.authenticate(username, password, Caller("", address=f"192.0.2.{number}"))
        assert not vars(refused.value), "says no more than that"


def test_no_text_that_is_tried_breaks_the_service(client: FlaskClient, services: Services) -> None:
    make_user(services, "anna", password=PASSWORD)
    for typed, status in (("\0", 401), (f"{PASSWORD}\0", 401), ("", 401), ("x" * 16_000, 401), ("\ud800", 400)):
        for login in ({"username": "anna", "password": typed}, {"username": typed, "password": PASSWORD}):
            answer = client.post("/integration/v1/createRefreshToken/", json={**login, "name": "etl"})
            assert answer.status_code == status, ascii(typed[:20])
            assert answer.get_json()["reason"] == ("bad_credentials" if status == 401 else "bad_request")


def test_a_disabled_user_cannot_sign_in_until_enabled(accounts: Accounts) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    accounts.disable("anna", OPERATOR)
    with pytest.raises(BadCredentials):
        sign_in(accounts, "anna", PASSWORD)
    accounts.enable("anna", OPERATOR)
    assert sign_in(accounts, "anna", PASSWORD).is_active


def test_no_password_is_right_under_another_pepper(accounts: Accounts, database: Database) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    peppered = other_accounts(database, Passwords(b"q" * 32, CHEAPEST_COST, 1, 3))
    with pytest.raises(BadCredentials):
        sign_in(peppered, "anna", PASSWORD)


def test_the_database_holds_a_digest_and_not_the_password(accounts: Accounts, database: Database) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    digest = stored_digest(database, "anna")
    assert digest is not None and digest.startswith("$2b$04$") and len(digest) == 60


# Another cost


@pytest.mark.parametrize("cost", [5, 6])
def test_a_sign_in_after_the_cost_was_changed_makes_the_digest_anew(
    accounts: Accounts, database: Database, cost: int
) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    costlier = other_accounts(database, Passwords(KEYS.pepper, cost, 1, 3))
    sign_in(costlier, "anna", PASSWORD)
    digest = stored_digest(database, "anna")
    assert digest is not None and digest.startswith(f"$2b$0{cost}$")
    sign_in(costlier, "anna", PASSWORD)
    assert stored_digest(database, "anna") == digest, "once is enough"
    with pytest.raises(BadCredentials):
        sign_in(costlier, "anna", NEW_PASSWORD)


def test_a_refused_sign_in_leaves_an_older_digest_as_it_is(accounts: Accounts, database: Database) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    before = stored_digest(database, "anna")
    costlier = other_accounts(database, Passwords(KEYS.pepper, CHEAPEST_COST + 1, 1, 3))
    with pytest.raises(BadCredentials):
        sign_in(costlier, "anna", NEW_PASSWORD)
    accounts.disable("anna", OPERATOR)
    with pytest.raises(BadCredentials):
        sign_in(costlier, "anna", PASSWORD)
    assert stored_digest(database, "anna") == before


class _Interrupted(Passwords):
    """Lets something else happen while a digest is made anew."""

    interruption: Callable[[], object]

    def digest(self, password: str) -> str:
        self.interruption()
        return super().digest(password)


def test_a_password_that_is_changed_during_the_upgrade_of_its_digest_stays_changed(
    accounts: Accounts, database: Database
) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    passwords = _Interrupted(KEYS.pepper, CHEAPEST_COST + 1, 1, 3)
    passwords.interruption = lambda: accounts.set_password("anna", NEW_PASSWORD, OPERATOR)
    sign_in(other_accounts(database, passwords), "anna", PASSWORD)
    with pytest.raises(BadCredentials):
        sign_in(accounts, "anna", PASSWORD)
    assert sign_in(accounts, "anna", NEW_PASSWORD).username == "anna"


# Changing


def test_a_new_password_replaces_the_old_one_and_leaves_tokens_alone(accounts: Accounts, services: Services) -> None:
    anna = make_user(services, "anna", password=PASSWORD)
    refresh = issue(services, anna)
    access = mint(services, refresh)
    accounts.set_password("ANNA", NEW_PASSWORD, OPERATOR)
    assert services.verifier.verify(access.secret).user_id == anna.id
    assert mint(services, refresh).token.user_id == anna.id
    assert sign_in(accounts, "anna", NEW_PASSWORD).id == anna.id
    with pytest.raises(BadCredentials):
        sign_in(accounts, "anna", PASSWORD)


def test_a_user_without_a_password_can_be_given_one(accounts: Accounts) -> None:
    accounts.add("anna", Role.VIEWER, None, OPERATOR)
    accounts.set_password("anna", PASSWORD, OPERATOR)
    assert sign_in(accounts, "anna", PASSWORD).username == "anna"


def test_disabling_stops_every_token_at_once_and_enabling_brings_the_living_back(
    accounts: Accounts, services: Services
) -> None:
    anna = make_user(services, "anna")
    refresh, revoked = issue(services, anna), issue(services, anna)
    access = mint(services, refresh)
    services.revoking.revoke(revoked.token.public_id, "lost", OPERATOR)
    assert not accounts.disable("anna", OPERATOR).is_active
    uses: list[Callable[[], object]] = [
        lambda: services.verifier.verify(access.secret),
        lambda: services.refresh_verifier.validate(refresh.secret, anna.id),
        lambda: mint(services, refresh),
        lambda: services.issuing.regenerate(refresh.secret, anna.id, SOMEBODY),
        lambda: services.revoking.revoke_access_tokens(refresh.secret, anna.id, SOMEBODY),
    ]
    assert [type(outcome(use)) for use in uses] == [OwnerDisabled] * len(uses)
    assert type(outcome(lambda: issue(services, anna))) is BadCredentials
    assert accounts.enable("anna", OPERATOR).is_active
    assert services.verifier.verify(access.secret).user_id == anna.id
    assert mint(services, refresh).token.user_id == anna.id
    with pytest.raises(Refusal):
        mint(services, revoked)


def test_another_role_is_effective_on_the_next_check(accounts: Accounts, services: Services) -> None:
    access = mint(services, issue(services, make_user(services, "anna")))
    assert services.verifier.verify(access.secret).role is Role.VIEWER
    accounts.set_role("anna", Role.COMPOSER, OPERATOR)
    assert services.verifier.verify(access.secret).role is Role.COMPOSER


def test_who_may_create_tokens_can_be_decided_for_one_user(accounts: Accounts, services: Services) -> None:
    anna, bert = make_user(services, "anna"), make_user(services, "bert")
    access = mint(services, issue(services, anna))
    denied = accounts.set_api_tokens("anna", ApiTokens.DENY, OPERATOR)
    assert isinstance(outcome(lambda: issue(services, denied)), NotPermitted)
    assert services.verifier.verify(access.secret).user_id == anna.id, "those there are go on working"
    services.instance_settings.change("refresh_tokens_for_users", "off", OPERATOR)
    assert isinstance(outcome(lambda: issue(services, bert)), NotPermitted)
    allowed = accounts.set_api_tokens("bert", ApiTokens.ALLOW, OPERATOR)
    assert issue(services, allowed).token.user_id == bert.id
    inheriting = accounts.set_api_tokens("bert", ApiTokens.INHERIT, OPERATOR)
    assert isinstance(outcome(lambda: issue(services, inheriting)), NotPermitted)


def test_each_change_is_audited_with_who_and_what_and_no_digest(accounts: Accounts, services: Services) -> None:
    accounts.add("anna", Role.VIEWER, PASSWORD, OPERATOR)
    accounts.set_password("anna", NEW_PASSWORD, OPERATOR)
    accounts.set_role("Anna", Role.STEWARD, OPERATOR)
    accounts.disable("anna", OPERATOR)
    accounts.enable("anna", OPERATOR)
    accounts.set_api_tokens("anna", ApiTokens.DENY, OPERATOR)
    events = audited(services)
    assert [(event.action, event.detail) for event in events] == [
        ("user.created", {"role": "VIEWER"}),
        ("user.password_changed", {}),
        ("user.role_changed", {"role": "STEWARD"}),
        ("user.disabled", {"is_active": False}),
        ("user.enabled", {"is_active": True}),
        ("user.api_tokens_changed", {"api_tokens": "deny"}),
    ]
    assert {(event.actor, event.object_kind, event.object_id) for event in events} == {("cli:tests", "user", "anna")}


def test_what_is_done_to_nobody_is_refused_and_leaves_nothing_behind(accounts: Accounts, services: Services) -> None:
    for name in ("carl", "", "not a name", "\0", "\ud800"):
        acts: list[Callable[[], object]] = [
            lambda name=name: accounts.get(name),
            lambda name=name: accounts.set_password(name, PASSWORD, OPERATOR),
            lambda name=name: accounts.set_role(name, Role.VIEWER, OPERATOR),
            lambda name=name: accounts.disable(name, OPERATOR),
            lambda name=name: accounts.enable(name, OPERATOR),
            lambda name=name: accounts.set_api_tokens(name, ApiTokens.ALLOW, OPERATOR),
        ]
        assert [type(outcome(act)) for act in acts] == [NotFound] * len(acts)
    assert audited(services) == []


# The last administrator


def test_the_last_active_administrator_can_be_neither_demoted_nor_disabled(
    accounts: Accounts, services: Services
) -> None:
    make_user(services, "anna", Role.SERVER_ADMIN)
    make_user(services, "bert", Role.SERVER_ADMIN)
    make_user(services, "carl")
    accounts.disable("bert", OPERATOR)
    before = len(audited(services))
    for act in (
        lambda: accounts.set_role("anna", Role.VIEWER, OPERATOR),
        lambda: accounts.disable("ANNA", OPERATOR),
    ):
        refused = outcome(act)
        assert isinstance(refused, Conflict) and refused.what == LAST_ADMINISTRATOR
    assert len(audited(services)) == before
    anna = accounts.get("anna")
    assert (anna.role, anna.is_active) == (Role.SERVER_ADMIN, True)


def test_the_last_administrator_can_change_in_every_other_way(accounts: Accounts, services: Services) -> None:
    make_user(services, "anna", Role.SERVER_ADMIN)
    make_user(services, "carl")
    accounts.set_role("anna", Role.SERVER_ADMIN, OPERATOR)
    accounts.set_password("anna", NEW_PASSWORD, OPERATOR)
    accounts.set_api_tokens("anna", ApiTokens.DENY, OPERATOR)
    accounts.disable("carl", OPERATOR)
    accounts.set_role("carl", Role.SERVER_ADMIN, OPERATOR)
    assert isinstance(outcome(lambda: accounts.disable("anna", OPERATOR)), Conflict), "a disabled one does not count"
    accounts.enable("carl", OPERATOR)
    assert not accounts.disable("anna", OPERATOR).is_active


def test_two_administrators_who_end_each_other_at_once_do_not_both_succeed(
    accounts: Accounts, services: Services
) -> None:
    """◆ Fails on PostgreSQL when the administrators are counted without locking their rows."""
    for name in ("anna", "bert"):
        make_user(services, name, Role.SERVER_ADMIN)
    for number in range(20):
        acts: list[Callable[[], object]] = [
            partial(accounts.disable, "anna", OPERATOR),
            partial(accounts.disable, "bert", OPERATOR)
            if number % 2
            else partial(accounts.set_role, "bert", Role.VIEWER, OPERATOR),
        ]
        results = all_at_once([partial(outcome, act) for act in acts])
        assert sorted(isinstance(result, Conflict) for result in results) == [False, True]
        assert sum(user.is_administrator and user.is_active for user in accounts.every()) == 1
        for name in ("anna", "bert"):
            accounts.enable(name, OPERATOR)
            accounts.set_role(name, Role.SERVER_ADMIN, OPERATOR)


def outcome(act: Callable[[], object]) -> object:
    try:
        return act()
    except Refusal as refusal:
        return refusal
