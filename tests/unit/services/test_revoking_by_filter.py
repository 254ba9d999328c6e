"""Revoking by filter: ten thousand tokens in one transaction, in portions, while mints go on.

Not here: what is previewed and when the act is refused (``tests/contract/test_native_revocations``).
"""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from freezegun import freeze_time
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError

from app.domain.clock import system_clock
from app.domain.errors import Conflict, TokenRefused, Unavailable
from app.domain.tokens import TokenKind, TokenStatus
from app.services import Services
from app.services.criteria import Criteria
from app.services.revoking import Revoked
from app.services.revoking_by_filter import CHUNK, RevokingByFilter
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow
from tests.databases import patient
from tests.factories import OPERATOR, issue, make_user, mint
from tests.rows import audit_events, refuse_writes

MANY = 10_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PLANTED = Criteria(name="planted")


def plant(database: Database, user_id: int, number: int) -> None:
    """So many refresh tokens, each with an access token."""
    now = system_clock()
    usual = {"key_id": "k1", "mac": b"m" * 32, "user_id": user_id, "created_at": now}
    usual |= {"expires_at": now + timedelta(days=1), "generation": 1}
    for start in range(0, number, 1000):
        some = range(start, min(start + 1000, number))
        parents = [usual | {"public_id": f"r{each:011d}", "name": "planted"} for each in some]
        with patient(database), database.transaction() as session:
            ids = session.scalars(insert(RefreshTokenRow).returning(RefreshTokenRow.id), parents).all()
            children = [
                usual | {"public_id": f"a{each:011d}", "uuid": f"{each:036d}", "refresh_token_id": each} for each in ids
            ]
            session.execute(insert(AccessTokenRow), children)


def alive(database: Database) -> dict[str, int]:
    """Tokens of the whole database that are active, by tier."""
    with database.reading() as session:
        return {
            table.__tablename__: session.scalar(
                select(func.count()).select_from(table).where(table.status == TokenStatus.ACTIVE)
            )
            for table in (RefreshTokenRow, AccessTokenRow)
        }


def test_ten_thousand_tokens_end_in_one_transaction_with_the_right_count_while_mints_go_on(
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
    assert ended == Revoked(MANY, MANY - 20 + mints_alive_then)
    assert alive(database) == {"refresh_tokens": 1, "access_tokens": 1}
    assert services.verifier.verify(bystander.secret).user_id == other.id
    assert [row.action for row in audit_events(database)][-1] == "tokens.revoked"


def test_no_statement_has_more_parameters_or_rows_than_a_portion(services: Services, database: Database) -> None:
    """Fails when all ids go into one statement."""
    plant(database, make_user(services).id, 2 * CHUNK + 500)
    largest: list[int] = []

    def note(_connection: object, _cursor: object, _statement: object, parameters: object, *_: object) -> None:
        largest.append(len(parameters))  # type: ignore[arg-type]

    event.listen(database.engine, "before_cursor_execute", note)
    seen = services.revoking_by_filter.preview(PLANTED)
    ended = services.revoking_by_filter.revoke(PLANTED, seen.confirmation, "audit", OPERATOR)
    event.remove(database.engine, "before_cursor_execute", note)
    assert ended == Revoked(2 * CHUNK + 500, 2 * CHUNK + 500)
    assert max(largest) < CHUNK + 20


def test_the_portions_join_without_gap_or_overlap(services: Services, database: Database) -> None:
    """Of every size around a portion's."""
    in_threes = RevokingByFilter(database, system_clock, b"k" * 32, chunk=3)
    for number in range(8):
        user = make_user(services)
        for _ in range(number):
            mint(services, issue(services, user))
        for kind, counts in ((TokenKind.ACCESS, Revoked(0, number)), (TokenKind.REFRESH, Revoked(number, 0))):
            criteria = Criteria(owner=user.username, kind=kind)
            seen = in_threes.preview(criteria)
            assert (seen.refresh_tokens, seen.access_tokens) == (counts.refresh_tokens, counts.access_tokens)
            assert in_threes.revoke(criteria, seen.confirmation, "", OPERATOR) == counts


def test_what_has_ended_is_not_counted_and_an_expired_refresh_token_is(services: Services) -> None:
    """An expired one could be regenerated, and so can still be ended."""
    with freeze_time(NOW) as clock:
        user = make_user(services)
        mint(services, issue(services, user))
        clock.move_to(NOW + timedelta(days=61))
        refresh, revoked = issue(services, user), issue(services, user)
        mint(services, refresh)
        mint(services, refresh)  # takes the place of the first
        services.revoking.revoke(revoked.token.public_id, "", OPERATOR)
        seen = services.revoking_by_filter.preview(Criteria(owner=user.username))
    assert (seen.refresh_tokens, seen.access_tokens, seen.access_tokens_with_them) == (2, 0, 1)


def test_an_act_that_is_refused_leaves_no_trace(services: Services, database: Database) -> None:
    user = make_user(services)
    issue(services, user)
    before = len(audit_events(database))
    with pytest.raises(Conflict):
        services.revoking_by_filter.revoke(Criteria(owner=user.username), "made up", "audit", OPERATOR)
    assert len(audit_events(database)) == before


def test_an_act_whose_audit_row_cannot_be_written_does_not_happen(services: Services, database: Database) -> None:
    """Fails when the row is written in a transaction of its own."""
    user = make_user(services)
    access = mint(services, issue(services, user))
    seen = services.revoking_by_filter.preview(Criteria(owner=user.username))
    refuse_writes(database, "audit_events", "INSERT")
    with pytest.raises(IntegrityError):
        services.revoking_by_filter.revoke(Criteria(owner=user.username), seen.confirmation, "audit", OPERATOR)
    assert services.verifier.verify(access.secret).user_id == user.id
