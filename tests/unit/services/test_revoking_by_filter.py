"""Revoking by filter: what a confirmation binds, and three thousand tokens in one transaction while mints go on.

Not here: what is marked after the transaction (``test_bulk_revocations``).
"""

import threading
from dataclasses import replace
from unittest.mock import Mock

import pytest
from freezegun import freeze_time
from sqlalchemy import event, func, insert, select

from app.domain.clock import system_clock
from app.domain.errors import BadRequest, Conflict, TokenRefused, TokenRevoked, TokenSuperseded, Unavailable
from app.domain.token_filter import TokenFilter
from app.domain.tokens import TokenKind
from app.services import Services
from app.services.bulk_revocations import BulkRevocation
from app.services.revoking import Revoked
from app.services.revoking_by_filter import CHUNK, RevokingByFilter
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests.databases import patient
from tests.factories import OPERATOR, issue, make_user, mint
from tests.rows import audit_events
from tests.unit.services.verdicts import DAY, NOW

MANY = 3_000

PLANTED = TokenFilter(name="planted")


def plant(database: Database, user_id: int, number: int) -> None:
    """So many refresh tokens, each with an access token."""
    now = system_clock()
    usual = {"key_id": "k1", "mac": b"m" * 32, "user_id": user_id, "created_at": now}
    usual |= {"expires_at": now + DAY, "generation": 1}
    parents = [usual | {"public_id": f"r{each:011d}", "name": "planted"} for each in range(number)]
    with patient(database), database.transaction() as session:
        ids = session.scalars(insert(RefreshTokenRow).returning(RefreshTokenRow.id), parents).all()
        children = [
            usual | {"public_id": f"a{each:011d}", "uuid": f"{each:036d}", "refresh_token_id": each} for each in ids
        ]
        session.execute(insert(AccessTokenRow), children)


def totals(ended: BulkRevocation) -> Revoked:
    return Revoked(ended.refresh_tokens, ended.access_tokens)


def alive(database: Database) -> list[int | None]:
    """How many tokens of the whole database are active, by tier."""
    queries = (select(func.count()).where(table.status == "active") for table in (RefreshTokenRow, AccessTokenRow))
    with database.reading() as session:
        return [session.scalar(query) for query in queries]


@pytest.mark.both_databases
def test_three_thousand_tokens_end_in_one_transaction_with_the_right_count_while_mints_go_on(
    services: Services, database: Database
) -> None:
    """Fails when what is confirmed holds the access tokens under a matching refresh token: each mint changes it."""
    user = make_user(services)
    plant(database, user.id, MANY - 20)
    minted_from = [issue(services, user, "planted too") for _ in range(20)]
    other = make_user(services)
    bystander = mint(services, issue(services, other, "bystander"))
    seen = services.revoking_by_filter.preview(PLANTED)
    assert (seen.refresh_tokens, len(seen.items)) == (MANY, 100)
    stop, minted = threading.Event(), []

    def keep_minting() -> None:
        number = 0
        while not stop.is_set():
            try:
                minted.append(mint(services, minted_from[number % len(minted_from)]))
            except TokenRefused:
                return
            except Unavailable:  # the act takes a while, and SQLite has one writer
                continue
            number += 1

    minter = threading.Thread(target=keep_minting)
    minter.start()
    try:
        ended = services.revoking_by_filter.revoke(PLANTED, seen.confirmation, "audit", OPERATOR)
    finally:
        stop.set()
        minter.join()
    mints_alive_then = len({each.token.refresh_token_id for each in minted})
    assert totals(ended) == Revoked(MANY, MANY - 20 + mints_alive_then)
    for each in minted:  # none is marked yet
        with pytest.raises((TokenRevoked, TokenSuperseded)):
            services.verifier.verify(each.secret)
    assert services.bulk_revocations.finish(ended.id) == ended.access_tokens
    assert alive(database) == [1, 1]
    assert services.verifier.verify(bystander.secret).user_id == other.id
    assert [row.action for row in audit_events(database)][-1] == "tokens.revoked"


def test_no_statement_has_more_parameters_or_rows_than_a_portion(services: Services, database: Database) -> None:
    """Fails when all ids go into one statement."""
    plant(database, make_user(services).id, 2 * CHUNK + 500)
    note = Mock()
    event.listen(database.engine, "before_cursor_execute", note)
    seen = services.revoking_by_filter.preview(PLANTED)
    ended = services.revoking_by_filter.revoke(PLANTED, seen.confirmation, "audit", OPERATOR)
    services.bulk_revocations.finish(ended.id)
    event.remove(database.engine, "before_cursor_execute", note)
    assert totals(ended) == Revoked(2 * CHUNK + 500, 2 * CHUNK + 500)
    assert CHUNK < max(len(call.args[3]) for call in note.call_args_list) < CHUNK + 20


