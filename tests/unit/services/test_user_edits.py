"""Editing and renaming users: what follows a user by id, and that no name is ever a second account's."""

import pytest

from app.domain.audit_search import AuditSearch
from app.domain.errors import BadCredentials, BadRequest, Conflict, NotFound, NotPermitted, Refusal
from app.domain.identity import Caller, Role, User
from app.services import Services
from app.services.user_changes import LAST_ADMINISTRATOR
from app.storage.database import Database
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    disable,
    issue,
    lock_sign_in,
    make_user,
    mint,
    revoke,
    signed_in,
)
from tests.unit.services.verdicts import refusal_of, works

HOME, ABROAD = Caller("", address="192.0.2.10"), Caller("", address="198.51.100.7")
PROFILE = {"email": "anna@example.org", "first_name": "Anna", "last_name": "Ω", "title": "Analyst"}


def rename(services: Services, user: int | str, name: str) -> User:
    return services.accounts.change(user, {"username": name}, OPERATOR)


def signs_in(services: Services, name: str, caller: Caller = HOME) -> bool:
    return refusal_of(lambda: services.accounts.authenticate(name, PASSWORD, caller)) is None


def test_an_edit_is_one_event_with_the_names_of_what_changed(services: Services, database: Database) -> None:
    """The log can't be edited later: the values are not in it."""
    anna = make_user(services, "anna", email="old@example.org")
    changed = services.accounts.change("anna", PROFILE, OPERATOR)
    assert {name: getattr(changed, name) for name in PROFILE} == PROFILE and changed.id == anna.id
    assert services.accounts.change(anna.id, PROFILE, OPERATOR) == changed
    services.accounts.change(anna.id, {"title": ""}, OPERATOR)
    edited = [each for each in rows.audit_events(database) if each.action == "user.edited"]
    assert [each.detail for each in edited] == [
        '{"fields": "e-mail, first name, last name, title"}', '{"fields": "title"}'
    ]  # fmt: skip
    assert not any(value in each.detail for each in rows.audit_events(database) for value in PROFILE.values())


@pytest.mark.parametrize("values", [{"email": "no address"}, {"title": "x" * 151}, {"first_name": "\u202egnp"}])
def test_an_edit_is_all_or_nothing(services: Services, values: dict[str, str]) -> None:
    anna = make_user(services, "anna")
    with pytest.raises(BadRequest) as refused:
        services.accounts.change("anna", {"role": Role.STEWARD, "last_name": "A"} | values, OPERATOR)
    assert refused.value.fields.keys() == values.keys()
    make_user(services, "berta")
    with pytest.raises(Conflict):
        services.accounts.change("anna", {"role": Role.STEWARD, "username": "berta"}, OPERATOR)
    assert services.accounts.by_id(anna.id) == anna


def test_own_names_are_changed_by_oneself_and_nothing_else_is(services: Services, database: Database) -> None:
    anna = make_user(services, "anna", Role.VIEWER, PASSWORD, **PROFILE)
    session = services.sessions.find(services.sessions.sign_in("anna", PASSWORD, HOME, None))
    assert session is not None
    caller = Caller("anna", anna.id, credential=session.credential, role=anna.role)
    sent = {"first_name": "Ännchen", "last_name": "", "email": "x@example.org", "title": "Chief"}
    changed = services.accounts.change_own_names(anna.id, sent, caller)
    assert (changed.first_name, changed.last_name, changed.email, changed.title) == (
        "Ännchen", "", PROFILE["email"], PROFILE["title"]
    )  # fmt: skip
    with pytest.raises(NotPermitted):
        services.accounts.change(anna.id, {"email": "x@example.org"}, caller)
    assert rows.audit_events(database)[-1].actor == "anna"
    services.sessions.end_all(anna.id, OPERATOR)
    with pytest.raises(Refusal):
        services.accounts.change_own_names(anna.id, sent | {"first_name": "A"}, caller)


@pytest.mark.both_databases
def test_tokens_sessions_and_the_password_stay_with_the_id(
    services: Services, anna: User, refresh: Refresh, access: Access
) -> None:
    cookie = services.sessions.sign_in("anna", PASSWORD, HOME, None)
    renamed = rename(services, "anna", "Anna.B")
    assert (renamed.id, renamed.username) == (anna.id, "anna.b")
    assert works(services, refresh) and works(services, access)
    assert services.verifier.verify(access.secret).username == "anna.b"
    session = services.sessions.find(cookie)
    assert session is not None and session.user == services.accounts.get("anna.b")
    assert signs_in(services, "anna.b") and not signs_in(services, "anna")
    with pytest.raises(NotFound):
        services.accounts.get("anna")
    assert services.accounts.get_ever("anna").id == anna.id


def test_the_old_name_is_refused_as_any_other(services: Services, anna: User) -> None:
    rename(services, "anna", "anna.b")
    for typed in ("anna", "ANNA", "nobody"):
        with pytest.raises(BadCredentials):
            services.accounts.authenticate(typed, PASSWORD, HOME)
        with pytest.raises(BadCredentials):
            services.issuing.issue_with_password(typed, PASSWORD, "nightly-etl", HOME)


