"""The access matrix: every endpoint of every API, and what each sort of caller is answered there.

A route that is added must be given its line here, or the walk of the URL map fails.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.identity import ApiTokens, Role
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Issued
from app.http.context import parts
from app.services import Services
from app.storage.audit_tables import AuditEventRow
from app.storage.database import Database
from tests import rows
from tests.factories import (
    ISSUER,
    PASSWORD,
    allowed_user,
    configure,
    disable,
    generate,
    issue,
    make_service_account,
    make_user,
    mint,
    revoke_by_filter,
    set_api_tokens,
)

CALLERS = ("nobody", "user", "another", "administrator", "introspector", "disabled", "single-tier", "refresh token")
"""The last two are the user's own: an access token of a single tier, and a refresh token where none belongs."""


class World:
    """Callers, and fresh things of the user's for each call, so that no call finds what another left."""

    def __init__(self, services: Services) -> None:
        self.services = services
        roles = {"administrator": Role.SERVER_ADMIN, "introspector": Role.INTROSPECTOR}
        self.users = {name: allowed_user(services, role=roles.get(name, Role.VIEWER)) for name in CALLERS[1:6]}
        self.login = make_user(services, password=PASSWORD).username
        self.of_disabled = self.access("disabled").secret
        disable(services, self.users["disabled"].username)

    def headers(self, caller: str) -> dict[str, str]:
        """What this caller sends."""
        if caller in ("nobody", "disabled"):
            return {} if caller == "nobody" else {"TOKEN": self.of_disabled}
        own = {"single-tier": lambda: generate(self.services, self.users["user"]).secret,
               "refresh token": lambda: self.proof()["refresh_token"]}  # fmt: skip
        return {"TOKEN": own[caller]() if caller in own else self.access(caller).secret}

    def access(self, owner: str = "user") -> Issued[AccessToken]:
        return mint(self.services, issue(self.services, self.users[owner]))

    def refresh_id(self) -> str:
        return issue(self.services, self.users["user"]).token.public_id

    def uuid(self) -> str:
        return generate(self.services, self.users["user"]).token.uuid

    def user_id(self) -> str:
        return str(make_user(self.services).id)

    def account_id(self) -> str:
        """Of a service account that the user is responsible for, and the administrator not."""
        account = make_service_account(self.services, self.users["user"])
        return str(set_api_tokens(self.services, account.username, ApiTokens.ALLOW).id)

    def of_account(self) -> str:
        """Such an account, and a refresh token of it."""
        account = make_service_account(self.services, self.users["user"])
        return f"{account.id} {issue(self.services, account).token.public_id}"

    def proof(self) -> dict[str, Any]:
        refresh = issue(self.services, self.users["user"])
        return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}

    def grant(self) -> dict[str, Any]:
        return {"grant_type": "refresh_token", "refresh_token": self.proof()["refresh_token"]}

    def access_proof(self) -> dict[str, Any]:
        return {"api_access_token": self.access().secret, "user_id": self.users["user"].id}

    def access_token(self) -> dict[str, Any]:
        return {"token": self.access().secret}

    def confirmed(self) -> dict[str, Any]:
        criteria = {"owner": make_user(self.services).username}
        confirmation = self.services.revoking_by_filter.preview(TokenFilter(**criteria)).confirmation
        return {"filter": criteria, "confirmation": confirmation, "reason": "x"}

    def revocation(self) -> str:
        return str(revoke_by_filter(self.services).id)


@dataclass(frozen=True)
class Line:
    """The statuses, a caller each; the argument in the path and the members of a request that is in order."""

    statuses: tuple[int, ...]
    argument: Callable[[World], str] | str = ""
    members: Callable[[World], dict[str, Any]] | dict[str, Any] | None = None


def statuses(nobody: int, user: int, another: int, admin: int, introspector: int, disabled: int) -> tuple[int, ...]:
    """In the order of the callers. A single-tier token is as good as the user's other; a refresh token is no good."""
    return nobody, user, another, admin, introspector, disabled, user, disabled


def everyone(status: int) -> tuple[int, ...]:
    """Where the headers need no credential."""
    return (status,) * len(CALLERS)


def holders(status: int, refused: int = 401) -> tuple[int, ...]:
    """For all who hold a good access token."""
    return statuses(refused, status, status, status, 403, refused)


