"""Alation's own agent and data quality SDKs from PyPI, in an environment of their own (``make alation-sdk``).

Both renew themselves with an OAuth client's id and secret, which here are a refresh token's public id and its text. One
base URL is all that they know: nginx has Daypass's API compatibility layers and, through the gate, an API under it.
"""

import base64
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from app.domain.clock import system_clock
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests.drivers.conversing import Conversation, Outcome
from tests.drivers.nginx import Nginx, SampleApi
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, Refresh, issue, make_user, revoke

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = ROOT / ".venv-alation"
DRIVERS = ROOT / "tests" / "drivers" / "foreign"

TOKEN, INTROSPECT = "POST /oauth/v2/token/", "POST /oauth/v2/introspect/?verify_token=true"
CALL, STREAM = "GET /integration/v2/custom_field/", "POST /ai/api/v1/chats/tool/default/get_data_sources_tool/stream"
START = [TOKEN, "GET /api/v1/license", "GET /full_version"]
SAVE = "POST /dqms/api/monitors/1/jobs/2/sample-failed-check-queries"


@dataclass
class Stack:
    """One user's refresh token, which is the client. `daypass`: Daypass itself; `url`: with the API, behind nginx."""

    services: Services
    database: Database
    daypass: str
    url: str
    folder: Path
    refresh: Refresh

    @property
    def credentials(self) -> dict[str, str]:
        return {"client_id": self.refresh.token.public_id, "client_secret": self.refresh.secret}

    @contextmanager
    def client(self, driver: str, **environment: str) -> Iterator[Conversation]:
        words = [str(ENVIRONMENT / "bin" / "python"), "-W", "ignore", str(DRIVERS / driver)]
        with Conversation(words, self.folder, environment) as client:
            yield client

    def started(self, client: Conversation, url: str | None = None) -> Outcome:
        return client.do("start", url=url or self.url, **self.credentials)

    def expire(self, access_token: str) -> None:
        """Its time is over, as nobody but the server knows."""
        now = system_clock()
        row = update(AccessTokenRow).where(AccessTokenRow.public_id == access_token.split("_")[1])
        times = {"created_at": now - timedelta(days=2), "expires_at": now - timedelta(days=1)}
        with self.database.transaction() as session:
            session.execute(row.values(times))

    def revoke(self, access_token: str) -> None:
        self.services.revoking.revoke(access_token.split("_")[1], "", OPERATOR)

    def is_caller(self, answer: Any) -> bool:
        """Whether the API was called as the refresh token's owner."""
        return bool(answer["caller"]["X-Auth-User-Id"] == str(self.refresh.token.user_id))


@pytest.fixture(scope="module")
def sample_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleApi]:
    with SampleApi(tmp_path_factory.mktemp("api")) as api:
        yield api


@pytest.fixture
def stack(
    live_server: LiveServer, services: Services, database: Database, sample_api: SampleApi, tmp_path: Path
) -> Iterator[Stack]:
    install_the_sdks()
    with Nginx(tmp_path, live_server.port, sample_api.port) as nginx:
        refresh = issue(services, make_user(services))
        yield Stack(services, database, live_server.url, nginx.url_one, tmp_path, refresh)


