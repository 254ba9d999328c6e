"""One's own lists: what a page of them asks of the database does not grow with what one has.

Here belong statement counts. Not here: what the lists show, and the lists of administrators (``test_admin_pages``).
"""

import pytest
from flask import Flask

from app.domain.identity import User
from app.services import Services
from app.storage.database import Database
from app.storage.tables import UserRow
from tests.contract.asking_pages import Holding, addresses, holding, somebody, variables
from tests.drivers.pages import Pages, page
from tests.rows import statements
from tests.unit.storage.planting import plant_access_token, plant_refresh_token

MOST_STATEMENTS = 8
MANY = 200

ENDS = {"/account/auth": "/revoke", "/preferences/access-tokens": "/delete"}
"""How the address of each row's last dialog ends."""


@pytest.fixture(scope="module")
def database(app: Flask) -> Database:
    found: Database = app.extensions["daypass_database"]
    return found


def test_a_page_takes_as_many_statements_with_200_tokens_as_with_one(
    app: Flask, services: Services, database: Database
) -> None:
    """Fails when a list asks for the access token under each refresh token one by one."""
    owner = somebody(app, allowed=True)
    held = holding(services, owner.user)
    with_one = counted(app, owner.pages, database, held, owner.user)
    plant(database, owner.user.id)
    with_many = counted(app, owner.pages, database, held, owner.user)
    assert with_one == with_many
    assert len(with_one) == 9
    assert max(with_one.values()) <= MOST_STATEMENTS, with_one


def test_the_last_page_of_a_list_takes_no_more_than_the_first(
    app: Flask, services: Services, database: Database
) -> None:
    owner = somebody(app, allowed=True)
    plant(database, owner.user.id)
    for first, following in (("/account/auth", "Older"), ("/preferences/access-tokens", "Next")):
        path, numbers, seen = first, [], []
        while path:
            with statements(database) as sent:
                answer = owner.pages.get(path)
            numbers.append(len(sent))
            seen += [
                str(named["href"]) for _, named in page(answer).tags if str(named.get("href", "")).endswith(ENDS[first])
            ]
            path = link_called(answer.get_data(as_text=True), following)
        assert len(numbers) == 4 and len(set(numbers)) == 1, numbers
        assert len(seen) == len(set(seen)) == MANY


def counted(app: Flask, pages: Pages, database: Database, held: Holding, user: User) -> dict[str, int]:
    """How many statements each page of one's own takes."""
    found = {}
    for path in addresses(app, "GET", **variables(user, held)):
        if path.startswith(("/account", "/preferences")):
            with statements(database) as sent:
                assert pages.get(path).status_code == 200
            found[path] = len(sent)
    return found


def plant(database: Database, user_id: int) -> None:
    """Refresh tokens with an access token under each, and as many single-tier tokens."""
    with database.transaction() as session:
        owner = session.get_one(UserRow, user_id)
        for _ in range(MANY):
            plant_access_token(session, owner, plant_refresh_token(session, owner))
            plant_access_token(session, owner)


def link_called(html: str, text: str) -> str:
    """Where the link leads that reads so; empty where there is none."""
    before, found, _ = html.partition(f'">{text}</a>')
    return before.rpartition('href="')[2] if found else ""
