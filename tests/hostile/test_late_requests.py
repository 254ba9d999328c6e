"""Requests that are under way when what they authenticated with ends: none makes anything that outlives the end."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
import requests

from app.domain.identity import User
from app.services import Services
from app.storage import users
from app.storage.database import Database
from tests import rows
from tests.drivers.native import Native
from tests.drivers.pages import Page
from tests.drivers.server import LiveServer
from tests.factories import OPERATOR, PASSWORD, allowed_user
from tests.hostile.test_ladder import TOKENS, Browser
from tests.secrecy import PASSWORD_MARK

pytestmark = [pytest.mark.both_databases, pytest.mark.shares_server]

NEW = f"{PASSWORD_MARK}-that-is-new"
UNDER_WAY_SECONDS = 0.4
EACH = 2
"""Requests of a kind: each goes to either worker."""

Act = Callable[[], object]
Climb = Callable[[], requests.Response]


def while_under_way(database: Database, owner: User, ends: Act, climbs: list[Climb]) -> list[requests.Response]:
    """The answers to requests that wait for the owner's row, behind what ends their credential."""
    pause = threading.Event().wait
    with ThreadPoolExecutor(len(climbs) + 1) as threads:
        with database.transaction() as session:
            users.lock(session, owner.id)
            ending: Future[object] = threads.submit(ends)
            pause(UNDER_WAY_SECONDS)
            answers = [threads.submit(climb) for climb in climbs]
            pause(UNDER_WAY_SECONDS)
        ending.result()
        return [each.result() for each in answers]


def secret_in(answer: requests.Response) -> str | None:
    """Of a token that was made."""
    if answer.headers["Content-Type"].startswith("application/json"):
        members = answer.json()
        return members.get("tokenValue") or members.get("secret")
    forms = Page(answer.text)
    return next((form.fields["secret"] for form in forms.forms if "secret" in form.fields), None)


def climbing(server: LiveServer, user: User) -> list[Climb]:
    """Making a token of each kind in a session, and one with the password."""
    browsers = [Browser(server, user) for _ in range(2 * EACH)]
    basic = (user.username, PASSWORD)
    return [
        *((lambda b=b: b.send("/account/auth/refresh-tokens", name="late")) for b in browsers[:EACH]),
        *((lambda b=b: b.send("/preferences/access-tokens/new", lifetime="-1")) for b in browsers[EACH:]),
        *[lambda: requests.post(f"{server.url}{TOKENS}", json={"lifetimeSeconds": -1}, auth=basic, timeout=60)] * EACH,
    ]


def events(database: Database, since: int) -> list[str]:
    """The actions after the first so many."""
    return [each.action for each in rows.audit_events(database)][since:]


@pytest.mark.parametrize("ends", ["the sessions", "the password and the tokens"])
def test_a_request_under_way_makes_nothing_that_outlives_the_end_of_its_credential(
    live_server: LiveServer, services: Services, database: Database, ends: str
) -> None:
    """◆ Fails when the credential is not read again under the lock that what ends it takes as well.

    On SQLite the writers' order is chance: what was made before the end may be, and is revoked with it.
    """
    owner = allowed_user(services, password=PASSWORD)
    climbs = climbing(live_server, owner)
    if ends == "the sessions":
        climbs, last = climbs[: 2 * EACH], "user.sessions_ended"
        end: Act = lambda: services.sessions.end_all(owner.username, OPERATOR)  # noqa: E731
    else:
        last = "user.tokens_revoked"
        end = lambda: services.changing_passwords.set(owner.username, NEW, OPERATOR, revokes_tokens=True)  # noqa: E731
    before = len(rows.audit_events(database))
    answers = while_under_way(database, owner, end, climbs)
    assert {each.status_code for each in answers} <= {200, 201, 303, 401}
    actions = events(database, before)
    assert not {"refresh_token.created", "access_token.created"} & set(actions[actions.index(last) :])
    if ends == "the password and the tokens":
        secrets = [secret for each in answers if (secret := secret_in(each)) is not None]
        assert [each for each in secrets if works(live_server, each)] == []


def works(server: LiveServer, secret: str) -> bool:
    """Whether a token of either tier does."""
    return Native(server.url, secret).verify().status_code != 401 or Native(server.url).mint(secret).status_code == 201
