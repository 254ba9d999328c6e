"""The audit log of a running service: a crowd can't fill it, nor who has the database without the keys forge it."""

import json
import time
from collections import Counter
from functools import partial
from typing import Any

import requests

from app.services import Services
from app.services.sightings import MOST_A_MINUTE
from app.storage.database import Database
from tests.audit_tampering import tamper
from tests.crowds import all_at_once
from tests.drivers.server import LiveServer
from tests.factories import PASSWORD, issue, make_user, mint
from tests.patience import PATIENCE_SECONDS

WORKERS = 2
KINDS = ("sign_in.refused", "sign_in.throttled", "administration.refused", "refresh_token.presented_as_access")
ROUNDS = 8
CLIENTS = 6
ASKED = 4 * ROUNDS * CLIENTS


def test_a_crowd_neither_fills_nor_forges_the_audit_log(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Wrong passwords, names that are nobody's, tokens at the wrong place, acts of administrators; then edited rows.

    One test, because each start of a server takes seconds. Nothing of what was typed is in the log.
    """
    anna = make_user(services, "anna", password=PASSWORD)
    refresh = issue(services, anna)
    access = mint(services, refresh)
    began = time.monotonic()

    def hammer(client: int) -> None:
        with requests.Session() as http:
            for number in range(ROUNDS):
                for name in ("anna", f"typed-password-{client}-{number}"):
                    body = {"username": name, "password": f"typed-secret-{number}", "name": "x"}
                    http.post(f"{live_server.url}/integration/v1/createRefreshToken/", data=body)
                http.get(f"{live_server.url}/auth/verify", headers={"TOKEN": refresh.secret})
                http.post(f"{live_server.url}/api/v1/users", headers={"TOKEN": access.secret}, json={"username": "x"})

    all_at_once([partial(hammer, client) for client in range(CLIENTS)])
    events = _when_written(services)
    minutes = 1 + (time.monotonic() - began) // 60 + 1
    counts = Counter(event.action for event in events)
    assert counts["sign_in.refused"] >= 2 and set(counts) <= set(KINDS)
    assert all(number <= MOST_A_MINUTE * WORKERS * minutes for number in counts.values()), counts
    assert len(events) < ASKED / 2, "most were left out"
    assert {event.object_id for event in events} == {
        "anna", "(unknown)", refresh.token.public_id, "POST /api/v1/users"
    }  # fmt: skip
    text = json.dumps([vars(event) | {"at": str(event.at)} for event in events])
    assert "typed" not in text and refresh.secret not in text and access.secret not in text
    _refuse_forgery(live_server, database, services)


def _when_written(services: Services) -> list[Any]:
    """The events of refused acts, when each kind is among them."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        events = [each for each in services.audit_list.events(limit=500).items if each.result == "refused"]
        if {event.action for event in events} >= set(KINDS) - {"sign_in.throttled"} or time.monotonic() > deadline:
            return events
        time.sleep(0.1)


def _refuse_forgery(server: LiveServer, database: Database, services: Services) -> None:
    """Who changes an event in the database is named by the command; all attacks: ``unit/services``."""
    services.audit.sealing.seal()
    assert server.json("audit", "verify")["events"] > 4
    tamper(database, "UPDATE audit_events SET actor = 'mallory' WHERE id = 1")
    done = server.command("audit", "verify")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith("Error: Range 1 of the ordinary events (1 to ") and "does not match" in done.stderr
