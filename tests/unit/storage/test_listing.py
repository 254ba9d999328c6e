"""Lists: every filter, and pages that neither repeat nor lose a row while others come and go.

Here belongs ``app.storage.listing``. Not here: cursors and limits (``tests/unit/services``), and how lists look
(``tests/integration/cli``).
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.domain.tokens import TokenStatus
from app.storage import listing
from app.storage.listing import TokenFilter
from app.storage.tables import AccessTokenRow, AuditEventRow, RefreshTokenRow, UserRow
from tests.unit.storage.planting import (
    HOUR,
    MICROSECOND,
    NOW,
    plant_access_token,
    plant_refresh_token,
    plant_user,
)

pytestmark = pytest.mark.both_databases

ACTIVE, OVERLAPPING, SUPERSEDED, EXPIRED, REVOKED = TokenStatus
TIERS = pytest.mark.parametrize(
    ("listed", "plant", "table"),
    [
        (listing.refresh_tokens, plant_refresh_token, RefreshTokenRow),
        (listing.access_tokens, plant_access_token, AccessTokenRow),
    ],
    ids=["refresh", "access"],
)

Listed = Callable[..., list[tuple[Any, ...]]]
Plant = Callable[..., Any]


@pytest.fixture
def owner(session: Session) -> UserRow:
    return plant_user(session, username="anna")


def ids(rows: list[Any]) -> list[int]:
    return [row[0].id for row in rows]


def matching(session: Session, listed: Listed, **wanted: Any) -> list[int]:
    return sorted(ids(listed(session, TokenFilter(**wanted), NOW, None, 1000)))


# Pages


@TIERS
@pytest.mark.parametrize("wanted", [TokenFilter(), TokenFilter(status=ACTIVE)], ids=["all", "active"])
@pytest.mark.parametrize("size", [1, 4, 7])
def test_pages_are_complete_and_repeat_nothing_while_rows_come_and_end(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any, wanted: TokenFilter, size: int
) -> None:
    """Fails when a page begins with the row that it should begin after."""
    there = [plant(session, owner).id for _ in range(23)]
    ended, deleted = set(there[3::5]), set(there[4::5])
    seen: list[int] = []
    after = None
    while page := ids(listed(session, wanted, NOW, after, size)):
        assert len(page) <= size
        seen += page
        after = page[-1]
        plant(session, owner)  # newer than all that were there, and so before the first page
        session.execute(update(table).where(table.id.in_(ended)).values(status="revoked"))
        session.execute(delete(table).where(table.id.in_(deleted)))
    assert seen == sorted(set(seen), reverse=True)
    gone = deleted if wanted.status is None else deleted | ended
    assert set(there) - gone <= set(seen) <= set(there)
    # Of what ended or went meanwhile, only what was on a page before that is seen.
    assert set(seen) & gone <= set(there[-size:])


@TIERS
def test_the_newest_come_first_with_their_owner(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any
) -> None:
    other = plant_user(session, username="bert")
    first, second = plant(session, owner), plant(session, other)
    rows = listed(session, TokenFilter(), NOW, None, 10)
    assert [(row[0].id, row[1]) for row in rows] == [(second.id, "bert"), (first.id, "anna")]


@TIERS
def test_after_the_last_row_there_is_nothing(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any
) -> None:
    first = plant(session, owner).id
    assert ids(listed(session, TokenFilter(), NOW, first, 10)) == []
    assert ids(listed(session, TokenFilter(), NOW, first + 1, 10)) == [first]


# Filters


@TIERS
def test_a_list_can_be_of_one_user(session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any) -> None:
    other = plant_user(session)
    mine, theirs = plant(session, owner).id, plant(session, other).id
    assert matching(session, listed, user_id=owner.id) == [mine]
    assert matching(session, listed, user_id=other.id) == [theirs]
    assert matching(session, listed, user_id=other.id + 1) == []


@pytest.mark.parametrize("status", TokenStatus)
def test_a_list_can_be_of_one_state_as_it_is_at_this_moment(
    session: Session, owner: UserRow, status: TokenStatus
) -> None:
    ends = {"over": NOW, "not over": NOW + MICROSECOND}
    made = {(stored, when): plant_access_token(session, owner, status=stored, expires_at=ends[when]).id
            for stored in TokenStatus for when in ends}  # fmt: skip
    wanted = {
        ACTIVE: [(ACTIVE, "not over"), (OVERLAPPING, "not over")],
        OVERLAPPING: [],
        SUPERSEDED: [(OVERLAPPING, "over"), (SUPERSEDED, "over"), (SUPERSEDED, "not over")],
        EXPIRED: [(ACTIVE, "over"), (EXPIRED, "over"), (EXPIRED, "not over")],
        REVOKED: [(REVOKED, "over"), (REVOKED, "not over")],
    }
    assert matching(session, listing.access_tokens, status=status) == sorted(made[each] for each in wanted[status])


@TIERS
def test_a_list_can_be_of_those_that_end_before_an_instant(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any
) -> None:
    limit = NOW + HOUR
    soon = [plant(session, owner, expires_at=at).id for at in (NOW + MICROSECOND, limit - MICROSECOND)]
    for later in (limit, limit + HOUR):
        plant(session, owner, expires_at=later)
    for over in (NOW, NOW - HOUR):
        plant(session, owner, expires_at=over)
    plant(session, owner, expires_at=NOW + MICROSECOND, status="revoked")
    assert matching(session, listed, expiring_before=limit) == soon


def test_what_never_ends_does_not_end_before_an_instant(session: Session, owner: UserRow) -> None:
    plant_access_token(session, owner, expires_at=None)
    assert matching(session, listing.access_tokens, expiring_before=datetime.max.replace(tzinfo=NOW.tzinfo)) == []


@TIERS
def test_a_list_can_be_of_those_unused_since_an_instant(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any
) -> None:
    since, long_ago = NOW - HOUR, NOW - 9 * HOUR
    unused = [
        plant(session, owner, created_at=long_ago, last_used_at=since).id,
        plant(session, owner, created_at=long_ago, last_used_at=long_ago).id,
        plant(session, owner, created_at=since, last_used_at=None).id,
    ]
    plant(session, owner, created_at=long_ago, last_used_at=since + MICROSECOND)
    plant(session, owner, created_at=since + MICROSECOND, last_used_at=None)
    assert matching(session, listed, unused_since=since) == unused


NAMES = ["nightly-etl", "Nightly ETL", "100% of it", "1000 of it", "a_b", "axb", "back\\slash"]
FOUND = [
    ("nightly", ["nightly-etl", "Nightly ETL"]),
    ("ETL", ["nightly-etl", "Nightly ETL"]),
    ("100%", ["100% of it"]),
    ("_", ["a_b"]),
    ("\\", ["back\\slash"]),
    ("%", ["100% of it"]),
    ("zz", []),
    ("", NAMES),
]


@pytest.mark.parametrize(("part", "found"), FOUND)
def test_refresh_tokens_are_found_by_part_of_their_name_in_any_case(
    session: Session, owner: UserRow, part: str, found: list[str]
) -> None:
    """The same on both databases, though their LIKE is not."""
    made = {name: plant_refresh_token(session, owner, name=name).id for name in NAMES}
    assert matching(session, listing.refresh_tokens, name=part) == [made[name] for name in found]


@pytest.mark.parametrize(("part", "found"), FOUND)
@pytest.mark.parametrize("named", ["by its refresh token", "by its description"])
def test_access_tokens_are_found_by_part_of_their_name_in_any_case(
    session: Session, owner: UserRow, named: str, part: str, found: list[str]
) -> None:
    made = {}
    for name in NAMES:
        parent = plant_refresh_token(session, owner, name=name) if named == "by its refresh token" else None
        made[name] = plant_access_token(session, owner, parent, description=None if parent else name).id
    assert matching(session, listing.access_tokens, name=part) == [made[name] for name in found]


def test_an_access_token_is_named_after_its_refresh_token_or_by_its_description(
    session: Session, owner: UserRow
) -> None:
    parent = plant_refresh_token(session, owner, name="nightly-etl")
    plant_access_token(session, owner, parent, description="ignored")
    plant_access_token(session, owner, description="my own")
    plant_access_token(session, owner)
    rows = listing.access_tokens(session, TokenFilter(), NOW, None, 10)
    assert [label for _, _, label in rows] == ["", "my own", "nightly-etl"]


@TIERS
def test_filters_narrow_together(session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any) -> None:
    other = plant_user(session)
    wanted = {"user_id": owner.id, "status": ACTIVE, "expiring_before": NOW + 2 * HOUR, "unused_since": NOW}
    both = plant(session, owner).id
    plant(session, other)
    plant(session, owner, status="revoked")
    plant(session, owner, expires_at=NOW + 3 * HOUR)
    plant(session, owner, last_used_at=NOW + MICROSECOND)
    assert matching(session, listed, **wanted) == [both]


# Audit events, and keys


def plant_event(session: Session, **values: str) -> int:
    usual = {"actor": "anna", "action": "user.created", "object_kind": "user", "object_id": "bert"}
    row = AuditEventRow(at=NOW, result="done", detail="{}", **usual | values)
    session.add(row)
    session.flush()
    return row.id


@pytest.mark.parametrize("size", [1, 4, 30])
def test_pages_of_audit_events_are_complete_while_more_are_written(session: Session, size: int) -> None:
    there = [plant_event(session) for _ in range(11)]
    seen: list[int] = []
    after = None
    while page := [row.id for row in listing.audit_events(session, None, None, None, after, size)]:
        seen += page
        after = page[-1]
        plant_event(session)
    assert seen == there[::-1]


@pytest.mark.parametrize(("column", "value"), [("actor", "cli:root"), ("action", "user.disabled"), ("object_id", "c")])
def test_audit_events_are_found_by_actor_action_and_object(session: Session, column: str, value: str) -> None:
    others = plant_event(session), plant_event(session, object_kind="token")
    wanted = plant_event(session, **{column: value})
    filters = {"actor": None, "action": None, "object_id": None}
    found = listing.audit_events(session, **filters | {column: value}, after=None, limit=10)
    assert [row.id for row in found] == [wanted]
    assert len(listing.audit_events(session, **filters, after=None, limit=10)) == len(others) + 1
    assert listing.audit_events(session, **filters | {column: "nobody"}, after=None, limit=10) == []


@TIERS
def test_only_living_tokens_count_as_needing_their_key(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, table: Any
) -> None:
    for key_id, living in (("k1", 2), ("k2", 1)):
        for _ in range(living):
            plant(session, owner, key_id=key_id)
        plant(session, owner, key_id=key_id, status="revoked")
        plant(session, owner, key_id=key_id, expires_at=NOW)
    plant(session, owner, key_id="k0", status="expired")
    assert listing.count_by_key(session, table, NOW) == {"k1": 2, "k2": 1}
