"""One browser, and one server with sample data, for all tests of this folder."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser

from app.domain.identity import Role, User
from app.domain.token_filter import TokenFilter
from app.services.listing import ListedToken
from tests.browser import sample
from tests.browser.gallery import under_its_own_name
from tests.browser.past import Past, past_of
from tests.databases import SqliteFiles
from tests.drivers.browser import Visitor, chromium
from tests.drivers.provider import Provider
from tests.drivers.server import LiveServer, free_port
from tests.factories import PASSWORD, make_user
from tests.secrecy import secrets_in


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not for the session: other tests of the process must not find its event loop running."""
    with chromium() as browser:
        yield browser


@dataclass
class Instance:
    """A running server, and what is in its database."""

    server: LiveServer
    past: Past

    def new_user(self, role: Role = Role.VIEWER) -> User:
        """Somebody who can sign in with ``PASSWORD``."""
        return make_user(self.past.services, role=role, password=PASSWORD)

    def tokens_of(self, user: User) -> list[ListedToken]:
        """All of them, of both tiers."""
        return self.past.services.listing.both_tiers(TokenFilter(user_id=user.id)).items


@pytest.fixture(scope="package")
def instance(
    sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory, provider: Provider
) -> Iterator[Instance]:
    folder = tmp_path_factory.mktemp("pages")
    with sqlite_files.fresh(folder) as url, past_of(url, folder) as past:
        sample.fill(past)
        server = under_its_own_name(LiveServer(url, folder, workers=1))
        server.environment |= _mock_provider() | provider.issuer("own").environment("own")
        with server:
            yield Instance(server, past)
        leaked = secrets_in(server.log())
        assert not leaked, f"the server's log holds secrets: {leaked[:3]}"


def _mock_provider() -> dict[str, str]:
    """Settings of one that a test starts, which makes people STEWARD or COMPOSER."""
    known = {
        "ISSUER": f"http://localhost:{free_port()}",
        "CLIENT_ID": "daypass",
        "CLIENT_SECRET": "any",
        "LABEL": "Staff SSO",
        "ROLE_CLAIM": "groups",
        "ROLE_MAP": "composers=COMPOSER,staff=STEWARD",
    }
    return {f"DAYPASS_OIDC_MOCK_{name}": value for name, value in known.items()}


Visit = Callable[..., Visitor]


@pytest.fixture
def visit(browser: Browser, instance: Instance) -> Iterator[Visit]:
    """``visit(user)``: a separate browser, where that user is signed in. Options are the browser context's."""
    visitors = []

    def begin(user: User | None = None, **options: object) -> Visitor:
        visitors.append(visitor := Visitor(browser, instance.server.url, **options))
        if user is not None:
            visitor.sign_in(user.username, PASSWORD)
        return visitor

    yield begin
    for visitor in visitors:
        visitor.context.close()
