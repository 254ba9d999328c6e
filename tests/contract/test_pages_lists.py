"""What a page asks of the database does not grow with what it shows."""

import pytest
from flask import Flask

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from app.storage.tables import UserRow
from tests.contract.asking_pages import addresses, holding, somebody, variables
from tests.drivers.pages import page
from tests.rows import statements
from tests.unit.storage.planting import plant_access_token, plant_refresh_token

MOST_STATEMENTS = {"/account": 8, "/preferences": 8, "/admin": 19}
MANY = 110

ENDS = {"/account/auth": "/revoke", "/preferences/access-tokens": "/delete"}
"""How the address of each row's last dialog ends."""


def plant(database: Database, user_id: int) -> None:
    """Refresh tokens with an access token under each, and as many single-tier tokens."""
    with database.transaction() as session:
        owner = session.get_one(UserRow, user_id)
        for _ in range(MANY):
            plant_access_token(session, owner, plant_refresh_token(session, owner))
            plant_access_token(session, owner)


def test_every_page_takes_as_many_statements_with_many_tokens_as_with_few(
    app: Flask, services: Services, database: Database
) -> None:
    """Fails when a list asks for the access token under each refresh token one by one."""
    admin = somebody(app, Role.SERVER_ADMIN)
    paths = list(addresses(app, "GET", **variables(admin.user, holding(services, admin.user))))

    def count() -> dict[str, int]:
        found = {}
        for path in paths:
            if path.startswith(tuple(MOST_STATEMENTS)) and not path.endswith("/revoke-by-filter"):
                with statements(database) as sent:
                    assert admin.pages.get(path).status_code == 200, path
                found[path] = len(sent)
        return found

    with_few = count()
    plant(database, admin.user.id)
    with_many = count()
    assert len(with_few) > 20
    assert {path: (few, with_many[path]) for path, few in with_few.items() if with_many[path] > few} == {}
    for path, number in with_many.items():
        assert number <= next(most for prefix, most in MOST_STATEMENTS.items() if path.startswith(prefix)), path


@pytest.mark.parametrize(("first", "following"), [("/account/auth", "Older"), ("/preferences/access-tokens", "Next")])
def test_the_last_page_of_a_list_takes_as_many_statements_as_the_first_and_none_is_left_out(
    app: Flask, database: Database, first: str, following: str
) -> None:
    owner = somebody(app, allowed=True)
    plant(database, owner.user.id)
    path, numbers, seen = first, [], []
    while path:
        with statements(database) as sent:
            answer = owner.pages.get(path)
        numbers.append(len(sent))
        links = [str(named.get("href", "")) for _, named in page(answer).tags]
        seen += [link for link in links if link.endswith(ENDS[first])]
        before, found, _ = answer.get_data(as_text=True).partition(f'">{following}</a>')
        path = before.rpartition('href="')[2] if found else ""
    assert len(numbers) == 3 and len(set(numbers)) == 1, numbers
    assert len(seen) == len(set(seen)) == MANY
