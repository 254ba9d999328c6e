"""What is made with an access token: how long it lives, what made it, and revoking the line."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from freezegun import freeze_time
from sqlalchemy import event

from app.domain.clock import system_clock
from app.domain.errors import BadRequest, NotPermitted, TokenExpired, TokenRefused, TokenRevoked
from app.domain.identity import Caller, Role, User
from app.domain.token_filter import TokenFilter
from app.services import Services, descendants
from app.services.held_tokens import ByOwner
from app.services.revoking import Revoked
from app.storage import made_with
from app.storage.database import Database
from tests import rows
from tests.databases import KEYS, services_on
from tests.factories import (
    OPERATOR,
    PASSWORD,
    Access,
    Refresh,
    allowed_user,
    configure,
    delete,
    generate,
    issue,
    make_user,
    mint,
    purge,
    regenerate,
    set_role,
    signed_in,
    with_token,
    works,
)
from tests.unit.services.verdicts import DAY, HOUR, MINUTE, NOW, SECOND, refusal_of

SIXTY_DAYS = 60 * DAY


@pytest.fixture
def anna(services: Services) -> User:
    configure(services, api_can_create_refresh_tokens="on")
    return allowed_user(services, username="anna")


def generate_with(services: Services, caller: Caller, lifetime: timedelta | None) -> Access:
    assert caller.user_id is not None
    return services.single_tier.generate(caller.user_id, lifetime, None, caller)


def issue_with(services: Services, caller: Caller) -> Refresh:
    assert caller.user_id is not None
    return services.issuing.issue(caller.user_id, "made-with-a-token", caller)


def by_owner(refresh: Refresh) -> ByOwner:
    return ByOwner(refresh.token.public_id, refresh.token.user_id)


# Lifetimes


def test_an_api_token_lives_no_longer_than_policy_allows_for_its_maker_and_a_longer_lifetime_is_refused(
    services: Services, anna: User
) -> None:
    """◆ To the microsecond; "never" only with one that never expires. A script may renew its token in time."""
    with freeze_time(NOW):
        maker, forever = generate(services, anna, DAY), generate(services, anna, None)
        refresh = issue(services, anna)
        minted = mint(services, refresh)
    with freeze_time(NOW + HOUR):
        for caller, left in (
            (with_token(anna, maker), DAY),
            (with_token(anna, minted, refresh), SIXTY_DAYS - HOUR),
        ):
            made = generate_with(services, caller, left)
            assert made.token.expires_at == NOW + HOUR + left
            for longer in (left + SECOND, None):
                with pytest.raises(BadRequest) as refused:
                    generate_with(services, caller, longer)
                assert f"{int(left.total_seconds())} seconds" in refused.value.fields["lifetime"][0]
        assert generate_with(services, with_token(anna, forever), None).token.expires_at is None


def test_what_began_with_a_refresh_token_ends_with_it_however_often_it_is_renewed(
    services: Services, anna: User
) -> None:
    """◆ Fails when the limit is forgotten after the first API token."""
    with freeze_time(NOW):
        refresh = issue(services, anna)
        made = generate_with(services, with_token(anna, mint(services, refresh), refresh), SIXTY_DAYS - DAY)
    for days in (20, 40):
        with freeze_time(NOW + days * DAY):
            caller, left = with_token(anna, made), SIXTY_DAYS - days * DAY
            with pytest.raises(BadRequest, match=f"refresh token: the longest lifetime is {int(left.total_seconds())}"):
                generate_with(services, caller, left + SECOND)
            made = generate_with(services, caller, left)
    assert made.token.expires_at == NOW + SIXTY_DAYS


def test_a_refresh_token_made_with_a_token_gets_the_shorter_lifetime_and_its_own_secret_never_lifts_it(
    services: Services, anna: User
) -> None:
    """◆ Fails when the limit is forgotten after the first regeneration."""
    with freeze_time(NOW):
        maker = generate(services, anna, 2 * DAY)
        made = issue_with(services, with_token(anna, maker))
        assert made.token.expires_at == maker.token.expires_at == NOW + 2 * DAY
    for at in (NOW + DAY, NOW + DAY + HOUR):
        with freeze_time(at):
            made = regenerate(services, made)
            assert (made.token.expires_at, made.token.created_with) == (NOW + 2 * DAY, maker.token.public_id)
    with freeze_time(NOW + 2 * DAY):
        assert refusal_of(lambda: regenerate(services, made)) is TokenExpired
        lifted = services.issuing.regenerate(by_owner(made), signed_in(anna))
        assert (lifted.token.expires_at, lifted.token.created_with) == (NOW + 2 * DAY + SIXTY_DAYS, None)


def test_what_is_regenerated_or_minted_with_a_token_does_not_outlive_it(services: Services, anna: User) -> None:
    """◆ Its maker's limit is the expiration of the maker's refresh token."""
    configure(services, refresh_token_lifespan=1)
    with freeze_time(NOW):
        short = issue(services, anna)
        caller = with_token(anna, mint(services, short), short)
        configure(services, refresh_token_lifespan=60, access_token_lifespan=720)
        page_made = issue(services, anna)
        minted = services.minting.mint(by_owner(page_made), caller)
        assert minted.token.expires_at == short.token.expires_at == NOW + DAY
        taken = services.issuing.regenerate(by_owner(page_made), caller)
        assert taken.token.expires_at == regenerate(services, taken).token.expires_at == NOW + DAY
    assert caller.credential is not None
    assert {minted.token.created_with, taken.token.created_with} == {caller.credential.id}


def test_a_token_that_a_token_minted_gives_no_more_time_than_that_had(services: Services, anna: User) -> None:
    """◆ Fails when only its refresh token counts, which is another one, and lives longer."""
    with freeze_time(NOW):
        page_made, other = issue(services, anna), issue(services, anna)
        maker = with_token(anna, generate(services, anna, HOUR))
        minted = services.minting.mint(by_owner(page_made), maker)
        caller = with_token(anna, minted, page_made)
        assert services.minting.mint(by_owner(other), caller).token.expires_at == NOW + HOUR
        assert issue_with(services, caller).token.expires_at == NOW + HOUR
        assert services.issuing.regenerate(by_owner(other), caller).token.expires_at == NOW + HOUR
        assert refusal_of(lambda: generate_with(services, caller, HOUR + SECOND)) is BadRequest
        assert generate_with(services, caller, HOUR)


def test_a_token_of_a_refresh_token_makes_an_api_token_only_while_the_setting_is_on(
    services: Services, anna: User
) -> None:
    refresh = issue(services, anna)
    caller = with_token(anna, mint(services, refresh), refresh)
    single = with_token(anna, generate(services, anna, DAY))
    assert generate_with(services, caller, HOUR)
    configure(services, api_can_create_refresh_tokens="off")
    with pytest.raises(NotPermitted, match="api_can_create_refresh_tokens"):
        generate_with(services, caller, HOUR)
    assert generate_with(services, single, HOUR)


def test_a_service_refuses_whatever_entry_point_calls_it(services: Services, anna: User) -> None:
    """◆ A session whose password was entered long ago, a caller without a credential, a user for an administrator."""
    stale = signed_in(anna, is_fresh=False)
    refresh = issue(services, anna)
    for caller in (stale, replace(stale, credential=None)):
        for act in (
            lambda caller=caller: issue_with(services, caller),
            lambda caller=caller: generate_with(services, caller, HOUR),
            lambda caller=caller: services.minting.mint(by_owner(refresh), caller),
            lambda caller=caller: services.issuing.regenerate(by_owner(refresh), caller),
        ):
            assert refusal_of(act) is NotPermitted
    for caller in (signed_in(anna), replace(signed_in(anna), role=None)):
        for act in (
            lambda caller=caller: services.accounts.add("berta", Role.VIEWER, None, caller),
            lambda caller=caller: services.changing_passwords.set(make_user(services).id, PASSWORD, caller),
            lambda caller=caller: services.sessions.end_all(make_user(services).id, caller),
            lambda caller=caller: set_role(services, "anna", Role.SERVER_ADMIN, caller),
            lambda caller=caller: services.instance_settings.change("retention_days", "1", caller),
            lambda caller=caller: services.revoking.revoke_user(make_user(services).username, "", caller),
            lambda caller=caller: services.revoking.revoke(
                issue(services, make_user(services)).token.public_id, "", caller
            ),
        ):
            assert refusal_of(act) is NotPermitted


def test_an_administrators_token_takes_rights_away_and_gives_them_only_while_the_setting_is_on(
    services: Services,
) -> None:
    """◆ All or nothing: a change that holds both is refused whole."""
    admin, user = allowed_user(services, role=Role.SERVER_ADMIN), make_user(services, "berta", Role.STEWARD)
    caller = with_token(admin, generate(services, admin, None))
    change = services.accounts.change
    assert refusal_of(lambda: change(user.id, {"is_active": False, "role": Role.SERVER_ADMIN}, caller)) is NotPermitted
    assert services.accounts.by_id(user.id) == user
    assert change(user.id, {"is_active": False, "role": Role.VIEWER, "api_tokens": "deny"}, caller).role is Role.VIEWER
    settings = services.instance_settings
    for key, value in (
        ("api_can_manage_users", "on"),
        ("refresh_token_lifespan", "61"),
        ("api_tokens_for_users", "on"),
    ):
        assert refusal_of(lambda key=key, value=value: settings.change(key, value, caller)) is NotPermitted
    settings.change("refresh_token_lifespan", "59", caller)
    configure(services, api_can_manage_users="on")
    settings.change("refresh_token_lifespan", "60", caller)
    assert change(user.id, {"is_active": True, "role": Role.SERVER_ADMIN}, caller).is_administrator


# The line


def line(services: Services, anna: User) -> tuple[Refresh, list[Access | Refresh]]:
    """A refresh token, and what was made from its access token on, a link each: token, refresh token, token, token."""
    root = issue(services, anna)
    first = generate_with(services, with_token(anna, mint(services, root), root), 30 * DAY)
    second = issue_with(services, with_token(anna, first))
    third = generate_with(services, with_token(anna, mint(services, second), second), 20 * DAY)
    return root, [first, second, third, generate_with(services, with_token(anna, third), 10 * DAY)]


@pytest.mark.both_databases
def test_revoking_a_token_with_its_descendants_revokes_the_whole_line_and_records_each(
    services: Services, database: Database, anna: User
) -> None:
    """◆ Fails when only what the token itself made is revoked."""
    root, made = line(services, anna)
    other = generate(services, anna)
    public_ids = [each.token.public_id for each in made]
    shown = services.revoking.descendants(root.token.public_id, anna.id)
    assert (shown.number, shown.is_more) == (4, False)
    assert {each.token.public_id for each in shown.items} == set(public_ids)
    before = len(rows.audit_events(database))
    ended = services.revoking.revoke(root.token.public_id, "stolen", OPERATOR, with_descendants=True)
    assert ended == Revoked(refresh_tokens=2, access_tokens=5, descendants=5)
    assert not any(works(services, each) for each in (root, *made)) and works(services, other)
    events = rows.audit_events(database)[before:]
    assert {each.object_id for each in events} == {root.token.public_id, *public_ids}
    assert services.revoking.descendants(root.token.public_id).number == 0
    assert services.revoking.revoke(root.token.public_id, "x", OPERATOR, with_descendants=True) == Revoked(0, 0)


def test_without_its_descendants_only_the_token_is_revoked(services: Services, anna: User) -> None:
    root, made = line(services, anna)
    assert services.revoking.revoke(root.token.public_id, "", OPERATOR) == Revoked(1, 1)
    assert all(works(services, each) for each in made)
    uuid = made[0].token.uuid  # type: ignore[union-attr]
    services.single_tier.delete(uuid, signed_in(anna), anna.id, with_descendants=True)
    assert not any(works(services, each) for each in made)


def test_the_line_is_stored_shown_recorded_and_found_by_filter(
    services: Services, database: Database, anna: User
) -> None:
    _, made = line(services, anna)
    for maker, child in (made[2:],):
        assert services.listing.find(child.token.public_id).token.created_with == maker.token.public_id
        (found,) = services.listing.both_tiers(TokenFilter(created_with=maker.token.public_id), None, 10).items
        assert found.token.public_id == child.token.public_id
        (created,) = (each for each in rows.audit_events(database) if each.object_id == child.token.public_id)
        assert f'"created_with": "{maker.token.public_id}"' in created.detail


def test_the_line_is_not_broken_by_the_purge(services: Services, anna: User) -> None:
    """◆ Fails when an access token that made another is deleted before it."""
    with freeze_time(NOW):
        root = issue(services, anna)
        minted = mint(services, root)
        made = generate_with(services, with_token(anna, minted, root), SIXTY_DAYS)
    configure(services, retention_days=1)
    with freeze_time(NOW + 50 * DAY):
        purge(services)
        assert services.listing.find(minted.token.public_id)
        assert services.revoking.descendants(root.token.public_id).number == 1
        services.revoking.revoke(root.token.public_id, "", OPERATOR, with_descendants=True)
        assert not works(services, made)
    with freeze_time(NOW + 90 * DAY):
        while purge(services):
            pass
        assert refusal_of(lambda: services.listing.find(minted.token.public_id)) is not None


def test_a_regeneration_with_a_token_of_its_own_line_makes_no_circle(services: Services, anna: User) -> None:
    root = issue(services, anna)
    taken = services.issuing.regenerate(by_owner(root), with_token(anna, mint(services, root), root))
    made = generate_with(services, with_token(anna, mint(services, taken), taken), DAY)
    assert services.revoking.revoke(root.token.public_id, "", OPERATOR, with_descendants=True) == Revoked(1, 2, 1)
    assert not works(services, made)


@pytest.mark.both_databases
@pytest.mark.parametrize("makes", ["an API token", "a refresh token", "a mint", "a regeneration"])
def test_what_is_made_while_its_maker_is_revoked_does_not_escape(
    services: Services, database: Database, elsewhere: Database, anna: User, makes: str
) -> None:
    """◆ The revocation has found what to revoke, and commits while another host makes something with the token.

    Fails when the maker is not read again under the lock of its owner (tried).
    """
    maker, page_made = generate(services, anna, 30 * DAY), issue(services, anna)
    caller, there = with_token(anna, maker), services_on(elsewhere, KEYS, system_clock)
    acts: dict[str, Callable[[], Any]] = {
        "an API token": lambda: generate_with(there, caller, HOUR),
        "a refresh token": lambda: issue_with(there, caller),
        "a mint": lambda: there.minting.mint(by_owner(page_made), caller),
        "a regeneration": lambda: there.issuing.regenerate(by_owner(page_made), caller),
    }
    before = len(rows.audit_events(database))
    begun = threading.Event()

    def begin_the_other(*_: object) -> None:
        if not begun.is_set():
            begun.set()
            threading.Event().wait(0.3)  # it waits for the lock meanwhile

    event.listen(database.engine, "commit", begin_the_other)
    with ThreadPoolExecutor(1) as threads:
        revoking = threads.submit(services.revoking.revoke, maker.token.public_id, "", OPERATOR, with_descendants=True)
        assert begun.wait(60)
        with pytest.raises(TokenRefused) as refused:
            acts[makes]()
        assert revoking.result() == Revoked(0, 1)
    event.remove(database.engine, "commit", begin_the_other)
    assert isinstance(refused.value, TokenRevoked)
    assert len(rows.audit_events(database)) == before + 1


def test_deleted_tokens_hide_none_that_works(services: Services, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """◆ A thief creates and deletes many before the one to keep. Fails when those fill what is counted."""
    monkeypatch.setattr(descendants, "MOST_COUNTED", 3)
    first = generate(services, anna, None)
    caller = with_token(anna, first)
    for _ in range(5):
        delete(services, generate_with(services, caller, HOUR))
    assert services.revoking.descendants(first.token.public_id).is_any is False
    kept = generate_with(services, caller, HOUR)
    made = services.revoking.descendants(first.token.public_id)
    assert (made.number, made.is_more, made.is_any) == (1, False, True)
    for _ in range(4):  # such as lead on to others, of which none works
        of_it = generate_with(services, caller, HOUR)
        for each in (generate_with(services, with_token(anna, of_it), MINUTE), of_it):
            delete(services, each)
    assert services.revoking.descendants(first.token.public_id).is_any
    services.revoking.revoke(first.token.public_id, "", OPERATOR, with_descendants=True)
    assert not works(services, kept)


def test_a_line_of_tokens_has_an_end(services: Services, anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """◆ Following it takes statements for each link: 20,000 took a minute. Fails when it goes on for ever."""
    monkeypatch.setattr(made_with, "LONGEST_LINE", 4)
    configure(services, api_can_create_refresh_tokens="on")
    caller = with_token(anna, generate(services, anna, None))
    for _ in range(3):
        last = generate_with(services, caller, None)
        caller = with_token(anna, last)
    for act in (lambda: generate_with(services, caller, None), lambda: issue_with(services, caller)):
        with pytest.raises(NotPermitted, match="A line of"):
            act()
    caller = with_token(anna, generate(services, anna, None))
    for _ in range(3):  # through refresh tokens
        refresh = issue_with(services, caller)
        caller = with_token(anna, mint(services, refresh), refresh)
    with pytest.raises(NotPermitted, match="A line of"):
        issue_with(services, caller)
    assert generate(services, anna, None), "on the page"
