"""Lists: every criterion, and pages that neither repeat nor lose a row while others come and go."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from app.domain.token_filter import LONGEST_SPAN, TokenFilter
from app.domain.tokens import TokenKind, TokenStatus
from app.storage import listing
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW, plant_access_token, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
ACTIVE, OVERLAPPING, SUPERSEDED, EXPIRED, REVOKED = TokenStatus
TIERS = pytest.mark.parametrize(
    ("listed", "plant"),
    [(listing.refresh_tokens, plant_refresh_token), (listing.access_tokens, plant_access_token)],
    ids=["refresh", "access"],
)

Listed = Callable[..., list[tuple[Any, ...]]]
Plant = Callable[..., Any]


@pytest.fixture
def owner(session: Session) -> UserRow:
    return plant_user(session, username="anna")


def ids(rows: list[Any]) -> list[int]:
    return [row[0].id for row in rows]


def matching(session: Session, listed: Listed, **criteria: Any) -> list[int]:
    return sorted(ids(listed(session, TokenFilter(**criteria), NOW, None, 1000)))


@TIERS
@pytest.mark.parametrize("criteria", [TokenFilter(), TokenFilter(status=ACTIVE)], ids=["all", "active"])
@pytest.mark.parametrize("size", [1, 4])
def test_pages_are_complete_and_repeat_nothing_while_rows_come_and_end(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, criteria: TokenFilter, size: int
) -> None:
    """Fails when a page begins with the row that it should begin after."""
    there = [plant(session, owner).id for _ in range(13)]
    table = RefreshTokenRow if plant is plant_refresh_token else AccessTokenRow
    ended, deleted = set(there[3::5]), set(there[4::5])
    seen: list[int] = []
    after = None
    while page := ids(listed(session, criteria, NOW, after, size)):
        assert len(page) <= size
        seen += page
        after = page[-1]
        plant(session, owner)  # newer than all that were there, and so before the first page
        session.execute(update(table).where(table.id.in_(ended)).values(status="revoked"))
        session.execute(delete(table).where(table.id.in_(deleted)))
    assert seen == sorted(set(seen), reverse=True)
    gone = deleted if criteria.status is None else deleted | ended
    assert set(there) - gone <= set(seen) <= set(there)
    # Of what ended or went meanwhile, only what was on a page before that is seen.
    assert set(seen) & gone <= set(there[-size:])


@TIERS
def test_the_newest_come_first_with_their_owner(session: Session, owner: UserRow, listed: Listed, plant: Plant) -> None:
    other = plant_user(session, username="bert")
    first, second = plant(session, owner), plant(session, other)
    rows = listed(session, TokenFilter(), NOW, None, 10)
    assert [(row[0].id, row[1]) for row in rows] == [(second.id, "bert"), (first.id, "anna")]


def test_an_access_token_has_the_name_of_its_refresh_token_or_its_description(session: Session, owner: UserRow) -> None:
    """It alone is not to be renewed by hand."""
    parent = plant_refresh_token(session, owner, name="nightly-etl")
    plant_access_token(session, owner, parent, description="ignored")
    single = [plant_access_token(session, owner, description=each).id for each in ("my own", None)]
    rows = listing.access_tokens(session, TokenFilter(), NOW, None, 10)
    assert [label for _, _, label in rows] == ["", "my own", "nightly-etl"]
    assert matching(session, listing.refresh_tokens, to_renew=True) == [parent.id]
    assert matching(session, listing.access_tokens, to_renew=True) == single


def test_each_criterion_has_its_condition() -> None:
    """Where a search looks depends on whether the list is of one owner."""
    assert {*listing.CONDITIONS, "search"} == {each.name for each in fields(TokenFilter)}


@TIERS
def test_a_list_can_be_of_one_owner_of_one_kind_and_of_certain_rows(
    session: Session, owner: UserRow, listed: Listed, plant: Plant
) -> None:
    """Fails when an owner who does not exist narrows nothing."""
    other = plant_user(session)
    mine, theirs = plant(session, owner).id, plant(session, other).id
    kind = TokenKind.REFRESH if plant is plant_refresh_token else TokenKind.ACCESS
    for criteria, found in (
        ({"user_id": owner.id}, [mine]), ({"user_id": other.id + 1}, []), ({"owner": "ANNA"}, [mine]),
        ({"owner": other.username}, [theirs]), ({"ids": [theirs]}, [theirs]), ({"ids": []}, []),
        ({"kind": kind}, [mine, theirs]), ({"kind": next(each for each in TokenKind if each is not kind)}, []),
        *(({"owner": nobody}, []) for nobody in ("berta", "not a name", "ü", "")),
    ):  # fmt: skip
        assert matching(session, listed, **criteria) == found, criteria


@pytest.mark.parametrize("status", TokenStatus)
def test_a_list_can_be_of_one_state_as_of_this_moment(session: Session, owner: UserRow, status: TokenStatus) -> None:
    ends = {"over": NOW, "not over": NOW + MICROSECOND}
    made = {(stored, when): plant_access_token(session, owner, status=stored, expires_at=ends[when]).id
            for stored in TokenStatus for when in ends}  # fmt: skip
    found = {
        ACTIVE: [(ACTIVE, "not over"), (OVERLAPPING, "not over"), (EXPIRED, "not over")],
        OVERLAPPING: [],
        SUPERSEDED: [(OVERLAPPING, "over"), (SUPERSEDED, "over"), (SUPERSEDED, "not over")],
        EXPIRED: [(ACTIVE, "over"), (EXPIRED, "over")],
        REVOKED: [(REVOKED, "over"), (REVOKED, "not over")],
    }
    assert matching(session, listing.access_tokens, status=status) == sorted(made[each] for each in found[status])


@TIERS
@pytest.mark.parametrize("column", ["created", "expires", "last_used"])
def test_the_first_instant_of_a_span_is_within_and_the_last_is_not(
    session: Session, owner: UserRow, listed: Listed, plant: Plant, column: str
) -> None:
    before, at, after = (plant(session, owner, **{f"{column}_at": NOW + each * MICROSECOND}).id for each in (-1, 0, 1))
    if column == "last_used":
        plant(session, owner)
    assert matching(session, listed, **{f"{column}_after": NOW}) == [at, after]
    assert matching(session, listed, **{f"{column}_before": NOW}) == [before]
    assert matching(session, listed, **{f"{column}_after": NOW, f"{column}_before": NOW + MICROSECOND}) == [at]


@TIERS
def test_a_list_can_be_of_those_that_end_within_days(
    session: Session, owner: UserRow, listed: Listed, plant: Plant
) -> None:
    limit = NOW + DAY
    soon = [plant(session, owner, expires_at=at).id for at in (NOW + MICROSECOND, limit - MICROSECOND)]
    for other in (limit, limit + HOUR, NOW, NOW - HOUR):
        plant(session, owner, expires_at=other)
    plant(session, owner, expires_at=NOW + MICROSECOND, status="revoked")
    assert matching(session, listed, expiring_within_days=1) == soon
    assert matching(session, listed, expiring_within_days=0) == []
    if plant is plant_access_token:  # one that never ends
        never = plant_access_token(session, owner, expires_at=None).id
        assert never not in matching(session, listed, expiring_within_days=LONGEST_SPAN)


@TIERS
def test_a_list_can_be_of_those_unused_for_days(session: Session, owner: UserRow, listed: Listed, plant: Plant) -> None:
    since, long_ago = NOW - DAY, NOW - 9 * DAY
    unused = [
        plant(session, owner, created_at=long_ago, last_used_at=since).id,
        plant(session, owner, created_at=long_ago, last_used_at=long_ago).id,
        plant(session, owner, created_at=since, last_used_at=None).id,
    ]
    plant(session, owner, created_at=long_ago, last_used_at=since + MICROSECOND)
    plant(session, owner, created_at=since + MICROSECOND, last_used_at=None)
    assert matching(session, listed, unused_for_days=1) == unused


@TIERS
def test_an_expired_refresh_token_can_be_revoked_and_an_access_token_that_ended_cannot(
    session: Session, owner: UserRow, listed: Listed, plant: Plant
) -> None:
    active, over = plant(session, owner).id, plant(session, owner, expires_at=NOW).id
    plant(session, owner, status="revoked")
    expected = [active, over] if plant is plant_refresh_token else [active]
    assert matching(session, listed, revocable=True) == expected


NAMES = ["nightly-etl", "Nightly ETL", "100% of it", "1000 of it", "a_b", "axb", "back\\slash"]
FOUND = {"nightly": NAMES[:2], "ETL": NAMES[:2], "100%": ["100% of it"], "_": ["a_b"], "\\": ["back\\slash"],
         "%": ["100% of it"], "zz": [], "": NAMES}  # fmt: skip


@pytest.mark.parametrize("named", ["refresh token", "by its refresh token", "by its description"])
def test_tokens_are_found_by_part_of_their_name_in_any_case(session: Session, owner: UserRow, named: str) -> None:
    """The same on both databases, though their LIKE is not."""
    made = {}
    for name in NAMES:
        parent = None if named == "by its description" else plant_refresh_token(session, owner, name=name)
        of_description = {} if parent else {"description": name}
        token = parent if named == "refresh token" else plant_access_token(session, owner, parent, **of_description)
        made[name] = token.id
    listed = listing.refresh_tokens if named == "refresh token" else listing.access_tokens
    for part, found in FOUND.items():
        assert matching(session, listed, name=part) == [made[name] for name in found], part


@TIERS
def test_criteria_narrow_together(session: Session, owner: UserRow, listed: Listed, plant: Plant) -> None:
    other = plant_user(session)
    criteria = {"user_id": owner.id, "status": ACTIVE, "expiring_within_days": 1, "created_before": NOW}
    both = plant(session, owner).id
    plant(session, other)
    plant(session, owner, status="revoked")
    plant(session, owner, expires_at=NOW + DAY)
    plant(session, owner, created_at=NOW)
    assert matching(session, listed, **criteria) == [both]


@TIERS
def test_only_active_tokens_need_their_key(session: Session, owner: UserRow, listed: Listed, plant: Plant) -> None:
    for key_id, living in (("k1", 2), ("k2", 1)):
        for _ in range(living):
            plant(session, owner, key_id=key_id)
        plant(session, owner, key_id=key_id, status="revoked")
        plant(session, owner, key_id=key_id, expires_at=NOW)
    plant(session, owner, key_id="k0", status="expired", expires_at=NOW)
    table = RefreshTokenRow if plant is plant_refresh_token else AccessTokenRow
    assert listing.count_by_key(session, table, NOW) == {"k1": 2, "k2": 1}
