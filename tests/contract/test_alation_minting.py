"""Minting: at most one active access token, what becomes of the one before it, and how long each lives.

Here belong `createAPIAccessToken` and the lifetimes, seen through HTTP. Not here: what else ends a token
(``test_alation_meaning``), and the instant of expiry (``test_alation_expiry``).
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from app.domain.tokens import TokenStatus
from app.services import Services
from app.storage.database import Database
from app.storage.tables import AccessTokenRow
from tests.contract.asking import NO_CREDENTIALS, Alation, said
from tests.contract.conftest import MovableClock, Setting
from tests.factories import issue, make_user

SUPERSEDED = (403, NO_CREDENTIALS, "token_superseded")

Proof = dict[str, Any]


def lifetime(body: dict[str, str]) -> timedelta:
    return datetime.fromisoformat(body["token_expires_at"]) - datetime.fromisoformat(body["created_at"])


def active_access_tokens(database: Database, user_id: int) -> int:
    """How many are stored as active for that user."""
    query = select(func.count()).select_from(AccessTokenRow)
    query = query.where(AccessTokenRow.user_id == user_id, AccessTokenRow.status == TokenStatus.ACTIVE)
    with database.reading() as session:
        return session.scalar(query) or 0


def test_minting_replaces_the_access_token_before_at_once(alation: Alation, database: Database, proof: Proof) -> None:
    """Fails when minting leaves the one before alive (tried with an overlap of a second under `replace`)."""
    tokens = []
    for _ in range(3):
        tokens.append(alation.minted(proof))
        assert alation.use(tokens[-1]).status_code == 200
        assert {said(alation.use(token)) for token in tokens[:-1]} <= {SUPERSEDED}
        assert active_access_tokens(database, proof["user_id"]) == 1


def test_a_mint_says_what_it_replaced_and_from_where_that_was_used_last(
    alation: Alation, services: Services, proof: Proof
) -> None:
    first = alation.post("createAPIAccessToken", **proof).json
    assert first["replaced_previous"] is False and "replaced_public_id" not in first
    alation.use(first["api_access_token"])
    services.last_use.flush()
    second = alation.post("createAPIAccessToken", **proof).json
    assert second["replaced_previous"] is True
    assert second["replaced_public_id"] == first["api_access_token"].split("_")[1]
    assert second["replaced_last_used_at"].endswith("Z") and second["replaced_last_used_ip"] == "127.0.0.1"


def test_what_is_given_again_under_reuse_replaced_nothing(alation: Alation, proof: Proof, setting: Setting) -> None:
    with setting(access_token_reissue="reuse"):
        first, again = (alation.post("createAPIAccessToken", **proof).json for _ in range(2))
    assert again["api_access_token"] == first["api_access_token"]
    assert again["replaced_previous"] is False


def test_under_overlap_only_the_immediate_predecessor_lives_on(
    alation: Alation, database: Database, proof: Proof, setting: Setting, clock: MovableClock
) -> None:
    with setting(access_token_reissue="overlap", access_token_overlap_seconds="10"):
        first = alation.minted(proof)
        second = alation.minted(proof)
        assert [alation.use(token).status_code for token in (first, second)] == [200, 200]
        third = alation.minted(proof)
        assert said(alation.use(first)) == SUPERSEDED
        assert [alation.use(token).status_code for token in (second, third)] == [200, 200]
        assert active_access_tokens(database, proof["user_id"]) == 1
        with clock.later(seconds=10):
            assert said(alation.use(second)) == SUPERSEDED
            assert alation.use(third).status_code == 200


def test_an_overlapping_access_token_says_when_it_ends(
    alation: Alation, proof: Proof, setting: Setting, clock: MovableClock
) -> None:
    with setting(access_token_reissue="overlap", access_token_overlap_seconds="10"):
        with clock.later() as now:
            token = alation.minted(proof)
            alation.minted(proof)
            body = {"api_access_token": token, "user_id": proof["user_id"]}
            found = alation.post("validateAPIAccessToken", **body).get_json()
    assert found["token_status"] == "ACTIVE"
    assert datetime.fromisoformat(found["token_expires_at"]) == now + timedelta(seconds=10)


def test_an_overlap_never_lengthens_a_life(
    alation: Alation, proof: Proof, setting: Setting, clock: MovableClock
) -> None:
    with setting(access_token_reissue="overlap", access_token_overlap_seconds="86400", access_token_lifespan="1"):
        token = alation.minted(proof)
        with clock.later(minutes=59):
            alation.minted(proof)
            assert alation.use(token).status_code == 200
        with clock.later(minutes=60):
            assert alation.use(token).status_code == 403


def test_an_access_token_never_outlives_its_refresh_token(
    alation: Alation, services: Services, setting: Setting, clock: MovableClock
) -> None:
    with setting(refresh_token_lifespan="2", access_token_lifespan="24"):
        refresh = issue(services, make_user(services))
        proof = {"refresh_token": refresh.secret, "user_id": refresh.token.user_id}
        with clock.stopped_at(refresh.token.expires_at - timedelta(hours=1)):
            answer = alation.post("createAPIAccessToken", **proof)
    assert datetime.fromisoformat(answer.get_json()["token_expires_at"]) == refresh.token.expires_at


def test_a_changed_lifetime_holds_for_new_tokens_only(
    alation: Alation, services: Services, setting: Setting, clock: MovableClock
) -> None:
    user = make_user(services)
    old = issue(services, user)
    old_proof = {"refresh_token": old.secret, "user_id": user.id}
    old_access = {"api_access_token": alation.minted(old_proof), "user_id": user.id}
    with setting(refresh_token_lifespan="3", access_token_lifespan="2"):
        new = issue(services, user)
        new_proof = {"refresh_token": new.secret, "user_id": user.id}
        assert lifetime(alation.post("createAPIAccessToken", **new_proof).get_json()) == timedelta(hours=2)
        assert lifetime(alation.post("validateRefreshToken", **new_proof).get_json()) == timedelta(days=3)
        assert lifetime(alation.post("validateAPIAccessToken", **old_access).get_json()) == timedelta(hours=24)
        assert lifetime(alation.post("validateRefreshToken", **old_proof).get_json()) == timedelta(days=60)
        with clock.later(days=1) as now:  # a new secret is a new life, by the setting of that day
            renewed = alation.post("regenRefreshToken", **old_proof).get_json()
    assert datetime.fromisoformat(renewed["token_expires_at"]) == now + timedelta(days=3)
