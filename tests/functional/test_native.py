"""The native dialect on a real server: a script's whole story, and an administrator's."""

import pytest

from app.domain.identity import Role
from app.services import Services
from tests.drivers.native import Native
from tests.drivers.server import LiveServer
from tests.factories import configure, issue, make_user, mint


@pytest.mark.shares_server
def test_a_script_works_with_a_refresh_token_until_an_administrator_revokes_it(
    live_server: LiveServer, services: Services
) -> None:
    user, admin = make_user(services), make_user(services, role=Role.SERVER_ADMIN)
    refresh = issue(services, user)
    nobody = Native(live_server.url)
    script = Native(live_server.url, nobody.mint(refresh.secret).json()["secret"])
    assert script.verify().json()["username"] == user.username
    configure(services, api_can_create_refresh_tokens="on")
    made = [script.issue("another", key="only-once") for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 200]
    assert [token["name"] for token in script.own(limit="1")] == ["another", "nightly-etl", "nightly-etl"]
    assert script.revoke(made[0].json()["public_id"]).status_code == 204

    office = Native(live_server.url, mint(services, issue(services, admin)).secret)
    theirs = {"filter": {"owner": user.username}}
    seen = office.call("POST", "tokens/revocations/preview", theirs).json()
    act = theirs | {"confirmation": seen["confirmation"], "reason": "left the team"}
    assert office.call("POST", "tokens/revocations", act).json() == {"refresh_tokens": 1, "access_tokens": 1}
    assert [script.verify().status_code for _ in range(10)] == [401] * 10
    assert nobody.mint(refresh.secret).json()["reason"] == "token_revoked"