def test_the_portions_join_without_gap_or_overlap(services: Services, database: Database) -> None:
    """Of every size around a portion's."""
    in_threes = RevokingByFilter(database, system_clock, b"k" * 32, chunk=3)
    for number in (0, 2, 3, 4, 6, 7):
        user = make_user(services)
        for _ in range(number):
            mint(services, issue(services, user))
        for kind, counts in ((TokenKind.ACCESS, Revoked(0, number)), (TokenKind.REFRESH, Revoked(number, 0))):
            criteria = TokenFilter(owner=user.username, kind=kind)
            seen = in_threes.preview(criteria)
            assert (seen.refresh_tokens, seen.access_tokens) == (counts.refresh_tokens, counts.access_tokens)
            assert totals(in_threes.revoke(criteria, seen.confirmation, "", OPERATOR)) == counts


def test_a_preview_counts_what_can_be_revoked_and_shows_the_newest_first(services: Services) -> None:
    """An expired refresh token could be regenerated, and so can still be revoked."""
    with freeze_time(NOW) as clock:
        user = make_user(services)
        expired = issue(services, user, "expired")
        mint(services, expired)
        clock.move_to(NOW + 61 * DAY)
        refresh, revoked = issue(services, user, "active"), issue(services, user)
        mint(services, refresh)
        mint(services, refresh)  # takes the place of the first
        services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
        seen = services.revoking_by_filter.preview(TokenFilter(owner=user.username))
    assert (seen.refresh_tokens, seen.access_tokens, seen.access_tokens_with_them) == (2, 0, 1)
    assert [(each.name, each.owner) for each in seen.items] == [("active", user.username), ("expired", user.username)]


def test_a_filter_that_narrows_nothing_is_refused(services: Services) -> None:
    with pytest.raises(BadRequest):
        services.revoking_by_filter.preview(TokenFilter())
    with pytest.raises(BadRequest):
        services.revoking_by_filter.revoke(TokenFilter(), "x", "audit", OPERATOR)


def test_when_the_set_has_changed_nothing_is_revoked(services: Services, database: Database) -> None:
    """Fails when the confirmation is of the filter alone."""
    user = make_user(services)
    access = mint(services, issue(services, user))
    criteria = TokenFilter(owner=user.username)
    confirmation = services.revoking_by_filter.preview(criteria).confirmation
    more = issue(services, user)
    before = len(audit_events(database))
    with pytest.raises(Conflict):
        services.revoking_by_filter.revoke(criteria, confirmation, "audit", OPERATOR)
    assert services.verifier.verify(access.secret).user_id == user.id
    assert len(audit_events(database)) == before
    services.revoking.revoke(more.token.public_id, "", OPERATOR)
    ended = services.revoking_by_filter.revoke(criteria, confirmation, "audit", OPERATOR)
    assert totals(ended) == Revoked(1, 1)  # it is the same set again
    kept = services.listing.find(access.token.public_id).token
    assert (kept.revoked_by, kept.revoke_reason) == (OPERATOR.name, "audit")


def test_a_confirmation_is_good_for_its_own_filter_only(services: Services) -> None:
    """Fails when the filter is not sealed."""
    user = make_user(services)
    access = mint(services, issue(services, user))
    criteria = TokenFilter(owner=user.username, kind=TokenKind.REFRESH)
    good = services.revoking_by_filter.preview(criteria).confirmation
    others = (TokenFilter(owner=user.username), replace(criteria, name="n"))
    made_up = ("x", "0" * 64, "ü", good.upper())
    for tried, confirmation in [(each, good) for each in others] + [(criteria, each) for each in made_up]:
        with pytest.raises(Conflict):
            services.revoking_by_filter.revoke(tried, confirmation, "audit", OPERATOR)
    assert services.verifier.verify(access.secret).user_id == user.id


def test_a_mint_meanwhile_changes_what_matches_itself_and_not_what_goes_with_others(services: Services) -> None:
    user = make_user(services)
    refresh = issue(services, user)
    mint(services, refresh)
    both, access_alone = TokenFilter(owner=user.username), TokenFilter(owner=user.username, kind=TokenKind.ACCESS)
    stale = services.revoking_by_filter.preview(access_alone).confirmation
    mint(services, refresh)
    with pytest.raises(Conflict):
        services.revoking_by_filter.revoke(access_alone, stale, "audit", OPERATOR)
    fresh = services.revoking_by_filter.preview(access_alone).confirmation
    assert totals(services.revoking_by_filter.revoke(access_alone, fresh, "audit", OPERATOR)) == Revoked(0, 1)
    seen = services.revoking_by_filter.preview(both).confirmation
    newest = mint(services, refresh)  # the refresh token still works
    assert totals(services.revoking_by_filter.revoke(both, seen, "audit", OPERATOR)) == Revoked(1, 1)
    with pytest.raises(TokenRevoked):
        services.verifier.verify(newest.secret)


def test_a_filter_that_matches_too_many_is_refused_before_anything_is_revoked(
    services: Services, database: Database
) -> None:
    """Their ids would be held in memory. Fails when a batch is read that is one too many."""
    few = RevokingByFilter(database, system_clock, b"k" * 32, chunk=2, most=4)
    user = make_user(services)
    plant(database, user.id, 4)
    confirmation = few.preview(PLANTED).confirmation
    issue(services, user, "planted too")
    for act in (lambda: few.preview(PLANTED), lambda: few.revoke(PLANTED, confirmation, "", OPERATOR)):
        with pytest.raises(BadRequest, match="Narrow the filter"):
            act()
    assert alive(database) == [5, 4]
