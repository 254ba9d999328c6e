"""After a restore, what events took away since the backup is taken away again, and nothing is given back."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from app.domain.audit import AuditEvent, Stream, stream_of
from app.domain.audit_seals import AuditSeal, StoredEvent
from app.domain.errors import BadCredentials, Conflict, SecondFactorRequired, TokenRevoked
from app.domain.identity import ApiTokens, Caller, Role, User
from app.domain.token_filter import TokenFilter
from app.services import Services
from app.services.linking import AuditedPeople, named_person
from app.services.restoring import Restored
from app.storage.database import Database
from app.storage.tables import SessionRow
from tests import rows
from tests.authenticators import add_second_factor
from tests.databases import KEYS
from tests.factories import (
    ISSUER,
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    allowed_user,
    configure,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    rotate,
    set_api_tokens,
)  # fmt: skip
from tests.unit.services.verdicts import HOUR, works

pytestmark = pytest.mark.both_databases

Reapply = Callable[..., Restored]


@pytest.fixture
def reapply(services: Services) -> Reapply:
    """Reapplies events since the state of the database: an action, a kind and a handle, and details."""

    def reapply(*events: tuple[str, str, dict[str, object]]) -> Restored:
        latest = services.audit_list.events(limit=1).items[0]
        later = [_event(latest.id + number, latest.at + HOUR, *event) for number, event in enumerate(events, start=1)]
        return services.restoring.reapply([latest, *later], OPERATOR, name="daypass.db")

    return reapply


def _exported(services: Services) -> list[AuditEvent]:
    return [each.event for each in services.audit.trail.entries() if isinstance(each, StoredEvent)]


def _event(event_id: int, at: datetime, action: str, handle: str, detail: dict[str, object]) -> AuditEvent:
    kind = action.split(".", maxsplit=1)[0]
    return AuditEvent(event_id, at, "clara", 7, action, kind, handle, None, None, "done", detail)


def test_tokens_are_revoked_again_with_their_time_author_and_reason(
    services: Services, database: Database, reapply: Reapply, refresh: Refresh, access: Access, anna: User
) -> None:
    others = [issue(services, anna) for _ in range(3)]
    regenerated, minted, kept = others
    replaced, kept_access = mint(services, minted), mint(services, kept)
    single = generate(services, allowed_user(services))
    done = reapply(
        ("refresh_token.revoked", refresh.token.public_id, {"reason": "lost", "access_tokens": 1}),
        ("access_token.revoked", single.token.public_id, {"reason": "deleted"}),
        ("refresh_token.regenerated", regenerated.token.public_id, {"access_tokens": 0}),
        ("access_token.minted", "notinbackup0", {"refresh_token": minted.token.public_id}),
        ("refresh_token.revoked", "notinbackup1", {"reason": "unknown here"}),
    )
    assert (done.refresh_tokens, done.access_tokens, done.not_applied) == (2, 3, [])
    assert not any(works(services, each) for each in (refresh, access, single, regenerated, replaced))
    assert works(services, minted) and works(services, kept) and works(services, kept_access)
    found = services.listing.find(refresh.token.public_id).token
    event = next(each for each in rows.audit_events(database) if each.action == "refresh_token.revoked")
    assert (found.revoked_by, found.revoke_reason) == ("clara", "lost")
    assert event.actor == OPERATOR.name and found.revoked_at is not None and found.revoked_at > event.at
    (restored,) = services.audit_list.events(action="database.restored").items
    assert restored.detail["refresh_tokens"] == 2 and restored.detail["events_since"] == "5"


def test_a_secret_that_was_rotated_since_does_not_come_back_nor_an_old_one_that_was_ended(
    services: Services, reapply: Reapply, refresh: Refresh, anna: User
) -> None:
    """◆ Fails when either event is not applied: a secret that others replaced would work again."""
    old = issue(services, anna)
    new = rotate(services, old)
    done = reapply(
        ("refresh_token.rotated", refresh.token.public_id, {"old_secret_until": "2030-01-01T00:00:00Z"}),
        ("refresh_token.old_secret_ended", old.token.public_id, {}),
    )
    assert (done.refresh_tokens, done.not_applied) == (1, [])
    assert not works(services, refresh) and not works(services, old)
    assert works(services, new)


def test_events_of_a_clock_that_was_behind_count_as_well(services: Services, refresh: Refresh, access: Access) -> None:
    """Whatever their time is, they are later than the backup. Fails when it is compared with that of the tokens."""
    carl = make_user(services, "carl")
    of_carl, regenerated = issue(services, carl), issue(services, make_user(services))
    latest = services.audit_list.events(limit=1).items[0]
    lost = [
        _event(latest.id + number, latest.at - timedelta(days=365), *event)
        for number, event in enumerate(
            (
                ("refresh_token.regenerated", regenerated.token.public_id, {}),
                ("access_token.minted", "notinbackup0", {"refresh_token": refresh.token.public_id}),
                ("user.tokens_revoked", "carl", {}),
            ),
            start=1,
        )
    ]
    services.restoring.reapply([latest, *lost], OPERATOR)
    assert not any(works(services, each) for each in (access, regenerated, of_carl))


def test_a_token_of_after_the_restore_is_left_alone(services: Services, anna: User) -> None:
    """As on PostgreSQL, where the service may have run since."""
    exported = _exported(services)
    lost = _event(exported[-1].id + 1, exported[-1].at, "user.tokens_revoked", "anna", {})
    later = issue(services, anna)
    services.restoring.reapply([*exported, lost], OPERATOR)
    assert works(services, later)


def test_all_tokens_of_a_user_or_of_a_filter_are_revoked_again(
    services: Services, reapply: Reapply, refresh: Refresh, access: Access
) -> None:
    carl = make_user(services, "carl")
    of_carl, named = issue(services, carl), issue(services, carl, "lost-laptop")
    by_name = {"filter": TokenFilter(name="LAPTOP").canonical(), "reason": "stolen"}
    by_use = {"filter": TokenFilter(unused_for_days=3).canonical()}
    done = reapply(("tokens.revoked", "0123", by_name), ("tokens.revoked", "4567", by_use))
    assert (works(services, of_carl), works(services, named), done.refresh_tokens) == (True, False, 1)
    (line,) = done.not_applied
    assert "unused_for_days" in line and line.startswith("1 event tokens.revoked")
    assert reapply(("user.tokens_revoked", "carl", {"reason": "left"})).refresh_tokens == 1
    assert not works(services, of_carl) and works(services, refresh) and works(services, access)


def test_users_lose_what_they_lost_and_get_nothing_back(services: Services, reapply: Reapply, anna: User) -> None:
    admin, other = make_user(services, "admin", Role.SERVER_ADMIN), make_user(services, "other", Role.SERVER_ADMIN)
    set_api_tokens(services, "anna", ApiTokens.ALLOW)
    services.sessions.sign_in("anna", PASSWORD, Caller("", address="192.0.2.1"), None)
    done = reapply(
        ("user.disabled", "other", {"is_active": False}),
        ("user.role_changed", "anna", {"role": "SERVER_ADMIN"}),
        ("user.api_tokens_changed", "anna", {"api_tokens": "inherit"}),
        ("user.password_changed", "anna", {}),
        ("user.disabled", "gone", {"is_active": False}),
    )
    assert done.sessions == 1 and len(done.changes) == 3 and done.not_applied == []
    users = {user.username: user for user in services.accounts.every()}
    assert not users["other"].is_active
    assert (users["anna"].role, users["anna"].api_tokens) == (Role.VIEWER, ApiTokens.INHERIT)
    with pytest.raises(BadCredentials):
        services.accounts.authenticate("anna", PASSWORD, Caller("", address="192.0.2.1"))
    done = reapply(
        ("user.disabled", "anna", {"is_active": False}),
        ("user.enabled", "anna", {"is_active": True}),
        ("user.role_changed", "admin", {"role": "VIEWER"}),
    )
    assert services.accounts.get("anna").is_active and services.accounts.get("admin").role is admin.role
    (line,) = done.not_applied
    assert "admin is the last enabled administrator" in line and other.is_active


def test_who_no_longer_answers_for_a_service_account_does_not_after_a_restore(
    services: Services, reapply: Reapply, anna: User
) -> None:
    berta, carl = make_user(services, "berta"), make_user(services, "carl")
    account = make_service_account(services, anna, berta)
    restored = reapply(("user.responsible_changed", account.username, {"responsible": "carl", "deputy": "berta"}))
    assert restored.changes == [f"{account.username}: anna does not answer for it any more."]
    found = services.accounts.get(account.username)
    assert (found.responsible, found.deputy) == (None, "berta"), f"{carl.username} is given nothing"


def test_who_answers_is_found_again_by_whatever_the_account_and_the_people_are_called_now(
    services: Services, reapply: Reapply, anna: User
) -> None:
    """◆ Fails when a new name of the account hides who was taken away, or one of a person takes them away."""
    account = make_service_account(services, anna, make_user(services, "berta"), username="svc-etl")
    reapply(
        ("user.responsible_changed", "svc-etl", {"responsible": "carl", "deputy": "berta"}),
        ("user.renamed", "svc-load", {"before": "svc-etl", "after": "svc-load"}),
        ("user.renamed", "berta.b", {"before": "berta", "after": "berta.b"}),
    )
    found = services.accounts.by_id(account.id)
    assert (found.username, found.responsible, found.deputy) == ("svc-load", None, "berta.b")


def test_who_was_unlinked_since_the_backup_does_not_sign_in_again(
    services: Services, reapply: Reapply, anna: User
) -> None:
    """Fails when a link comes back, or one that was made again is taken away."""
    kept, gone, expected = (
        named_person(ISSUER, "kept"), named_person(ISSUER, "gone"), named_person(ISSUER, email="anna@example.com"),
    )  # fmt: skip
    for each in (kept, gone, expected):
        services.linking.link(anna.id, each, OPERATOR)
    restored = reapply(
        ("user.unlinked", "anna", dict(kept.detail)),
        ("user.linked", "anna", dict(kept.detail)),
        ("user.unlinked", "anna", dict(gone.detail)),
        ("user.unlinked", "anna", AuditedPeople(KEYS.pepper).detail(expected)),
        ("user.unlinked", "anna", dict(named_person(ISSUER, "nobody").detail)),
    )
    links = services.linking.of(anna.id)
    assert ([each.subject for each in links.identities], links.expected) == (["kept"], [])
    assert restored.changes == [
        f"anna: unlinked from gone at {ISSUER}.",
        f"anna: unlinked from anna@example.com at {ISSUER}.",
    ]


def test_users_are_renamed_and_deleted_again(
    services: Services, reapply: Reapply, anna: User, refresh: Refresh, access: Access
) -> None:
    """What happened to a user under any of the names is theirs. ◆ Fails when events are applied by the name of then."""
    bert, clara = make_user(services, "bert", password=PASSWORD), make_user(services, "clara", Role.SERVER_ADMIN)
    of_bert, later = issue(services, bert), {"user_id": 4711}
    by_name = {"filter": TokenFilter(owner="bert").canonical(), "reason": "stolen"}
    done = reapply(
        ("user.password_changed", "bert", {}),
        ("tokens.revoked", "0123", by_name),
        ("user.edited", "bert", {"fields": "email"}),
        ("user.renamed", "bert.b", {"before": "bert", "after": "bert.b"}),
        ("user.disabled", "bert.b", {"is_active": False}),
        ("user.renamed", "robert", {"before": "bert.b", "after": "robert"}),
        ("user.renamed", "annette", {"before": "anna", "after": "annette"}),
        ("user.deleted", f"Deleted user {anna.id}", {"user_id": anna.id, "refresh_tokens": 1, "access_tokens": 1}),
        ("user.deleted", f"Deleted user {clara.id}", {"user_id": clara.id}),
        ("user.deleted", "Deleted user 4711", later),
    )
    robert = services.accounts.get("robert")
    assert (robert.id, robert.is_active, robert.counted_by) == (bert.id, False, "bert")
    assert services.accounts.by_id(anna.id).username == f"Deleted user {anna.id}"
    assert not any(works(services, each) for each in (of_bert, refresh, access))
    assert len(done.not_applied) == 1 and "clara is the last enabled administrator" in done.not_applied[0]
    for name in ("anna", "annette", "bert"):
        with pytest.raises(Conflict):
            make_user(services, name)
    with pytest.raises(BadCredentials):
        services.accounts.authenticate("robert", PASSWORD, Caller("", address="192.0.2.1"))


def test_a_name_that_is_taken_in_the_backup_is_not_given_twice(services: Services, reapply: Reapply) -> None:
    make_user(services, "bert"), make_user(services, "robert")
    done = reapply(("user.renamed", "robert", {"before": "bert", "after": "robert"}))
    assert len(done.not_applied) == 1 and services.accounts.get("bert").first_username is None


def test_a_switch_that_was_turned_off_is_turned_off_again_and_other_settings_are_named(
    services: Services, reapply: Reapply
) -> None:
    configure(services, password_api_enabled="on", refresh_tokens_for_users="off")
    done = reapply(
        ("instance_setting.changed", "api_tokens_enabled", {"before": "on", "after": "off"}),
        ("instance_setting.changed", "retention_days", {"before": "90", "after": "7"}),
        ("instance_setting.changed", "refresh_tokens_for_users", {"before": "off", "after": "on"}),
        ("later_thing.revoked", "one", {}),
    )
    values = {each.setting.key: each.value for each in services.instance_settings.show()}
    assert values["api_tokens_enabled"] == "off" and values["refresh_tokens_for_users"] == "off"
    assert [line.split(maxsplit=1)[0] for line in done.not_applied] == [
        "retention_days", "refresh_tokens_for_users", "1",
    ]  # fmt: skip


def test_a_scim_token_that_was_revoked_is_revoked_again_and_a_group_gives_no_role_that_it_lost(
    services: Services, reapply: Reapply
) -> None:
    """Fails without ``take_from_scim_again``."""
    token, secret = services.scim.tokens.create("Entra ID", None, OPERATOR)
    services.scim.roles.map("Buyers", Role.STEWARD, OPERATOR)
    done = reapply(
        ("scim_token.revoked", token.public_id, {"name": "Entra ID"}),
        ("scim_group.unmapped", "Buyers", {"before": "STEWARD"}),
    )
    assert len(done.changes) == 2 and not done.not_applied
    assert services.scim.roles.list() == []
    with pytest.raises(TokenRevoked):
        services.scim.tokens.accept(secret, OPERATOR)


def test_all_tokens_can_be_revoked_and_expired_refresh_tokens_too(
    services: Services, database: Database, refresh: Refresh, access: Access
) -> None:
    """An expired one could be regenerated with its secret."""
    with database.transaction() as session:
        session.execute(SessionRow.__table__.delete())
    single = generate(services, allowed_user(services))
    scim, secret = services.scim.tokens.create("Entra ID", None, OPERATOR)
    done = services.restoring.revoke_all(OPERATOR)
    assert (done.refresh_tokens, done.access_tokens) == (1, 2)
    assert done.changes == [f"SCIM token {scim.public_id}, Entra ID: revoked."]
    assert not any(works(services, each) for each in (refresh, access, single))
    with pytest.raises(TokenRevoked):
        services.scim.tokens.accept(secret, OPERATOR)


def test_a_log_of_another_database_or_one_that_begins_later_is_refused_and_changes_nothing(
    services: Services, database: Database, refresh: Refresh
) -> None:
    latest = services.audit_list.events(limit=1).items[0]
    revoked = _event(latest.id + 5, latest.at + HOUR, "refresh_token.revoked", refresh.token.public_id, {})
    strange = _event(latest.id, latest.at - timedelta(days=1), latest.action, latest.object_id, {})
    before = rows.everything(database)
    for events in ([], [revoked], [strange, revoked]):
        with pytest.raises(Conflict) as refused:
            services.restoring.reapply(events, OPERATOR)
        assert "daypass audit export --since " in refused.value.what
    assert rows.everything(database) == before


def test_events_of_after_the_restore_do_not_hide_the_last_common_one(
    services: Services, database: Database, refresh: Refresh
) -> None:
    """As on PostgreSQL, where the service may have run since the restore."""
    exported = _exported(services)
    latest = exported[-1]
    lost = [_event(latest.id + n, latest.at + HOUR, "session.began", "anna", {}) for n in range(1, 4)]
    lost.append(_event(latest.id + 4, latest.at + HOUR, "refresh_token.revoked", refresh.token.public_id, {}))
    make_user(services, "since-the-restore")
    assert services.restoring.reapply([*exported, *lost], OPERATOR).refresh_tokens == 1
    with database.reading() as session:
        assert session.scalars(select(SessionRow)).all() == []


def test_events_that_retention_removed_since_the_backup_are_said_to_be_missing(
    services: Services, refresh: Refresh
) -> None:
    """And a mint that the log of the backup has, and the exported one no longer, is no sign of use since a restore."""
    exported = [each for each in _exported(services) if stream_of(each.action) is Stream.ORDINARY]
    for _ in range(2):
        mint(services, refresh)
    latest = services.audit_list.events(limit=1).items[0]
    lost = _event(latest.id + 5, latest.at - HOUR, "user.tokens_revoked", "anna", {})
    seals = [AuditSeal(stream, 4, 1, latest.id + 3, 4, latest.at, "k", "m", latest.at, "m") for stream in Stream]
    done = services.restoring.reapply([*exported, lost], OPERATOR, seals[1:])
    assert done.refresh_tokens == 1, "whatever its time is, it is later"
    (missing,) = done.not_applied
    assert missing.startswith("The high-volume events up to ") and "were removed by retention" in missing
    old = AuditSeal(Stream.HIGH_VOLUME, 4, 1, 1, 1, latest.at, "k", "m", latest.at, "m")
    assert services.restoring.reapply([*exported, lost], OPERATOR, [old]).not_applied == []


def test_a_token_that_was_moved_since_the_backup_is_moved_again_or_revoked(
    services: Services, reapply: Reapply, anna: User
) -> None:
    """◆ Its old owner's rights are no longer its own; where the new owner is unknown to the backup, nobody's are."""
    berta, carl = make_user(services, "berta"), make_user(services, "carl")
    moved, revoked_later, moved_later, to_nobody = (issue(services, anna) for _ in range(4))
    single = generate(services, allowed_user(services))
    to_berta: dict[str, object] = {"before": "anna", "after": "berta", "after_id": berta.id}
    to_carl: dict[str, object] = {"before": "anna", "after": "carl", "after_id": carl.id}
    done = reapply(
        ("refresh_token.moved", moved.token.public_id, to_berta),
        ("access_token.moved", single.token.public_id, to_berta),
        ("refresh_token.moved", revoked_later.token.public_id, to_carl),
        ("user.tokens_revoked", "carl", {}),
        ("refresh_token.moved", moved_later.token.public_id, to_carl),
        ("refresh_token.moved", to_nobody.token.public_id, to_carl | {"after_id": 99}),
    )
    assert (done.refresh_tokens, done.access_tokens, len(done.changes), done.not_applied) == (2, 0, 4, [])
    assert not works(services, revoked_later) and not works(services, to_nobody)
    found = {each: services.listing.find(each.token.public_id) for each in (moved, single, moved_later)}
    assert [each.owner for each in found.values()] == ["berta", "berta", "carl"]
    assert {each.token.status for each in found.values()} == {"active"}


def test_a_token_is_moved_again_to_who_was_renamed_after_it_moved(
    services: Services, anna: User, refresh: Refresh
) -> None:
    """Where the service ran since the restore, ids are compared with names: with those of the end."""
    berta, exported = make_user(services, "berta"), _exported(services)
    to_berta: dict[str, object] = {"before": "anna", "after": "berta", "after_id": berta.id}
    lost = [
        _event(exported[-1].id + number, exported[-1].at + HOUR, *event)
        for number, event in enumerate(
            (
                ("refresh_token.moved", refresh.token.public_id, to_berta),
                ("user.renamed", "berta.b", {"before": "berta", "after": "berta.b"}),
            ),
            start=1,
        )
    ]
    issue(services, anna)
    services.restoring.reapply([*exported, *lost], OPERATOR)
    assert works(services, refresh)
    assert services.listing.find(refresh.token.public_id).owner == "berta.b"


def test_a_filter_finds_tokens_by_the_names_that_they_had_when_it_was_used(
    services: Services, reapply: Reapply, anna: User
) -> None:
    """One that was renamed to match is revoked; one that matches only since is not."""
    before, after, single = (
        issue(services, anna, "a"),
        issue(services, anna, "b"),
        generate(services, allowed_user(services)),
    )
    by_name = {"filter": TokenFilter(name="laptop").canonical(), "reason": "stolen"}
    reapply(
        ("refresh_token.renamed", before.token.public_id, {"before": "a", "after": "laptop-1"}),
        ("access_token.described", single.token.public_id, {"before": "", "after": "laptop-2"}),
        ("tokens.revoked", "filter", by_name),
        ("refresh_token.renamed", after.token.public_id, {"before": "b", "after": "laptop-3"}),
        ("refresh_token.described", after.token.public_id, {"before": "", "after": "x"}),
    )
    assert [works(services, each) for each in (before, single, after)] == [False, False, True]
    assert services.listing.find(after.token.public_id).name == "laptop-3"


def test_a_second_factor_that_was_added_since_the_backup_leaves_no_password_that_signs_in_alone(
    services: Services, reapply: Reapply
) -> None:
    """◆ Nobody else has its secret. Fails when the password of the backup is enough again."""
    for name in ("none", "other", "same", "removed"):
        make_user(services, name, password=PASSWORD)
    for name in ("other", "removed"):
        add_second_factor(services, services.accounts.get(name))
    done = reapply(
        ("second_factor.added", "none", {"is_another": False}),
        ("second_factor.added", "other", {"is_another": True}),
        ("second_factor.removed", "removed", {}),
        ("second_factor.added", "same", {"is_another": False}),
        ("second_factor.removed", "same", {}),
    )
    assert [each.partition(":")[0] for each in done.changes] == ["none", "other"]
    (line,) = done.not_applied
    assert line.startswith("removed: the second factor of the backup") and "reset-second-factor removed" in line
    for name, refused in (("none", BadCredentials), ("other", BadCredentials), ("removed", SecondFactorRequired)):
        with pytest.raises(refused):
            services.accounts.authenticate(name, PASSWORD, Caller("", address="192.0.2.1"))
    assert services.accounts.authenticate("same", PASSWORD, Caller("", address="192.0.2.1"))


def test_recovery_codes_that_were_used_or_replaced_since_the_backup_are_removed(
    services: Services, reapply: Reapply
) -> None:
    """◆ Also of a user who was renamed. Fails when a used one works again."""
    for name in ("used", "replaced", "kept"):
        add_second_factor(services, make_user(services, name, password=PASSWORD))
    reapply(
        ("second_factor.used_recovery_code", "used", {"left": 9}),
        ("second_factor.recovery_codes_replaced", "replaced", {}),
        ("user.renamed", "used-up", {"before": "used", "after": "used-up"}),
    )
    left = {each.username: services.enrolling.own(each.id).codes_left for each in services.accounts.every()}
    assert left == {"used-up": 0, "replaced": 0, "kept": 10}
