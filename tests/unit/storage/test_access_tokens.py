"""Writes to access tokens: making room for a new one, revoking, last uses."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.domain.secrets import Mac, TokenText
from app.domain.tokens import TokenKind
from app.storage import access_tokens, superseding
from app.storage import last_use as storage
from app.storage.database import Database
from app.storage.last_use import Use
from app.storage.refresh_tokens import Revocation
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests.unit.storage.planting import (
    HOUR,
    MICROSECOND,
    NOW,
    ON_POSTGRESQL,
    plant_access_token,
    plant_refresh_token,
    plant_user,
    public_id,
)

pytestmark = pytest.mark.both_databases

REVOCATION = Revocation(NOW, "anna", "left the company")
OVERLAP = HOUR / 60
NONE = timedelta(0)
END = NOW + OVERLAP


@pytest.fixture
def parent(session: Session, owner: UserRow) -> RefreshTokenRow:
    return plant_refresh_token(session, owner)


def state(session: Session, row: AccessTokenRow) -> tuple[str, datetime | None]:
    """What stands in the table."""
    session.refresh(row)
    return f"{row.status}, expired before" if row.had_expired else row.status, row.expires_at


def test_a_new_access_token_is_active_and_has_its_refresh_token(session: Session, parent: RefreshTokenRow) -> None:
    text = TokenText(TokenKind.ACCESS, public_id(), "s" * 43)
    of_parent = {"refresh_token_id": parent.id, "generation": 7}
    access_tokens.add(session, text, Mac("k1", b"m" * 32), parent.user_id, NOW, NOW + HOUR, **of_parent)
    session.expire_all()
    row = access_tokens.find(session, text.public_id)
    assert row is not None
    assert (row.user_id, row.refresh_token_id, row.generation) == (parent.user_id, parent.id, 7)
    fact = access_tokens.as_access_token(row, NOW)
    assert (fact.status, fact.created_at, fact.expires_at) == ("active", NOW, NOW + HOUR)
    assert access_tokens.as_access_token(row, NOW + HOUR).status == "expired"
    assert access_tokens.find(session, "zzzzzzzzzzzz") is None


@pytest.mark.parametrize(
    ("before", "expires_at", "overlap", "status", "ends"),
    [
        ("active", NOW + HOUR, NONE, "superseded", NOW),
        ("active", NOW + HOUR, OVERLAP, "overlapping", END),
        ("active", NOW + MICROSECOND, OVERLAP, "overlapping", NOW + MICROSECOND),
        ("active", NOW, OVERLAP, "superseded, expired before", NOW),
        ("active", NOW - HOUR, NONE, "superseded, expired before", NOW - HOUR),
        ("expired", NOW - HOUR, OVERLAP, "superseded, expired before", NOW - HOUR),
        ("expired", NOW + HOUR, NONE, "superseded", NOW),
        ("expired", NOW + HOUR, OVERLAP, "overlapping", END),
        ("overlapping", NOW + HOUR, OVERLAP, "superseded", NOW),
        ("overlapping", NOW - HOUR, OVERLAP, "superseded", NOW - HOUR),
        *((ended, NOW - HOUR, OVERLAP, ended, NOW - HOUR) for ended in ("superseded", "revoked")),
    ],
)
def test_the_active_one_lives_until_the_overlap_ends_and_all_before_it_end_now(
    session: Session, owner: UserRow, parent: RefreshTokenRow,
    before: str, expires_at: datetime, overlap: timedelta, status: str, ends: datetime,
) -> None:  # fmt: skip
    row = plant_access_token(session, owner, parent, status=before, expires_at=expires_at)
    others = [
        plant_access_token(session, owner, plant_refresh_token(session, owner)),
        plant_access_token(session, owner),
    ]
    superseding.supersede(session, parent.id, NOW, overlap)
    assert state(session, row) == (status, ends)
    assert [state(session, other) for other in others] == [("active", NOW + HOUR)] * 2


def test_revoking_ends_what_may_be_active_and_keeps_the_reasons_of_the_others(
    session: Session, owner: UserRow, parent: RefreshTokenRow
) -> None:
    """◆ And, without a word, what any clock may accept. Fails when `revoke` goes by this host's clock."""
    alive = [
        plant_access_token(session, owner, parent, status=status) for status in ("active", "overlapping", "expired")
    ]
    over = [
        plant_access_token(session, owner, other, status=status, expires_at=NOW)
        for other in (parent, plant_refresh_token(session, owner))
        for status in ("overlapping", "expired", "active")
        if other is not parent or status != "active"
    ]
    final = [
        plant_access_token(session, owner, parent, status="superseded"),
        plant_access_token(session, owner, parent, status="superseded", expires_at=NOW, had_expired=True),
        plant_access_token(session, owner, parent, status="revoked", revoked_by="bert"),
    ]
    others = [row.refresh_token_id for row in over]
    ended = access_tokens.revoke_under(session, [parent.id, *others], REVOCATION)
    assert sorted(ended) == [row.public_id for row in alive]
    assert {state(session, row)[0] for row in over} == {"revoked, expired before", "superseded"}
    for row in over:
        shown = [access_tokens.as_access_token(row, at).status for at in (NOW, NOW - HOUR)]
        assert shown == (["superseded"] * 2 if row.status == "superseded" else ["expired", "revoked"])
    assert [state(session, row)[0] for row in final] == ["superseded", "superseded, expired before", "revoked"]
    assert final[-1].revoked_by == "bert"
    for row in alive:
        assert state(session, row)[0] == "revoked"
        assert (row.revoked_at, row.revoked_by, row.revoke_reason) == (NOW, "anna", "left the company")
    assert access_tokens.revoke_under(session, [parent.id], REVOCATION) == []


