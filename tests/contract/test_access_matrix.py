"""The access matrix: every endpoint of every API, and what each sort of caller is answered there.

A route that is added must be given its line here, or the walk of the URL map fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.domain.identity import Role, User
from app.domain.token_filter import TokenFilter
from app.domain.tokens import AccessToken, Issued, RefreshToken
from app.http.context import parts
from app.services import Services
from tests.factories import OPERATOR, PASSWORD, allowed_user, disable, generate, issue, make_user, mint

Members = dict[str, Any]

CALLERS = ("nobody", "user", "another", "administrator", "introspector", "disabled", "single-tier", "refresh token")
"""The last two are the user's own: an access token of a single tier, and a refresh token where none belongs."""

ON = {"api_can_create_refresh_tokens": "on"}
"""Instance settings under which the matrix holds; the others are as they come."""


@dataclass
class World:
    """Callers, and fresh things of the user's for each call, so that no call finds what another left."""

    services: Services
    user: User
    another: User
    administrator: User
    introspector: User
    login: User
    disabled: str

    @classmethod
    def made(cls, services: Services) -> "World":
        user, another, leaver = (allowed_user(services) for _ in range(3))
        disabled = mint(services, issue(services, leaver)).secret
        disable(services, leaver.username)
        administrator = make_user(services, role=Role.SERVER_ADMIN)
        introspector = make_user(services, role=Role.INTROSPECTOR)
        return cls(
            services, user, another, administrator, introspector, make_user(services, password=PASSWORD), disabled
        )

    def credential(self, caller: str) -> str | None:
        """What this caller sends as TOKEN."""
        if caller in ("nobody", "disabled"):
            return {"nobody": None, "disabled": self.disabled}[caller]
        if caller == "single-tier":
            return generate(self.services, self.user).secret
        if caller == "refresh token":
            return self.refresh().secret
        return self.access(getattr(self, caller)).secret

    def refresh(self) -> Issued[RefreshToken]:
        return issue(self.services, self.user)

    def access(self, of: User | None = None) -> Issued[AccessToken]:
        return mint(self.services, issue(self.services, of or self.user))

    def proof(self) -> Members:
        refresh = self.refresh()
        return {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}


Make = Callable[[World], Any]


@dataclass(frozen=True)
class Line:
    """The statuses, a caller each; the argument in the path and the body of a request that is in order."""

    statuses: tuple[int, ...]
    argument: Make = lambda world: ""
    members: Make | None = None
    form: Make | None = None


def statuses(*, nobody: int, user: int, another: int, admin: int, introspector: int, disabled: int) -> tuple[int, ...]:
    """In the order of the callers. A single-tier token is as good as the user's other; a refresh token is no good."""
    return nobody, user, another, admin, introspector, disabled, user, disabled


def everybody(status: int) -> tuple[int, ...]:
    """Where the headers need no credential."""
    return (status,) * len(CALLERS)


def holders(status: int, refused: int = 401) -> tuple[int, ...]:
    """For all who hold a good access token."""
    return statuses(nobody=refused, user=status, another=status, admin=status, introspector=403, disabled=refused)


def owner(status: int, admin: int = 404) -> tuple[int, ...]:
    """For the owner of what the path names."""
    return statuses(nobody=401, user=status, another=404, admin=admin, introspector=403, disabled=401)


def administrators(status: int) -> tuple[int, ...]:
    return statuses(nobody=401, user=403, another=403, admin=status, introspector=403, disabled=401)


def confirmed(world: World) -> Members:
    criteria = {"owner": make_user(world.services).username}
    confirmation = world.services.revoking_by_filter.preview(TokenFilter(**criteria)).confirmation
    return {"filter": criteria, "confirmation": confirmation, "reason": "x"}


def user_id(world: World) -> str:
    return str(make_user(world.services).id)


def of(value: Any) -> Make:
    return lambda world: value


ALATION, NATIVE, V4 = "/integration/v1", "/api/v1", "/v4"

FRESH: dict[str, Make] = {
    "refresh_id": lambda world: world.refresh().token.public_id,
    "single_tier_id": lambda world: generate(world.services, world.user).token.uuid,
    "new_name": lambda world: {"username": f"made-from-{user_id(world)}"},
    "login": lambda world: {"username": world.login.username, "password": PASSWORD, "name": "x"},
    "access_proof": lambda world: {"api_access_token": world.access().secret, "user_id": world.user.id},
    "access_token": lambda world: {"token": world.access().secret},
    "refresh_token": lambda world: {"refresh_token": world.refresh().secret},
}

