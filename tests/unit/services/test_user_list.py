"""Lists of users as pages show them. Not here: which users match (``tests/unit/storage``)."""

import pytest

from app.domain.errors import BadRequest
from app.domain.user_search import UserOrder, UserSearch
from app.services import Services, user_list
from app.services.linking import named_person
from tests.factories import ISSUER, OPERATOR, allowed_user, generate, issue, make_user, person, sign_in_by_provider


def test_pages_lead_to_those_beside_them_and_number_their_rows(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [make_user(services, f"u{number}").username for number in range(7)]
    search = UserSearch("u", order=UserOrder.USERNAME, is_descending=False)
    seen, firsts, cursor = [], [], None
    while not seen or cursor:
        found = services.user_list.found(search, cursor, 3)
        seen.append([each.user.username for each in found.page.items])
        firsts.append(found.first)
        cursor, newer = found.page.cursor, found.page.newer
    assert (seen, firsts) == ([names[:3], names[3:6], names[6:]], [1, 4, 7])
    back = services.user_list.found(search, newer, 3)
    assert [each.user.username for each in back.page.items] == names[3:6] and back.first == 4
    first = services.user_list.found(search, back.page.newer, 3)
    assert ([each.user.username for each in first.page.items], first.page.newer) == (names[:3], None)
    monkeypatch.setattr(user_list, "LARGEST_PAGE", 2)
    assert [each.user.username for each in services.user_list.every(search)] == names


def test_each_user_comes_with_the_number_of_their_active_tokens(services: Services) -> None:
    user = allowed_user(services, username="with-tokens")
    issue(services, user)
    generate(services, user)
    (held,) = services.user_list.found(UserSearch("with-tok")).page.items
    assert (held.refresh_tokens, held.api_tokens) == (1, 1)


def test_a_cursor_of_another_order_is_refused(services: Services) -> None:
    for _ in range(2):
        make_user(services)
    cursor = services.user_list.found(UserSearch(), limit=1).page.cursor
    with pytest.raises(BadRequest):
        services.user_list.found(UserSearch(is_descending=False), cursor)


def test_each_user_comes_with_the_names_of_their_providers(services: Services) -> None:
    user = make_user(services, "linked")
    services.linking.link(user.id, named_person(ISSUER, "linked"), OPERATOR)
    assert services.user_list.found(UserSearch("linked")).providers == {user.id: [ISSUER]}
    sign_in_by_provider(services, person("linked"))
    assert services.user_list.found(UserSearch("linked")).providers == {user.id: ["corporate"]}
