"""Deleting a user: nothing of the person is left, and nothing that the person held works."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import text

from app.domain.errors import BadCredentials, Conflict, NotFound, NotPermitted
from app.domain.identity import Caller, Role, User
from app.domain.user_search import UserSearch
from app.services import Services
from app.services.deleting_users import ONESELF, Deleted
from app.services.idempotency import IdempotencyKey, Repeated
from app.services.named_users import DELETED
from app.services.service_accounts import People
from app.services.user_changes import LAST_ADMINISTRATOR
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.crowds import all_at_once
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    allowed_user,
    configure,
    enable,
    generate,
    issue,
    make_user,
    mint,
    set_password,
    signed_in,
    with_token,
)
from tests.unit.services.verdicts import reason, refusal_of, works

HOME = Caller("", address="192.0.2.10")
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"
PERSON = {"email": "anna@example.org", "first_name": "Ännchen", "last_name": "Zzyzx", "title": "Analyst"}


def delete(services: Services, user: int | str, caller: Caller = OPERATOR) -> Deleted:
    return services.deleting_users.delete(user, caller)


@pytest.mark.both_databases
def test_nothing_of_the_person_is_left_outside_the_audit_log(services: Services, database: Database) -> None:
    """◆ Every row of every table is searched. Fails when the deletion leaves one column out."""
    anna = allowed_user(services, password=PASSWORD, username="anna-unique", **PERSON)
    services.accounts.change(anna.id, {"username": "anna-renamed"}, OPERATOR)
    services.sessions.sign_in("anna-renamed", PASSWORD, HOME, None, user_agent=AGENT)
    refresh = issue(services, anna)
    access = mint(services, refresh, HOME.address)
    generate(services, anna)
    principal = services.verifier.verify(access.secret)
    services.last_use.note(principal, HOME.address, "daypass-test/1.0")
    services.last_use.flush()
    services.revoking.revoke(issue(services, anna).token.public_id, "", signed_in(anna))
    deleted = delete(services, "anna-renamed")
    assert (deleted.user.username, deleted.user.id, deleted.sessions) == (f"Deleted user {anna.id}", anna.id, 1)
    assert (deleted.revoked.refresh_tokens, deleted.revoked.access_tokens) == (1, 2)
    names = ("anna", "Ännchen", "Zzyzx", "Analyst", "192.0.2", "daypass-test", "Firefox", "$2b$")
    left = {
        table: [each for each in found if any(name in str(each) for name in names)]
        for table, found in rows.everything(database).items()
        if not table.startswith("audit")
    }
    assert not any(left.values()), left
    assert rows.count(database, SessionRow) == 0


@pytest.mark.both_databases
def test_the_request_that_created_the_user_is_still_known_and_does_not_name_them(
    services: Services, database: Database
) -> None:
    """◆ Fails when the name stays with its Idempotency-Key, and when a repeat creates the user again."""
    admin, key = make_user(services, role=Role.SERVER_ADMIN), IdempotencyKey("once", "dora")

    def create() -> User:
        return services.accounts.add("dora-unique", Role.VIEWER, None, signed_in(admin), key)

    dora = create()
    services.accounts.change(dora.id, {"username": "dora-renamed"}, OPERATOR)
    delete(services, dora.id)
    assert "dora" not in str(rows.everything(database)["idempotency_keys"])
    with pytest.raises(Repeated) as repeated:
        create()
    assert services.accounts.get_ever(repeated.value.handle).id == dora.id


@pytest.mark.both_databases
def test_what_the_person_held_is_revoked_and_stays_told(
    services: Services, anna: User, refresh: Refresh, access: Access
) -> None:
    delete(services, anna.id)
    assert (reason(services, refresh), reason(services, access)) == ("token_revoked", "token_revoked")
    listed = services.listing.find(refresh.token.public_id)
    assert listed.owner == f"Deleted user {anna.id}" and listed.token.revoke_reason == "its owner was deleted"
    assert services.token_history.of(refresh.token.public_id)
    for name in ("anna", f"Deleted user {anna.id}", f"deleted user {anna.id}"):
        assert refusal_of(lambda name=name: services.accounts.authenticate(name, PASSWORD, HOME)) is BadCredentials  # type: ignore[misc]


def test_the_event_has_the_id_and_counts_and_not_the_name(
    services: Services, database: Database, anna: User, access: Access
) -> None:
    delete(services, "anna")
    event = rows.audit_events(database)[-1]
    assert (event.action, event.object_id) == ("user.deleted", f"Deleted user {anna.id}")
    assert event.detail == f'{{"access_tokens": 1, "refresh_tokens": 1, "sessions": 0, "user_id": {anna.id}}}'
    assert [each.action for each in services.user_profiles.of(anna.id).events] == ["user.deleted"]


@pytest.mark.both_databases
def test_a_deleted_user_stays_deleted_and_their_names_stay_theirs(services: Services, anna: User) -> None:
    services.accounts.change(anna.id, {"username": "annette"}, OPERATOR)
    delete(services, anna.id)
    for name in ("anna", "annette"):
        with pytest.raises(Conflict, match="another account's"):
            make_user(services, name)
    acts: list[Callable[[], object]] = [
        lambda: delete(services, anna.id),
        lambda: services.accounts.change(anna.id, {"is_active": True}, OPERATOR),
        lambda: services.accounts.change(anna.id, {"username": "anna"}, OPERATOR),
        lambda: services.changing_passwords.set(anna.id, PASSWORD, OPERATOR),
        lambda: services.accounts.change_own_names(anna.id, {"first_name": "A", "last_name": ""}, OPERATOR),
    ]
    for act in acts:
        with pytest.raises(Conflict, match=DELETED):
            act()
    for again in (lambda: delete(services, "anna"), lambda: enable(services, "anna")):
        with pytest.raises(NotFound):
            again()
    assert refusal_of(lambda: issue(services, anna)) is BadCredentials


def test_lists_and_counts_are_without_deleted_users_unless_asked(services: Services, anna: User) -> None:
    make_user(services, "berta")
    delete(services, anna.id)
    listing = services.user_list
    assert [each.username for each in services.accounts.every()] == ["berta"]
    assert [each.username for each in listing.users().items] == ["berta"] and not listing.users(is_active=False).items
    assert [each.id for each in listing.users(is_deleted=True).items] == [anna.id]
    found = listing.found(UserSearch())
    assert [each.user.username for each in found.page.items] == ["berta"]
    assert (found.counts.all, found.counts.active, found.counts.disabled, found.counts.deleted) == (1, 1, 0, 1)
    gone = listing.found(UserSearch(is_deleted=True))
    assert ([each.user.id for each in gone.page.items], gone.counts.matching) == ([anna.id], 1)
    assert [each.user.id for each in listing.every(UserSearch(is_deleted=True))] == [anna.id]
    summary = services.overview.summary()
    assert (summary.active_users, summary.disabled_users) == (1, 0)


def test_nobody_deletes_themselves_or_the_last_administrator(services: Services) -> None:
    root = make_user(services, "root", Role.SERVER_ADMIN)
    with pytest.raises(Conflict, match=LAST_ADMINISTRATOR):
        delete(services, "root")
    other = make_user(services, "other", Role.SERVER_ADMIN)
    with pytest.raises(Conflict, match=ONESELF):
        delete(services, root.id, Caller("root", root.id, credential=OPERATOR.credential, role=root.role))
    delete(services, other.id)
    with pytest.raises(Conflict, match=LAST_ADMINISTRATOR):
        delete(services, root.id)


@pytest.mark.both_databases
def test_who_is_responsible_for_service_accounts_is_not_deleted_and_a_deputy_is_forgotten(
    services: Services, anna: User
) -> None:
    """◆ Fails when nobody answers for an account any more. A deleted account frees its person. Each account has an
    event of its own, so that its history tells who answers for it."""
    berta = make_user(services, "berta")
    etl = services.service_accounts.add("svc-etl", Role.VIEWER, People("anna", "berta"), OPERATOR)
    with pytest.raises(Conflict, match=r"anna answers for service accounts\..*: svc-etl\."):
        delete(services, "anna")
    delete(services, berta.id)
    left = services.accounts.by_id(etl.id)
    assert (left.responsible, left.deputy, left.deputy_id) == ("anna", None, None)
    told = services.audit_list.events(limit=1).items[0]
    assert (told.action, told.object_id) == ("user.responsible_changed", "svc-etl")
    assert told.detail == {"responsible": "anna", "deputy": ""}
    refresh = services.issuing.issue(etl.id, "nightly", OPERATOR)
    assert delete(services, etl.id).revoked.refresh_tokens == 1 and not works(services, refresh)
    assert services.accounts.by_id(etl.id).responsible_id is None
    delete(services, "anna")
    with pytest.raises(Conflict, match="another account's"):
        services.service_accounts.add("anna", Role.VIEWER, People(make_user(services).username), OPERATOR)


def test_a_token_deletes_nobody_unless_the_setting_is_on(services: Services, anna: User) -> None:

    root = allowed_user(services, role=Role.SERVER_ADMIN)
    caller = with_token(root, generate(services, root))
    with pytest.raises(NotPermitted):
        delete(services, anna.id, caller)
    configure(services, api_can_manage_users="on")
    delete(services, anna.id, caller)


def test_who_is_no_administrator_any_more_deletes_nobody(services: Services, anna: User) -> None:
    """◆ It can't be undone: the role is read again. Fails when the caller is taken as the request began."""
    make_user(services, "root", Role.SERVER_ADMIN)
    clara = make_user(services, "clara", Role.SERVER_ADMIN, PASSWORD)
    session = services.sessions.find(services.sessions.sign_in("clara", PASSWORD, HOME, None))
    assert session is not None

    caller = Caller("clara", clara.id, credential=replace(session.credential, is_fresh=True), role=clara.role)
    services.accounts.change("clara", {"role": Role.VIEWER}, OPERATOR)
    with pytest.raises(NotPermitted):
        delete(services, anna.id, caller)
    assert services.accounts.by_id(anna.id).is_active


