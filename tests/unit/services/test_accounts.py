"""Users: signing in, and what administrators do to accounts and what that does to tokens."""

from functools import partial

import pytest
from sqlalchemy import text

from app.domain.clock import system_clock
from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound
from app.domain.identity import ApiTokens, Caller, Role, User
from app.services import Services
from app.services.accounts import Accounts
from app.services.passwords import Passwords
from app.services.user_changes import LAST_ADMINISTRATOR
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.databases import CHEAPEST_COST, KEYS, accounts_on
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    disable,
    enable,
    issue,
    make_user,
    revoke,
    set_api_tokens,
    set_password,
    set_role,
)
from tests.secrecy import PASSWORD_MARK
from tests.unit.services.verdicts import reason, refusal_of, works

NEW_PASSWORD = f"{PASSWORD_MARK}-that-is-new"
SOMEBODY = Caller("", address="192.0.2.10")


@pytest.fixture
def accounts(services: Services) -> Accounts:
    return services.accounts


def with_passwords(database: Database, passwords: Passwords) -> Accounts:
    """Accounts on the same database that digest in another way."""
    return accounts_on(database, system_clock, passwords)


def sign_in(accounts: Accounts, username: str, password: str) -> User:
    return accounts.authenticate(username, password, SOMEBODY).user


def is_password(accounts: Accounts, password: str) -> bool:
    """Whether anna signs in with it."""
    return refusal_of(lambda: sign_in(accounts, "anna", password)) is None


def stored_digest(database: Database) -> str:
    """The only user's."""
    with database.reading() as session:
        return str(session.execute(text("SELECT password_hash FROM users")).scalar_one())


def test_a_user_has_one_name_in_every_spelling(accounts: Accounts, database: Database) -> None:
    anna = accounts.add("Anna", Role.VIEWER, PASSWORD, OPERATOR)
    assert anna.username == "anna" == accounts.get("aNNa").username
    assert sign_in(accounts, "ANNA", PASSWORD) == anna
    for spelling in ("anna", "ANNA"):
        with pytest.raises(Conflict):
            accounts.add(spelling, Role.SERVER_ADMIN, NEW_PASSWORD, OPERATOR)
    for name in ("", "a b", "änna", "a/b", "a" * 151, "\ud800"):
        with pytest.raises(BadRequest) as refused:
            accounts.add(name, Role.VIEWER, None, OPERATOR)
        assert list(refused.value.fields) == ["username"], name
    assert list(accounts.every()) == [anna] and not accounts.is_empty()
    assert rows.count(database, AuditEventRow) == 1


@pytest.mark.both_databases
def test_one_of_four_who_add_the_same_name_at_once_succeeds(accounts: Accounts) -> None:
    for number in range(3):
        add = partial(accounts.add, f"user-{number}", Role.VIEWER, None, OPERATOR)
        refusals = all_at_once([partial(refusal_of, add)] * 4)
        assert sorted(refusals, key=str) == [Conflict, Conflict, Conflict, None]
    assert len(list(accounts.every())) == 3


def test_a_refused_password_adds_no_user_and_changes_none(
    accounts: Accounts, services: Services, anna: User, database: Database
) -> None:
    for bad in ("7 bytes", f"{PASSWORD}\0"):
        with pytest.raises(BadRequest):
            accounts.add("bert", Role.VIEWER, bad, OPERATOR)
        with pytest.raises(BadRequest):
            set_password(services, "anna", bad)
    assert list(accounts.every()) == [anna]
    assert rows.count(database, AuditEventRow) == 1
    assert is_password(accounts, PASSWORD)


def test_a_profile_is_printable_and_not_too_long(accounts: Accounts) -> None:
    limits = {"email": 254, "first_name": 150, "last_name": 150, "title": 150}
    profile = {member: "ä" * longest for member, longest in limits.items()} | {"email": "ä" * 242 + "@example.org"}
    made = accounts.add("anna", Role.VIEWER, None, OPERATOR, **profile)
    assert {member: getattr(made, member) for member in limits} == profile
    for member, longest in limits.items():
        for bad in ("a" * (longest + 1 - 12) + "@example.org", "\x1b[31mred", "a\0b", "\ud800", "\u202egnp"):
            with pytest.raises(BadRequest) as refused:
                accounts.add("bert", Role.VIEWER, None, OPERATOR, **{member: bad})
            assert list(refused.value.fields) == [member]
    assert list(accounts.every()) == [made]


