"""One base URL for an API and for tokens: scripts and SDKs that know a single one, and what must not be under it.

nginx always; others with ``DAYPASS_TEST_PROXIES=caddy,envoy,traefik``, where their programs are installed.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import allie_sdk
import pytest
import requests
from flask import Flask

from app.http.context import parts
from app.services import Services
from config import Settings
from tests.databases import SqliteFiles, application
from tests.drivers.alation import Alation
from tests.drivers.nginx import API, ONE, TOKENS, Nginx, SampleApi
from tests.drivers.proxies import PROXIES, Proxy
from tests.drivers.raw import Answer, RawHttp
from tests.drivers.server import LiveServer
from tests.drivers.trifacta import Trifacta
from tests.factories import PASSWORD, allowed_user, issue, make_user, mint
from tests.functional.test_nginx import IDENTITY, SPELLINGS
from tests.layers import is_of_a_layer
from tests.patience import PATIENCE_SECONDS
from tests.secrecy import secrets_in

TESTED = ("nginx", *filter(None, os.environ.get("DAYPASS_TEST_PROXIES", "").split(",")))
ROUTES = ("/reports", "/orders/7")
"""Of the API."""

CONFUSING = (
    "/integration/v1/userinfo;x", "/integration/v1/userinfo;/reports", "/integration/v1/userinfo/;x",
    "/x/../integration/v1/userinfo", "/integration/v1/x/../userinfo", "/integration/v1/userinfo/../../../reports",
    "/integration/v1/userinfo/..%2f..%2f..%2freports", "/integration/v1/userinfo/%2e%2e/%2e%2e/%2e%2e/reports",
    "/integration/v1/userinfo/..;/..;/..;/reports", "/integration%2fv1%2fuserinfo", "/integration/v1/%75serinfo",
    "/integration/v1/userinfo%2f", "/integration/v1/userinfo%00", "/integration/v1/userinfo%0a",
    "/integration/v1/userinfo%3fa", "/integration/v1/userinfo%23", "/integration/v1/userinfo%20",
    "/integration/v1/userinfo.", "/integration/v1/userinfo/x", "/integration/v1/userinfo//", "/integration//v1/x",
    "/integration//v1/userinfo",
    "/INTEGRATION/V1/USERINFO", "/integration/v1\\userinfo", "/integration/v1/", "/integration/v1/other",
    "/v4/apiAccessTokens/../../reports", "/v4/apiAccessTokens/..%2f..%2freports", "/v4/apiAccessTokens/%2e%2e/x",
    "/v4/apiAccessTokens/a/b", "/v4/apiAccessTokens/a;b", "/v4/apiAccessTokens/..", "/v4/people/current/..;/x",
    "/oauth/introspect/../../admin", "/oauth/introspect/..%2f..%2flogin", "/login/../oauth/introspect",
    "/login%2f..%2foauth/introspect", "/static/../oauth/introspect", "/oauth/introspect?/../../reports",
    "/login", "/admin", "/admin/users", "/account/auth", "/LOGIN", "//login", "/./login", "/%6cogin", "/auth/verify",
)  # fmt: skip

_numbers = count(1)


@dataclass(frozen=True)
class Host:
    """What a client with one base URL sees at `url`."""

    url: str
    proxy: Nginx | Proxy
    daypass: LiveServer
    services: Services
    app: Flask
    api: SampleApi

    def get(self, path: str, **headers: str) -> requests.Response:
        return requests.get(f"{self.url}{path}", headers=headers, timeout=60)

    def raw(self, path: str, *lines: str, name: str = ONE) -> Answer:
        """A GET of exactly this target, under that of the shipped names."""
        head = "\r\n".join((f"GET {path} HTTP/1.1", f"Host: {name}", "Connection: close", *lines))
        return RawHttp(self.proxy.port).send(f"{head}\r\n\r\n".encode("latin-1"))

    def arrived(self) -> int:
        """How many requests have reached the API; all that were answered are counted."""
        mark = f"/mark-{next(_numbers)}"
        assert self.get(mark, TOKEN=self.token()).status_code == 200
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self.api.has_seen(mark):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return self.api.log().count("GET <") + self.api.log().count("POST <")

    def token(self) -> str:
        return mint(self.services, issue(self.services, make_user(self.services))).secret


@pytest.fixture(scope="module", params=TESTED)
def host(
    request: pytest.FixtureRequest, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Host]:
    """One for all tests: none of them harms it. Daypass answers under the host's name because it is told to."""
    folder = tmp_path_factory.mktemp("one")
    about = {
        "DAYPASS_PUBLIC_URL": "http://tokens.example.com",
        "DAYPASS_OTHER_HOSTS": f"{ONE},127.0.0.1",
        "DAYPASS_TRUSTED_PROXIES": "127.0.0.1/32",
    }
    with (
        sqlite_files.fresh(folder) as url,
        LiveServer(url, folder, workers=1, **about) as daypass,
        application(Settings(instance=str(folder), database_url=url, log_level="ERROR")) as app,
        SampleApi(folder) as api,
        PROXIES.get(request.param, Nginx)(folder, daypass.port, api.port) as proxy,
    ):
        served = Host(proxy.url_one, proxy, daypass, parts(app).services, app, api)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while served.get("/").status_code == 404:  # Traefik reads its routers after it has begun to listen
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield served
    written = daypass.log() + proxy.logs() + api.log()
    assert not secrets_in(written), f"logs hold secrets: {secrets_in(written)[:3]}"