def install_the_sdks() -> None:
    """With the pinned hashes; nothing is done where they have not changed."""
    done = subprocess.run(["make", "alation-sdk"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (
        "The vendor's SDKs could not be installed. They come from the package index that pip is configured for: see "
        f"that it can be reached, then try `make alation-sdk`.\n{done.stdout}{done.stderr}"
    )


@pytest.mark.shares_server
@pytest.mark.parametrize("version", ["1.0.0", "0.12.0"])
def test_the_agent_sdk_renews_itself_and_says_why_it_no_longer_can(stack: Stack, version: str) -> None:
    older = {"PYTHONPATH": str(ENVIRONMENT / "older")} if version == "0.12.0" else {}
    with stack.client("alation_agent.py", **older) as client:
        assert client.do("version").returned == version
        it_starts_with_the_token_alone(stack, client)
        first = it_calls_through_the_gate(stack, client)
        second = it_renews(stack, client, first, stack.expire)
        third = it_renews(stack, client, second, stack.revoke)
        if version == "1.0.0":
            it_sends_one_token_in_two_headers_for_a_stream(client, third)
        revoke(stack.services, stack.refresh)
        refused = client.do("call")
        assert refused.lines == [INTROSPECT, TOKEN]
        assert refused.raised is not None
        said = refused.raised["said"]
        assert (said["status_code"], said["reason"]) == (401, "invalid_client")
        assert "revoked" in said["resolution_hint"]
        assert said["response_body"]["reason"] == "token_revoked"


def it_starts_with_the_token_alone(stack: Stack, client: Conversation) -> None:
    """Daypass answers 404 to the two requests that it can do without."""
    started = stack.started(client, stack.daypass)
    assert (started.raised, started.lines) == (None, START)
    token, licence, version = started.requests
    form = {"grant_type": "client_credentials", **stack.credentials}
    assert (token["form"], token["content-type"]) == (form, "application/x-www-form-urlencoded")
    assert not {"authorization", "token"} & token.keys()
    assert "token" in licence and "token" not in version
    assert client.messages().count("404 Client Error") == 2  # the port may hold the digits too


def it_calls_through_the_gate(stack: Stack, client: Conversation) -> str:
    """Its access token. The licence and the version would be the API's; the version is asked for without a token."""
    started = stack.started(client)
    assert (started.raised, started.lines) == (None, START)
    assert client.messages().count("401 Client Error") == 1
    called = client.do("call")
    assert (called.lines, stack.is_caller(called.returned)) == ([INTROSPECT, CALL], True)
    asked, used = called.requests
    assert asked["form"] == {"token": used["token"], "token_type_hint": "access_token", **stack.credentials}
    assert used["token"] == started.requests[1]["token"]
    return str(used["token"])


def it_renews(stack: Stack, client: Conversation, token: str, end: Any) -> str:
    """Before the next call, which nobody notices."""
    end(token)
    called = client.do("call")
    assert called.lines == [INTROSPECT, TOKEN, CALL]
    assert stack.is_caller(called.returned)
    assert called.requests[-1]["token"] != token
    return str(called.requests[-1]["token"])


def it_sends_one_token_in_two_headers_for_a_stream(client: Conversation, token: str) -> None:
    streamed = client.do("stream")
    assert (streamed.raised, streamed.lines) == (None, [INTROSPECT, STREAM])
    assert (streamed.requests[-1]["token"], streamed.requests[-1]["authorization"]) == (token, f"Bearer {token}")


@pytest.mark.shares_server
def test_the_agent_sdk_of_before_knows_a_user_and_a_refresh_token(stack: Stack) -> None:
    with stack.client("alation_agent.py", PYTHONPATH=str(ENVIRONMENT / "older")) as client:
        user = {"user_id": stack.refresh.token.user_id, "refresh_token": stack.refresh.secret}
        started = client.do("start_as_user", url=stack.url, **user)
        assert started.lines == ["POST /integration/v1/createAPIAccessToken/", *START[1:]]
        for end in (stack.expire, stack.revoke):
            first = client.do("call")
            assert first.lines[-2:] == ["POST /integration/v1/validateAPIAccessToken/", CALL]
            assert stack.is_caller(first.returned)
            end(first.requests[-1]["token"])
            assert stack.is_caller(client.do("call").returned)
        revoke(stack.services, stack.refresh)
        refused = client.do("call").raised
        assert refused is not None and refused["said"]["status_code"] == 401


@pytest.mark.shares_server
def test_the_data_quality_sdk_renews_itself_and_says_why_it_no_longer_can(stack: Stack) -> None:
    with stack.client("alation_data_quality.py") as client:
        started = stack.started(client)
        it_was_one_request_with_http_basic(stack, started)
        first = client.do("call")
        assert (stack.is_caller(first.returned), first.lines) == (True, [SAVE])
        second = it_renews_when_refused(stack, client, bearer(first), stack.expire)
        third = it_renews_when_refused(stack, client, second, stack.revoke)
        another_process_uses_the_same_token(stack, third)
        client.do("let_time_pass", seconds=86400)
        in_time = client.do("call")
        assert (in_time.lines, stack.is_caller(in_time.returned)) == ([TOKEN, SAVE], True)
        assert bearer(in_time) != third
        assert client.do("is_healthy").returned is False, "degraded: the API says nothing of django"
        revoke(stack.services, stack.refresh)
        refused = client.do("call")
        assert refused.lines == [SAVE, TOKEN]
        assert refused.raised is not None
        for word in ("401", "invalid_client", "token_revoked"):
            assert word in refused.raised["text"]


def it_was_one_request_with_http_basic(stack: Stack, started: Outcome) -> None:
    assert (started.raised, started.lines) == (None, [TOKEN])
    pair = f"{stack.credentials['client_id']}:{stack.credentials['client_secret']}"
    assert started.requests[0]["authorization"] == f"Basic {base64.b64encode(pair.encode()).decode()}"
    assert started.requests[0]["form"] == {"grant_type": "client_credentials"}


def it_renews_when_refused(stack: Stack, client: Conversation, token: str, end: Any) -> str:
    """Within the call: refused once, minted, repeated."""
    end(token)
    called = client.do("call")
    assert called.lines == [SAVE, TOKEN, SAVE]
    assert stack.is_caller(called.returned)
    assert bearer(called) != token
    return bearer(called)


def another_process_uses_the_same_token(stack: Stack, token: str) -> None:
    """It reads the cache file of the first."""
    with stack.client("alation_data_quality.py") as other:
        assert stack.started(other).lines == []
        called = other.do("call")
        assert (called.lines, bearer(called)) == ([SAVE], token)


def bearer(outcome: Outcome) -> str:
    """The access token of its last request."""
    kind, token = outcome.requests[-1]["authorization"].split()
    assert kind == "Bearer"
    return str(token)