MATRIX: dict[tuple[str, str], Line] = {
    ("GET", "/healthz"): Line(everybody(200)),
    ("GET", "/readyz"): Line(everybody(200)),
    ("GET", "/openapi/<name>"): Line(everybody(200), of("native")),
    ("GET", "/docs"): Line(everybody(200)),
    ("GET", "/docs/<name>"): Line(everybody(200), of("native")),
    ("GET", "/docs/files/<name>"): Line(everybody(200), of("docs.css")),
    ("POST", f"{ALATION}/createRefreshToken"): Line(everybody(201), members=FRESH["login"]),
    ("POST", f"{ALATION}/createAPIAccessToken"): Line(everybody(201), members=World.proof),
    ("POST", f"{ALATION}/validateRefreshToken"): Line(everybody(200), members=World.proof),
    ("POST", f"{ALATION}/validateAPIAccessToken"): Line(everybody(200), members=FRESH["access_proof"]),
    ("POST", f"{ALATION}/regenRefreshToken"): Line(everybody(201), members=World.proof),
    ("POST", f"{ALATION}/revokeAPIAccessTokens"): Line(everybody(200), members=World.proof),
    ("GET", f"{ALATION}/userinfo"): Line(holders(200, refused=403)),
    ("POST", "/oauth/introspect"): Line(
        statuses(nobody=401, user=401, another=401, admin=200, introspector=200, disabled=401),
        form=FRESH["access_token"],
    ),
    ("POST", "/oauth/revoke"): Line(
        statuses(nobody=200, user=200, another=403, admin=200, introspector=403, disabled=401),
        form=FRESH["access_token"],
    ),
    ("POST", f"{V4}/apiAccessTokens"): Line(holders(201), members=of({"lifetimeSeconds": 60})),
    ("GET", f"{V4}/apiAccessTokens"): Line(holders(200)),
    ("GET", f"{V4}/apiAccessTokens/<tokenId>"): Line(owner(200), FRESH["single_tier_id"]),
    ("DELETE", f"{V4}/apiAccessTokens/<tokenId>"): Line(owner(204, admin=204), FRESH["single_tier_id"]),
    ("GET", f"{V4}/open-api-spec"): Line(holders(200)),
    ("GET", f"{V4}/people/current"): Line(holders(200)),
    ("GET", f"{NATIVE}/me"): Line(holders(200)),
    ("GET", f"{NATIVE}/me/token"): Line(holders(200)),
    ("DELETE", f"{NATIVE}/me/token"): Line(holders(204)),
    ("GET", f"{NATIVE}/me/tokens"): Line(holders(200)),
    ("DELETE", f"{NATIVE}/me/tokens/<public_id>"): Line(owner(204), FRESH["refresh_id"]),
    ("POST", f"{NATIVE}/me/refresh-tokens"): Line(holders(201), members=of({"name": "x"})),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/access-token"): Line(owner(201), FRESH["refresh_id"]),
    ("POST", f"{NATIVE}/me/refresh-tokens/<public_id>/regenerate"): Line(owner(201), FRESH["refresh_id"]),
    ("POST", f"{NATIVE}/access-tokens"): Line(everybody(201), members=FRESH["refresh_token"]),
    ("GET", f"{NATIVE}/users"): Line(administrators(200)),
    ("POST", f"{NATIVE}/users"): Line(administrators(201), members=FRESH["new_name"]),
    ("GET", f"{NATIVE}/users/<user_id>"): Line(administrators(200), user_id),
    ("PATCH", f"{NATIVE}/users/<user_id>"): Line(administrators(200), user_id, of({"role": "STEWARD"})),
    ("POST", f"{NATIVE}/users/<user_id>/revoke-tokens"): Line(administrators(200), user_id, of({"reason": "x"})),
    ("GET", f"{NATIVE}/tokens"): Line(administrators(200)),
    ("GET", f"{NATIVE}/tokens/<public_id>"): Line(administrators(200), FRESH["refresh_id"]),
    ("POST", f"{NATIVE}/tokens/<public_id>/revoke"): Line(
        administrators(200), FRESH["refresh_id"], of({"reason": "x"})
    ),
    ("POST", f"{NATIVE}/tokens/identify"): Line(administrators(200), members=of({"secret": "x"})),
    ("POST", f"{NATIVE}/tokens/revocations/preview"): Line(
        administrators(200), members=of({"filter": {"owner": "nobody-of-that-name"}})
    ),
    ("POST", f"{NATIVE}/tokens/revocations"): Line(administrators(200), members=confirmed),
    ("GET", f"{NATIVE}/settings"): Line(administrators(200)),
    ("GET", f"{NATIVE}/settings/<key>"): Line(administrators(200), of("retention_days")),
    ("PUT", f"{NATIVE}/settings/<key>"): Line(administrators(200), of("retention_days"), of({"value": 90})),
    ("POST", f"{NATIVE}/settings/<key>/preview"): Line(administrators(200), of("retention_days"), of({"value": 1})),
    ("GET", f"{NATIVE}/audit-events"): Line(administrators(200)),
    ("GET", f"{NATIVE}/jobs"): Line(administrators(200)),
}

