"""Tokens that careless clients put into paths, queries and headers of a live server."""

import time

import pytest
import requests

from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.drivers.server import LiveServer
from tests.factories import issue, make_user, mint
from tests.patience import PATIENCE_SECONDS

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]


def test_a_token_in_the_wrong_place_is_neither_kept_nor_logged_and_its_owner_can_learn_of_it(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails when the server logs paths as they come, and when a worker does not look for secrets."""
    refresh = issue(services, make_user(services))
    access = mint(services, refresh)
    public_id, digits = access.token.public_id, access.secret.rpartition("_")[2]
    for text in (access.secret, access.secret.replace("_", "%255F"), digits, f"{public_id}_{digits[:25]}"):
        for path in (f"/x/{text}", f"/auth/verify?token={text}", f"/api/v1/me?next={text}", f"/login?next=/{text}"):
            spoilt = {"User-Agent": f"etl/1 {text}", "Referer": f"https://etl.example.com/?token={text}"}
            answer = requests.get(live_server.url + path, headers={"TOKEN": access.secret, **spoilt}, timeout=60)
            assert digits[:20] not in f"{answer.text}{answer.headers}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    found: set[str] = set()
    while not found >= {"the path of a request", "the query of a request", "a user agent", "a referrer"}:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
        events = services.audit_list.events(object_id=public_id, action="access_token.secret_found").items
        found = {str(each.detail["place"]) for each in events}
    kept = f"{rows.everything(database)}{live_server.log()}"
    assert public_id in kept
    assert not [at for at in range(24) if digits[at : at + 20] in kept]
