"""Revocations of many tokens after their transaction: all refused already, and each marked once.

Not here: what a confirmation binds, and mints meanwhile (``test_revoking_by_filter``).
"""

import threading
from collections.abc import Callable
from datetime import timedelta
from unittest.mock import Mock

import pytest
from freezegun import freeze_time

from app.domain.clock import system_clock
from app.domain.errors import NotFound, TokenRevoked, Unavailable
from app.domain.identity import User
from app.domain.oauth_client import SentClient
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.jobs import mark_revoked
from app.services import Services
from app.services.bulk_revocations import BulkRevocation, BulkRevocations, parse_number
from app.services.revoking_by_filter import RevokingByFilter
from app.storage.database import Database
from tests.crowds import all_at_once
from tests.databases import KEYS, services_on
from tests.factories import (
    ANONYMOUS,
    OPERATOR,
    Access,
    Refresh,
    accept_clock,
    configure,
    issue,
    make_user,
    mint,
    purge,
    regenerate,
    revoke,
    rotate,
    with_token,
)
from tests.rows import audit_events
from tests.unit.services.verdicts import DAY, NOW, reason, refusal_of

PARTS = 3


@pytest.fixture
def user(services: Services) -> User:
    configure(services, access_token_reissue="overlap")
    return make_user(services)


def stock(services: Services, user: User, number: int = PARTS) -> list[tuple[Refresh, Access]]:
    refresh = [issue(services, user) for _ in range(number)]
    return [(each, mint(services, each)) for each in refresh]


def revoke_in_parts(database: Database, user: User) -> BulkRevocation:
    """All tokens of the user, with a part for each refresh token; none is marked yet."""
    in_ones, criteria = RevokingByFilter(database, system_clock, b"k" * 32, chunk=1), TokenFilter(owner=user.username)
    return in_ones.revoke(criteria, in_ones.preview(criteria).confirmation, "a leak", OPERATOR)


def statuses(services: Services, user: User) -> set[str]:
    tokens = services.listing.tokens(TokenKind.ACCESS, TokenFilter(owner=user.username)).items
    return {each.token.status for each in tokens}


@pytest.mark.both_databases
def test_from_the_act_on_every_use_of_every_token_is_refused_before_any_is_marked(
    services: Services, database: Database, user: User
) -> None:
    """◆ Fails when the refresh tokens, too, are revoked in parts, or where an access token's own row alone is read."""
    configure(services, api_can_create_refresh_tokens="on")
    tokens = stock(services, user)
    begun = revoke_in_parts(database, user)
    assert (begun.refresh_tokens, begun.access_tokens, begun.unmarked) == (PARTS, PARTS, PARTS)
    assert (begun.total, begun.marked, begun.finished_at) == (2 * PARTS, PARTS, None)
    assert statuses(services, user) == {"active"}
    for refresh, access in tokens:
        assert {reason(services, refresh), reason(services, access)} == {"token_revoked"}
        for text, hint in ((access.secret, ""), (refresh.secret, "refresh_token")):
            assert services.introspecting.introspect(text, hint, lambda: ANONYMOUS) is None
        under_way, sent = with_token(user, access, refresh), SentClient(refresh.secret)
        acts: tuple[Callable[[], object], ...] = (
            lambda refresh=refresh: mint(services, refresh),
            lambda refresh=refresh: regenerate(services, refresh),
            lambda refresh=refresh: rotate(services, refresh),
            lambda sent=sent: services.clients.authenticate(sent),
            lambda caller=under_way: services.issuing.issue(user.id, "late", caller),
        )  # fmt: skip
        assert [refusal_of(act) for act in acts] == [TokenRevoked] * len(acts)


