"""One Keycloak, one Daypass with the settings of ``docs/keycloak.md``, and one browser for all tests of this folder."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from app.domain.identity import Role, User
from app.domain.token_filter import TokenFilter
from tests.browser.past import Past, past_of
from tests.databases import SqliteFiles
from tests.drivers.browser import chromium
from tests.drivers.documents import ROOT
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, configure, make_user
from tests.keycloak.people import Visitor
from tests.keycloak.server import Keycloak
from tests.keycloak.slapd import Slapd
from tests.secrecy import PASSWORD_MARK, secrets_in

PAGE = ROOT / "docs" / "keycloak.md"
CLIENT_SECRET = f"{PASSWORD_MARK}-of-the-client"
PEOPLES_PASSWORD = f"{PASSWORD_MARK}-of-the-people"


def settings(name: str, issuer: str, secret: Path) -> dict[str, str]:
    """Those of ``docs/keycloak.md``, but for addresses, for a provider of that name."""
    text = PAGE.read_text(encoding="utf-8")
    found = dict(re.findall(r"^(DAYPASS_OIDC_KEYCLOAK_\w+)=(.*)$", text, re.MULTILINE))
    assert len(found) > 5, "the page shows no settings"
    found |= {
        "DAYPASS_OIDC_KEYCLOAK_ISSUER": issuer,
        "DAYPASS_OIDC_KEYCLOAK_CLIENT_SECRET_FILE": str(secret),
    }
    return {variable.replace("_KEYCLOAK_", f"_{name.upper()}_"): value for variable, value in found.items()}


@dataclass
class Instance:
    """A running Daypass, and what is in its database."""

    server: LiveServer
    past: Past

    def user(self, username: str) -> User:
        return self.past.services.accounts.get(username)

    def has_token(self, username: str, name: str) -> bool:
        listed = self.past.services.listing.both_tiers(TokenFilter(user_id=self.user(username).id)).items
        return name in [each.name for each in listed]


@pytest.fixture(scope="package")
def keycloak() -> Iterator[Keycloak]:
    with Keycloak() as keycloak:
        yield keycloak


@pytest.fixture(scope="package")
def instance(
    keycloak: Keycloak, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Instance]:
    """It knows both realms, and has an administrator of its own."""
    folder = tmp_path_factory.mktemp("daypass")
    secret = folder / "secret"
    secret.write_text(CLIENT_SECRET)
    secret.chmod(0o600)
    with sqlite_files.fresh(folder) as url, past_of(url, folder) as past:
        server = LiveServer(url, folder)
        server.environment |= settings("keycloak", keycloak.issuer("staff"), secret)
        server.environment |= settings("directory", keycloak.issuer("directory"), secret)
        server.environment |= {
            "DAYPASS_PUBLIC_URL": server.url,
            "DAYPASS_OIDC_DIRECTORY_LABEL": "Directory",
            "DAYPASS_OIDC_DIRECTORY_ROLE_MAP": "stewards=STEWARD,viewers=VIEWER",
        }
        make_user(past.services, "admin", Role.SERVER_ADMIN, PASSWORD)
        configure(past.services, oidc_create_users="on")
        with server:
            yield Instance(server, past)
        leaked = secrets_in(server.log())
        assert not leaked, f"the server's log holds secrets: {leaked[:3]}"


@pytest.fixture(scope="package")
def staff(keycloak: Keycloak, instance: Instance) -> Keycloak:
    """With the realm `staff`, whose people are Keycloak's own."""
    addresses = {"DAYPASS_URL": instance.server.url, "CLIENT_SECRET": CLIENT_SECRET}
    keycloak.add_realm("staff", PEOPLES_PASSWORD=PEOPLES_PASSWORD, **addresses)
    return keycloak


@pytest.fixture(scope="package")
def directory(keycloak: Keycloak, instance: Instance, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    """With the realm `directory`, whose people are those of slapd."""
    with Slapd(tmp_path_factory.mktemp("slapd"), PEOPLES_PASSWORD) as slapd:
        addresses = {"DAYPASS_URL": instance.server.url, "CLIENT_SECRET": CLIENT_SECRET}
        keycloak.add_realm("directory", LDAP_URL=slapd.url, LDAP_PASSWORD=PEOPLES_PASSWORD, **addresses)
        yield slapd


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, instance: Instance) -> Iterator[Visit]:
    """``visit()``: a separate browser. Options are the browser context's."""
    visitors: list[Visitor] = []

    def begin(label: str = "Keycloak", **options: object) -> Visitor:
        visitors.append(visitor := Visitor(browser, instance.server.url, label, PEOPLES_PASSWORD, **options))
        return visitor

    yield begin
    for visitor in visitors:
        visitor.context.close()