def calls(host: Host, **headers: str) -> list[tuple[int, str | None]]:
    """Status and the gate's reason of both routes of the API."""
    answers = [host.get(path, **headers) for path in ROUTES]
    return [(answer.status_code, answer.headers.get("X-Auth-Reason")) for answer in answers]


def test_a_script_of_two_tiers_gets_calls_and_renews_under_one_base_url(host: Host) -> None:
    user = make_user(host.services, password=PASSWORD)
    with requests.Session() as session:
        client = Alation(host.url, session)
        refresh = client.issue(user.username, PASSWORD, "script").json()["refresh_token"]
        access = client.mint(refresh, user.id).json()["api_access_token"]
        for headers in ({"TOKEN": access}, {"Authorization": f"Bearer {access}"}):
            assert calls(host, **headers) == [(200, None)] * 2
        assert host.get(ROUTES[1], TOKEN=access).json()["path"] == ROUTES[1][1:]
        assert client.use(access).json()["username"] == user.username
        assert client.verify_access_token(access, user.id).status_code == 200
        assert client.revoke_access_tokens(refresh, user.id).status_code == 200
        assert calls(host, TOKEN=access) == [(403, "token_revoked")] * 2
        assert calls(host, Authorization=f"Bearer {access}") == [(401, "token_revoked")] * 2
        assert client.use(access).status_code == 403
        refresh = client.regenerate(refresh, user.id).json()["refresh_token"]
        assert client.verify_refresh_token(refresh, user.id).status_code == 200
        again = client.mint(refresh, user.id).json()["api_access_token"]
        assert calls(host, TOKEN=again) == [(200, None)] * 2


def test_a_script_of_a_single_tier_gets_calls_and_renews_under_one_base_url(host: Host) -> None:
    user = allowed_user(host.services, password=PASSWORD)
    with requests.Session() as signed_in, requests.Session() as session:
        by_password = Trifacta.with_password(host.url, user.username, PASSWORD, signed_in)
        created = by_password.generate(3600, "script").json()
        client = Trifacta.with_token(host.url, created["tokenValue"], session)
        bearer = {"Authorization": f"Bearer {created['tokenValue']}"}
        assert calls(host, **bearer) == [(200, None)] * 2
        assert client.use().json()["id"] == user.id
        assert host.get("/V4/PEOPLE/CURRENT", **bearer).json()["id"] == user.id
        assert host.get("/v4/open-api-spec", **bearer).json()["openapi"]
        assert client.own(includeCount="true").json()["count"] == 1
        assert client.get(created["tokenInfo"]["tokenId"]).status_code == 200
        assert client.delete(created["tokenInfo"]["tokenId"]).status_code == 204
        assert calls(host, **bearer) == [(401, "token_revoked")] * 2
        refused = host.get(ROUTES[0], **bearer)
        assert refused.json()["exception"]["name"] == "MissingPersonException"
        assert "Request a new" not in refused.text
        again = by_password.generate(3600).json()["tokenValue"]
        assert calls(host, Authorization=f"Bearer {again}") == [(200, None)] * 2


def test_allie_sdk_works_under_one_base_url(host: Host) -> None:
    """Unchanged: its host is a single one, for its tokens and for every other call."""
    user = make_user(host.services)
    refresh = issue(host.services, user).secret

    def sdk() -> allie_sdk.Alation:
        return allie_sdk.Alation(host=host.url, user_id=user.id, refresh_token=refresh)

    client = sdk()
    assert client.user.get_authenticated_user().username == user.username
    for path in ROUTES:
        assert client.user.get(path, pagination=False)["caller"]["X-Auth-User"] == user.username
    assert client.authentication.revoke_access_tokens().status == "successful"
    for path in ROUTES:
        with pytest.raises(requests.HTTPError) as refused:
            client.user.get(path, pagination=False)
        assert refused.value.response.status_code == 403
    renewed = sdk()
    assert renewed.user.get(ROUTES[0], pagination=False)["caller"]["X-Auth-User"] == user.username
    for each in (client, renewed):
        each.authentication.s.close()


