"""OAuth clients from PyPI, unchanged: requests-oauthlib and Authlib, each through a whole life on a real server.

An expiry in the middle is both sides': the token's end is moved into the past, and the client's clock behind it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session as Authlib
from authlib.integrations.requests_client import OAuthError
from freezegun import freeze_time
from oauthlib.oauth2 import BackendApplicationClient, InvalidClientError, InvalidGrantError, TokenExpiredError
from requests_oauthlib import OAuth2Session as RequestsOauthlib
from sqlalchemy import update

from app.domain.clock import system_clock
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests.drivers.server import LiveServer
from tests.factories import ANONYMOUS, issue, make_user

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Client:
    """A client of the live server: id and secret, and the addresses that its settings name."""

    url: str
    id: str
    secret: str
    username: str
    database: Database

    @property
    def token_url(self) -> str:
        return f"{self.url}/oauth/token"

    def uses(self, session: Any) -> int:
        """Call a resource; its status. Of a 200, the right one."""
        answer = session.get(f"{self.url}/integration/v1/userinfo/")
        assert answer.status_code != 200 or answer.json()["username"] == self.username
        return int(answer.status_code)

    @contextmanager
    def a_day_later(self, access_token: str) -> Iterator[None]:
        """After the end of that access token, on the server and by the client's clock."""
        with self.database.transaction() as session:
            row = update(AccessTokenRow).where(AccessTokenRow.public_id == access_token.split("_")[1])
            session.execute(row.values(expires_at=system_clock() - timedelta(seconds=1)))
        with freeze_time(system_clock() + DAY + timedelta(seconds=1), tick=True):
            yield


@pytest.fixture
def client(live_server: LiveServer, services: Services, database: Database, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # as docs/oauth.md says, for http
    user = make_user(services)
    refresh = issue(services, user)
    return Client(live_server.url, refresh.token.public_id, refresh.secret, user.username, database)


def mistyped(secret: str) -> str:
    """With its last character exchanged: the checksum refuses it."""
    return secret[:-1] + ("x" if secret[-1] != "x" else "y")


pytestmark = [pytest.mark.shares_server]


@pytest.mark.parametrize("in_form", [False, True], ids=["basic", "form"])
def test_requests_oauthlib_by_client_credentials(client: Client, services: Services, in_form: bool) -> None:
    with RequestsOauthlib(client=BackendApplicationClient(client_id=client.id)) as session:
        ask: dict[str, Any] = {"token_url": client.token_url, "client_secret": client.secret}
        ask |= {"include_client_id": True} if in_form else {}
        token = session.fetch_token(**ask)
        assert (token["token_type"], "scope" in token, client.uses(session)) == ("Bearer", False, 200)

        with client.a_day_later(token["access_token"]):
            with pytest.raises(TokenExpiredError):
                client.uses(session)
            again = session.fetch_token(**ask)
            assert again["access_token"] != token["access_token"]
            assert client.uses(session) == 200

        services.revoking.revoke_secret(client.secret, "", ANONYMOUS)
        assert client.uses(session) == 401
        for secret in (client.secret, mistyped(client.secret)):
            with pytest.raises(InvalidClientError):
                session.fetch_token(**ask | {"client_secret": secret})


@pytest.mark.parametrize("is_client", [False, True], ids=["alone", "as a client"])
def test_requests_oauthlib_by_a_refresh_token(client: Client, services: Services, is_client: bool) -> None:
    """By itself, before the access token of which it thinks that it has expired. The refresh token stays."""
    kept: list[dict[str, Any]] = []
    proof = {"client_id": client.id, "client_secret": client.secret} if is_client else {}
    start = {"access_token": "none yet", "token_type": "Bearer", "refresh_token": client.secret, "expires_in": -1}
    with RequestsOauthlib(
        client.id, token=start, auto_refresh_url=client.token_url, auto_refresh_kwargs=proof, token_updater=kept.append
    ) as session:
        assert (client.uses(session), len(kept), kept[0]["refresh_token"]) == (200, 1, client.secret)
        assert client.uses(session) == 200 and len(kept) == 1
        with client.a_day_later(kept[0]["access_token"]):
            assert (client.uses(session), len(kept)) == (200, 2)
            assert kept[0]["access_token"] != kept[1]["access_token"]
        services.revoking.revoke_secret(client.secret, "", ANONYMOUS)
        with pytest.raises(InvalidGrantError):
            session.refresh_token(client.token_url)


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_by_client_credentials(client: Client, method: str) -> None:
    """It introspects and revokes too, and requests another access token by itself."""
    with Authlib(
        client.id, client.secret, token_endpoint=client.token_url, grant_type="client_credentials",
        token_endpoint_auth_method=method, revocation_endpoint_auth_method=method,
    ) as session:  # fmt: skip
        token = session.fetch_token()["access_token"]
        assert client.uses(session) == 200
        about = {"url": f"{client.url}/oauth/introspect", "token_type_hint": "access_token"}
        assert session.introspect_token(token=token, **about).json()["client_id"] == client.id

        with client.a_day_later(token):
            assert session.introspect_token(token=token, **about).json() == {"active": False}
            assert client.uses(session) == 200
            newer = session.token["access_token"]
            assert newer != token

        ended = session.revoke_token(f"{client.url}/oauth/revoke", token=newer, token_type_hint="access_token")
        assert (ended.status_code, client.uses(session)) == (200, 401)
        session.fetch_token()
        assert client.uses(session) == 200
        session.revoke_token(f"{client.url}/oauth/revoke", token=client.secret, token_type_hint="refresh_token")
        with pytest.raises(OAuthError, match="invalid_client"):
            session.fetch_token()


@pytest.mark.parametrize("is_client", [False, True], ids=["alone", "as a client"])
def test_authlib_by_a_refresh_token(client: Client, is_client: bool) -> None:
    """Without a client it sends the id None."""
    start = {"access_token": "none yet", "token_type": "Bearer", "refresh_token": client.secret, "expires_in": -1}
    proof = (client.id, client.secret) if is_client else ()
    kept: list[dict[str, Any]] = []
    with Authlib(
        *proof, token=start, token_endpoint=client.token_url, update_token=lambda token, **_: kept.append(token)
    ) as session:
        assert (client.uses(session), len(kept), kept[0]["refresh_token"]) == (200, 1, client.secret)
        with client.a_day_later(kept[0]["access_token"]):
            assert (client.uses(session), len(kept)) == (200, 2)
        answer = session.revoke_token(f"{client.url}/oauth/revoke", token=client.secret)
        assert (answer.status_code, client.uses(session)) == (200, 401)
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.refresh_token(refresh_token=client.secret)