def owner(status: int, admin: int = 404) -> tuple[int, ...]:
    """For the owner of what the path names."""
    return statuses(401, status, 404, admin, 403, 401)


def administrators(status: int) -> tuple[int, ...]:
    return statuses(401, 403, 403, status, 403, 401)


ALATION, NATIVE, V4 = "/integration/v1", "/api/v1", "/v4"
OAUTHS = ("/oauth", "/oauth/v2")
DAYS = "retention_days"
OF_ACCOUNT = f"{NATIVE}/users/<user_id>/refresh-tokens/<public_id>"

OF_DIRECTORIES = (
    *((method, kind) for kind in ("Users", "Groups") for method in ("GET", "POST")),
    *((method, "Users/<user_id>") for method in ("GET", "PUT", "PATCH", "DELETE")),
    *((method, "Groups/<group_id>") for method in ("GET", "PUT", "PATCH", "DELETE")),
    *(("GET", path) for path in ("ServiceProviderConfig", "Schemas", "Schemas/<schema_id>", "ResourceTypes", "Me")),
    *(("GET", "ResourceTypes/<name>"), ("POST", ".search"), ("POST", "Bulk")),
)
"""For SCIM tokens alone, which are accepted nowhere else (``test_scim``)."""

MATRIX: dict[tuple[str, str], Line] = {
    ("GET", "/healthz"): Line(everyone(200)),
    ("GET", "/readyz"): Line(everyone(200)),
    ("GET", "/.well-known/security.txt"): Line(everyone(404)),
    ("GET", "/.well-known/oauth-authorization-server"): Line(everyone(404)),
    ("GET", "/.well-known/oauth-authorization-server/<path:below>"): Line(everyone(404), "daypass"),
    ("GET", "/.well-known/oauth-protected-resource"): Line(everyone(404)),
    ("GET", "/.well-known/oauth-protected-resource/<path:below>"): Line(everyone(404), "daypass"),
    ("GET", "/openapi/<name>"): Line(everyone(200), "native"),
    ("POST", f"{ALATION}/createRefreshToken"): Line(
        everyone(201), "", lambda world: {"username": world.login, "password": PASSWORD, "name": "x"}
    ),
    ("POST", f"{ALATION}/createAPIAccessToken"): Line(everyone(201), "", World.proof),
    ("POST", f"{ALATION}/validateRefreshToken"): Line(everyone(200), "", World.proof),
    ("POST", f"{ALATION}/validateAPIAccessToken"): Line(everyone(200), "", World.access_proof),
    ("POST", f"{ALATION}/regenRefreshToken"): Line(everyone(201), "", World.proof),
    ("POST", f"{ALATION}/revokeAPIAccessTokens"): Line(everyone(200), "", World.proof),
    ("GET", f"{ALATION}/userinfo"): Line(holders(200, refused=403)),
    **{("POST", f"{oauth}/token"): Line(everyone(200), "", World.grant) for oauth in OAUTHS},
    **{
        ("POST", f"{oauth}/introspect"): Line(statuses(401, 401, 401, 200, 200, 401), "", World.access_token)
        for oauth in OAUTHS
    },
    **{
        ("POST", f"{oauth}/revoke"): Line(statuses(200, 200, 403, 200, 403, 401), "", World.access_token)
        for oauth in OAUTHS
    },
    **{(method, "/oauth/authorize"): Line(everyone(400)) for method in ("GET", "POST")},
    ("POST", f"{V4}/apiAccessTokens"): Line(holders(201), "", {"lifetimeSeconds": 60}),
    ("GET", f"{V4}/apiAccessTokens"): Line(holders(200)),
    ("GET", f"{V4}/apiAccessTokens/<tokenId>"): Line(owner(200), World.uuid),
    ("DELETE", f"{V4}/apiAccessTokens/<tokenId>"): Line(owner(204, admin=204), World.uuid),
    ("GET", f"{V4}/open-api-spec"): Line(holders(200)),
    ("GET", f"{V4}/people/current"): Line(holders(200)),
    ("GET", f"{NATIVE}/me"): Line(holders(200)),
    ("GET", f"{NATIVE}/me/token"): Line(holders(200)),
    ("DELETE", f"{NATIVE}/me/token"): Line(holders(204)),
    ("GET", f"{NATIVE}/me/tokens"): Line(holders(200)),
    ("DELETE", f"{NATIVE}/me/tokens/<public_id>"): Line(owner(204), World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens"): Line(holders(201), "", {"name": "x"}),
    ("PATCH", f"{NATIVE}/me/refresh-tokens/<public_id>"): Line(owner(200), World.refresh_id, {"name": "y"}),
    ("PATCH", f"{NATIVE}/me/tokens/<public_id>"): Line(owner(200), World.refresh_id, {"description": "y"}),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/access-token"): Line(owner(201), World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/regenerate"): Line(owner(201), World.refresh_id),
    ("GET", f"{NATIVE}/me/refresh-tokens/<public_id>/secrets"): Line(owner(200), World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/rotate"): Line(owner(201), World.refresh_id),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/end-old-secret"): Line(owner(200), World.refresh_id),
    ("POST", f"{NATIVE}/refresh-tokens/rotate"): Line(
        everyone(201), "", lambda world: {"refresh_token": world.proof()["refresh_token"]}
    ),
    ("POST", f"{NATIVE}/access-tokens"): Line(
        everyone(201), "", lambda world: {"refresh_token": world.proof()["refresh_token"]}
    ),
    ("POST", f"{NATIVE}/verify-batch"): Line(statuses(401, 403, 403, 200, 200, 401), "", {"tokens": ["x"]}),
    ("GET", f"{NATIVE}/me/service-accounts"): Line(holders(200)),
    ("GET", f"{NATIVE}/users/<user_id>/tokens"): Line(owner(200, admin=200), World.account_id),
    ("DELETE", f"{NATIVE}/users/<user_id>/tokens/<public_id>"): Line(owner(204, admin=204), World.of_account),
    ("POST", f"{NATIVE}/users/<user_id>/refresh-tokens"): Line(owner(201, admin=201), World.account_id, {"name": "x"}),
    ("POST", f"{NATIVE}/users/<user_id>/api-tokens"): Line(
        owner(201, admin=201), World.account_id, {"lifetime_days": 1}
    ),
    ("POST", f"{OF_ACCOUNT}/access-token"): Line(owner(201, admin=201), World.of_account),
    ("POST", f"{OF_ACCOUNT}/rotate"): Line(owner(201, admin=201), World.of_account),
    ("POST", f"{OF_ACCOUNT}/end-old-secret"): Line(owner(200, admin=200), World.of_account),
    ("POST", f"{OF_ACCOUNT}/regenerate"): Line(owner(201, admin=201), World.of_account),
    ("GET", f"{NATIVE}/users"): Line(administrators(200)),
    ("POST", f"{NATIVE}/users"): Line(
        administrators(201), "", lambda world: {"username": f"made-from-{world.user_id()}"}
    ),
    ("GET", f"{NATIVE}/users/<user_id>"): Line(administrators(200), World.user_id),
    ("GET", f"{NATIVE}/users/<user_id>/service-accounts"): Line(administrators(200), World.user_id),
    ("PATCH", f"{NATIVE}/users/<user_id>"): Line(administrators(200), World.user_id, {"role": "STEWARD"}),
    ("DELETE", f"{NATIVE}/users/<user_id>"): Line(administrators(200), World.user_id),
    ("GET", f"{NATIVE}/users/<user_id>/identities"): Line(administrators(200), World.user_id),
    ("POST", f"{NATIVE}/users/<user_id>/identities"): Line(
        administrators(200), World.user_id, lambda world: {"issuer": ISSUER, "subject": world.user_id()}
    ),
    ("DELETE", f"{NATIVE}/users/<user_id>/identities"): Line(administrators(400), World.user_id),
    ("POST", f"{NATIVE}/users/<user_id>/end-sessions"): Line(administrators(200), World.user_id),
    ("POST", f"{NATIVE}/users/<user_id>/revoke-tokens"): Line(administrators(200), World.user_id, {"reason": "x"}),
    ("GET", f"{NATIVE}/tokens"): Line(administrators(200)),
    ("GET", f"{NATIVE}/tokens/<public_id>"): Line(administrators(200), World.refresh_id),
    ("GET", f"{NATIVE}/tokens/<public_id>/secrets"): Line(administrators(200), World.refresh_id),
    ("PATCH", f"{NATIVE}/tokens/<public_id>"): Line(administrators(200), World.refresh_id, {"name": "y"}),
    ("POST", f"{NATIVE}/tokens/<public_id>/move"): Line(
        administrators(200), World.refresh_id, lambda world: {"to": world.users["another"].username}
    ),
    ("POST", f"{NATIVE}/tokens/<public_id>/revoke"): Line(administrators(200), World.refresh_id, {"reason": "x"}),
    ("POST", f"{NATIVE}/tokens/identify"): Line(administrators(200), "", {"secret": "x"}),
    ("POST", f"{NATIVE}/tokens/revocations/preview"): Line(administrators(200), "", {"filter": {"owner": "nobody"}}),
    ("POST", f"{NATIVE}/tokens/revocations"): Line(administrators(200), "", World.confirmed),
    ("GET", f"{NATIVE}/tokens/revocations/<number>"): Line(administrators(200), World.revocation),
    ("GET", f"{NATIVE}/settings"): Line(administrators(200)),
    ("GET", f"{NATIVE}/settings/<key>"): Line(administrators(200), DAYS),
    ("PUT", f"{NATIVE}/settings/<key>"): Line(administrators(200), DAYS, {"value": 90}),
    ("POST", f"{NATIVE}/settings/<key>/preview"): Line(administrators(200), DAYS, {"value": 1}),
    ("GET", f"{NATIVE}/audit-events"): Line(administrators(200)),
    ("GET", f"{NATIVE}/jobs"): Line(administrators(200)),
    **{(method, f"/scim/v2/{path}"): Line(everyone(401), "1") for method, path in OF_DIRECTORIES},
}