def test_the_routes_of_the_layers_are_daypass_and_all_its_others_are_the_apis(host: Host) -> None:
    """◆ In both slash forms, and behind a base URL that ends in one. Fails without a path of the list."""
    for rule in host.app.url_map.iter_rules():
        path = re.sub("<[^>]+>", "x", rule.rule).rstrip("/")
        is_layer = is_of_a_layer(rule.rule)
        for spelling in (path, f"{path}/", f"/{path}", f"//{path}/") if is_layer else (path or "/",):
            answer = host.raw(spelling)
            assert ("x-auth-reason" not in answer.headers) is is_layer, (spelling, answer)
            assert answer.status not in (301, 302, 303, 307, 308, 421), spelling


def test_the_other_hosts_have_daypass_alone_and_the_api_alone(host: Host) -> None:
    token = f"TOKEN: {host.token()}"
    assert b"<form" in host.raw("/login", name=TOKENS).body
    assert host.raw("/integration/v1/userinfo", token, name=TOKENS).status == 200
    assert host.raw("/metrics", name=TOKENS).status == 404
    for path in ("/integration/v1/userinfo", "/oauth/introspect", "/v4/people/current", "/login"):
        assert host.raw(path, name=API).headers["x-auth-reason"] == "token_missing"
        assert json.loads(host.raw(path, token, name=API).body)["path"] == path[1:]
    assert host.raw("/admin/users", token, name=API).headers["x-auth-reason"] == "not_permitted"


def test_no_spelling_of_a_path_reaches_the_api_without_a_check_or_a_page_of_daypass(host: Host) -> None:
    """◆ Fails if a location of the list passes to the API, or a prefix such as ``/integration/`` is Daypass's."""
    before = host.arrived()
    for path in CONFUSING:
        answer = host.raw(path)
        assert 400 <= answer.status < 500, (path, answer)
        assert b"<form" not in answer.body and "location" not in answer.headers, path
    assert host.arrived() == before + 1
    token = host.token()
    for path in CONFUSING:
        answer = host.raw(path, f"TOKEN: {token}")
        assert answer.status in (200, 400, 401, 403, 404, 405), (path, answer)
        assert b"<form" not in answer.body and "location" not in answer.headers, path
        if b'"caller"' in answer.body:
            assert json.loads(answer.body)["caller"]["X-Auth-User-Id"]


def test_the_api_gets_no_token_and_daypass_believes_no_forged_address(host: Host) -> None:
    headers = host.get(ROUTES[0], TOKEN=host.token(), Cookie="session=of-the-api").json()["headers"]
    assert "Cookie" in headers and not {"Token", "Authorization"} & set(headers)
    for name in ("X-Forwarded-For", "Forwarded"):
        answer = host.get("/integration/v1/userinfo/", **{name: "203.0.113.9", "TOKEN": "nonsense"})
        request_id = answer.headers["X-Request-Id"]
        line = next(each for each in host.daypass.log().splitlines() if request_id in each)
        assert json.loads(line)["address"] != "203.0.113.9"


def test_forged_identity_headers_do_not_survive(host: Host) -> None:
    """They are overwritten, dropped or refused, in every spelling, and so is a ``Connection`` that names them."""
    access = host.token()
    honest = host.get(ROUTES[0], TOKEN=access).json()["caller"]
    honest.pop("X-Auth-Expires-In")
    for spell in SPELLINGS:
        answer = host.raw(ROUTES[0], f"TOKEN: {access}", *(f"{spell(name)}: forged" for name in IDENTITY))
        assert answer.status in (200, 400)
        if answer.status == 200:
            caller = json.loads(answer.body)["caller"]
            assert "forged" not in caller.values() and caller.items() >= honest.items(), spell("X-Auth-User")
    named = host.raw(ROUTES[0], f"TOKEN: {access}", f"Connection: {', '.join(IDENTITY)}")
    assert named.status == 400 or json.loads(named.body)["caller"].items() >= honest.items()


def test_bodies_have_the_limits_of_what_they_are_for(host: Host) -> None:
    access = host.token()
    for path, size, status in (
        ("/integration/v1/createAPIAccessToken", 100_000, 413), ("/upload", 100_000, 200), ("/upload", 11_000_000, 413),
    ):  # fmt: skip
        if status == 413 and path == "/upload" and host.proxy.name != "nginx":
            continue  # of that file alone
        answer = requests.post(f"{host.url}{path}", data=b"x" * size, headers={"TOKEN": access}, timeout=60)
        assert answer.status_code == status, (path, size)