@pytest.mark.both_databases
def test_what_is_revoked_and_not_marked_yet_is_nobodys_to_revoke_again(
    services: Services, database: Database, user: User
) -> None:
    """Fails when another act counts it: its total would be wrong, and its confirmation stale while parts are marked."""
    tokens = stock(services, user)
    begun = revoke_in_parts(database, user)
    criteria, events = TokenFilter(owner=user.username), len(audit_events(database))
    later = issue(services, user)
    seen = services.revoking_by_filter.preview(criteria)
    assert (seen.refresh_tokens, seen.access_tokens, [each.token.id for each in seen.items]) == (1, 0, [later.token.id])
    for _, access in tokens:
        for ended in (revoke(services, access), services.revoking.revoke_secret(access.secret, "", OPERATOR)[1]):
            assert (ended.refresh_tokens, ended.access_tokens) == (0, 0)
    services.bulk_revocations.mark_part(begun.id)
    again = services.revoking_by_filter.revoke(criteria, seen.confirmation, "again", OPERATOR)
    assert (again.refresh_tokens, again.access_tokens) == (1, 0)
    assert services.bulk_revocations.finish(begun.id) == PARTS - 1
    new = [each.action for each in audit_events(database)[events:]]
    assert new == ["refresh_token.created", "tokens.revoked"]
    for _, access in tokens:
        assert services.listing.find(access.token.public_id).token.revoke_reason == "a leak"


@pytest.mark.both_databases
def test_after_a_crash_another_process_marks_the_rest_with_the_reason_and_the_instant_of_the_act(
    services: Services, database: Database, user: User
) -> None:
    """◆ Fails when a part is forgotten as soon as it is read."""
    tokens = stock(services, user)
    begun = revoke_in_parts(database, user)
    assert services.bulk_revocations.mark_part(begun.id) == 1
    with pytest.raises(ArithmeticError):
        _fail_in_the_middle_of_a_part(services, begun.id)
    another = services_on(database, KEYS, system_clock)
    found = another.bulk_revocations.find(begun.id)
    assert (found.unmarked, found.finished_at) == (PARTS - 1, None)
    assert another.bulk_revocations.unfinished() == [begun.id]
    assert mark_revoked.run(another) == PARTS - 1
    assert mark_revoked.run(another) == 0
    done = services.bulk_revocations.find(begun.id)
    assert done.finished_at is not None
    assert (done.total, done.marked, done.reason) == (2 * PARTS, 2 * PARTS, "a leak")
    for _, access in tokens:
        kept = services.listing.find(access.token.public_id).token
        assert (kept.status, kept.revoked_at, kept.revoked_by, kept.revoke_reason) == (
            "revoked", begun.revoked_at, OPERATOR.name, "a leak",
        )  # fmt: skip


def _fail_in_the_middle_of_a_part(services: Services, row_id: int) -> None:
    dying = BulkRevocations(services.revoking._database, Mock(side_effect=ArithmeticError))
    dying.mark_part(row_id)


@pytest.mark.both_databases
def test_of_several_who_mark_at_once_each_part_is_marked_by_one(
    services: Services, database: Database, user: User
) -> None:
    stock(services, user, 8)
    begun = revoke_in_parts(database, user)
    carriers = [services_on(database, KEYS, system_clock).bulk_revocations for _ in range(4)]
    marked = all_at_once([lambda each=each: each.finish(begun.id) for each in carriers])  # type: ignore[misc]
    assert sum(marked) == 8
    done = services.bulk_revocations.find(begun.id)
    assert (done.unmarked, done.finished_at is None) == (0, False)


def test_the_total_is_of_the_act_whatever_ends_by_itself_before_it_is_marked(
    services: Services, database: Database, user: User
) -> None:
    """Fails when what has expired is judged at the time of marking."""
    with freeze_time(NOW) as clock:
        _, (_, second), _ = stock(services, user)
        begun = revoke_in_parts(database, user)
        clock.move_to(NOW + 2 * DAY)
        accept_clock(services)
        services.expiring.expire_due()
        assert services.bulk_revocations.finish(begun.id) == PARTS
        done = services.bulk_revocations.find(begun.id)
        assert (done.access_tokens, done.unmarked, done.finished_at) == (PARTS, 0, system_clock())
        assert reason(services, second) == "token_revoked"
    (event,) = [each for each in audit_events(database) if each.action == "tokens.revoked"]
    assert f'"access_tokens": {PARTS}' in event.detail and f'"refresh_tokens": {PARTS}' in event.detail


