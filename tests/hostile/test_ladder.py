"""From a session that somebody left open to a token that lasts: each step of the climb is refused."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import update

from app.domain.clock import parse_instant, system_clock
from app.domain.identity import Role, User
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow, RefreshTokenRow, SessionRow, UserRow
from tests import rows
from tests.crowds import all_at_once
from tests.drivers.native import Native
from tests.drivers.pages import Page
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, allowed_user, configure, generate, issue, mint

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

CHAIN, MAKERS = 3, 4
TOKENS = "/v4/apiAccessTokens"
WIDER = {
    "api_can_manage_users": "on", "api_can_create_refresh_tokens": "on", "refresh_token_lifespan": "3650",
    "access_token_lifespan": "720", "api_tokens_for_users": "on", "max_refresh_tokens_per_user": "1000000",
}  # fmt: skip


class Browser:
    """A session on the live server, in which forms are sent as a page of it would."""

    def __init__(self, server: LiveServer, user: User) -> None:
        self.url, self.http = server.url, requests.Session()
        self.form_token = ""
        self.get("/login")
        answer = self.send("/login", username=user.username, password=PASSWORD)
        assert answer.status_code == 303
        self.get("/account/auth")

    def get(self, path: str) -> None:
        page = Page(self.http.get(f"{self.url}{path}", timeout=60).text)
        self.form_token = next(form.fields["form_token"] for form in page.forms[::-1] if "form_token" in form.fields)

    def send(self, path: str, **fields: str) -> requests.Response:
        sent = {"form_token": self.form_token} | fields
        return self.http.post(f"{self.url}{path}", data=sent, allow_redirects=False, timeout=60)


@pytest.fixture
def admin(services: Services) -> User:
    return allowed_user(services, role=Role.SERVER_ADMIN, password=PASSWORD)


def standing(database: Database) -> list[Any]:
    """Everybody's tokens and rights."""
    kept = rows.everything(database)
    return [[{**row, "last_used_at": None, "last_used_ip": None, "last_used_agent": None} for row in _rows(kept, table)]
            for table in (UserRow, RefreshTokenRow, AccessTokenRow)]  # fmt: skip


def _rows(kept: dict[str, Any], table: Any) -> list[dict[str, Any]]:
    names = [column.name for column in table.__table__.columns]
    return [dict(zip(names, row, strict=True)) for row in kept[table.__tablename__]]


def test_a_session_whose_password_was_entered_long_ago_makes_nothing_and_grants_nothing(
    live_server: LiveServer, services: Services, database: Database, admin: User
) -> None:
    """◆ The first step: today's session of somebody who is at lunch. Fails when one form does not ask."""
    browser, refresh = Browser(live_server, admin), issue(services, admin).token
    with database.transaction() as session:
        long_ago = system_clock() - timedelta(minutes=11)
        session.execute(update(SessionRow).where(SessionRow.user_id == admin.id).values(proved_at=long_ago))
    before = standing(database)
    mine, user = f"/account/auth/refresh-tokens/{refresh.public_id}", f"/admin/users/{admin.id}"
    forms: list[tuple[str, dict[str, str]]] = [
        (f"{mine}/access-token", {}), (f"{mine}/regenerate", {}), ("/account/auth/refresh-tokens", {"name": "x"}),
        ("/preferences/access-tokens/new", {"lifetime": "-1"}), (user, {"api_tokens": "deny"}),
        ("/admin/users/new", {"username": "made-at-lunch", "new_role": "SERVER_ADMIN"}),
        (f"{user}/revoke-tokens", {"reason": "x"}),
        *((f"/admin/settings/{key}", {"value": value}) for key, value in WIDER.items()),
        (f"{mine}/access-token", {"current_password": "a wrong guess"}),
    ]  # fmt: skip
    for path, fields in forms:
        answer = browser.send(path, **fields)
        assert 'name="current_password"' in answer.text, (path, answer.status_code)
    assert standing(database) == before


