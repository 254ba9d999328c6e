"""Alation's own agent and data quality SDKs from PyPI, in an environment of their own (``make alation-sdk``).

Both renew themselves with an OAuth client's id and secret, which here are a refresh token's public id and its text. One
base URL is all that they know: nginx serves Daypass's paths and, through the gate, an API under it.
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
from tests.drivers.nginx import Nginx, SampleApi, free_port
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, Refresh, issue, make_user, revoke

ROOT = Path(__file__).parent.parent.parent
ENVIRONMENT = ROOT / ".venv-alation"
DRIVERS = ROOT / "tests" / "drivers" / "foreign"

TOKEN = "POST /oauth/v2/token/"
CALL = "GET /integration/v2/custom_field/"
START = [TOKEN, "GET /api/v1/license", "GET /full_version"]
SAVE = "POST /dqms/api/monitors/1/jobs/2/sample-failed-check-queries"

ONE_URL = """\
server {{
    listen 127.0.0.1:{port};
    include daypass/refuse.conf;
    location / {{ auth_request /_daypass/anybody; include daypass/protect.conf; proxy_pass http://sample_api; }}
    location ~ ^/+(oauth|integration/v1|api/v1|full_version|monitor)/? {{
        proxy_pass http://daypass;
        proxy_set_header Host $http_host;
    }}
    location = /_daypass/anybody {{ include daypass/ask.conf; proxy_pass http://daypass/auth/verify; }}
}}
"""


class OneUrl(Nginx):
    """nginx with one more server, at whose `base_url` are both Daypass and the API."""

    def __init__(self, folder: Path, daypass_port: int, api_port: int) -> None:
        super().__init__(folder, daypass_port, api_port)
        port = free_port()
        (self.folder / "conf.d" / "one_url.conf").write_text(ONE_URL.format(port=port))
        self.base_url = f"http://127.0.0.1:{port}"


@dataclass
class Stack:
    """One user's refresh token, which is the client, and what the client is pointed at."""

    services: Services
    database: Database
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

    def started(self, client: Conversation) -> Outcome:
        return client.do("start", url=self.url, **self.credentials)

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
    with OneUrl(tmp_path, live_server.port, sample_api.port) as nginx:
        yield Stack(services, database, nginx.base_url, tmp_path, issue(services, make_user(services)))


def install_the_sdks() -> None:
    """With the pinned hashes; nothing is done where they have not changed."""
    done = subprocess.run(["make", "alation-sdk"], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, (
        "The vendor's SDKs could not be installed. They come from the package index that pip is configured for: see "
        f"that it can be reached, then try `make alation-sdk`.\n{done.stdout}{done.stderr}"
    )


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
        assert client.do("is_healthy").returned is False, "degraded: Daypass has no /monitor/i_am_alive"
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
