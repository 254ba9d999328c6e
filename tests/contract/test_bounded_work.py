"""What one account or one token can pile up makes no request larger, and hardly any slower.

Each request is measured with some hundred things of every kind that grow, and again with five times as many: the rows
that Daypass reads, and the steps that SQLite takes. A route that is added is measured too.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import event, insert
from werkzeug.test import TestResponse

from app.domain.clock import system_clock
from app.domain.identity import Role
from app.services import Services, descendants
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from app.storage.operating_tables import IdempotencyKeyRow, LoginThrottleRow
from app.storage.secret_tables import RetiredSecretRow
from app.storage.tables import AccessTokenRow, RefreshTokenRow, SessionRow, UserRow
from tests.contract.asking_pages import Somebody, somebody
from tests.contract.asking_scim import CORE
from tests.factories import OPERATOR, PASSWORD, Refresh, configure, generate, issue, mint, regenerate, revoke_by_filter

SOME, MANY, PAGE = 220, 1_100, 200
"""Of each thing; the largest page that is asked for, which is full both times."""

MORE_ROWS = 10
MORE_STEPS, STEPS = 1.5, 2_000
"""How much more a request may cost."""

COUNTING = {
    "/admin", "/admin/users", "/admin/tokens", "/admin/users/<user_id>", "/admin/tokens/<public_id>",
    "/admin/tokens/<public_id>/revoke",
    "/account/auth/refresh-tokens/<public_id>/revoke",
    "/admin/users/<user_id>/disable", "/admin/users/<user_id>/enable", "/admin/users/<user_id>/api-tokens",
    "/admin/users/<user_id>/revoke-tokens", "/admin/users/<user_id>/delete",
    "/admin/audit", "/preferences/access-tokens",
    "/admin/users/<user_id>/hand-over",
    "/scim/v2/Users",
    "/account/auth", "signing in", "a refresh token by password", "new tokens",
}  # fmt: skip
"""What counts or changes all of something, as it must: in the database, in one pass over an index."""

EXPORTS = {
    "/account/auth/export", "/preferences/access-tokens/export", "/admin/users/export", "/admin/audit/export",
    "/admin/tokens/export",
}  # fmt: skip
"""What reads all that it answers, in batches."""

LISTS = {
    "native_instance.list_audit_events", "native_own.my_tokens", "native_tokens.list_tokens", "native_users.list_users",
    "v4_tokens.list_tokens",
}  # fmt: skip
"""What takes a `limit`; where it is none, the walk finds that more is read."""

DAY = timedelta(days=1)


class Work(NamedTuple):
    rows: int
    steps: int

    def allows(self, more: "Work", is_counting: bool) -> bool:
        is_bounded = more.steps <= MORE_STEPS * self.steps + STEPS
        return more.rows <= self.rows + MORE_ROWS and (is_bounded or is_counting)


class Meter:
    """Counts what the connections of a database do."""

    def __init__(self) -> None:
        self.rows = self.steps = 0

    def watch(self, connection: Any, *_: object) -> None:
        connection.row_factory = self._row
        connection.set_progress_handler(self._steps, 100)

    def _row(self, _cursor: object, row: Any) -> Any:
        self.rows += 1
        return row

    def _steps(self) -> int:
        self.steps += 100
        return 0

    @contextmanager
    def reading(self) -> Iterator[list[Work]]:
        before, found = (self.rows, self.steps), list[Work]()
        yield found
        found.append(Work(self.rows - before[0], self.steps - before[1]))


@pytest.fixture
def meter(app: Flask, database: Database) -> Iterator[Meter]:
    meter = Meter()
    database.engine.dispose()
    event.listen(database.engine, "checkout", meter.watch)
    yield meter
    event.remove(database.engine, "checkout", meter.watch)
    database.engine.dispose()


@dataclass
class World:
    """Anna, who has piled up everything, and an administrator."""

    app: Flask
    services: Services
    anna: Somebody
    admin: Somebody
    refresh: Refresh
    access: str
    secret: str
    """The present one of the refresh token."""
    maker: str
    """The public id of one of its access tokens."""

    def regenerate(self) -> TestResponse:
        path = f"/api/v1/me/refresh-tokens/{self.refresh.token.public_id}/regenerate"
        answer = self.call("POST", path, self.access)
        self.secret = answer.get_json()["secret"]
        return answer

    def call(self, method: str, path: str, secret: str | None = None, **sent: Any) -> TestResponse:
        headers = {"TOKEN": secret} if secret else {}
        return self.app.test_client(use_cookies=False).open(path, method=method, headers=headers, **sent)


@pytest.fixture
def world(app: Flask, services: Services) -> World:
    configure(services, max_refresh_tokens_per_user=1_000_000, max_api_tokens_per_user=1_000_000)
    configure(services, api_can_create_refresh_tokens="on")
    anna, admin = somebody(app, allowed=True), somebody(app, Role.SERVER_ADMIN)
    refresh = issue(services, anna.user)
    other = mint(services, issue(services, anna.user)).secret
    maker = mint(services, refresh).token.public_id
    refresh = regenerate(services, refresh)
    return World(app, services, anna, admin, refresh, other, refresh.secret, maker)


def pile_up(database: Database, world: World, numbers: range) -> None:
    """So many of each thing that an account, a token or a stranger can make more of."""
    now, user, refresh = system_clock(), world.anna.user, world.refresh
    parent = refresh.token.id
    usual = {"user_id": user.id, "key_id": "k1", "mac": b"m" * 32, "created_at": now - DAY, "expires_at": now + DAY}
    fates = ({"status": "active"}, {"status": "expired", "expires_at": now - DAY / 2}, {"status": "superseded"})
    ended = {"status": "revoked", "revoked_at": now, "revoked_by": "anna", "revoke_reason": "deleted"}
    made: dict[Any, Callable[[int], dict[str, Any]]] = {
        RefreshTokenRow: lambda n: usual | fates[n % 2] | {"public_id": f"r{n:011d}", "name": "etl", "generation": 0},
        RetiredSecretRow: lambda n: {"refresh_token_id": parent, "key_id": "k1", "mac": b"%32d" % n, "retired_at": now},
        SessionRow: lambda n: (
            {"digest": f"s{n}", "user_id": user.id, "created_at": now, "seen_at": now} | {"proved_at": now}
        ),
        AuditEventRow: lambda n: (
            {"at": now, "actor": user.username, "action": "access_token.minted"}
            | {"object_kind": "refresh_token", "object_id": refresh.token.public_id, "result": "ok", "detail": "{}"}
        ),
        IdempotencyKeyRow: lambda n: (
            {"user_id": user.id, "key_digest": f"k{n}", "request_digest": "r"} | {"created": "c", "created_at": now}
        ),
        UserRow: lambda n: (
            {"username": f"someone-{n}", "created_at": now, "role": "VIEWER", "is_active": True}
            | {"api_tokens": "inherit", "email": "", "first_name": "", "last_name": "", "title": ""}
            | {"managed_by": "scim", "external_id": "same"}
        ),
        LoginThrottleRow: lambda n: {"bucket": f"b{n}", "failures": 1, "window_ends_at": now},
    }
    under = {"refresh_token_id": parent, "generation": 0}
    accesses: list[Callable[[int], dict[str, Any]]] = [
        lambda n: usual | under | {"status": "superseded", "public_id": f"a{n:011d}", "uuid": str(uuid4())},
        lambda n: usual | {"status": "active", "public_id": f"b{n:011d}", "uuid": str(uuid4()), "generation": 0},
        lambda n: usual | ended | {"public_id": f"c{n:011d}", "uuid": str(uuid4()), "generation": 0},
        lambda n: (
            usual
            | (ended if n % 2 else {"status": "active"})
            | {"public_id": f"d{n:011d}", "uuid": str(uuid4())}
            | {"generation": 0, "created_with": world.maker}
        ),
    ]
    with database.transaction() as session:
        for table, row in made.items():
            session.execute(insert(table.__table__), [row(n) for n in numbers])
        for row in accesses:
            session.execute(insert(AccessTokenRow.__table__), [row(n) for n in numbers])


def gets(world: World, app: Flask) -> dict[str, Callable[[], TestResponse]]:
    """Every page and every call that reads, as anna and as the administrator; lists with the largest page."""
    own = world.refresh.token
    single = generate(world.services, world.anna.user).token
    values = {"public_id": own.public_id, "uuid": single.uuid, "tokenId": single.uuid, "user_id": world.anna.user.id}
    values |= {"api_token": single.public_id, "key": "retention_days", "name": "native.json", "document": "native"}
    scim_token, directory = world.services.scim.tokens.create("directory", None, OPERATOR)
    values |= {"group_id": 1, "schema_id": f"{CORE}:User", "number": revoke_by_filter(world.services).id}
    admin_token = mint(world.services, issue(world.services, world.admin.user)).secret
    found: dict[str, Callable[[], TestResponse]] = {}
    for rule in app.url_map.iter_rules():
        if "GET" not in (rule.methods or ()) or (rule.rule.endswith("/") and rule.rule != "/"):
            continue
        if rule.rule in EXPORTS:
            continue
        of_scim = {"public_id": scim_token.public_id} if rule.endpoint.startswith("web_scim.") else {}
        path = re.sub(r"<(\w+)>", lambda name, own=of_scim: str((values | own)[name[1]]), rule.rule)  # type: ignore[misc]
        if rule.endpoint.startswith("scim_"):
            found[rule.rule] = lambda path=path: world.call("GET", path, directory)  # type: ignore[misc]
            continue
        for who, secret in ((world.anna, world.access), (world.admin, admin_token)):
            name = f"{rule.rule} as {who.user.role}"
            if rule.endpoint.startswith("web_"):
                found[name] = lambda who=who, path=path: who.pages.get(path)  # type: ignore[misc]
                continue
            query = f"?limit={PAGE}" if rule.endpoint in LISTS else ""
            found[name] = lambda path=path + query, secret=secret: world.call("GET", path, secret)  # type: ignore[misc]
    return found


def acts(world: World) -> dict[str, Callable[[], TestResponse]]:
    """What changes something, or tries to."""
    own, anna = world.refresh, world.anna.user
    guess = _other_secret(own.secret)
    api, v1 = "/api/v1", "/integration/v1"
    form = lambda path, **sent: world.call("POST", f"/oauth/{path}", None, data=sent)  # noqa: E731
    post = lambda path, secret=None, **body: world.call("POST", path, secret, json=body)  # noqa: E731
    return {
        "a wrong guess": lambda: post(f"{v1}/createAPIAccessToken", user_id=anna.id, refresh_token=guess),
        "a wrong guess, validated": lambda: post(f"{v1}/validateRefreshToken", user_id=anna.id, refresh_token=guess),
        "a wrong guess, native": lambda: post(f"{api}/access-tokens", refresh_token=guess),
        "a mint": lambda: post(f"{v1}/createAPIAccessToken", user_id=anna.id, refresh_token=world.secret),
        "a mint, native": lambda: post(f"{api}/access-tokens", refresh_token=world.secret),
        "a wrong guess, OAuth": lambda: form("token", grant_type="client_credentials", client_secret=guess),
        "a mint, OAuth": lambda: form("token", grant_type="client_credentials", client_secret=world.secret),
        "introspecting, OAuth": lambda: form("introspect", token=world.access, client_secret=world.secret),
        "a replaced client, OAuth": lambda: form("introspect", token=world.access, client_secret=own.secret),
        "a mint by id": lambda: post(f"{api}/me/refresh-tokens/{own.token.public_id}/access-token", world.access),
        "validating": lambda: post(f"{v1}/validateRefreshToken", user_id=anna.id, refresh_token=world.secret),
        "revoking under": lambda: post(f"{v1}/revokeAPIAccessTokens", user_id=anna.id, refresh_token=world.secret),
        "a refresh token by password": lambda: post(
            f"{v1}/createRefreshToken", username=anna.username, password=PASSWORD, name="etl"
        ),
        "new tokens": lambda: world.call(
            "POST", "/v4/apiAccessTokens", None, json={"lifetimeSeconds": 60}, auth=(anna.username, PASSWORD)
        ),
        "signing in": lambda: world.anna.pages.sign_in(anna.username),
        "a replaced secret": lambda: post(f"{api}/access-tokens", refresh_token=own.secret),
        "regenerating": world.regenerate,
        "identifying": lambda: world.admin.pages.post("/admin/identify", {"secret": guess}),
    }


def ends(world: World) -> dict[str, Callable[[], TestResponse]]:
    """What ends all that somebody has: its steps are as many, but nothing is read."""
    secret = mint(world.services, issue(world.services, world.admin.user)).secret
    user = f"/api/v1/users/{world.anna.user.id}"
    return {
        "change all of a user: tokens": lambda: world.call(
            "POST", f"{user}/revoke-tokens", secret, json={"reason": "left"}
        ),
        "change all of a user: sessions": lambda: world.call("PATCH", user, secret, json={"is_active": False}),
        "change all of a user: enabled": lambda: world.call("PATCH", user, secret, json={"is_active": True}),
        "change all of a user: deleted": lambda: world.call("DELETE", user, secret),
    }


def _other_secret(secret: str) -> str:
    """Token text with the same public id and a secret that never was."""
    from app.domain.secrets import TokenFormat, TokenText, new_token_text
    from app.domain.tokens import TokenKind

    format = TokenFormat((secret.partition("r_")[0],))
    known = format.parse(secret)
    assert isinstance(known, TokenText)
    return format.compose(new_token_text(TokenKind.REFRESH).with_public_id(known.public_id))


def test_no_request_reads_what_an_account_or_a_token_has_piled_up(
    app: Flask, database: Database, world: World, meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """◆ Fails when all replaced secrets of a token are read at a wrong guess, or a list has no limit."""
    monkeypatch.setattr(descendants, "MOST_COUNTED", SOME // 4)
    requests = gets(world, app) | acts(world)
    measured: list[dict[str, Work]] = []
    before = 0
    for number in (SOME, MANY):
        pile_up(database, world, range(before, number))
        before = number
        # The first time, statements are compiled, and things are stored that are stored once.
        times = (1, 2) if number == SOME else (1,)
        measured.append({name: _measure(meter, request) for name, request in requests.items() for _ in times})
    listed = world.call("GET", "/v4/apiAccessTokens", world.access).get_json()["data"]
    assert len(listed) == 1_000 < MANY
    ending = {name: _measure(meter, request) for name, request in ends(world).items()}
    assert {name: work for name, work in ending.items() if work.rows > PAGE} == {}
    some, many = measured
    grown = {
        name: (some[name], many[name])
        for name in requests
        if not some[name].allows(many[name], name.partition(" as ")[0] in COUNTING)
    }
    assert grown == {}
    assert {name: work for name, work in many.items() if work.rows > 2 * SOME} == {}


def _measure(meter: Meter, request: Callable[[], TestResponse]) -> Work:
    with meter.reading() as found:
        answer = request()
    assert answer.status_code < 500 or answer.status_code == 501
    return found[0]