OWNED = [
    key for key, line in MATRIX.items() if callable(line.argument) and line.statuses[CALLERS.index("another")] == 404
]


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    configure(parts(app).services, api_can_create_refresh_tokens="on", api_can_manage_users="on")
    return World(parts(app).services)


def test_every_route_has_its_line_and_every_line_a_route(app: Flask) -> None:
    """But the pages (``test_page_matrix``). Both slash forms are one, and HEAD is GET without the body."""
    routes = {
        (method, rule.rule.rstrip("/"))
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if not rule.endpoint.startswith("web_")
    }
    assert routes == set(MATRIX)


@pytest.mark.parametrize(("method", "path"), list(MATRIX), ids=lambda part: part)
def test_each_caller_is_answered_as_the_matrix_says(client: FlaskClient, world: World, method: str, path: str) -> None:
    """Fails when a guard is exchanged for another."""
    line, found = MATRIX[method, path], {}
    for caller in CALLERS:
        argument = line.argument if isinstance(line.argument, str) else line.argument(world)
        found[caller] = ask(client, world, (method, path), world.headers(caller), argument).status_code
    assert found == dict(zip(CALLERS, line.statuses, strict=True))


@pytest.mark.parametrize("key", OWNED, ids=lambda key: " ".join(key))
def test_anothers_id_an_unknown_one_and_what_is_no_id_are_answered_in_the_same_bytes_and_nothing_ends(
    client: FlaskClient, world: World, database: Database, key: tuple[str, str]
) -> None:
    """But for the request's own id, where a dialect has that in the body. Fails when the owner is not compared."""
    headers, anothers, access_id = world.headers("another"), MATRIX[key].argument, world.access().token.public_id
    assert callable(anothers)
    ids = [anothers(world), access_id, "zzzzzzzzzzzz", "00000000-0000-4000-8000-000000000000", "short", "%00", "%ff"]
    world.services.last_use.flush()  # what earlier tests left in memory, refused refresh tokens among it
    before = rows.count(database, AuditEventRow)
    answers = [ask(client, world, key, headers, each) for each in ids]
    assert {each.status_code for each in answers} == {404}
    assert len({each.data.replace(each.headers["X-Request-Id"].encode(), b"") for each in answers}) == 1
    assert rows.count(database, AuditEventRow) == before


def ask(
    client: FlaskClient, world: World, key: tuple[str, str], headers: dict[str, str], argument: str
) -> TestResponse:
    """The answer to a request that is in order, but for who sends it."""
    method, path = key
    ids = argument.split()
    sent = MATRIX[key].members
    body = {} if sent is None else {"data" if "/oauth/" in path else "json": sent(world) if callable(sent) else sent}
    path = re.sub(r"<\w+>", lambda _: ids.pop(0) if len(ids) > 1 else ids[0], path)
    return client.open(path, method=method, headers=headers, **body)