def test_a_profile_is_stored_in_nfc(accounts: Accounts) -> None:
    made = accounts.add(
        "anna",
        Role.VIEWER,
        None,
        OPERATOR,
        last_name="Mu\u0308ller",
        title="\u0e1c\u0e39\u0e49\u0e14\u0e39\u0e41\u0e25",
    )
    assert (made.last_name, made.title) == ("M\u00fcller", "\u0e1c\u0e39\u0e49\u0e14\u0e39\u0e41\u0e25")


def test_every_failed_sign_in_is_bad_credentials_and_nothing_more(accounts: Accounts, anna: User) -> None:
    accounts.add("bert", Role.VIEWER, None, OPERATOR)
    accounts.add("dora", Role.VIEWER, PASSWORD, OPERATOR)
    accounts.change("dora", {"is_active": False}, OPERATOR)
    tried = [
        ("dora", PASSWORD),
        *(("anna", bad) for bad in ("", "x", PASSWORD.upper(), PASSWORD + "\0", "\0", "\ud800", "x" * 5000)),
        *(("bert", each) for each in ("", PASSWORD, "\0", "None")),
        *((nobody, PASSWORD) for nobody in ("carl", "", "\0", "\ud800", "än na", "anna ", "anna\0", "x" * 5000)),
    ]
    for number, (username, password) in enumerate(tried):
        with pytest.raises(BadCredentials) as refused:
            accounts.authenticate(username, password, Caller("", address=f"192.0.{number}.1"))
        assert not vars(refused.value)


def test_the_first_accepted_sign_in_after_a_change_of_the_cost_upgrades_the_digest(
    services: Services, anna: User, database: Database
) -> None:
    costlier = with_passwords(database, Passwords(KEYS.pepper, CHEAPEST_COST + 1, 1, 3))
    before = stored_digest(database)
    assert not is_password(costlier, NEW_PASSWORD)
    disable(services, "anna")
    assert not is_password(costlier, PASSWORD)
    assert stored_digest(database) == before
    enable(services, "anna")
    assert is_password(costlier, PASSWORD)
    digest = stored_digest(database)
    assert digest.startswith(f"$2b$0{CHEAPEST_COST + 1}$")
    assert is_password(costlier, PASSWORD) and not is_password(costlier, NEW_PASSWORD)
    assert stored_digest(database) == digest


@pytest.mark.both_databases
def test_a_password_that_is_changed_during_the_upgrade_of_its_digest_stays_changed(
    accounts: Accounts, services: Services, anna: User, database: Database
) -> None:
    """Fails when the upgrade replaces another digest than the one that the sign-in read."""

    class Interrupted(Passwords):
        def digest(self, password: str) -> str:
            set_password(services, "anna", NEW_PASSWORD)
            return super().digest(password)

    interrupted = Interrupted(KEYS.pepper, CHEAPEST_COST + 1, 1, 3)
    assert not is_password(with_passwords(database, interrupted), PASSWORD)
    assert is_password(accounts, NEW_PASSWORD) and not is_password(accounts, PASSWORD)


def test_a_new_password_replaces_the_old_one_or_none_and_leaves_tokens_alone(
    accounts: Accounts, services: Services, refresh: Refresh, access: Access
) -> None:
    set_password(services, "ANNA", NEW_PASSWORD)
    assert works(services, access) and works(services, refresh)
    assert is_password(accounts, NEW_PASSWORD) and not is_password(accounts, PASSWORD)
    bert = make_user(services, "bert")
    set_password(services, "bert", PASSWORD)
    assert sign_in(accounts, "bert", PASSWORD) == bert


