"""Alation's own SDK, `allie-sdk` from PyPI, works against a real server by changing its base URL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import requests
from allie_sdk import Alation

from app.domain.identity import Role
from app.services import Services
from tests.drivers import alation
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, revoke


@dataclass(frozen=True)
class Account:
    """A user of the live server with a refresh token that was made over HTTP."""

    url: str
    username: str
    user_id: int
    refresh_token: str

    @contextmanager
    def sdk(self, **credentials: str) -> Iterator[Alation]:
        """The SDK with these credentials, and its connections closed afterwards."""
        client = Alation(host=self.url, user_id=self.user_id, **credentials)
        try:
            yield client
        finally:
            client.authentication.s.close()


@pytest.mark.shares_server
def test_the_sdk_works_against_daypass(live_server: LiveServer, services: Services) -> None:
    profile = {"email": "anna@example.org", "first_name": "Anna"}
    username = make_user(services, role=Role.STEWARD, password=PASSWORD, **profile).username
    with requests.Session() as session:
        issued = alation.Alation(live_server.url, session).issue(username, PASSWORD, "sdk").json()
    account = Account(live_server.url, username, issued["user_id"], issued["refresh_token"])
    with account.sdk(refresh_token=account.refresh_token) as sdk:
        token = sdk.access_token
        it_knows_its_user(sdk, account)
        it_validates_both_tokens(sdk, account, token)
        it_refuses_wrong_tokens(sdk)
    with account.sdk(access_token=token, refresh_token=account.refresh_token) as sdk:
        assert sdk.access_token == token, "a good access token is used as it is"
        it_knows_its_user(sdk, account)
        it_revokes_access_tokens(sdk, token)
    it_raises_its_documented_exception_for_wrong_credentials(account)
    with account.sdk(refresh_token=account.refresh_token) as sdk:
        assert sdk.access_token != token
        it_knows_its_user(sdk, account)


def it_knows_its_user(sdk: Alation, account: Account) -> None:
    user = sdk.user.get_authenticated_user()
    assert (user.id, user.username, user.role) == (account.user_id, account.username, "STEWARD")
    assert (user.email, user.first_name, user.last_name, user.title) == ("anna@example.org", "Anna", "", "")


def it_validates_both_tokens(sdk: Alation, account: Account, token: str) -> None:
    refresh = sdk.authentication.validate_refresh_token()
    assert (refresh.refresh_token, refresh.user_id, refresh.name) == (account.refresh_token, account.user_id, "sdk")
    assert refresh.token_status == "ACTIVE"
    # The SDK gives None for a time in any other spelling.
    assert refresh.token_expires_at - refresh.created_at == timedelta(days=60)
    now = datetime.now(UTC).replace(tzinfo=None)  # noqa: TID251 - what the SDK reads as "Z" has no zone
    assert abs(now - refresh.last_used_at) < timedelta(minutes=1)
    access = sdk.authentication.validate_access_token(token)
    assert (access.api_access_token, access.user_id, access.token_status) == (token, account.user_id, "ACTIVE")
    assert access.token_expires_at - access.created_at == timedelta(hours=24)


def it_refuses_wrong_tokens(sdk: Alation) -> None:
    for validate in (sdk.authentication.validate_refresh_token, sdk.authentication.validate_access_token):
        with pytest.raises(requests.HTTPError) as refused:
            validate("no_token")
        assert refused.value.response.status_code == 401
        assert refused.value.response.json()["reason"] == "token_unknown"


def it_revokes_access_tokens(sdk: Alation, token: str) -> None:
    for _ in range(2):
        done = sdk.authentication.revoke_access_tokens()
        assert done.status == "successful"
        assert done.result["detail"].startswith("Revoked active access tokens for refresh token: 'sdk' with id: ")
    with pytest.raises(requests.HTTPError) as refused:
        sdk.authentication.validate_access_token(token)
    assert refused.value.response.json()["reason"] == "token_revoked"
    with pytest.raises(requests.HTTPError) as refused:
        sdk.user.get_authenticated_user()
    assert refused.value.response.status_code == 403


def it_raises_its_documented_exception_for_wrong_credentials(account: Account) -> None:
    for credentials in ({"refresh_token": "no_token"}, {"access_token": "no_token"}):
        with pytest.raises(requests.HTTPError) as refused, account.sdk(**credentials):
            pass
        assert refused.value.response.status_code == 401


@pytest.mark.shares_server
def test_the_sdk_takes_a_refresh_token_for_an_oauth_client(live_server: LiveServer, services: Services) -> None:
    """Its id and secret are the public id and the text. It never renews, so a new SDK is made where a token ended."""
    user = make_user(services, email="anna@example.org", first_name="Anna", role=Role.STEWARD)
    refresh = issue(services, user)
    account = Account(live_server.url, user.username, user.id, refresh.secret)
    credentials = {"client_id": refresh.token.public_id, "client_secret": refresh.secret}
    with account.sdk(**credentials) as sdk:
        it_knows_its_user(sdk, account)
        by_basic = sdk.authentication.create_oauth_token(use_basic_auth=True)
        assert (by_basic.token_type, by_basic.access_token != sdk.access_token) == ("Bearer", True)
        assert 86390 < by_basic.expires_in <= 86400
        with pytest.raises(requests.HTTPError) as refused:
            sdk.user.get_authenticated_user()
        assert refused.value.response.json()["reason"] == "token_superseded"
    with account.sdk(access_token=by_basic.access_token, **credentials) as sdk:
        it_knows_its_user(sdk, account)
    revoke(services, refresh)
    with pytest.raises(requests.HTTPError) as refused, account.sdk(**credentials):
        pass
    said = refused.value.response.json()
    assert (refused.value.response.status_code, said["error"], said["code"]) == (401, "invalid_client", "401")
    assert said["reason"] == "token_revoked"
