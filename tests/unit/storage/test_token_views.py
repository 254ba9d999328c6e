"""Lists of both tiers together: every order, pages to both sides, and the number of tokens in each group."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.domain.token_filter import TokenFilter
from app.domain.token_view import DAYS_BEFORE_EXPIRY, Group, Sort, TokenView
from app.domain.tokens import TokenKind, TokenStatus
from app.storage import listing, token_counts, token_views
from app.storage.tables import AccessTokenRow, RefreshTokenRow, UserRow
from app.storage.token_views import Direction, Place
from tests.unit.storage.planting import HOUR, MICROSECOND, NOW, plant_access_token, plant_refresh_token, plant_user

pytestmark = pytest.mark.both_databases

DAY = timedelta(days=1)
VIEWS = [TokenView(sort=sort, is_descending=down) for sort, down in product(Sort, (True, False))]


@pytest.fixture
def owner(session: Session) -> UserRow:
    return plant_user(session, username="anna", email="anna@example.com")


def plant_many(session: Session, owner: UserRow) -> set[tuple[TokenKind, int]]:
    """Tokens of both tiers and two users, several with the same value in each column."""
    bert = plant_user(session, username="bert", email="b.b@example.org")
    made = set()
    for number in range(8):
        values: dict[str, Any] = {"created_at": NOW - (number // 3) * DAY, "expires_at": NOW + (number % 3) * DAY}
        if number % 2:
            values["last_used_at"] = NOW - (number // 4) * HOUR
        user, name = (owner, "B") if number % 3 else (bert, "a")
        parent = plant_refresh_token(session, user, name=name, **values)
        child = plant_access_token(session, user, parent, **values)
        own = plant_access_token(
            session, user, description=name if number % 2 else None, **values | {"expires_at": None}
        )
        made |= {(TokenKind.REFRESH, parent.id), (TokenKind.ACCESS, child.id), (TokenKind.ACCESS, own.id)}
    return made


def read(session: Session, view: TokenView, towards: Direction, size: int) -> list[Place]:
    return token_views.page(session, view, NOW, towards, size)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: f"{view.sort} {'down' if view.is_descending else 'up'}")
@pytest.mark.parametrize("size", [1, 5])
def test_pages_hold_every_token_once_in_order_and_the_way_back_is_the_same(
    session: Session, owner: UserRow, view: TokenView, size: int
) -> None:
    """Fails when tokens of the same value are lost or repeated where a page ends between them."""
    made = plant_many(session, owner)
    seen: list[Place] = []
    while page := read(session, view, Direction(seen[-1] if seen else None), size):
        seen += page
    assert {(place.kind, place.row_id) for place in seen} == made
    assert len(seen) == len(made)
    keys = [place.key for place in seen]
    assert keys == sorted(keys, reverse=view.is_descending)  # type: ignore[type-var]
    back: list[Place] = []
    while page := read(session, view, Direction(back[-1] if back else None, is_back=True), size):
        back += page
    assert back == seen[::-1]


def test_names_are_in_order_of_the_alphabet_in_any_case(session: Session, owner: UserRow) -> None:
    for name in ("b", "A", "C", "a"):
        plant_refresh_token(session, owner, name=name)
    view = TokenView(sort=Sort.NAME, is_descending=False)
    assert [place.key for place in read(session, view, Direction(), 9)] == ["a", "a", "b", "c"]


def test_never_used_is_before_all_uses_and_no_expiry_after_all(session: Session, owner: UserRow) -> None:
    never = plant_access_token(session, owner, expires_at=None).id
    plant_refresh_token(session, owner, last_used_at=NOW - 9 * DAY)
    for sort, down in ((Sort.LAST_USED, False), (Sort.EXPIRES, True)):
        assert read(session, TokenView(sort=sort, is_descending=down), Direction(), 1)[0].row_id == never
        assert read(session, TokenView(sort=sort, is_descending=not down), Direction(), 2)[1].row_id == never


ENDS = [NOW - DAY, NOW, NOW + MICROSECOND, NOW + DAYS_BEFORE_EXPIRY * DAY, NOW + 99 * DAY]


def test_groups_hold_what_their_filter_matches_and_are_counted(session: Session, owner: UserRow) -> None:
    """Fails when the cheaper conditions of the groups and those of the filter differ for any state."""
    parent = plant_refresh_token(session, owner, status="revoked")
    for end, status in product(ENDS, ("active", "expired", "revoked")):
        plant_refresh_token(session, owner, expires_at=end, status=status)
    for end, status, had in product([*ENDS, None], TokenStatus, (False, True)):
        plant_access_token(session, owner, expires_at=end, status=status, had_expired=had)
        if status is not TokenStatus.ACTIVE:
            plant_access_token(session, owner, parent, expires_at=end, status=status, had_expired=had)
    counted = token_counts.counts(session, TokenView(), NOW)
    everything = TokenFilter(created_before=NOW + 99 * DAY)  # counted by reading: there is no index for any filter
    assert token_counts.counts(session, TokenView(everything), NOW) == counted
    for group in Group:
        view = TokenView(group=group)
        found = {(place.kind, place.row_id) for place in read(session, view, Direction(), 999)}
        refresh = listing.refresh_tokens(session, view.narrowed, NOW, None, 999)
        access = listing.access_tokens(session, view.narrowed, NOW, None, 999)
        expected = {(TokenKind.REFRESH, row[0].id) for row in refresh} | {
            (TokenKind.ACCESS, row[0].id) for row in access
        }
        assert found == expected, group
        assert counted[group] == len(found) > 0, group


def test_a_search_finds_parts_of_names_ids_and_owners(session: Session, owner: UserRow) -> None:
    bert = plant_user(session, username="bert", email="hello.there@example.org")
    refresh = plant_refresh_token(session, owner, name="Nightly-ETL", public_id="3gr5lo7qmcxg")
    child = plant_access_token(session, owner, refresh, description="ignored", public_id="ook2uq2tmoa0")
    single = plant_access_token(session, bert, description="my Übersicht")
    R, A = TokenKind
    whole = {(R, refresh.id), (A, child.id)}
    for part, found in (
        ("nightly", whole), ("etl", whole), ("ignored", set()), ("übersicht", {(A, single.id)}),
        (refresh.public_id, {(R, refresh.id)}), (f"dpr_{refresh.public_id[:6]}", {(R, refresh.id)}),
        (child.public_id[3:9], {(A, child.id)}), (f"dpa_{child.public_id}_abc", {(A, child.id)}),
        (single.uuid, {(A, single.id)}), (single.uuid[:8], {(A, single.id)}),
        ("ann", whole), ("ANNA@EXAMPLE", whole), ("hello.there", {(A, single.id)}), ("100%", set()), ("zz_", set()),
    ):  # fmt: skip
        view = TokenView(TokenFilter(search=part))
        assert {(place.kind, place.row_id) for place in read(session, view, Direction(), 99)} == found, part
        assert token_counts.counts(session, view, NOW)[Group.ALL] == len(found)


@pytest.mark.parametrize("sort", Sort)
def test_what_a_search_has_found_is_listed_and_counted_as_if_it_was_looked_for_again(
    session: Session, owner: UserRow, sort: Sort
) -> None:
    plant_many(session, owner)
    criteria = TokenFilter(name="b", created_before=NOW)
    for group in (Group.ALL, Group.ACTIVE):
        view = TokenView(criteria, group, sort)
        found = token_views.find(session, view, NOW)
        assert found is not None
        places = read(session, view, Direction(), 99)
        assert places
        for start in (None, *places):
            rest = read(session, view, Direction(start), 99)
            assert token_views.page(session, view, NOW, Direction(start), 99, found) == rest
        assert token_counts.counts(session, view, NOW, found) == token_counts.counts(session, view, NOW)


def test_a_search_that_finds_many_lists_no_ids(
    session: Session, owner: UserRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_many(session, owner)
    monkeypatch.setattr(token_views, "MOST_FOUND", 2)
    assert token_views.find(session, TokenView(TokenFilter(search="b")), NOW) is None
    assert token_views.find(session, TokenView(TokenFilter(search="zz")), NOW) == {
        AccessTokenRow: [],
        RefreshTokenRow: [],
    }
    assert token_views.find(session, TokenView(), NOW) is None


def test_names_in_their_order_are_read_from_an_index(session: Session) -> None:
    """Fails when the order of the list and that of the index differ in a letter."""
    plans: list[str] = []

    def explain(connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if not statement.startswith("EXPLAIN"):
            word = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
            plans.extend(str(row) for row in connection.exec_driver_sql(f"{word} {statement}", values))

    if session.get_bind().dialect.name == "postgresql":  # which reads small tables whole
        for choice in ("seqscan", "sort", "hashjoin", "bitmapscan"):
            session.execute(text(f"SET LOCAL enable_{choice} = off"))
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", explain)
    read(session, TokenView(sort=Sort.NAME, is_descending=False), Direction(), 9)
    event.remove(connection, "before_cursor_execute", explain)
    assert sum("ix_refresh_tokens_name" in line for line in plans) == 2, plans


def test_a_search_of_one_owner_does_not_look_at_the_owner(session: Session, owner: UserRow) -> None:
    refresh = plant_refresh_token(session, owner, name="anna's own")
    plant_refresh_token(session, owner, name="other")
    plant_refresh_token(session, plant_user(session, username="bert"), name="anna's as well")
    view = TokenView(TokenFilter(search="anna", user_id=owner.id))
    assert [place.row_id for place in read(session, view, Direction(), 9)] == [refresh.id]


def test_owners_see_single_tier_tokens_that_they_did_not_delete(session: Session, owner: UserRow) -> None:
    parent = plant_refresh_token(session, owner)
    plant_access_token(session, owner, parent)
    kept = plant_access_token(session, owner).id
    plant_access_token(session, owner, status="revoked")
    expired = plant_access_token(session, owner, status="revoked", had_expired=True, expires_at=NOW).id
    view = TokenView(TokenFilter(user_id=owner.id, is_own_single_tier=True))
    assert [place.row_id for place in read(session, view, Direction(), 9)] == [expired, kept]
