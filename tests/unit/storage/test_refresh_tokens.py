"""Conditional writes to refresh tokens: each happens only while its condition still holds."""

from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import TokenKind
from app.storage import refresh_tokens
from app.storage.database import Database
from app.storage.refresh_tokens import Revocation
from app.storage.tables import RefreshTokenRow, UserRow
from tests.unit.storage.planting import (
    HOUR,
    MICROSECOND,
    NOW,
    ON_POSTGRESQL,
    plant_refresh_token,
    plant_user,
    public_id,
)

pytestmark = pytest.mark.both_databases

REVOCATION = Revocation(NOW, "anna", "left the company")
NEW_MAC = Mac("k2", b"n" * 32)


def stored(session: Session, row: RefreshTokenRow) -> RefreshTokenRow:
    """The row as it stands in the table."""
    session.refresh(row)
    return row


def test_a_new_refresh_token_is_active_and_has_no_generation(session: Session, owner: UserRow) -> None:
    text, mac = TokenText(TokenKind.REFRESH, public_id(), "s" * 43), Mac("k1", b"m" * 32)
    row = refresh_tokens.insert(session, text, mac, owner.id, "nightly-etl", NOW, NOW + HOUR)
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


def test_each_opening_gives_the_next_generation_and_notes_a_use(session: Session, owner: UserRow) -> None:
    row = plant_refresh_token(session, owner)
    other = plant_refresh_token(session, owner)
    for number in (1, 2, 3):
        at = NOW + number * MICROSECOND
        opened = refresh_tokens.open_generation(session, row.id, at, used=True, used_from="192.0.2.7")
        assert opened == number
        assert (stored(session, row).last_used_at, row.last_used_ip) == (at, "192.0.2.7")
    assert refresh_tokens.open_generation(session, row.id, NOW) == 4  # no use: the last one stays
    assert (stored(session, row).last_used_at, row.last_used_ip) == (at, "192.0.2.7")
    assert (stored(session, other).generation, other.last_used_at) == (0, None)


@pytest.mark.parametrize(
    ("values", "owner_is_active"),
    [
        ({"status": "revoked"}, True),
        ({"status": "expired"}, True),
        ({"expires_at": NOW}, True),
        ({"expires_at": NOW - MICROSECOND}, True),
        ({}, False),
    ],
    ids=str,
)
def test_no_generation_is_opened_of_a_token_that_does_not_work(
    session: Session, owner: UserRow, values: dict[str, Any], owner_is_active: bool
) -> None:
    """Fails when any part of the condition is missing from the write."""
    row = plant_refresh_token(session, owner, **values)
    session.execute(update(UserRow).values(is_active=owner_is_active))
    assert refresh_tokens.open_generation(session, row.id, NOW, used=True) is None
    assert (stored(session, row).generation, row.last_used_at) == (0, None)


@ON_POSTGRESQL
@pytest.mark.parametrize("way", ["a generation", "the lock alone"])
def test_what_holds_a_refresh_token_keeps_others_waiting_until_its_end(
    database: Database, elsewhere: Database, way: str
) -> None:
    """What makes mints, a regeneration and a revocation of one refresh token happen one after the other."""
    with database.transaction() as session:
        row = plant_refresh_token(session, plant_user(session))
    with database.transaction() as session:
        if way == "a generation":
            assert refresh_tokens.open_generation(session, row.id, NOW) == 1
        else:
            refresh_tokens.lock(session, row.id)
        with elsewhere.reading() as other:
            free = select(RefreshTokenRow.id).with_for_update(skip_locked=True)
            assert other.scalars(free).all() == []
    with elsewhere.reading() as other:
        assert other.scalars(free).all() == [row.id]


@pytest.mark.parametrize("status", ["active", "expired"])
def test_a_replaced_secret_gives_a_new_life_and_its_digest_is_kept_latest_first(
    session: Session, owner: UserRow, status: str
) -> None:
    row = plant_refresh_token(session, owner, status=status, generation=5, expires_at=NOW - HOUR)
    other = plant_refresh_token(session, owner)
    for number in (6, 7):
        mac = Mac(f"k{number}", bytes([number]) * 32)
        assert refresh_tokens.replace_secret(session, row, mac, NOW, NOW + HOUR)
        session.flush()
        assert (stored(session, row).key_id, row.mac) == (mac.key_id, mac.digest)
        assert (row.status, row.generation, row.expires_at, row.regenerated_at) == ("active", number, NOW + HOUR, NOW)
    kept = [(each.key_id, each.mac, each.retired_at) for each in refresh_tokens.retired_secrets(session, row)]
    assert kept == [("k6", b"\6" * 32, NOW), ("k1", b"m" * 32, NOW)]
    assert refresh_tokens.retired_secrets(session, other) == []


@pytest.mark.parametrize(("status", "owner_is_active"), [("revoked", True), ("active", False)])
def test_no_secret_is_replaced_of_a_revoked_token_or_for_a_disabled_owner(
    session: Session, owner: UserRow, status: str, owner_is_active: bool
) -> None:
    row = plant_refresh_token(session, owner, status=status)
    session.execute(update(UserRow).values(is_active=owner_is_active))
    assert not refresh_tokens.replace_secret(session, row, NEW_MAC, NOW, NOW + HOUR)
    assert stored(session, row).key_id == "k1"
    assert refresh_tokens.retired_secrets(session, row) == []


def test_a_token_is_signed_anew_and_nothing_else_of_it_changes(session: Session, owner: UserRow) -> None:
    row, other = plant_refresh_token(session, owner), plant_refresh_token(session, owner)
    refresh_tokens.sign_anew(session, row, NEW_MAC)
    assert (stored(session, row).key_id, row.mac) == ("k2", b"n" * 32)
    assert (row.generation, row.expires_at, row.regenerated_at) == (0, NOW + HOUR, None)
    assert stored(session, other).key_id == "k1"


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
        ended = [each for row in rows[:3] for each in refresh_tokens.revoke_one(session, row, REVOCATION)]
    else:
        ended = refresh_tokens.revoke_of_user(session, owner.id, REVOCATION)
    assert sorted(ended) == [rows[0].id, rows[1].id]
    found = [(stored(session, row).status, row.revoked_at, row.revoked_by, row.revoke_reason) for row in rows]
    new = ("revoked", NOW, "anna", "left the company")
    assert found == [new, new, ("revoked", NOW - HOUR, "bert", "lost"), ("active", None, None, None)]
    assert refresh_tokens.revoke_of_user(session, owner.id, REVOCATION) == []


def test_only_active_tokens_of_that_user_are_counted(session: Session, owner: UserRow) -> None:
    other = plant_user(session)
    for values in ({}, {}, {"status": "revoked"}, {"status": "expired"}, {"expires_at": NOW}):
        plant_refresh_token(session, owner, **values)
    assert refresh_tokens.count_active(session, owner.id, NOW) == 2
    assert refresh_tokens.count_active(session, other.id, NOW) == 0