@pytest.mark.both_databases
def test_nobody_else_ever_gets_a_name_that_was_given_up(services: Services, anna: User) -> None:
    """◆ Fails when a former name is looked for among present ones only. Its owner takes it back."""
    rename(services, "anna", "anna.b")
    berta = make_user(services, "berta")
    for act in (lambda: make_user(services, "ANNA"), lambda: rename(services, berta.id, "anna")):
        with pytest.raises(Conflict, match="another account's"):
            act()
    assert services.accounts.by_id(berta.id).username == "berta"
    assert rename(services, anna.id, "anna").username == "anna"
    with pytest.raises(Conflict, match="another account's"):
        make_user(services, "anna.b")
    with pytest.raises(Conflict, match="already"):
        make_user(services, "anna")
    assert rename(services, anna.id, "anna.b").username == "anna.b"


@pytest.mark.both_databases
def test_a_name_that_is_given_up_and_taken_at_once_is_only_one_s(services: Services) -> None:
    """◆ Fails when it is looked for before it is written."""
    for number in range(8):
        first, second = make_user(services, f"a{number}"), make_user(services, f"b{number}")
        name = first.username
        acts = [
            lambda user=first: rename(services, user.id, f"{user.username}-2"),
            lambda user=second, name=name: rename(services, user.id, name),
            lambda name=name: make_user(services, name),
        ]
        refused = all_at_once([lambda act=act: refusal_of(act) for act in acts])  # type: ignore[misc]
        assert refused == [None, Conflict, Conflict]


def test_what_counts_and_knows_an_account_follows_it(services: Services, anna: User) -> None:
    """◆ Fails when counters are keyed by the present name: a new one would be a new budget."""
    assert signs_in(services, "anna")
    device = services.sessions.known_devices.add(None, services.accounts.counted_by("anna"))
    lock_sign_in(services, "anna")
    renamed = rename(services, "anna", "anna.b")
    assert renamed.counted_by == services.accounts.counted_by("ANNA.b") == "anna"
    assert services.accounts.throttle.lock_of(renamed.counted_by) is not None
    assert not signs_in(services, "anna.b", ABROAD) and signs_in(services, "anna.b", HOME)
    assert services.sessions.known_devices.find(device, services.accounts.counted_by("anna.b")) is not None
    profile = services.user_profiles.of(anna.id)
    assert profile.lock is not None and profile.former_usernames == ["anna"]
    assert services.accounts.throttle.unlock(renamed.counted_by, OPERATOR)
    assert services.audit_list.events(limit=1).items[0].object_id == "anna.b"


def test_the_history_of_a_user_and_the_search_of_the_log_know_former_names(services: Services, anna: User) -> None:
    token = issue(services, anna)
    services.revoking.revoke(token.token.public_id, "", signed_in(anna))
    disable(services, "anna")
    rename(services, "anna", "berta")
    actions = [each.action for each in services.user_profiles.of(anna.id).events]
    assert actions == ["user.renamed", "user.disabled", "user.created"]
    assert services.token_history.of(token.token.public_id)[0].is_own

    for text in ("berta", "anna"):
        found = services.audit_list.found(AuditSearch(text=text))
        assert {"user.renamed", "user.disabled", "refresh_token.revoked"} <= {each.action for each in found.page.items}
        assert set(found.user_ids.values()) == {anna.id}


def test_a_repeat_of_creating_a_user_finds_them_under_another_name(services: Services, anna: User) -> None:
    rename(services, "anna", "berta")
    assert services.accounts.get_ever("anna") == services.accounts.get_ever("berta")


def test_the_last_administrator_can_be_renamed_and_not_lowered(services: Services) -> None:
    make_user(services, "root", Role.SERVER_ADMIN)
    with pytest.raises(Conflict, match=LAST_ADMINISTRATOR):
        services.accounts.change("root", {"username": "admin", "role": Role.VIEWER}, OPERATOR)
    assert rename(services, "root", "admin").is_administrator


def test_a_renamed_user_mints_on(services: Services, anna: User) -> None:
    refresh = issue(services, anna)
    rename(services, "anna", "berta")
    assert works(services, mint(services, refresh)) and revoke(services, refresh).refresh_tokens == 1


@pytest.mark.both_databases
def test_a_user_is_renamed_while_their_tokens_are_minted(services: Services, anna: User) -> None:
    """None is answered with Unavailable: mints and the new name wait for one another in one order."""
    refresh = [issue(services, anna) for _ in range(3)]
    renames = [lambda number=number: rename(services, anna.id, f"anna-{number}") for number in range(3)]
    mints = [lambda each=each: [mint(services, each) for _ in range(4)] for each in refresh]
    results = all_at_once([lambda act=act: refusal_of(act) for act in (*renames, *mints)])  # type: ignore[misc]
    assert results == [None] * 6
    assert works(services, mint(services, refresh[0]))
