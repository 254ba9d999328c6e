"""The Trifacta dialect on a real server with two workers, by requests and by curl."""

import json
import subprocess
from functools import partial

import pytest

from app.domain.identity import ApiTokens
from app.services import Services
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.trifacta import Trifacta
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, configure, disable, enable, make_user, set_api_tokens

GOOD, REFUSED = {(200, 200, 200)}, {(401, 403, 401)}


def statuses(workers: list[Alation], token: str) -> set[tuple[int, ...]]:
    """What the gate, Alation's userinfo and this dialect answer, on each worker."""
    bearer = {"Authorization": f"Bearer {token}"}
    calls = (("/auth/verify", bearer), ("/integration/v1/userinfo/", {"TOKEN": token}), ("/V4/People/Current/", bearer))
    return {
        tuple(each.session.get(f"{each.url}{path}", headers=sent, timeout=60).status_code for path, sent in calls)
        for each in workers
    }


@pytest.mark.shares_server
def test_a_token_is_generated_used_suspended_and_resumed_on_every_worker(
    live_server: LiveServer, services: Services
) -> None:
    name = make_user(services, password=PASSWORD).username
    anna = Trifacta.with_password(live_server.url, name, PASSWORD)
    assert anna.generate(60).status_code == 403
    live_server.json("user", "allow-tokens", name)
    made = anna.generate(3600, "reports").json()
    token, token_id = made["tokenValue"], made["tokenInfo"]["tokenId"]
    with WorkerClients(live_server) as clients:
        assert statuses(clients.each(), token) == GOOD
        for off, on in (
            (partial(configure, services, api_tokens_enabled=to) for to in ("off", "on")),
            (partial(set_api_tokens, services, name, to) for to in (ApiTokens.DENY, ApiTokens.ALLOW)),
            (partial(act, services, name) for act in (disable, enable)),
        ):
            off()
            assert statuses(clients.each(), token) == REFUSED, off
            on()
            assert statuses(clients.each(), token) == GOOD, on
        curl_works(live_server.url, name, token_id)
        assert anna.delete(token_id).status_code == 204
        assert statuses(clients.each(), token) == REFUSED
    anna.session.close()


def curl_works(url: str, name: str, token_id: str) -> None:
    """With Basic from its own options, and what `--json` of newer versions sends."""
    url = f"{url}/v4/apiaccesstokens"
    sent = ["-H", "Content-Type: application/json", "-H", "Accept: application/json", "-d", '{"lifetimeSeconds": 60}']
    made = json.loads(curl("-u", f"{name}:{PASSWORD}", *sent, url))
    as_bearer = ("-H", f"Authorization: Bearer {made['tokenValue']}")
    listed = json.loads(curl(*as_bearer, url))["data"]
    assert [each["tokenId"] for each in listed] == [token_id, made["tokenInfo"]["tokenId"]]
    deleted = curl(*as_bearer, "-X", "DELETE", "-w", "%{http_code}", f"{url}/{made['tokenInfo']['tokenId']}/")
    assert deleted == "204"


def curl(*arguments: str) -> str:
    """What curl prints."""
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "30", *arguments],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
