"""The Trifacta dialect on a real server with two workers: made, used, stopped and started, by requests and by curl.

Here belongs what needs processes: that each worker knows at once, and that real clients get on. Not here: the wire
(``tests/contract/test_trifacta_…``).
"""

import json
import subprocess
from collections.abc import Callable

import pytest
import requests

from tests.drivers.server import LiveServer
from tests.drivers.trifacta import Trifacta
from tests.factories import PASSWORD
from tests.secrecy import secrets_in

ASKED = 24
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


GOOD, REFUSED = [{200}] * 3, [{401}, {403}, {401}]


def test_a_token_is_made_used_stopped_and_started_on_every_worker(live_server: LiveServer) -> None:
    """One server for the whole story: starting one costs seconds."""
    server, command = live_server, live_server.json
    command("user", "add", "anna", stdin=f"{PASSWORD}\n")
    anna = Trifacta.with_password(server.url, "anna", PASSWORD)
    assert anna.generate(60).status_code == 403
    command("user", "allow-tokens", "anna")
    made = anna.generate(3600, "reports").json()
    token, info = made["tokenValue"], made["tokenInfo"]
    assert statuses(server.url, token) == GOOD
    for off, on in (
        (("conf", "api_tokens_enabled", "-s", "off"), ("conf", "api_tokens_enabled", "-s", "on")),
        (("user", "deny-tokens", "anna"), ("user", "allow-tokens", "anna")),
        (("user", "disable", "anna"), ("user", "enable", "anna")),
    ):
        command(*off)
        assert statuses(server.url, token) == REFUSED, off
        command(*on)
        assert statuses(server.url, token) == GOOD, on
    it_is_listed_by_its_description(server, token, info["tokenId"])
    curl_gets_on(server, info["tokenId"])
    assert anna.delete(info["tokenId"]).status_code == 204
    assert statuses(server.url, token) == REFUSED
    anna.session.close()


def it_is_listed_by_its_description(server: LiveServer, token: str, token_id: str) -> None:
    (listed,) = server.json("token", "list", "--user", "anna")
    assert (listed["kind"], listed["name"], listed["status"]) == ("access", "reports", "active")
    assert server.json("token", "show", listed["public_id"])["expires_at"] == listed["expires_at"]
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        answer = Trifacta(server.url, session).get(token_id)
    assert answer.headers["Token-Id"] == listed["public_id"]
    assert not secrets_in(json.dumps(listed))


def curl_gets_on(server: LiveServer, token_id: str) -> None:
    """With Basic from its own options, and what `--json` of newer versions sends."""
    url = f"{server.url}/v4/apiaccesstokens"
    sent = ["-H", "Content-Type: application/json", "-H", "Accept: application/json", "-d", '{"lifetimeSeconds": 60}']
    made = json.loads(curl("-u", f"anna:{PASSWORD}", *sent, url))
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


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_documents_and_pages_are_served_by_the_real_server(live_server: LiveServer) -> None:
    for path in ("/openapi/v4/", "/docs/", "/docs/v4/", "/docs/files/swagger-ui-bundle.js", "/docs/files/docs.css"):
        assert requests.get(f"{live_server.url}{path}", timeout=30).status_code == 200, path
    live_server.json("conf", "openapi_enabled", "-s", "off")
    assert requests.get(f"{live_server.url}/docs/", timeout=30).status_code == 404