def test_the_total_is_of_the_act_though_the_owner_is_deleted_before_they_are_marked(
    services: Services, database: Database, user: User
) -> None:
    """Fails when what is left is what the act counted, less what was marked: it would never be over."""
    tokens = stock(services, user)
    begun = revoke_in_parts(database, user)
    services.bulk_revocations.mark_part(begun.id)
    services.deleting_users.delete(user.username, OPERATOR)
    assert services.bulk_revocations.finish(begun.id) == 0
    done = services.bulk_revocations.find(begun.id)
    assert (done.access_tokens, done.unmarked, done.finished_at is None) == (PARTS, 0, False)
    assert {reason(services, each) for pair in tokens for each in pair} == {"token_revoked"}


def test_a_few_are_marked_in_the_transaction_of_the_act(services: Services, user: User) -> None:
    stock(services, user)
    criteria = TokenFilter(owner=user.username)
    confirmation = services.revoking_by_filter.preview(criteria).confirmation
    ended = services.revoking_by_filter.revoke(criteria, confirmation, "", OPERATOR)
    assert (ended.unmarked, ended.finished_at) == (0, ended.revoked_at)
    assert statuses(services, user) == {"revoked"}
    assert services.bulk_revocations.unfinished() == []


def test_a_thread_marks_them_once_the_database_is_back_and_ends(
    services: Services, database: Database, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock(services, user)
    begun = revoke_in_parts(database, user)
    monkeypatch.setattr("app.services.bulk_revocations.AGAIN_AFTER_SECONDS", 0.01)
    reading, is_over = services.bulk_revocations.unfinished, threading.Event()
    mark = services.bulk_revocations.mark_part

    def mark_and_tell(row_id: int) -> int | None:
        marked = mark(row_id)
        if marked is None:
            is_over.set()
        return marked

    monkeypatch.setattr(services.bulk_revocations, "mark_part", mark_and_tell)
    away = Mock(side_effect=[Unavailable("away"), reading()])
    monkeypatch.setattr(services.bulk_revocations, "unfinished", away)
    services.bulk_revocations.finish_in_background(begun)
    assert is_over.wait(60)
    services.bulk_revocations.close()
    assert services.bulk_revocations.find(begun.id).finished_at is not None


def test_where_no_thread_can_be_had_the_job_marks_them(
    services: Services, database: Database, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fails when the act, which is done, is answered with an error; or where no later act gets a thread."""
    stock(services, user)
    begun = revoke_in_parts(database, user)
    with monkeypatch.context() as none_left:
        none_left.setattr(threading.Thread, "start", Mock(side_effect=RuntimeError("can't start new thread")))
        services.bulk_revocations.finish_in_background(begun)
    assert services.bulk_revocations.find(begun.id).unmarked == PARTS
    services.bulk_revocations.finish_in_background(begun)
    services.bulk_revocations.close()  # after the part at hand
    mark_revoked.run(services_on(database, KEYS, system_clock))
    assert services.bulk_revocations.find(begun.id).finished_at is not None


def test_a_process_that_ends_leaves_the_rest(services: Services, database: Database, user: User) -> None:
    stock(services, user)
    begun = revoke_in_parts(database, user)
    services.bulk_revocations.close()
    services.bulk_revocations.finish_in_background(begun)
    assert services.bulk_revocations.finish(begun.id) == 0
    assert mark_revoked.run(services_on(database, KEYS, system_clock)) == PARTS


def test_what_was_marked_is_kept_as_long_as_the_tokens(services: Services, database: Database, user: User) -> None:
    with freeze_time(NOW) as clock:
        stock(services, user)
        done, left = (revoke_in_parts(database, each) for each in (user, _another(services)))
        services.bulk_revocations.finish(done.id)
        for age in (90 * DAY - timedelta(seconds=1), 90 * DAY):
            clock.move_to(NOW + age)
            accept_clock(services)
            assert services.bulk_revocations.find(done.id).id == done.id
            purge(services)
    with pytest.raises(NotFound):
        services.bulk_revocations.find(done.id)
    assert services.bulk_revocations.find(left.id).finished_at is None
    for text in ("0", "01", "x", "-1", str(2**70), str(left.id + 1)):
        with pytest.raises(NotFound):
            services.bulk_revocations.find(parse_number(text))


def _another(services: Services) -> User:
    user = make_user(services)
    stock(services, user)
    return user
