"""Instance settings changed while the service runs, by ``daypass conf`` for one.

Here belongs that a change reaches every worker at once, without a restart, and never a token that exists. Not
here: which values a setting can have (``tests/unit/domain/test_policy.py``).
"""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.services import Services
from app.storage.database import Database
from tests import rows
from tests.drivers.alation import Alation
from tests.drivers.server import LiveServer
from tests.drivers.workers import WorkerClients
from tests.factories import PASSWORD, issue, make_user

pytestmark = pytest.mark.shares_server


def test_what_conf_changes_holds_on_every_worker_at_once_and_never_for_the_expiry_of_old_tokens(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    user = make_user(services, password=PASSWORD)
    with WorkerClients(live_server) as clients:
        workers = clients.each()
        assert [worker.issue(user.username, PASSWORD, "nightly-etl").status_code for worker in workers] == [201, 201]
        proofs = [(issue(services, user).secret, user.id) for _ in workers]
        old = [_minted(worker, proof) for worker, proof in zip(workers, proofs, strict=True)]

        for change in (("access_token_lifespan", "2"), ("password_api_enabled", "off")):
            assert live_server.command("conf", change[0], "-s", change[1]).returncode == 0
        # One refresh token each, so that nothing of the old tokens is replaced.
        new = [_minted(worker, (issue(services, user).secret, user.id)) for worker in workers]
        told = [worker.verify_access_token(old[0]["api_access_token"], user.id).json() for worker in workers]
        refused = [worker.issue(user.username, PASSWORD, "nightly-etl") for worker in workers]

        assert [_lifetime(token) for token in old] == [timedelta(hours=24)] * 2
        assert [_lifetime(token) for token in new] == [timedelta(hours=2)] * 2
        assert [_lifetime(token) for token in told] == [timedelta(hours=24)] * 2
        assert [worker.use(old[0]["api_access_token"]).status_code for worker in workers] == [200, 200]
        assert [(answer.status_code, answer.json()["reason"]) for answer in refused] == [(403, "not_permitted")] * 2
        assert clients.are_still_apart(), "a worker was restarted"
    changes = [event for event in rows.audit_events(database) if event.action == "instance_setting.changed"]
    (recorded,) = [event for event in changes if event.object_id == "access_token_lifespan"]
    assert recorded.actor.startswith("cli:")


def _minted(client: Alation, proof: tuple[str, int]) -> dict[str, Any]:
    answer = client.mint(*proof)
    assert answer.status_code == 201, answer.text
    minted = answer.json()
    assert isinstance(minted, dict)
    return minted


def _lifetime(token: dict[str, Any]) -> timedelta:
    return _instant(token["token_expires_at"]) - _instant(token["created_at"])


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
