"""Conditional writes to refresh tokens: each happens only while its condition still holds."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import TokenKind
from app.storage import new_secrets, refresh_tokens, retired_secrets
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation, StoredRefreshToken
from app.storage.tables import RefreshTokenRow, UserRow
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW, ON_POSTGRESQL, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases

REVOCATION = Revocation(NOW, "anna", "left the company")
NEW_MAC = Mac("k2", b"n" * 32)


def stored(session: Session, row: RefreshTokenRow) -> RefreshTokenRow:
    """The row as it stands in the table."""
    session.refresh(row)
    return row


def read(session: Session, row: RefreshTokenRow) -> StoredRefreshToken:
    found = refresh_tokens.find(session, row.public_id)
    assert found is not None
    return found


def test_a_new_refresh_token_is_active_and_has_no_generation(session: Session, owner: UserRow) -> None:
    text, mac = TokenText(TokenKind.REFRESH, "abcdefghijkl", "s" * 43), Mac("k1", b"m" * 32)
    row = refresh_tokens.add(session, text, mac, owner.id, "nightly-etl", NOW, NOW + HOUR)
    found = refresh_tokens.find(session, text.public_id)
    assert found is not None and found.id == row.id
    assert (found.status, found.generation, found.key_id, found.mac) == ("active", 0, "k1", b"m" * 32)
    fact = refresh_tokens.as_refresh_token(found, NOW)
    assert (fact.name, fact.created_at, fact.expires_at, fact.last_used_at) == ("nightly-etl", NOW, NOW + HOUR, None)
    assert fact.status == "active"
    assert refresh_tokens.as_refresh_token(found, NOW + HOUR).status == "expired"
    session.execute(update(RefreshTokenRow).values(status="revoked"), execution_options={"synchronize_session": False})
    again = refresh_tokens.find(session, text.public_id)
    assert again is not None and again.status == "revoked", "a row is read anew each time"
    assert refresh_tokens.find(session, "zzzzzzzzzzzz") is None


def test_each_hold_opens_the_next_generation_and_notes_a_use(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner)
    other = plant_refresh_token(session, owner)
    for number in (1, 2, 3):
        at = NOW + number * MICROSECOND
        held = refresh_tokens.hold(session, read(session, row), at, is_use=True, address="192.0.2.7")
        assert held == read(session, row)
        assert (held.generation, held.last_used_at, held.last_used_ip) == (number, at, "192.0.2.7")
    held = refresh_tokens.hold(session, read(session, row), NOW)  # no use: the last one stays
    assert held is not None and (held.generation, held.last_used_at, held.last_used_ip) == (4, at, "192.0.2.7")
    assert (stored(session, other).generation, other.last_used_at) == (0, None)


@pytest.mark.parametrize(
    ("values", "allow_expired", "is_held"),
    [
        ({"status": "revoked"}, False, False),
        ({"status": "revoked"}, True, False),
        ({"status": "expired"}, False, True),  # a note of a clock that was wrong
        ({"status": "expired", "expires_at": NOW}, False, False),
        ({"status": "expired", "expires_at": NOW}, True, True),
        ({"expires_at": NOW}, False, False),
        ({"expires_at": NOW}, True, True),
        ({"expires_at": NOW + MICROSECOND}, False, True),
    ],
)
def test_only_a_token_that_works_is_held(
    session: Session, owner: UserRow, values: dict[str, Any], allow_expired: bool, is_held: bool
) -> None:
    """Fails when any part of the condition is missing from the write."""
    row = plant_refresh_token(session, owner, **values)
    found = read(session, row)
    held = refresh_tokens.hold(session, found, NOW, is_use=True, allow_expired=allow_expired)
    assert (held is not None) == is_held
    assert stored(session, row).generation == is_held


def test_a_digest_that_was_replaced_since_it_was_read_is_not_signed_again(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner)
    held = refresh_tokens.hold(session, read(session, row)._replace(mac=b"x" * 32), NOW, mac=NEW_MAC)
    assert held == read(session, row) and (held.key_id, held.mac) == ("k1", b"m" * 32)


def test_a_held_token_is_signed_with_another_key_and_nothing_else_changes(session: Session, owner: UserRow) -> None:
    row, other = plant_refresh_token(session, owner), plant_refresh_token(session, owner)
    before = read(session, row)
    held = refresh_tokens.hold(session, before, NOW, mac=NEW_MAC)
    assert held == before._replace(key_id=NEW_MAC.key_id, mac=NEW_MAC.digest, generation=1)
    assert stored(session, other).key_id == "k1"


@ON_POSTGRESQL
@pytest.mark.parametrize("way", ["held", "the lock alone"])
def test_a_held_refresh_token_keeps_others_waiting_until_the_end(
    database: Database, elsewhere: Database, way: str
) -> None:
    """What makes mints, a regeneration and a revocation of one refresh token happen one after the other."""
    with database.transaction() as session:
        row = plant_refresh_token(session, plant_user(session))
    with database.transaction() as session:
        if way == "held":
            assert refresh_tokens.hold(session, read(session, row), NOW) is not None
        else:
            refresh_tokens.lock(session, [row.id])
        with elsewhere.reading() as other:
            free = select(RefreshTokenRow.id).with_for_update(skip_locked=True)
            assert other.scalars(free).all() == []
    with elsewhere.reading() as other:
        assert other.scalars(free).all() == [row.id]


@pytest.mark.parametrize("status", ["active", "expired"])
def test_a_new_secret_gives_a_new_life_and_old_digests_are_kept(session: Session, owner: UserRow, status: str) -> None:
    row = plant_refresh_token(session, owner, status=status, generation=5, expires_at=NOW - HOUR)
    other = plant_refresh_token(session, owner)
    for number in (6, 7):
        held = refresh_tokens.hold(session, read(session, row), NOW, allow_expired=True)
        assert held is not None
        mac = Mac(f"k{number}", bytes([number]) * 32)
        after = new_secrets.regenerate(session, held, mac, NOW, NOW + HOUR, None)
        assert after == read(session, row)
        assert (after.key_id, after.mac, after.generation) == (mac.key_id, mac.digest, number)
        assert (after.status, after.expires_at, after.regenerated_at) == ("active", NOW + HOUR, NOW)
    replaced = Mac("k6", b"\6" * 32), Mac("k1", b"m" * 32)
    for mac in replaced:
        kept = retired_secrets.find(session, row.id, [NEW_MAC, mac])
        assert kept is not None and (kept.key_id, kept.mac, kept.retired_at) == (mac.key_id, mac.digest, NOW)
    assert retired_secrets.find(session, row.id, [NEW_MAC]) is None
    assert retired_secrets.find(session, other.id, replaced) is None


@pytest.mark.parametrize("reach", ["one by one", "all of a user"])
def test_revoking_ends_what_is_not_revoked_and_tells_which(session: Session, owner: UserRow, reach: str) -> None:
    earlier = {"status": "revoked", "revoked_at": NOW - HOUR, "revoked_by": "bert", "revoke_reason": "lost"}
    rows = [
        plant_refresh_token(session, owner),
        plant_refresh_token(session, owner, status="expired"),
        plant_refresh_token(session, owner, **earlier),
        plant_refresh_token(session, plant_user(session)),
    ]
    if reach == "one by one":
        ended = [each for row in rows[:3] for each in refresh_tokens.revoke_each(session, [row.id], REVOCATION)]
    else:
        ended = [rows[0].id, rows[1].id][: refresh_tokens.revoke_of_user(session, owner.id, REVOCATION)]
    assert sorted(ended) == [rows[0].id, rows[1].id]
    found = [(stored(session, row).status, row.revoked_at, row.revoked_by, row.revoke_reason) for row in rows]
    new = ("revoked", NOW, "anna", "left the company")
    assert found == [new, new, ("revoked", NOW - HOUR, "bert", "lost"), ("active", None, None, None)]
    assert refresh_tokens.revoke_of_user(session, owner.id, REVOCATION) == 0


def test_only_active_tokens_of_that_user_are_counted(session: Session, owner: UserRow) -> None:
    other = plant_user(session)
    for values in ({}, {}, {"status": "revoked"}, {"status": "expired", "expires_at": NOW}, {"expires_at": NOW}):
        plant_refresh_token(session, owner, **values)
    assert refresh_tokens.count_active(session, owner.id, NOW) == 2
    assert refresh_tokens.count_active(session, other.id, NOW) == 0
