"""Instance settings changed while the service runs reach every worker at once, and never a token that exists."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.services import Services
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import OPERATOR, PASSWORD, issue, make_user

pytestmark = pytest.mark.shares_server


def test_settings_changed_by_other_processes_hold_on_every_worker_at_once(
    live_server: LiveServer, services: Services
) -> None:
    user = make_user(services, password=PASSWORD)
    with WorkerClients(live_server) as clients:
        workers = clients.each()
        # One refresh token each, so that nothing is replaced.
        old = [minted(worker, issue(services, user).secret, user.id) for worker in workers]
        assert live_server.command("conf", "access_token_lifespan", "-s", "2").returncode == 0
        services.instance_settings.change("password_api_enabled", "off", OPERATOR)
        new = [minted(worker, issue(services, user).secret, user.id) for worker in workers]
        seen = [worker.verify_access_token(old[0]["api_access_token"], user.id).json() for worker in workers]

        assert [lifetime(token) for token in old + seen] == [timedelta(hours=24)] * 4
        assert [lifetime(token) for token in new] == [timedelta(hours=2)] * 2
        assert [worker.use(old[0]["api_access_token"]).status_code for worker in workers] == [200, 200]
        refused = [worker.issue(user.username, PASSWORD, "nightly-etl") for worker in workers]
        assert [(answer.status_code, answer.json()["reason"]) for answer in refused] == [(403, "not_permitted")] * 2
        assert clients.are_still_apart(), "a worker was restarted"


def minted(client: Alation, refresh_token: str, user_id: int) -> dict[str, Any]:
    answer = client.mint(refresh_token, user_id)
    assert answer.status_code == 201, answer.text
    token: dict[str, Any] = answer.json()
    return token


def lifetime(token: dict[str, Any]) -> timedelta:
    expires_at, created_at = (datetime.fromisoformat(token[name]) for name in ("token_expires_at", "created_at"))
    return expires_at - created_at
