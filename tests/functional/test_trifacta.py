"""The Trifacta dialect on a real server with two workers: made, used, stopped and started, by requests and by curl.

Here belongs what needs processes: that each worker knows at once, and that real clients get on. Not here: the wire
(``tests/contract/test_trifacta_…``).
"""

import json
import subprocess
from collections.abc import Callable
from functools import partial

import pytest
import requests

from app.domain.identity import ApiTokens
from app.services import Services
from tests.drivers.server import LiveServer
from tests.drivers.trifacta import Trifacta
from tests.factories import OPERATOR, PASSWORD, make_user
from tests.secrecy import secrets_in

ASKED = 16
"""So often is asked after each change, each time over a new connection: two workers take them in turns."""


def statuses(url: str, token: str) -> list[set[int]]:
    """What `/auth/verify`, Alation's userinfo and this dialect answer to the token: by all workers, if each is one."""
    as_bearer, as_token = {"Authorization": f"Bearer {token}"}, {"TOKEN": token}
    asks: list[Callable[[], requests.Response]] = [
        lambda: requests.get(f"{url}/auth/verify", headers=as_bearer, timeout=30),
        lambda: requests.get(f"{url}/integration/v1/userinfo/", headers=as_token, timeout=30),
        lambda: requests.get(f"{url}/V4/People/Current/", headers=as_bearer, timeout=30),
    ]
    return [{ask().status_code for _ in range(ASKED)} for ask in asks]


SWITCH = ("conf", "api_tokens_enabled", "-s")
GOOD, REFUSED = [{200}] * 3, [{401}, {403}, {401}]


@pytest.mark.shares_server
def test_a_token_is_made_used_stopped_and_started_on_every_worker(live_server: LiveServer, services: Services) -> None:
    server, command, name = live_server, live_server.json, make_user(services, password=PASSWORD).username
    anna = Trifacta.with_password(server.url, name, PASSWORD)
    assert anna.generate(60).status_code == 403
    command("user", "allow-tokens", name)
    made = anna.generate(3600, "reports").json()
    token, info = made["tokenValue"], made["tokenInfo"]
    assert statuses(server.url, token) == GOOD
    accounts = services.accounts
    for off, on in (
        (partial(command, *SWITCH, "off"), partial(command, *SWITCH, "on")),
        (
            partial(command, "user", "deny-tokens", name),
            partial(accounts.set_api_tokens, name, ApiTokens.ALLOW, OPERATOR),
        ),
        (partial(accounts.disable, name, OPERATOR), partial(accounts.enable, name, OPERATOR)),
    ):
        off()
        assert statuses(server.url, token) == REFUSED, off
        on()
        assert statuses(server.url, token) == GOOD, on
    it_is_listed_by_its_description(server, name, token, info["tokenId"])
    curl_gets_on(server, name, info["tokenId"])
    assert anna.delete(info["tokenId"]).status_code == 204
    assert statuses(server.url, token) == REFUSED
    anna.session.close()


def it_is_listed_by_its_description(server: LiveServer, name: str, token: str, token_id: str) -> None:
    (listed,) = server.json("token", "list", "--user", name)
    assert (listed["kind"], listed["name"], listed["status"]) == ("access", "reports", "active")
    assert server.json("token", "show", listed["public_id"])["expires_at"] == listed["expires_at"]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        answer = Trifacta(server.url, session).get(token_id)
    assert answer.headers["Token-Id"] == listed["public_id"]
    assert not secrets_in(json.dumps(listed))


def curl_gets_on(server: LiveServer, name: str, token_id: str) -> None:
    """With Basic from its own options, and what `--json` of newer versions sends."""
    url = f"{server.url}/v4/apiaccesstokens"
    sent = ["-H", "Content-Type: application/json", "-H", "Accept: application/json", "-d", '{"lifetimeSeconds": 60}']
    made = json.loads(curl("-u", f"{name}:{PASSWORD}", *sent, url))
    as_bearer = ("-H", f"Authorization: Bearer {made['tokenValue']}")
    assert [each["tokenId"] for each in json.loads(curl(*as_bearer, url))["data"]] == [
        token_id,
        made["tokenInfo"]["tokenId"],
    ]
    end = ("-X", "DELETE", "-w", "%{http_code}", f"{url}/{made['tokenInfo']['tokenId']}/")
    assert (curl(*as_bearer, *end), json.loads(curl(*as_bearer, *end)[:-3])["exception"]["name"]) == (
        "204",
        "MissingPersonException",
    )


def curl(*arguments: str) -> str:
    """What curl prints."""
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", *arguments],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip


@pytest.mark.shares_server
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_documents_and_pages_are_served_by_the_real_server(live_server: LiveServer) -> None:
    for path in ("/openapi/v4/", "/docs/", "/docs/v4/", "/docs/files/swagger-ui-bundle.js", "/docs/files/docs.css"):
        assert requests.get(f"{live_server.url}{path}", timeout=30).status_code == 200, path
    live_server.json("conf", "openapi_enabled", "-s", "off")
    assert requests.get(f"{live_server.url}/docs/", timeout=30).status_code == 404