OWNED = [key for key, line in MATRIX.items() if line.statuses[CALLERS.index("another")] == 404]


@pytest.fixture(scope="module")
def world(app: Flask) -> World:
    services = parts(app).services
    for key, value in ON.items():
        services.instance_settings.change(key, value, OPERATOR)
    return World.made(services)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client(use_cookies=False)


def routes(app: Flask) -> Iterator[tuple[str, str]]:
    """Every method of every route but the pages' (``test_page_matrix``), both slash forms as one."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("web_"):
            continue
        for method in (rule.methods or set()) - {"HEAD"}:  # which is GET without the body
            yield method, rule.rule.rstrip("/")


def test_every_route_has_its_line_and_every_line_a_route(app: Flask) -> None:
    assert set(routes(app)) == set(MATRIX)


@pytest.mark.parametrize(("method", "path"), list(MATRIX), ids=lambda part: part)
def test_each_caller_is_answered_as_the_matrix_says(client: FlaskClient, world: World, method: str, path: str) -> None:
    """Fails when a guard is exchanged for another."""
    line = MATRIX[method, path]
    found = tuple(ask(client, world, (method, path), caller, line.argument(world)).status_code for caller in CALLERS)
    assert dict(zip(CALLERS, found, strict=True)) == dict(zip(CALLERS, line.statuses, strict=True))


@pytest.mark.parametrize("key", OWNED, ids=lambda key: " ".join(key))
def test_anothers_id_and_an_unknown_one_are_answered_in_the_same_bytes(
    client: FlaskClient, world: World, key: tuple[str, str]
) -> None:
    """But for the request's own id, where a dialect has that in the body."""
    unknown = "00000000-0000-4000-8000-000000000000" if "/v4/" in key[1] else "zzzzzzzzzzzz"
    answers = [ask(client, world, key, "another", each) for each in (MATRIX[key].argument(world), unknown)]
    known, unknown_too = (
        (each.status_code, each.data.replace(each.headers["X-Request-Id"].encode(), b"")) for each in answers
    )
    assert known == unknown_too
    assert known[0] == 404


def test_the_rows_of_owners_are_those_with_somebodys_own_things_in_their_path() -> None:
    assert {path for _, path in OWNED} == {
        f"{V4}/apiAccessTokens/<tokenId>", f"{NATIVE}/me/tokens/<public_id>",
        f"{NATIVE}/me/refresh-tokens/<public_id>/access-token", f"{NATIVE}/me/refresh-tokens/<public_id>/regenerate",
    }  # fmt: skip


def ask(client: FlaskClient, world: World, key: tuple[str, str], caller: str, argument: str) -> Any:
    """The answer to a request that is in order, but for who sends it."""
    method, path = key
    line = MATRIX[key]
    credential = world.credential(caller)
    before, _, after = path.partition("<")
    address = before + argument + after.partition(">")[2] if after else path
    request: Members = {"headers": {} if credential is None else {"TOKEN": credential}}
    if line.members is not None:
        request["json"] = line.members(world)
    if line.form is not None:
        request["data"] = line.form(world)
    return client.open(address, method=method, **request)