@pytest.mark.both_databases
def test_two_at_once_delete_once_and_of_two_administrators_one_stays(services: Services) -> None:
    for _ in range(4):
        user = make_user(services)
        refused = all_at_once([lambda user=user: refusal_of(lambda: delete(services, user.id))] * 4)  # type: ignore[misc]
        assert sorted(map(str, refused)) == sorted(map(str, [None, *[Conflict] * 3]))
    admins = [make_user(services, role=Role.SERVER_ADMIN) for _ in range(2)]
    refused = all_at_once([lambda each=each: refusal_of(lambda: delete(services, each.id)) for each in admins])  # type: ignore[misc]
    assert sorted(map(str, refused)) == sorted(map(str, [None, Conflict]))


@pytest.mark.both_databases
def test_nothing_survives_a_deletion_that_it_races_with(services: Services, database: Database) -> None:
    """◆ Mints, sign-ins, tokens by password and by session, an edit, a password, and moves of tokens, against deleting.

    Each is answered, none with Unavailable (a deadlock); afterwards nothing of the user works. Fails on PostgreSQL when
    the row is written before the refresh tokens are locked.
    """
    other = make_user(services)
    for number in range(6):
        name = f"racer-{number}"
        user = make_user(services, name, password=PASSWORD)
        refresh, going, coming = issue(services, user), issue(services, user), issue(services, other)
        made: list[Access | Refresh] = []
        acts: list[Callable[[], object]] = [
            lambda refresh=refresh, made=made: made.append(mint(services, refresh)),
            lambda refresh=refresh, made=made: made.append(mint(services, refresh)),
            lambda name=name: services.sessions.sign_in(name, PASSWORD, HOME, None),
            lambda name=name, made=made: made.append(
                services.issuing.issue_with_password(name, PASSWORD, "racing", HOME)
            ),
            lambda user=user, made=made: made.append(issue(services, user)),
            lambda user=user: services.accounts.change(user.id, {"first_name": "Racer", "is_active": True}, OPERATOR),
            lambda user=user: set_password(services, user.username, PASSWORD + "-2"),
            lambda going=going: services.moving.move(going.token.public_id, other.username, OPERATOR),
            lambda coming=coming, name=name: services.moving.move(coming.token.public_id, name, OPERATOR),
            lambda user=user: delete(services, user.id),
        ]
        refused = all_at_once([partial(refusal_of, act) for act in acts])
        assert refused[-1] is None
        assert not any(str(each).find("Unavailable") >= 0 for each in refused), refused
        assert not works(services, refresh) and not any(works(services, each) for each in made)
        moved = [each for each in (going, coming) if works(services, each)]
        assert all(services.listing.find(each.token.public_id).owner == other.username for each in moved)
        left = services.accounts.by_id(user.id)
        assert (left.username, left.first_name, left.is_active) == (f"Deleted user {user.id}", "", False)
    with database.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM sessions")) == 0
        assert session.scalar(text("SELECT count(*) FROM users WHERE password_hash IS NOT NULL")) == 0
        assert session.scalar(text("SELECT count(*) FROM access_tokens WHERE status IN ('active', 'overlapping')")) == 0
