"""What a page or a list of the native API asks of the database does not grow with what it shows."""

import pytest
from flask import Flask

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from app.storage.tables import UserRow
from tests.contract.asking_native import Person
from tests.contract.asking_pages import addresses, holding, somebody, variables
from tests.drivers.pages import page
from tests.factories import make_user
from tests.rows import statements
from tests.unit.storage.planting import HOUR, plant_access_token, plant_refresh_token

MOST_STATEMENTS = {"/account": 10, "/preferences": 8, "/admin": 19}
MANY = 110

ENDS = {"/account/auth": "/revoke", "/preferences/access-tokens": "/delete"}
"""How the address of each row's last dialog ends."""

REDIRECTS = ("/account", "/preferences")
OF_NONE = "/revoke-by-filter", "/revoke-chosen", "/move-chosen", "/unlink"


def plant(database: Database, user_id: int) -> None:
    """Refresh tokens with an access token under each, and as many single-tier tokens."""
    with database.transaction() as session:
        owner = session.get_one(UserRow, user_id)
        ends = {"expires_at": system_clock() + HOUR}
        for _ in range(MANY):
            plant_access_token(session, owner, plant_refresh_token(session, owner, **ends), **ends)
            plant_access_token(session, owner, **ends)


def test_every_page_takes_as_many_statements_with_many_tokens_as_with_few(
    app: Flask, services: Services, database: Database
) -> None:
    """Fails when a list asks for the access token under each refresh token one by one."""
    admin = somebody(app, Role.SERVER_ADMIN)
    shown = addresses(app, "GET", **variables(admin.user, holding(services, admin.user)))
    paths = [path for path in shown if path not in REDIRECTS]

    def count() -> dict[str, int]:
        found = {}
        for path in paths:
            if path.startswith(tuple(MOST_STATEMENTS)) and not path.endswith(OF_NONE):
                with statements(database) as sent:
                    assert admin.pages.get(path).status_code in (200, 303), path
                found[path] = len(sent)
        return found

    with_few = count()
    plant(database, admin.user.id)
    with_many = count()
    assert len(with_few) > 20
    assert {path: (few, with_many[path]) for path, few in with_few.items() if with_many[path] > few} == {}
    for path, number in with_many.items():
        assert number <= next(most for prefix, most in MOST_STATEMENTS.items() if path.startswith(prefix)), path


@pytest.mark.parametrize("first", ENDS)
def test_the_last_page_of_a_list_takes_as_many_statements_as_the_first_and_none_is_left_out(
    app: Flask, database: Database, first: str
) -> None:
    owner = somebody(app, allowed=True)
    plant(database, owner.user.id)
    path, numbers, seen = f"{first}?per_page=50", [], []
    while path:
        with statements(database) as sent:
            answer = owner.pages.get(path)
        numbers.append(len(sent))
        tags = [named for _, named in page(answer).tags]
        seen += [link.partition("?")[0] for each in tags if f"{ENDS[first]}?" in (link := str(each.get("href")))]
        path = next((str(each.get("href", "")) for each in tags if each.get("aria-label") == "Older"), "")
    assert len(numbers) == 3 and len(set(numbers)) == 1, numbers
    assert len(seen) == len(set(seen)) == MANY


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tokens?limit=50", None), ("tokens?kind=access&limit=50", None), ("tokens?status=active&limit=50", None),
        ("tokens?owner={}&limit=50", 3 * MANY + 2), ("me/tokens?limit=50", 3 * MANY + 2), ("users?limit=1", None),
        ("audit-events?limit=1", None),
    ],
)  # fmt: skip
def test_every_page_of_a_list_of_the_api_takes_the_same_few_statements_and_repeats_nothing(
    admin: Person, services: Services, database: Database, path: str, expected: int | None
) -> None:
    """Fails when names or owners are fetched row by row."""
    make_user(services)
    plant(database, admin.user.id)
    numbers, seen, path = [], [], path.format(admin.user.username)
    while path:
        with statements(database) as sent:
            answer = admin.native.get(path)
        numbers.append(len(sent))
        seen += [str(each) for each in answer.get_json()["items"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert len(numbers) > 1 and max(numbers) <= 4 and max(numbers) - min(numbers) <= 1, numbers
    assert len(seen) == len(set(seen)) and expected in (None, len(seen))


def test_a_preview_counts_in_few_statements_and_shows_a_hundred(admin: Person, database: Database) -> None:
    plant(database, admin.user.id)
    narrowing = {"owner": admin.user.username, "kind": "refresh"}
    with statements(database) as sent:
        preview = admin.native.post("tokens/revocations/preview", {"filter": narrowing}).get_json()
    assert (preview["refresh_tokens"], preview["access_tokens_with_them"]) == (MANY + 1, MANY + 1)
    assert (len(preview["items"]), len(sent) <= 6) == (100, True)
