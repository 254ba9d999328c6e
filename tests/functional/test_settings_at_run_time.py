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
from tests.factories import OPERATOR, PASSWORD, issue, make_user

pytestmark = pytest.mark.shares_server


def test_a_lifetime_changed_by_conf_holds_for_new_tokens_on_every_worker_and_never_for_old_ones(
    live_server: LiveServer, services: Services, database: Database
) -> None:
    user = make_user(services)
    with WorkerClients(live_server) as clients:
        workers = clients.each()
        proofs = [(issue(services, user).secret, user.id) for _ in workers]
        old = [_minted(worker, proof) for worker, proof in zip(workers, proofs, strict=True)]

        changed = live_server.command("conf", "access_token_lifespan", "-s", "2")
        # One refresh token each, so that nothing of the old tokens is replaced.
        new = [_minted(worker, (issue(services, user).secret, user.id)) for worker in workers]
        told = [worker.verify_access_token(old[0]["api_access_token"], user.id).json() for worker in workers]

        assert (changed.returncode, changed.stdout) == (0, "access_token_lifespan = 2 hours, for tokens from now on.\n")
        assert [_lifetime(token) for token in old] == [timedelta(hours=24)] * 2
        assert [_lifetime(token) for token in new] == [timedelta(hours=2)] * 2
        assert [_lifetime(token) for token in told] == [timedelta(hours=24)] * 2
        assert [worker.use(old[0]["api_access_token"]).status_code for worker in workers] == [200, 200]

        assert clients.are_still_apart(), "a worker was restarted"
    changes = [event for event in rows.audit_events(database) if event.action == "instance_setting.changed"]
    (change,) = [event for event in changes if event.object_id == "access_token_lifespan"]
    assert change.actor.startswith("cli:")


def test_policies_changed_by_another_process_hold_on_every_worker_at_once(
    live_server: LiveServer, services: Services
) -> None:
    user = make_user(services, password=PASSWORD)
    proof = (issue(services, user).secret, user.id)
    with WorkerClients(live_server) as clients:
        workers = clients.each()
        assert [worker.issue(user.username, PASSWORD, "nightly-etl").status_code for worker in workers] == [201, 201]
        for setting, value in (
            ("password_api_enabled", "off"),
            ("access_token_reissue", "overlap"),
            ("refresh_token_lifespan", "1"),
        ):
            services.instance_settings.change(setting, value, OPERATOR)

        refused = [worker.issue(user.username, PASSWORD, "nightly-etl") for worker in workers]
        assert [(answer.status_code, answer.json()["reason"]) for answer in refused] == [(403, "not_permitted")] * 2
        minted = [_minted(worker, proof)["api_access_token"] for worker in workers]
        assert [worker.use(minted[0]).status_code for worker in workers] == [200, 200], "no overlap"
        renewed = workers[1].regenerate(*proof).json()
        life = _instant(renewed["token_expires_at"]) - _instant(renewed["created_at"])
        assert timedelta(days=1) <= life < timedelta(days=1, minutes=1)


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
