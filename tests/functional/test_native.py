"""The native dialect against a real server: a script's whole story, and an administrator's.

Here belongs what needs a process. Not here: the dialect to the byte (``tests/contract``).
"""

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.drivers.native import Native
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, issue, make_user, mint


@pytest.mark.shares_server
def test_a_script_lives_on_a_refresh_token_until_an_administrator_ends_it(
    live_server: LiveServer, services: Services
) -> None:
    user, admin = make_user(services), make_user(services, role=Role.SERVER_ADMIN)
    refresh = issue(services, user)
    nobody = Native(live_server.url)
    minted = nobody.mint(refresh.secret)
    assert minted.status_code == 201
    script = Native(live_server.url, minted.json()["secret"])
    assert script.verify().json()["username"] == user.username
    assert script.issue("another").status_code == 403
    services.instance_settings.change("api_can_create_refresh_tokens", "on", OPERATOR)
    made = [script.issue("another", key="only-once") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 200]
    assert made[0].json()["public_id"] == made[1].json()["public_id"]
    assert [token["name"] for token in script.own(limit="1")] == ["another", "nightly-etl", "nightly-etl"]
    assert script.revoke(made[0].json()["public_id"]).status_code == 204

    office = Native(live_server.url, mint(services, issue(services, admin)).secret)
    theirs = {"owner": user.username}
    unused = theirs | {"unused_for_days": 1}
    assert office.call("POST", "tokens/revocations/preview", {"filter": unused}).json()["refresh_tokens"] == 0
    seen = office.call("POST", "tokens/revocations/preview", {"filter": theirs}).json()
    act = {"filter": theirs, "confirmation": seen["confirmation"], "reason": "left the team"}
    ended = office.call("POST", "tokens/revocations", act)
    assert ended.json() == {"refresh_tokens": 1, "access_tokens": 1}
    assert [script.verify().status_code for _ in range(10)] == [401] * 10
    assert nobody.mint(refresh.secret).json()["reason"] == "token_revoked"
