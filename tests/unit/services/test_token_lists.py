"""Pages of lists of tokens: their numbers, the ways back and on, and which cursors are refused.

Not here: which tokens match, and in which order (``tests/unit/storage/test_token_views``).
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import event

from app.domain.errors import BadRequest
from app.domain.token_filter import TokenFilter
from app.domain.token_view import Group, Sort, TokenView
from app.domain.tokens import TokenKind
from app.services import Services
from app.storage.database import Database
from tests.factories import configure, issue, make_user, mint, revoke, signed_in

BY_NAME = TokenView(sort=Sort.NAME, is_descending=False)


def names(page: object) -> list[str]:
    return [each.name for each in page.items]  # type: ignore[attr-defined]


def test_pages_say_where_they_are_and_lead_on_and_back(services: Services) -> None:
    user = make_user(services)
    for name in "abcdefg":
        issue(services, user, name)
    lists = services.token_lists
    first = lists.of_everybody(BY_NAME, size=3)
    assert (names(first), first.first, first.last, first.total, first.previous) == (["a", "b", "c"], 1, 3, 7, None)
    second = lists.of_everybody(BY_NAME, first.next, 3)
    assert (names(second), second.first, second.last) == (["d", "e", "f"], 4, 6)
    last = lists.of_everybody(BY_NAME, second.next, 3)
    assert (names(last), last.first, last.last, last.next) == (["g"], 7, 7, None)
    back = lists.of_everybody(BY_NAME, last.previous, 3)
    assert (names(back), back.first, back.last) == (["d", "e", "f"], 4, 6)
    assert back.next is not None
    begin = lists.of_everybody(BY_NAME, back.previous, 3)
    assert replace(begin, next=None) == replace(first, next=None)


def test_a_page_that_came_to_lie_at_an_end_is_that_end(services: Services) -> None:
    """The first page is whole, though tokens were added before it; after revocations, no page is empty."""
    user = make_user(services)
    made = {name: issue(services, user, name) for name in "bcdefg"}
    lists, active = services.token_lists, replace(BY_NAME, group=Group.ACTIVE)
    first = lists.of_everybody(active, size=2)
    second = lists.of_everybody(active, first.next, 2)
    third = lists.of_everybody(active, second.next, 2)
    issue(services, user, "a")
    assert names(lists.of_everybody(active, second.previous, 2)) == ["b", "c"]
    before = lists.of_everybody(active, lists.of_everybody(active, second.previous, 2).previous, 2)
    assert (names(before), before.first, before.previous) == (["a", "b"], 1, None)
    for name in "fg":
        revoke(services, made[name])
    again = lists.of_everybody(active, second.next, 2)
    assert (names(again), again.first, again.last, again.total, again.next) == (["d", "e"], 4, 5, 5, None)
    assert third.total == 6


def test_an_empty_list_has_no_numbers_and_no_other_pages(services: Services) -> None:
    page = services.token_lists.of_everybody(TokenView(TokenFilter(search="none")))
    assert (page.items, page.first, page.last, page.total, page.previous, page.next) == ([], 0, 0, 0, None, None)
    assert set(page.counts) == set(Group)


def test_a_cursor_of_another_order_filter_or_group_is_refused(services: Services) -> None:
    user = make_user(services)
    for _ in range(3):
        issue(services, user)
    cursor = services.token_lists.of_everybody(BY_NAME, size=1).next
    assert cursor is not None
    changed = (
        replace(BY_NAME, sort=Sort.OWNER), replace(BY_NAME, is_descending=True), replace(BY_NAME, group=Group.ACTIVE),
        replace(BY_NAME, criteria=TokenFilter(search="n")),
    )  # fmt: skip
    for view in changed:
        with pytest.raises(BadRequest):
            services.token_lists.of_everybody(view, cursor)
    with pytest.raises(BadRequest):
        services.token_lists.refresh_tokens_of(user.id, BY_NAME, cursor)
    for made_up in ("", "nr1-1-61.0", cursor[:-1] + ("0" if cursor[-1] != "0" else "1"), "é"):
        with pytest.raises(BadRequest):
            services.token_lists.of_everybody(BY_NAME, made_up)
    assert services.token_lists.of_everybody(BY_NAME, cursor, 2).items


def test_owners_see_their_refresh_tokens_with_the_access_token_under_each(services: Services) -> None:
    user, other = make_user(services), make_user(services)
    bare, used = issue(services, user, "bare"), issue(services, user, "used")
    access = mint(services, used)
    mint(services, issue(services, other))
    page = services.token_lists.refresh_tokens_of(user.id, BY_NAME)
    assert [each.token.public_id for each in page.items] == [bare.token.public_id, used.token.public_id]
    under = [each.access_token and each.access_token.public_id for each in page.items]
    assert under == [None, access.token.public_id]
    assert page.counts == {Group.ALL: 2, Group.ACTIVE: 2, Group.EXPIRING: 0, Group.EXPIRED: 0, Group.REVOKED: 0}


def test_owners_see_their_single_tier_tokens(services: Services) -> None:
    configure(services, api_tokens_enabled="on", api_tokens_for_users="on")
    user = make_user(services)
    mint(services, issue(services, user))
    made = services.single_tier.generate(user.id, timedelta(days=3), "mine", signed_in(user))
    page = services.token_lists.api_tokens_of(user.id, TokenView())
    assert [each.public_id for each in page.items] == [made.token.public_id]
    assert (page.counts[Group.EXPIRING], page.total) == (1, 1)


def test_an_export_reads_every_token_of_the_view(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user(services)
    for name in "abcde":
        mint(services, issue(services, user, name))
    monkeypatch.setattr("app.services.token_lists.LARGEST_PAGE", 2)
    view = replace(BY_NAME, criteria=TokenFilter(kind=TokenKind.REFRESH))
    assert [each.name for each in services.token_lists.every(view)] == list("abcde")
    assert len(list(services.token_lists.every(BY_NAME))) == 10


def test_a_page_takes_the_same_statements_for_few_and_for_many(services: Services, database: Database) -> None:
    user = make_user(services)
    statements: list[str] = []
    event.listen(database.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    numbers = set()
    for _ in range(3):
        for _ in range(5):
            mint(services, issue(services, user))
        cursor = services.token_lists.of_everybody(TokenView(), size=2).next
        statements.clear()
        services.token_lists.of_everybody(TokenView(TokenFilter(search="n")), size=50)
        numbers.add(len(statements))
        services.token_lists.of_everybody(TokenView(), cursor, 2)
        services.token_lists.refresh_tokens_of(user.id, TokenView())
    assert len(numbers) == 1
    assert numbers.pop() <= 6