def test_revoking_reaches_as_far_as_it_is_told(session: Session, owner: UserRow) -> None:
    other = plant_user(session)
    parents = [plant_refresh_token(session, owner) for _ in range(3)]
    first, second, third = (plant_access_token(session, owner, parent).public_id for parent in parents)
    lone, theirs = plant_access_token(session, owner), plant_access_token(session, other)
    assert access_tokens.revoke_under(session, [], REVOCATION) == []
    under_two = access_tokens.revoke_under(session, [parents[0].id, parents[1].id], REVOCATION)
    assert sorted(under_two) == [first, second]
    assert access_tokens.revoke_each(session, [lone.id], REVOCATION) == [lone.public_id]
    assert access_tokens.revoke_each(session, [lone.id], REVOCATION) == []
    assert access_tokens.revoke_of_user(session, owner.id, REVOCATION) == 1
    assert third in {
        row.public_id for row in session.scalars(select(AccessTokenRow).where(AccessTokenRow.status == "revoked"))
    }
    assert state(session, theirs)[0] == "active"


@ON_POSTGRESQL
def test_the_tokens_of_a_user_are_locked_in_order_of_id(database: Database, elsewhere: Database) -> None:
    """Two acts on the same tokens can't deadlock. Fails when the UPDATE locks in the order of the table."""
    row = AccessTokenRow
    with database.transaction() as session:
        owner = plant_user(session)
        for _ in range(3):
            plant_access_token(session, owner)
        session.execute(update(row).values(id=1000 - row.id))
        session.execute(text(f"ALTER DATABASE {database.engine.url.database} SET enable_indexscan = off"))
    database.engine.dispose()

    def revoke() -> int:
        with database.transaction() as session:
            return access_tokens.revoke_of_user(session, owner.id, Revocation(NOW, "anna", ""))

    with ThreadPoolExecutor(1) as thread, elsewhere.transaction() as session:
        first, *others = session.scalars(select(row.id).order_by(row.id))
        session.execute(select(row.id).where(row.id == first).with_for_update())
        revoking = thread.submit(revoke)
        while not session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
            assert not revoking.done()
        free = select(row.id).where(row.id.in_(others)).order_by(row.id).with_for_update(skip_locked=True)
        assert list(session.scalars(free)) == others
    assert revoking.result() == 3


SPACING = HOUR / 60
STATUSES = ("active", "overlapping", "superseded", "expired", "revoked")


def last_use(session: Session, row: AccessTokenRow) -> Use:
    session.refresh(row)
    return Use(row.last_used_at, row.last_used_ip, row.last_used_agent)


def test_uses_are_written_to_their_tokens_whatever_their_status_and_to_no_others(
    session: Session, owner: UserRow, parent: RefreshTokenRow
) -> None:
    """A token was good when it was used. Uses of tokens that are gone are passed over."""
    rows = [plant_access_token(session, owner, parent, status=status) for status in STATUSES]
    other = plant_access_token(session, owner)
    uses = {row.id: Use(NOW - number * HOUR, f"192.0.2.{number}", "curl/8") for number, row in enumerate(rows)}
    gone = {other.id + number: Use(NOW, None, None) for number in (1000, 1001)}
    for written in ({}, gone, gone | uses):
        storage.record_uses(session, written, SPACING)
    assert [last_use(session, row) for row in rows] == list(uses.values())
    assert [state(session, row) for row in rows] == [(status, NOW + HOUR) for status in STATUSES]
    assert last_use(session, other) == Use(None, None, None)


def test_a_use_is_written_where_the_one_before_it_is_long_enough_ago(session: Session, owner: UserRow) -> None:
    """Never back in time. Fails when the write has no condition."""
    after = Use(NOW, "192.0.2.7", "after")
    long_ago, too_recent = (None, NOW - HOUR, NOW - SPACING), (NOW - SPACING + MICROSECOND, NOW, NOW + HOUR)
    for at in long_ago + too_recent:
        before = {"last_used_at": at, "last_used_ip": "192.0.2.1", "last_used_agent": "before"}
        row = plant_access_token(session, owner, **before)
        storage.record_uses(session, {row.id: after}, SPACING)
        assert last_use(session, row) == (after if at in long_ago else Use(*before.values()))


def test_a_use_without_address_and_agent_keeps_those_of_the_use_before(session: Session, owner: UserRow) -> None:
    """As when an API introspects the token it was sent. Fails when the empty values are written as well."""
    before = {"last_used_at": NOW - HOUR, "last_used_ip": "192.0.2.1", "last_used_agent": "before"}
    row = plant_access_token(session, owner, **before)
    storage.record_uses(session, {row.id: Use(NOW, None, None)}, SPACING)
    assert last_use(session, row) == Use(NOW, "192.0.2.1", "before")
    storage.record_uses(session, {row.id: Use(NOW + HOUR, "192.0.2.7", None)}, SPACING)
    assert last_use(session, row) == Use(NOW + HOUR, "192.0.2.7", None)