def test_disabling_stops_every_token_at_once_and_enabling_restores_the_active_ones(
    accounts: Accounts, services: Services, anna: User, refresh: Refresh, access: Access
) -> None:
    revoked = issue(services, anna)
    revoke(services, revoked)
    assert not disable(services, "anna").is_active
    assert [reason(services, each) for each in (access, refresh)] == ["owner_disabled"] * 2
    assert not is_password(accounts, PASSWORD)
    assert enable(services, "anna").is_active
    assert [reason(services, each) for each in (access, refresh, revoked)] == [None, None, "token_revoked"]
    assert is_password(accounts, PASSWORD)


def test_each_change_is_audited_with_its_values_and_no_digest(services: Services, anna: User) -> None:
    set_password(services, "anna", NEW_PASSWORD)
    set_role(services, "Anna", Role.STEWARD)
    for _ in range(2):  # the second time it is no change
        disable(services, "anna")
    enable(services, "anna")
    set_api_tokens(services, "anna", ApiTokens.DENY)
    events = services.audit_list.events().items[::-1]
    assert [(event.action, event.detail) for event in events] == [
        ("user.created", {"role": "VIEWER"}),
        ("user.password_changed", {"is_temporary": False}),
        ("user.role_changed", {"role": "STEWARD"}),
        ("user.disabled", {"is_active": False}),
        ("user.enabled", {"is_active": True}),
        ("user.api_tokens_changed", {"api_tokens": "deny"}),
    ]
    assert {(event.actor, event.object_kind, event.object_id) for event in events} == {("cli:tests", "user", "anna")}


def test_a_user_who_does_not_exist_is_not_found_and_nothing_is_recorded(services: Services) -> None:
    for name in ("carl", "", "not a name", "\0", "\ud800"):
        assert refusal_of(partial(services.accounts.get, name)) is NotFound
        assert refusal_of(partial(set_password, services, name, PASSWORD)) is NotFound
        assert refusal_of(partial(disable, services, name)) is NotFound
    assert services.audit_list.events().items == []


def test_the_last_active_administrator_can_be_neither_demoted_nor_disabled(
    accounts: Accounts, services: Services, database: Database
) -> None:
    """A disabled one does not count; and in every other way the last one can be changed."""
    for name in ("anna", "bert"):
        make_user(services, name, Role.SERVER_ADMIN)
    disable(services, "bert")
    set_role(services, "anna", Role.SERVER_ADMIN)
    set_api_tokens(services, "anna", ApiTokens.DENY)
    before = rows.everything(database)
    for act in (lambda: set_role(services, "anna", Role.VIEWER), lambda: disable(services, "ANNA")):
        with pytest.raises(Conflict) as refused:
            act()
        assert refused.value.what == LAST_ADMINISTRATOR
    assert rows.everything(database) == before
    enable(services, "bert")
    assert not disable(services, "anna").is_active


def test_the_administrators_are_those_who_are_enabled_by_name(accounts: Accounts, services: Services) -> None:
    for name in ("gone", "bert", "anna"):
        make_user(services, name, Role.SERVER_ADMIN)
    make_user(services, "berta")
    disable(services, "gone")
    assert [each.username for each in accounts.administrators()] == ["anna", "bert"]


@pytest.mark.both_databases
def test_of_two_administrators_who_disable_each_other_at_once_one_stays(accounts: Accounts, services: Services) -> None:
    """◆ Fails on PostgreSQL when the administrators are counted without locking their rows."""
    for name in ("anna", "bert"):
        make_user(services, name, Role.SERVER_ADMIN)
    disable_bert, demote_bert = partial(disable, services, "bert"), partial(set_role, services, "bert", Role.VIEWER)
    for number in range(10):
        acts = (partial(disable, services, "anna"), disable_bert if number % 2 else demote_bert)
        refusals = all_at_once([partial(refusal_of, act) for act in acts])
        assert sorted(refusals, key=str) == [Conflict, None]
        assert sum(user.is_administrator and user.is_active for user in accounts.every()) == 1
        for name in ("anna", "bert"):
            enable(services, name)
            set_role(services, name, Role.SERVER_ADMIN)