def test_no_token_makes_a_stronger_one_an_eternal_one_an_administrator_or_a_wider_setting(
    live_server: LiveServer, services: Services, database: Database, admin: User
) -> None:
    """◆ The next steps, for who has an administrator's access token, or their API token of a day.

    Fails when one act is let through with a token while the settings are off.
    """
    refresh, viewer = issue(services, admin), allowed_user(services)
    holders = [mint(services, refresh).secret, generate(services, admin, timedelta(days=1)).secret]
    before, settings = standing(database), services.instance_settings.show()
    for secret in holders:
        native = Native(live_server.url, secret)
        mine = f"me/refresh-tokens/{refresh.token.public_id}"
        climbs: list[tuple[str, str, dict[str, Any] | None]] = [
            ("POST", "users", {"username": "made-by-a-token", "role": "SERVER_ADMIN", "password": PASSWORD}),
            ("PATCH", f"users/{viewer.id}", {"api_tokens": "deny", "role": "SERVER_ADMIN"}),
            ("POST", "me/refresh-tokens", {"name": "x"}), ("POST", f"{mine}/access-token", None),
            ("POST", f"{mine}/regenerate", None), *(("PUT", f"settings/{key}", {"value": WIDER[key]}) for key in WIDER),
        ]  # fmt: skip
        for method, path, members in climbs:
            answer = native.call(method, path, members)
            assert answer.status_code == 403, (path, answer.status_code, answer.text)
    lifetimes = {holders[0]: (403, (60, -1)), holders[1]: (400, (2 * 86400, 86401, -1))}
    for secret, (status, asked) in lifetimes.items():
        for lifetime in asked:
            assert make(live_server, secret, lifetime).status_code == status
    assert (standing(database), services.instance_settings.show()) == (before, settings)


def make(server: LiveServer, secret: str, lifetime: int) -> requests.Response:
    headers = {"Authorization": f"Bearer {secret}"}
    return requests.post(f"{server.url}{TOKENS}", json={"lifetimeSeconds": lifetime}, headers=headers, timeout=60)


@pytest.fixture
def permitted(services: Services) -> Iterator[None]:
    configure(services, api_can_create_refresh_tokens="on")
    yield
    configure(services, api_can_create_refresh_tokens="off")


@pytest.mark.usefixtures("permitted")
def test_a_chain_of_tokens_never_outlives_its_beginning_and_ends_with_it(
    live_server: LiveServer, services: Services, admin: User
) -> None:
    """◆ Token, refresh token, its own regenerations, access token, token and so on, while the setting allows it all.

    Fails when a link forgets the limit of the one before, or when the revocation stops at the first.
    """
    user = allowed_user(services)
    first = generate(services, user, timedelta(hours=2))
    assert first.token.expires_at is not None
    secrets = [first.secret]
    for _ in range(CHAIN):
        native = Native(live_server.url, secrets[-1])
        issued = native.issue("link").json()
        again = native.call("POST", f"me/refresh-tokens/{issued['public_id']}/regenerate").json()
        proof = {"refresh_token": again["secret"], "user_id": user.id}
        url = f"{live_server.url}/integration/v1/regenRefreshToken/"
        renewed = requests.post(url, json=proof, timeout=60).json()
        access = native.mint(renewed["refresh_token"]).json()
        ends = [parse_instant(each["expires_at"]) for each in (issued, again, access)]
        assert max(ends) <= first.token.expires_at and renewed["token_expires_at"][:16] == again["expires_at"][:16]
        assert make(live_server, access["secret"], 7200).status_code == 400
        made = make(live_server, access["secret"], 60 * 30)
        assert made.status_code == 201
        secrets += [access["secret"], made.json()["tokenValue"], access["secret"]]
    by_admin = Native(live_server.url, mint(services, issue(services, admin)).secret)
    ended = by_admin.call("POST", f"tokens/{first.token.public_id}/revoke", {"reason": "stolen"}).json()
    assert ended == {"refresh_tokens": CHAIN, "access_tokens": 2 * CHAIN + 1, "descendants": 3 * CHAIN}
    assert {Native(live_server.url, each).verify().status_code for each in secrets} == {401}


@pytest.mark.usefixtures("permitted")
def test_who_makes_tokens_as_fast_as_possible_keeps_none_when_the_first_is_revoked_with_its_descendants(
    live_server: LiveServer, services: Services
) -> None:
    """◆ From several connections to both workers. Fails when the maker is not read again under its owner's lock."""
    user = allowed_user(services)
    first, made, is_under_way = generate(services, user), list[str](), threading.Event()

    def climb() -> None:
        secret = first.secret
        while (answer := make(live_server, secret, 600)).status_code == 201:
            made.append(answer.json()["tokenValue"])
            secret = made[-1] if len(made) % 3 == 0 else first.secret
            answer = make(live_server, secret, 60)
            if answer.status_code == 201:
                made.append(answer.json()["tokenValue"])
            if len(made) > 3 * MAKERS:
                is_under_way.set()

    def revoke() -> None:
        assert is_under_way.wait(60)
        services.revoking.revoke(first.token.public_id, "", OPERATOR, with_descendants=True)

    all_at_once([revoke, *[climb] * MAKERS])
    assert len(made) > MAKERS
    assert [each for each in made if Native(live_server.url, each).verify().status_code != 401] == []
