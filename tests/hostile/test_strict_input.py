"""Input that means something else than it says, sent to a live server: nothing is changed by it, nothing is skipped."""

import pytest
import requests

from app.domain.identity import Role
from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.drivers.server import LiveServer
from tests.factories import configure, issue, make_user, mint

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

CHANGED_BY_USE = {
    "access_tokens", "check_counts", "job_leases", "clock_marks", "audit_events", "audit_seals", "key_fingerprints",
}  # fmt: skip
"""Tables that a request, or the server by itself, writes whatever is asked."""


def test_what_would_have_to_be_converted_changes_nothing(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    """◆ Fails when `0` disables a user, and when the first of two parameters counts."""
    admin, anna = make_user(services, role=Role.SERVER_ADMIN), make_user(services)
    token = mint(services, issue(services, admin)).secret
    configure(services, api_can_manage_users="on")
    api = f"{live_server.url}/api/v1"

    def refused(method: str, path: str, body: object = None) -> None:
        answer = requests.request(method, f"{api}/{path}", json=body, headers={"TOKEN": token}, timeout=60)
        assert answer.status_code == 400 and answer.json()["reason"] == "bad_request", (path, answer.text)

    before = {name: found for name, found in rows.everything(database).items() if name not in CHANGED_BY_USE}
    for value in (0, 1, 0.0, "false", None, [], {}):
        refused("PATCH", f"users/{anna.id}", {"is_active": value})
        refused("PATCH", f"users/{anna.id}", {"role": value})
        refused("POST", "users", {"username": "berta", "has_temporary_password": value})
        not_a_text = 1.5 if isinstance(value, str) else value
        refused("POST", "users", {"username": not_a_text, "role": "SERVER_ADMIN"})
        refused("POST", f"users/{anna.id}/revoke-tokens", {"reason": not_a_text})
        refused("POST", "tokens/revocations/preview", {"filter": {"unused_for_days": value or 1.9, "name": value}})
        refused("PUT", "settings/api_tokens_enabled", {"value": value})
    for query in (
        "tokens?owner=alice&owner=admin",
        "tokens?unused_for_days=1.9",
        "users?cursor=abc",
        "users?limit=1_0",
    ):
        refused("GET", query)
    after = {name: found for name, found in rows.everything(database).items() if name not in CHANGED_BY_USE}
    assert after == before


def test_a_cursor_of_one_worker_is_one_of_the_other(live_server: LiveServer, services: Services) -> None:
    """Every row once, over connections that both workers answer."""
    anna = make_user(services)
    token = mint(services, issue(services, anna)).secret
    for _ in range(7):
        issue(services, anna)
    seen, path = [], "/api/v1/me/tokens?limit=1"
    while path:
        answer = requests.get(live_server.url + path, headers={"TOKEN": token}, timeout=60)  # a connection of its own
        seen += [each["public_id"] for each in answer.json()["items"]]
        path = answer.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert len(seen) == len(set(seen)) == 9
