"""One story in every API: a token is issued, used, and refused once it has expired or was revoked."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.http.context import parts
from app.services import Services
from tests.contract.asking import Alation, AskedGate, Headers, OAuth, Trifacta, bearer, refusal
from tests.contract.asking_native import Native
from tests.contract.conftest import MovableClock
from tests.factories import allowed_user, issue, mint

pytestmark = pytest.mark.both_databases

BEGINNING = datetime(2031, 5, 1, 12, 0, 0, 500000, UTC)
END = BEGINNING + timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


class World:
    """A client of each API, and a user who may create every sort of token."""

    def __init__(self, services: Services, client: FlaskClient) -> None:
        self.services, self.user = services, allowed_user(services)
        self.alation, self.trifacta = Alation(client), Trifacta(client)
        self.native, self.oauth = Native(client), OAuth(client)

    def proof(self) -> dict[str, Any]:
        return {"refresh_token": issue(self.services, self.user).secret, "user_id": self.user.id}

    def own(self) -> Headers:
        """A credential of the user's that works now."""
        return {"TOKEN": mint(self.services, issue(self.services, self.user)).secret}


Held = tuple[str, Any]
"""The secret of an access token, and by what its holder revokes it."""


class Story(NamedTuple):
    """What a holder does with a token, and how its use is refused once it has expired or was revoked."""

    issue: Callable[[World], Held]
    use: Callable[[World, str], TestResponse]
    revoke: Callable[[World, Held], TestResponse]
    expired: tuple[int, str] = (401, "token_expired")
    revoked: tuple[int, str] = (401, "token_revoked")


def minted_by_alation(it: World) -> Held:
    proof = it.proof()
    return it.alation.mint(proof), proof


def created_by_trifacta(it: World) -> Held:
    secret, info = it.trifacta.created(it.own(), 86_400)
    return secret, info["tokenId"]


def minted(it: World) -> Held:
    answer = it.native.post("access-tokens", {"refresh_token": it.proof()["refresh_token"]}).get_json()
    return answer["secret"], answer["public_id"]


STORIES = {
    "api_authentication": Story(
        minted_by_alation,
        lambda it, secret: it.alation.use(secret),
        lambda it, held: it.alation.post("revokeAPIAccessTokens", **held[1]),
        (403, "token_expired"),
        (403, "token_revoked"),
    ),
    "v4": Story(
        created_by_trifacta,
        lambda it, secret: it.trifacta.person(bearer(secret)),
        lambda it, held: it.trifacta.deleted(it.own(), held[1]),
        (401, "The access token has expired."),
        (401, "The access token was deleted or revoked."),
    ),
    "native": Story(
        minted,
        lambda it, secret: it.native.get("me", headers=bearer(secret)),
        lambda it, held: it.native.delete(f"me/tokens/{held[1]}", headers=it.own()),
    ),
    "oauth": Story(
        minted,
        lambda it, secret: it.oauth.revoke("nonsense", headers=bearer(secret)),
        lambda it, held: it.oauth.revoke(held[0]),
    ),
}
"""By the names of the APIs' documents. What the APIs tell of an ended token: in their own tests."""

stories = pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)


@pytest.fixture
def its(services: Services, client: FlaskClient, clock: MovableClock) -> Iterator[World]:
    with clock.stopped_at(BEGINNING):
        yield World(services, client)


def check(its: World, story: Story, gate: AskedGate, secret: str, reason: str = "") -> None:
    """By that API, at the gate by either header, and at ``userinfo``. `reason`: of the refusal, unless it works."""
    answers = [gate.verify(secret), gate.verify_bearer(secret), its.alation.use(secret)]
    used = story.use(its, secret)
    if not reason:
        assert [answer.status_code for answer in (*answers, used)] == [200] * 4
        return
    assert [refusal(answer)[::2] for answer in answers] == [(403, reason), (401, reason), (403, reason)]
    assert refusal(used)[::2] == (story.expired if reason == "token_expired" else story.revoked)


@stories
def test_a_token_is_issued_and_used_until_it_expires_and_is_refused_from_then_on(
    its: World, story: Story, gate: AskedGate, clock: MovableClock
) -> None:
    """Fails, in every API, when `status_at` says `<` instead of `<=` (tried)."""
    secret, _ = story.issue(its)
    for instant, reason in ((BEGINNING, ""), (END - MICROSECOND, ""), (END, "token_expired")):
        with clock.stopped_at(instant):
            check(its, story, gate, secret, reason)


@stories
def test_a_revoked_token_is_refused_on_the_next_request_and_the_owners_others_work_on(
    its: World, story: Story, gate: AskedGate
) -> None:
    """Fails when `revoke_one` ends all of the owner's, or `delete_single_tier` leaves the status (tried both)."""
    held, other = story.issue(its), story.issue(its)
    check(its, story, gate, held[0])
    assert story.revoke(its, held).status_code in (200, 204)
    check(its, story, gate, held[0], "token_revoked")
    check(its, story, gate, other[0])


def test_no_api_is_without_the_story(app: Flask) -> None:
    assert set(STORIES) == set(parts(app).documents)
